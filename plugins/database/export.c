/* SPDX-License-Identifier: MIT */
/* Entries whole, page by page, for tools that keep them elsewhere: keys and values in hex. */
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "json/json.h"

#define ENTRIES 200u
#define BYTES 100000u /* of keys and values in an answer, before they are written as hex */

struct export {
	struct database *database;
	uint64_t request;
	uint32_t offset, prefix_len, from_len;
	uint8_t from[1024], to[256];
};

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* unhex: the bytes that `text` names; their number, or -1. */
static int unhex(const char *text, uint8_t *ret_bytes, size_t max)
{
	size_t len = strlen(text) / 2;

	if (strlen(text) % 2 != 0 || len > max) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			return -1;
		}
		ret_bytes[i] = (uint8_t)(high << 4 | low);
	}
	return (int)len;
}

static void put_hex(struct json *json, const char *name, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * len + 1);

	json_key(json, name);
	for (size_t i = 0; text != NULL && i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	if (text != NULL) {
		text[2 * len] = '\0';
	}
	json_text(json, text != NULL ? text : "");
	free(text);
}

static void put_number(struct json *json, const char *name, uint64_t number)
{
	json_key(json, name);
	json_number(json, (int64_t)number);
}

static void on_page(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct export *export = arg;
	struct database *database = instance;
	struct json json = { 0 };
	uint32_t bytes = 0, i;

	if (page->status != TROUPE_OK) {
		proto_refuse(database->host, export->request, page->status, "database.unavailable");
	} else {
		json_open(&json, '{');
		json_key(&json, "entries");
		json_open(&json, '[');
		for (i = 0; i < page->count && bytes < BYTES; i++) {
			const struct troupe_db_value *value = &page->values[i];
			uint32_t at = i == 0 && export->offset < value->value_len ? export->offset : 0;
			uint32_t len = value->value_len - at, room = BYTES - bytes;

			len = len < room ? len : room;
			json_open(&json, '{');
			put_hex(&json, "key", value->key, value->key_len);
			put_hex(&json, "value", (const uint8_t *)value->value + at, len);
			put_number(&json, "at", at);
			put_number(&json, "size", value->value_len);
			json_close(&json, '}');
			bytes += value->key_len + len;
		}
		json_close(&json, ']');
		json_key(&json, "more");
		json_bool(&json, i < page->count || page->more);
		json_close(&json, '}');
		json_reply(&json, database->host, export->request);
	}
	database->walks--;
	free(export);
}

/* from: the key to begin with, in hex, empty = the first with the prefix; offset: bytes of its value that are left out. */
void command_export(void *instance, const struct troupe_request *request, const void *args)
{
	const struct database_export_args *wanted = args;
	struct database *database = instance;
	struct export *export = database->walks < DATABASE_WALKS_MAX ? calloc(1, sizeof(*export)) : NULL;
	struct troupe_db_scan scan = { .size = sizeof(scan), .db = database->db, .limit = ENTRIES, .on_page = on_page };
	int len;

	if (export == NULL) {
		proto_refuse(database->host, request->id, TROUPE_RESOURCE_EXHAUSTED, "database.busy");
		return;
	}
	*export = (struct export){ .database = database, .request = request->id, .offset = (uint32_t)wanted->offset };
	export->prefix_len = (uint32_t)strlen(wanted->prefix != NULL ? wanted->prefix : "");
	memcpy(export->to, wanted->prefix != NULL ? wanted->prefix : "", export->prefix_len);
	len = wanted->from != NULL && wanted->from[0] != '\0' ? unhex(wanted->from, export->from, sizeof(export->from)) : 0;
	if (len < 0) {
		proto_refuse(database->host, request->id, TROUPE_INVALID_ARGUMENT, "database.bad_key");
		free(export);
		return;
	}
	if (len == 0) {
		memcpy(export->from, export->to, export->prefix_len);
		len = (int)export->prefix_len;
	}
	export->from_len = (uint32_t)len;
	while (export->prefix_len > 0 && export->to[export->prefix_len - 1] == 0xff) {
		export->prefix_len--;
	}
	if (export->prefix_len > 0) {
		export->to[export->prefix_len - 1]++; /* the end of the prefix */
	}
	database->walks++;
	scan.from = export->from;
	scan.from_len = export->from_len;
	scan.to = export->to;
	scan.to_len = export->prefix_len;
	scan.arg = export;
	database->host->db_scan(database->host, &scan);
}
