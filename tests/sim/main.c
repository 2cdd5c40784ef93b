/* SPDX-License-Identifier: MIT */
/* Runs seeds of purchases; see usage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "purchase.h"

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int usage(void)
{
	fputs("usage: purchase [--seeds N] [--from SEED] [--topology NAME] [--plugins DIR] [--expect-broken NAME] [--digest]\n"
	      "  runs seeds SEED to SEED + N - 1 (1000 from 1) over the plugins of DIR ($TROUPE_PLUGINS), in each topology:\n",
	      stderr);
	for (const struct topology *topology = topologies; topology->name != NULL; topology++) {
		fprintf(stderr, "    %-8s %s\n", topology->name, topology->what);
	}
	fputs("  --digest: print only a digest of all that happened\n"
	      "  --expect-broken: the plugins hold a planted mistake; succeed when a seed finds it\n",
	      stderr);
	return 2;
}

/* What the command line asks for. */
struct order {
	uint64_t seeds, from;
	const char *plugins, *topology, *mutant;
	int digest;
	uint64_t all; /* digest of everything so far */
};

static void wire_add(struct sim_wire *sum, const struct sim_wire *wire)
{
	sum->frames += wire->frames;
	sum->messages += wire->messages;
	sum->forwarded += wire->forwarded;
	sum->crashes += wire->crashes;
	sum->stops += wire->stops;
	sum->cuts += wire->cuts;
	sum->downs += wire->downs;
}

/* run_seeds plays all seeds in one topology; 1 when one is broken. */
static int run_seeds(struct order *order, const struct topology *topology, const struct config *config, struct purchase *run)
{
	double virtual_s = 0, began = now_s();
	uint64_t events = 0;
	struct sim_wire sum = { 0 }, wire;

	for (uint64_t seed = order->from; seed < order->from + order->seeds; seed++) {
		int failed = purchase_run(run, topology, config, seed);
		uint64_t hash = sim_hash(run->sim);

		order->all = (order->all ^ hash) * 1099511628211u;
		events += sim_events(run->sim);
		virtual_s += (double)sim_now_us(run->sim) / 1e6;
		sim_wire(run->sim, &wire);
		wire_add(&sum, &wire);
		run->sim = sim_close(run->sim);
		if (failed) {
			printf("%s %s seed %llu: %s (digest %016llx)\n", order->mutant != NULL ? order->mutant : "FAILED",
			       topology->name, (unsigned long long)seed, run->broken, (unsigned long long)hash);
			if (order->mutant == NULL) {
				printf("replay: SIM_VERBOSE=1 make sim SEEDS=1 SEED=%llu TOPOLOGY=%s\n",
				       (unsigned long long)seed, topology->name);
			}
			return 1;
		}
	}
	if (!order->digest) {
		printf("%s: %llu seeds, %.0f s of play in %.1f s (%.0f times), %llu events, nothing broken\n", topology->name,
		       (unsigned long long)order->seeds, virtual_s, now_s() - began, virtual_s / (now_s() - began),
		       (unsigned long long)events);
	}
	if (!order->digest && sum.frames > 0) {
		printf("  between hosts: %llu messages in %llu frames, %llu forwarded; %llu crashes, %llu stops, %llu cuts,"
		       " %llu ends of links went down\n",
		       (unsigned long long)sum.messages, (unsigned long long)sum.frames, (unsigned long long)sum.forwarded,
		       (unsigned long long)sum.crashes, (unsigned long long)sum.stops, (unsigned long long)sum.cuts,
		       (unsigned long long)sum.downs);
	}
	return 0;
}

/* run_topologies: 0 = none is broken, 1 = one is, 2 = it cannot be run. */
static int run_topologies(struct order *order)
{
	struct purchase *run = calloc(1, sizeof(*run));
	int found = 0, result = 0;

	for (const struct topology *topology = topologies; topology->name != NULL && result == 0; topology++) {
		struct config *config;

		if (order->topology != NULL && strcmp(order->topology, topology->name) != 0) {
			continue;
		}
		found = 1;
		config = sim_config(topology->config, order->plugins);
		result = config == NULL ? 2 : run_seeds(order, topology, config, run);
		config_free(config);
	}
	free(run);
	return found ? result : usage();
}

int main(int argc, char **argv)
{
	struct order order = { .seeds = 1000, .from = 1, .plugins = getenv("TROUPE_PLUGINS") };
	int result;

	for (int i = 1; i < argc; i += 2) {
		if (strcmp(argv[i], "--digest") == 0) {
			order.digest = 1;
			i--;
			continue;
		}
		if (i + 1 == argc) {
			return usage();
		}
		if (strcmp(argv[i], "--seeds") == 0) {
			order.seeds = strtoull(argv[i + 1], NULL, 0);
		} else if (strcmp(argv[i], "--from") == 0) {
			order.from = strtoull(argv[i + 1], NULL, 0);
		} else if (strcmp(argv[i], "--topology") == 0) {
			order.topology = argv[i + 1][0] != '\0' ? argv[i + 1] : NULL;
		} else if (strcmp(argv[i], "--plugins") == 0) {
			order.plugins = argv[i + 1];
		} else if (strcmp(argv[i], "--expect-broken") == 0) {
			order.mutant = argv[i + 1];
		} else {
			return usage();
		}
	}
	result = run_topologies(&order);
	if (result == 2) {
		return 2;
	}
	if (order.digest && result == 0) {
		printf("digest %016llx\n", (unsigned long long)order.all);
		return 0;
	}
	return order.mutant != NULL ? result == 0 : result;
}
