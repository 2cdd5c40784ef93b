/* SPDX-License-Identifier: MIT */
/* What game clients and servers write to each other: frames, event numbers, and sending them. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "troupe/host.h"

/*
 * A frame: u32 LE (tag << 16 | event), u32 LE length of the body, body. docs/reference/protocol.md is the manual for
 * those who write clients.
 */
#define WIRE_HEAD_SIZE 8u
#define WIRE_BEFORE_MAX 4096u	     /* body bytes, client to server, before login or ticket */
#define WIRE_AFTER_MAX 65536u	     /* body bytes, client to front-end, after the ticket */
#define WIRE_TO_CLIENT_MAX 1048576u  /* body bytes, server to client */
#define WIRE_PROTOCOL 1u	     /* Hello.protocol */

/* The events of client.proto; those of the services are declared with their methods. */
enum wire_event {
	WIRE_HELLO = 1,
	WIRE_HELLO_OK = 2,
	WIRE_PING = 3,
	WIRE_PONG = 4,
	WIRE_REGISTER = 5,
	WIRE_REGISTER_RESULT = 6,
	WIRE_LOGIN = 10,
	WIRE_LOGIN_RESULT = 11,
	WIRE_QUEUE = 12,
	WIRE_SHARD_LIST_REQUEST = 13,
	WIRE_SHARD_LIST = 14,
	WIRE_CHOOSE_SHARD = 15,
	WIRE_HOST_PORT = 16,
	WIRE_RESUME = 17,
	WIRE_ENTER = 20,
	WIRE_ENTER_OK = 21,
	WIRE_AVATAR_SELECT = 25,
	WIRE_AVATAR_SELECTED = 26,
	WIRE_LEAVE_WORLD = 27,
	WIRE_LEFT_WORLD = 28,
	WIRE_WORLD_STATE = 32,
	WIRE_ERROR = 90,
	WIRE_KICK = 91,
	WIRE_BYE = 92
};

/* One frame as it lies in the bytes it was read from. */
struct wire_frame {
	uint16_t event;
	uint16_t tag;
	uint32_t len;
	const uint8_t *body;
};

enum wire_result {
	WIRE_MORE,	/* the frame is not complete yet */
	WIRE_FRAME,	/* *ret_frame is set; it took WIRE_HEAD_SIZE + len bytes */
	WIRE_TOO_LONG	/* its head announces more than body_max; *ret_frame has event, tag and len */
};

/* wire_read: the first frame in `bytes`. Refuses a length as soon as the head is there. [any] */
enum wire_result wire_read(const uint8_t *bytes, size_t len, uint32_t body_max, struct wire_frame *ret_frame);

/* wire_head: writes the WIRE_HEAD_SIZE bytes before a body of `len`. [any] */
void wire_head(uint8_t *ret_head, uint16_t event, uint16_t tag, uint32_t len);

/* wire_send: packs a message and queues its frame. Returns what troupe_host.conn_send does; INVALID_ARGUMENT if the
 * message is above TROUPE_BODY_MAX. [loop] */
int32_t wire_send(const struct troupe_host *h, uint64_t conn, uint16_t event, uint16_t tag,
		  const ProtobufCMessage *message);

/* wire_send_bytes: queues a frame around bytes that are packed already. `buf` holds them and gets a reference if they
 * are too many to copy; NULL = always copied. [loop] */
int32_t wire_send_bytes(const struct troupe_host *h, uint64_t conn, uint16_t event, uint16_t tag, const uint8_t *body,
			uint32_t len, struct troupe_buf *buf);

/* wire_error: queues Error: what was sent as `event` under `tag` ended with `status`. text NULL = the status's own. */
int32_t wire_error(const struct troupe_host *h, uint64_t conn, uint16_t event, uint16_t tag, int32_t status,
		   const char *reason, const char *text);

/* wire_bye: queues Bye and has the connection closed after it. [loop] */
void wire_bye(const struct troupe_host *h, uint64_t conn, const char *reason, int reconnect);

#endif
