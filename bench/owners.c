/* SPDX-License-Identifier: MIT */
/* A world of two owners, in one process: what a tick costs more when all entities go to the other owner, and what a checkpoint, its
 * taking up and a digest cost. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "measure.h"
#include "tests/plugins/mechanics/engine/worlds.h"

#define SIZE 1024u
#define REGION 64u
#define REGIONS ((SIZE / REGION) * (SIZE / REGION))

/* Entities as they are in games: a few fields of state, two timers, walking now and then. */
static const char *const files[] = { "hare.lua",
				     "local g = require 'game'\n"
				     "g.monster 'hare' { count = 0, speed = 3, every = '1s',\n"
				     "  state = { hops = 0, angry = false, name = 'none', sum = 0.5 },\n"
				     "  on_spawn = function(self) self:every('5m', 'rest') self:after('9m', 'rest') end,\n"
				     "  think = function(self) self.state.hops = self.state.hops + 1 end,\n"
				     "  rest = function(self) self.state.angry = false end }\n",
				     NULL };

/* cpu_ns: of this process, which has one thread: what else the machine does is not counted. */
struct sums {
	uint64_t rounds, tick_ns, hand_ns, save_ns, load_ns, digest_ns, bytes, page_bytes, border_bytes;
};

static void fill(struct worlds *w, uint32_t count)
{
	uint32_t seed = 1;

	for (uint32_t n = 0; n < count; n++) {
		double x = (crowd_share(&seed) - 0.5) * SIZE, y = (crowd_share(&seed) - 0.5) * SIZE;

		for (uint32_t i = 0; i < w->len; i++) {
			engine_spawn(w->engines[i], "hare", x, y);
		}
	}
}

static uint64_t tick(struct worlds *w)
{
	uint64_t began = cpu_ns();

	worlds_tick(w, NULL, 0);
	return cpu_ns() - began;
}

static void round_measure(struct worlds *w, struct sums *sums)
{
	static uint8_t owners[2][REGIONS];
	uint64_t began, bytes;

	memset(owners[1], 1, sizeof(owners[1]));
	for (uint8_t to = 0; to < 2; to++) { /* all of it from one to the other */
		worlds_move(w, owners[to]);
		tick(w);
		sums->tick_ns += tick(w);
		bytes = w->bytes;
		worlds_move(w, owners[!to]);
		sums->hand_ns += tick(w);
		sums->bytes += w->bytes - bytes;
		sums->rounds++;
	}
	began = cpu_ns();
	worlds_save(w);
	sums->save_ns += cpu_ns() - began;
	sums->page_bytes += w->saved_bytes;
	began = cpu_ns();
	worlds_digest(w);
	sums->digest_ns += cpu_ns() - began;
	began = cpu_ns();
	worlds_load(w, 2, owners[0], files, 1);
	sums->load_ns += cpu_ns() - began;
	worlds_move(w, NULL);
}

/* border: bytes that the two tell each other in a tick when every region has another owner than its neighbours. */
static uint64_t border(struct worlds *w)
{
	uint8_t owners[REGIONS];
	uint64_t bytes;

	for (uint32_t i = 0; i < REGIONS; i++) {
		owners[i] = (uint8_t)((i + i / (SIZE / REGION)) % 2);
	}
	worlds_move(w, owners);
	tick(w);
	tick(w);
	bytes = w->bytes;
	tick(w);
	return w->bytes - bytes;
}

static int measure(uint64_t time_ns, uint32_t count)
{
	struct engine_settings settings = { .shape = { .size = SIZE, .region = REGION, .map = "flat", .max_entities = count },
					    .memory = 256u << 20 };
	uint8_t owners[REGIONS] = { 0 };
	struct engine_figures figures[2];
	struct sums sums = { 0 };
	struct worlds w;
	uint64_t began = clock_ns();

	worlds_open_as(&w, 2, &settings, owners, files, 1);
	fill(&w, count);
	tick(&w);
	tick(&w);
	do {
		round_measure(&w, &sums);
	} while (clock_ns() - began < time_ns);
	sums.border_bytes = border(&w);
	engine_figures(w.engines[0], &figures[0]);
	engine_figures(w.engines[1], &figures[1]);
	if (figures[0].entities + figures[1].entities != count) {
		fprintf(stderr, "owners: %u entities are left of %u\n", figures[0].entities + figures[1].entities, count);
		return 1;
	}
	printf("{\"tick_ms\": %.3f, \"handover_us\": %.3f, \"handover_bytes\": %.1f, ", (double)sums.tick_ns / (double)sums.rounds / 1e6,
	       ((double)sums.hand_ns - (double)sums.tick_ns) / (double)sums.rounds / count / 1e3,
	       (double)sums.bytes / (double)sums.rounds / count);
	printf("\"save_ms\": %.3f, \"load_ms\": %.3f, \"digest_ms\": %.3f, \"page_bytes\": %.1f, \"border_bytes\": %llu}\n",
	       (double)sums.save_ns * 2 / (double)sums.rounds / 1e6, (double)sums.load_ns * 2 / (double)sums.rounds / 1e6,
	       (double)sums.digest_ns * 2 / (double)sums.rounds / 1e6, (double)sums.page_bytes * 2 / (double)sums.rounds / count,
	       (unsigned long long)sums.border_bytes);
	worlds_close(&w);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },
		{ "entities", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t time_ns = 1000000000;
	unsigned long count = 10000;
	int bad = 0, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n') {
			count = strtoul(optarg, NULL, 10);
		} else {
			bad |= option == 't' ? seconds_parse(optarg, &time_ns) : -1;
		}
	}
	if (bad || optind < argc || count == 0 || count > 100000) {
		fputs("usage: owners [--time S] [--entities N]\n", stderr);
		return 2;
	}
	return measure(time_ns, (uint32_t)count);
}
