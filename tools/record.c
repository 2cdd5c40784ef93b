/* SPDX-License-Identifier: MIT */
/* `troupe record`: copies a world out of its shard's database into a file, and goes on while it runs. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/command.h"
#include "host/control/client.h"
#include "host/control/converse.h"
#include "number.h"
#include "recording.h"
#include "tick.pb-c.h"
#include "tools.h"
#include "worldkey/worldkey.h"

const char record_usage[] =
	"usage: troupe record [--for SECONDS] [--part PART] FILE\n"
	"\n"
	"Writes what a shard's world was at its last checkpoint and all that came to it since; `troupe replay FILE` runs it again.\n"
	"\n"
	"  troupe record incident.rec               the last seconds, as they are kept\n"
	"  troupe record incident.rec --for 60      and the next minute; Ctrl-C ends it sooner\n"
	"\n"
	"  --part PART     the shard, where there are several: meadow\n"
	"  --state DIR     the state folder of the host (also: TROUPE_STATE); `data` without it\n"
	"  --host NAME     the host to ask, where several of that folder run\n"
	"\n"
	"exit codes: 0 done, 1 failed, 2 wrong usage, 4 no host runs there\n";

#define TRIES 5
#define VALUE_MAX (64u << 20)

struct recorder {
	struct operation operation;
	char *words[CONTROL_WORDS_MAX + 1], folder[4096], database[256];
	struct recording_out to;
	const char *path;
	uint64_t told; /* the last tick that the pass before has whole */
	uint64_t telling; /* and this one */
	/* a value that comes in several answers */
	uint8_t *value;
	size_t value_len;
};

static volatile sig_atomic_t ended;

static int not_written(const struct recorder *r)
{
	fprintf(stderr, "troupe record: %s: %s\n", r->path, strerror(errno));
	return EXIT_FAILED;
}

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

/* ask: an answer that is no refusal, or NULL after it has been shown; *ret_exit is the exit code then. */
static struct control_answer *ask(struct recorder *r, const char *const *texts, unsigned len, int *ret_exit)
{
	char *words[8];
	struct control_answer *answer;

	for (unsigned i = 0; i < len; i++) {
		words[i] = (char *)texts[i];
	}
	words[len] = NULL;
	answer = operation_ask(&r->operation, r->folder, words, len);
	*ret_exit = EXIT_FAILED;
	if (answer == NULL) {
		fprintf(stderr, "troupe record: the host has gone\n");
	} else if (control_answer_exit(answer) != EXIT_DONE) {
		*ret_exit = operation_refused(&r->operation, answer);
		control_answer_free(answer);
		answer = NULL;
	}
	return answer;
}

/* --- entries -------------------------------------------------------------------------------------- */

/* unhex: bytes in new memory; NULL if it is no hex. */
static uint8_t *unhex(const char *text, size_t *ret_len)
{
	size_t len = strlen(text) / 2;
	uint8_t *bytes = malloc(len + 1);

	for (size_t i = 0; bytes != NULL && i < len; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1) {
			free(bytes);
			return NULL;
		}
		bytes[i] = (uint8_t)byte;
	}
	*ret_len = len;
	return bytes;
}

/* note: what an entry that is in the file now says about how far the world was told. */
static void note(struct recorder *r, const uint8_t *key, size_t key_len, const uint8_t *value, size_t len)
{
	Tick__Beat *beat = NULL;

	if (key_len == strlen(WORLD_KEY_TICK) && memcmp(key, WORLD_KEY_TICK, key_len) == 0) {
		beat = tick__beat__unpack(NULL, len, value);
	}
	if (beat != NULL) {
		r->telling = beat->told;
		tick__beat__free_unpacked(beat, NULL);
	}
}

/* take: one entry of an answer; 1 if its value goes on in another, 0, or -1. */
static int take(struct recorder *r, const json_t *entry, char *ret_key, size_t size, size_t *ret_at)
{
	const char *key_hex = json_string_value(json_object_get(entry, "key"));
	const char *value_hex = json_string_value(json_object_get(entry, "value"));
	size_t at = (size_t)json_integer_value(json_object_get(entry, "at")), key_len, len;
	size_t whole = (size_t)json_integer_value(json_object_get(entry, "size"));
	uint8_t *key, *value, *grown;
	int result = -1;

	if (key_hex == NULL || value_hex == NULL || strlen(key_hex) >= size || whole > VALUE_MAX || at != r->value_len) {
		return -1;
	}
	snprintf(ret_key, size, "%s", key_hex);
	key = unhex(key_hex, &key_len);
	value = unhex(value_hex, &len);
	grown = realloc(r->value, whole + 1);
	if (key != NULL && value != NULL && grown != NULL && at + len <= whole) {
		memcpy(grown + at, value, len);
		r->value_len = at + len;
		result = 1;
		if (r->value_len == whole) {
			result = recording_add(&r->to, key, (uint32_t)key_len, grown, (uint32_t)whole);
			note(r, key, key_len, grown, whole);
			r->value_len = 0;
		}
	}
	r->value = grown != NULL ? grown : r->value;
	*ret_at = r->value_len;
	free(key);
	free(value);
	return result;
}

/* copy: all entries with this prefix from `from` (hex, changed to the last one). An exit code. */
static int copy(struct recorder *r, const char *prefix, char *from, size_t size)
{
	size_t at = 0;
	int more = 1, exit;

	r->value_len = 0;
	while (more) {
		char offset[32];
		const char *const words[] = { r->database, "export", prefix, from, offset };
		struct control_answer *answer;
		const json_t *entries;

		snprintf(offset, sizeof(offset), "%zu", at);
		answer = ask(r, words, 5, &exit);
		if (answer == NULL) {
			return exit;
		}
		entries = control_answer_value(answer, "entries");
		more = control_answer_true(answer, "more") || r->value_len > 0;
		for (size_t i = 0; i < json_array_size(entries); i++) {
			int result = take(r, json_array_get(entries, i), from, size, &at);

			if (result < 0 && ferror(r->to.out)) {
				exit = not_written(r);
				control_answer_free(answer);
				return exit;
			}
			if (result < 0) {
				control_answer_free(answer);
				fprintf(stderr, "troupe record: an answer of the database makes no sense\n");
				return EXIT_FAILED;
			}
			more |= result;
		}
		if (json_array_size(entries) <= 1 && at == 0 && !control_answer_true(answer, "more")) {
			more = 0;
		} else if (at == 0) {
			/* the next page begins with the last entry again, which replaces itself */
			more = control_answer_true(answer, "more");
		}
		control_answer_free(answer);
	}
	return EXIT_DONE;
}

/* --- the world ------------------------------------------------------------------------------------ */

/* checkpoint: the tick of the last one as the scheduler shows it, and where its database is. An exit code. */
static int checkpoint(struct recorder *r, const char *part, long long *ret_tick)
{
	const char *const plain[] = { "world", "status" }, *const of[] = { part, "world", "status" };
	int exit;
	struct control_answer *answer = part != NULL ? ask(r, of, 3, &exit) : ask(r, plain, 2, &exit);
	const char *database = answer != NULL ? control_answer_member(answer, "database") : NULL;

	if (answer == NULL) {
		return exit;
	}
	*ret_tick = (long long)control_answer_number(answer, "checkpoint");
	snprintf(r->database, sizeof(r->database), "%s", database != NULL ? database : "");
	control_answer_free(answer);
	return EXIT_DONE;
}

/* pass: world/tick first: what it says was told is in the entries that are copied after it. The journal goes on behind what the
 * pass before has whole: entries of later ticks come in any order. An exit code. */
static int pass(struct recorder *r, const char *const *prefixes)
{
	int exit = EXIT_DONE;

	for (unsigned i = 0; exit == EXIT_DONE && prefixes[i] != NULL; i++) {
		char from[2049] = "";
		struct worldkey key;

		if (r->told > 0 && strcmp(prefixes[i], "world/j/") == 0) {
			worldkey(&key, WORLD_KEY_JOURNAL_OF, (unsigned long long)r->told + 1);
			for (uint32_t n = 0; n < key.len; n++) {
				snprintf(from + 2 * n, 3, "%02x", (unsigned char)key.text[n]);
			}
		}
		exit = copy(r, prefixes[i], from, sizeof(from));
	}
	r->told = r->telling;
	return exit;
}

/* record_base: checkpoint and journal of one moment: again if a newer checkpoint was made meanwhile. */
static int record_base(struct recorder *r, const char *part)
{
	static const char *const all[] = { WORLD_KEY_TICK, WORLD_KEY_SHAPE, WORLD_KEY_CHECKPOINT, "world/s/", "world/k/", "world/c/",
					   "world/j/", "world/d/", NULL };

	for (int i = 0; i < TRIES; i++) {
		long long before, after;
		int exit = checkpoint(r, part, &before);

		if (exit == EXIT_DONE) {
			if (fseek(r->to.out, 0, SEEK_SET) != 0 || ftruncate(fileno(r->to.out), 0) != 0 || recording_begin(&r->to) != 0) {
				return not_written(r);
			}
			r->told = 0;
			exit = pass(r, all);
		}
		exit = exit == EXIT_DONE ? checkpoint(r, part, &after) : exit;
		if (exit != EXIT_DONE || before == after) {
			return exit;
		}
	}
	fprintf(stderr, "troupe record: checkpoints come faster than they can be copied\n");
	return EXIT_FAILED;
}

/* record_more: what comes to the world from now on. */
static int record_more(struct recorder *r, uint64_t seconds)
{
	static const char *const again[] = { WORLD_KEY_TICK, "world/s/", "world/j/", "world/d/", NULL };
	struct timespec pause = { .tv_sec = 1 };
	int exit = EXIT_DONE;

	for (uint64_t i = 0; exit == EXIT_DONE && i < seconds && !ended; i++) {
		nanosleep(&pause, NULL);
		exit = pass(r, again);
	}
	return exit;
}

int record_main(int argc, char **argv)
{
	struct recorder *r = calloc(1, sizeof(*r));
	const char *part = NULL, *seconds = "0";
	char *rest[CONTROL_WORDS_MAX + 1];
	struct sigaction action = { .sa_handler = on_signal };
	uint64_t longer;
	int exit, len = 0;

	if (r == NULL) {
		return EXIT_FAILED;
	}
	for (int at = 0; at < argc && len < (int)CONTROL_WORDS_MAX;) {
		int taken = at > 0 ? command_option(argc, argv, &at, "for", &seconds) : 0;

		taken = taken == 0 && at > 0 ? command_option(argc, argv, &at, "part", &part) : taken;
		if (taken < 0) {
			free(r);
			return EXIT_USAGE;
		}
		if (taken == 0) {
			rest[len++] = argv[at++];
		}
	}
	rest[len] = NULL;
	if (number_read("record", "--for", seconds, 0, 86400, &longer) != 0) {
		free(r);
		return EXIT_USAGE;
	}
	exit = operation_read(&r->operation, r->words, len, rest);
	if (exit == 0 && r->operation.request.words_len != 2) {
		fputs(record_usage, stderr);
		exit = EXIT_USAGE;
	}
	r->path = exit == 0 ? r->operation.request.words[1] : NULL;
	exit = exit == 0 ? operation_any(&r->operation, r->folder, sizeof(r->folder)) : exit;
	if (exit == 0 && (r->to.out = fopen(r->path, "wb")) == NULL) {
		exit = not_written(r);
	}
	sigaction(SIGINT, &action, NULL);
	exit = exit == 0 ? record_base(r, part) : exit;
	exit = exit == 0 ? record_more(r, longer) : exit;
	if (exit == 0 && recording_end(&r->to) != 0) {
		exit = not_written(r);
	}
	if (r->to.out != NULL && fclose(r->to.out) != 0 && exit == 0) {
		exit = not_written(r);
	}
	if (exit == 0) {
		printf("%u entries in %s; run it again: troupe replay %s\n", r->to.entries - 1, r->path, r->path);
	}
	free(r->value);
	free(r);
	return exit;
}
