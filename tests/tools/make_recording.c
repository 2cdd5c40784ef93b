/* SPDX-License-Identifier: MIT */
/* make_recording FILE FOLDER TICKS [PAGES]: a recording of a small world with the rules of FOLDER, as `troupe record` would make it: from
 * a checkpoint at tick 100 on, with a player who enters, walks and acts ("poke"), and a digest every 20 ticks. The rules are
 * stored so many times, as pages of one bundle (1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "tick.pb-c.h"
#include "tools/folder.h"
#include "tools/recording.h"
#include "worldkey/worldkey.h"

#define FIRST 100u
#define AVATAR 4711u

static struct recording_out to;

static void fail(const char *what)
{
	fprintf(stderr, "make_recording: %s\n", what);
	exit(1);
}

static void add(const char *key, const void *value, size_t len)
{
	if (recording_add(&to, key, (uint32_t)strlen(key), value, (uint32_t)len) != 0) {
		fail("it cannot be written");
	}
}

static void add_message(const char *key, const ProtobufCMessage *message)
{
	uint8_t *bytes = malloc(protobuf_c_message_get_packed_size(message) + 1);

	if (bytes == NULL) {
		fail("no memory");
	}
	add(key, bytes, protobuf_c_message_pack(message, bytes));
	free(bytes);
}

static void add_rules(const struct folder *folder, unsigned pages, uint8_t digest[WORLD_DIGEST_SIZE])
{
	Tick__Bundle bundle = TICK__BUNDLE__INIT;
	Tick__File files[FOLDER_FILES_MAX], *list[FOLDER_FILES_MAX];
	char hex[2 * WORLD_DIGEST_SIZE + 1];
	struct worldkey key;

	for (uint32_t i = 0; i < folder->len; i++) {
		tick__file__init(&files[i]);
		files[i].name = (char *)folder->files[i].name;
		files[i].has_text = 1;
		files[i].text = (ProtobufCBinaryData){ folder->files[i].len, (uint8_t *)folder->files[i].text };
		list[i] = &files[i];
	}
	bundle.n_files = folder->len;
	bundle.files = list;
	memset(digest, 0x5a, WORLD_DIGEST_SIZE);
	worldkey_hex(digest, hex);
	for (unsigned page = 0; page < pages; page++) {
		add_message(worldkey(&key, WORLD_KEY_BUNDLE, hex, page)->text, &bundle.base);
	}
}

static Region__Shape shape_of(const struct engine_shape *shape)
{
	Region__Shape in = REGION__SHAPE__INIT;

	in.has_size = in.has_height = in.has_region = in.has_tick_ms = in.has_quarantine = in.has_max_entities = in.has_speed =
		in.has_seed = in.has_budget = 1;
	in.size = shape->size;
	in.height = shape->height;
	in.region = shape->region;
	in.tick_ms = shape->tick_ms;
	in.quarantine = shape->quarantine;
	in.max_entities = shape->max_entities;
	in.speed = shape->speed;
	in.seed = shape->seed;
	in.budget = shape->budget;
	in.map = (char *)shape->map;
	return in;
}

/* input: what the player does in this tick, if anything. */
static int input(uint64_t tick, Region__Input *in)
{
	region__input__init(in);
	in->has_kind = in->has_avatar = in->has_token = 1;
	in->avatar = AVATAR;
	in->token = tick;
	if (tick == FIRST + 3) {
		in->kind = REGION__INPUT_KIND__INPUT_ENTER;
		in->name = (char *)"Ann";
	} else if (tick > FIRST + 3 && tick % 10 == 0) {
		in->kind = REGION__INPUT_KIND__INPUT_MOVE;
	} else if (tick > FIRST + 3 && tick % 10 == 5) {
		in->kind = REGION__INPUT_KIND__INPUT_ACT;
		in->name = (char *)"poke";
		in->text = (char *)"hello";
	} else {
		return 0;
	}
	in->has_x = in->has_y = in->has_place = 1;
	in->x = (double)(tick % 7);
	in->y = 3;
	in->place = in->kind != REGION__INPUT_KIND__INPUT_ACT;
	return 1;
}

static void run_tick(struct engine *e, uint64_t tick)
{
	Region__Input in, *list[1] = { &in };
	Region__Batch batch = REGION__BATCH__INIT;
	struct worldkey key;
	uint32_t count;

	engine_begin(e, tick);
	if (input(tick, &in)) {
		batch.n_inputs = 1;
		batch.inputs = list;
		add_message(worldkey(&key, WORLD_KEY_JOURNAL, (unsigned long long)tick, 1ull)->text, &batch.base);
		engine_input(e, &in);
	}
	for (unsigned stage = 1; stage <= 3; stage++) {
		engine_stage(e, stage);
		engine_exchange(e, 1, &count);
	}
	engine_end(e);
}

static void add_digest(struct engine *e, uint64_t tick)
{
	uint64_t digest = engine_digest(e);
	struct worldkey key;
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(digest >> (8 * i));
	}
	add(worldkey(&key, WORLD_KEY_DIGEST, (unsigned long long)tick)->text, bytes, 8);
}

int main(int argc, char **argv)
{
	struct engine_settings settings = { .shape = { .size = 128, .region = 64, .map = "flat", .seed = 7 } };
	struct engine *e = engine_open(&settings);
	struct folder folder;
	Region__Shape shape;
	Tick__Beat beat = TICK__BEAT__INIT;
	Tick__Checkpoint checkpoint = TICK__CHECKPOINT__INIT;
	uint8_t rules[WORLD_DIGEST_SIZE];
	char report[4096];
	uint64_t last;

	if ((argc != 4 && argc != 5) || e == NULL || folder_read(&folder, argv[2]) != 0 || (to.out = fopen(argv[1], "wb")) == NULL ||
	    recording_begin(&to) != 0) {
		fail("usage: make_recording FILE FOLDER TICKS [PAGES]");
	}
	last = FIRST + strtoull(argv[3], NULL, 10);
	beat.has_epoch = beat.has_tick = beat.has_told = 1;
	beat.epoch = 1;
	beat.tick = beat.told = last;
	add_message(WORLD_KEY_TICK, &beat.base);
	add_rules(&folder, argc == 5 ? (unsigned)strtoul(argv[4], NULL, 10) : 1, rules);
	shape = shape_of(engine_shape(e));
	add_message(WORLD_KEY_SHAPE, &shape.base);
	checkpoint.has_tick = checkpoint.has_rules = checkpoint.has_generation = 1;
	checkpoint.tick = FIRST;
	checkpoint.generation = 12;
	checkpoint.rules = (ProtobufCBinaryData){ WORLD_DIGEST_SIZE, rules };
	add_message(WORLD_KEY_CHECKPOINT, &checkpoint.base);
	if (engine_rules_try(e, 12, folder.files, folder.len, report, sizeof(report)) != 1) {
		fail(report);
	}
	engine_rules_take(e);
	engine_loaded(e, FIRST);
	for (uint64_t tick = FIRST + 1; tick <= last; tick++) {
		run_tick(e, tick);
		if (tick % 20 == 0) {
			add_digest(e, tick);
		}
	}
	folder_free(&folder);
	engine_close(e);
	return recording_end(&to) == 0 && fclose(to.out) == 0 ? 0 : 1;
}
