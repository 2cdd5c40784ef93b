/* SPDX-License-Identifier: MIT */
/* What the listeners for players have in common. */
#include "wire/rules.h"

#include <string.h>

#include "client.pb-c.h"
#include "proto/proto.h"

#define SERVER_VERSION "0.1.0"

const struct wire_rule *wire_rule(const struct wire_rule *rules, size_t len, uint16_t event)
{
	for (size_t i = 0; i < len; i++) {
		if (rules[i].event == event) {
			return &rules[i];
		}
	}
	return NULL;
}

int wire_handle(const struct wire_rule *rule, const struct wire_frame *frame, void *instance, void *conn)
{
	struct proto_arena arena;
	const ProtobufCMessage *message;

	proto_arena_init(&arena);
	message = proto_unpack(rule->type, frame->body, frame->len, &arena);
	if (message != NULL) {
		rule->handle(instance, conn, frame->tag, message);
	}
	explicit_bzero(arena.first, sizeof(arena.first));
	proto_arena_free(&arena);
	return message != NULL ? 0 : -1;
}

int wire_hello(const struct troupe_host *h, uint64_t conn, uint16_t tag, const ProtobufCMessage *message,
	       const char *server)
{
	const Client__Hello *hello = (const Client__Hello *)message;
	Client__HelloOk answer = CLIENT__HELLO_OK__INIT;

	if (!hello->has_protocol || hello->protocol != WIRE_PROTOCOL) {
		wire_error(h, conn, WIRE_HELLO, tag, TROUPE_FAILED_PRECONDITION, WIRE_WRONG_VERSION,
			   "this server speaks protocol 1; update the client");
		return -1;
	}
	answer.has_protocol = 1;
	answer.protocol = WIRE_PROTOCOL;
	answer.server = (char *)server;
	answer.server_version = SERVER_VERSION;
	wire_send(h, conn, WIRE_HELLO_OK, tag, &answer.base);
	return 0;
}

void wire_ping(const struct troupe_host *h, uint64_t conn, uint16_t tag, const ProtobufCMessage *message)
{
	const Client__Ping *ping = (const Client__Ping *)message;
	Client__Pong pong = CLIENT__PONG__INIT;

	pong.has_time = ping->has_time;
	pong.time = ping->time;
	wire_send(h, conn, WIRE_PONG, tag, &pong.base);
}
