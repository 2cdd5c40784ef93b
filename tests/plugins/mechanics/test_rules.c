/* SPDX-License-Identifier: MIT */
/* Rules: what scripts can do, what happens when they fail, and reloads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/mechanics/rig.h"

#define HEAD "local g = require 'game'\n"

static struct rig rig;

static void begin(const char *script)
{
	rig_open(&rig, "size = 64, quarantine = 3, budget = 20000", RIG_ONE, script);
	rig_enter(&rig, 1, "Ann", 0, 0, 1);
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

/* --- what rules can do ---------------------------------------------------------------------------- */

static void test_events(void **state)
{
	(void)state;
	begin(HEAD "g.on('enter', function(p) p:tell('welcome ' .. p.name) end)\n"
		   "g.on('leave', function(p) p:say('bye') end)\n"
		   "g.on('chat', function(p, w, text, channel) p:tell(channel .. ' ' .. text) return text ~= 'secret' end)\n"
		   "g.on('echo', function(body) return body .. '!' end)\n"
		   "g.on('tick', function(w, n) if n == 10 then g.tell_all('ten') end end)\n");
	rig_enter(&rig, 2, "Bob", 0, 0, 1);
	assert_int_equal(rig_chat(&rig, 1, NULL, "hello"), TROUPE_OK);
	assert_int_equal(rig_chat(&rig, 1, NULL, "secret"), TROUPE_PERMISSION_DENIED);
	assert_string_equal(rig.reason, "chat.refused");
	assert_int_equal(rig_echo(&rig, 1, "abc", 3), TROUPE_OK);
	assert_string_equal(rig.text, "abc!");
	sim_run(rig.sim, 1000);
	rig_leave(&rig, 2, 1002);
	sim_run(rig.sim, 100);
	assert_int_equal(rig_lines(&rig, 73, "welcome Ann"), 1);
	assert_int_equal(rig_lines(&rig, 73, "near hello"), 1);
	assert_int_equal(rig_lines(&rig, 72, "secret"), 0);
	assert_int_equal(rig_lines(&rig, 73, "ten"), 1);
	assert_int_equal(rig_lines(&rig, 72, "bye"), 1);
}

static void test_actions(void **state)
{
	(void)state;
	begin(HEAD "g.player { state = { n = 0 } }\n"
		   "g.action 'count' { run = function(self) self.state.n = self.state.n + 1 return 'n' .. self.state.n end }\n"
		   "g.action 'at' { run = function(self, w, target) return target and target.name or 'nobody' end }\n");
	assert_int_equal(rig_act(&rig, 1, "count", 0), TROUPE_OK);
	assert_string_equal(rig.text, "n1");
	rig_act(&rig, 1, "count", 0);
	assert_string_equal(rig.text, "n2");
	assert_int_equal(rig_act(&rig, 1, "fly", 0), TROUPE_NOT_FOUND);
	assert_string_equal(rig.reason, "world.no_action");
	assert_int_equal(rig_act(&rig, 1, "at", 77), TROUPE_NOT_FOUND);
	assert_string_equal(rig.reason, "world.no_target");
	rig_enter(&rig, 2, "Bob", 1, 1, 1);
	rig_act(&rig, 1, "at", 2);
	assert_string_equal(rig.text, "Bob");
	rig_act(&rig, 1, "at", 0);
	assert_string_equal(rig.text, "nobody");
}

static const char hare[] = HEAD
	"g.monster 'hare' { count = 3, speed = 5, every = 2, home = { x = 1, y = 1, radius = 2 }, state = { seen = 0 },\n"
	"  on_spawn = function(self) self:every('200ms', 'hop') end,\n"
	"  hop = function(self) self.state.seen = self.state.seen + 1 self:walk_to { self.x + 1, self.y } end,\n"
	"  think = function(self) if self.state.seen > 4 then self:say('five') self.state.seen = 0 end end }\n"
	"g.action 'ask' { run = function(self, w) local h = w:nearest('hare', self, 16) return h and h.kind or 'none' end }\n"
	"g.action 'shoo' { run = function(self, w) w:nearest('hare', self, 16):remove() end }\n";

static void test_monsters(void **state)
{
	(void)state;
	begin(hare);
	sim_run(rig.sim, 2500);
	assert_int_equal(rig_status(&rig, "entities"), 4);
	assert_true(rig_lines(&rig, 72, "five") >= 3);
	assert_int_equal(rig_status(&rig, "script_errors"), 0);
	assert_int_equal(rig_act(&rig, 1, "shoo", 0), TROUPE_OK);
	sim_run(rig.sim, 60);
	assert_int_equal(rig_status(&rig, "entities"), 3);
	sim_run(rig.sim, 1000);
	assert_int_equal(rig_status(&rig, "entities"), 4); /* and another comes */
}

/* The same seed and the same calls: the same world. */
static void test_same_again(void **state)
{
	uint64_t hash[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(hare);
		sim_run(rig.sim, 5000);
		rig_look(&rig, 1);
		hash[i] = troupe_fnv64(rig.heard, sizeof(rig.heard));
		if (i == 0) {
			rig_close(&rig);
		}
	}
	assert_true(hash[0] == hash[1]);
}

/* --- what goes wrong ------------------------------------------------------------------------------ */

static void test_error_undone(void **state)
{
	(void)state;
	begin(HEAD "g.player { state = { n = 0 } }\n"
		   "g.action 'bad' { run = function(self) self.state.n = 5 self:say('never') self:walk_to { 9, 9 }\n"
		   "  local x = nil; return x.y end }\n"
		   "g.action 'show' { run = function(self) return 'n' .. self.state.n end }\n");
	assert_int_equal(rig_act(&rig, 1, "bad", 0), TROUPE_FAILED_PRECONDITION);
	assert_string_equal(rig.reason, "world.rule_failed");
	sim_run(rig.sim, 200);
	assert_int_equal(rig_lines(&rig, 72, "never"), 0);
	rig_look(&rig, 1);
	assert_true(rig.x == 0);
	rig_act(&rig, 1, "show", 0);
	assert_string_equal(rig.text, "n0");
	assert_true(sim_logged(rig.sim, "rules.lua:4"));
	assert_true(sim_logged(rig.sim, "action \"bad\""));
	assert_int_equal(rig_status(&rig, "script_errors"), 1);
}

static void test_errors(void **state)
{
	static const struct {
		const char *name, *code, *said;
	} cases[] = {
		{ "loop", "while true do end", "budget" },
		{ "pcall storm", "while true do pcall(error) end", "budget" },
		{ "memory", "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "" },
		{ "recursion", "local function f() return 1 + f() end return f()", "rules.lua" },
		{ "unknown global", "return os.time()", "no global 'os'" },
		{ "undeclared state", "self.state.q = 1", "the state has no `q`" },
		{ "wrong type", "self.state.n = {}", "declared as a number" },
		{ "own field", "self.q = 1", "cannot be set" },
		{ "unknown field", "return self.q", "has no `q`" },
		{ "NaN", "self:walk_to { 0/0, 1 }", "`at` is a place" },
		{ "too much", "for i = 1, 1000 do self:say('x') end", "256 things" },
		{ "long line", "self:say(('x'):rep(1000))", "1 to 512 bytes" },
		{ "bad UTF-8", "self:say('\\xff')", "UTF-8" },
		{ "timer without method", "self:every('2s', 'nothing')", "no method \"nothing\"" },
		{ "bad time", "self:after('2 weeks', 'm')", "a time is written" },
		{ "late registration", "g.on('tick', print)", "not later" },
		{ "remove a player", "self:remove()", "cannot be removed" },
		{ "spawn nothing", "w:spawn('nothing', self)", "no kind of entity" },
		{ "no entity", "self.tell({}, 'x')", "call it with a colon" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char script[512];

		if (i > 0) {
			rig_close(&rig);
		}
		snprintf(script, sizeof(script),
			 HEAD "g.player { state = { n = 0 }, m = function() end }\n"
			      "g.action 'bad' { run = function(self, w)\n%s\nend }\n",
			 cases[i].code);
		begin(script);
		if (rig_act(&rig, 1, "bad", 0) != TROUPE_FAILED_PRECONDITION || !sim_logged(rig.sim, cases[i].said) ||
		    !sim_logged(rig.sim, "rules.lua:")) {
			fail_msg("%s: status %d %s", cases[i].name, rig.status, rig.reason);
		}
		sim_run(rig.sim, 100);
		assert_int_equal(rig_look(&rig, 1), TROUPE_OK); /* the world goes on */
	}
}

static void test_quarantine(void **state)
{
	long errors;

	(void)state;
	begin(HEAD "g.monster 'slug' { count = 4, every = 1, think = function(self) error('slow') end }\n"
		   "g.action 'ok' { run = function() return 'fine' end }\n");
	sim_run(rig.sim, 3000);
	errors = rig_status(&rig, "script_errors");
	assert_int_equal(errors, 3);
	assert_int_equal(rig_status(&rig, "script_paused"), 1);
	assert_true(sim_logged(rig.sim, "monster \"slug\".think failed 3 times and is paused"));
	rig_act(&rig, 1, "ok", 0);
	assert_string_equal(rig.text, "fine"); /* nobody else is */
	assert_int_equal(rig_reload(&rig), TROUPE_OK);
	sim_run(rig.sim, 1000);
	/* it had another chance, and all four took it before the tick's end */
	assert_int_equal(rig_status(&rig, "script_errors"), 7);
}

/* One player cannot switch off a rule for all: what fails for him counts once; what holds up the world counts each time. */
static void test_quarantine_players(void **state)
{
	(void)state;
	begin(HEAD "g.action 'poke' { run = function(self, w, target) return target.name end }\n"
		   "g.action 'loop' { run = function() while true do end end }\n"
		   "g.edit 'dig' { apply = function(w, e) return e.nothing.at_all end }\n"
		   "g.action 'dig' { run = function(self, w) w:ask { edit = 'dig', at = self.pos } end }\n");
	for (int i = 0; i < 8; i++) {
		rig_act(&rig, 1, "poke", 0);
		assert_string_equal(rig.reason, "world.rule_failed");
		rig_act(&rig, 1, "dig", 0);
		assert_string_equal(rig.reason, "world.rule_failed");
	}
	assert_int_equal(rig_status(&rig, "script_errors"), 16);
	assert_int_equal(rig_status(&rig, "script_paused"), 0);
	for (uint64_t avatar = 2; avatar <= 3; avatar++) {
		rig_enter(&rig, avatar, avatar == 2 ? "Bob" : "Cid", 0, 0, 1);
		rig_act(&rig, avatar, "poke", 1);
		assert_string_equal(rig.text, "Ann"); /* it goes on */
		rig_act(&rig, avatar, "poke", 0);
	}
	assert_int_equal(rig_status(&rig, "script_paused"), 1);
	assert_true(sim_logged(rig.sim, "action \"poke\" failed 10 times and is paused"));
	for (int i = 0; i < 4; i++) {
		rig_act(&rig, 1, "loop", 0);
	}
	assert_string_equal(rig.reason, "world.rule_paused");
}

/* --- reloads -------------------------------------------------------------------------------------- */

static void test_reload_keeps(void **state)
{
	(void)state;
	begin(HEAD "g.monster 'cat' { count = 1, home = { x = 2, y = 2, radius = 0 } }\n"
		   "g.player { state = { n = 0, old = 'o', gold = 1 } }\n"
		   "g.action 'pet' { run = function(self) local s = self.state\n"
		   "  s.n = s.n + 1 s.gold = 9 return 'n' .. s.n end }\n");
	sim_run(rig.sim, 1000);
	rig_act(&rig, 1, "pet", 0);
	rig_act(&rig, 1, "pet", 0);
	assert_string_equal(rig.text, "n2");
	rig_script(&rig, "rules.lua",
		   HEAD "g.monster 'bird' { count = 1 }\n"
			"g.monster 'cat' { count = 1 }\n"
			"g.player { state = { n = 100, old = 7, new = 'new', gold = 1 } }\n"
			"g.action 'pet' { run = function(self) local s = self.state\n"
			"  return s.n .. s.old .. s.new .. s.gold end }\n");
	assert_int_equal(rig_reload(&rig), TROUPE_OK);
	assert_int_equal(rig_status(&rig, "generation"), 2);
	rig_act(&rig, 1, "pet", 0);
	assert_true(sim_logged(rig.sim, "`old` in the state of a player is a number now and was a string"));
	assert_string_equal(rig.text, "27new9"); /* kept; another type now: as declared; new; kept */
	/* a kind that is gone takes its entities along */
	sim_run(rig.sim, 1000);
	assert_int_equal(rig_status(&rig, "entities"), 3);
	rig_script(&rig, "rules.lua", HEAD);
	assert_int_equal(rig_reload(&rig), TROUPE_OK);
	assert_int_equal(rig_status(&rig, "entities"), 1);
	assert_int_equal(rig_act(&rig, 1, "pet", 0), TROUPE_NOT_FOUND);
}

static void on_rolled(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	(void)instance;
	(void)arg;
	(void)typed;
	rig.answered = 1;
	rig.status = reply->status;
}

static int32_t rollback(int64_t generation)
{
	rig.answered = 0;
	sim_command(rig.sim, "meadow/scheduler.s1", "script rollback", &generation, on_rolled, NULL);
	assert_true(sim_run_until(rig.sim, &rig.answered, 6000));
	return rig.status;
}

/* Rules that were in force once are so again, with what entities remember, and they are after all have died. */
static void test_rollback(void **state)
{
	(void)state;
	begin(HEAD "g.player { state = { n = 0 } }\n"
		   "g.action 'pet' { run = function(self) self.state.n = self.state.n + 1 return 'one' .. self.state.n end }\n");
	rig_act(&rig, 1, "pet", 0);
	assert_string_equal(rig.text, "one1");
	rig_script(&rig, "rules.lua", HEAD "g.player { state = { n = 0 } }\n"
		   "g.action 'pet' { run = function(self) self.state.n = self.state.n + 10 return 'two' .. self.state.n end }\n");
	assert_int_equal(rig_reload(&rig), TROUPE_OK);
	rig_act(&rig, 1, "pet", 0);
	assert_string_equal(rig.text, "two11");
	assert_int_equal(rollback(1), TROUPE_OK);
	rig_act(&rig, 1, "pet", 0);
	assert_string_equal(rig.text, "one12");
	sim_power(rig.sim);
	rig_runs(&rig);
	sim_run(rig.sim, 3000);
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 1), TROUPE_OK);
	rig_act(&rig, 1, "pet", 0);
	assert_string_equal(rig.text, "one13");
	assert_int_equal(rollback(9), TROUPE_NOT_FOUND);
}

static void test_reload_refused(void **state)
{
	static const struct {
		const char *name, *text, *said;
	} cases[] = {
		{ "syntax", "local x = = 1", "unexpected symbol near" },
		{ "error", "error('no')", "no" },
		{ "loop", "while true do end", "budget" },
		{ "unknown event", HEAD "g.on('enterr', print)", "there is no event 'enterr'" },
		{ "no function", HEAD "g.on('enter', 1)", "is a function, or" },
		{ "unknown field", HEAD "g.monster 'x' { sped = 1 }", "`sped` means nothing" },
		{ "out of range", HEAD "g.monster 'x' { speed = -1 }", "`speed` is 0 to 100, not -1" },
		{ "bad state", HEAD "g.monster 'x' { state = { f = print } }", "the state of monster \"x\"" },
		{ "twice", HEAD "g.monster 'x' {} g.monster 'x' {}", "defined twice" },
		{ "no run", HEAD "g.action 'x' {}", "has no `run`" },
		{ "bad name", HEAD "g.action 'X y' {}", "`name` is a name" },
		{ "effects", HEAD "g.tell_all('x')", "while the scripts are being read" },
		{ "missing file", "require 'nothing'", "nothing called 'nothing'" },
		{ "write to the library", HEAD "g.on = 1", "read-only" },
	};

	(void)state;
	begin(HEAD "g.action 'ok' { run = function() return 'first' end }\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_script(&rig, "more.lua", cases[i].text);
		if (rig_reload(&rig) != TROUPE_FAILED_PRECONDITION || !sim_logged(rig.sim, cases[i].said)) {
			fail_msg("%s: %d %s", cases[i].name, rig.status, rig.reason);
		}
		assert_string_equal(rig.reason, "world.reload_refused");
		if (strstr(rig.text, "reload refused, generation 1") == NULL || strstr(rig.text, "  --> mechanics-") == NULL ||
		    strstr(rig.text, "/more.lua:") == NULL || strstr(rig.text, cases[i].said) == NULL) {
			fail_msg("%s: the answer is %s", cases[i].name, rig.text);
		}
		assert_int_equal(rig_status(&rig, "generation"), 1);
		rig_act(&rig, 1, "ok", 0);
		assert_string_equal(rig.text, "first");
	}
	assert_true(sim_logged(rig.sim, "reload refused, generation 1 keeps running"));
	rig_script(&rig, "more.lua", NULL);
	rig_script(&rig, "rules.lua", HEAD "g.action 'ok' { run = function() return 'second' end }\n");
	assert_int_equal(rig_reload(&rig), TROUPE_OK);
	rig_act(&rig, 1, "ok", 0);
	assert_string_equal(rig.text, "second");
}

/* A new world waits for rules that are right, and says so to players. */
static void test_no_rules(void **state)
{
	(void)state;
	rig_begin(&rig, "size = 64", RIG_ONE, HEAD "g.on('enter', function(p) p:tell('hi') end\n", 1);
	rig_script(&rig, "other.lua", "x = = 1");
	sim_run(rig.sim, 3000);
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 1), TROUPE_UNAVAILABLE);
	assert_string_equal(rig.reason, "world.no_rules");
	assert_int_equal(rig_reload(&rig), TROUPE_FAILED_PRECONDITION);
	assert_non_null(strstr(rig.text, "2 of 2 files failed"));
	assert_non_null(strstr(rig.text, "/other.lua:1"));
	assert_non_null(strstr(rig.text, "/rules.lua:3"));
	rig_script(&rig, "other.lua", NULL);
	rig_script(&rig, "rules.lua", HEAD "g.on('enter', function(p) p:tell('hi') end)\n");
	rig_runs(&rig);
	assert_int_equal(rig_enter(&rig, 1, "Ann", 0, 0, 1), TROUPE_OK);
	sim_run(rig.sim, 200);
	assert_int_equal(rig_lines(&rig, 73, "hi"), 1);
}

/* A line that writes is an input: it counts from the next tick on, and is there after a restore. */
static void test_write(void **state)
{
	long entities;

	(void)state;
	begin(HEAD "g.monster 'hare' { speed = 1 }\n");
	entities = rig_status(&rig, "entities");
	assert_int_equal(rig_repl(&rig, "1 + 1", 0, NULL), TROUPE_OK);
	assert_string_equal(rig.text, "{\"result\":\"2\"}");
	assert_int_equal(rig_repl(&rig, "w:spawn('hare', { x = 3, y = 3 })", 0, NULL), TROUPE_FAILED_PRECONDITION);
	assert_string_equal(rig.reason, "script.failed");
	assert_non_null(strstr(rig.text, "error[S0413]"));
	assert_int_equal(rig_repl(&rig, "w:spawn('hare', { x = 3, y = 3 }) return 6 * 7", 1, NULL), TROUPE_OK);
	assert_string_equal(rig.text, "{\"result\":\"42\"}");
	sim_run(rig.sim, 200);
	assert_int_equal(rig_status(&rig, "entities"), entities + 1);
	assert_int_equal(rig_repl(&rig, "w:spawn('hare', { x = 3, y = 3 }) error('no')", 1, NULL), TROUPE_FAILED_PRECONDITION);
	assert_string_equal(rig.reason, "script.failed");
	assert_non_null(strstr(rig.text, "error[S0101]: no\n  --> (line):1"));
	sim_run(rig.sim, 200);
	assert_int_equal(rig_status(&rig, "entities"), entities + 1);
	assert_int_equal(rig_repl(&rig, "e(1).name", 1, "0.5,0"), TROUPE_OK);
	assert_string_equal(rig.text, "{\"result\":\"Ann\"}");
	assert_int_equal(rig_repl(&rig, "1", 1, "900,0"), TROUPE_INVALID_ARGUMENT);
	assert_int_equal(rig_repl(&rig, "1", 1, "here"), TROUPE_INVALID_ARGUMENT);
	sim_crash(rig.sim, RIG_NAME);
	rig_runs(&rig);
	assert_int_equal(rig_repl(&rig, "#find('hare')", 0, NULL), TROUPE_OK);
	assert_string_equal(rig.text, "{\"result\":\"1\"}");
	assert_int_equal(rig_pause(&rig), TROUPE_OK);
	sim_run(rig.sim, 100);
	assert_int_equal(rig_repl(&rig, "w:spawn('hare', { x = 3, y = 3 })", 1, NULL), TROUPE_FAILED_PRECONDITION);
	assert_string_equal(rig.reason, "world.paused");
}

static void on_line(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	(void)instance;
	(void)reply;
	(void)typed;
	++*(int *)arg;
}

/* A line that waits for the database is done when nobody waits for it any more: the log says what came of it. */
static void test_write_late(void **state)
{
	static const struct {
		const char *line;
		int64_t write;
		const char *at;
	} args = { "w:spawn('hare', { x = 3, y = 3 }) return 6 * 7", 1, NULL };
	int answered = 0;
	long entities;

	(void)state;
	begin(HEAD "g.monster 'hare' { speed = 1 }\n");
	entities = rig_status(&rig, "entities");
	sim_db_down(rig.sim, "meadow", 1);
	sim_command(rig.sim, RIG_NAME, "repl", &args, on_line, &answered);
	sim_run(rig.sim, 40000);
	sim_db_down(rig.sim, "meadow", 0);
	sim_run(rig.sim, 5000);
	assert_int_equal(rig_status(&rig, "entities"), entities + 1);
	assert_true(sim_logged(rig.sim, "a line of an operator was done after 4"));
	assert_true(sim_logged(rig.sim, "return 6 * 7: 42"));
}

/* What is paused is shown by the scheduler too. */
static void test_paused_shown(void **state)
{
	(void)state;
	begin(HEAD "g.on('tick', function() error('again') end)\n");
	sim_run(rig.sim, 3000);
	assert_int_equal(rig_world(&rig), TROUPE_OK);
	assert_non_null(strstr(rig.text, "\"paused_rules\":[{\"rule\":\"on \\u0022tick\\u0022\",\"at\":\"mechanics-"));
	assert_non_null(strstr(rig.text, "/rules.lua:2\",\"errors\":3}]"));
}

/* Memory must not grow from reload to reload. */
static void test_many_reloads(void **state)
{
	long first;

	(void)state;
	begin(hare);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(rig_reload(&rig), TROUPE_OK);
	}
	first = rig_status(&rig, "script_memory");
	for (int i = 0; i < 300; i++) {
		assert_int_equal(rig_reload(&rig), TROUPE_OK);
		sim_run(rig.sim, 50);
	}
	assert_in_range(rig_status(&rig, "script_memory"), 1, first + first / 4);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_events),	 CASE(test_actions),	CASE(test_monsters),	 CASE(test_same_again),
		CASE(test_error_undone), CASE(test_errors),	CASE(test_quarantine),
		CASE(test_quarantine_players),	 CASE(test_reload_keeps),
		CASE(test_reload_refused), CASE(test_many_reloads), CASE(test_no_rules), CASE(test_paused_shown),
		CASE(test_write), CASE(test_write_late), CASE(test_rollback),
	};

	return cmocka_run_group_tests_name("mechanics rules", tests, NULL, NULL);
}
