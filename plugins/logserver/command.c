/* SPDX-License-Identifier: MIT */
/* The commands of operators: what came together, as JSON. Any server answers for all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json/json.h"
#include "logserver.h"
#include "proto/proto.h"

#define JSON_MAX (TROUPE_BODY_MAX - 16384u) /* lines end there; what stands around them needs less than the rest */

static void stamp(struct json *json, const char *key, uint64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[40], whole[48];

	json_key(json, key);
	if (ms == 0 || ms / 1000 > 253402300799u || gmtime_r(&seconds, &tm) == NULL) {
		json_text(json, ms == 0 ? "" : "beyond the year 9999");
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(whole, sizeof(whole), "%s.%03uZ", text, (unsigned)(ms % 1000));
	json_text(json, whole);
}

static void number(struct json *json, const char *name, int64_t value)
{
	json_key(json, name);
	json_number(json, value);
}

static void member(struct json *json, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0') {
		json_key(json, key);
		json_text(json, text);
	}
}

static void fault_write(struct json *json, const struct query_fault *fault)
{
	member(json, "fault", fault->text);
	number(json, "at", fault->at);
	member(json, "help", fault->help);
}

/* "partial" stands in every answer: what looks whole is whole. */
static void missing_write(struct json *json, const struct ask *ask)
{
	const char *name;
	int partial = ask_missing(ask, 0, &name);

	json_key(json, "partial");
	json_bool(json, partial);
	if (!partial) {
		return;
	}
	json_key(json, "missing");
	json_open(json, '[');
	for (uint32_t i = 0; ask_missing(ask, i, &name); i++) {
		json_text(json, name);
	}
	json_close(json, ']');
}

static void notices_write(struct json *json, const struct ask *ask)
{
	json_key(json, "notices");
	json_open(json, '[');
	if (ask->query.undated && !ask->has_fault) {
		json_text(json, "no time given: the last 24 hours");
	}
	json_close(json, ']');
}

/* --- records -------------------------------------------------------------------------------------- */

static void trace_write(struct json *json, const ProtobufCBinaryData *trace)
{
	char hex[2 * TROUPE_TRACE_SIZE + 1] = "";

	for (size_t i = 0; i < trace->len && i < TROUPE_TRACE_SIZE; i++) {
		snprintf(hex + 2 * i, 3, "%02x", trace->data[i]);
	}
	member(json, "trace", hex);
}

static void record_write(struct json *json, const Log__Record *record, int context)
{
	json_open(json, '{');
	stamp(json, "time", record->time_ms);
	number(json, "time_ms", (int64_t)record->time_ms);
	member(json, "level", query_level_name(record->level));
	member(json, "host", record->host);
	member(json, "part", record->part);
	member(json, "role", record->role);
	member(json, "instance", record->instance);
	member(json, "code", record->code);
	member(json, "text", record->text);
	if (record->account != 0) {
		json_key(json, "account");
		json_id(json, record->account);
	}
	member(json, "order", record->order);
	trace_write(json, &record->trace);
	if (record->n_fields > 0) {
		json_key(json, "fields");
		json_open(json, '{');
		for (size_t i = 0; i < record->n_fields; i++) {
			json_key(json, record->fields[i]->name != NULL ? record->fields[i]->name : "");
			json_text(json, record->fields[i]->value);
		}
		json_close(json, '}');
	}
	if (record->cut_from != 0) {
		number(json, "cut_from", record->cut_from);
	}
	if (record->skew_ms != 0) {
		number(json, "skew_ms", record->skew_ms);
	}
	if (record->has_said_ms) {
		stamp(json, "said", record->said_ms == 0 ? 1 : record->said_ms);
	}
	if (context) {
		json_key(json, "context");
		json_bool(json, 1);
	}
	json_key(json, "seq");
	json_id(json, record->seq);
	json_close(json, '}');
}

/* The records that fit. Returns how many. */
static uint32_t records_write(struct json *json, const struct ask *ask)
{
	uint32_t at = 0;

	json_key(json, "records");
	json_open(json, '[');
	for (; at < ask->found_len; at++) {
		struct proto_arena arena;
		struct json one = { 0 };
		const Log__Record *record;

		proto_arena_init(&arena);
		record = (const Log__Record *)proto_unpack(&log__record__descriptor, ask->found[at].record,
							   ask->found[at].len, &arena);
		if (record != NULL) {
			record_write(&one, record, ask->found[at].context != 0);
		}
		proto_arena_free(&arena);
		if (one.failed || (at > 0 && json->len + one.len > JSON_MAX)) {
			free(one.text);
			break;
		}
		if (one.len > 0) {
			json_raw(json, one.text, one.len);
		}
		free(one.text);
	}
	json_close(json, ']');
	return at;
}

/* --- query, count --------------------------------------------------------------------------------- */

/* Where the next page begins: the time the dates count from, and the place. */
static void cursor_write(struct json *json, const struct ask *ask, uint32_t written)
{
	const uint8_t *place = ask->more ? ask->reached : NULL;
	char text[32 + 2 * PLACE_SIZE];
	int at = snprintf(text, sizeof(text), "%" PRIu64 "-", ask->now_ms);

	/* lines that had no room come first on the next page */
	for (uint32_t i = written; i > 0 && written < ask->found_len; i--) {
		if (!ask->found[i - 1].context) {
			place = ask->found[i - 1].place;
			break;
		}
	}
	json_key(json, "more");
	json_bool(json, place != NULL);
	if (place != NULL) {
		for (unsigned i = 0; i < PLACE_SIZE; i++) {
			at += snprintf(text + at, sizeof(text) - (size_t)at, "%02x", place[i]);
		}
		member(json, "next", text);
		stamp(json, "reached", keys_place_ms(place));
	}
}

/* Takes what cursor_write wrote; 0, or -1. */
static int cursor_read(struct ask *ask, const char *text)
{
	char *end;

	ask->now_ms = strtoull(text, &end, 10);
	if (*end != '-' || strlen(end) != 1 + 2 * PLACE_SIZE || strspn(end + 1, "0123456789abcdef") != 2 * PLACE_SIZE) {
		return -1;
	}
	for (unsigned i = 0; i < PLACE_SIZE; i++) {
		const char digits[3] = { end[1 + 2 * i], end[2 + 2 * i], '\0' };

		ask->after[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	ask->has_after = 1;
	return 0;
}

static void answer_query(struct ask *ask)
{
	struct json json = { 0 };

	json_open(&json, '{');
	if (ask->has_fault) {
		fault_write(&json, &ask->fault);
	} else {
		uint32_t written = records_write(&json, ask);

		number(&json, "limit", ask->query.limit);
		cursor_write(&json, ask, written);
		missing_write(&json, ask);
		notices_write(&json, ask);
	}
	json_close(&json, '}');
	json_reply(&json, ask->ls->h, ask->request);
}

static void answer_count(struct ask *ask)
{
	struct json json = { 0 };

	json_open(&json, '{');
	if (ask->has_fault) {
		fault_write(&json, &ask->fault);
	} else {
		number(&json, "count", (int64_t)ask->count);
		json_key(&json, "more");
		json_bool(&json, ask->more != 0);
		if (ask->more) {
			stamp(&json, "reached", ask->reached_ms);
		}
		missing_write(&json, ask);
		notices_write(&json, ask);
	}
	json_close(&json, '}');
	json_reply(&json, ask->ls->h, ask->request);
}

struct query_args {
	const char *query, *after;
};

static void command_query(void *instance, const struct troupe_request *request, const void *args)
{
	const struct query_args *wanted = args;
	struct ask *ask = ask_new(instance, ASK_QUERY, request);

	if (ask == NULL) {
		return;
	}
	ask->answer = answer_query;
	snprintf(ask->text, sizeof(ask->text), "%s", wanted->query != NULL ? wanted->query : "");
	if (wanted->after != NULL && wanted->after[0] != '\0' && cursor_read(ask, wanted->after) != 0) {
		snprintf(ask->fault.text, sizeof(ask->fault.text), "'%.40s' is no place in the log", wanted->after);
		snprintf(ask->fault.help, sizeof(ask->fault.help), "give back what the page before named as the next");
		ask_fail(ask);
		return;
	}
	ask_run(ask);
}

static void command_count(void *instance, const struct troupe_request *request, const void *args)
{
	const struct query_args *wanted = args;
	struct ask *ask = ask_new(instance, ASK_COUNT, request);

	if (ask != NULL) {
		ask->answer = answer_count;
		snprintf(ask->text, sizeof(ask->text), "%s", wanted->query != NULL ? wanted->query : "");
		ask_run(ask);
	}
}

/* --- tail ----------------------------------------------------------------------------------------- */

struct tail_args {
	const char *query, *follows;
};

static void answer_tail(struct ask *ask)
{
	struct json json = { 0 };
	char text[(PEERS_MAX + 1) * 42] = "";
	size_t at = 0;
	uint32_t written;

	json_open(&json, '{');
	if (ask->has_fault) {
		fault_write(&json, &ask->fault);
	} else {
		written = records_write(&json, ask);
		for (uint32_t i = 0; i < ask->follows_len; i++) {
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%" PRIu64 ":%" PRIu64, i > 0 ? "," : "",
					       ask->follows[i].server, ask->follows[i].arrival);
		}
		member(&json, "follows", text);
		number(&json, "passed", (int64_t)(ask->passed + ask->found_len - written));
		number(&json, "now_ms", (int64_t)ask->now_ms);
		missing_write(&json, ask);
	}
	json_close(&json, '}');
	json_reply(&json, ask->ls->h, ask->request);
}

static void command_tail(void *instance, const struct troupe_request *request, const void *args)
{
	const struct tail_args *wanted = args;
	const char *at = wanted->follows != NULL ? wanted->follows : "";
	struct ask *ask = ask_new(instance, ASK_TAIL, request);

	if (ask == NULL) {
		return;
	}
	ask->answer = answer_tail;
	snprintf(ask->text, sizeof(ask->text), "%s", wanted->query != NULL ? wanted->query : "");
	while (*at != '\0' && ask->follows_len <= PEERS_MAX) {
		char *end;
		uint64_t server = strtoull(at, &end, 10);
		uint64_t arrival = *end == ':' ? strtoull(end + 1, &end, 10) : 0;

		ask->follows[ask->follows_len].server = server;
		ask->follows[ask->follows_len++].arrival = arrival;
		at = *end == ',' ? end + 1 : "";
	}
	ask_run(ask);
}

/* --- where, status, retention --------------------------------------------------------------------- */

static void answer_where(struct ask *ask)
{
	struct json json = { 0 };

	json_open(&json, '{');
	json_key(&json, "hosts");
	json_open(&json, '[');
	for (uint32_t i = 0; i < ask->holders_len; i++) {
		const struct holder *holder = &ask->holders[i];

		json_open(&json, '{');
		member(&json, "host", holder->host);
		member(&json, "server", holder->server);
		number(&json, "records", (int64_t)holder->records);
		stamp(&json, "last_batch", holder->received_ms);
		number(&json, "clock_ahead_ms", holder->skew_ms);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	missing_write(&json, ask);
	json_close(&json, '}');
	json_reply(&json, ask->ls->h, ask->request);
}

static void answer_status(struct ask *ask)
{
	struct json json = { 0 };

	json_open(&json, '{');
	json_key(&json, "servers");
	json_open(&json, '[');
	for (uint32_t i = 0; i < ask->servers_len; i++) {
		const struct server_status *server = &ask->servers[i];
		uint32_t hosts = 0;

		for (uint32_t k = 0; k < ask->holders_len; k++) {
			hosts += strcmp(ask->holders[k].server, server->name) == 0;
		}
		json_open(&json, '{');
		member(&json, "server", server->name);
		number(&json, "hosts", hosts);
		number(&json, "records", (int64_t)server->records);
		number(&json, "bytes", (int64_t)server->bytes);
		number(&json, "over_quota", (int64_t)server->over_quota);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	missing_write(&json, ask);
	json_close(&json, '}');
	json_reply(&json, ask->ls->h, ask->request);
}

static void answer_retention(struct ask *ask)
{
	struct json json = { 0 };

	json_open(&json, '{');
	json_key(&json, "servers");
	json_open(&json, '[');
	for (uint32_t i = 0; i < ask->servers_len; i++) {
		const struct server_status *server = &ask->servers[i];

		json_open(&json, '{');
		member(&json, "server", server->name);
		stamp(&json, "oldest", server->oldest_ms);
		number(&json, "keep_hours", (int64_t)(server->keep_ms / 3600000));
		number(&json, "bytes", (int64_t)server->bytes);
		number(&json, "keep_bytes", (int64_t)server->keep_bytes);
		number(&json, "removed", (int64_t)server->expired);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	missing_write(&json, ask);
	json_close(&json, '}');
	json_reply(&json, ask->ls->h, ask->request);
}

struct where_args {
	const char *host;
};

static void where_ask(struct logserver *ls, const struct troupe_request *request, const char *host,
		      void (*answer)(struct ask *ask))
{
	struct ask *ask = ask_new(ls, ASK_WHERE, request);

	if (ask != NULL) {
		ask->answer = answer;
		snprintf(ask->host, sizeof(ask->host), "%s", host != NULL ? host : "");
		ask_run(ask);
	}
}

static void command_where(void *instance, const struct troupe_request *request, const void *args)
{
	where_ask(instance, request, ((const struct where_args *)args)->host, answer_where);
}

static void command_status(void *instance, const struct troupe_request *request, const void *args)
{
	(void)args;
	where_ask(instance, request, NULL, answer_status);
}

static void command_retention(void *instance, const struct troupe_request *request, const void *args)
{
	(void)args;
	where_ask(instance, request, NULL, answer_retention);
}

/* --- the table ------------------------------------------------------------------------------------ */

static const struct troupe_option query_arguments[] = {
	{ .name = "query", .help = "Which records, e.g. \"level >= warning and time > 2 days\"; all when left out.",
	  .type = TROUPE_OPTION_STRING, .offset = offsetof(struct query_args, query), .max = QUERY_TEXT_MAX },
	{ .name = "after", .help = "`next` of the page before.", .type = TROUPE_OPTION_STRING,
	  .offset = offsetof(struct query_args, after), .max = 100 },
	{ .name = NULL },
};
static const struct troupe_option count_arguments[] = {
	{ .name = "query", .help = "Which records; all when left out.", .type = TROUPE_OPTION_STRING,
	  .offset = offsetof(struct query_args, query), .max = QUERY_TEXT_MAX },
	{ .name = NULL },
};
static const struct troupe_option tail_arguments[] = {
	{ .name = "query", .help = "Which records; all when left out, and without regard to times.",
	  .type = TROUPE_OPTION_STRING, .offset = offsetof(struct tail_args, query), .max = QUERY_TEXT_MAX },
	{ .name = "follows", .help = "`follows` of the answer before; what comes from now on when left out.",
	  .type = TROUPE_OPTION_STRING, .offset = offsetof(struct tail_args, follows), .max = 4096 },
	{ .name = NULL },
};
static const struct troupe_option where_arguments[] = {
	{ .name = "host", .help = "This host alone.", .type = TROUPE_OPTION_STRING,
	  .offset = offsetof(struct where_args, host), .max = LOG_HOST_MAX },
	{ .name = NULL },
};

const struct troupe_command logserver_commands[] = {
	{ .verb = "query", .help = "Finds records, the newest first, at all log servers.", .right = "read",
	  .args = query_arguments, .args_size = sizeof(struct query_args), .run = command_query },
	{ .verb = "count", .help = "Counts records at all log servers.", .right = "read", .args = count_arguments,
	  .args_size = sizeof(struct query_args), .run = command_count },
	{ .verb = "tail", .help = "What has arrived at all log servers since the last time.", .right = "read",
	  .args = tail_arguments, .args_size = sizeof(struct tail_args), .run = command_tail },
	{ .verb = "where", .help = "Says which log server holds which host.", .right = "read", .args = where_arguments,
	  .args_size = sizeof(struct where_args), .run = command_where },
	{ .verb = "status", .help = "Lists the log servers with what they hold.", .right = "read", .run = command_status },
	{ .verb = "retention", .help = "Says how long records are kept, and which are the oldest.", .right = "read",
	  .run = command_retention },
	{ .verb = NULL },
};
