/* SPDX-License-Identifier: MIT */
/* The API as it is described: every entry is whole, every example runs, every error is told with its code and place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "rules/api.h"

#define PRELUDE \
	"local g = require 'game'\n" \
	"g.skill 'slam' { range = 16, apply = function(w, by, to) to:hurt { amount = 1 } end }\n" \
	"g.edit 'crack' { apply = function(w, e) end }\n" \
	"g.quest 'gel_for_granny' { giver = 'granny', goals = { { kill = 'slime', n = 5 }, { bring = 'gel', n = 10 } } }\n"
#define SLIME(body) \
	"g.monster 'slime' { count = 1, hp = 20, home = { x = 3, y = 3, radius = 0 }, every = 1, state = { angry = false },\n" \
	"  wander = function(self, w) end,\n  think = function(self, w)\n" body "\nend }\n"

static struct api_rig rig;

/* --- the description ---------------------------------------------------------------------------------- */

static void test_described(void **state)
{
	int functions = 0;

	(void)state;
	for (int on = 0; on < API_THINGS; on++) {
		const struct api_entry *entry = NULL, *other;

		assert_non_null(api_things[on].name);
		while ((entry = api_next(entry, (enum api_on)on)) != NULL) {
			struct api_param params[PARAMS_MAX];
			size_t len = strlen(entry->says);

			if (api_parse(entry->takes, params) < 0 || len < 4 || entry->says[len - 1] != '.') {
				fail_msg("%s.%s is not described well", api_things[on].name, entry->name);
			}
			if (entry->sort == API_FUNCTION && (entry->call == NULL || entry->example == NULL || entry->when == 0)) {
				fail_msg("%s.%s has no function, no example or no stage", api_things[on].name, entry->name);
			}
			for (other = api_next(entry, (enum api_on)on); other != NULL; other = api_next(other, (enum api_on)on)) {
				if (strcmp(other->name, entry->name) == 0) {
					fail_msg("%s.%s is described twice", api_things[on].name, entry->name);
				}
			}
			functions += entry->sort == API_FUNCTION;
		}
	}
	assert_true(functions > 50);
}

/* What is described is there, seen from a script; that nothing else is there follows from how it is bound (bind.c). */
static void test_bound(void **state)
{
	static char script[16384];
	size_t len = (size_t)snprintf(script, sizeof(script), PRELUDE);

	(void)state;
	for (const struct api_entry *entry = NULL; (entry = api_next(entry, ON_GAME)) != NULL;) {
		len += (size_t)snprintf(script + len, sizeof(script) - len, "assert(type(g.%s) == 'function')\n", entry->name);
	}
	len += (size_t)snprintf(script + len, sizeof(script) - len,
				"g.monster 'slime' { count = 1, hp = 20, state = {}, think = function(self, w)\n");
	for (enum api_on on = ON_VIEW; on <= ON_ENTITY; on++) {
		for (const struct api_entry *entry = NULL; (entry = api_next(entry, on)) != NULL;) {
			len += entry->sort != API_FUNCTION ? 0 : (size_t)snprintf(script + len, sizeof(script) - len,
				"assert(type(%s.%s) == 'function')\n", on == ON_ENTITY ? "self" : "w", entry->name);
		}
	}
	snprintf(script + len, sizeof(script) - len, "end }\n");
	assert_true(api_open(&rig, script));
	api_ticks(&rig, 40);
	assert_int_equal(api_errors(&rig), 0);
	assert_true(api_calls(&rig, "monster \"slime\".think") > 0);
	api_close(&rig);
}

/* --- examples ------------------------------------------------------------------------------------------- */

/* wrap: the example where it belongs; `ret_ran` says which handler must have run. */
static void wrap(const struct api_entry *entry, char *script, size_t size, const char **ret_ran)
{
	*ret_ran = "monster \"slime\".think";
	if (entry->when == WHEN_LOAD || entry->on == ON_EVENT) {
		*ret_ran = NULL;
		snprintf(script, size, PRELUDE SLIME("self:emit('bounced', { height = 2 })") "%s\n", entry->example);
	} else if (entry->on == ON_EDIT) {
		*ret_ran = "edit \"try\".apply";
		snprintf(script, size, PRELUDE "g.edit 'try' { apply = function(w, e)\n%s\nend }\n"
			 SLIME("w:ask { edit = 'try', at = self.pos }"), entry->example);
	} else if (entry->on == ON_PLAYER) {
		*ret_ran = "action \"try\"";
		snprintf(script, size, PRELUDE SLIME("") "g.action 'try' { run = function(self, w, target, args)\n%s\nend }\n", entry->example);
	} else {
		snprintf(script, size, PRELUDE SLIME("%s"), entry->example);
	}
}

static void test_examples(void **state)
{
	(void)state;
	for (int on = 0; on < API_THINGS; on++) {
		for (const struct api_entry *entry = NULL; (entry = api_next(entry, (enum api_on)on)) != NULL;) {
			static char script[8192];
			const char *ran;

			if (entry->example == NULL) {
				continue;
			}
			wrap(entry, script, sizeof(script), &ran);
			if (!api_open(&rig, script)) {
				fail_msg("the example of %s.%s is refused:\n%s", api_things[on].name, entry->name, rig.report);
			}
			api_enter(&rig, 7, 4, 3);
			api_ticks(&rig, 14);
			api_act(&rig, 7, "try", 0, NULL);
			api_ticks(&rig, 4);
			if (api_errors(&rig) != 0 || (ran != NULL && api_calls(&rig, ran) == 0)) {
				fail_msg("the example of %s.%s: %u calls, log:\n%s", api_things[on].name, entry->name,
					 ran != NULL ? api_calls(&rig, ran) : 0, rig.log);
			}
			api_close(&rig);
		}
	}
}

/* --- errors ---------------------------------------------------------------------------------------------- */

/* One of each code: a line of a monster's think, or with `load` of the file. */
static const struct {
	const char *code, *line, *says;
	int load;
} errors[] = {
	{ "S0101", "local t; t.x = 1", "attempt to index a nil value", 0 },
	{ "S0104", "g.on('tick', function() x = 1 end)", "x", 1 },
	{ "S0104", "local n = 0 g.on('tick', function() n = n + 1 end)", "n", 1 },
	{ "S0105", "os.time()", "no global 'os'", 0 },
	{ "S0106", "require 'nothing'", "nothing called", 1 },
	{ "S0108", "self.hp = 5", "cannot be set", 0 },
	{ "S0110", "g.tell_all('x')", "while the scripts are being read", 1 },
	{ "S0111", "for i = 1, 300 do self:say('x') end", "256 things", 0 },
	{ "S0112", "g.every('1s', function() end)", "not later", 0 },
	{ "S0113", "g.on('entre', function() end)", "did you mean \"enter\"?", 1 },
	{ "S0113", "g.on('chats', function() end)", "did you mean \"chat\"?", 1 },
	{ "S0114", "g.monster 'x' { sped = 1 }", "did you mean `speed`?", 1 },
	{ "S0115", "self.state.angri = true", "did you mean `angry`?", 0 },
	{ "S0116", "self:every('1s', 'wonder')", "did you mean \"wander\"?", 0 },
	{ "S0117", "self:sya('x')", "did you mean `say`?", 0 },
	{ "S0117", "w:nearst('player', self, 5)", "did you mean `nearest`?", 0 },
	{ "S0117", "g.acton 'x' { }", "did you mean `action`?", 1 },
	{ "S0118", "self.state.angry = function() end", "declared as a boolean, not function", 0 },
	{ "S0118", "g.monster 'x' { state = { f = function() end } }", "`f` is a function", 1 },
	{ "S0118", "w:nearest('player', nil, 5)", "`at` is a place", 0 },
	{ "S0118", "self.say('x')", "with a colon", 0 },
	{ "S0118", "self:say('x', 2)", "takes 1 arguments", 0 },
	{ "S0118", "self:after('2 weeks', 'wander')", "a time is written", 0 },
	{ "S0119", "w:nearest('player', self, 17)", "0 to 16, not 17", 0 },
	{ "S0119", "w:nearest('player', { self.x + 10, self.y }, 9)", "no farther than 16", 0 },
	{ "S0119", "w:block { x = 1000, y = 0 }", "not in the world: x and y go from -64 to 64, z from 0 to 64", 0 },
	{ "S0119", "w:block { x = 0, y = 0, z = -1 }", "(0, 0, -1) is not in the world: x and y go from -64 to 64, z from 0", 0 },
	{ "S0118", "w:block { x = 0, y = 0, z = 'up' }", "`at` is a place", 0 },
	{ "S0121", "w:nearest('playr', self, 5)", "did you mean \"player\"?", 0 },
	{ "S0121", "w:ask { edit = 'crakc', at = self }", "did you mean \"crack\"?", 0 },
	{ "S0122", "local p = w:nearest('player', self, 16) return p and p.state", "only in a call about that entity", 0 },
	{ "S0122", "local p = w:nearest('player', self, 16) return p and p:count('gel')", "only on the entity", 0 },
	{ "S0123", "g.skill 'slam' { apply = function() end }", "the other is in rules.lua, around line", 1 },
	{ "S0124", "local p = w:nearest('player', self, 16) if p then p:remove() end", "cannot be removed", 0 },
	{ "S0125", "g.skill 'x' { range = 1 }", "has no `apply`", 1 },
	{ "S0412", "w:set(self.pos, 'stone')", "a world edit was tried in stage 1 (entities)", 0 },
	{ "S0420", "while true do end", "budget", 0 },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		char script[2048], head[32];

		snprintf(script, sizeof(script), errors[i].load ? PRELUDE "%s\n" : PRELUDE SLIME("%s"), errors[i].line);
		if (errors[i].load) {
			snprintf(head, sizeof(head), "error[%s]: ", errors[i].code);
			if (api_open(&rig, script) || strstr(rig.report, head) == NULL || strstr(rig.report, errors[i].says) == NULL) {
				fail_msg("%s: %s", errors[i].line, rig.report);
			}
		} else {
			assert_true(api_open(&rig, script));
			api_enter(&rig, 7, 4, 3);
			api_ticks(&rig, 14);
			snprintf(head, sizeof(head), "0 %s ", errors[i].code);
			if (strstr(rig.log, errors[i].code) == NULL || strstr(rig.log, errors[i].says) == NULL) {
				fail_msg("%s: %s", errors[i].line, rig.log);
			}
		}
		api_close(&rig);
	}
}

/* The block people see, whole. */
static void test_block(void **state)
{
	const char *set = "w:set(self.pos, 'stone')";
	char script[2048];

	(void)state;
	snprintf(script, sizeof(script), PRELUDE SLIME("    %s"), set);
	assert_true(api_open(&rig, script));
	api_ticks(&rig, 12);
	assert_non_null(strstr(rig.log, "S0412 a world edit was tried in stage 1 (entities): `w` is a WorldView here\n"));
	assert_non_null(strstr(rig.log, "  --> rules.lua:8 in monster \"slime\".think, gen 12\n"));
	assert_non_null(strstr(rig.log, "8 |     w:set(self.pos, 'stone')\n"));
	assert_non_null(strstr(rig.log, "  |       ^^^\n"));
	assert_non_null(strstr(rig.log, "  = note: entity "));
	assert_non_null(strstr(rig.log, " (slime) at (3.0, 3.0, "));
	assert_non_null(strstr(rig.log, ", tick "));
	assert_non_null(strstr(rig.log, "  = help: w:ask { edit = \"crack\", at = self.pos }, handled in stage 2 by g.edit \"crack\"\n"));
	api_close(&rig);
}

/* One error in every tick is told once a minute of the world, with how often it came. */
static void test_flood(void **state)
{
	uint32_t told = 0;

	(void)state;
	assert_true(api_open(&rig, PRELUDE SLIME("error('no')")));
	api_ticks(&rig, 900);
	for (const char *at = rig.log; (at = strstr(at, "S0101 no")) != NULL; at++) {
		told++;
	}
	assert_int_equal(told, 1);
	api_ticks(&rig, 90 * 20 - 900);
	assert_non_null(strstr(rig.log, " more in 60 s\n"));
	assert_true(rig.log_len < 4096);
	api_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_described), cmocka_unit_test(test_bound), cmocka_unit_test(test_examples),
		cmocka_unit_test(test_errors),	  cmocka_unit_test(test_block), cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
