/* SPDX-License-Identifier: MIT */
/* Two schedulers of one world: one runs it at any time, no tick is left out or happens twice, whatever befalls them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/scheduler/rig.h"

#define FOR_EVER 100000000u /* of a crash: it does not come back in this test */

static struct rig rig;

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static const char *other(const char *name)
{
	return strcmp(name, RIG_A) == 0 ? RIG_B : RIG_A;
}

static void never_back(void)
{
	static const struct sim_faults faults = { .restart_us = FOR_EVER };

	sim_faults(rig.sim, &faults);
}

static void test_one_stands_by(void **state)
{
	const char *active;

	(void)state;
	rig_open(&rig, "", 1, 2);
	rig_until(&rig, 20, 2000);
	active = rig_active(&rig);
	assert_true(sim_ready(rig.sim, active));
	assert_false(sim_ready(rig.sim, other(active)));
	assert_int_equal(ask_command(rig.sim, other(active), "world status", NULL, &rig.answer), TROUPE_OK);
	assert_true(rig_says(&rig, "\"world\":\"standing by\""));
	assert_true(rig_says(&rig, active));
	assert_int_equal(ask_command(rig.sim, other(active), "world pause", &(const char *){ "" }, &rig.answer),
			 TROUPE_FAILED_PRECONDITION);
	rig_run(&rig, 10000);
	assert_int_equal(rig.owners[0].restores, 1);
}

/* killed: in every millisecond of a tick, so to speak: from `ms` on. */
static void killed(uint64_t ms)
{
	const char *active;
	uint64_t told, took;

	rig_open(&rig, "checkpoint = \"1s\"", 1, 2);
	rig_until(&rig, 30, 2000);
	sim_run(rig.sim, ms);
	active = rig_active(&rig);
	never_back();
	sim_crash(rig.sim, active);
	told = rig.told;
	took = rig_until(&rig, told + 1, 4000);
	assert_in_range(took, 1500, 3000); /* lease + 1 s */
	assert_true(sim_ready(rig.sim, other(active)));
	rig_until(&rig, told + 50, 3000);
	assert_int_equal(rig.owners[0].restores, 2);
}

static void test_active_is_killed(void **state)
{
	(void)state;
	killed(1);
	for (uint64_t ms = 7; ms < 150; ms += 13) {
		rig_close(&rig);
		killed(ms);
	}
}

/* One that comes back under its own name need not wait for what it held itself. */
static void test_restart(void **state)
{
	uint64_t told;

	(void)state;
	rig_open(&rig, "", 0, 2);
	rig_until(&rig, 30, 2000);
	told = rig.told;
	sim_crash(rig.sim, RIG_A);
	rig_until(&rig, told + 20, 1200);
	assert_int_equal(rig.owners[0].restores, 2);
	assert_true(rig.owners[0].agains >= 30);
}

static void test_power(void **state)
{
	uint64_t told;

	(void)state;
	rig_open(&rig, "checkpoint = \"1s\"", 1, 2);
	for (int i = 0; i < 5; i++) {
		rig_run(&rig, 1370);
		told = rig.told;
		sim_power(rig.sim);
		rig_alive(&rig.owners[0]);
		rig_alive(&rig.owners[1]);
		rig_until(&rig, told + 10, 5000);
	}
}

static void test_frozen_is_fenced(void **state)
{
	const char *active;

	(void)state;
	rig_open(&rig, "", 1, 2);
	for (int i = 0; i < 4; i++) {
		uint64_t told;

		rig_run(&rig, 1013);
		active = rig_active(&rig);
		told = rig.told;
		sim_freeze(rig.sim, active, 6000);
		rig_until(&rig, told + 30, 5000);
		assert_true(sim_ready(rig.sim, other(active)));
		rig_run(&rig, 4000); /* it wakes */
		assert_true(sim_ready(rig.sim, other(active)));
		assert_false(sim_ready(rig.sim, active));
		assert_true(sim_logged(rig.sim, "stands down"));
		rig_until(&rig, rig.told + 20, 1100);
	}
}

/* From the moment on that another runs the world, nobody writes for the one before. */
static void test_fence(void **state)
{
	uint64_t epoch;

	(void)state;
	rig_open(&rig, "", 1, 1);
	rig_until(&rig, 10, 1000);
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "" }), TROUPE_OK); /* no owner writes anything */
	epoch = rig.owners[0].epoch;
	assert_int_equal(rig_put(&rig.owners[0], "world/c/x", epoch), TROUPE_OK);
	sim_freeze(rig.sim, rig_active(&rig), 100000);
	rig_run(&rig, 5000);
	assert_int_equal(rig.owners[0].epoch, epoch + 1);
	assert_int_equal(rig_put(&rig.owners[0], "world/c/x", epoch), TROUPE_FAILED_PRECONDITION);
	assert_int_equal(rig_put(&rig.owners[0], "world/c/x", epoch + 1), TROUPE_OK);
}

/* It is not the owners that were silent while this process slept. */
static void test_long_nap(void **state)
{
	(void)state;
	rig_open(&rig, "", 0, 2);
	rig_until(&rig, 10, 1000);
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "" }), TROUPE_OK);
	sim_freeze(rig.sim, RIG_A, 20000);
	rig_run(&rig, 25000);
	assert_int_equal(rig.owners[0].restores, 1);
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_until(&rig, 30, 1500);
	assert_int_equal(rig.owners[0].restores, 1);
}

/* A short nap is not the end of a reign. */
static void test_nap(void **state)
{
	const char *active;

	(void)state;
	rig_open(&rig, "", 1, 2);
	rig_run(&rig, 2000);
	active = rig_active(&rig);
	sim_freeze(rig.sim, active, 1000);
	rig_run(&rig, 3000);
	assert_string_equal(rig_active(&rig), active);
	assert_int_equal(rig.owners[0].restores, 1);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_in_range((uint64_t)rig_number(&rig, "late"), 17, 20);
}

static void test_drain_hands_over(void **state)
{
	const char *active;
	uint64_t told, took;

	(void)state;
	rig_open(&rig, "checkpoint = \"1h\"", 1, 2);
	rig_until(&rig, 40, 3000);
	active = rig_active(&rig);
	sim_drain(rig.sim, active);
	told = rig.told;
	took = rig_until(&rig, told + 10, 2000);
	assert_in_range(took, 100, 1200); /* the other has only to look again */
	assert_true(sim_ready(rig.sim, other(active)));
	assert_true(rig.owners[0].agains <= 2); /* it was preceded by a checkpoint */
}

static void test_pause_is_inherited(void **state)
{
	const char *active;
	uint64_t told;

	(void)state;
	rig_open(&rig, "", 1, 2);
	rig_until(&rig, 20, 2000);
	assert_int_equal(rig_command(&rig, "world pause", &(const char *){ "a new bridge" }), TROUPE_OK);
	told = rig.told;
	active = rig_active(&rig);
	never_back();
	sim_crash(rig.sim, active);
	rig_run(&rig, 6000);
	assert_true(sim_ready(rig.sim, other(active)));
	assert_int_equal(rig.told, told);
	assert_int_equal(rig_command(&rig, "world status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"reason\":\"a new bridge\""));
	assert_int_equal(rig_command(&rig, "world resume", NULL), TROUPE_OK);
	rig_until(&rig, told + 20, 1100);
}

static void test_database_away(void **state)
{
	const char *active;
	uint64_t told;

	(void)state;
	rig_open(&rig, "", 1, 2);
	rig_until(&rig, 20, 2000);
	active = rig_active(&rig);
	sim_db_down(rig.sim, "meadow", 1);
	rig_run(&rig, 10000);
	told = rig.told;
	sim_db_down(rig.sim, "meadow", 0);
	rig_until(&rig, told + 20, 3000);
	assert_true(rig.repeated > 0 && rig.owners[0].restores == 1); /* who waits for it is asked again, and not lost */
	assert_string_equal(rig_active(&rig), active); /* nobody could have renewed it, so nobody takes it */
}

/* --- everything at once --------------------------------------------------------------------------- */

static void misfortune(void)
{
	struct fake *owner = &rig.owners[sim_random(rig.sim) % rig.owners_len];

	switch (sim_random(rig.sim) % 8) {
	case 0:
		sim_crash(rig.sim, sim_random(rig.sim) % 2 == 0 ? RIG_A : RIG_B);
		break;
	case 1:
		sim_freeze(rig.sim, sim_random(rig.sim) % 2 == 0 ? RIG_A : RIG_B, sim_random(rig.sim) % 5000);
		break;
	case 2:
		owner->dead = 1;
		break;
	case 3:
		rig_alive(owner);
		break;
	case 4:
		if (!owner->dead) {
			rig_drain(owner);
		}
		break;
	case 5:
		owner->die_tick = rig.told + 1 + sim_random(rig.sim) % 5;
		owner->die_stage = 1 + (unsigned)(sim_random(rig.sim) % 4);
		break;
	case 6:
		sim_db_down(rig.sim, "meadow", 1);
		rig_run(&rig, sim_random(rig.sim) % 1500);
		sim_db_down(rig.sim, "meadow", 0);
		break;
	default:
		break;
	}
}

/* Between hosts frames get lost, ways are cut, processes stop and die. */
static const struct sim_faults of_hosts = { .lost = 2000, .repeated = 1000, .late = 20000, .late_us = 30000, .cut = 2000,
					    .stop = 500, .crash = 300, .cut_us = 4000000, .restart_us = 300000,
					    .commit_unknown = 5000 };
static const struct sim_faults of_one = { .commit_unknown = 20000, .commit_slow = 100000, .late_us = 20000,
					  .restart_us = 300000 };

static struct sim_wire total;

static void chaos(uint64_t seed, int hosts)
{
	struct sim_faults faults = hosts ? of_hosts : of_one;
	struct sim_wire wire;

	rig_open(&rig, "checkpoint = \"1s\"", hosts ? 2 : 1, 3);
	for (uint64_t i = 0; i < seed; i++) {
		sim_random(rig.sim);
	}
	sim_faults(rig.sim, &faults);
	for (int i = 0; i < 40; i++) {
		rig_run(&rig, sim_random(rig.sim) % 700);
		misfortune();
	}
	sim_wire(rig.sim, &wire);
	total.cuts += wire.cuts;
	total.stops += wire.stops;
	total.downs += wire.downs;
	sim_faults(rig.sim, NULL);
	for (uint32_t i = 0; i < rig.owners_len; i++) {
		rig.owners[i].die_tick = 0;
		rig_alive(&rig.owners[i]);
	}
	rig_until(&rig, rig.told + 20, 20000);
	rig_run(&rig, 6000);
	assert_int_equal(rig_command(&rig, "world audit", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"ok\":true"));
}

static void chaos_of(uint64_t len, int hosts)
{
	const char *seeds = getenv("SEEDS");

	len = seeds != NULL ? strtoull(seeds, NULL, 10) : len;
	for (uint64_t seed = 1; seed <= len; seed++) {
		if (seed > 1) {
			rig_close(&rig);
		}
		chaos(seed, hosts);
	}
}

static void test_chaos(void **state)
{
	(void)state;
	chaos_of(40, 0);
}

static void test_chaos_of_hosts(void **state)
{
	(void)state;
	chaos_of(20, 1);
	print_message("# %llu ways cut, %llu hosts stopped, %llu links lost\n", (unsigned long long)total.cuts,
		      (unsigned long long)total.stops, (unsigned long long)total.downs);
	assert_true(total.cuts > 0 && total.stops > 0 && total.downs > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one_stands_by),
		TEST(test_active_is_killed),
		TEST(test_restart),
		TEST(test_power),
		TEST(test_frozen_is_fenced),
		TEST(test_fence),
		TEST(test_nap),
		TEST(test_long_nap),
		TEST(test_drain_hands_over),
		TEST(test_pause_is_inherited),
		TEST(test_database_away),
		TEST(test_chaos),
		TEST(test_chaos_of_hosts),
	};

	return cmocka_run_group_tests_name("reigns", tests, NULL, NULL);
}
