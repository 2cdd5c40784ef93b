/* SPDX-License-Identifier: MIT */
/* A scheduler and owners of regions that the test plays: ticks, deaths, pauses, drains, checkpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/scheduler/rig.h"

static struct rig rig;

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void test_ticks_rise(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 1);
	rig_until(&rig, 1, 500);
	rig_run(&rig, 10000);
	assert_in_range(rig.told, 200, 203); /* one each 50 ms */
	assert_int_equal(rig.owners[0].restores, 1);
	assert_int_equal(rig.owners[0].regions, RIG_REGIONS);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"running\""));
	assert_int_equal(rig_number(&rig, "owners"), 1);
	assert_int_equal(rig_number(&rig, "late"), 0);
	assert_true(rig_says(&rig, "\"ticks_per_second\":\"20.0") || rig_says(&rig, "\"ticks_per_second\":\"19.9"));
}

/* owner_dies: in this stage of tick 30; the others go on from the same tick. */
static void owner_dies(unsigned stage)
{
	uint64_t took;

	rig_open(&rig, "checkpoint = \"1s\"", 0, 3);
	rig.owners[1].die_tick = 30;
	rig.owners[1].die_stage = stage;
	rig_until(&rig, 29, 2500);
	took = rig_until(&rig, 60, 10000);
	assert_true(rig.owners[1].dead);
	assert_in_range(took, 0, 31 * 50 + 2000 + 600); /* the lease, and a moment */
	assert_int_equal(rig.owners[0].restores, 2);
	assert_int_equal(rig.owners[0].regions + rig.owners[2].regions, RIG_REGIONS);
	assert_true(rig.owners[0].agains > 0);
	assert_int_equal(rig_command(&rig, "world audit", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"ok\":true"));
	/* it comes back */
	rig_alive(&rig.owners[1]);
	rig_run(&rig, 3000);
	assert_int_equal(rig.owners[0].restores, 3);
	assert_true(rig.owners[1].regions > 0);
	rig_until(&rig, rig.told + 20, 1500);
}

static void test_owner_dies_in_stage_1(void **state)
{
	(void)state;
	owner_dies(1);
}

static void test_owner_dies_in_stage_2(void **state)
{
	(void)state;
	owner_dies(2);
}

static void test_owner_dies_in_stage_3(void **state)
{
	(void)state;
	owner_dies(3);
}

static void test_owner_dies_between_ticks(void **state)
{
	(void)state;
	owner_dies(4);
}

static void test_no_owner(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 1);
	rig_until(&rig, 40, 3000);
	rig.owners[0].dead = 1;
	rig_run(&rig, 5000);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "no owner of the world is ready"));
	rig_alive(&rig.owners[0]);
	rig_until(&rig, 60, 3500);
	assert_int_equal(rig.owners[0].restores, 2);
}

/* An owner that fell and rose between two ticks is there, but holds nothing. */
static void test_owner_restarts(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 2);
	rig_until(&rig, 40, 3000);
	rig_alive(&rig.owners[1]);
	rig_until(&rig, 60, 1500);
	assert_int_equal(rig.owners[0].restores, 2);
	assert_int_equal(rig.owners[1].restores, 2);
}

static void test_owner_cannot_load(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 2);
	rig_until(&rig, 40, 3000);
	rig.owners[0].die_tick = 41;
	rig.owners[0].die_stage = 2;
	rig.owners[1].refuses_restore = 1;
	rig_run(&rig, 6000);
	assert_int_equal(rig.told, 40);
	rig.owners[1].refuses_restore = 0;
	rig_until(&rig, 60, 3000);
	assert_int_equal(rig.owners[1].regions, RIG_REGIONS);
}

/* One stops in the middle of loading, without a word: it does not hold up the others for long. */
static void test_owner_hangs(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 3);
	rig_until(&rig, 40, 3000);
	rig.owners[0].die_tick = 41;
	rig.owners[0].die_stage = 2;
	rig.owners[2].hangs_restore = 1;
	rig_until(&rig, 60, 12000);
	assert_int_equal(rig.owners[1].regions, RIG_REGIONS);
}

static void test_commits_unknown(void **state)
{
	static const struct sim_faults faults = { .commit_unknown = 100000, .commit_slow = 200000, .late_us = 30000 };

	(void)state;
	rig_open(&rig, "checkpoint = \"1s\"", 0, 2);
	sim_faults(rig.sim, &faults);
	rig_run(&rig, 20000);
	assert_true(rig.told > 100);
	sim_faults(rig.sim, NULL);
	rig_until(&rig, rig.told + 100, 5600);
	assert_int_equal(rig_command(&rig, "world audit", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"ok\":true"));
}

static void test_database_away(void **state)
{
	uint64_t told;

	(void)state;
	rig_open(&rig, "", 0, 2);
	rig_until(&rig, 40, 3000);
	sim_db_down(rig.sim, "meadow", 1);
	rig_run(&rig, 1000);
	told = rig.told;
	rig_run(&rig, 4000);
	assert_int_equal(rig.told, told);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "the database does not answer"));
	sim_db_down(rig.sim, "meadow", 0);
	rig_until(&rig, told + 20, 1500 + 2000);
	assert_int_equal(rig.owners[0].restores, 1); /* they wait for it too, and are not lost */
}

/* --- too much to do ------------------------------------------------------------------------------- */

static void test_slow(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 2);
	rig_until(&rig, 20, 2000);
	assert_int_equal(rig.owners[0].lates, 0);
	rig.owners[1].slow_ms = 130;
	rig_run(&rig, 25000);
	assert_in_range(rig.told, 200, 220); /* one after the other, none in between */
	assert_in_range(rig.owners[0].lates, 170, 200);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_in_range((uint64_t)rig_number(&rig, "late"), 25000 / 50 - 200 - 10, 25000 / 50 - 180);
	assert_true(rig_says(&rig, "\"entities_p50_ms\":\"130."));
	assert_true(sim_logged(rig.sim, "tick 130 ms of 50 ms for 10 s"));
	assert_true(sim_logged(rig.sim, "most of it in stage entities; the slowest owner is meadow/mechanics.m"));
	rig.owners[1].slow_ms = 0;
	rig_run(&rig, 3000);
	rig.owners[0].lates = 0;
	rig_until(&rig, rig.told + 40, 2100);
	assert_int_equal(rig.owners[0].lates, 0);
}

/* --- the map ---------------------------------------------------------------------------------------- */

static void test_map(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 2);
	rig.owners[0].load[0] = 18;
	rig.owners[0].load[5] = 4;
	rig.owners[0].load[15] = 2;
	rig_until(&rig, 45, 3000);
	assert_int_equal(rig_command(&rig, "world map", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"digit\":\"entities, . none, 9 the most: 18\""));
	assert_true(rig_says(&rig, "{\"y\":-128,\"cells\":\"a9"));
	assert_true(rig_says(&rig, "{\"y\":64,\"cells\":\"b.b.b.b1\"}"));
	assert_true(rig_says(&rig, "{\"letter\":\"b\",\"owner\":\"meadow/mechanics.m2\",\"regions\":"));
	assert_true(rig_says(&rig, "\"busiest\":[{\"region\":0,\"from\":\"(-128, -128)\",\"owner\":\"meadow/mechanics.m1\",\"entities\":18,"));
	/* a region that has become empty is so on the map too */
	rig.owners[0].load[15] = 0;
	rig_until(&rig, 85, 3000);
	assert_int_equal(rig_command(&rig, "world map", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "{\"y\":64,\"cells\":\"b.b.b.b.\"}"));
}

/* A world of many regions fits in a line too. */
static void test_map_large(void **state)
{
	const char *row;

	(void)state;
	rig_open(&rig, "size = 2048, region = 32", 0, 0);
	rig_run(&rig, 1000);
	assert_int_equal(rig_command(&rig, "world map", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"cell\":\"64 x 64 blocks, from x = -1024\""));
	row = strstr((const char *)rig.answer.body, "\"cells\":\"");
	assert_non_null(row);
	assert_int_equal(strcspn(row + 9, "\""), 64);
}

/* --- pause ---------------------------------------------------------------------------------------- */

static void test_pause(void **state)
{
	const struct {
		const char *reason;
	} args = { "a new bridge" };
	uint64_t told;

	(void)state;
	rig_open(&rig, "", 0, 2);
	rig_until(&rig, 10, 1000);
	assert_int_equal(rig_command(&rig, "world pause", &args), TROUPE_OK);
	told = rig.told;
	assert_int_equal(rig_number(&rig, "tick"), told);
	rig_run(&rig, 5000);
	assert_int_equal(rig.told, told);
	assert_string_equal(rig.owners[0].reason, "a new bridge");
	assert_int_equal(rig.owners[0].paused, 1);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"paused\",\"reason\":\"a new bridge\""));
	assert_int_equal(rig_command(&rig, "world checkpoint", NULL), TROUPE_FAILED_PRECONDITION);
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_until(&rig, told + 20, 1100);
}

/* The last owner falls while the world stands: it stands afterwards too, at the same tick. */
static void test_pause_lasts(void **state)
{
	uint64_t told;

	(void)state;
	rig_open(&rig, "", 0, 1);
	rig_until(&rig, 10, 1000);
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "" }), TROUPE_OK);
	told = rig.told;
	rig.owners[0].dead = 1;
	rig_run(&rig, 4000);
	rig_alive(&rig.owners[0]);
	rig_run(&rig, 3000);
	assert_int_equal(rig.owners[0].restores, 2);
	assert_int_equal(rig.owners[0].tick, told);
	assert_int_equal(rig.told, told);
	assert_string_equal(rig.owners[0].reason, "by an operator");
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_until(&rig, told + 20, 1100);
}

/* An owner that begins anew while the world stands gets its regions again at once. */
static void test_pause_and_restart(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 2);
	rig_until(&rig, 10, 1000);
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "" }), TROUPE_OK);
	rig_alive(&rig.owners[1]);
	rig_run(&rig, 500);
	assert_int_equal(rig.owners[1].restores, 2);
	assert_int_equal(rig.owners[1].tick, rig.told);
	assert_string_equal(rig.owners[1].reason, "by an operator");
}

static void on_pause_ended(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	(void)instance;
	(void)typed;
	*(int32_t *)arg = reply->status;
}

/* paused_while_lost: an owner falls while the database is silent, so the epoch of the restore waits for a write, or is one; a pause
 * that is asked for then is kept, also if `another` owner falls, and the world can go on. */
static void paused_while_lost(uint64_t down_ms, int another)
{
	int32_t status = -1;

	rig_open(&rig, "", 0, 3);
	rig.owners[1].die_tick = 30;
	rig.owners[1].die_stage = 1;
	rig_until(&rig, 29, 2500);
	rig_run(&rig, 100);
	assert_true(rig.owners[1].dead);
	sim_db_down(rig.sim, "meadow", 1);
	rig_run(&rig, down_ms); /* then it renews its lease, if nothing else is written */
	rig_alive(&rig.owners[1]);
	rig_run(&rig, 50);
	sim_command(rig.sim, RIG_A, "world pause", &(const char *){ "" }, on_pause_ended, &status);
	rig_run(&rig, 50);
	assert_int_equal(status, -1);
	if (another) {
		rig.owners[2].dead = 1;
		rig_run(&rig, 4000);
	}
	sim_db_down(rig.sim, "meadow", 0);
	rig_run(&rig, 3000);
	assert_int_equal(status, TROUPE_OK);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"paused\",\"reason\":\"by an operator\""));
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "" }), TROUPE_OK);
	if (another) {
		rig_alive(&rig.owners[2]);
	}
	sim_crash(rig.sim, RIG_A); /* it is written down */
	rig_run(&rig, 5000);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"paused\""));
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_until(&rig, rig.told + 20, 3000);
}

static void test_pause_while_an_epoch_waits(void **state)
{
	(void)state;
	paused_while_lost(1000, 0);
}

static void test_pause_while_an_epoch_is_written(void **state)
{
	(void)state;
	paused_while_lost(5, 1);
}

/* Checkpoints fail: the world stands while its journal can still be run again, and goes on once there is one. */
static void test_pause_without_checkpoints(void **state)
{
	uint64_t told;

	(void)state;
	rig_open(&rig, "checkpoint = \"1s\"", 0, 2);
	rig.owners[1].never_saves = 1;
	rig.owners[0].journal = 8u << 20;
	rig_run(&rig, 5000);
	assert_in_range(rig.told, 24, 27); /* 24 times 8 MB */
	told = rig.told;
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"paused\",\"reason\":\"192 MB of the journal are in no checkpoint"));
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_run(&rig, 35000); /* the one under way is given up */
	assert_in_range(rig.told, told + 1, told + 4);
	told = rig.told;
	rig.owners[1].never_saves = 0;
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_run(&rig, 1000);
	rig.owners[0].journal = 0;
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_until(&rig, told + 40, 3000);
}

static uint64_t digest_at(uint64_t tick, uint32_t owners)
{
	static char text[64];
	const char *at;

	rig_open(&rig, "", 0, owners);
	rig_until(&rig, tick, 3000);
	assert_int_equal(rig_command(&rig, "world digest", NULL), TROUPE_OK);
	assert_int_equal(rig_number(&rig, "tick"), tick + 1);
	at = strstr((const char *)rig.answer.body, "\"digest\":\"");
	assert_non_null(at);
	snprintf(text, sizeof(text), "%.16s", at + 10);
	return strtoull(text, NULL, 16);
}

static void test_digest(void **state)
{
	uint64_t one = digest_at(30, 1), tick;
	char before[128];

	(void)state;
	rig_close(&rig);
	assert_true(one != 0 && one == digest_at(30, 3));
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "" }), TROUPE_OK);
	tick = (uint64_t)rig_number(&rig, "tick");
	assert_int_equal(rig_command(&rig, "world digest", NULL), TROUPE_OK);
	assert_int_equal(rig_number(&rig, "tick"), tick);
	/* who runs the world next has it, too */
	snprintf(before, sizeof(before), "%.100s", (const char *)rig.answer.body);
	sim_crash(rig.sim, RIG_A);
	rig_run(&rig, 3000);
	assert_int_equal(rig_command(&rig, "world digest", NULL), TROUPE_OK);
	assert_string_equal(before, (const char *)rig.answer.body);
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_until(&rig, tick + 5, 3000);
	assert_int_equal(rig_command(&rig, "world digest", NULL), TROUPE_OK);
	assert_true((uint64_t)rig_number(&rig, "tick") > tick);
}

/* --- drains --------------------------------------------------------------------------------------- */

static void test_owner_drains(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 3);
	rig_until(&rig, 20, 2000);
	rig_drain(&rig.owners[0]);
	rig_until(&rig, rig.told + 3, 500);
	assert_int_equal(rig.owners[0].regions, 0);
	assert_int_equal(rig.owners[1].regions + rig.owners[2].regions, RIG_REGIONS);
	assert_int_equal(rig.owners[1].restores, 1); /* nobody was stopped for it */
	rig.owners[0].dead = 1;
	rig_until(&rig, rig.told + 100, 5200);
	assert_int_equal(rig.owners[1].restores, 1);
	assert_int_equal(rig_command(&rig, "world audit", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"ok\":true"));
}

static void test_last_owner_drains(void **state)
{
	(void)state;
	rig_open(&rig, "checkpoint = \"1h\"", 0, 2);
	rig_until(&rig, 20, 2000);
	rig_drain(&rig.owners[0]);
	rig_drain(&rig.owners[1]);
	rig_run(&rig, 500);
	assert_string_equal(rig.owners[1].reason, "no owner of the world is ready");
	assert_int_equal(rig_keys(&rig, WORLD_KEY_CHECKPOINT), 1);
	rig.owners[0].dead = rig.owners[1].dead = 1;
	rig_run(&rig, 2000);
	rig_alive(&rig.owners[1]);
	rig_until(&rig, rig.told + 20, 4000);
	assert_int_equal(rig.owners[1].agains, 0); /* the checkpoint was the last tick */
}

/* --- checkpoints ---------------------------------------------------------------------------------- */

static void test_checkpoints(void **state)
{
	(void)state;
	rig_open(&rig, "checkpoint = \"1s\"", 0, 2);
	rig_until(&rig, 10, 1000);
	assert_int_equal(rig_put(&rig.owners[0], "world/k/3,-2/00000000000fffff", 1), TROUPE_OK); /* of one that was given up */
	rig_until(&rig, 190, 10000);
	assert_int_equal(rig_keys(&rig, WORLD_KEY_CHECKPOINT), 1);
	assert_in_range(rig_keys(&rig, "world/c/"), 2, 4); /* those of the last, and of one under way */
	assert_in_range(rig_keys(&rig, "world/k/3,-2/0000000000000"), 1, 2); /* without the newest of them a chunk would be lost */
	assert_in_range(rig_keys(&rig, "world/j/"), 1, 2 * 24 / 3);
	assert_int_equal(rig_command(&rig, "world checkpoint", NULL), TROUPE_OK);
	assert_in_range((uint64_t)rig_number(&rig, "tick"), rig.told - 2, rig.told);
	assert_int_equal(rig_number(&rig, "chunks"), 2);
}

/* Without all parts there is none, and what the one before needs stays. */
static void test_checkpoint_unfinished(void **state)
{
	uint64_t first;

	(void)state;
	rig_open(&rig, "checkpoint = \"1s\"", 0, 2);
	rig_until(&rig, 60, 5000);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	first = (uint64_t)rig_number(&rig, "checkpoint");
	assert_true(first > 0);
	rig.owners[1].never_saves = 1;
	rig_run(&rig, 10000);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_in_range((uint64_t)rig_number(&rig, "checkpoint"), first, first + 21);
	first = (uint64_t)rig_number(&rig, "checkpoint");
	rig.owners[1].die_tick = rig.told + 1;
	rig.owners[1].die_stage = 1;
	rig_until(&rig, rig.told + 40, 6000);
	assert_true(rig.owners[0].agains >= 150); /* from that checkpoint on */
	assert_true(sim_logged(rig.sim, "is lost"));
}

static void test_checkpoint_given_up(void **state)
{
	(void)state;
	rig_open(&rig, "checkpoint = \"1s\"", 0, 2);
	rig.owners[1].never_saves = 1;
	rig_run(&rig, 35000);
	assert_true(sim_logged(rig.sim, "has not written its part"));
	rig.owners[1].never_saves = 0;
	rig_run(&rig, 35000);
	assert_int_equal(rig_keys(&rig, WORLD_KEY_CHECKPOINT), 1);
}

/* --- work ----------------------------------------------------------------------------------------- */

static void test_balance(void **state)
{
	uint32_t before;

	(void)state;
	rig_open(&rig, "balance = { threshold = 25, every = \"1s\" }", 0, 2);
	for (uint32_t i = 0; i < RIG_REGIONS; i++) {
		rig.owners[0].load[i] = i < 4 ? 100 : 1;
	}
	rig_until(&rig, 10, 1000);
	before = rig.owners[0].regions;
	assert_int_equal(before, 8);
	rig_until(&rig, 200, 11000);
	assert_int_equal(rig.owners[0].regions, 6); /* two of the four crowded ones went */
	assert_int_equal(rig.owners[0].restores, 1);
	assert_int_equal(rig_command(&rig, "regions", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"region\":0,\"from\":\"(-128, -128)\""));
	assert_int_equal(rig_command(&rig, "world rebalance", NULL), TROUPE_OK);
}

/* One crowded region cannot be divided: to move it would only change who is the heaviest. */
static void test_balance_one_crowd(void **state)
{
	(void)state;
	rig_open(&rig, "balance = { every = \"200ms\" }", 0, 2);
	for (uint32_t i = 0; i < RIG_REGIONS; i++) {
		rig.owners[0].load[i] = i == 0 ? 100 : 1;
	}
	rig_until(&rig, 200, 11000);
	assert_int_equal(rig.owners[0].mine[0], 1);
	assert_int_equal(rig.owners[1].regions, RIG_REGIONS - 1);
}

static void test_rebalance_by_hand(void **state)
{
	(void)state;
	rig_open(&rig, "balance = { threshold = 10000 }", 0, 2);
	rig.owners[0].load[0] = 30;
	rig.owners[0].load[1] = 20;
	rig_until(&rig, 30, 2000);
	assert_int_equal(rig_command(&rig, "world rebalance", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"region\":1,") || rig_says(&rig, "\"region\":0,"));
	rig_until(&rig, rig.told + 3, 500);
	assert_int_equal(rig.owners[0].regions, 7);
	assert_int_equal(rig.owners[1].regions, 9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_map), TEST(test_map_large),
		TEST(test_ticks_rise),
		TEST(test_owner_dies_in_stage_1),
		TEST(test_owner_dies_in_stage_2),
		TEST(test_owner_dies_in_stage_3),
		TEST(test_owner_dies_between_ticks),
		TEST(test_no_owner),
		TEST(test_owner_restarts),
		TEST(test_owner_cannot_load),
		TEST(test_owner_hangs),
		TEST(test_commits_unknown),
		TEST(test_database_away),
		TEST(test_slow),
		TEST(test_pause),
		TEST(test_pause_lasts),
		TEST(test_pause_and_restart),
		TEST(test_pause_while_an_epoch_waits),
		TEST(test_pause_while_an_epoch_is_written),
		TEST(test_pause_without_checkpoints),
		TEST(test_digest),
		TEST(test_owner_drains),
		TEST(test_last_owner_drains),
		TEST(test_checkpoints),
		TEST(test_checkpoint_unfinished),
		TEST(test_checkpoint_given_up),
		TEST(test_balance),
		TEST(test_balance_one_crowd),
		TEST(test_rebalance_by_hand),
	};

	return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
