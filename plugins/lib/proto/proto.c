/* SPDX-License-Identifier: MIT */
/* Packing and unpacking of message bodies over protobuf-c. */
#include "proto/proto.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN 16384u

struct chunk {
	struct chunk *next;
	_Alignas(16) uint8_t bytes[];
};

static void *arena_alloc(void *arg, size_t size)
{
	struct proto_arena *arena = arg;
	size_t rounded = (size + 15u) & ~(size_t)15u;
	uint8_t *at;

	if (rounded < size || rounded > PROTO_ARENA_MAX - arena->total) {
		return NULL;
	}
	if (rounded > arena->free_len) {
		size_t want = rounded > CHUNK_MIN ? rounded : CHUNK_MIN;
		struct chunk *chunk = malloc(sizeof(*chunk) + want);

		if (chunk == NULL) {
			arena->starved = 1;
			return NULL;
		}
		chunk->next = arena->chunks;
		arena->chunks = chunk;
		arena->free_bytes = chunk->bytes;
		arena->free_len = want;
	}
	at = arena->free_bytes;
	arena->free_bytes += rounded;
	arena->free_len -= rounded;
	arena->total += rounded;
	return at;
}

static void arena_release(void *arg, void *bytes)
{
	(void)arg;
	(void)bytes; /* all at once, in proto_arena_free */
}

void proto_arena_init(struct proto_arena *arena)
{
	arena->allocator.alloc = arena_alloc;
	arena->allocator.free = arena_release;
	arena->allocator.allocator_data = arena;
	arena->free_bytes = arena->first;
	arena->free_len = sizeof(arena->first);
	arena->total = 0;
	arena->chunks = NULL;
	arena->starved = 0;
}

void proto_arena_free(struct proto_arena *arena)
{
	struct chunk *chunk = arena->chunks;

	while (chunk != NULL) {
		struct chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	arena->chunks = NULL;
}

/* utf8_tail: bytes of the sequence that starts at p, 0 if it is not valid. RFC 3629 section 4. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
	if (p[0] < 0x80) {
		return p[0] != 0;
	}
	if (p[0] >= 0xC2 && p[0] <= 0xDF) {
		return left >= 2 && (p[1] & 0xC0) == 0x80 ? 2 : 0;
	}
	if (p[0] >= 0xE0 && p[0] <= 0xEF) {
		uint8_t low = p[0] == 0xE0 ? 0xA0 : 0x80;
		uint8_t high = p[0] == 0xED ? 0x9F : 0xBF;

		return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 ? 3 : 0;
	}
	if (p[0] >= 0xF0 && p[0] <= 0xF4) {
		uint8_t low = p[0] == 0xF0 ? 0x90 : 0x80;
		uint8_t high = p[0] == 0xF4 ? 0x8F : 0xBF;

		return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 && (p[3] & 0xC0) == 0x80
			       ? 4
			       : 0;
	}
	return 0;
}

int proto_utf8(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		size_t step = utf8_sequence(p, len);

		if (step == 0) {
			return 0;
		}
		p += step;
		len -= step;
	}
	return 1;
}

/*
 * wire_utf8: checks the strings of one packed message and of those in it. It reads the wire form, since protobuf-c
 * hands strings on as NUL-terminated and so hides what follows a NUL. Depth is bounded by the types: none is
 * recursive. What is malformed here was refused by protobuf-c before.
 */
static int wire_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
		uint8_t byte = *(*p)++;

		value |= (uint64_t)(byte & 0x7F) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return 1;
		}
	}
	return 0;
}

static int wire_utf8(const ProtobufCMessageDescriptor *type, const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		uint64_t tag, len;
		const ProtobufCFieldDescriptor *field;

		if (!wire_varint(&p, end, &tag) || (uint32_t)tag >> 3 == 0) {
			return 0;
		}
		switch (tag & 7) {
		case 0:
			if (!wire_varint(&p, end, &len)) {
				return 0;
			}
			continue;
		case 1:
			len = 8;
			break;
		case 5:
			len = 4;
			break;
		case 2:
			if (!wire_varint(&p, end, &len)) {
				return 0;
			}
			break;
		default:
			return 0;
		}
		if (len > (uint64_t)(end - p)) {
			return 0;
		}
		if ((tag & 7) == 2) {
			field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
			if (field != NULL && field->type == PROTOBUF_C_TYPE_STRING && !proto_utf8(p, len)) {
				return 0;
			}
			if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE &&
			    !wire_utf8(field->descriptor, p, p + len)) {
				return 0;
			}
		}
		p += len;
	}
	return 1;
}

static int has_text(const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		if (type->fields[i].type == PROTOBUF_C_TYPE_STRING || type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
			return 1;
		}
	}
	return 0;
}

/* names_zero: protobuf-c refuses field number 0 in its short form only, and would pack what it does not unpack again. */
static int names_zero(const ProtobufCMessage *message)
{
	for (unsigned i = 0; i < message->n_unknown_fields; i++) {
		if (message->unknown_fields[i].tag == 0) {
			return 1;
		}
	}
	return 0;
}

ProtobufCMessage *proto_unpack(const ProtobufCMessageDescriptor *type, const void *body, size_t len,
			       struct proto_arena *arena)
{
	static const uint8_t none[1];
	ProtobufCMessage *message = protobuf_c_message_unpack(type, &arena->allocator, len, len > 0 ? body : none);

	if (message == NULL || names_zero(message)) {
		return NULL;
	}
	if (len > 0 && has_text(type) && !wire_utf8(type, body, (const uint8_t *)body + len)) {
		return NULL;
	}
	return message;
}

struct troupe_buf *proto_pack(const struct troupe_host *h, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes;
	struct troupe_buf *buf;

	if (len > TROUPE_BODY_MAX) {
		return NULL;
	}
	buf = h->buf_new(h, len, &bytes);
	if (buf != NULL) {
		protobuf_c_message_pack(message, bytes);
	}
	return buf;
}

uint64_t proto_call(const struct troupe_host *h, uint32_t method, const char *service,
		    const ProtobufCMessage *message, const struct proto_to *to, troupe_reply_fn on_reply,
		    troupe_any_fn typed, void *arg)
{
	static const struct proto_to anyone;
	struct troupe_call call = {
		.size = sizeof(call),
		.method = method,
		.service = service,
		.on_reply = on_reply,
		.arg = arg,
		.typed = typed,
	};

	if (to == NULL) {
		to = &anyone;
	}
	call.to = to->instance;
	call.route = to->route;
	call.route_key = to->route_key;
	call.timeout_ms = to->timeout_ms;
	call.key = to->key;
	call.account = to->account;
	call.actor = to->actor;
	call.session = to->session;
	call.body = proto_pack(h, message);
	if (call.body == NULL) {
		call.method = 0; /* no such method: the host refuses it, as every other bad call */
	}
	return h->call(h, &call);
}

void proto_reply(const struct troupe_host *h, uint64_t request, const ProtobufCMessage *message)
{
	struct troupe_buf *buf = proto_pack(h, message);

	if (buf == NULL) {
		proto_refuse(h, request, TROUPE_INTERNAL, "host.too_large");
		return;
	}
	h->reply(h, request, TROUPE_OK, buf);
}

void proto_refuse_text(const struct troupe_host *h, uint64_t request, int32_t status, const char *reason, const char *text)
{
	size_t len = strnlen(reason, TROUPE_REASON_MAX), more = strnlen(text, TROUPE_BODY_MAX - len - 1);
	size_t whole = more > 0 ? len + 1 + more : len;
	uint8_t *bytes;
	struct troupe_buf *buf = h->buf_new(h, whole, &bytes);

	if (buf != NULL) {
		memcpy(bytes, reason, len);
	}
	if (buf != NULL && more > 0) {
		bytes[len] = '\0';
		memcpy(bytes + len + 1, text, more);
	}
	h->reply(h, request, status, buf);
}

void proto_refuse(const struct troupe_host *h, uint64_t request, int32_t status, const char *reason)
{
	proto_refuse_text(h, request, status, reason, "");
}
