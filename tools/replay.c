/* SPDX-License-Identifier: MIT */
/* `troupe replay`: a recorded world, run again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/command.h"
#include "number.h"
#include "replay.h"
#include "tick.pb-c.h"
#include "tools.h"
#include "worldkey/worldkey.h"

const char replay_usage[] =
	"usage: troupe replay [--until TICK] [--owners N] [--break SCRIPT:LINE ...] [--digest] [--quiet] FILE\n"
	"\n"
	"Runs a world again that `troupe record` has recorded: the same inputs, the same seed, the same world.\n"
	"\n"
	"  troupe replay incident.rec                        all of it; what rules logged is printed with its tick\n"
	"  troupe replay incident.rec --until 901223         up to this tick, then says who is where\n"
	"  troupe replay incident.rec --owners 3             divided among so many owners: the same world, too\n"
	"  troupe replay incident.rec --break meadow.lua:12  stops there and shows all variables; on a terminal it asks how to go on\n"
	"\n"
	"  --break-limit N   stops that are shown, the rest is counted (10; where it asks, all)\n"
	"  --interactive     ask at each stop, also if the input is no terminal\n"
	"  --digest          print the digest of every tick, not only of the last\n"
	"  --quiet           print no lines of rules\n"
	"\n"
	"exit codes: 0 done, 1 it differs from a digest that was recorded, 2 wrong usage, 3 no recording\n";

/* --- running -------------------------------------------------------------------------------------- */

/* inputs: those of the tick, to all engines; each takes what concerns it. New rules first. */
static int inputs(struct replay *r)
{
	struct worldkey prefix;

	worldkey(&prefix, WORLD_KEY_JOURNAL_OF, (unsigned long long)r->tick);
	for (uint32_t at = recording_find(&r->recording, prefix.text); recording_under(&r->recording, at, prefix.text); at++) {
		const struct recording_entry *entry = &r->recording.entries[at];

		if (entry->key[entry->key_len - 1] == '!') {
			Tick__Control *control = tick__control__unpack(NULL, entry->value_len, entry->value);
			int result = control != NULL && control->has_rules ? replay_rules(r, control->rules, control->generation) : 0;

			if (control == NULL || result != 0) {
				return replay_bad("an entry of the journal is damaged");
			}
			tick__control__free_unpacked(control, NULL);
		}
	}
	for (uint32_t i = 0; i < r->owners; i++) {
		engine_begin(r->engines[i], r->tick);
	}
	for (uint32_t at = recording_find(&r->recording, prefix.text); recording_under(&r->recording, at, prefix.text); at++) {
		const struct recording_entry *entry = &r->recording.entries[at];
		Region__Batch *batch;

		if (entry->key[entry->key_len - 1] == '!') {
			continue;
		}
		batch = region__batch__unpack(NULL, entry->value_len, entry->value);
		if (batch == NULL) {
			return replay_bad("an entry of the journal is damaged");
		}
		for (size_t n = 0; n < batch->n_inputs; n++) {
			for (uint32_t i = 0; i < r->owners; i++) {
				engine_input(r->engines[i], batch->inputs[n]);
			}
		}
		region__batch__free_unpacked(batch, NULL);
	}
	return 0;
}

static int exchange(struct replay *r)
{
	for (uint32_t i = 0; i < r->owners; i++) {
		uint32_t count;
		const struct engine_part *parts = engine_exchange(r->engines[i], 1, &count);

		for (uint32_t p = 0; p < count && r->owners > 1; p++) {
			Region__Exchange *message = region__exchange__unpack(NULL, parts[p].len, parts[p].bytes);

			for (uint32_t to = 0; message != NULL && to < r->owners; to++) {
				if (to != i && engine_receive(r->engines[to], message) != 0) {
					return replay_bad("an exchange between the owners is refused");
				}
			}
			region__exchange__free_unpacked(message, NULL);
		}
	}
	return 0;
}

static uint64_t digest(struct replay *r)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < r->owners; i++) {
		sum += engine_digest(r->engines[i]);
	}
	return sum;
}

/* compare: with the digest that was recorded for this tick, if one was. */
static void compare(struct replay *r)
{
	struct worldkey key;
	const struct recording_entry *entry;
	uint64_t found = 0;

	worldkey(&key, WORLD_KEY_DIGEST, (unsigned long long)r->tick);
	entry = recording_get(&r->recording, key.text);
	if (entry == NULL || entry->value_len != 8) {
		if (r->digests) {
			printf("%" PRIu64 "  digest %016" PRIx64 "\n", r->tick, digest(r));
		}
		return;
	}
	for (int i = 0; i < 8; i++) {
		found |= (uint64_t)entry->value[i] << (8 * i);
	}
	if (found == digest(r)) {
		printf("%" PRIu64 "  digest %016" PRIx64 ", as recorded\n", r->tick, found);
	} else {
		printf("%" PRIu64 "  digest %016" PRIx64 " DIFFERS from the recorded %016" PRIx64 "\n", r->tick, digest(r), found);
		r->differs++;
	}
}

static int run_tick(struct replay *r)
{
	int result;

	r->tick++;
	stops_tick(&r->stops);
	result = inputs(r);
	for (unsigned stage = 1; stage <= 3 && result == 0; stage++) {
		do {
			for (uint32_t i = 0; i < r->owners; i++) {
				engine_stage(r->engines[i], stage);
			}
			result = exchange(r);
		} while (result == 0 && engine_again(r->engines[0])); /* with commit = "lock" stage 2 takes several rounds */
	}
	for (uint32_t i = 0; i < r->owners; i++) {
		engine_end(r->engines[i]);
	}
	compare(r);
	return result;
}

/* last_tick: the last one that was told, or for which a digest was asked, so that it was over: all that came to it is there. */
static uint64_t last_tick(const struct recording *recording)
{
	const struct recording_entry *entry = recording_get(recording, WORLD_KEY_TICK);
	Tick__Beat *beat = entry != NULL ? tick__beat__unpack(NULL, entry->value_len, entry->value) : NULL;
	uint64_t tick = beat != NULL ? beat->told : 0, digest;

	for (uint32_t at = recording_find(recording, "world/d/"); recording_under(recording, at, "world/d/"); at++) {
		if (worldkey_number(recording->entries[at].key + 8, recording->entries[at].key_len - 8, &digest) == 0) {
			tick = beat != NULL && digest <= beat->tick && digest > tick ? digest : tick;
		}
	}
	if (beat != NULL) {
		tick__beat__free_unpacked(beat, NULL);
	}
	return tick;
}

static int show(void *arg, const struct sight *sight)
{
	(void)arg;
	if (sight->avatar) {
		printf("  %-16s at (%.1f, %.1f, %.0f), %d of %d%s\n", sight->name, sight->x, sight->y, sight->z, sight->health,
		       sight->health_max, sight->asleep ? ", asleep" : "");
	}
	return 0;
}

static int useless(const struct replay *r)
{
	fprintf(stderr, "troupe replay: %s; no tick before that is whole, so nothing can be replayed\n", r->recording.damage);
	return EXIT_INVALID;
}

/* until_check: sets the tick to end with; 0, or an exit code after printing which there are. */
static int until_check(struct replay *r)
{
	int damaged = r->recording.damage[0] != '\0';

	r->last = damaged ? r->recording.ready : last_tick(&r->recording);
	if (damaged && r->last > r->tick && !r->has_until) {
		fprintf(stderr, "troupe replay: %s; what came before tick %" PRIu64 " can be replayed with --until %" PRIu64 "\n",
			r->recording.damage, r->last + 1, r->last);
		return EXIT_INVALID;
	}
	if (damaged && r->last <= r->tick) {
		return useless(r);
	}
	if (r->last <= r->tick) {
		return replay_bad("the recording has nothing behind its checkpoint: it was made too soon after one");
	}
	if (r->has_until && (r->until <= r->tick || r->until > r->last)) {
		fprintf(stderr, "troupe replay: --until takes a tick from %" PRIu64 " to %" PRIu64 ", which are recorded, not %" PRIu64 "\n",
			r->tick + 1, r->last, r->until);
		return EXIT_USAGE;
	}
	r->last = r->has_until ? r->until : r->last;
	return 0;
}

static int run(struct replay *r)
{
	struct timespec began, ended;
	uint64_t first;
	int result;

	if (r->recording.damage[0] != '\0' && r->recording.ready == 0) {
		return useless(r);
	}
	result = stops_check(&r->stops, &r->recording) == 0 ? replay_load(r) : EXIT_INVALID;
	result = result == 0 ? until_check(r) : result;
	if (result != 0) {
		return result;
	}
	first = r->tick;
	clock_gettime(CLOCK_MONOTONIC, &began);
	while (result == 0 && r->tick < r->last && !r->stops.quits) {
		result = run_tick(r);
	}
	clock_gettime(CLOCK_MONOTONIC, &ended);
	if (result == 0) {
		stops_report(&r->stops);
		printf("ticks %" PRIu64 " to %" PRIu64 " in %.2f s, digest %016" PRIx64 "\n", first + 1, r->tick,
		       (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9, digest(r));
		for (uint32_t i = 0; i < r->owners && r->has_until; i++) {
			engine_each(r->engines[i], show, NULL);
		}
	}
	return result == 0 && r->differs > 0 ? EXIT_FAILED : result;
}

/* option_read: the one at argv[*at], which goes on behind it; an exit code. */
static int option_read(struct replay *r, int argc, char **argv, int *at, const char **ret_path)
{
	static const char *const known[] = { "--until", "--owners",	 "--break", "--break-limit", "--interactive",
					     "--digest", "--quiet", NULL };
	static const char *const valued[] = { "until", "owners", "break", "break-limit" };
	const char *value;
	uint64_t number = 0;

	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++) {
		int taken = command_option(argc, argv, at, valued[i], &value), wrong = 0;

		if (taken == 0) {
			continue;
		}
		if (taken > 0 && i == 2) {
			wrong = stops_add(&r->stops, value);
		} else if (taken > 0) {
			wrong = number_read("replay", known[i], value, i == 1, i == 1 ? OWNERS_MAX : UINT64_MAX, &number);
			r->until = i == 0 ? number : r->until;
			r->has_until |= i == 0;
			r->owners = i == 1 ? (uint32_t)number : r->owners;
			r->stops.limit = i == 3 ? (uint32_t)(number < STOPS_ALL ? number : STOPS_ALL) : r->stops.limit;
			r->limited |= i == 3;
		}
		return taken < 0 || wrong ? EXIT_USAGE : 0;
	}
	r->digests |= strcmp(argv[*at], "--digest") == 0;
	r->quiet |= strcmp(argv[*at], "--quiet") == 0;
	r->stops.asks |= strcmp(argv[*at], "--interactive") == 0;
	if (strcmp(argv[*at], "--digest") != 0 && strcmp(argv[*at], "--quiet") != 0 && strcmp(argv[*at], "--interactive") != 0) {
		if (argv[*at][0] == '-' || *ret_path != NULL) {
			return command_unknown("replay", argv[*at], known);
		}
		*ret_path = argv[*at];
	}
	++*at;
	return 0;
}

int replay_main(int argc, char **argv)
{
	struct replay replay = { .owners = 1, .stops = { .asks = isatty(STDIN_FILENO) } };
	const char *path = NULL;
	int result;

	for (int at = 1; at < argc;) {
		result = option_read(&replay, argc, argv, &at, &path);
		if (result != 0) {
			return result;
		}
	}
	if (path == NULL) {
		fputs(replay_usage, stderr);
		return EXIT_USAGE;
	}
	if (!replay.limited) {
		replay.stops.limit = replay.stops.asks ? STOPS_ALL : STOPS_SHOWN;
	}
	snprintf(replay.again, sizeof(replay.again), "troupe replay %s", path);
	result = recording_read(&replay.recording, path) == 0 ? run(&replay) : EXIT_INVALID;
	for (uint32_t i = 0; i < replay.owners; i++) {
		engine_close(replay.engines[i]);
	}
	recording_free(&replay.recording);
	return result;
}
