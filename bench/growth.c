/* SPDX-License-Identifier: MIT */
/* How much faster a world runs with two owners than with one: two engines in two threads that exchange what owners do, their
 * entities apart; --raw is bare arithmetic in one and in two threads. Each on a core of its own where there are two. */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crowd.h"
#include "engine/engine.h"
#include "measure.h"

#define SIZE 1024u
#define REGION 64u
#define COLUMNS (SIZE / REGION)
#define APART 96.0 /* blocks from the border that nobody leaves for it */
#define SETTLE 20u

struct world;

struct owner {
	struct world *world;
	struct engine *engine; /* NULL: arithmetic alone */
	uint32_t number;
	const struct engine_part *parts;
	uint32_t parts_len;
	uint64_t since; /* cpu time of this thread at the last meeting */
	double sum;
};

struct world {
	struct owner owners[2];
	uint32_t len, ticks;
	pthread_barrier_t barrier;
	uint64_t used[2][2]; /* by meeting % 2 and owner: cpu time since the meeting before */
	uint32_t meetings;   /* owner 0's count */
	uint64_t path_ns;    /* of the slower owner between two meetings, added up: what ticks take on cores that are free */
	uint64_t wall_ns;
};

static void fail(const char *what)
{
	fprintf(stderr, "growth: %s\n", what);
	exit(1);
}

static uint64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* meet: all owners are here. */
static void meet(struct owner *o, uint32_t meeting)
{
	struct world *w = o->world;

	w->used[meeting % 2][o->number] = thread_ns() - o->since;
	pthread_barrier_wait(&w->barrier);
	if (o->number == 0) {
		const uint64_t *used = w->used[meeting % 2];

		w->path_ns += w->len == 2 && used[1] > used[0] ? used[1] : used[0];
	}
	o->since = thread_ns();
}

/* exchange: what the others say of the stage; it is unpacked before any engine goes on. */
static void exchange(struct owner *o, uint32_t *meeting)
{
	Region__Exchange *heard[16];
	uint32_t len = 0;

	o->parts = engine_exchange(o->engine, 1, &o->parts_len);
	meet(o, ++*meeting);
	for (uint32_t i = 0; i < o->world->len; i++) {
		const struct owner *from = &o->world->owners[i];

		for (uint32_t p = 0; from != o && p < from->parts_len; p++) {
			heard[len] = len < 15 ? region__exchange__unpack(NULL, from->parts[p].len, from->parts[p].bytes) : NULL;
			if (heard[len++] == NULL) {
				fail("an exchange cannot be unpacked, or there are too many");
			}
		}
	}
	meet(o, ++*meeting);
	for (uint32_t i = 0; i < len; i++) {
		if (engine_receive(o->engine, heard[i]) != 0) {
			fail("an exchange is refused");
		}
		region__exchange__free_unpacked(heard[i], NULL);
	}
}

static void tick(struct owner *o, uint32_t *meeting)
{
	engine_begin(o->engine, engine_tick(o->engine) + 1);
	for (unsigned stage = 1; stage <= 3; stage++) {
		engine_stage(o->engine, stage);
		exchange(o, meeting);
	}
	engine_end(o->engine);
}

/* work: as much as a tick; half of it each if there are two. */
static void work(struct owner *o, uint32_t *meeting)
{
	double x = o->sum;

	for (uint32_t i = 0; i < 4000000u / o->world->len; i++) {
		x = x * 0.999 + i;
	}
	o->sum = x;
	meet(o, ++*meeting);
}

static void *run(void *arg)
{
	struct owner *o = arg;
	struct world *w = o->world;
	uint32_t meeting = 0;
	uint64_t began;

	cpu_pin((int)o->number);
	for (uint32_t i = 0; i < SETTLE; i++) {
		(o->engine != NULL ? tick : work)(o, &meeting);
	}
	meet(o, ++meeting);
	if (o->number == 0) {
		w->path_ns = 0;
	}
	began = clock_ns();
	o->since = thread_ns();
	for (uint32_t i = 0; i < w->ticks; i++) {
		(o->engine != NULL ? tick : work)(o, &meeting);
	}
	meet(o, ++meeting);
	if (o->number == 0) {
		w->wall_ns = clock_ns() - began;
	}
	return NULL;
}

static struct engine *engine_make(uint32_t number, uint32_t owners, uint32_t count)
{
	struct engine_settings settings = { .shape = { .size = SIZE, .region = REGION, .map = "flat", .max_entities = count + 1 },
					    .memory = 512u << 20 };
	struct engine_file file = { "rabbit.lua", crowd_rules, strlen(crowd_rules) };
	uint8_t owner_of[COLUMNS * COLUMNS];
	struct engine *e = engine_open(&settings);
	uint32_t seed = 1;

	if (e == NULL || engine_rules_try(e, 1, &file, 1, NULL, 0) != 1) {
		fail("the engine does not open");
	}
	for (uint32_t i = 0; i < COLUMNS * COLUMNS; i++) { /* west and east */
		owner_of[i] = owners == 2 && i % COLUMNS >= COLUMNS / 2;
	}
	engine_own(e, owner_of, (uint8_t)number);
	engine_rules_take(e);
	for (uint32_t i = 0; i < count; i++) {
		double x = APART + crowd_share(&seed) * (SIZE / 2.0 - APART), y = (crowd_share(&seed) - 0.5) * SIZE;

		engine_spawn(e, "rabbit", i % 2 == 0 ? -x : x, y); /* only its owner makes it */
	}
	return e;
}

static void world_run(struct world *w, uint32_t owners, uint32_t ticks, uint32_t count)
{
	pthread_t threads[2];
	uint32_t there = 0;

	memset(w, 0, sizeof(*w));
	w->len = owners;
	w->ticks = ticks;
	pthread_barrier_init(&w->barrier, NULL, owners);
	for (uint32_t i = 0; i < owners; i++) {
		struct engine_figures figures = { 0 };

		w->owners[i] = (struct owner){ .world = w, .number = i, .engine = count > 0 ? engine_make(i, owners, count) : NULL };
		if (count > 0) {
			engine_figures(w->owners[i].engine, &figures);
		}
		there += figures.entities;
	}
	if (there != count) {
		fail("not every entity has one owner");
	}
	for (uint32_t i = 0; i < owners; i++) {
		if (pthread_create(&threads[i], NULL, run, &w->owners[i]) != 0) {
			fail("no thread");
		}
	}
	for (uint32_t i = 0; i < owners; i++) {
		pthread_join(threads[i], NULL);
		engine_close(w->owners[i].engine);
	}
	pthread_barrier_destroy(&w->barrier);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "ticks", required_argument, NULL, 't' },
						 { "entities", required_argument, NULL, 'n' },
						 { "raw", no_argument, NULL, 'r' },
						 { 0 } };
	long ticks = 100, count = 20000;
	struct world one, two;
	int is_raw = 0;

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		is_raw |= option == 'r';
		if (option == '?' || (option == 't' && number_parse(optarg, 1, 100000, &ticks) != 0) ||
		    (option == 'n' && number_parse(optarg, 1, 100000, &count) != 0)) {
			fputs("usage: growth [--ticks N] [--entities N] [--raw]\n", stderr);
			return 2;
		}
	}
	world_run(&one, 1, (uint32_t)ticks, is_raw ? 0 : (uint32_t)count);
	world_run(&two, 2, (uint32_t)ticks, is_raw ? 0 : (uint32_t)count);
	printf("{\"growth\": %.3f, \"growth_wall\": %.3f, \"tick_ms\": %.3f}\n", (double)one.path_ns / (double)two.path_ns,
	       (double)one.wall_ns / (double)two.wall_ns, (double)one.path_ns / 1e6 / (double)ticks);
	return 0;
}
