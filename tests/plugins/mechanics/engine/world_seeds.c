/* SPDX-License-Identifier: MIT */
/* Worlds in several engines, one for each seed, to which everything happens. Built with mistakes planted; world_mutants.sh runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trial.h"

static int usage(void)
{
	fputs("usage: world_seeds [--seeds N] [--from SEED] [--expect-broken NAME]\n"
	      "  --expect-broken: the engines are built with the mistake NAME ($TROUPE_MUTANT); succeed when a seed finds it\n",
	      stderr);
	return 2;
}

/* trial_of: what happens in the world of a seed. */
static struct trial trial_of(uint64_t seed)
{
	return (struct trial){ .seed = seed,
			       .ticks = 200,
			       .deal = 1,
			       .moves = seed % 2 == 0,
			       .crashes = seed % 3 != 0,
			       .shuffles = seed % 5 != 0,
			       .reloads = seed % 4 == 1,
			       .aborts = seed % 3 == 1 };
}

int main(int argc, char **argv)
{
	uint64_t seeds = 100, from = 1;
	const char *mutant = NULL;
	struct trial_figures sum = { 0 };

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
		struct trial trial = trial_of(seed);
		struct trial_figures figures;
		const char *broken = trial_run(&trial, &figures);

		sum.ticks += figures.ticks;
		sum.again += figures.again;
		sum.crashes += figures.crashes;
		sum.moves += figures.moves;
		sum.aborts += figures.aborts;
		sum.handed += figures.handed;
		sum.edits += figures.edits;
		sum.hurts += figures.hurts;
		if (broken[0] != '\0') {
			printf("%s: %s\n", mutant != NULL ? mutant : "FAILED", broken);
			return mutant == NULL;
		}
	}
	printf("%llu seeds: %llu ticks, %llu of them run again after %llu crashes; regions moved %llu times, %llu avatars handed over, "
	       "%llu calls aborted, %llu edits, %llu wounds; nothing differed\n",
	       (unsigned long long)seeds, (unsigned long long)sum.ticks, (unsigned long long)sum.again,
	       (unsigned long long)sum.crashes, (unsigned long long)sum.moves, (unsigned long long)sum.handed,
	       (unsigned long long)sum.aborts, (unsigned long long)sum.edits, (unsigned long long)sum.hurts);
	return mutant != NULL;
}
