/* SPDX-License-Identifier: MIT */
/* What operators may ask of a store: scan, digest, status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "json/json.h"

#define SHOWN_MAX 64u /* bytes of a key or value in a listing */
#define PAGE 200u     /* entries read at a time; a listing of them fits in a message */

/* A command that reads page after page. */
struct walk {
	struct database *database;
	uint64_t request, snapshot;
	struct json json;	/* scan */
	int64_t limit;		/* scan: entries still wanted */
	uint64_t entries, bytes, hash; /* digest */
	uint8_t from[2048];
	uint32_t from_len, to_len, after;
	uint8_t to[256];
};

static void refuse(struct database *database, uint64_t request, int32_t status, const char *reason)
{
	uint8_t *bytes;
	struct troupe_buf *body = database->host->buf_new(database->host, strlen(reason), &bytes);

	if (body != NULL) {
		memcpy(bytes, reason, strlen(reason));
	}
	database->host->reply(database->host, request, status, body);
}

static struct walk *walk_new(struct database *database, uint64_t request)
{
	struct walk *walk = database->walks < DATABASE_WALKS_MAX ? calloc(1, sizeof(*walk)) : NULL;

	if (walk == NULL) {
		refuse(database, request, TROUPE_RESOURCE_EXHAUSTED, "database.busy");
		return NULL;
	}
	database->walks++;
	walk->database = database;
	walk->request = request;
	return walk;
}

static void walk_end(struct walk *walk)
{
	struct database *database = walk->database;

	if (walk->snapshot != 0) {
		database->host->db_snapshot_close(database->host, database->db, walk->snapshot);
	}
	free(walk->json.text);
	database->walks--;
	free(walk);
}

static void walk_fail(struct walk *walk, int32_t status)
{
	refuse(walk->database, walk->request, status,
	       status == TROUPE_DATA_LOSS ? "database.damaged" : "database.unavailable");
	walk_end(walk);
}

static void walk_read(struct walk *walk, uint32_t limit, troupe_db_page_fn on_page)
{
	const struct troupe_host *host = walk->database->host;
	struct troupe_db_scan scan = { .size = sizeof(scan), .db = walk->database->db, .from = walk->from,
				       .from_len = walk->from_len, .to = walk->to, .to_len = walk->to_len,
				       .limit = limit, .after = walk->after, .snapshot = walk->snapshot,
				       .on_page = on_page, .arg = walk };

	host->db_scan(host, &scan);
}

/* Stands behind the last entry of a page. 0, or -1: its key is longer than any that can be stored. */
static int walk_on(struct walk *walk, const struct troupe_db_page *page)
{
	const struct troupe_db_value *last = &page->values[page->count - 1];

	if (last->key_len > sizeof(walk->from)) {
		return -1;
	}
	memcpy(walk->from, last->key, last->key_len);
	walk->from_len = last->key_len;
	walk->after = 1;
	return 0;
}

/* --- scan --------------------------------------------------------------------------------------- */

/* Printable ASCII as it is, everything else as \xNN, and "..." where it was cut. */
static void bytes_show(struct json *json, const char *name, const uint8_t *bytes, uint32_t len)
{
	char text[SHOWN_MAX * 4 + 4];
	size_t at = 0;

	for (uint32_t i = 0; i < len && i < SHOWN_MAX; i++) {
		if (bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '\\') {
			text[at++] = (char)bytes[i];
		} else {
			at += (size_t)snprintf(text + at, sizeof(text) - at, "\\x%02x", bytes[i]);
		}
	}
	if (len > SHOWN_MAX) {
		memcpy(text + at, "...", 3);
		at += 3;
	}
	text[at] = '\0';
	json_key(json, name);
	json_text(json, text);
}

static void scan_page(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct walk *walk = arg;

	(void)instance;
	if (page->status != TROUPE_OK) {
		walk_fail(walk, page->status);
		return;
	}
	for (uint32_t i = 0; i < page->count; i++) {
		const struct troupe_db_value *value = &page->values[i];

		json_open(&walk->json, '{');
		bytes_show(&walk->json, "key", value->key, value->key_len);
		json_key(&walk->json, "version");
		json_number(&walk->json, (int64_t)value->version);
		json_key(&walk->json, "bytes");
		json_number(&walk->json, value->value_len);
		bytes_show(&walk->json, "value", value->value, value->value_len);
		json_close(&walk->json, '}');
	}
	walk->limit -= page->count;
	if (page->more && walk->limit > 0 && walk_on(walk, page) == 0) {
		walk_read(walk, walk->limit < PAGE ? (uint32_t)walk->limit : PAGE, scan_page);
		return;
	}
	json_close(&walk->json, ']');
	json_reply(&walk->json, walk->database->host, walk->request);
	memset(&walk->json, 0, sizeof(walk->json));
	walk_end(walk);
}

void command_scan(void *instance, const struct troupe_request *request, const void *args)
{
	const struct database_scan_args *scan = args;
	struct walk *walk = walk_new(instance, request->id);

	if (walk == NULL) {
		return;
	}
	walk->from_len = scan->prefix != NULL ? (uint32_t)strlen(scan->prefix) : 0;
	walk->from_len = walk->from_len < sizeof(walk->to) ? walk->from_len : (uint32_t)sizeof(walk->to);
	memcpy(walk->from, scan->prefix != NULL ? scan->prefix : "", walk->from_len);
	/* the end of the prefix: the next string of the same length or less */
	memcpy(walk->to, walk->from, walk->from_len);
	walk->to_len = walk->from_len;
	while (walk->to_len > 0 && walk->to[walk->to_len - 1] == 0xff) {
		walk->to_len--;
	}
	if (walk->to_len > 0) {
		walk->to[walk->to_len - 1]++;
	}
	walk->limit = scan->limit > 0 && scan->limit <= DATABASE_SCAN_MAX ? scan->limit : 100;
	json_open(&walk->json, '[');
	walk_read(walk, walk->limit < PAGE ? (uint32_t)walk->limit : PAGE, scan_page);
}

/* --- digest ------------------------------------------------------------------------------------- */

static uint64_t fnv(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ p[i]) * 1099511628211u;
	}
	return hash;
}

static void digest_page(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct walk *walk = arg;

	(void)instance;
	if (page->status != TROUPE_OK) {
		walk_fail(walk, page->status);
		return;
	}
	for (uint32_t i = 0; i < page->count; i++) {
		const struct troupe_db_value *value = &page->values[i];
		uint8_t lens[8] = { (uint8_t)value->key_len, (uint8_t)(value->key_len >> 8),
				    (uint8_t)(value->key_len >> 16), (uint8_t)(value->key_len >> 24),
				    (uint8_t)value->value_len, (uint8_t)(value->value_len >> 8),
				    (uint8_t)(value->value_len >> 16), (uint8_t)(value->value_len >> 24) };

		walk->hash = fnv(walk->hash, lens, sizeof(lens));
		walk->hash = fnv(walk->hash, value->key, value->key_len);
		walk->hash = fnv(walk->hash, value->value, value->value_len);
		walk->bytes += (uint64_t)value->key_len + value->value_len;
	}
	walk->entries += page->count;
	if (page->more && walk_on(walk, page) == 0) {
		walk_read(walk, PAGE, digest_page);
		return;
	}
	char text[20];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)walk->hash);
	json_open(&walk->json, '{');
	json_key(&walk->json, "entries");
	json_number(&walk->json, (int64_t)walk->entries);
	json_key(&walk->json, "bytes");
	json_number(&walk->json, (int64_t)walk->bytes);
	json_key(&walk->json, "fnv64");
	json_text(&walk->json, text);
	json_close(&walk->json, '}');
	json_reply(&walk->json, walk->database->host, walk->request);
	memset(&walk->json, 0, sizeof(walk->json));
	walk_end(walk);
}

static void digest_begin(void *instance, void *arg, int32_t status, uint64_t snapshot)
{
	struct walk *walk = arg;

	(void)instance;
	if (status != TROUPE_OK) {
		walk_fail(walk, status);
		return;
	}
	walk->snapshot = snapshot;
	walk_read(walk, PAGE, digest_page);
}

void command_digest(void *instance, const struct troupe_request *request, const void *args)
{
	struct database *database = instance;
	struct walk *walk = walk_new(database, request->id);

	(void)args;
	if (walk != NULL) {
		walk->hash = 14695981039346656037u;
		database->host->db_snapshot(database->host, database->db, digest_begin, walk);
	}
}

/* --- status ------------------------------------------------------------------------------------- */

void command_status(void *instance, const struct troupe_request *request, const void *args)
{
	struct database *database = instance;
	struct troupe_store_stats stats = { .size = sizeof(stats) };
	struct json json = { 0 };
	const struct {
		const char *name;
		const uint64_t *value;
	} figures[] = {
		{ "commits", &stats.commits },	 { "batches", &stats.batches }, { "refused", &stats.refused },
		{ "waiting", &stats.waiting },	 { "gets", &stats.gets },	{ "scans", &stats.scans },
		{ "errors", &stats.errors },	 { "reopened", &stats.reopened },
	};

	(void)args;
	if (database->host->store_stats(database->host, &stats) != TROUPE_OK) {
		refuse(database, request->id, TROUPE_FAILED_PRECONDITION, "database.unavailable");
		return;
	}
	json_open(&json, '{');
	json_key(&json, "driver");
	json_text(&json, database->options->driver);
	json_key(&json, "open");
	json_bool(&json, stats.open != 0);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		json_key(&json, figures[i].name);
		json_number(&json, (int64_t)*figures[i].value);
	}
	json_close(&json, '}');
	json_reply(&json, database->host, request->id);
}
