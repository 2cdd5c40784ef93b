/* SPDX-License-Identifier: MIT */
/* What the listeners for players have in common: which messages are welcome when, and the first words of a connection. */
#ifndef WIRE_RULES_H
#define WIRE_RULES_H

#include "wire/wire.h"

/* One message that a role takes from its clients itself. `conn` is the role's own struct for the connection. */
struct wire_rule {
	uint16_t event;
	uint16_t states; /* WIRE_IN of each state of the connection in which it is welcome */
	const ProtobufCMessageDescriptor *type;
	void (*handle)(void *instance, void *conn, uint16_t tag, const ProtobufCMessage *message);
};

#define WIRE_IN(state) (uint16_t)(1u << (state))

/* wire_rule: the rule for this event, or NULL. [any] */
const struct wire_rule *wire_rule(const struct wire_rule *rules, size_t len, uint16_t event);

/* wire_handle: unpacks the frame's message and has the rule handle it; 0, or -1 if it is malformed. What was unpacked is
 * wiped afterwards: there may be a password in it. [loop] */
int wire_handle(const struct wire_rule *rule, const struct wire_frame *frame, void *instance, void *conn);

/* wire_hello: answers Hello as `server`; 0, or -1 if the client speaks another protocol: it has been told then, and the
 * connection is to be ended with WIRE_WRONG_VERSION. wire_ping: answers Ping. [loop] */
#define WIRE_WRONG_VERSION "client.wrong_version"
int wire_hello(const struct troupe_host *h, uint64_t conn, uint16_t tag, const ProtobufCMessage *message,
	       const char *server);
void wire_ping(const struct troupe_host *h, uint64_t conn, uint16_t tag, const ProtobufCMessage *message);

#endif
