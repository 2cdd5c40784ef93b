/* SPDX-License-Identifier: MIT */
/* Links over bad wires, one for each seed: loss, repeats, delay, reordering, cuts, stopped and restarted processes. Built with
 * mistakes planted; link_mutants.sh runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/host/link_world.h"

#define S_US 1000000u
#define CHAOS_US (10u * S_US)
#define STOP_US (5u * S_US) /* the longest that a process stands still */

/* What a seed does besides what the wire does. */
struct play {
	struct world world;
	uint32_t push, cut, restart, stop, credit; /* shares of what happens next */
	uint32_t body_max;
	uint64_t pause_max_us, late_max_us;
	uint64_t cut_until_us;
	bool gentle; /* nothing is lost: the links must stay up */
};

static uint32_t often(struct world *world, uint32_t of, uint32_t most)
{
	return world_below(world, 2) == 0 ? 0 : (uint32_t)world_below(world, most) * (of > 0);
}

static void play_draw(struct play *play)
{
	struct world *world = &play->world;
	uint32_t rough = world_below(world, 5) > 0;

	play->gentle = !rough;
	world->faults.lost = often(world, rough, 300000);
	world->faults.repeated = often(world, 1, 300000);
	world->faults.refused = often(world, 1, 100000);
	world->faults.late = often(world, 1, 300000);
	world->faults.late_us = 1000u << world_below(world, rough ? 13 : 8);
	world->faults.delay_us = 1u << world_below(world, 16);
	play->late_max_us = world->faults.late_us;
	play->push = 100;
	play->cut = often(world, rough, 4);
	play->restart = often(world, rough, 4);
	play->stop = often(world, rough, 4);
	play->credit = often(world, 1, 10);
	play->body_max = world_below(world, 16) == 0 ? TROUPE_BODY_MAX : 1u << world_below(world, 10);
	play->pause_max_us = 10000u << world_below(world, 6);
	for (unsigned i = 0; i < 2; i++) {
		struct side *side = &world->sides[i];

		side->answers = often(world, 1, 300000);
		if (world_below(world, 3) == 0) {
			side->queue_messages = 1 + (uint32_t)world_below(world, 100);
			side->queue_bytes = 200 + (uint32_t)world_below(world, 100000);
		}
		world_restart(world, i, false);
	}
}

static void push_some(struct play *play, unsigned side)
{
	uint64_t count = world_below(&play->world, play->body_max > 10000 ? 3 : 10);

	for (uint64_t i = 0; i < count; i++) {
		world_push(&play->world, side, (uint32_t)world_below(&play->world, play->body_max + 1));
	}
}

static void act(struct play *play)
{
	struct world *world = &play->world;
	uint64_t what = world_below(world, play->push + play->cut + play->restart + play->stop + play->credit);
	unsigned side = (unsigned)world_below(world, 2);

	if (world->now_us >= play->cut_until_us) {
		world->cut[0] = world->cut[1] = false;
	}
	if (what < play->push) {
		if (world->sides[side].stopped_until_us <= world->now_us) {
			push_some(play, side);
		}
	} else if ((what -= play->push) < play->cut) {
		world->cut[side] = true;
		world->cut[!side] = world_below(world, 2) == 0;
		play->cut_until_us = world->now_us + world_below(world, 5 * S_US);
	} else if ((what -= play->cut) < play->restart) {
		world_restart(world, side, world_below(world, 3) == 0);
	} else if ((what -= play->restart) < play->stop) {
		world_stop(world, side, world_below(world, STOP_US));
	} else {
		world->sides[side].window_moved = true;
		link_credit(world->sides[side].link, world_below(world, 2) == 0 ? 0 : (uint32_t)world_below(world, 20000));
	}
}

/* cut_seen: after a cut in either direction that lasts, both sides are down. */
static void cut_seen(struct play *play)
{
	struct world *world = &play->world;

	world_run(world, STOP_US);
	world->cut[world_below(world, 2)] = true;
	/* a late frame may still bring one side up, and its answer, late too, the other */
	world_run(world, 2 * (LINK_SILENT_US + play->late_max_us) + S_US);
	if (world->sides[0].up || world->sides[1].up) {
		world_broken(world, "a side is up over a wire that was cut long ago");
	}
}

static void heal(struct play *play)
{
	struct world *world = &play->world;

	memset(&world->faults, 0, sizeof(world->faults));
	world->faults.delay_us = 1000;
	for (unsigned i = 0; i < 2; i++) {
		world->cut[i] = false;
		link_credit(world->sides[i].link, LINK_QUEUE_BYTES);
	}
	world_run(world, STOP_US + play->late_max_us + 3 * S_US);
}

/* calm: nothing goes wrong any more, and all that is accepted comes. */
static void calm(struct play *play)
{
	struct world *world = &play->world;
	uint64_t downs = world->sides[0].downs + world->sides[1].downs;

	for (int i = 0; i < 5; i++) {
		push_some(play, 0);
		push_some(play, 1);
		world_run(world, 100000);
	}
	world->sides[0].answers = world->sides[1].answers = 0;
	world_run(world, S_US);
	world_settled(world);
	if (world->sides[0].downs + world->sides[1].downs != downs) {
		world_broken(world, "a side goes down though nothing is wrong");
	}
}

static void seed_run(struct play *play, uint64_t seed)
{
	struct world *world = &play->world;

	memset(play, 0, sizeof(*play));
	world_init(world, seed);
	play_draw(play);
	for (uint64_t end = world->now_us + CHAOS_US; world->now_us < end && world->broken[0] == '\0';) {
		act(play);
		world_run(world, world_below(world, play->pause_max_us));
	}
	if (play->gentle && world->sides[0].downs + world->sides[1].downs > 0) {
		world_broken(world, "a side goes down though nothing was lost");
	}
	if (!play->gentle && world_below(world, 4) == 0) {
		cut_seen(play);
	}
	heal(play);
	calm(play);
}

static int usage(void)
{
	fputs("usage: link_seeds [--seeds N] [--from SEED] [--expect-broken NAME]\n"
	      "  --expect-broken: the links are built with the mistake NAME ($TROUPE_MUTANT); succeed when a seed finds it\n",
	      stderr);
	return 2;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	uint64_t seeds = 1000, from = 1, delivered = 0, downs = 0, resent = 0;
	const char *mutant = NULL;
	struct play *play = malloc(sizeof(*play));
	double began = now_s();

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc) {
			return usage();
		} else if (strcmp(argv[i], "--seeds") == 0) {
			seeds = strtoull(argv[i + 1], NULL, 0);
		} else if (strcmp(argv[i], "--from") == 0) {
			from = strtoull(argv[i + 1], NULL, 0);
		} else if (strcmp(argv[i], "--expect-broken") == 0) {
			mutant = argv[i + 1];
			setenv("TROUPE_MUTANT", mutant, 1);
		} else {
			return usage();
		}
	}
	for (uint64_t seed = from; seed < from + seeds; seed++) {
		seed_run(play, seed);
		for (unsigned i = 0; i < 2; i++) {
			struct link_counts counts;

			link_counts(play->world.sides[i].link, &counts);
			resent += counts.resent;
			downs += play->world.sides[i].downs;
		}
		delivered += play->world.delivered;
		world_fini(&play->world);
		if (play->world.broken[0] != '\0') {
			printf("%s seed %llu: %s\n", mutant != NULL ? mutant : "FAILED", (unsigned long long)seed,
			       play->world.broken);
			free(play);
			return mutant == NULL;
		}
	}
	printf("%llu seeds in %.1f s: %llu messages delivered, %llu resent in the last lives, %llu times down, nothing broken\n",
	       (unsigned long long)seeds, now_s() - began, (unsigned long long)delivered, (unsigned long long)resent,
	       (unsigned long long)downs);
	free(play);
	return mutant != NULL;
}
