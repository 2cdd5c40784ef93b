/* SPDX-License-Identifier: MIT */
/* One world in one engine or in several: the same, bit for bit, whoever owns what and whatever happens to an owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worlds.h"

#define TICKS 240u
#define AVATARS 24u
#define SEEDS 3u

/* Everything that may go from one owner to another: walking, state, timers, wishes of all sorts, failures. */
static const char *const files[] = {
	"world.lua",
	"local g = require 'game'\n"
	"g.monster 'rabbit' { count = 60, speed = 9, every = '150ms', home = { x = 0, y = 0, radius = 110 },\n"
	"  state = { hops = 0, seen = 0, name = 'none', tired = false, sum = 0.5 },\n"
	"  on_spawn = function(self) self:every('300ms', 'look') self:after('2s', 'tire') self:after('2s', 'rest') end,\n"
	"  think = function(self) self.state.hops = self.state.hops + 1\n"
	"    self:walk_to(self.x + g.random(-30, 30), self.y + g.random(-30, 30)) end,\n"
	"  look = function(self)\n"
	"    local near = self:nearest('rabbit', 16)\n"
	"    if near then self.state.seen = self.state.seen + 1 self.state.name = near.kind\n"
	"      self.state.sum = self.state.sum + self:distance(near) + (near.walking and 1 or 0)\n"
	"      if g.random(4) == 1 then near:stop() end\n"
	"      if g.random(6) == 1 then near:walk_to(0, 0) end\n"
	"      if g.random(40) == 1 then near:remove() end\n"
	"    end\n"
	"    local player = self:nearest('avatar', 16)\n"
	"    if player then self:say('who is ' .. player.name) g.tell(player, 'hello') end\n"
	"    if g.random(50) == 1 then g.spawn('mouse', self.x, self.y) end end,\n"
	"  tire = function(self) self.state.tired = true self:after('1s', 'rest') end,\n"
	"  rest = function(self) self.state.tired = not self.state.tired self:after('1500ms', 'tire') end }\n"
	"g.monster 'mouse' { speed = 14, every = '400ms', state = { age = 0 },\n"
	"  think = function(self) self.state.age = self.state.age + 1\n"
	"    if self.state.age > 12 then self:remove() end\n"
	"    if g.random(60) == 1 then error('a mouse fails') end\n"
	"    self:walk_to(self.x + g.random(-60, 60), self.y + g.random(-60, 60)) end }\n"
	"g.player { state = { waves = 0 } }\n"
	"g.action 'wave' { run = function(self, target) self.state.waves = self.state.waves + g.random(9)\n"
	"  if target then target:say('ouch') end g.tell_all('waves') return 'ok' end }\n"
	"g.on('enter', function(self) g.spawn('mouse', self.x + 1, self.y) end)\n"
	"g.on('tick', function(n) if n % 50 == 0 then g.spawn('mouse', g.random(-100, 100), g.random(-100, 100)) end end)\n",
	NULL
};

static const struct engine_shape shape = { .size = 256, .region = 32, .map = "hills", .quarantine = 30, .max_entities = 160 };

/* --- the same inputs for every world ---------------------------------------------------------------- */

static uint64_t random_of(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static double place(uint64_t *random)
{
	return (double)(random_of(random) % 2480) / 10 - 124;
}

struct script {
	Region__Input inputs[64];
	const Region__Input *list[64];
	char names[64][16];
	uint32_t len;
};

static Region__Input *add(struct script *s, Region__InputKind kind, uint64_t avatar)
{
	Region__Input *in = &s->inputs[s->len];

	region__input__init(in);
	in->has_kind = in->has_avatar = in->has_token = 1;
	in->kind = kind;
	in->avatar = avatar;
	in->token = avatar;
	snprintf(s->names[s->len], sizeof(s->names[0]), "a%u", (unsigned)avatar);
	in->name = s->names[s->len];
	s->list[s->len++] = in;
	return in;
}

/* script_make: what players ask for in this tick: all of them come, walk, wave, talk; some leave and come back. */
static void script_make(struct script *s, uint64_t seed, uint64_t tick)
{
	uint64_t random = seed * 1000003u + tick;

	s->len = 0;
	for (uint64_t avatar = 1; avatar <= AVATARS; avatar++) {
		uint64_t dice = random_of(&random) % 40, other = 1 + random_of(&random) % AVATARS, phase = (tick + avatar * 7) % 120;
		double x = place(&random), y = place(&random);
		Region__Input *in = NULL;

		if (phase == 3 || phase == 100) {
			in = add(s, REGION__INPUT_KIND__INPUT_ENTER, avatar);
		} else if (phase == 80 || phase == 90) {
			add(s, phase == 80 ? REGION__INPUT_KIND__INPUT_LEAVE : REGION__INPUT_KIND__INPUT_GONE, avatar);
		} else if (dice < 6) {
			in = add(s, REGION__INPUT_KIND__INPUT_MOVE, avatar);
		} else if (dice == 7) {
			in = add(s, REGION__INPUT_KIND__INPUT_ACT, avatar);
			in->name = (char *)"wave";
			in->has_target = 1;
			in->target = other % 3 == 0 ? other : 0;
		} else if (dice == 8) {
			in = add(s, REGION__INPUT_KIND__INPUT_CHAT, avatar);
			in->text = (char *)"hello";
			in->channel = (char *)(other % 2 == 0 ? "near" : "all");
		}
		if (in != NULL) {
			in->has_x = in->has_y = 1;
			in->x = x;
			in->y = y;
		}
	}
}

static void tick(struct worlds *w, uint64_t seed)
{
	struct script script;

	script_make(&script, seed, w->tick + 1);
	worlds_tick(w, script.list, script.len);
}

/* --- what must hold --------------------------------------------------------------------------------- */

/* reference: the digests of each tick in one engine. */
static void reference(uint64_t seed, uint64_t ret_digests[TICKS + 1])
{
	struct engine_shape mine = shape;
	struct worlds w;

	mine.seed = seed;
	worlds_open(&w, 1, &mine, files);
	for (uint32_t i = 1; i <= TICKS; i++) {
		tick(&w, seed);
		ret_digests[i] = worlds_digest(&w);
	}
	worlds_close(&w);
}

static void test_numbers(void **state)
{
	static uint64_t digests[TICKS + 1];

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		reference(seed, digests);
		for (uint32_t len = 2; len <= 4; len++) {
			struct engine_shape mine = shape;
			struct worlds w;

			mine.seed = seed;
			worlds_open(&w, len, &mine, files);
			for (uint32_t i = 1; i <= TICKS; i++) {
				tick(&w, seed);
				assert_int_equal(worlds_digest(&w), digests[i]);
			}
			worlds_close(&w);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
