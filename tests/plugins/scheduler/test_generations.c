/* SPDX-License-Identifier: MIT */
/* Rules and settings of a world: in force for all owners from one tick on, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/scheduler/rig.h"

#define FOR_EVER 100000000u

static struct rig rig;

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static int32_t reload(void)
{
	const struct {
		int64_t canary;
	} args = { 0 };

	return rig_command(&rig, "script reload", &args);
}

static int32_t rollback(int64_t generation)
{
	return rig_command(&rig, "script rollback", &generation);
}

/* in_force: the generation that all owners with regions run. */
static uint32_t in_force(void)
{
	for (uint32_t i = 1; i < rig.owners_len; i++) {
		assert_int_equal(rig.owners[i].generation, rig.owners[0].generation);
		assert_memory_equal(rig.owners[i].rules, rig.owners[0].rules, WORLD_DIGEST_SIZE);
	}
	return rig.owners[0].generation;
}

static void test_first(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 2);
	rig_until(&rig, 1, 1000);
	assert_int_equal(in_force(), 1); /* with the first tick, not after it */
	assert_int_equal(rig.owners[0].restores, 1);
	assert_int_equal(rig_keys(&rig, "world/s/"), 1);
	assert_int_equal(rig_keys(&rig, "world/j/0000000000000001/!"), 1);
	assert_int_equal(rig_command(&rig, "script list", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"generation\":1,"));
	assert_true(rig_says(&rig, "\"by\":\"the start\",\"result\":\"in force\""));
	assert_true(rig_says(&rig, "Z\",\"age\":\"0s\"") || rig_says(&rig, "Z\",\"age\":\"1s\""));
	assert_true(rig_says(&rig, "\"failed\":[],\"paused_rules\":[]"));
}

static void test_accepted(void **state)
{
	uint8_t first[WORLD_DIGEST_SIZE];

	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 3);
	rig_until(&rig, 5, 1000);
	memcpy(first, rig.owners[0].rules, WORLD_DIGEST_SIZE);
	rig_script(&rig, "rules.lua", "-- 2");
	assert_int_equal(reload(), TROUPE_OK);
	assert_int_equal(rig_number(&rig, "generation"), 2);
	assert_int_equal(in_force(), 2);
	assert_memory_not_equal(first, rig.owners[0].rules, WORLD_DIGEST_SIZE);
	assert_int_equal(rig_keys(&rig, "world/s/"), 2);
	assert_int_equal(reload(), TROUPE_OK); /* the same again is a generation too */
	assert_int_equal(in_force(), 3);
	assert_int_equal(rig_keys(&rig, "world/s/"), 2);
	assert_int_equal(rig_command(&rig, "script list", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"by\":\"test\",\"result\":\"in force\""));
}

static void test_refused(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 3);
	rig_until(&rig, 5, 1000);
	rig_script(&rig, "rules.lua", "-- 2");
	rig.owners[1].refuses_rules = 1;
	assert_int_equal(reload(), TROUPE_FAILED_PRECONDITION);
	assert_string_equal(rig.answer.reason, "world.reload_refused");
	assert_string_equal((const char *)rig.answer.body, "error[R0003]: reload refused, generation 1 keeps running\n"
							   "  = note: 1 of 2 files failed\n"
							   "error[S0102]: unexpected symbol\n  --> meadow/rules.lua:3\n"
							   "  = help: fix and save; nothing was changed\n");
	rig_until(&rig, rig.told + 10, 1000);
	assert_int_equal(in_force(), 1);
	assert_true(sim_logged(rig.sim, "reload refused, generation 1 keeps running"));
	assert_true(sim_logged(rig.sim, "1 of 2 files failed"));
	assert_true(sim_logged(rig.sim, "  --> meadow/rules.lua:3"));
	assert_int_equal(rig_command(&rig, "script list", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"result\":\"1 of 2 files failed\""));
	assert_true(rig_says(&rig, "\"failed\":[{\"at\":\"meadow/rules.lua:3\",\"error\":\"error[S0102]: unexpected symbol\"}]"));
	rig.owners[1].refuses_rules = 0;
	assert_int_equal(reload(), TROUPE_OK);
	assert_int_equal(in_force(), 2);
	assert_int_equal(rig_command(&rig, "script list", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"failed\":[]")); /* mended */
}

/* stands: a new world, for want of rules. */
static void stands(const char *why)
{
	char text[300];

	rig_run(&rig, 3000);
	assert_int_equal(rig.told, 0);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"no rules\""));
	snprintf(text, sizeof(text), "\"reason\":\"no rules: %s", why);
	if (!rig_says(&rig, text)) {
		fail_msg("not %s: %s", why, (const char *)rig.answer.body);
	}
	for (uint32_t i = 0; i < rig.owners_len; i++) {
		assert_string_equal(rig.owners[i].refusal, "world.no_rules");
	}
}

/* A world whose first rules are wrong does not begin without; when they are right it does so by itself. */
static void test_first_refused(void **state)
{
	uint32_t prepares;

	(void)state;
	rig_open(&rig, "SCRIPTS, checkpoint = \"500ms\"", 0, 2);
	rig.owners[0].refuses_rules = 1;
	stands("meadow/rules.lua:3: unexpected symbol");
	assert_true(sim_logged(rig.sim, "the world has no rules and does not begin"));
	prepares = rig.owners[0].prepares;
	rig_run(&rig, 10000);
	assert_int_equal(rig.owners[0].prepares, prepares); /* the same folder is not tried again and again */
	assert_int_equal(reload(), TROUPE_FAILED_PRECONDITION);
	assert_true(rig_says(&rig, "error[R0005]: the world has no rules"));
	/* who comes meanwhile knows, and so does the scheduler after this one */
	rig_alive(&rig.owners[1]);
	stands("meadow/rules.lua:3");
	sim_crash(rig.sim, RIG_A);
	rig_run(&rig, 3000);
	stands("meadow/rules.lua:3");
	rig.owners[0].refuses_rules = 0;
	rig_script(&rig, "rules.lua", "-- right");
	rig_until(&rig, 20, 3000);
	assert_int_equal(in_force(), 1);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"running\""));
	assert_int_equal(rig_number(&rig, "late"), 0); /* it has not lost the time in which it stood */
	/* from then on what is wrong changes nothing, even for a scheduler that begins with it */
	rig.owners[0].refuses_rules = 1;
	rig_script(&rig, "rules.lua", "-- wrong");
	sim_crash(rig.sim, RIG_A);
	rig_until(&rig, 60, 6000);
	assert_int_equal(in_force(), 1);
}

static void test_first_missing(void **state)
{
	char path[128];

	(void)state;
	rig_open(&rig, "SCRIPTS, watch = false", 0, 1);
	snprintf(path, sizeof(path), "%s-away", rig.scripts);
	assert_int_equal(rename(rig.scripts, path), 0);
	stands("the scripts in /tmp/scheduler-");
	assert_int_equal(rig_command(&rig, "script list", NULL), TROUPE_OK);
	assert_null(strstr(strstr((const char *)rig.answer.body, "cannot be read") + 1, "cannot be read")); /* told once */
	assert_int_equal(rename(path, rig.scripts), 0);
	rig_until(&rig, 20, 3000);
	assert_int_equal(in_force(), 1);
}

/* An owner that cannot try them says nothing about the rules: they are tried again. */
static void test_first_not_tried(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 1);
	rig.owners[0].no_memory = 1;
	stands("meadow/mechanics.m1 did not try them");
	rig.owners[0].no_memory = 0;
	rig_until(&rig, 20, 3000);
	assert_int_equal(in_force(), 1);
}

static void test_stands_and_drains(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 2);
	rig.owners[0].refuses_rules = 1;
	stands("meadow/rules.lua:3");
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "lunch" }), TROUPE_OK);
	rig_drain(&rig.owners[0]);
	rig_drain(&rig.owners[1]);
	rig_run(&rig, 1000);
	assert_string_equal(rig.owners[1].reason, "no owner of the world is ready");
}

static void test_paused_rules(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 2);
	rig_until(&rig, 5, 1000);
	rig.owners[0].pauses_rule = rig.owners[1].pauses_rule = 1;
	rig_until(&rig, 42, 3000);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"paused_rules\":[{\"rule\":\"monster slime.think\",\"at\":\"meadow/rules.lua:9\",\"errors\":10}]"));
	assert_int_equal(rig_command(&rig, "script list", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"paused_rules\":[{\"rule\":\"monster slime.think\""));
	rig.owners[0].pauses_rule = rig.owners[1].pauses_rule = 0;
	rig_script(&rig, "rules.lua", "-- 2");
	assert_int_equal(reload(), TROUPE_OK);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"paused_rules\":[]"));
}

/* While the world stands rules are tried and accepted, the newest replaces one that waits, and the first tick takes it. */
static void test_paused(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 2);
	rig_until(&rig, 5, 1000);
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "" }), TROUPE_OK);
	rig_script(&rig, "rules.lua", "-- 2");
	assert_int_equal(reload(), TROUPE_OK);
	assert_int_equal(rig_number(&rig, "generation"), 2);
	assert_int_equal(rig_number(&rig, "tick"), (int64_t)rig.told + 1);
	assert_int_equal(in_force(), 1);
	assert_true(sim_logged(rig.sim, "generation 2 is accepted, and runs as soon as the world goes on"));
	rig.owners[1].refuses_rules = 1;
	assert_int_equal(reload(), TROUPE_FAILED_PRECONDITION);
	rig.owners[1].refuses_rules = 0;
	assert_int_equal(reload(), TROUPE_OK);
	assert_int_equal(rollback(1), TROUPE_OK);
	rig_script(&rig, "rules.lua", "-- 3");
	assert_int_equal(reload(), TROUPE_OK);
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_until(&rig, rig.told + 5, 1000);
	assert_int_equal(in_force(), 2);
	assert_int_equal(rig_command(&rig, "script list", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"by\":\"test\",\"result\":\"in force\""));
}

static void test_canary(void **state)
{
	const struct {
		int64_t canary;
	} args = { 1 };

	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 3);
	rig_until(&rig, 5, 1000);
	assert_int_equal(rig.owners[1].prepares, 1);
	rig.owners[0].refuses_rules = 1;
	assert_int_equal(rig_command(&rig, "script reload", &args), TROUPE_FAILED_PRECONDITION);
	assert_int_equal(rig.owners[0].prepares, 2);
	assert_int_equal(rig.owners[1].prepares, 1); /* they have not even seen it */
	rig.owners[0].refuses_rules = 0;
	assert_int_equal(rig_command(&rig, "script reload", &args), TROUPE_OK);
	assert_int_equal(rig.owners[1].prepares, 2);
	assert_int_equal(in_force(), 2);
}

static void test_rollback(void **state)
{
	uint8_t first[WORLD_DIGEST_SIZE], second[WORLD_DIGEST_SIZE];

	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 2);
	rig_until(&rig, 5, 1000);
	memcpy(first, rig.owners[0].rules, WORLD_DIGEST_SIZE);
	assert_int_equal(rollback(0), TROUPE_NOT_FOUND);
	rig_script(&rig, "rules.lua", "-- 2");
	assert_int_equal(reload(), TROUPE_OK);
	memcpy(second, rig.owners[0].rules, WORLD_DIGEST_SIZE);
	assert_int_equal(rollback(0), TROUPE_OK);
	assert_int_equal(in_force(), 3);
	assert_memory_equal(first, rig.owners[0].rules, WORLD_DIGEST_SIZE);
	assert_int_equal(rollback(2), TROUPE_OK);
	assert_int_equal(in_force(), 4);
	assert_memory_equal(second, rig.owners[0].rules, WORLD_DIGEST_SIZE);
	assert_int_equal(rollback(17), TROUPE_NOT_FOUND);
	assert_string_equal(rig.answer.reason, "world.no_generation");
	assert_int_equal(rollback(1), TROUPE_OK);
	/* it lasts over a restart, since the folder has not changed */
	sim_crash(rig.sim, RIG_A);
	rig_until(&rig, rig.told + 20, 4000);
	assert_int_equal(in_force(), 5);
	assert_memory_equal(first, rig.owners[0].rules, WORLD_DIGEST_SIZE);
	assert_int_equal(rig_command(&rig, "script list", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"by\":\"test, back to 1\",\"result\":\"in force\""));
	/* ... until it has */
	rig_script(&rig, "rules.lua", "-- 3");
	sim_crash(rig.sim, RIG_A);
	rig_until(&rig, rig.told + 20, 4000);
	assert_int_equal(in_force(), 6);
}

/* What was in force at each tick is so again when the ticks are run again. */
static void test_run_again(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS, checkpoint = \"1h\"", 0, 3);
	rig_until(&rig, 5, 1000);
	rig_script(&rig, "rules.lua", "-- 2");
	assert_int_equal(reload(), TROUPE_OK);
	rig_until(&rig, 20, 1500);
	rig_script(&rig, "rules.lua", "-- 3");
	assert_int_equal(reload(), TROUPE_OK);
	rig_until(&rig, 40, 1500);
	rig.owners[2].die_tick = 41;
	rig.owners[2].die_stage = 2;
	rig_until(&rig, 60, 5000);
	rig_alive(&rig.owners[2]);
	rig_until(&rig, 120, 6000);
	assert_int_equal(in_force(), 3);
	assert_int_equal(rig.owners[0].prepares, 3 + 3); /* and after a checkpoint they came with it */
	assert_int_equal(rig.owners[2].restores, 2);
	assert_int_equal(rig.owners[2].prepares, 3);
}

/* A change of rules that cannot be read: ticks are not run again with other rules than theirs. */
static void test_run_again_damaged(void **state)
{
	struct worldkey key;
	uint64_t told;

	(void)state;
	rig_open(&rig, "SCRIPTS, checkpoint = \"1h\"", 0, 2);
	rig_until(&rig, 20, 2000);
	worldkey(&key, WORLD_KEY_CONTROL, 10ull);
	assert_int_equal(rig_put(&rig.owners[0], key.text, rig.owners[0].epoch), TROUPE_OK);
	told = rig.told;
	sim_crash(rig.sim, RIG_A);
	rig_run(&rig, 5000);
	assert_in_range(rig.told, told, told + 1);
	assert_int_equal(rig.owners[0].restores, 1);
	assert_true(sim_logged(rig.sim, "region.damaged: the change of rules of tick 10 in database meadow cannot be read"));
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"paused\",\"reason\":\"the change of rules of tick 10"));
}

/* An owner that cannot read them is not taken for one that is gone: all try again. */
static void test_run_again_unread(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS, checkpoint = \"1h\"", 0, 2);
	rig_until(&rig, 5, 1000);
	rig_script(&rig, "rules.lua", "-- 2");
	assert_int_equal(reload(), TROUPE_OK);
	rig_until(&rig, 20, 1500);
	rig.owners[0].unread = 1;
	sim_crash(rig.sim, RIG_A);
	rig_until(&rig, 40, 5000);
	assert_int_equal(rig.owners[0].unread, 0);
	assert_false(sim_logged(rig.sim, "is lost"));
	assert_int_equal(rig.owners[0].restores, 3);
	assert_true(rig.owners[0].regions > 0);
	assert_int_equal(in_force(), 2);
}

/* An owner falls while the rules are tried, or with the tick that takes them. */
static void test_death_meanwhile(void **state)
{
	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 3);
	for (unsigned stage = 1; stage <= 4; stage++) {
		uint32_t before;

		rig_until(&rig, rig.told + 30, 3000);
		before = in_force();
		rig_script(&rig, "rules.lua", stage % 2 == 0 ? "-- a" : "-- b");
		rig.owners[1].die_tick = rig.told + 1;
		rig.owners[1].die_stage = stage;
		assert_int_equal(reload(), TROUPE_OK);
		assert_int_equal(rig.owners[0].generation, before + 1);
		rig_alive(&rig.owners[1]);
		rig_until(&rig, rig.told + 60, 6000);
		assert_int_equal(in_force(), before + 1);
	}
}

static void test_old_ones_go(void **state)
{
	char text[32];

	(void)state;
	rig_open(&rig, "SCRIPTS, checkpoint = \"500ms\", keep = 3", 0, 1);
	rig_until(&rig, 5, 1000);
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "-- %d", 10 + i);
		rig_script(&rig, "rules.lua", text);
		assert_int_equal(reload(), TROUPE_OK);
	}
	rig_until(&rig, rig.told + 50, 3000);
	assert_in_range(rig_keys(&rig, "world/s/"), 3, 4);
	assert_int_equal(rollback(2), TROUPE_NOT_FOUND);
	assert_int_equal(rollback(8), TROUPE_OK);
}

static void test_large(void **state)
{
	static char text[190001];
	char name[32];

	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 1);
	rig_until(&rig, 5, 1000);
	memset(text, '-', sizeof(text) - 1);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "large%d.lua", i);
		rig_script(&rig, name, text);
	}
	assert_int_equal(reload(), TROUPE_OK);
	assert_int_equal(rig_number(&rig, "files"), 6);
	assert_int_equal(rig_keys(&rig, "world/s/"), 1 + 5);
	assert_int_equal(in_force(), 2);
}

static void test_too_large(void **state)
{
	static char text[210001];

	(void)state;
	rig_open(&rig, "SCRIPTS", 0, 1);
	rig_until(&rig, 5, 1000);
	memset(text, '-', sizeof(text) - 1);
	rig_script(&rig, "large.lua", text);
	assert_int_equal(reload(), TROUPE_FAILED_PRECONDITION);
	assert_true(sim_logged(rig.sim, "large.lua has 210000 bytes; a file of rules has at most"));
	assert_int_equal(in_force(), 1);
}

/* --- settings ------------------------------------------------------------------------------------- */

static const struct config_instance *instance_of(const struct config *config, const char *role)
{
	for (uint32_t i = 0; i < config->instances_len; i++) {
		if (strcmp(config->instances[i].role, role) == 0) {
			return &config->instances[i];
		}
	}
	return NULL;
}

static void test_settings(void **state)
{
	static const char text[] = "cluster \"t\" { }\npart \"shard:meadow\"\n"
				   "database \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
				   "scheduler \"a\" { database = \"meadow\", speed = 7, tick = \"100ms\", checkpoint = \"1h\" }\n";
	static const struct sim_faults slow = { .commit_slow = 1000000, .late_us = 150000 };
	struct troupe_error error = { .size = sizeof(error) };
	struct config *config = sim_config(text, NULL);
	const struct config_instance *to = instance_of(config, "scheduler");
	uint64_t told;

	(void)state;
	rig_open(&rig, "checkpoint = \"1h\"", 0, 2);
	rig_until(&rig, 20, 2000);
	assert_int_equal(rig.owners[0].speed, 4);
	assert_int_equal(to->plugin->role->configure(sim_instance(rig.sim, RIG_A), to->options, &error), TROUPE_OK);
	sim_faults(rig.sim, &slow); /* so that the checkpoint takes longer than a tick */
	rig_until(&rig, 30, 8000);
	sim_faults(rig.sim, NULL);
	assert_int_equal(rig.owners[0].speed, 7);
	assert_int_equal(rig.owners[0].restores, 2);
	assert_int_equal(rig.owners[0].agains, 0); /* no tick is run again with other settings than the first time */
	told = rig.told;
	rig_run(&rig, 2000);
	assert_in_range(rig.told, told + 19, told + 21);
	/* what is not taken over yet is not taken over by a restore that runs ticks again */
	sim_crash(rig.sim, RIG_A); /* comes back with the first configuration */
	rig_until(&rig, rig.told + 5, 3000);
	assert_true(rig.owners[0].agains > 0);
	assert_int_equal(rig.owners[0].speed_again, 7);
	assert_int_equal(rig.owners[0].speed, 4);
	sim_close(rig.sim);
	config_free(config);
	rig.sim = NULL;
}

/* --- the shape ------------------------------------------------------------------------------------ */

static void refused(const char *options, const char *text)
{
	char config_text[512];
	struct config *config;
	struct sim *sim;

	snprintf(config_text, sizeof(config_text), "cluster \"t\" { }\npart \"shard:meadow\"\n"
		 "database \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
		 "scheduler \"a\" { database = \"meadow\" }\nscheduler \"b\" { database = \"meadow\", %s }\n", options);
	config = sim_config(config_text, NULL);
	assert_non_null(config);
	sim = sim_open(config, 1);
	sim_run(sim, 5000);
	assert_true(sim_ready(sim, RIG_A));
	assert_false(sim_ready(sim, RIG_B));
	assert_true(sim_logged(sim, text));
	sim_crash(sim, RIG_A);
	sim_run(sim, 10000);
	assert_true(sim_ready(sim, RIG_A)); /* the other has never taken it */
	sim_close(sim);
	config_free(config);
}

static void test_another_shape(void **state)
{
	(void)state;
	refused("size = 512", "the world in database meadow has size = 256, the configuration says 512");
	refused("height = 32", "has height = 64, the configuration says 32");
	refused("region = 32", "has region = 64, the configuration says 32");
	refused("seed = 5", "has seed = 1, the configuration says 5");
	refused("map = \"flat\"", "has map = \"hills\", the configuration says \"flat\"");
}

static void test_what_cannot_be(void **state)
{
	static const char *const options[] = { "size = 100", "height = 40", "region = 20", "size = 8192, region = 16",
					       "map = \"sea\"", "commit = \"never\"" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		snprintf(text, sizeof(text), "cluster \"t\" { }\npart \"shard:meadow\"\n"
			 "database \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
			 "scheduler \"a\" { database = \"meadow\", %s }\n", options[i]);
		assert_null(sim_config(text, NULL));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_shape), cmocka_unit_test(test_what_cannot_be),
		TEST(test_first),	   TEST(test_accepted),	 TEST(test_refused),   TEST(test_first_refused),
		TEST(test_first_missing),  TEST(test_first_not_tried), TEST(test_stands_and_drains), TEST(test_paused_rules),
		TEST(test_paused),	   TEST(test_canary),	 TEST(test_rollback),  TEST(test_run_again), TEST(test_run_again_unread), TEST(test_run_again_damaged),
		TEST(test_death_meanwhile), TEST(test_old_ones_go), TEST(test_large),	 TEST(test_too_large), TEST(test_settings),
	};

	return cmocka_run_group_tests_name("generations", tests, NULL, NULL);
}
