/* SPDX-License-Identifier: MIT */
/* What is in the body of an answer that is a refusal. */
#include "host/core/refusal.h"

#include <string.h>

void refusal_read(struct troupe_reply *reply, const struct troupe_buf *body, char ret_reason[TROUPE_REASON_MAX + 1])
{
	const char *bytes = (const char *)body->data;
	size_t len = strnlen(bytes, body->len < TROUPE_REASON_MAX ? body->len : TROUPE_REASON_MAX);

	memcpy(ret_reason, bytes, len);
	ret_reason[len] = '\0';
	reply->reason = ret_reason;
	if (body->len > len + 1 && bytes[len] == '\0') {
		reply->body = body->data + len + 1;
		reply->body_len = body->len - (uint32_t)len - 1;
	}
}
