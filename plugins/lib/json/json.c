/* SPDX-License-Identifier: MIT */
/* A growing text; the first failure is remembered and told at the end. */
#include "json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct json *json, const char *bytes, size_t len)
{
	if (json->failed) {
		return;
	}
	if (len > json->size - json->len) {
		size_t size = json->size * 2 + len + 256;
		char *text = size > TROUPE_BODY_MAX * 2 ? NULL : realloc(json->text, size);

		if (text == NULL) {
			json->failed = 1;
			return;
		}
		json->text = text;
		json->size = size;
	}
	memcpy(json->text + json->len, bytes, len);
	json->len += len;
}

static void value_begin(struct json *json)
{
	if (json->comma) {
		put(json, ",", 1);
	}
	json->comma = 1;
}

static void quoted(struct json *json, const char *text)
{
	put(json, "\"", 1);
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		char escaped[8];

		if (c == '"' || c == '\\' || c < 0x20 || c == 0x7F) {
			put(json, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", c));
		} else {
			put(json, p, 1);
		}
	}
	put(json, "\"", 1);
}

void json_open(struct json *json, char bracket)
{
	value_begin(json);
	put(json, &bracket, 1);
	json->comma = 0;
}

void json_close(struct json *json, char bracket)
{
	put(json, &bracket, 1);
	json->comma = 1;
}

void json_key(struct json *json, const char *key)
{
	value_begin(json);
	quoted(json, key);
	put(json, ":", 1);
	json->comma = 0;
}

void json_text(struct json *json, const char *text)
{
	value_begin(json);
	quoted(json, text != NULL ? text : "");
}

void json_number(struct json *json, int64_t number)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%" PRId64, number);
	value_begin(json);
	if (number > (INT64_C(1) << 53) || number < -(INT64_C(1) << 53)) {
		quoted(json, digits);
	} else {
		put(json, digits, strlen(digits));
	}
}

void json_id(struct json *json, uint64_t id)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%" PRIu64, id);
	value_begin(json);
	quoted(json, digits);
}

void json_bool(struct json *json, int truth)
{
	value_begin(json);
	put(json, truth ? "true" : "false", truth ? 4 : 5);
}

void json_raw(struct json *json, const char *text, size_t len)
{
	value_begin(json);
	put(json, text, len);
}

void json_reply(struct json *json, const struct troupe_host *h, uint64_t request)
{
	static const char too_large[] = "host.too_large";
	uint8_t *bytes;
	struct troupe_buf *buf = json->failed ? NULL : h->buf_new(h, json->len, &bytes);
	int32_t status = buf != NULL ? TROUPE_OK : TROUPE_INTERNAL;

	if (buf != NULL) {
		memcpy(bytes, json->text, json->len);
	} else {
		buf = h->buf_new(h, sizeof(too_large) - 1, &bytes);
		if (buf != NULL) {
			memcpy(bytes, too_large, sizeof(too_large) - 1);
		}
	}
	h->reply(h, request, status, buf);
	free(json->text);
	memset(json, 0, sizeof(*json));
}
