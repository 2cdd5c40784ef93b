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
	fputs("usage: sim [--seeds N] [--from SEED] [--plugins DIR] [--expect-broken NAME] [--digest]\n"
	      "  runs seeds SEED to SEED + N - 1 (1000 from 1) over the plugins of DIR ($TROUPE_PLUGINS)\n"
	      "  --digest: print only a digest of all that happened\n"
	      "  --expect-broken: the plugins hold a planted mistake; succeed when a seed finds it\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t seeds = 1000, from = 1, events = 0, all = 0;
	const char *plugins = getenv("TROUPE_PLUGINS"), *mutant = NULL;
	struct purchase *run = calloc(1, sizeof(*run));
	double virtual_s = 0, began;
	int digest = 0;
	struct config *config;

	for (int i = 1; i < argc; i += 2) {
		if (strcmp(argv[i], "--digest") == 0) {
			digest = 1;
			i--;
			continue;
		}
		if (i + 1 == argc) {
			return usage();
		}
		if (strcmp(argv[i], "--seeds") == 0) {
			seeds = strtoull(argv[i + 1], NULL, 0);
		} else if (strcmp(argv[i], "--from") == 0) {
			from = strtoull(argv[i + 1], NULL, 0);
		} else if (strcmp(argv[i], "--plugins") == 0) {
			plugins = argv[i + 1];
		} else if (strcmp(argv[i], "--expect-broken") == 0) {
			mutant = argv[i + 1];
		} else {
			return usage();
		}
	}
	config = sim_config(purchase_config, plugins);
	if (config == NULL) {
		return 1;
	}
	began = now_s();
	for (uint64_t seed = from; seed < from + seeds; seed++) {
		int failed = purchase_run(run, config, seed);
		uint64_t hash = sim_hash(run->sim);

		all = (all ^ hash) * 1099511628211u;
		events += sim_events(run->sim);
		virtual_s += (double)sim_now_us(run->sim) / 1e6;
		run->sim = sim_close(run->sim);
		if (failed) {
			printf("%s seed %llu: %s (digest %016llx)\n", mutant != NULL ? mutant : "FAILED",
			       (unsigned long long)seed, run->broken, (unsigned long long)hash);
			if (mutant == NULL) {
				printf("replay: SIM_VERBOSE=1 make sim SEEDS=1 SEED=%llu\n", (unsigned long long)seed);
			}
			config_free(config);
			free(run);
			return mutant == NULL;
		}
	}
	if (digest) {
		printf("digest %016llx\n", (unsigned long long)all);
		return 0;
	}
	printf("%llu seeds, %.0f s of play in %.1f s (%.0f times), %llu events, nothing broken\n",
	       (unsigned long long)seeds, virtual_s, now_s() - began, virtual_s / (now_s() - began),
	       (unsigned long long)events);
	config_free(config);
	free(run);
	return mutant != NULL;
}
