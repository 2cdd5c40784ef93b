/* SPDX-License-Identifier: MIT */
/* The engine: a tick, what players are told, and the same again from the same inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <string.h>

#include "troupe/status.h"
#include "world/terrain.h"
#include "worlds.h"

static const char *const files[] = { "rabbit.lua",
				     "local g = require 'game'\n"
				     "g.monster 'rabbit' { count = 5, speed = 3, every = '250ms', home = { x = 0, y = 0, radius = 20 },\n"
				     "  state = { hops = 0 },\n"
				     "  think = function(self, w) self.state.hops = self.state.hops + 1\n"
				     "    self:walk_to(w:spot_near(self.pos, 6, self.rng)) end }\n"
				     "g.action 'wave' { run = function(self) self:say('hello') return 'you wave' end }\n",
				     NULL };

static Region__Input *input(Region__InputKind kind, uint64_t avatar)
{
	static Region__Input in;

	region__input__init(&in);
	in.has_kind = in.has_avatar = in.has_token = in.has_x = in.has_y = in.has_status = 1;
	in.kind = kind;
	in.avatar = avatar;
	in.token = avatar + 1000;
	in.name = (char *)"ann";
	return &in;
}

static const struct output *find(struct engine *e, enum output_kind kind)
{
	uint32_t len;
	const struct output *outputs = engine_outputs(e, &len);

	for (uint32_t i = 0; i < len; i++) {
		if (outputs[i].kind == kind) {
			return &outputs[i];
		}
	}
	return NULL;
}

static void test_player(void **state)
{
	struct engine_shape shape = { .map = "flat" };
	struct worlds w;
	const Region__Input *in = input(REGION__INPUT_KIND__INPUT_ENTER, 7);
	const struct output *out;
	struct sight sight;

	(void)state;
	worlds_open(&w, 1, &shape, files);
	worlds_tick(&w, &in, 1);
	out = find(w.engines[0], OUTPUT_ENTERED);
	assert_non_null(out);
	assert_int_equal(out->id, 7);
	assert_int_equal(out->token, 1007);
	assert_int_equal(engine_owner_of(w.engines[0], 7), 0);

	in = input(REGION__INPUT_KIND__INPUT_ACT, 7);
	((Region__Input *)in)->name = (char *)"wave";
	worlds_tick(&w, &in, 1);
	out = find(w.engines[0], OUTPUT_ANSWER);
	assert_non_null(out);
	assert_int_equal(out->status, 0);
	assert_string_equal(out->text, "you wave");
	assert_string_equal(find(w.engines[0], OUTPUT_HEARD)->text, "hello");

	in = input(REGION__INPUT_KIND__INPUT_MOVE, 7);
	((Region__Input *)in)->x = 3;
	worlds_tick(&w, &in, 1);
	for (int i = 0; i < 30; i++) {
		worlds_tick(&w, NULL, 0);
	}
	assert_int_equal(engine_see(w.engines[0], 7, &sight), 0);
	assert_true(sight.x == 3 && sight.y == 0 && !sight.walks);

	in = input(REGION__INPUT_KIND__INPUT_LEAVE, 7);
	worlds_tick(&w, &in, 1);
	assert_non_null(find(w.engines[0], OUTPUT_LEFT));
	in = input(REGION__INPUT_KIND__INPUT_GONE, 7);
	worlds_tick(&w, &in, 1);
	assert_int_equal(engine_owner_of(w.engines[0], 7), -1);
	worlds_close(&w);
}

static void test_population(void **state)
{
	struct engine_shape shape = { .map = "flat" };
	struct engine_figures figures;
	struct worlds w;

	(void)state;
	worlds_open(&w, 1, &shape, files);
	for (int i = 0; i < 200; i++) {
		worlds_tick(&w, NULL, 0);
	}
	engine_figures(w.engines[0], &figures);
	assert_int_equal(figures.entities, 5);
	assert_int_equal(figures.script_errors, 0);
	worlds_close(&w);
}

#define CROWD 1000u

/* crowd: so many avatars in one chunk, all of whom walk to another place in each of `ticks`; the world's digest. */
static uint64_t crowd(uint32_t engines, uint32_t ticks)
{
	static Region__Input inputs[CROWD];
	const Region__Input *list[CROWD];
	struct engine_shape shape = { .map = "flat", .size = 128 };
	struct worlds w;
	uint64_t digest;
	uint32_t seed = 7, here = 0;

	worlds_open(&w, engines, &shape, files);
	for (uint32_t tick = 0; tick <= ticks; tick++) {
		for (uint32_t i = 0; i < CROWD; i++) {
			inputs[i] = *input(tick == 0 ? REGION__INPUT_KIND__INPUT_ENTER : REGION__INPUT_KIND__INPUT_MOVE, i + 1);
			seed = seed * 1664525u + 1013904223u;
			inputs[i].x = (seed >> 8) % 16;
			inputs[i].y = (seed >> 20) % 16;
			list[i] = &inputs[i];
		}
		worlds_tick(&w, list, CROWD);
	}
	for (uint32_t i = 0; i < engines; i++) {
		struct engine_figures figures;

		engine_figures(w.engines[i], &figures);
		here += figures.avatars;
		assert_int_equal(figures.script_errors, 0);
	}
	assert_int_equal(here, CROWD);
	digest = worlds_digest(&w);
	worlds_close(&w);
	return digest;
}

static void test_crowd(void **state)
{
	uint64_t digest = crowd(1, 40);

	(void)state;
	assert_true(digest == crowd(3, 40));
	assert_true(digest != crowd(1, 39));
}

/* Four regions; in each of them all blocks of the ground are woken in one tick, and each asks to become stone. */
static const char *const wakes[] = {
	"wakes.lua",
	"local g = require 'game'\n"
	"g.edit 'burst' { apply = function(w, e)\n"
	"  for i = 0, 63 do w:wake { x = e.at.x + i % 8, y = e.at.y + i // 8, z = e.at.z } end end }\n"
	"g.edit 'grass' { apply = function(w, e) w:set(e.at, 'stone') end }\n"
	"for part = 0, 3 do g.on('tick', function(w, n)\n"
	"  for i = 0, 63 do if n == 3 then w:ask { edit = 'burst',\n"
	"    at = { x = -64 + i % 16 * 8, y = -64 + part * 32 + i // 16 * 8, z = 16 } } end end end) end\n",
	NULL
};

/* stones: how many blocks in the regions of each became stone. */
static void stones(struct engine *e, uint32_t ret_count[4])
{
	memset(ret_count, 0, 4 * sizeof(*ret_count));
	for (int32_t y = -64; y < 64; y++) {
		for (int32_t x = -64; x < 64; x++) {
			ret_count[(y >= 0) * 2 + (x >= 0)] += terrain_block(engine_terrain(e), x, y, 16) == BLOCK_STONE;
		}
	}
}

static uint64_t woken(uint32_t engines, uint64_t shuffle, uint32_t ret_count[4], uint64_t *ret_refused)
{
	struct engine_shape shape = { .map = "flat", .size = 128, .region = 64, .height = 64 };
	struct engine_figures figures;
	struct worlds w;
	uint64_t digest;

	worlds_open(&w, engines, &shape, wakes);
	w.shuffle = shuffle;
	for (int i = 0; i < 6; i++) {
		worlds_tick(&w, NULL, 0);
	}
	stones(w.engines[0], ret_count);
	*ret_refused = 0;
	for (uint32_t i = 0; i < engines; i++) {
		engine_figures(w.engines[i], &figures);
		*ret_refused += figures.edits_refused;
		assert_int_equal(figures.script_errors, 0);
	}
	digest = worlds_digest(&w);
	worlds_close(&w);
	return digest;
}

/* How many edits blocks may ask for, and which of them find room, is the same however many owners there are. */
static void test_woken(void **state)
{
	uint32_t one[4], many[4];
	uint64_t refused, refused_many, digest = woken(1, 0, one, &refused);

	(void)state;
	assert_true(refused > 0);
	for (uint32_t engines = 2; engines <= 4; engines++) {
		assert_true(woken(engines, engines, many, &refused_many) == digest);
		assert_memory_equal(one, many, sizeof(one));
		assert_int_equal(refused_many, refused);
	}
	for (int region = 0; region < 4; region++) { /* none at another's expense */
		assert_int_equal(one[region], 1024);
	}
	assert_int_equal(refused, 4 * (4096 - 1024));
}

/* One avatar that nobody has is let in at two places in one tick, by sessions of these epochs. */
static const char *const greets[] = { "greets.lua",
				      "local g = require 'game'\n"
				      "g.item 'gel' { }\n"
				      "g.monster 'mouse' { speed = 1 }\n"
				      "g.on('enter', function(self, w) self:give('gel', 3) w:spawn('mouse', self) end)\n",
				      NULL };

static void rival(Region__Input *in, Region__Record *record, double at, uint64_t epoch)
{
	static Region__Session session;
	static uint8_t bytes[2][64];

	*in = *input(REGION__INPUT_KIND__INPUT_ENTER, 7);
	in->has_state = 1;
	in->x = in->y = at;
	in->token = epoch;
	region__session__init(&session);
	session.has_session = session.has_epoch = 1;
	session.session = session.epoch = epoch;
	region__record__init(record);
	record->session = &session;
	in->state.data = bytes[at > 0];
	in->state.len = region__record__pack(record, bytes[at > 0]);
}

static uint64_t rivals(uint32_t engines, const uint64_t epochs[2], int swap, uint64_t *ret_session, uint32_t *ret_entities)
{
	struct engine_shape shape = { .map = "flat", .size = 128, .region = 64, .height = 64 };
	struct engine_figures figures;
	Region__Input inputs[2];
	Region__Record record;
	const Region__Input *list[2] = { &inputs[swap], &inputs[!swap] };
	uint32_t avatars = 0, entered = 0, refused = 0, outputs;
	struct worlds w;
	uint64_t digest;

	rival(&inputs[0], &record, -20, epochs[0]);
	rival(&inputs[1], &record, 20, epochs[1]);
	worlds_open(&w, engines, &shape, greets);
	worlds_tick(&w, list, 2);
	for (uint32_t i = 0; i < engines; i++) {
		const struct output *out = engine_outputs(w.engines[i], &outputs);

		for (uint32_t n = 0; n < outputs; n++) {
			entered += out[n].kind == OUTPUT_ENTERED;
			refused += out[n].kind == OUTPUT_ANSWER && out[n].status != 0;
		}
	}
	assert_int_equal(entered, 1);
	assert_int_equal(refused, 1);
	for (int i = 0; i < 10; i++) {
		worlds_tick(&w, NULL, 0);
	}
	*ret_entities = 0;
	*ret_session = 0;
	for (uint32_t i = 0; i < engines; i++) {
		engine_figures(w.engines[i], &figures);
		avatars += figures.avatars;
		*ret_entities += figures.entities;
		if (engine_session(w.engines[i], 7) != NULL) {
			*ret_session += engine_session(w.engines[i], 7)->session;
		}
		assert_int_equal(engine_owner_of(w.engines[i], 7), engine_owner_of(w.engines[0], 7));
	}
	assert_int_equal(avatars, 1);
	digest = worlds_digest(&w);
	worlds_close(&w);
	return digest;
}

static void test_rivals(void **state)
{
	static const uint64_t epochs[3][2] = { { 8, 9 }, { 9, 8 }, { 8, 8 } };
	static const uint64_t wins[3] = { 9, 9, 8 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		uint64_t session, digest = rivals(1, epochs[i], 0, &session, &(uint32_t){ 0 });

		assert_int_equal(session, wins[i]); /* the later session */
		for (uint32_t engines = 1; engines <= 4; engines++) {
			for (int swap = 0; swap < 2; swap++) {
				uint32_t entities;

				assert_true(rivals(engines, epochs[i], swap, &session, &entities) == digest);
				assert_int_equal(session, wins[i]);
				assert_int_equal(entities, 2); /* and what its coming did was done once: one mouse */
			}
		}
	}
}

/* A reward is owed until it is answered, wherever its avatar goes meanwhile. */
static const char *const rewards[] = {
	"rewards.lua",
	"local g = require 'game'\n"
	"g.action 'win' { run = function(self) self:walk_to { 20, 1 } self:reward('medal', 2, 'first') self:reward('medal', 2, 'first') end }\n"
	"g.on('rewarded', function(p, w, d) p:say(d.item .. d.count .. tostring(d.granted) .. (d.reason or '')) end)\n",
	NULL
};

/* owner: the engine that has avatar 7. */
static struct engine *owner(struct worlds *w)
{
	return w->engines[engine_owner_of(w->engines[0], 7)];
}

static uint64_t owed(uint32_t engines, int32_t status, int restart, char *ret_heard, int *ret_moved)
{
	struct engine_shape shape = { .map = "flat", .size = 128, .region = 64, .height = 64 };
	const Region__Input *in = input(REGION__INPUT_KIND__INPUT_ENTER, 7);
	const struct output *out;
	struct worlds w;
	uint64_t key[2], digest;
	uint32_t len;
	int first;

	worlds_open(&w, engines, &shape, rewards);
	((Region__Input *)in)->x = -3;
	((Region__Input *)in)->y = 1;
	worlds_tick(&w, &in, 1);
	first = engine_owner_of(w.engines[0], 7);
	in = input(REGION__INPUT_KIND__INPUT_ACT, 7);
	((Region__Input *)in)->name = (char *)"win";
	worlds_tick(&w, &in, 1);
	out = find(owner(&w), OUTPUT_GRANT);
	assert_non_null(out);
	memcpy(key, out->key, sizeof(key));
	for (int i = 0; i < 60; i++) {
		worlds_tick(&w, NULL, 0);
	}
	*ret_moved = engine_owner_of(w.engines[0], 7) != first;
	if (restart) {
		worlds_save(&w);
		worlds_load(&w, 4 - engines + 1, NULL, rewards, 1);
	}
	assert_memory_equal(engine_owed(owner(&w), 7, &len)->key, key, sizeof(key)); /* whoever has it asks again */
	assert_int_equal(len, 1);
	in = input(REGION__INPUT_KIND__INPUT_REPLY, 7);
	((Region__Input *)in)->status = status;
	((Region__Input *)in)->text = (char *)"store.full";
	((Region__Input *)in)->has_state = 1;
	((Region__Input *)in)->state = (ProtobufCBinaryData){ sizeof(key), (uint8_t *)key };
	*ret_heard = '\0';
	for (int i = 0; i < 3; i++) { /* it may be answered more than once */
		worlds_tick(&w, &in, 1);
		out = find(owner(&w), OUTPUT_HEARD);
		strcat(ret_heard, out != NULL ? out->text : "-");
	}
	engine_owed(owner(&w), 7, &len);
	assert_int_equal(len, 0);
	digest = worlds_digest(&w);
	worlds_close(&w);
	return digest;
}

static void test_owed(void **state)
{
	char heard[256];
	int moved, any = 0;
	uint64_t digest = owed(1, 0, 0, heard, &moved);

	(void)state;
	assert_string_equal(heard, "medal2true--");
	for (uint32_t engines = 2; engines <= 4; engines++) {
		assert_true(owed(engines, 0, 0, heard, &moved) == digest);
		assert_string_equal(heard, "medal2true--");
		any |= moved;
		assert_true(owed(engines, 0, 1, heard, &moved) == digest);
		assert_string_equal(heard, "medal2true--");
	}
	assert_true(any);
	owed(2, 9, 0, heard, &moved);
	assert_string_equal(heard, "medal2falsestore.full--");
}

/* An act with a key is done once and answered alike, however often it is asked for, wherever its avatar is by then. */
static const char *const onces[] = {
	"once.lua",
	"local g = require 'game'\n"
	"g.player { state = { n = 0 } }\n"
	"g.edit 'heap' { apply = function(w, e) if w:block(e.at).name ~= 'air' then return 'there' end w:set(e.at, 'stone') end }\n"
	"g.action 'count' { run = function(self, w, t, a) self.state.n = self.state.n + 1 return 'n' .. self.state.n .. a.text end }\n"
	"g.action 'read' { run = function(self) return 'n' .. self.state.n end }\n"
	"g.action 'refuse' { run = function(self) self.state.n = self.state.n + 1 return nil, 'no' .. self.state.n end }\n"
	"g.action 'go' { run = function(self) self:walk_to { 20, 1 } end }\n"
	"g.action 'heap' { run = function(self, w) self.state.n = self.state.n + 1\n"
	"  w:ask { edit = 'heap', at = { x = 3, y = 3, z = 30 } } end }\n",
	NULL
};

static const Region__Input *once(Region__Input *in, const char *action, uint64_t key)
{
	*in = *input(REGION__INPUT_KIND__INPUT_ACT, 7);
	in->name = (char *)action;
	in->text = (char *)"";
	in->has_key = key != 0;
	in->key = key;
	return in;
}

/* ask: this act, `times` in one tick: all answers are these. */
static void ask(struct worlds *w, const char *action, uint64_t key, uint32_t times, int32_t status, const char *text)
{
	Region__Input ins[4];
	const Region__Input *list[4];
	const struct output *out;
	uint32_t len, answers = 0;

	for (uint32_t i = 0; i < times; i++) {
		list[i] = once(&ins[i], action, key);
	}
	worlds_tick(w, list, times);
	out = engine_outputs(owner(w), &len);
	for (uint32_t i = 0; i < len; i++) {
		if (out[i].kind == OUTPUT_ANSWER) {
			assert_int_equal(out[i].status, status);
			assert_string_equal(out[i].text, text);
			answers++;
		}
	}
	assert_int_equal(answers, times);
}

static uint64_t onces_run(uint32_t engines)
{
	struct engine_shape shape = { .map = "flat", .size = 128, .region = 64, .height = 64 };
	const Region__Input *in = input(REGION__INPUT_KIND__INPUT_ENTER, 7);
	struct worlds w;
	uint64_t digest;
	uint32_t before = engines;
	int first;

	worlds_open(&w, engines, &shape, onces);
	((Region__Input *)in)->x = -3;
	((Region__Input *)in)->y = 1;
	worlds_tick(&w, &in, 1);
	first = engine_owner_of(w.engines[0], 7);
	ask(&w, "count", 1, 2, TROUPE_OK, "n1");
	ask(&w, "count", 1, 1, TROUPE_OK, "n1");
	ask(&w, "count", 0, 1, TROUPE_OK, "n2");
	ask(&w, "refuse", 2, 1, TROUPE_FAILED_PRECONDITION, "no3");
	ask(&w, "refuse", 2, 3, TROUPE_FAILED_PRECONDITION, "no3");
	ask(&w, "nothing", 3, 2, TROUPE_NOT_FOUND, "world.no_action");
	ask(&w, "heap", 4, 3, TROUPE_OK, ""); /* decided in stage 3 */
	ask(&w, "heap", 4, 1, TROUPE_OK, "");
	ask(&w, "heap", 5, 2, TROUPE_FAILED_PRECONDITION, "there");
	ask(&w, "read", 0, 1, TROUPE_OK, "n5");
	ask(&w, "go", 6, 1, TROUPE_OK, "");
	for (int i = 0; i < 60; i++) {
		worlds_tick(&w, NULL, 0);
	}
	assert_true(engines != 4 || engine_owner_of(w.engines[0], 7) != first);
	ask(&w, "count", 1, 1, TROUPE_OK, "n1");
	worlds_save(&w);
	worlds_load(&w, 5 - before, NULL, onces, 1);
	ask(&w, "heap", 5, 1, TROUPE_FAILED_PRECONDITION, "there");
	ask(&w, "heap", 4, 1, TROUPE_OK, "");
	ask(&w, "refuse", 2, 1, TROUPE_FAILED_PRECONDITION, "no3");
	for (uint64_t key = 7; key <= 16; key++) { /* with these there are 16 */
		ask(&w, "read", key, 1, TROUPE_OK, "n5");
	}
	ask(&w, "count", 1, 1, TROUPE_OK, "n1");
	ask(&w, "read", 17, 1, TROUPE_OK, "n5");
	ask(&w, "count", 1, 1, TROUPE_OK, "n6"); /* forgotten */
	digest = worlds_digest(&w);
	worlds_close(&w);
	return digest;
}

static void test_once(void **state)
{
	uint64_t digest = onces_run(1);

	(void)state;
	for (uint32_t engines = 2; engines <= 4; engines++) {
		assert_true(onces_run(engines) == digest);
	}
}

/* What is kept of a long answer ends with a whole character. */
static void test_once_long(void **state)
{
	struct engine_shape shape = { .map = "flat", .size = 128, .region = 64, .height = 64 };
	const Region__Input *enter = input(REGION__INPUT_KIND__INPUT_ENTER, 7), *list;
	char text[301] = "", kept[301];
	Region__Input in;
	struct worlds w;

	(void)state;
	for (int i = 0; i < 100; i++) {
		strcat(text, "\xE2\x82\xAC");
	}
	snprintf(kept, sizeof(kept), "n1%.*s", 252, text);
	worlds_open(&w, 1, &shape, onces);
	worlds_tick(&w, &enter, 1);
	list = once(&in, "count", 1);
	in.text = text;
	worlds_tick(&w, &list, 1);
	assert_string_equal(find(w.engines[0], OUTPUT_ANSWER)->text + 2, text);
	ask(&w, "count", 1, 1, TROUPE_OK, kept);
	worlds_save(&w);
	worlds_load(&w, 2, NULL, onces, 1);
	ask(&w, "count", 1, 1, TROUPE_OK, kept);
	worlds_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_player), cmocka_unit_test(test_population),
					    cmocka_unit_test(test_crowd), cmocka_unit_test(test_woken),
					    cmocka_unit_test(test_rivals), cmocka_unit_test(test_owed),
					    cmocka_unit_test(test_once),   cmocka_unit_test(test_once_long) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
