/* SPDX-License-Identifier: MIT */
/* Messages between instances: buffers, method numbers, the envelope on the wire. */
#ifndef TROUPE_MESSAGE_H
#define TROUPE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bounds that hold on every path, in one process or between many. */
#define TROUPE_BODY_MAX (256u * 1024u)	/* bytes in one message's body */
#define TROUPE_FRAME_MAX (1024u * 1024u) /* bytes in one frame between two hosts */
#define TROUPE_KEY_SIZE 16u		/* bytes in an idempotency key */
#define TROUPE_TRACE_SIZE 16u		/* bytes in a trace id (W3C trace-context) */
#define TROUPE_REASON_MAX 64u		/* bytes in a reason id, without NUL */

/*
 * A body: immutable packed bytes, counted references, made by the host (troupe_host.buf_new). Whoever
 * holds a reference may read `data` for as long as it holds it. The count is the host's own.
 */
struct troupe_buf {
	const uint8_t *data;
	uint32_t len;
	uint32_t reserved;
};

/* What a message is. */
enum troupe_message_kind {
	TROUPE_MESSAGE_CALL = 1,   /* ends with exactly one reply */
	TROUPE_MESSAGE_REPLY = 2,  /* status; body = packed reply if OK, else the reason id as UTF-8 */
	TROUPE_MESSAGE_EVENT = 3,  /* no reply */
	TROUPE_MESSAGE_CANCEL = 4  /* the caller no longer waits for `call` */
};

/*
 * The envelope on the wire: 104 bytes, every number little-endian, then `body_len` bytes of body.
 *
 *   0 u8  version (1)      1 u8  kind            2 u16 status
 *   4 u32 method           8 u64 call           16 u64 source        24 u64 target
 *  32 u32 timeout_ms      36 u32 body_len       40 u8[16] key        56 u8[16] trace
 *  72 u64 epoch           80 u64 account        88 u64 actor         96 u64 session
 *
 * method: FNV-1a 32 of "service.method". source, target: instance ids. timeout_ms: what is left of the
 * caller's patience (hosts share no clock). key: all zero = none. epoch: the sender's incarnation.
 * account, actor, session: on whose behalf a front-end speaks; 0 = nobody's.
 */
#define TROUPE_ENVELOPE_VERSION 1u
#define TROUPE_ENVELOPE_SIZE 104u

/*
 * troupe_fnv32, troupe_fnv64: FNV-1a of `len` bytes (draft-eastlake-fnv). Method numbers are fnv32 of
 * "service.method", instance ids fnv64 of "part/role.name". Not for keys that a stranger chooses. [any]
 */
static inline uint32_t troupe_fnv32(const void *bytes, size_t len)
{
	const uint8_t *p = (const uint8_t *)bytes;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ p[i]) * 16777619u;
	}
	return hash;
}

static inline uint64_t troupe_fnv64(const void *bytes, size_t len)
{
	const uint8_t *p = (const uint8_t *)bytes;
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ p[i]) * 1099511628211u;
	}
	return hash;
}

#ifdef __cplusplus
}
#endif
#endif
