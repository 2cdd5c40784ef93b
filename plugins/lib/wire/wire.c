/* SPDX-License-Identifier: MIT */
/* Reading and writing of the frames between game clients and servers. */
#include "wire/wire.h"

#include <string.h>

#include "client.pb-c.h"

/* Up to here one copy into the connection's queue costs less than a reference of its own. */
#define COPY_MAX 1024u

static uint32_t u32_get(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void u32_put(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)(value >> 16);
	p[3] = (uint8_t)(value >> 24);
}

enum wire_result wire_read(const uint8_t *bytes, size_t len, uint32_t body_max, struct wire_frame *ret_frame)
{
	uint32_t word;

	if (len < WIRE_HEAD_SIZE) {
		return WIRE_MORE;
	}
	word = u32_get(bytes);
	ret_frame->event = (uint16_t)word;
	ret_frame->tag = (uint16_t)(word >> 16);
	ret_frame->len = u32_get(bytes + 4);
	ret_frame->body = bytes + WIRE_HEAD_SIZE;
	if (ret_frame->len > body_max) {
		return WIRE_TOO_LONG;
	}
	return len - WIRE_HEAD_SIZE < ret_frame->len ? WIRE_MORE : WIRE_FRAME;
}

void wire_head(uint8_t *ret_head, uint16_t event, uint16_t tag, uint32_t len)
{
	u32_put(ret_head, (uint32_t)tag << 16 | event);
	u32_put(ret_head + 4, len);
}

int32_t wire_send_bytes(const struct troupe_host *h, uint64_t conn, uint16_t event, uint16_t tag, const uint8_t *body,
			uint32_t len, struct troupe_buf *buf)
{
	uint8_t head[WIRE_HEAD_SIZE + COPY_MAX];
	uint8_t *bytes;

	wire_head(head, event, tag, len);
	if (len <= COPY_MAX) {
		if (len > 0) {
			memcpy(head + WIRE_HEAD_SIZE, body, len);
		}
		return h->conn_send(h, conn, head, WIRE_HEAD_SIZE + len, NULL);
	}
	if (buf != NULL && buf->data == body && buf->len == len) {
		return h->conn_send(h, conn, head, WIRE_HEAD_SIZE, h->buf_ref(h, buf));
	}
	buf = h->buf_new(h, len, &bytes);
	if (buf == NULL) {
		return TROUPE_INVALID_ARGUMENT;
	}
	memcpy(bytes, body, len);
	return h->conn_send(h, conn, head, WIRE_HEAD_SIZE, buf);
}

int32_t wire_send(const struct troupe_host *h, uint64_t conn, uint16_t event, uint16_t tag,
		  const ProtobufCMessage *message)
{
	uint8_t head[WIRE_HEAD_SIZE + COPY_MAX];
	uint8_t *bytes;
	size_t len = protobuf_c_message_get_packed_size(message);
	struct troupe_buf *buf;

	wire_head(head, event, tag, (uint32_t)len);
	if (len <= COPY_MAX) {
		protobuf_c_message_pack(message, head + WIRE_HEAD_SIZE);
		return h->conn_send(h, conn, head, WIRE_HEAD_SIZE + len, NULL);
	}
	buf = h->buf_new(h, len, &bytes);
	if (buf == NULL) {
		return TROUPE_INVALID_ARGUMENT;
	}
	protobuf_c_message_pack(message, bytes);
	return h->conn_send(h, conn, head, WIRE_HEAD_SIZE, buf);
}

static const char *status_text(int32_t status)
{
	switch (status) {
	case TROUPE_INVALID_ARGUMENT:
		return "the request is wrong";
	case TROUPE_NOT_FOUND:
		return "there is no such thing";
	case TROUPE_ALREADY_EXISTS:
		return "it exists already";
	case TROUPE_PERMISSION_DENIED:
		return "this is not allowed";
	case TROUPE_RESOURCE_EXHAUSTED:
		return "a limit was reached; try later";
	case TROUPE_FAILED_PRECONDITION:
		return "not possible as things are";
	case TROUPE_ABORTED:
		return "something else came first; try again";
	case TROUPE_OUT_OF_RANGE:
		return "a value is out of its range";
	case TROUPE_UNIMPLEMENTED:
		return "the server does not know this message";
	case TROUPE_UNAUTHENTICATED:
		return "log in first";
	default:
		return "the outcome is unknown; ask again";
	}
}

int32_t wire_error(const struct troupe_host *h, uint64_t conn, uint16_t event, uint16_t tag, int32_t status,
		   const char *reason, const char *text)
{
	Client__Error error = CLIENT__ERROR__INIT;

	error.has_event = 1;
	error.event = event;
	error.has_status = 1;
	error.status = (uint32_t)status;
	error.reason = (char *)reason;
	error.text = (char *)(text != NULL ? text : status_text(status));
	return wire_send(h, conn, WIRE_ERROR, tag, &error.base);
}

void wire_bye(const struct troupe_host *h, uint64_t conn, const char *reason, int reconnect)
{
	Client__Bye bye = CLIENT__BYE__INIT;

	bye.reason = (char *)reason;
	bye.has_reconnect = 1;
	bye.reconnect = reconnect != 0;
	wire_send(h, conn, WIRE_BYE, 0, &bye.base);
	h->conn_close(h, conn, 0);
}
