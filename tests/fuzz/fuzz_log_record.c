/* SPDX-License-Identifier: MIT */
/*
 * Records of any kind come to a log server: as a batch of a host, or in frames of a program outside. It goes on serving,
 * answers with JSON, and what is shown of it is one line a record in which nothing steers a terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/log_lines.h"
#include "proto/proto.h"
#include "sim/sim.h"

static const char text[] = "cluster \"t\" { }\n"
			   "database \"log\" { driver = \"leveldb\", path = \"log\" }\n"
			   "logserver { database = \"log\", listen = \"tcp://127.0.0.1:0\" }\n";

static struct config *config;

/* An answer to a command, as it comes over the control socket. */
static struct {
	int done;
	char *line;
	size_t len;
} answer;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_append(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	(void)instance, (void)typed, (void)reply;
	*(int *)arg = 1;
}

static void batch(struct sim *sim, const struct troupe_host *h, const uint8_t *data, size_t size)
{
	struct troupe_call call = { .size = sizeof(call), .service = "log", .on_reply = on_append };
	uint8_t *bytes;
	int done = 0;

	/* the question where to go on comes first: a batch without records */
	for (int round = 0; round < 2; round++) {
		call.method = troupe_fnv32("log.append", strlen("log.append"));
		call.body = h->buf_new(h, round == 0 ? 7 : size, &bytes);
		memcpy(bytes, round == 0 ? (const uint8_t *)"\x0a\x03one\x10\x07" : data, round == 0 ? 7 : size);
		call.arg = &done;
		done = 0;
		h->call(h, &call);
		if (!sim_run_until(sim, &done, 10000)) {
			abort();
		}
	}
}

static void frames(struct sim *sim, const uint8_t *data, size_t size, size_t piece)
{
	uint64_t conn = sim_connect(sim, "base/logserver", 0, "10.0.0.2:1");

	for (size_t at = 0; at < size; at += piece) {
		sim_bytes(sim, conn, data + at, size - at < piece ? size - at : piece);
	}
	sim_run(sim, 100);
}

static void on_query(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	FILE *out = open_memstream(&answer.line, &answer.len);

	(void)instance, (void)arg, (void)typed;
	if (reply->status != TROUPE_OK) {
		abort();
	}
	fprintf(out, "{\"exit\":0,\"body\":%.*s}", (int)reply->body_len, (const char *)reply->body);
	fclose(out);
	answer.done = 1;
}

static void check_shown(const char *shown, size_t len, size_t lines)
{
	for (size_t i = 0; i < len; i++) {
		lines -= shown[i] == '\n';
		if (((unsigned char)shown[i] < ' ' && shown[i] != '\n') || shown[i] == 0x7f) {
			abort();
		}
	}
	if (lines != 0) {
		abort();
	}
}

static void check_query(struct sim *sim)
{
	const char *args[] = { "(any_time)", NULL };
	struct log_lines lines = { 0 };
	struct control_answer *parsed;
	char *shown;
	size_t len, count;
	FILE *out;

	answer.done = 0;
	sim_command(sim, "base/logserver", "query", args, on_query, NULL);
	if (!sim_run_until(sim, &answer.done, 20000) || (parsed = control_answer_parse(answer.line, answer.len)) == NULL) {
		abort();
	}
	out = open_memstream(&shown, &len);
	count = log_lines_add(&lines, parsed);
	if (log_lines_show(&lines, INT64_MAX, false, out) != count) {
		abort();
	}
	fclose(out);
	check_shown(shown, len, count);
	free(shown);
	free(answer.line);
	log_lines_clear(&lines);
	control_answer_free(parsed);
}

/* The first byte: 0 = a batch; else frames, in pieces of so many bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct troupe_host *h;
	struct sim *sim;

	if (size == 0 || size > 70000) {
		return 0;
	}
	if (config == NULL && (config = sim_config(text, NULL)) == NULL) {
		abort();
	}
	sim = sim_open(config, 1);
	h = sim_actor(sim, "host.one", "base", NULL, NULL);
	sim_run(sim, 10);
	if (data[0] == 0) {
		batch(sim, h, data + 1, size - 1);
	} else {
		frames(sim, data + 1, size - 1, data[0]);
	}
	check_query(sim);
	if (!sim_ready(sim, "base/logserver")) {
		abort();
	}
	sim_close(sim);
	return 0;
}
