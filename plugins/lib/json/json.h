/* SPDX-License-Identifier: MIT */
/* Writing of the JSON text with which commands answer. */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "troupe/host.h"

/* Zeroed = ready. What does not fit in TROUPE_BODY_MAX or memory makes the whole text fail at json_reply. */
struct json {
	char *text;
	size_t len, size;
	int failed, comma;
};

/* json_open, json_close: '{' or '[' and its end. json_key: the name of the next value. Commas come by themselves. */
void json_open(struct json *json, char bracket);
void json_close(struct json *json, char bracket);
void json_key(struct json *json, const char *key);

/* Values. 64-bit numbers are written as numbers up to 2^53, else as strings (RFC 8259 section 6). NULL text = "". */
void json_text(struct json *json, const char *text);
void json_number(struct json *json, int64_t number);
void json_id(struct json *json, uint64_t id); /* always a string */
void json_bool(struct json *json, int truth);

/* json_raw: a value that is JSON text already. */
void json_raw(struct json *json, const char *text, size_t len);

/* json_reply: answers a command with the text, or INTERNAL "host.too_large"; releases it. */
void json_reply(struct json *json, const struct troupe_host *h, uint64_t request);

#endif
