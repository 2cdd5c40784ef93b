/* SPDX-License-Identifier: MIT */
/* A client of a simulated listener. */
#include "plugins/lib/player.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "client.pb-c.h"

void player_connect(struct player *player, struct sim *sim, const char *instance, const char *peer)
{
	player->sim = sim;
	proto_arena_init(&player->arena);
	player->conn = sim_connect(sim, instance, 0, peer);
	assert_true(player->conn != 0);
	sim_run(sim, 1);
}

void player_send_bytes(struct player *player, uint16_t event, uint16_t tag, const void *body, size_t len)
{
	uint8_t bytes[WIRE_HEAD_SIZE + 70000];

	assert_true(len <= 70000);
	wire_head(bytes, event, tag, (uint32_t)len);
	if (len > 0) {
		memcpy(bytes + WIRE_HEAD_SIZE, body, len);
	}
	sim_bytes(player->sim, player->conn, bytes, WIRE_HEAD_SIZE + len);
}

void player_send(struct player *player, uint16_t event, uint16_t tag, const ProtobufCMessage *message)
{
	uint8_t body[8192];

	assert_true(protobuf_c_message_get_packed_size(message) <= sizeof(body));
	player_send_bytes(player, event, tag, body, protobuf_c_message_pack(message, body));
}

uint16_t player_next(struct player *player, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret_message,
		     uint16_t *ret_tag, uint64_t ms)
{
	struct wire_frame frame;
	uint64_t end_us = sim_now_us(player->sim) + ms * 1000;
	const uint8_t *bytes;
	size_t len;

	for (;;) {
		bytes = sim_sent(player->sim, player->conn, &len);
		if (bytes != NULL && wire_read(bytes, len, WIRE_TO_CLIENT_MAX, &frame) == WIRE_FRAME) {
			break;
		}
		if (sim_now_us(player->sim) >= end_us) {
			return 0;
		}
		sim_run(player->sim, 1);
	}
	if (ret_message != NULL) {
		proto_arena_free(&player->arena);
		proto_arena_init(&player->arena);
		*ret_message = proto_unpack(type, frame.body, frame.len, &player->arena);
		if (*ret_message == NULL) {
			fail_msg("event %u is no %s", frame.event, type->name);
		}
	}
	if (ret_tag != NULL) {
		*ret_tag = frame.tag;
	}
	sim_taken(player->sim, player->conn, WIRE_HEAD_SIZE + frame.len);
	return frame.event;
}

ProtobufCMessage *player_expect(struct player *player, uint16_t event, const ProtobufCMessageDescriptor *type,
				uint16_t tag)
{
	ProtobufCMessage *message = NULL;
	struct wire_frame frame = { 0 };
	uint16_t got_tag, got;
	const uint8_t *bytes;
	size_t len;

	for (int i = 0; i < 20000; i++) {
		bytes = sim_sent(player->sim, player->conn, &len);
		if (bytes != NULL && wire_read(bytes, len, WIRE_TO_CLIENT_MAX, &frame) == WIRE_FRAME) {
			break;
		}
		sim_run(player->sim, 1);
	}
	if (frame.event != event) {
		got = player_next(player, &client__error__descriptor, frame.event == WIRE_ERROR ? &message : NULL, NULL, 0);
		fail_msg("wanted event %u, got %u %s", event, got,
			 message != NULL ? ((Client__Error *)message)->reason : "");
	}
	player_next(player, type, &message, &got_tag, 0);
	if (got_tag != tag) {
		fail_msg("event %u: wanted tag %u, got %u", event, tag, got_tag);
	}
	return message;
}

void player_expect_error(struct player *player, uint16_t event, uint16_t tag, const char *reason)
{
	const Client__Error *error =
		(const Client__Error *)player_expect(player, WIRE_ERROR, &client__error__descriptor, tag);

	assert_int_equal(error->event, event);
	assert_string_equal(error->reason, reason);
}

void player_expect_end(struct player *player, const char *reason, int reconnect)
{
	const Client__Bye *bye = (const Client__Bye *)player_expect(player, WIRE_BYE, &client__bye__descriptor, 0);

	assert_string_equal(bye->reason, reason);
	assert_int_equal(bye->reconnect, reconnect);
	sim_run(player->sim, 1100);
	assert_false(sim_conn_open(player->sim, player->conn));
}

void player_hello(struct player *player, struct sim *sim, const char *instance, const char *peer)
{
	Client__Hello hello = CLIENT__HELLO__INIT;

	player_connect(player, sim, instance, peer);
	hello.has_protocol = 1;
	hello.protocol = WIRE_PROTOCOL;
	player_send(player, WIRE_HELLO, 1, &hello.base);
	player_expect(player, WIRE_HELLO_OK, &client__hello_ok__descriptor, 1);
}

void player_done(struct player *player)
{
	proto_arena_free(&player->arena);
}
