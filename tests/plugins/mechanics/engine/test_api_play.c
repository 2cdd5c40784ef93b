/* SPDX-License-Identifier: MIT */
/* What designers build from the API: fights, loot, mining, skills, regions, quests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "troupe/status.h"
#include "world/terrain.h"

#define HEAD "local g = require 'game'\n"

static struct api_rig rig;

static void open(const char *rules)
{
	if (!api_open(&rig, rules)) {
		fail_msg("%s", rig.report);
	}
}

static void close_well(void)
{
	if (api_errors(&rig) != 0) {
		fail_msg("%s", rig.log);
	}
	api_close(&rig);
}

static int has(const char *list, const char *line)
{
	return strstr(list, line) != NULL;
}

static void test_fight(void **state)
{
	struct sight sight, ann;

	(void)state;
	open(HEAD "g.monster 'slime' { count = 1, hp = 10, speed = 0, home = { x = 5, y = 5, radius = 0 }, loot = { gel = 2, coin = { 1, 3 } },\n"
		  "  state = { angry = false },\n"
		  "  on_hurt = function(self, w, hit) self.state.angry = true self:say('ouch ' .. hit.amount .. hit.kind .. hit.by.name) end,\n"
		  "  on_death = function(self, w, hit) self:say('argh ' .. tostring(self.state.angry)) end }\n"
		  "g.on('killed', function(e, w) e:tell('victory') end)\n"
		  "g.action 'hit' { run = function(self, w, target) target:hurt { amount = 6, kind = 'blunt' } return 'hit ' .. target.hp end }\n"
		  "g.action 'bag' { run = function(self) return self:count('gel') .. ' ' .. (self:count('coin') > 0 and 'rich' or 'poor') end }\n");
	api_enter(&rig, 7, 4, 5);
	api_ticks(&rig, 12);
	assert_true(api_one(&rig, "slime", &sight));
	assert_int_equal(sight.health, 10);
	api_act(&rig, 7, "hit", sight.id, NULL);
	assert_string_equal(rig.answer, "hit 10"); /* others are as they were when the tick began */
	assert_true(api_one(&rig, "slime", &sight));
	assert_int_equal(sight.health, 4);
	assert_true(has(rig.heard, "ouch 6bluntAnn\n"));
	api_act(&rig, 7, "hit", sight.id, NULL);
	assert_true(has(rig.heard, "argh true\n"));
	api_ticks(&rig, 2);
	assert_true(has(rig.told, "victory\n"));
	assert_true(api_one(&rig, "drop", &sight));
	api_ticks(&rig, 12); /* Ann stands beside it */
	assert_false(api_one(&rig, "drop", &sight));
	api_act(&rig, 7, "bag", 0, NULL);
	assert_string_equal(rig.answer, "2 rich");
	assert_true(api_one(&rig, "avatar", &ann));
	assert_int_equal(ann.health, 100);
	close_well();
}

static void test_fall(void **state)
{
	struct sight ann;

	(void)state;
	open(HEAD "g.player { hp = 5, spawn = { 40, -40 }, state = { deaths = 0 },\n"
		  "  on_death = function(self, w, hit) self.state.deaths = self.state.deaths + 1 end }\n"
		  "g.action 'jump' { run = function(self) self:hurt { amount = 9 } return 'n' .. self.state.deaths end }\n");
	api_enter(&rig, 7, 0, 0);
	api_act(&rig, 7, "jump", 0, NULL);
	assert_string_equal(rig.answer, "n0");
	api_act(&rig, 7, "jump", 0, NULL);
	assert_int_equal(rig.status, TROUPE_FAILED_PRECONDITION);
	assert_string_equal(rig.answer, "world.fallen");
	api_ticks(&rig, 65);
	assert_true(api_one(&rig, "avatar", &ann));
	assert_true(ann.x == 40 && ann.y == -40 && ann.health == 5);
	api_act(&rig, 7, "jump", 0, NULL);
	assert_string_equal(rig.answer, "n1");
	close_well();
}

static const char mine[] = HEAD
	"g.item 'pick' { power = 2, stack = 1 }\n"
	"g.block 'stone' { power = 2, drops = 'pebble' }\n"
	"g.block 'marble' { hardness = 3, power = 0 }\n"
	"g.region 'town' { area = { { 20, 20, 0 }, { 30, 30, 60 } }, protected = true }\n"
	"g.edit 'mine' {\n"
	"  check = function(w, e) local b = w:block(e.at)\n"
	"    if w:zone(e.at).protected then return 'protected' end\n"
	"    if e.tool.power < b.power then return 'tool_too_weak' end\n"
	"    if not b.solid then return 'nothing_there' end end,\n"
	"  apply = function(w, e) local was = w:block(e.at)\n"
	"    w:set(e.at, 'air') w:drop(e.at, was.drops, e.rng) w:wake { e.at.x, e.at.y, e.at.z + 1 }\n"
	"    e.by:emit('mined', { block = was.name, depth = e.depth }) end }\n"
	"g.edit 'sand' { apply = function(w, e) local below = { e.at.x, e.at.y, e.at.z - 1 }\n"
	"    if e.at.z >= 1 and w:block(below).name == 'air' then w:set(e.at, 'air') w:set(below, 'sand') w:wake(below) end end }\n"
	"g.edit 'put' { apply = function(w, e) w:set(e.at, e.block) end }\n"
	"g.on('mined', { stage = 1, run = function(p, w, data) p:tell('mined ' .. data.block .. ' at ' .. data.depth) end })\n"
	"g.action 'mine' { run = function(self, w, target, args) w:ask { edit = 'mine', at = args.at, depth = 3 } end }\n"
	"g.action 'put' { run = function(self, w, target, args) w:ask { edit = 'put', at = args.at, block = args.text ~= '' and args.text or 'sand' } end }\n"
	"g.action 'buy' { run = function(self) self:give('pick', 2) return self:tool().name .. self:count('pick') end }\n"
	"g.action 'far' { run = function(self, w, target, args) w:ask { edit = 'mine', at = { 60, 60, 500 } } end }\n";

static const char *block(int32_t x, int32_t y, int32_t z)
{
	struct terrain *t = engine_terrain(rig.e);

	return block_type(terrain_table(t), terrain_block(t, x, y, z))->name;
}

static void test_mine(void **state)
{
	struct sight ann;
	double at[3] = { 2.5, 2.5, 0 };
	int32_t z;

	(void)state;
	open(mine);
	api_enter(&rig, 7, 0, 0);
	assert_true(api_one(&rig, "avatar", &ann));
	z = (int32_t)ann.z - 1; /* the ground */
	at[2] = z - 8;
	assert_string_equal(block(2, 2, z - 8), "stone");
	api_act(&rig, 7, "mine", 0, at);
	assert_int_equal(rig.status, TROUPE_FAILED_PRECONDITION);
	assert_string_equal(rig.answer, "tool_too_weak");
	api_act(&rig, 7, "buy", 0, NULL);
	assert_string_equal(rig.answer, "pick2"); /* what the call has given counts in it */
	api_ticks(&rig, 1);
	api_act(&rig, 7, "mine", 0, at);
	assert_int_equal(rig.status, TROUPE_OK);
	assert_string_equal(rig.answer, "");
	assert_string_equal(block(2, 2, z - 8), "air");
	assert_int_equal(rig.changed, 1);
	api_ticks(&rig, 2);
	assert_true(has(rig.told, "mined stone at 3\n"));
	/* what lies above falls by its own edit, tick by tick */
	at[2] = z + 4;
	api_act(&rig, 7, "put", 0, at);
	assert_string_equal(block(2, 2, z + 4), "sand");
	at[2] = z + 3;
	api_act(&rig, 7, "put", 0, at); /* a second one, below it */
	assert_string_equal(block(2, 2, z + 3), "sand");
	at[2] = z + 2;
	rig.answer[0] = '\0';
	api_act(&rig, 7, "put", 0, at);
	api_act(&rig, 7, "mine", 0, at); /* sand has no power: the two above fall */
	api_ticks(&rig, 10);
	assert_string_equal(block(2, 2, z + 1), "sand");
	at[0] = at[1] = 25;
	at[2] = z;
	api_act(&rig, 7, "mine", 0, at);
	assert_string_equal(rig.answer, "protected");
	api_act(&rig, 7, "far", 0, at);
	assert_string_equal(rig.answer, "world.outside");
	assert_false(has(rig.told, "outside of the world"));
	at[2] = -1; /* what a player asks for himself: he is told where the world ends */
	api_act(&rig, 7, "mine", 0, at);
	assert_string_equal(rig.answer, "world.outside");
	assert_true(has(rig.told, "that is outside of the world: x and y go from -64 to 63, z from 0 to 63\n"));
	close_well();
}

static void test_skill(void **state)
{
	struct sight slime;

	(void)state;
	open(HEAD "g.player { state = { mana = 12 } }\n"
		  "g.monster 'slime' { count = 1, hp = 100, speed = 0, home = { x = 3, y = 0, radius = 0 } }\n"
		  "g.skill 'bolt' { cooldown = '1s', range = 5, cast_time = '100ms', cost = { mana = 5, dust = 1 },\n"
		  "  check = function(w, by, to) if not w:line_of_sight(by, to) then return 'no_line' end end,\n"
		  "  apply = function(w, by, to) to:hurt { amount = by.rng:int(4, 4) } by:say('zap') end }\n"
		  "g.action 'bolt' { run = function(self, w, target) local ok, why = self:cast('bolt', target)\n"
		  "  return tostring(ok) .. ' ' .. tostring(why) .. ' ' .. self.state.mana .. ' ' .. self:count('dust') end }\n"
		  "g.action 'dust' { run = function(self) self:give('dust', 10) end }\n"
		  "g.action 'bad' { run = function(self, w, target) self:cast('bolt', target) error('no') end }\n");
	api_enter(&rig, 7, 0, 0);
	api_ticks(&rig, 12);
	assert_true(api_one(&rig, "slime", &slime));
	api_act(&rig, 7, "bolt", slime.id, NULL);
	assert_string_equal(rig.answer, "false too_expensive 12 0");
	api_act(&rig, 7, "dust", 0, NULL);
	api_act(&rig, 7, "bad", slime.id, NULL);
	assert_string_equal(rig.answer, "world.rule_failed"); /* and it cost nothing */
	api_act(&rig, 7, "bolt", slime.id, NULL);
	assert_string_equal(rig.answer, "true nil 7 9");
	api_act(&rig, 7, "bolt", slime.id, NULL);
	assert_string_equal(rig.answer, "false casting 7 9");
	api_ticks(&rig, 2);
	assert_true(has(rig.heard, "zap\n"));
	assert_true(api_one(&rig, "slime", &slime));
	assert_int_equal(slime.health, 96);
	api_act(&rig, 7, "bolt", slime.id, NULL);
	assert_string_equal(rig.answer, "false not_ready 7 9");
	api_ticks(&rig, 30);
	api_act(&rig, 7, "bolt", slime.id, NULL);
	assert_string_equal(rig.answer, "true nil 2 8");
	assert_int_equal(api_errors(&rig), 1); /* the one that was planted */
	api_close(&rig);
}

static void test_region(void **state)
{
	struct sight ann;

	(void)state;
	open(HEAD "g.region 'swamp' { area = { { 3, -5, 0 }, { 6, 5, 60 } }, slow = 0.5,\n"
		  "  on_enter = function(self, e, move) e:tell('in ' .. self.name) end,\n"
		  "  on_leave = function(self, e, move) e:tell('out of ' .. self.name) end }\n"
		  "g.action 'go' { run = function(self, w) self:walk_to { 10, 0 } return 'speed ' .. self.speed .. ' ' .. tostring(w:zone(self).name) end }\n");
	api_enter(&rig, 7, 0, 0);
	api_act(&rig, 7, "go", 0, NULL);
	assert_string_equal(rig.answer, "speed 4.0 nil");
	api_ticks(&rig, 20);
	assert_true(has(rig.told, "in swamp\n"));
	assert_false(has(rig.told, "out of swamp\n"));
	api_act(&rig, 7, "go", 0, NULL);
	assert_string_equal(rig.answer, "speed 2.0 swamp");
	api_ticks(&rig, 80);
	assert_true(has(rig.told, "out of swamp\n"));
	assert_true(api_one(&rig, "avatar", &ann));
	assert_true(ann.x == 10);
	api_act(&rig, 7, "go", 0, NULL);
	assert_string_equal(rig.answer, "speed 4.0 nil");
	close_well();
}

static void test_quest(void **state)
{
	struct sight slime;
	uint64_t key[2];

	(void)state;
	open(HEAD "g.monster 'slime' { count = 1, hp = 1, speed = 0, home = { x = 2, y = 0, radius = 0 }, loot = { gel = 1 } }\n"
		  "g.quest 'gel' { giver = 'granny', goals = { { kill = 'slime', n = 2 }, { bring = 'gel', n = 2 }, { ['do'] = 'wave' } },\n"
		  "  on_done = function(p, w, q) p:reward('medal', 1, q.receipt) p:tell('done ' .. q.name) end }\n"
		  "g.action 'wave' { run = function() return 'you wave' end }\n"
		  "g.action 'begin' { run = function(self) return tostring(self:start_quest('gel')) end }\n"
		  "g.action 'end' { run = function(self) return tostring(self:end_quest('gel')) end }\n"
		  "g.action 'how' { run = function(self) return tostring(self:quest('gel')) .. ' ' .. table.concat(self:progress('gel'), ' ') end }\n"
		  "g.action 'hit' { run = function(self, w) local s = w:nearest('slime', self, 9) s:hurt { amount = 1 } return 'hit' end }\n");
	api_enter(&rig, 7, 1, 0);
	api_act(&rig, 7, "begin", 0, NULL);
	assert_string_equal(rig.answer, "true");
	api_act(&rig, 7, "begin", 0, NULL);
	assert_string_equal(rig.answer, "false");
	for (int i = 0; i < 2; i++) {
		for (int n = 0; n < 40 && !api_one(&rig, "slime", &slime); n++) {
			api_ticks(&rig, 1);
		}
		api_ticks(&rig, 1);
		api_act(&rig, 7, "hit", 0, NULL);
		assert_string_equal(rig.answer, "hit");
		api_ticks(&rig, 30);
	}
	api_act(&rig, 7, "how", 0, NULL);
	assert_string_equal(rig.answer, "running 2 2 0");
	api_act(&rig, 7, "end", 0, NULL);
	assert_string_equal(rig.answer, "false");
	api_act(&rig, 7, "wave", 0, NULL);
	api_act(&rig, 7, "end", 0, NULL);
	assert_string_equal(rig.answer, "true");
	api_ticks(&rig, 3);
	assert_true(has(rig.told, "done gel\n"));
	assert_int_equal(rig.grants, 1);
	memcpy(key, rig.grant_key, sizeof(key));
	assert_true(key[0] != 0 && key[1] != 0);
	api_act(&rig, 7, "end", 0, NULL);
	assert_string_equal(rig.answer, "false");
	api_act(&rig, 7, "how", 0, NULL);
	assert_string_equal(rig.answer, "done 0 0 0");
	assert_int_equal(rig.grants, 1);
	close_well();
}

static void test_target(void **state)
{
	struct sight slime;

	(void)state;
	open(HEAD "g.monster 'slime' { count = 1, hp = 9, speed = 3, every = 1, home = { x = 9, y = 0, radius = 0 },\n"
		  "  think = function(self, w) if not self.target then self.target = w:nearest('player', self, 12)\n"
		  "    if self.target then self:chase(self.target, 1) self:say('got ' .. self.target.name) end end end }\n");
	api_enter(&rig, 7, 0, 0);
	api_ticks(&rig, 90);
	assert_true(api_one(&rig, "slime", &slime));
	assert_true(slime.x < 2.5);
	assert_string_equal(rig.heard, "got Ann\n"); /* once: it keeps its target */
	close_well();
}

static void reload(const char *rules, uint32_t generation)
{
	struct engine_file file = { "rules.lua", rules, strlen(rules) };

	if (engine_rules_try(rig.e, generation, &file, 1, rig.report, sizeof(rig.report)) != 1) {
		fail_msg("%s", rig.report);
	}
	engine_rules_take(rig.e);
}

static void remembers(const char *action, const char *answer)
{
	api_act(&rig, 7, action, 0, NULL);
	assert_string_equal(rig.answer, answer);
}

#define LOOKS "g.action 'look' { run = function(self) return self.state.a .. ' ' .. (self.state.b or '') end }\n"

/* What is declared in the same way keeps its value over any number of reloads; what was not declared for one starts anew. */
static void test_reload(void **state)
{
	static const char both[] = HEAD "g.player { state = { a = 1, b = 'x' } }\n" LOOKS
					"g.action 'set' { run = function(self) self.state.a = 5 self.state.b = 'y' end }\n";
	static const char one[] = HEAD "g.player { state = { a = 3 } }\n"
				       "g.action 'look' { run = function(self) return self.state.a .. '' end }\n";
	static const char other[] = HEAD "g.player { state = { a = 'text', b = 'x' } }\n" LOOKS;

	(void)state;
	open(both);
	api_enter(&rig, 7, 0, 0);
	api_act(&rig, 7, "set", 0, NULL);
	remembers("look", "5 y");
	reload(both, 2); /* nothing uses the state until the next one */
	reload(both, 3);
	remembers("look", "5 y");
	reload(one, 4);
	reload(both, 5);
	remembers("look", "5 x");
	api_act(&rig, 7, "set", 0, NULL);
	reload(other, 6);
	remembers("look", "text y");
	close_well();
}

/* drawn: what a tick says whose first two stages are followed by echoes, or not; the second of `calls` about the avatar is in stage 2. */
static void drawn(int echoes, char *ret_told, size_t size)
{
	Region__Input in = REGION__INPUT__INIT;
	const struct output *outputs;
	const char *bytes, *reason;
	uint32_t count;
	size_t len;

	open(HEAD "g.action 'draw' { run = function(self) self:emit 'drawn' return tostring(self.rng:int(1, 1000000000)) end }\n"
		  "g.on('drawn', function(self) self:tell(tostring(self.rng:int(1, 1000000000))) end)\n"
		  "g.on('echo', function(body) if body == 'loop' then while true do end end return body end)\n");
	api_enter(&rig, 7, 0, 0);
	in.has_kind = in.has_avatar = in.has_token = 1;
	in.kind = REGION__INPUT_KIND__INPUT_ACT;
	in.avatar = in.token = 7;
	in.name = (char *)(uintptr_t)"draw";
	in.text = (char *)(uintptr_t)"";
	engine_begin(rig.e, ++rig.tick);
	engine_input(rig.e, &in);
	for (unsigned stage = 1; stage <= 3; stage++) {
		engine_stage(rig.e, stage);
		engine_exchange(rig.e, 1, &count);
		for (int i = 0; i < echoes; i++) {
			assert_int_equal(engine_echo(rig.e, 7, "abc", 3, &bytes, &len, &reason), TROUPE_OK);
			assert_int_equal(engine_echo(rig.e, 7, "loop", 4, &bytes, &len, &reason), TROUPE_ABORTED);
			assert_string_equal(reason, "world.rule_failed");
		}
	}
	engine_end(rig.e);
	outputs = engine_outputs(rig.e, &count);
	ret_told[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		len = strlen(ret_told);
		snprintf(ret_told + len, size - len, "%d %s\n", (int)outputs[i].kind, outputs[i].text != NULL ? outputs[i].text : "");
	}
	len = strlen(ret_told);
	snprintf(ret_told + len, size - len, "digest %llu\n", (unsigned long long)engine_digest(rig.e));
	api_close(&rig);
}

/* An echo in the middle of a tick changes nothing of it: it is in no journal, so whoever runs the tick again does without. */
static void test_echo_between(void **state)
{
	char without[4096], with[4096];

	(void)state;
	drawn(0, without, sizeof(without));
	drawn(2, with, sizeof(with));
	assert_true(strchr(without, '\n') != strrchr(without, '\n'));
	assert_string_equal(with, without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fight), cmocka_unit_test(test_fall),   cmocka_unit_test(test_mine),   cmocka_unit_test(test_skill),
		cmocka_unit_test(test_region), cmocka_unit_test(test_quest), cmocka_unit_test(test_target),
		cmocka_unit_test(test_reload), cmocka_unit_test(test_echo_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
