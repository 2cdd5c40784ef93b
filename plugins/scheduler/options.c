/* SPDX-License-Identifier: MIT */
/* The options of the scheduler role, and which of them make no world. */
#include "scheduler.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

int32_t options_fail(struct troupe_error *reterr, int32_t status, const char *text, const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "%s", text);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return status;
}

uint32_t options_side(const struct scheduler_options *options)
{
	return (uint32_t)((options->size + options->region - 1) / options->region);
}

int32_t options_check(const struct troupe_check_in *in, struct troupe_error *reterr)
{
	const struct scheduler_options *options = in->options;
	uint64_t side = options_side(options);

	if (options->region % 16 != 0) {
		return options_fail(reterr, TROUPE_INVALID_ARGUMENT, "`region` is not a multiple of 16",
				    "a region is made of whole chunks: 16, 32, 48, 64 ...");
	}
	if (options->size % 32 != 0) {
		return options_fail(reterr, TROUPE_INVALID_ARGUMENT, "`size` is not a multiple of 32",
				    "a world is made of whole chunks on both sides of its middle: 32, 64, 96 ... 256");
	}
	if (options->height % 16 != 0) {
		return options_fail(reterr, TROUPE_INVALID_ARGUMENT, "`height` is not a multiple of 16", "make it 16, 32, 48, 64 ...");
	}
	if (side * side > REGIONS_MAX) {
		return options_fail(reterr, TROUPE_INVALID_ARGUMENT, "the world has more than 16384 regions",
				    "make region larger or size smaller");
	}
	if (strcmp(options->map, "hills") != 0 && strcmp(options->map, "flat") != 0) {
		return options_fail(reterr, TROUPE_INVALID_ARGUMENT, "`map` is neither \"hills\" nor \"flat\"", "choose one of them");
	}
	if (strcmp(options->commit, "queue") != 0 && strcmp(options->commit, "lock") != 0) {
		return options_fail(reterr, TROUPE_INVALID_ARGUMENT, "`commit` is neither \"queue\" nor \"lock\"",
				    "choose one of them: the world is the same with both");
	}
	return TROUPE_OK;
}

/* --- the table ---------------------------------------------------------------------------------------- */

#define AT(member) .offset = offsetof(struct scheduler_options, member)
#define AT_BALANCE(member) .offset = offsetof(struct balance_options, member)
#define LIVE .flags = TROUPE_OPTION_LIVE

static const struct troupe_option balance_table[] = {
	{ .name = "threshold", .help = "Percent that the owner with most entities may be above the mean of all.", .fallback = "25",
	  .type = TROUPE_OPTION_INT, LIVE, AT_BALANCE(threshold), .min = 1, .max = 10000 },
	{ .name = "every", .help = "One region moves at most so often.", .fallback = "5s", .type = TROUPE_OPTION_DURATION,
	  LIVE, AT_BALANCE(every_ms), .min = 100, .max = 3600000 },
	{ 0 }
};

const struct troupe_option scheduler_option_table[] = {
	{ .name = "database", .help = "Where the world is kept.", .type = TROUPE_OPTION_DATABASE,
	  .flags = TROUPE_OPTION_REQUIRED, AT(database) },
	{ .name = "tick", .help = "From one tick of the world to the next.", .fallback = "50ms", .type = TROUPE_OPTION_DURATION,
	  LIVE, AT(tick_ms), .min = 5, .max = 5000 },
	{ .name = "size", .help = "The world's width and depth in blocks, a multiple of 32; (0, 0) is its middle. Cannot change later.",
	  .fallback = "256", .type = TROUPE_OPTION_INT, AT(size), .min = 32, .max = 8192 },
	{ .name = "height", .help = "The world's height in blocks, a multiple of 16. Cannot change later.", .fallback = "64",
	  .type = TROUPE_OPTION_INT, AT(height), .min = 16, .max = 256 },
	{ .name = "map", .help = "What the world is made of before anybody changes it: \"hills\" or \"flat\". Cannot change later.",
	  .fallback = "hills", .type = TROUPE_OPTION_STRING, AT(map), .min = 1, .max = 15 },
	{ .name = "seed", .help = "What the map and all randomness of the world come from. Cannot change later.", .fallback = "1",
	  .type = TROUPE_OPTION_INT, AT(seed), .min = 0, .max = INT64_MAX },
	{ .name = "region", .help = "The side of a region in blocks, a multiple of 16: what one mechanics instance owns as a whole. "
				    "Cannot change later.",
	  .fallback = "64", .type = TROUPE_OPTION_INT, AT(region), .min = 16, .max = 1024 },
	{ .name = "commit", .help = "How edits of blocks that meet are decided: \"queue\" or \"lock\"; the outcome is the same.",
	  .fallback = "queue", .type = TROUPE_OPTION_STRING, LIVE, AT(commit), .min = 1, .max = 15 },
	{ .name = "scripts", .help = "The folder with the rules: all its .lua files.", .type = TROUPE_OPTION_SOURCE, AT(scripts) },
	{ .name = "watch", .help = "Whether the rules are loaded again when a file in the folder changes.", .fallback = "true",
	  .type = TROUPE_OPTION_BOOL, AT(watch) },
	{ .name = "keep", .help = "Generations of rules that are kept for a rollback.", .fallback = "10",
	  .type = TROUPE_OPTION_INT, LIVE, AT(keep), .min = 1, .max = HISTORY_MAX },
	{ .name = "budget", .help = "Instructions that one call of a rule may take.", .fallback = "200000",
	  .type = TROUPE_OPTION_INT, LIVE, AT(budget), .min = 1000, .max = 1000000000 },
	{ .name = "quarantine", .help = "Errors of one rule after which it is paused until the scripts change; "
	  "those in calls about one player count once.", .fallback = "10",
	  .type = TROUPE_OPTION_INT, LIVE, AT(quarantine), .min = 1, .max = 1000000 },
	{ .name = "max_entities", .help = "Entities in the world at once, avatars among them.", .fallback = "20000",
	  .type = TROUPE_OPTION_INT, LIVE, AT(max_entities), .min = 1, .max = 1000000 },
	{ .name = "speed", .help = "How far an avatar walks in a second.", .fallback = "4", .type = TROUPE_OPTION_INT, LIVE,
	  AT(speed), .min = 1, .max = 1000 },
	{ .name = "checkpoint", .help = "From one checkpoint of the world to the next.", .fallback = "10s",
	  .type = TROUPE_OPTION_DURATION, LIVE, AT(checkpoint_ms), .min = 100, .max = 3600000 },
	{ .name = "lease", .help = "How long after its last word a scheduler, or an owner of regions, is taken for dead.",
	  .fallback = "2s", .type = TROUPE_OPTION_DURATION, LIVE, AT(lease_ms), .min = 300, .max = 60000 },
	{ .name = "balance", .help = "When regions move so that owners have about equally much to do.",
	  .type = TROUPE_OPTION_BLOCK, LIVE, AT(balance), .fields = balance_table },
	{ 0 }
};
