/* SPDX-License-Identifier: MIT */
/* The loop and its timing wheel, against a plain model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/core/loop.h"

/* --- the wheel ------------------------------------------------------------------------------------ */

#define NODES 2000u

struct model_node {
	struct wheel_node node; /* first */
	uint64_t expired_ms;
	bool stopped;
};

static struct wheel wheel;
static struct model_node nodes[NODES];
static uint64_t wheel_clock;

static void on_node(struct wheel_node *node)
{
	struct model_node *own = (struct model_node *)(void *)node;

	assert_int_equal(own->expired_ms, 0);
	assert_false(own->stopped);
	own->expired_ms = wheel_clock;
}

/* Random deadlines up to some distance, time in random steps: nothing early, nothing later than the step. */
static void wheel_model(void **state)
{
	static const uint64_t spans_ms[] = { 10, 300, 70000, 20000000, 6000000000 };

	(void)state;
	srand(7);
	for (unsigned s = 0; s < sizeof(spans_ms) / sizeof(spans_ms[0]); s++) {
		uint64_t begin = 1000003 * s + 250;
		wheel_init(&wheel, begin);
		for (unsigned i = 0; i < NODES; i++) {
			uint64_t far = ((uint64_t)rand() << 20 ^ (uint64_t)rand()) % spans_ms[s];
			nodes[i] = (struct model_node){ .node.expire = on_node };
			wheel_start(&wheel, &nodes[i].node, begin + far);
		}
		for (unsigned i = 0; i < NODES; i += 7) {
			wheel_stop(&wheel, &nodes[i].node);
			wheel_stop(&wheel, &nodes[i].node);
			nodes[i].stopped = true;
		}
		uint64_t before = begin;
		wheel_clock = begin;
		while (wheel.count > 0) {
			uint64_t next = wheel_next(&wheel);
			before = wheel_clock;
			/* sometimes exactly when asked to, sometimes late */
			wheel_clock = next > wheel_clock ? next : wheel_clock;
			wheel_clock += rand() % 3 == 0 ? (uint64_t)rand() % (spans_ms[s] / 50 + 2) : 0;
			wheel_advance(&wheel, wheel_clock);
			for (unsigned i = 0; i < NODES; i += 97) {
				if (nodes[i].expired_ms == wheel_clock) {
					assert_true(nodes[i].node.at_ms <= wheel_clock);
					assert_true(nodes[i].node.at_ms + 1 >= before);
				}
			}
		}
		for (unsigned i = 0; i < NODES; i++) {
			assert_true(nodes[i].stopped == (nodes[i].expired_ms == 0));
			assert_true(nodes[i].stopped || nodes[i].expired_ms >= nodes[i].node.at_ms);
		}
		assert_true(wheel_next(&wheel) == UINT64_MAX);
	}
}

/* --- tasks ---------------------------------------------------------------------------------------- */

#define POSTERS 3u
#define POSTS 20000u

struct numbered {
	struct loop_task task; /* first */
	unsigned poster, number;
};

static struct loop *loop;
static struct numbered posts[POSTERS][POSTS];
static unsigned next_number[POSTERS], wrong, done;

static void on_numbered(struct loop_task *task)
{
	struct numbered *own = (struct numbered *)(void *)task;

	wrong += own->number != next_number[own->poster]++;
	wrong += loop_current() != loop;
	if (++done == POSTERS * POSTS) {
		loop_stop(loop);
	}
}

static void *poster(void *arg)
{
	unsigned self = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < POSTS; i++) {
		posts[self][i] = (struct numbered){ .task.run = on_numbered, .poster = self, .number = i };
		loop_post(loop, &posts[self][i].task);
	}
	return NULL;
}

static void posting(void **state)
{
	pthread_t threads[POSTERS];

	(void)state;
	loop = loop_new(0, "test");
	assert_non_null(loop);
	assert_int_equal(loop_start(loop), 0);
	for (unsigned i = 0; i < POSTERS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, poster, (void *)(uintptr_t)i), 0);
	}
	for (unsigned i = 0; i < POSTERS; i++) {
		pthread_join(threads[i], NULL);
	}
	loop_join(loop);
	assert_int_equal(done, POSTERS * POSTS);
	assert_int_equal(wrong, 0);
	assert_true(loop_turns(loop) < POSTERS * POSTS); /* they came in batches */
	loop = loop_free(loop);
}

/* --- descriptors ---------------------------------------------------------------------------------- */

static struct loop_io reader, writer;
static int ends[2];
static unsigned got, ended_turns;

static bool on_turn_end(struct loop_hook *hook)
{
	(void)hook;
	ended_turns++;
	return false;
}

static void on_readable(struct loop_io *io, unsigned events)
{
	char bytes[4];

	assert_int_equal(events, LOOP_READ);
	assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 1);
	if (++got == 3) {
		loop_io_stop(io);
		loop_io_stop(io);
		loop_stop(loop);
		return;
	}
	loop_io_change(&writer, LOOP_WRITE);
}

static void on_writable(struct loop_io *io, unsigned events)
{
	assert_int_equal(events, LOOP_WRITE);
	assert_int_equal(write(ends[1], "x", 1), 1);
	loop_io_change(io, 0);
}

static void descriptors(void **state)
{
	struct loop_hook hook = { .run = on_turn_end };

	(void)state;
	assert_int_equal(pipe(ends), 0);
	loop = loop_new(0, "test");
	reader.ready = on_readable;
	writer.ready = on_writable;
	loop_hook_end(loop, &hook);
	loop_io_start(loop, &reader, ends[0], LOOP_READ);
	loop_io_start(loop, &writer, ends[1], LOOP_WRITE);
	loop_run(loop);
	loop_io_stop(&writer);
	assert_int_equal(got, 3);
	assert_true(ended_turns >= 6);
	loop = loop_free(loop);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wheel_model),
		cmocka_unit_test(posting),
		cmocka_unit_test(descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
