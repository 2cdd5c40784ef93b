/* SPDX-License-Identifier: MIT */
/* A recorded world as it was at its checkpoint. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command.h"
#include "replay.h"
#include "tick.pb-c.h"
#include "troupe/host.h"
#include "world/terrain.h"
#include "worldkey/worldkey.h"

static void line(void *arg, uint32_t level, const char *code, const char *text)
{
	const struct replay *r = arg;

	if (!r->quiet || level <= TROUPE_LOG_ERROR) {
		printf("%" PRIu64 "  %s%s%s\n", r->tick, code != NULL ? code : "", code != NULL ? ": " : "", text);
	}
}

int replay_bad(const char *what)
{
	fprintf(stderr, "troupe replay: %s\n", what);
	return EXIT_INVALID;
}

/* --- rules ---------------------------------------------------------------------------------------- */

/* A bundle of rules; the files are those of its pages. */
struct bundle {
	struct engine_file files[WORLD_RULES_FILES_MAX];
	Tick__Bundle *pages[WORLD_RULES_PAGES_MAX];
	uint32_t len, pages_len;
};

static int too_many(const char *what, unsigned max)
{
	char text[80];

	snprintf(text, sizeof(text), "there are more than %u %s", max, what);
	return replay_bad(text);
}

static int bundle_page(struct bundle *bundle, const struct recording_entry *entry)
{
	Tick__Bundle *page;

	if (bundle->pages_len == WORLD_RULES_PAGES_MAX) {
		return too_many("pages of rules", WORLD_RULES_PAGES_MAX);
	}
	page = tick__bundle__unpack(NULL, entry->value_len, entry->value);
	if (page == NULL) {
		return replay_bad("a page of the rules is damaged");
	}
	bundle->pages[bundle->pages_len++] = page;
	for (size_t i = 0; i < page->n_files; i++) {
		if (bundle->len == WORLD_RULES_FILES_MAX) {
			return too_many("scripts", WORLD_RULES_FILES_MAX);
		}
		if (page->files[i]->name == NULL) {
			return replay_bad("a script of the rules has no name");
		}
		bundle->files[bundle->len++] = (struct engine_file){ .name = page->files[i]->name,
								     .text = (const char *)page->files[i]->text.data,
								     .len = page->files[i]->text.len };
	}
	return 0;
}

static int bundle_read(const struct recording *recording, const char *prefix, struct bundle *bundle)
{
	bundle->len = bundle->pages_len = 0;
	for (uint32_t at = recording_find(recording, prefix); recording_under(recording, at, prefix); at++) {
		int result = bundle_page(bundle, &recording->entries[at]);

		if (result != 0) {
			return result;
		}
	}
	return bundle->len > 0 ? 0 : replay_bad("the rules are not in the recording");
}

int replay_rules(struct replay *r, ProtobufCBinaryData digest, uint32_t number)
{
	struct bundle bundle;
	char hex[2 * WORLD_DIGEST_SIZE + 1], report[8192];
	struct worldkey prefix;
	int result;

	if (digest.len != WORLD_DIGEST_SIZE) {
		return digest.len == 0 ? 0 : replay_bad("a digest of rules has a strange length");
	}
	worldkey_hex(digest.data, hex);
	worldkey(&prefix, WORLD_KEY_BUNDLE_OF, hex);
	result = bundle_read(&r->recording, prefix.text, &bundle);
	for (uint32_t i = 0; result == 0 && i < r->owners; i++) {
		if (engine_rules_try(r->engines[i], number, bundle.files, bundle.len, report, sizeof(report)) != 1) {
			fputs(report, stderr);
			result = replay_bad("the recorded rules are refused");
		} else {
			engine_rules_take(r->engines[i]);
		}
	}
	for (uint32_t i = 0; i < bundle.pages_len; i++) {
		tick__bundle__free_unpacked(bundle.pages[i], NULL);
	}
	return result;
}

/* --- the state at the checkpoint ------------------------------------------------------------------- */

static int open_engines(struct replay *r)
{
	const struct recording_entry *entry = recording_get(&r->recording, WORLD_KEY_SHAPE);
	Region__Shape *shape = entry != NULL ? region__shape__unpack(NULL, entry->value_len, entry->value) : NULL;
	struct engine_settings settings = { .log = line, .arg = r, .memory = 256u << 20, .again = r->again };
	uint8_t *owners = NULL;

	if (shape == NULL) {
		return replay_bad("the recording does not say what the world is");
	}
	settings.shape = engine_shape_of(shape);
	region__shape__free_unpacked(shape, NULL);
	for (uint32_t i = 0; i < r->owners; i++) {
		r->engines[i] = engine_open(&settings);
		if (r->engines[i] == NULL) {
			free(owners);
			return replay_bad("no memory, or a shape that no world has");
		}
		if (owners == NULL) {
			owners = calloc(engine_regions(r->engines[0]), 1);
			for (uint32_t n = 0; owners != NULL && n < engine_regions(r->engines[0]); n++) {
				owners[n] = (uint8_t)(n % r->owners);
			}
		}
		engine_own(r->engines[i], owners, (uint8_t)i);
	}
	free(owners);
	return 0;
}

/* load_chunks: of each changed chunk the newest version that is not younger than the checkpoint. */
static int load_chunks(struct replay *r, uint64_t tick)
{
	const struct recording *recording = &r->recording;

	for (uint32_t at = recording_find(recording, "world/k/"); recording_under(recording, at, "world/k/"); at++) {
		const struct recording_entry *entry = &recording->entries[at];
		char key[128];
		int x, y;
		uint64_t of;

		snprintf(key, sizeof(key), "%.*s", (int)entry->key_len, entry->key);
		if (sscanf(key, "world/k/%d,%d/", &x, &y) != 2 || entry->key_len < 17 ||
		    worldkey_number(entry->key + entry->key_len - 16, 16, &of) != 0) {
			return replay_bad("a chunk has a strange key");
		}
		for (uint32_t i = 0; of <= tick && i < r->owners; i++) { /* in the order of their ticks */
			terrain_put_packed(engine_terrain(r->engines[i]), x, y, entry->value, entry->value_len);
		}
	}
	return 0;
}

static int load_pages(struct replay *r, uint64_t tick)
{
	struct worldkey prefix;

	worldkey(&prefix, WORLD_KEY_CHECKPOINT_OF, (unsigned long long)tick);
	for (uint32_t at = recording_find(&r->recording, prefix.text); recording_under(&r->recording, at, prefix.text); at++) {
		const struct recording_entry *entry = &r->recording.entries[at];
		Region__Page *page = region__page__unpack(NULL, entry->value_len, entry->value);

		for (uint32_t i = 0; page != NULL && i < r->owners; i++) {
			if (engine_load(r->engines[i], page) != 0) {
				region__page__free_unpacked(page, NULL);
				return replay_bad("a page of the checkpoint is refused");
			}
		}
		if (page == NULL) {
			return replay_bad("a page of the checkpoint is damaged");
		}
		region__page__free_unpacked(page, NULL);
	}
	return 0;
}

int replay_load(struct replay *r)
{
	const struct recording_entry *entry = recording_get(&r->recording, WORLD_KEY_CHECKPOINT);
	Tick__Checkpoint *checkpoint = entry != NULL ? tick__checkpoint__unpack(NULL, entry->value_len, entry->value) : NULL;
	int result = open_engines(r);

	stops_open(&r->stops, r->engines, result == 0 ? r->owners : 0);
	if (result == 0 && checkpoint != NULL) { /* without one the world begins */
		r->tick = checkpoint->tick;
		result = replay_rules(r, checkpoint->rules, checkpoint->generation);
		result = result == 0 ? load_chunks(r, r->tick) : result;
		result = result == 0 ? load_pages(r, r->tick) : result;
	}
	for (uint32_t i = 0; result == 0 && i < r->owners; i++) {
		engine_loaded(r->engines[i], r->tick);
	}
	if (checkpoint != NULL) {
		tick__checkpoint__free_unpacked(checkpoint, NULL);
	}
	return result;
}
