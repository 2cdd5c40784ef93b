/* SPDX-License-Identifier: MIT */
/* Entities that stand, walk straight on, and wander over hills: what one costs in stage 3 of a tick. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "measure.h"

#define GOAL_EVERY 100u /* ticks; wander: 5 seconds */

#define SIZE 512
#define WARM 120u	 /* ticks until all have set out */

enum gait { STAND, WALK, WANDER };

static double somewhere(uint64_t *seed, double half)
{
	*seed = seed_mix(*seed, 1);
	return ((double)(*seed >> 11) / 9007199254740992.0 * 2 - 1) * half;
}

static void goals(struct engine *e, enum gait gait, uint64_t *seed)
{
	struct entities *w = &e->all;

	for (uint32_t row = 0; row < w->count; row++) {
		double x = w->x[row], y = w->y[row];

		if (gait == WALK && !entities_walks(w, row)) {
			entities_walk(w, row, x > 0 ? -w->half + 1 : w->half - 1, y);
		} else if (gait == WANDER && (e->tick + row) % GOAL_EVERY == 0) {
			x += somewhere(seed, 10);
			y += somewhere(seed, 10);
			if (entities_inside(w, x, y)) {
				entities_walk(w, row, x, y);
			}
		}
	}
}

/* measure: nanoseconds for each entity and tick. */
static double measure(enum gait gait, uint32_t count, uint64_t time_ns)
{
	struct engine_settings settings = { .shape = { .map = "flat", .size = SIZE } };
	struct engine *e;
	uint64_t seed = 7, took = 0, ticks = 0, tick = 0, end;

	if (gait == WANDER) {
		strcpy(settings.shape.map, "hills");
	}
	e = engine_open(&settings);
	if (e == NULL) {
		exit(1);
	}
	for (int32_t at = 0; at < SIZE * SIZE; at += (at + 16) % SIZE == 0 ? 15 * SIZE + 16 : 16) { /* all land is there */
		terrain_block(e->terrain, at % SIZE - SIZE / 2, at / SIZE - SIZE / 2, 0);
	}
	for (uint64_t id = 1; id <= count; id++) {
		uint32_t row = entities_add(&e->all, id, 0, "one", somewhere(&seed, SIZE / 2), somewhere(&seed, SIZE / 2), 0.2);

		if (row == NO_ROW) {
			exit(1);
		}
		entity_stand(e, row, NULL);
	}
	end = clock_ns() + time_ns;
	while (ticks < 20 || clock_ns() < end) {
		uint64_t start, before, after;

		engine_begin(e, ++tick);
		engine_stage(e, 1);
		goals(e, gait, &seed);
		engine_stage(e, 2);
		start = clock_ns();
		process_cpu_ns(0, &before);
		engine_stage(e, 3);
		process_cpu_ns(0, &after);
		if (tick > WARM) {
			took += after - before;
			ticks++;
		} else {
			end += clock_ns() - start;
		}
		engine_end(e);
	}
	engine_close(e);
	return (double)took / (double)ticks / count;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "time", required_argument, NULL, 't' },
						 { "entities", required_argument, NULL, 'n' },
						 { 0 } };
	uint64_t time_ns = 500000000;
	long count = 10000;

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if ((option == 't' && seconds_parse(optarg, &time_ns) != 0) ||
		    (option == 'n' && number_parse(optarg, 1, 1000000, &count) != 0) || option == '?') {
			fputs("usage: move [--time SECONDS] [--entities N]\n", stderr);
			return 2;
		}
	}
	printf("{\"stand_ns\": %.2f, \"walk_ns\": %.2f, \"wander_ns\": %.2f}\n", measure(STAND, (uint32_t)count, time_ns),
	       measure(WALK, (uint32_t)count, time_ns), measure(WANDER, (uint32_t)count, time_ns));
	return 0;
}
