/* SPDX-License-Identifier: MIT */
/* Commits through the database service and tells on its output how each ended; its parent is the oracle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/db_load.h"
#include "tests/support/db_rig.h"
#include "tests/support/driver_load.h"

/*
 * db_load PLUGINS DRIVER STORE run COUNT    commits 0 to COUNT - 1, LOAD_TOGETHER at a time, and ends
 * db_load PLUGINS DRIVER STORE ring 0       commits without end, over LOAD_RING keys
 *
 * A line for each outcome, see db_load.h. Written with one write(2) each, so that what the parent has read was said.
 */
static struct rig rig;
static struct rig_batch batch;

static void say(const struct load_line *line)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "%u %d %u %llu %u %llu\n", line->id, line->status, line->index,
			   (unsigned long long)line->version, line->repeated, (unsigned long long)line->took_us);

	if (write(1, text, (size_t)len) != len) {
		_exit(3);
	}
}

static struct db_request *commit_make(uint32_t id, uint32_t slot)
{
	char name[16], value[LOAD_VALUE];
	uint8_t key[TROUPE_KEY_SIZE] = { 'l', 'o', 'a', 'd' };
	struct troupe_db_op ops[2] = {
		{ .kind = TROUPE_DB_PUT, .key = name, .value = value, .value_len = sizeof(value) },
		{ .kind = TROUPE_DB_ADD, .key = LOAD_COUNT, .key_len = sizeof(LOAD_COUNT) - 1, .delta = 1 },
	};
	struct troupe_db_check absent = { .key = name };
	struct troupe_db_commit commit = { .size = sizeof(commit), .ops = ops, .ops_len = 2 };

	absent.key_len = ops[0].key_len = (uint32_t)snprintf(name, sizeof(name), LOAD_ENTRY "%u", slot);
	for (size_t i = 0; i < sizeof(value); i++) { /* not to be compressed away */
		value[i] = (char)((id + 1) * 2654435761u >> (i % 24));
	}
	memcpy(value, &id, sizeof(id));
	memcpy(key + 8, &id, sizeof(id));
	if (load_is_keyed(id)) {
		commit.key = key;
	} else if (slot == id) {
		commit.checks = &absent;
		commit.checks_len = 1;
	}
	return db_request_commit(&commit);
}

/* One outcome; 1: it is undecided and the commit has a key, so it is to be sent again. */
static int tell(uint32_t id, const struct db_request *request, uint64_t took_us)
{
	const struct troupe_db_result *result = &request->u.commit.result;

	say(&(struct load_line){ .id = id, .status = result->status, .index = result->index,
				 .version = result->version, .repeated = result->repeated, .took_us = took_us });
	return troupe_outcome_of(result->status) == TROUPE_UNDECIDED && load_is_keyed(id);
}

static void run(uint32_t count)
{
	for (uint32_t first = 0; first < count; first += LOAD_TOGETHER) {
		uint32_t ids[LOAD_TOGETHER], len = 0, again;

		for (uint32_t id = first; id < first + LOAD_TOGETHER && id < count; id++) {
			ids[len++] = id;
		}
		for (int tries = 0; len > 0 && tries < 500; tries++) {
			rig_batch_begin(&rig, &batch);
			for (uint32_t i = 0; i < len; i++) {
				rig_batch_add(&batch, commit_make(ids[i], ids[i]));
			}
			rig_batch_send(&batch);
			rig_batch_wait(&batch);
			again = 0;
			for (uint32_t i = 0; i < len; i++) {
				if (tell(ids[i], batch.answers[i], 0)) {
					ids[again++] = ids[i];
				}
			}
			rig_batch_end(&batch);
			len = again;
			usleep(len > 0 ? 10000 : 0);
		}
	}
}

static void ring(void)
{
	for (uint32_t id = 0;; id++) {
		int again = 1;

		while (again) {
			uint64_t begin = loop_clock_us();
			struct db_request *request = rig_ask(&rig, commit_make(id, id % LOAD_RING));

			again = tell(id, request, loop_clock_us() - begin);
			db_request_free(request);
			usleep(again ? 5000 : 300);
		}
	}
}

int main(int argc, char **argv)
{
	char path[4096];
	const struct troupe_plugin *plugin;

	if (argc != 6) {
		fprintf(stderr, "usage: db_load PLUGINS DRIVER STORE run|ring COUNT\n");
		return 2;
	}
	plugin = driver_load(argv[1], argv[2]);
	if (plugin == NULL) {
		return 2;
	}
	snprintf(path, sizeof(path), "path=%s", argv[3]);
	void *options = driver_options(plugin, path, "write_buffer=64kb", "reserve=256kb", NULL);

	rig_start(&rig, plugin->driver, options, 0);
	if (strcmp(argv[4], "ring") == 0) {
		ring();
	}
	run((uint32_t)strtoul(argv[5], NULL, 10));
	rig_stop(&rig);
	free(options);
	return 0;
}
