/* SPDX-License-Identifier: MIT */
/* Walking over blocks: straight, around, up and down; blocked, falling, chasing; the same from a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "edits.h"
#include "worlds.h"

static const struct engine_shape flat = { .map = "flat", .size = 128, .region = 32, .height = 64, .speed = 4 };
static const struct engine_shape hills = { .map = "hills", .size = 256, .region = 64, .height = 64, .seed = 7 };

#define GROUND 17 /* z of the first air of the flat world */

/* --- help ----------------------------------------------------------------------------------------- */

static void set(struct edit_world *w, int32_t x, int32_t y, int32_t z, uint16_t block)
{
	assert_true(terrain_set(w->engines[0]->terrain, x, y, z, block, 0) >= 0);
}

static void wall(struct edit_world *w, int32_t x, int32_t y, uint32_t height)
{
	for (uint32_t i = 0; i < height; i++) {
		set(w, x, y, GROUND + (int32_t)i, BLOCK_STONE);
	}
}

static uint32_t actor(struct edit_world *w, uint64_t id, double x, double y)
{
	uint32_t row;

	edit_actor(w, id, x, y);
	row = entities_row(&w->engines[0]->all, id);
	entity_stand(w->engines[0], row, NULL);
	return row;
}

static int ground_at(struct engine *e, int32_t x, int32_t y, int32_t z)
{
	return (block_flags(e->blocks, terrain_block(e->terrain, x, y, z)) & BLOCK_GROUND) != 0;
}

/* stands_well: its body is free, and something carries it. */
static void stands_well(struct engine *e, uint32_t row)
{
	int32_t x = cell_of(e, e->all.x[row]), y = cell_of(e, e->all.y[row]), z = (int32_t)e->all.z[row];

	assert_false(ground_at(e, x, y, z));
	assert_false(ground_at(e, x, y, z + 1));
	assert_true(ground_at(e, x, y, z - 1));
}

struct walk {
	uint32_t ticks, cells; /* cells: how often it came to another one */
	char way[128];	       /* from cell to cell: E, W, N, S for x, y more and less; + for across */
	int no_way, why; /* why: it was told in words */
};

static void tick(struct edit_world *w)
{
	edit_begin(w);
	edit_end(w);
}

static int told(struct edit_world *w, uint64_t id, uint8_t flag)
{
	uint32_t len;
	const struct output *outputs = engine_outputs(w->engines[0], &len);

	for (uint32_t i = 0; i < len; i++) {
		if (outputs[i].kind == OUTPUT_MOVED && outputs[i].id == id && (outputs[i].flag & flag) == flag) {
			return 1;
		}
	}
	return 0;
}

/* one_tick: and every step of this entity is one that a body can take. */
static int told_why(struct edit_world *w, uint64_t id)
{
	uint32_t len;
	const struct output *outputs = engine_outputs(w->engines[0], &len);

	for (uint32_t i = 0; i < len; i++) {
		if (outputs[i].kind == OUTPUT_TELL && outputs[i].id == id && strstr(outputs[i].text, "no way to (10.5, 0.5)") != NULL) {
			return 1;
		}
	}
	return 0;
}

static void one_tick(struct edit_world *w, uint32_t row, struct walk *walk)
{
	struct engine *e = w->engines[0];
	int32_t x = cell_of(e, e->all.x[row]), y = cell_of(e, e->all.y[row]), z = (int32_t)e->all.z[row], nx, ny, nz, over;

	tick(w);
	nx = cell_of(e, e->all.x[row]);
	ny = cell_of(e, e->all.y[row]);
	nz = (int32_t)e->all.z[row];
	stands_well(e, row);
	assert_in_range(nz - z + PATH_DOWN, 0, PATH_DOWN + 1);
	over = nz > z ? nz : z;
	if (nx != x && ny != y) {
		assert_false(ground_at(e, nx, y, over) || ground_at(e, x, ny, over));
		assert_false(ground_at(e, nx, y, over + 1) || ground_at(e, x, ny, over + 1));
	}
	walk->ticks++;
	if (nx != x || ny != y) {
		if (walk->cells < sizeof(walk->way) - 1) {
			walk->way[walk->cells] = nx != x && ny != y ? '+' : nx > x ? 'E' : nx < x ? 'W' : ny > y ? 'N' : 'S';
		}
		walk->cells++;
	}
	walk->no_way |= told(w, e->all.id[row], MOVED_NO_WAY);
	walk->why |= told_why(w, e->all.id[row]);
}

static struct walk walk_to(struct edit_world *w, uint32_t row, double x, double y, uint32_t ticks)
{
	struct walk walk = { 0 };

	entities_walk(&w->engines[0]->all, row, x, y);
	while (walk.ticks < ticks && entities_walks(&w->engines[0]->all, row)) {
		one_tick(w, row, &walk);
	}
	return walk;
}

/* --- ways ----------------------------------------------------------------------------------------- */

static void test_straight(void **state)
{
	struct edit_world w;
	struct entities *all;
	struct walk walk;
	uint32_t row;

	(void)state;
	edit_world_open(&w, 1, &flat);
	all = &w.engines[0]->all;
	row = actor(&w, 1, 0.25, 0.25);
	assert_true(all->z[row] == GROUND);
	walk = walk_to(&w, row, 6.25, 8.25, 1000); /* 10 blocks at 0.2 a tick */
	assert_int_equal(walk.ticks, 50);
	assert_true(all->x[row] == 6.25 && all->y[row] == 8.25 && all->z[row] == GROUND);
	assert_int_equal(walk.no_way, 0);
	assert_int_equal(w.engines[0]->search->searches, 0); /* nothing was in the way */
	assert_true(told(&w, 1, MOVED_STANDS));
	edit_world_close(&w);
}

/* '#' is a wall, S the start, G the goal. Three blocks high: nobody climbs it. */
static const char *const maze[] = {
	"#############",
	"#S    #     #",
	"# ### # ### #",
	"#   # #   # #",
	"### # ### # #",
	"#   #   # # #",
	"# ##### # # #",
	"#     #   #G#",
	"#############",
};

static void test_maze(void **state)
{
	struct edit_world w;
	struct walk walk;
	uint32_t row;

	(void)state;
	edit_world_open(&w, 1, &flat);
	for (int32_t y = 0; y < 9; y++) {
		for (int32_t x = 0; x < 13; x++) {
			if (maze[y][x] == '#') {
				wall(&w, x, y, 3);
			}
		}
	}
	row = actor(&w, 1, 1.5, 1.5);
	walk = walk_to(&w, row, 11.5, 7.5, 2000);
	assert_int_equal(walk.no_way, 0);
	assert_true(w.engines[0]->all.x[row] == 11.5 && w.engines[0]->all.y[row] == 7.5);
	assert_string_equal(walk.way, "EEEENNNNEENNEESSSSWWSSEEEENNNNNN"); /* the only one */
	edit_world_close(&w);
}

static void test_no_way(void **state)
{
	struct edit_world w;
	struct walk walk;
	uint32_t row;

	(void)state;
	edit_world_open(&w, 1, &flat);
	for (int32_t i = -3; i <= 3; i++) { /* shut in */
		wall(&w, i, -3, 3);
		wall(&w, i, 3, 3);
		wall(&w, -3, i, 3);
		wall(&w, 3, i, 3);
	}
	row = actor(&w, 1, 0.5, 0.5);
	walk = walk_to(&w, row, 10.5, 0.5, 1000);
	assert_int_equal(walk.no_way, 1);
	assert_int_equal(walk.why, 1);
	assert_int_equal(walk_to(&w, row, 3.5, 0.5, 1000).why, 0); /* into the wall: who walks by keys sees it */
	assert_true(walk.ticks <= 8); /* at its turn to search, not after running against the wall */
	assert_false(entities_walks(&w.engines[0]->all, row));

	set(&w, 3, 0, GROUND + 1, BLOCK_AIR); /* a step up, with room above */
	set(&w, 3, 0, GROUND + 2, BLOCK_AIR);
	walk = walk_to(&w, row, 10.5, 0.5, 1000);
	assert_int_equal(walk.no_way, 0);
	assert_true(w.engines[0]->all.x[row] == 10.5 && w.engines[0]->all.z[row] == GROUND);
	edit_world_close(&w);
}

/* Further than a search looks: the way is found in parts. */
static void test_parts(void **state)
{
	struct edit_world w;
	struct walk walk;
	uint32_t row;

	(void)state;
	edit_world_open(&w, 1, &flat);
	for (int32_t i = -9; i <= 9; i++) {
		wall(&w, 5, i, 3);
		wall(&w, 40, i + 5, 3);
	}
	row = actor(&w, 1, -30.5, 0.5);
	walk = walk_to(&w, row, 60.5, 0.5, 4000);
	assert_int_equal(walk.no_way, 0);
	assert_true(w.engines[0]->all.x[row] == 60.5 && w.engines[0]->all.y[row] == 0.5);
	assert_in_range(w.engines[0]->search->searches, 2, 8);
	edit_world_close(&w);
}

/* A wall is built right in front of it, by an edit: it goes around; and when it is shut in, it stands. */
static void test_blocked(void **state)
{
	struct edit_world w;
	struct walk walk = { 0 };
	struct entities *all;
	uint32_t row;

	(void)state;
	edit_world_open(&w, 1, &flat);
	all = &w.engines[0]->all;
	row = actor(&w, 1, 0.5, 0.5);
	actor(&w, 2, 5.5, -9.5);
	entities_walk(all, row, 12.5, 0.5);
	for (int i = 0; i < 10; i++) {
		one_tick(&w, row, &walk);
	}
	edit_begin(&w);
	for (int32_t z = 0; z < 3; z++) {
		assert_non_null(edit_ask(&w, 2, "row", 3, -4, GROUND + z, BLOCK_STONE, 9, 1));
	}
	edit_end(&w);
	stands_well(w.engines[0], row);
	while (walk.ticks < 1000 && entities_walks(all, row)) {
		one_tick(&w, row, &walk);
	}
	assert_true(all->x[row] == 12.5 && all->y[row] == 0.5);
	assert_int_equal(walk.no_way, 0);
	assert_true(walk.cells > 14); /* it was no straight line */
	edit_world_close(&w);
}

/* What it stands on is dug away, and something is put where it stands. */
static void test_falls(void **state)
{
	struct edit_world w;
	struct entities *all;
	uint32_t row;

	(void)state;
	edit_world_open(&w, 1, &flat);
	all = &w.engines[0]->all;
	row = actor(&w, 1, 0.5, 0.5);
	edit_begin(&w);
	edit_ask(&w, 1, "row", 0, 0, GROUND - 5, BLOCK_AIR, 5, 2);
	edit_end(&w);
	assert_true(all->z[row] == GROUND - 5);
	assert_true(told(&w, 1, MOVED_STANDS));
	edit_begin(&w);
	edit_ask(&w, 1, "set", 0, 0, GROUND - 5, BLOCK_STONE, 0, 0);
	edit_end(&w);
	assert_true(all->z[row] == GROUND - 4);
	stands_well(w.engines[0], row);
	edit_begin(&w);
	edit_ask(&w, 1, "row", 0, 0, GROUND - 4, BLOCK_STONE, 10, 2);
	edit_end(&w);
	assert_true(all->z[row] == GROUND + 6);
	edit_world_close(&w);
}

static void test_chase(void **state)
{
	struct edit_world w;
	struct entities *all;
	struct walk walk = { 0 };
	uint32_t hunter, prey;
	double dx, dy;

	(void)state;
	edit_world_open(&w, 1, &flat);
	all = &w.engines[0]->all;
	hunter = actor(&w, 1, 0.5, 0.5);
	prey = actor(&w, 2, 10.5, 0.5);
	for (int32_t y = -3; y <= 3; y++) {
		wall(&w, 5, y, 3);
	}
	assert_int_equal(entity_chase(w.engines[0], hunter, 2, 1.5), 0);
	for (int i = 0; i < 200; i++) {
		one_tick(&w, hunter, &walk);
		if (i == 60) {
			entities_walk(all, prey, 12.5, 10.5);
		}
	}
	dx = all->x[prey] - all->x[hunter];
	dy = all->y[prey] - all->y[hunter];
	assert_true(dx * dx + dy * dy < 2 * 2 && dx * dx + dy * dy > 0.5); /* a waypoint may be nearer than it has to come */
	assert_int_equal(entity_prey(w.engines[0], hunter), 2);
	assert_false(entities_walks(all, hunter));
	entities_walk(all, prey, 60, 60); /* runs off at twice its speed */
	entities_speed(all, prey, 0.8);
	for (int i = 0; i < 200; i++) {
		one_tick(&w, hunter, &walk);
	}
	assert_int_equal(entity_prey(w.engines[0], hunter), 0);
	edit_world_close(&w);
}

/* Nothing in the way: it comes as near as it was told, and no nearer; who is near enough stays where it is. */
static void test_near(void **state)
{
	struct edit_world w;
	struct walk walk = { 0 };
	struct entities *all;
	uint32_t hunter, close;

	(void)state;
	edit_world_open(&w, 1, &flat);
	all = &w.engines[0]->all;
	hunter = actor(&w, 1, 0.5, 0.5);
	actor(&w, 2, 10.5, 0.5);
	close = actor(&w, 3, 9.5, 0.5);
	assert_int_equal(entity_chase(w.engines[0], hunter, 2, 1.5), 0);
	assert_int_equal(entity_chase(w.engines[0], close, 2, 1.5), 0);
	for (int i = 0; i < 100; i++) {
		one_tick(&w, hunter, &walk);
	}
	assert_true(all->x[hunter] > 8.99 && all->x[hunter] < 9.01);
	assert_true(all->x[close] == 9.5);
	edit_world_close(&w);
}

/* No corner is cut, and nobody jumps where it is too deep: one_tick looks after both. */
static void test_steps(void **state)
{
	struct edit_world w;
	struct walk walk;
	uint32_t row;

	(void)state;
	edit_world_open(&w, 1, &flat);
	wall(&w, 1, 0, 3);
	wall(&w, 0, 1, 3);
	row = actor(&w, 1, 0.5, 0.5);
	walk = walk_to(&w, row, 1.5, 1.5, 1000);
	assert_int_equal(walk.no_way, 0);
	assert_true(walk.cells > 4);

	for (int32_t y = -6; y <= 6; y++) { /* a trench, four deep */
		for (int32_t z = GROUND - 4; z < GROUND; z++) {
			set(&w, 10, y, z, BLOCK_AIR);
		}
	}
	walk = walk_to(&w, row, 15.5, 1.5, 1000);
	assert_int_equal(walk.no_way, 0);
	assert_true(w.engines[0]->all.x[row] == 15.5);
	for (int32_t y = -6; y <= 6; y++) { /* three deep: down it goes, but not up again */
		set(&w, 10, y, GROUND - 4, BLOCK_STONE);
	}
	walk = walk_to(&w, row, 10.5, 1.5, 1000);
	assert_int_equal(walk.no_way, 0);
	assert_true(w.engines[0]->all.z[row] == GROUND - 3);
	walk = walk_to(&w, row, 15.5, 1.5, 1000);
	assert_int_equal(walk.no_way, 1);

	for (uint32_t height = 4; height >= 3; height--) { /* from a tower: four is too deep, three is not */
		for (int32_t i = 0; i < 9; i++) {
			set(&w, -20 + i % 3, -20 + i / 3, GROUND + 3, height == 4 ? BLOCK_STONE : BLOCK_AIR);
			wall(&w, -20 + i % 3, -20 + i / 3, 3);
		}
		row = actor(&w, height, -18.5, -18.5);
		assert_true(w.engines[0]->all.z[row] == GROUND + height);
		walk = walk_to(&w, row, -10.5, -18.5, 1000);
		assert_int_equal(walk.no_way, height == 4);
		assert_true(w.engines[0]->all.z[row] == (height == 4 ? GROUND + 4 : GROUND));
	}
	edit_world_close(&w);
}

static void test_speed(void **state)
{
	struct edit_world w;
	struct walk walk = { 0 };
	struct entities *all;
	uint32_t row;

	(void)state;
	edit_world_open(&w, 1, &flat);
	all = &w.engines[0]->all;
	row = actor(&w, 1, 0.5, 0.5);
	entities_walk(all, row, 10.5, 0.5);
	for (int i = 0; i < 10; i++) {
		one_tick(&w, row, &walk);
	}
	entities_speed(all, row, 0.1);
	for (int i = 0; i < 10; i++) {
		one_tick(&w, row, &walk);
	}
	assert_true(all->x[row] > 3.49 && all->x[row] < 3.51);
	entities_speed(all, row, 0);
	for (int i = 0; i < 10; i++) {
		one_tick(&w, row, &walk);
	}
	assert_true(all->x[row] < 3.51);
	assert_true(entities_walks(all, row));
	entities_speed(all, row, 1.5); /* more than a cell a tick */
	for (int i = 0; i < 10; i++) {
		one_tick(&w, row, &walk);
	}
	assert_true(all->x[row] == 10.5);
	edit_world_close(&w);
}

/* --- many ----------------------------------------------------------------------------------------- */

static double somewhere(uint64_t *seed)
{
	*seed = seed_mix(*seed, 1);
	return (double)(*seed >> 40) / (1 << 24) * 200 - 100;
}

/* A thousand that wander over hills: none of them ever stands in a wall or in the air. */
static uint64_t wander(uint32_t movers, uint32_t ticks)
{
	struct edit_world w;
	struct entities *all;
	uint64_t seed = 5, sum = 0;

	edit_world_open(&w, 1, &hills);
	all = &w.engines[0]->all;
	for (uint64_t id = 1; id <= movers; id++) {
		actor(&w, id, somewhere(&seed), somewhere(&seed));
	}
	for (uint32_t t = 0; t < ticks; t++) {
		for (uint32_t row = 0; row < all->count; row++) {
			if ((t + row) % 64 == 0) {
				entities_walk(all, row, somewhere(&seed), somewhere(&seed));
			}
		}
		tick(&w);
		for (uint32_t row = 0; row < all->count; row++) {
			stands_well(w.engines[0], row);
		}
	}
	for (uint32_t row = 0; row < all->count; row++) {
		uint64_t bits[3];

		memcpy(&bits[0], &all->x[row], 8);
		memcpy(&bits[1], &all->y[row], 8);
		memcpy(&bits[2], &all->z[row], 8);
		sum += seed_mix(seed_mix(seed_mix(all->id[row], bits[0]), bits[1]), bits[2]);
	}
	assert_true(w.engines[0]->search->searches > movers / 10);
	edit_world_close(&w);
	return sum;
}

static void test_many(void **state)
{
	(void)state;
	assert_int_equal(wander(1000, 200), wander(1000, 200));
}

/* Taken up from its record in another world, it goes on to the bit: on a bent way, and while it waits or chases. */
static void test_record(void **state)
{
	struct edit_world a, b;
	struct arena arena = { 0 };
	uint32_t row_a, row_b;

	(void)state;
	for (uint32_t after = 0; after < 120; after += 7) {
		edit_world_open(&a, 1, &flat);
		edit_world_open(&b, 1, &flat);
		for (int32_t y = -5; y <= 5; y++) {
			wall(&a, 5, y, 3);
			wall(&b, 5, y, 3);
			set(&a, 8, y, GROUND, BLOCK_STONE);
			set(&b, 8, y, GROUND, BLOCK_STONE);
		}
		row_a = actor(&a, 1, 0.3, 0.7);
		entities_walk(&a.engines[0]->all, row_a, 14.1, 0.2);
		for (uint32_t i = 0; i < after; i++) {
			tick(&a);
			tick(&b);
		}
		row_b = entities_add(&b.engines[0]->all, 1, 0, "actor", a.engines[0]->all.x[row_a], a.engines[0]->all.y[row_a], 0.2);
		b.engines[0]->all.z[row_b] = a.engines[0]->all.z[row_a];
		{
			Region__Walk *walk = walk_make(a.engines[0], row_a, &arena);

			assert_non_null(walk);
			assert_int_equal(walk_check(b.engines[0], walk), 0);
			assert_int_equal(walk_take(b.engines[0], row_b, walk), 0);
			walk->vx = 1e9;
			assert_int_equal(walk_check(b.engines[0], walk), -1);
		}
		for (int i = 0; i < 150; i++) {
			tick(&a);
			tick(&b);
			assert_true(a.engines[0]->all.x[row_a] == b.engines[0]->all.x[row_b]);
			assert_true(a.engines[0]->all.y[row_a] == b.engines[0]->all.y[row_b]);
			assert_true(a.engines[0]->all.z[row_a] == b.engines[0]->all.z[row_b]);
		}
		assert_true(a.engines[0]->all.x[row_a] == 14.1);
		edit_world_close(&a);
		edit_world_close(&b);
	}
	arena_release(&arena);
}

/* Hunters after players over the borders of regions: the same in every tick whoever owns what. */
#define PAIRS 12u
#define HUNT 250u

static void hunt(uint32_t len, uint64_t digests[HUNT])
{
	static const char *const files[] = { "world.lua", "local g = require 'game'", NULL };
	static const struct engine_shape shape = { .map = "hills", .size = 128, .region = 32, .seed = 3 };
	Region__Input inputs[2 * PAIRS], *list[2 * PAIRS];
	struct worlds w;
	uint64_t seed = 9;

	worlds_open(&w, len, &shape, files);
	for (uint32_t t = 0; t < HUNT; t++) {
		uint32_t count = 0;

		for (uint32_t i = 0; i < 2 * PAIRS && t % 60 == 0; i++) {
			region__input__init(&inputs[i]);
			list[count] = &inputs[i];
			inputs[i].has_kind = inputs[i].has_avatar = inputs[i].has_x = inputs[i].has_y = 1;
			inputs[i].kind = t == 0 ? REGION__INPUT_KIND__INPUT_ENTER : REGION__INPUT_KIND__INPUT_MOVE;
			inputs[i].avatar = i + 1;
			inputs[i].name = (char *)"ann";
			inputs[i].x = somewhere(&seed) * 0.15 + (t == 0 ? 0 : i);
			inputs[i].y = somewhere(&seed) * 0.15 - (t == 0 ? 0 : i);
			count += t == 0 || i % 2 == 0; /* the prey runs off, its hunter follows */
		}
		worlds_tick(&w, (const Region__Input *const *)list, count);
		for (uint32_t i = 0; i < len; i++) {
			for (uint64_t hunter = 2; hunter <= 2 * PAIRS; hunter += 2) {
				uint32_t row = entities_row(&w.engines[i]->all, hunter);

				if (row != NO_ROW && (w.engines[i]->all.flags[row] & ENTITY_GHOST) == 0) {
					assert_int_equal(entity_chase(w.engines[i], row, hunter - 1, 1.5), 0);
				}
			}
		}
		if (len == 1) {
			digests[t] = worlds_digest(&w);
		}
		assert_int_equal(worlds_digest(&w), digests[t]);
	}
	worlds_close(&w);
}

static void test_hunt(void **state)
{
	static uint64_t digests[HUNT];

	(void)state;
	for (uint32_t len = 1; len <= 4; len++) {
		hunt(len, digests);
	}
	assert_int_not_equal(digests[100], digests[200]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_straight), cmocka_unit_test(test_maze),	cmocka_unit_test(test_no_way),
		cmocka_unit_test(test_parts),	 cmocka_unit_test(test_blocked), cmocka_unit_test(test_falls),
		cmocka_unit_test(test_chase),	 cmocka_unit_test(test_speed),	cmocka_unit_test(test_many),
		cmocka_unit_test(test_record),	 cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_near),	 cmocka_unit_test(test_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
