/* SPDX-License-Identifier: MIT */
/* `troupe bench commit`: edits of blocks by a queue and by locks, measured. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/internal.h"
#include "host/command.h"
#include "number.h"
#include "tools.h"

const char bench_commit_usage[] =
	"usage: troupe bench commit [--mode queue,lock] [--scale small,large] [--owners 1,2,4]\n"
	"                           [--hop MICROSECONDS] [--seconds S]\n"
	"\n"
	"Measures how many edits of blocks a world decides in a second, by the two ways that shape.commit may have,\n"
	"and recommends one. Owners are engines in this process; what they would do at the same time counts once.\n"
	"\n"
	"  troupe bench commit                        the whole table, in about a minute\n"
	"  troupe bench commit --owners 4 --hop 0     four owners, messages between them for nothing\n"
	"\n"
	"  --mode, --scale, --owners   some of it; owners are 1 to 8\n"
	"  --hop          what a message from owner to owner takes: 100 unless told\n"
	"  --seconds      for each figure: 0.5 unless told\n"
	"\n"
	"exit codes: 0 done, 1 the two ways did not come to the same blocks, 2 wrong usage\n";

#define ENGINES_MAX 8u
#define EACH_ASKS 8u /* edits of one actor in a tick */
#define ROW 4	     /* cells of an edit */
#define LEVELS 5u
#define TICKS_SAME 6u /* after so many ticks both ways must have come to the same blocks */

static const struct level {
	const char *name;
	uint32_t percent; /* of the edits want cells of a place where owners meet */
} levels[LEVELS] = { { "none", 0 }, { "low", 5 }, { "medium", 25 }, { "high", 75 }, { "total", 100 } };

static const struct scale {
	const char *name;
	uint32_t size, region, edits; /* edits: in a tick */
} scales[] = { { "small", 256, 64, 64 }, { "large", 1024, 64, 4096 } };

static const char *const modes[] = { "queue", "lock" };

struct bench {
	struct engine *engines[ENGINES_MAX];
	const struct scale *scale;
	const struct level *level;
	uint32_t owners;
	uint64_t hop_ns, tick;
	uint64_t path_ns, rounds, edits; /* of the ticks that count */
};

/* What one figure came to. */
struct figure {
	double edits_per_s, rounds;
	uint64_t digest;
};

/* now_ns: the processor's time of this thread, so that what else runs here does not count. */
static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- the edits ------------------------------------------------------------------------------------ */

/* A row of blocks along x, of a kind that changes from tick to tick: like a wall that is built. */
static void evaluate(void *arg, struct engine *e, struct claim *claim)
{
	uint16_t block = e->tick % 2 == 0 ? BLOCK_STONE : BLOCK_BRICKS;

	(void)arg;
	for (int32_t i = 0; i < ROW && claim->refused == NULL; i++) {
		if (claim_block(e, claim, claim->ask->x + i, claim->ask->y, claim->ask->z) == BLOCK_UNAVAILABLE ||
		    claim_set(e, claim, claim->ask->x + i, claim->ask->y, claim->ask->z, block) != 0) {
			claim->refused = "bench";
		}
	}
}

/* place: of edit number n: in the hot place in the middle, 4 x 4 x 2 cells, or a row of its own somewhere. */
static void place(const struct bench *b, uint32_t n, int32_t ret[3])
{
	uint32_t columns = b->scale->size / ROW, slots = columns * b->scale->size;
	uint64_t drawn = seed_mix(b->tick, n);
	uint32_t slot = (uint32_t)(((uint64_t)n * 2654435761u + b->tick * 977) % slots);

	if (drawn % 100 < b->level->percent) {
		ret[0] = (int32_t)(drawn >> 8 & 3) - 2;
		ret[1] = (int32_t)(drawn >> 16 & 3) - 2;
		ret[2] = 40 + (int32_t)(drawn >> 24 & 1);
		return;
	}
	ret[0] = (int32_t)(slot % columns) * ROW - (int32_t)b->scale->size / 2;
	ret[1] = (int32_t)(slot / columns) - (int32_t)b->scale->size / 2;
	ret[2] = 50;
}

static int world_open(struct bench *b, int lock)
{
	struct engine_settings settings = { .shape = { .map = "flat", .size = b->scale->size, .region = b->scale->region, .lock = lock != 0 } };
	uint8_t owners[1024];
	uint64_t seed = 1;

	for (uint32_t i = 0; i < b->owners; i++) {
		struct engine *e = b->engines[i] = engine_open(&settings);

		if (e == NULL) {
			return -1;
		}
		for (uint32_t region = 0; region < engine_regions(e); region++) {
			owners[region] = (uint8_t)(region * b->owners / engine_regions(e)); /* in bands */
		}
		e->edits.evaluate = evaluate;
		engine_own(e, owners, (uint8_t)i);
	}
	for (uint64_t id = 1; id <= b->scale->edits / EACH_ASKS; id++) {
		double x, y;

		seed = seed_mix(seed, id);
		x = (double)(seed % b->scale->size) - b->scale->size / 2.0;
		y = (double)(seed / 65536 % b->scale->size) - b->scale->size / 2.0;
		for (uint32_t i = 0; i < b->owners; i++) {
			if (mine(b->engines[i], x, y) &&
			    entities_add(&b->engines[i]->all, id, 0, "actor", x, y, 0) == NO_ROW) {
				return -1;
			}
		}
	}
	return 0;
}

static void ask_all(struct bench *b)
{
	for (uint32_t n = 0; n < b->scale->edits; n++) {
		uint64_t actor = 1 + n / EACH_ASKS;
		const char *reason;
		int32_t at[3];

		place(b, n, at);
		for (uint32_t i = 0; i < b->owners; i++) {
			uint32_t row = entities_row(&b->engines[i]->all, actor);

			if (row != NO_ROW && (b->engines[i]->all.flags[row] & ENTITY_GHOST) == 0) {
				ask_add(b->engines[i], actor, "row", at[0], at[1], at[2], &reason);
			}
		}
	}
}

/* --- a tick --------------------------------------------------------------------------------------- */

/* exchange: returns the time of the owner that took longest to take in what it was sent; -1 if one refuses. */
static int64_t exchange(struct bench *b, const struct engine_part *const *parts, const uint32_t *counts)
{
	uint64_t longest = 0;

	for (uint32_t to = 0; to < b->owners; to++) {
		uint64_t start = now_ns(), took;

		for (uint32_t from = 0; from < b->owners; from++) {
			for (uint32_t p = 0; from != to && p < counts[from]; p++) {
				Region__Exchange *message = region__exchange__unpack(NULL, parts[from][p].len, parts[from][p].bytes);

				if (message == NULL || engine_receive(b->engines[to], message) != 0) {
					return -1;
				}
				region__exchange__free_unpacked(message, NULL);
			}
		}
		took = now_ns() - start;
		longest = took > longest ? took : longest;
	}
	return (int64_t)longest;
}

/* stage: in all engines, with its exchange: adds up the time of the one that took longest. */
static int stage(struct bench *b, unsigned number)
{
	const struct engine_part *parts[ENGINES_MAX];
	uint32_t counts[ENGINES_MAX] = { 0 };
	uint64_t longest = 0;
	int64_t taken = 0;

	for (uint32_t i = 0; i < b->owners; i++) {
		uint64_t start = now_ns(), took;

		engine_stage(b->engines[i], number);
		if (number == 1 && i == b->owners - 1) {
			ask_all(b); /* what rules ask for; not what is measured */
			start = now_ns();
		}
		took = now_ns() - start;
		longest = took > longest ? took : longest;
	}
	b->path_ns += longest;
	longest = 0;
	for (uint32_t i = 0; i < b->owners && b->owners > 1; i++) {
		uint64_t start = now_ns(), took;

		parts[i] = engine_exchange(b->engines[i], 1, &counts[i]);
		took = now_ns() - start;
		longest = took > longest ? took : longest;
	}
	if (b->owners > 1) {
		taken = exchange(b, parts, counts);
		b->path_ns += longest + (uint64_t)taken + b->hop_ns;
	}
	return taken < 0 ? -1 : 0;
}

static int tick(struct bench *b)
{
	b->tick++;
	for (uint32_t i = 0; i < b->owners; i++) {
		engine_begin(b->engines[i], b->tick);
	}
	for (unsigned number = 1; number <= 3; number++) {
		do {
			if (stage(b, number) != 0) {
				return -1;
			}
			b->rounds += number == 2;
		} while (engine_again(b->engines[0]));
	}
	for (uint32_t i = 0; i < b->owners; i++) {
		engine_end(b->engines[i]);
	}
	b->edits += b->scale->edits;
	return 0;
}

/* measure: one figure; 0, or -1 without memory. */
static int measure(struct bench *b, int lock, uint64_t time_ns, struct figure *ret)
{
	uint64_t end;
	int result = world_open(b, lock);

	b->tick = 0;
	while (result == 0 && b->tick < TICKS_SAME) {
		result = tick(b);
	}
	ret->digest = result == 0 ? terrain_digest(b->engines[0]->terrain) : 0;
	b->path_ns = b->rounds = b->edits = 0;
	end = now_ns() + time_ns;
	for (uint64_t ticks = 0; result == 0 && (ticks < 3 || now_ns() < end); ticks++) {
		result = tick(b);
		ret->rounds = (double)b->rounds / (double)(ticks + 1);
	}
	ret->edits_per_s = b->path_ns > 0 ? (double)b->edits * 1e9 / (double)b->path_ns : 0;
	for (uint32_t i = 0; i < b->owners; i++) {
		b->engines[i] = engine_close(b->engines[i]);
	}
	return result;
}

/* --- the table ------------------------------------------------------------------------------------ */

struct wanted {
	uint8_t modes[2], scales[2], owners[ENGINES_MAX + 1];
	uint64_t hop_ns, time_ns;
};

struct verdict {
	double product, least, most; /* of queue / lock */
	uint32_t figures, locks;     /* locks: where they are faster */
	int differ;
};

static void row_print(const struct bench *b, const char *mode, const struct figure figures[LEVELS])
{
	printf("| %s | %" PRIu32 " | %s |", b->scale->name, b->owners, mode);
	for (uint32_t i = 0; i < LEVELS; i++) {
		printf(" %.0f", figures[i].edits_per_s / 1000);
		if (figures[i].rounds > 1) {
			printf(" (%.0f)", figures[i].rounds);
		}
		printf(" |");
	}
	printf("\n");
	fflush(stdout);
}

static void compare(struct verdict *v, const struct figure queue[LEVELS], const struct figure lock[LEVELS])
{
	for (uint32_t i = 0; i < LEVELS; i++) {
		double ratio = queue[i].edits_per_s / lock[i].edits_per_s;

		v->product *= ratio;
		v->least = v->figures == 0 || ratio < v->least ? ratio : v->least;
		v->most = ratio > v->most ? ratio : v->most;
		v->figures++;
		v->locks += ratio < 1;
		v->differ |= queue[i].digest != lock[i].digest;
	}
}

static int rows(const struct wanted *wanted, const struct scale *scale, uint32_t owners, struct verdict *v)
{
	struct bench b = { .scale = scale, .owners = owners, .hop_ns = wanted->hop_ns };
	struct figure figures[2][LEVELS];

	for (int lock = 0; lock < 2; lock++) {
		for (uint32_t i = 0; i < LEVELS && wanted->modes[lock]; i++) {
			b.level = &levels[i];
			if (measure(&b, lock, wanted->time_ns, &figures[lock][i]) != 0) {
				fputs("troupe bench commit: no memory for the world\n", stderr);
				return -1;
			}
		}
		if (wanted->modes[lock]) {
			row_print(&b, modes[lock], figures[lock]);
		}
	}
	if (wanted->modes[0] && wanted->modes[1]) {
		compare(v, figures[0], figures[1]);
	}
	return 0;
}

/* The n-th root by bisection; the product is above 0. */
static double mean_of(double product, uint32_t n)
{
	double low = 0, high = product > 1 ? product : 1;

	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2, power = 1;

		for (uint32_t k = 0; k < n; k++) {
			power *= middle;
		}
		*(power < product ? &low : &high) = middle;
	}
	return low;
}

static int table(const struct wanted *wanted)
{
	struct verdict v = { .product = 1 };
	double mean;

	printf("thousand edits a second (rounds of stage 2), by the share of edits that want the same place\n\n"
	       "| scale | owners | commit |");
	for (uint32_t i = 0; i < LEVELS; i++) {
		printf(" %s %" PRIu32 " %% |", levels[i].name, levels[i].percent);
	}
	printf("\n|---|---|---|---|---|---|---|---|\n");
	for (int scale = 0; scale < 2; scale++) {
		for (uint32_t owners = 1; owners <= ENGINES_MAX; owners++) {
			if (wanted->scales[scale] && wanted->owners[owners] && rows(wanted, &scales[scale], owners, &v) != 0) {
				return EXIT_FAILED;
			}
		}
	}
	if (v.differ) {
		fputs("troupe bench commit: queue and lock did not come to the same blocks\n", stderr);
		return EXIT_FAILED;
	}
	if (v.figures > 0) {
		mean = mean_of(v.product, v.figures);
		printf("\nrecommended: commit = \"%s\". The queue decides %.2f times the edits of locks (geometric mean; %.2f to %.2f);\n"
		       "locks are faster in %" PRIu32 " of %" PRIu32 " cases. Both came to the same blocks.\n",
		       mean >= 1 ? "queue" : "lock", mean, v.least, v.most, v.locks, v.figures);
	}
	return EXIT_DONE;
}

/* --- the command ---------------------------------------------------------------------------------- */

/* pick: the words of a list that are in `names`; 0, or -1 if one is not. */
static int pick(const char *list, const char *const *names, uint8_t *ret, uint32_t len)
{
	memset(ret, 0, len);
	while (*list != '\0') {
		size_t word = strcspn(list, ",");
		uint32_t i = 0;

		while (i < len && (strlen(names[i]) != word || strncmp(names[i], list, word) != 0)) {
			i++;
		}
		if (i == len) {
			return -1;
		}
		ret[i] = 1;
		list += word + (list[word] == ',');
	}
	return 0;
}

/* seconds: more than none, at most an hour; 0, or -1 after printing so. */
static int seconds(const char *text, uint64_t *ret_ns)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end != '\0' || !(number > 0 && number <= 3600)) {
		fprintf(stderr, "troupe bench commit: --seconds takes a number up to 3600, not `%s`\n", text);
		return -1;
	}
	*ret_ns = (uint64_t)(number * 1e9);
	return 0;
}

int bench_commit_main(int argc, char **argv)
{
	static const char *const known[] = { "--mode", "--scale", "--owners", "--hop", "--seconds", NULL };
	static const char *const scale_names[] = { "small", "large" };
	static const char *const numbers[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8" };
	struct wanted wanted = { .modes = { 1, 1 }, .scales = { 1, 1 }, .owners = { 0, 1, 1, 0, 1 }, .hop_ns = 100000,
				 .time_ns = 500000000 };

	for (int at = 1; at < argc;) {
		int before = at, bad = 0, taken = 0;
		uint64_t hop_us = 0;

		for (int i = 0; known[i] != NULL && taken == 0; i++) {
			const char *value;

			taken = command_option(argc, argv, &at, known[i] + 2, &value);
			if (taken <= 0) {
				continue;
			}
			bad = i == 0 ? pick(value, modes, wanted.modes, 2) :
			      i == 1 ? pick(value, scale_names, wanted.scales, 2) :
			      i == 2 ? pick(value, numbers, wanted.owners, ENGINES_MAX + 1) :
			      i == 3 ? number_read("bench commit", "--hop", value, 0, 1000000, &hop_us) :
				       seconds(value, &wanted.time_ns);
			wanted.hop_ns = i == 3 ? hop_us * 1000 : wanted.hop_ns;
		}
		if (taken == 0) {
			return command_unknown("bench commit", argv[before], known);
		}
		if (taken < 0 || bad != 0) {
			fputs(bench_commit_usage, stderr);
			return EXIT_USAGE;
		}
	}
	return table(&wanted);
}
