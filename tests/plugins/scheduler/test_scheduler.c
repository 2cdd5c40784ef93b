/* SPDX-License-Identifier: MIT */
/* A scheduler and owners of regions that the test plays: ticks, deaths, pauses, drains, checkpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
	assert_int_equal(rig_command(&rig, "status", NULL), TROUPE_OK);
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
	assert_int_equal(rig_command(&rig, "audit", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "\"ok\":true"));
	/* it comes back */
	rig.owners[1].dead = 0;
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
	assert_int_equal(rig_command(&rig, "status", NULL), TROUPE_OK);
	assert_true(rig_says(&rig, "no owner of the world is ready"));
	rig.owners[0].dead = 0;
	rig_until(&rig, 60, 3500);
	assert_int_equal(rig.owners[0].restores, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_ticks_rise),
		TEST(test_owner_dies_in_stage_1),
		TEST(test_owner_dies_in_stage_2),
		TEST(test_owner_dies_in_stage_3),
		TEST(test_owner_dies_between_ticks),
		TEST(test_no_owner),
	};

	return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
