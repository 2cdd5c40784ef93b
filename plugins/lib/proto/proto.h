/* SPDX-License-Identifier: MIT */
/* Packing and unpacking of message bodies: the run-time part of the generated stubs, and the wrapper of protobuf-c. */
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "troupe/host.h"

/* Where a call goes and on whose behalf; every member may be zero. Beside it see struct troupe_call. */
struct proto_to {
	uint64_t instance;  /* this instance; 0 = any that provides the service */
	uint32_t route;	    /* enum troupe_route_to, with route_key */
	uint32_t timeout_ms; /* 0 = 5000 */
	uint64_t route_key;
	const uint8_t *key; /* idempotency key, TROUPE_KEY_SIZE bytes */
	uint64_t account, actor, session;
};

/* Bytes of unpacked structs that one body may take; more is refused as malformed. protobuf-c structs are
 * larger than their packed form, so a bound on the body alone would not bound memory. */
#define PROTO_ARENA_MAX (4u * 1024u * 1024u)

/*
 * Memory for unpacked messages: a block on the stack first, then malloc'ed chunks, released all at once.
 * proto_arena_init before use, proto_arena_free after; unpacked messages live in between.
 */
struct proto_arena {
	ProtobufCAllocator allocator;
	uint8_t *free_bytes;
	size_t free_len, total;
	void *chunks;
	int starved; /* 1 = malloc failed: what was refused may be well formed */
	_Alignas(16) uint8_t first[2048];
};

void proto_arena_init(struct proto_arena *arena);
void proto_arena_free(struct proto_arena *arena);

/*
 * proto_unpack: the message packed in `body`, living in `arena`; NULL if it is malformed, too large, or holds a
 * string that is not valid UTF-8 (RFC 3629) or contains NUL. An empty body is the empty message. [any]
 */
ProtobufCMessage *proto_unpack(const ProtobufCMessageDescriptor *type, const void *body, size_t len,
			       struct proto_arena *arena);

/* proto_pack: a new buffer with the packed message; NULL if it is above TROUPE_BODY_MAX. [any] */
struct troupe_buf *proto_pack(const struct troupe_host *h, const ProtobufCMessage *message);

/* proto_call: packs and sends; see troupe_host.call. A message too large ends in on_reply as INVALID_ARGUMENT
 * (it is sent to no method), so that every call ends the same way. */
uint64_t proto_call(const struct troupe_host *h, uint32_t method, const char *service,
		    const ProtobufCMessage *message, const struct proto_to *to, troupe_reply_fn on_reply,
		    troupe_any_fn typed, void *arg);

/* proto_reply: packs and answers OK; a message too large is answered INTERNAL "host.too_large". */
void proto_reply(const struct troupe_host *h, uint64_t request, const ProtobufCMessage *message);

/* proto_refuse: answers with a status other than OK and a reason id such as "billing.insufficient". */
void proto_refuse(const struct troupe_host *h, uint64_t request, int32_t status, const char *reason);
/* proto_refuse_text: likewise for a command, with text for people, of several lines; what is longer than a body is cut. */
void proto_refuse_text(const struct troupe_host *h, uint64_t request, int32_t status, const char *reason, const char *text);

/* proto_utf8: 1 if the bytes are valid UTF-8 without NUL. [any] */
int proto_utf8(const void *bytes, size_t len);

#endif
