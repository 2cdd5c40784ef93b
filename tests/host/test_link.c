/* SPDX-License-Identifier: MIT */
/* Links between hosts: each promise of link.h alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/link_world.h"

#define S_US 1000000u

static struct world world;

static void up(uint64_t seed)
{
	world_init(&world, seed);
	world_run(&world, S_US);
	assert_true(world.sides[0].up && world.sides[1].up);
}

static void end(void)
{
	world_run(&world, 20000);
	world_settled(&world);
	assert_string_equal(world.broken, "");
	world_fini(&world);
}

static struct link_counts counts_of(unsigned side)
{
	struct link_counts counts;

	link_counts(world.sides[side].link, &counts);
	return counts;
}

static void delivers(void **state)
{
	(void)state;
	up(1);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(world_push(&world, i & 1, i % 3 == 0 ? 0 : i), 0);
	}
	world_run(&world, S_US);
	assert_int_equal(counts_of(0).messages_sent, 500);
	assert_int_equal(counts_of(0).messages_received, 500);
	assert_int_equal(counts_of(0).bytes_sent, counts_of(1).bytes_received);
	assert_int_equal(counts_of(0).resent, 0);
	end();
}

/* One turn's messages share a frame; what is too much for one takes as few as it can. */
static void packs(void **state)
{
	unsigned before;

	(void)state;
	up(2);
	world.faults.delay_us = 0;
	before = world.sides[0].frames;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(world_push(&world, 0, 200), 0);
	}
	world_run(&world, 10000);
	assert_int_equal(world.sides[0].frames - before, 1);
	before = world.sides[0].frames;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(world_push(&world, 0, TROUPE_BODY_MAX), 0);
	}
	world_run(&world, 10000);
	assert_int_equal(world.sides[0].frames - before, 3);
	end();
}

/* Acknowledgements wait for a moment, and idle links are nearly silent. */
static void quiet(void **state)
{
	unsigned before;

	(void)state;
	up(3);
	before = world.sides[1].frames;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(world_push(&world, 0, 10), 0);
		world_run(&world, 400);
	}
	world_run(&world, 50000);
	assert_in_range(world.sides[1].frames - before, 1, 2);
	before = world.sides[1].frames;
	world_run(&world, 10 * S_US);
	assert_in_range(world.sides[1].frames - before, 19, 21);
	assert_in_range(counts_of(0).rtt_us, 100, 6000);
	end();
}

static void bounds(void **state)
{
	(void)state;
	up(4);
	world.cut[0] = true;
	for (uint32_t i = 0; i < LINK_QUEUE_MESSAGES; i++) {
		assert_int_equal(world_push(&world, 0, 0), 0);
	}
	assert_int_equal(world_push(&world, 0, 0), -EAGAIN);
	world_run(&world, 500000);
	assert_int_equal(world_push(&world, 0, 0), -EAGAIN);
	world.cut[0] = false;
	world_run(&world, 5 * S_US);
	assert_int_equal(world.delivered, LINK_QUEUE_MESSAGES);
	assert_int_equal(world.sides[0].downs, 0);
	world.cut[0] = true;
	for (int i = 0; i < 63; i++) {
		assert_int_equal(world_push(&world, 0, TROUPE_BODY_MAX), 0);
	}
	assert_int_equal(world_push(&world, 0, TROUPE_BODY_MAX), -EAGAIN);
	assert_int_equal(counts_of(0).full, 3);
	world.cut[0] = false;
	world_run(&world, 5 * S_US);
	end();
}

/* The receiver's credit slows the sender; what was accepted still comes. */
static void credit(void **state)
{
	(void)state;
	up(5);
	world.sides[1].window_moved = true;
	link_credit(world.sides[1].link, 1000);
	world_run(&world, 500000);
	assert_int_equal(world_push(&world, 0, 5000), 0); /* alone it may */
	assert_int_equal(world_push(&world, 0, 0), -EAGAIN);
	world_run(&world, 10000);
	link_credit(world.sides[1].link, 0);
	world_run(&world, 500000);
	assert_int_equal(world_push(&world, 0, 0), -EAGAIN);
	link_credit(world.sides[1].link, 10000);
	world_run(&world, 500000);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(world_push(&world, 0, 800), 0);
	}
	world_run(&world, 100);
	assert_int_equal(world_push(&world, 0, 1000), -EAGAIN);
	world_run(&world, 10000);
	assert_int_equal(world_push(&world, 0, 1000), 0);
	world_run(&world, 10000);
	end();
}

/* A process that stands still for 3 s: its peer gives it up, it does not give up its peer before it has read what waits. */
static void stopped(void **state)
{
	uint64_t session;

	(void)state;
	up(6);
	world_stop(&world, 1, 3 * S_US);
	for (int i = 0; i < 100; i++) {
		world_push(&world, 0, 100);
		world_run(&world, 40000);
	}
	assert_int_equal(world.sides[0].downs, 1);
	assert_int_equal(world.sides[1].downs, 1);
	session = world.sides[0].session;
	world_run(&world, S_US);
	assert_int_equal(world.sides[0].session, session);
	/* both at once, as when the whole machine stands: nobody is given up */
	world_stop(&world, 0, 3 * S_US);
	world_stop(&world, 1, 3 * S_US);
	world_run(&world, 5 * S_US);
	assert_int_equal(world.sides[0].downs + world.sides[1].downs, 2);
	assert_int_equal(world_push(&world, 0, 1), 0);
	world_run(&world, S_US);
	end();
}

static void silent(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) { /* one way, the other, both */
		up(7);
		world.cut[0] = i != 1;
		world.cut[1] = i != 0;
		world_push(&world, 0, 1);
		world_push(&world, 1, 1);
		world_run(&world, S_US);
		assert_true(world.sides[0].up && world.sides[1].up);
		world_run(&world, 3 * S_US);
		assert_false(world.sides[0].up || world.sides[1].up);
		assert_int_equal(world_push(&world, 0, 1), -ENOTCONN);
		assert_int_equal(counts_of(0).waiting + counts_of(1).waiting, 0);
		world.cut[0] = world.cut[1] = false;
		world_run(&world, 200000);
		assert_int_equal(world_push(&world, 0, 1), 0);
		world_run(&world, S_US);
		end();
	}
}

/* A new process takes the place of the old within a moment; a bye brings the peer down at once. */
static void restarted(void **state)
{
	(void)state;
	up(8);
	world_push(&world, 0, 1);
	world_restart(&world, 1, false);
	world_run(&world, 300000);
	assert_int_equal(world.sides[0].downs, 1);
	assert_int_equal(world_push(&world, 0, 1), 0);
	world_run(&world, S_US);
	link_bye(world.sides[1].link, world.now_us);
	world_run(&world, 1000);
	assert_false(world.sides[0].up || world.sides[1].up);
	world_run(&world, 5 * S_US);
	assert_false(world.sides[0].up || world.sides[1].up);
	assert_int_equal(world_push(&world, 1, 1), -ENOTCONN);
	world_restart(&world, 1, false);
	world_run(&world, 300000);
	assert_true(world.sides[0].up && world.sides[1].up);
	/* what was pushed before a bye comes; the bye itself may get lost */
	world_push(&world, 0, 1);
	world_push(&world, 1, 1);
	world_run(&world, 1000);
	world.cut[1] = true;
	link_bye(world.sides[1].link, world.now_us);
	world.cut[1] = false;
	world_run(&world, 600000);
	assert_false(world.sides[0].up);
	world_restart(&world, 1, true);
	world_run(&world, S_US);
	end();
}

/* A lost end of a large queue is sent again piece by piece, not all of it each time the timer runs out. */
static void resends(void **state)
{
	(void)state;
	up(9);
	world.cut[0] = true;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(world_push(&world, 0, TROUPE_BODY_MAX), 0);
	}
	world_run(&world, S_US);
	assert_in_range(counts_of(0).resent, 3, 6);
	world.cut[0] = false;
	world_run(&world, S_US);
	assert_int_equal(world.delivered, 40);
	assert_in_range(counts_of(0).resent, 40, 60);
	/* a gap is sent again at once */
	world.cut[0] = true;
	world_push(&world, 0, 50000);
	world_run(&world, 100);
	world.cut[0] = false;
	world_push(&world, 0, 1);
	world_run(&world, 5000);
	assert_int_equal(world.delivered, 42);
	end();
}

/* Whatever comes that is no frame of this connection changes nothing; damage within one ends the connection. */
static void damage(void **state)
{
	uint8_t bytes[LINK_HEAD + 8] = { 0 };

	(void)state;
	for (unsigned at = LINK_HEAD; at < LINK_HEAD + 2; at++) { /* its version, its kind */
		up(10);
		assert_int_equal(world_push(&world, 0, 10), 0);
		link_flush(world.sides[0].link, world.now_us);
		world_damage(&world, at);
		world_run(&world, 300);
		assert_int_equal(counts_of(1).malformed, 1);
		assert_int_equal(world.sides[1].downs, 1);
		assert_int_equal(world.delivered, 0);
		world_fini(&world);
	}
	up(10);
	link_receive(world.sides[0].link, bytes, 0, world.now_us);
	link_receive(world.sides[0].link, bytes, sizeof(bytes), world.now_us);
	assert_int_equal(counts_of(0).malformed, 2);
	assert_true(world.sides[0].up);
	world_fini(&world);
}

/* What comes before its turn is held up to a bound; the rest comes again. */
static void early(void **state)
{
	(void)state;
	up(11);
	world.faults.delay_us = 0;
	world.cut[0] = true;
	world_push(&world, 0, 1);
	link_flush(world.sides[0].link, world.now_us);
	world.cut[0] = false;
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(world_push(&world, 0, 0), 0);
	}
	world_run(&world, 2);
	assert_int_equal(world.delivered, 0);
	assert_int_equal(counts_of(1).held, 4095);
	assert_int_equal(counts_of(1).ahead, 5000 - 4095);
	world_run(&world, S_US);
	assert_int_equal(world.delivered, 5001);
	assert_int_equal(world.sides[0].downs, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivers), cmocka_unit_test(packs),	 cmocka_unit_test(quiet),
		cmocka_unit_test(bounds),   cmocka_unit_test(credit),	 cmocka_unit_test(stopped),
		cmocka_unit_test(silent),   cmocka_unit_test(restarted), cmocka_unit_test(resends),
		cmocka_unit_test(damage),   cmocka_unit_test(early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
