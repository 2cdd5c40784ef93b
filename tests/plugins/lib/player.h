/* SPDX-License-Identifier: MIT */
/* The other end of a simulated connection: a client that sends and reads frames. */
#ifndef TESTS_PLAYER_H
#define TESTS_PLAYER_H

#include "proto/proto.h"
#include "sim/sim.h"
#include "wire/wire.h"

struct player {
	struct sim *sim;
	uint64_t conn;
	struct proto_arena arena; /* of the last message that was read */
};

/* player_connect: connects to an instance's first listener. */
void player_connect(struct player *player, struct sim *sim, const char *instance, const char *peer);
/* player_hello: connects and says Hello. Fails the test if it is not welcome. */
void player_hello(struct player *player, struct sim *sim, const char *instance, const char *peer);
void player_send(struct player *player, uint16_t event, uint16_t tag, const ProtobufCMessage *message);
void player_send_bytes(struct player *player, uint16_t event, uint16_t tag, const void *body, size_t len);
/*
 * player_next: the next frame's event within `ms` of virtual time, its message unpacked into *ret_message (may be
 * NULL) and its tag in *ret_tag (may be NULL); 0 if none comes.
 */
uint16_t player_next(struct player *player, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret_message,
		     uint16_t *ret_tag, uint64_t ms);
/* player_expect: the next frame must be this event; returns its message. */
ProtobufCMessage *player_expect(struct player *player, uint16_t event, const ProtobufCMessageDescriptor *type,
				uint16_t tag);
/* player_expect_error: the next frame must be Error with this reason. */
void player_expect_error(struct player *player, uint16_t event, uint16_t tag, const char *reason);
/* player_expect_end: Bye with this reason, and the connection ends. */
void player_expect_end(struct player *player, const char *reason, int reconnect);
void player_done(struct player *player);

#endif
