/* SPDX-License-Identifier: MIT */
/* Ways against drawn mazes and against a plain search of all ways; lines of sight against points on them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world/path.h"

#define FLOOR 17 /* the cell above the grass of a flat map 64 high */

static struct block_table *table;
static struct path_search search;

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static struct terrain *make(enum generate_kind kind)
{
	struct terrain_settings settings = { .seed = 1, .map = { .kind = kind, .height = 64 }, .size = 1024 };
	struct terrain *t = NULL;

	assert_int_equal(terrain_open(&settings, table, &t), 0);
	return t;
}

static int set_up(void **state)
{
	(void)state;
	table = block_table_new();
	return table == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	table = block_table_free(table);
	return 0;
}

/* pile: raises a column of a flat map by `height` blocks. */
static void pile(struct terrain *t, int32_t x, int32_t y, int32_t height)
{
	for (int32_t z = 0; z < height; z++) {
		assert_true(terrain_set(t, x, y, FLOOR + z, BLOCK_STONE, 1) >= 0);
	}
}

static struct vec3i draw(struct terrain *t, const char *const *rows, uint32_t count, struct vec3i *ret_goal)
{
	struct vec3i start = { 0, 0, FLOOR };

	for (int32_t y = 0; y < (int32_t)count; y++) {
		for (int32_t x = 0; rows[y][x] != '\0'; x++) {
			pile(t, x, y, rows[y][x] == '#' ? 2 : 0);
			if (rows[y][x] == 'S') {
				start = (struct vec3i){ x, y, FLOOR };
			} else if (rows[y][x] == 'G') {
				*ret_goal = (struct vec3i){ x, y, FLOOR };
			}
		}
	}
	return start;
}

static void expect_way(const struct path *path, const int32_t (*wanted)[2], uint32_t count)
{
	assert_int_equal(path->count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(path->at[i].x, wanted[i][0]);
		assert_int_equal(path->at[i].y, wanted[i][1]);
		assert_int_equal(path->at[i].z, FLOOR);
	}
}

/* --- mazes -------------------------------------------------------------------------------------------- */

static void test_maze(void **state)
{
	static const char *const rows[] = {
		"###################",
		"#S    #     #     #",
		"##### # ### # ### #",
		"#     # #   #   # #",
		"# ##### # ##### # #",
		"#       #       #G#",
		"###################",
	};
	static const int32_t straight[][2] = { { 5, 1 }, { 5, 3 }, { 1, 3 }, { 1, 5 }, { 7, 5 }, { 7, 1 }, { 11, 1 }, { 11, 3 },
					       { 9, 3 }, { 9, 5 }, { 15, 5 }, { 15, 3 }, { 13, 3 }, { 13, 1 }, { 17, 1 }, { 17, 5 } };
	struct terrain *t = make(GENERATE_FLAT);
	struct path_request request = { .straight = 1 };
	struct path path;

	(void)state;
	request.from = draw(t, rows, 7, &request.to);
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE);
	expect_way(&path, straight, sizeof(straight) / sizeof(straight[0]));
	assert_int_equal(path.cost, 10 * (4 + 2 + 4 + 2 + 6 + 4 + 4 + 2 + 2 + 2 + 6 + 2 + 2 + 2 + 4 + 4));
	request.straight = 0; /* the corners are all walls, so that no step across is open */
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE);
	expect_way(&path, straight, sizeof(straight) / sizeof(straight[0]));
	terrain_close(t);
}

static void test_across(void **state)
{
	static const char *const rows[] = {
		"S     ",
		"      ",
		"   #  ",
		"      ",
		"     G",
	};
	/* a step across is not taken beside the block */
	static const int32_t wanted[][2] = { { 2, 2 }, { 2, 3 }, { 3, 4 }, { 5, 4 } };
	struct terrain *t = make(GENERATE_FLAT);
	struct path_request request = { .near = 0 };
	struct path path;

	(void)state;
	request.from = draw(t, rows, 5, &request.to);
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE);
	assert_int_equal(path.cost, 3 * 14 + 3 * 10);
	expect_way(&path, wanted, sizeof(wanted) / sizeof(wanted[0]));
	request.to = request.from;
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE);
	assert_int_equal(path.count, 0);
	terrain_close(t);
}

static void test_levels(void **state)
{
	struct terrain *t = make(GENERATE_FLAT);
	struct path_request request = { .from = { 0, 0, FLOOR }, .to = { 6, 0, FLOOR + 3 }, .straight = 1 };
	struct path path;

	(void)state;
	for (int32_t y = -30; y <= 30; y++) { /* a ridge of three steps across the window, its wall on the far side */
		pile(t, 2, y, 1);
		pile(t, 3, y, 2);
		pile(t, 4, y, 3);
		pile(t, 5, y, 3);
		pile(t, 6, y, 3);
		pile(t, 10, y, 4);
	}
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE);
	assert_int_equal(path.cost, 6 * 10 + 3 * 4);
	assert_int_equal(path.at[path.count - 1].z, FLOOR + 3);
	request.to = (struct vec3i){ 8, 0, FLOOR };
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE);
	assert_int_equal(path.cost, 8 * 10 + 3 * 4 + 3 * 2);
	request.from = request.to; /* three down, but not three up */
	request.to = (struct vec3i){ 0, 0, FLOOR };
	assert_int_equal(path_find(t, &search, &request, &path), PATH_PART);
	assert_int_equal(path.at[path.count - 1].x, 7);
	/* a ceiling over the step: no room to rise in */
	request.from = (struct vec3i){ 0, 0, FLOOR };
	request.to = (struct vec3i){ 3, 0, FLOOR + 2 };
	for (int32_t y = -30; y <= 30; y++) {
		terrain_set(t, 1, y, FLOOR + 2, BLOCK_STONE, 1);
	}
	assert_int_equal(path_find(t, &search, &request, &path), PATH_PART);
	assert_int_equal(path.at[path.count - 1].x, 1);
	terrain_close(t);
}

static void test_liquid(void **state)
{
	struct terrain *t = make(GENERATE_FLAT);
	struct path_request request = { .from = { 0, 0, FLOOR }, .to = { 6, 0, FLOOR } };
	struct path path;

	(void)state;
	for (int32_t y = -30; y <= 30; y++) {
		terrain_set(t, 3, y, FLOOR - 1, BLOCK_WATER, 1);
	}
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE); /* one deep: waded */
	for (int32_t y = -30; y <= 30; y++) {
		terrain_set(t, 3, y, FLOOR - 2, BLOCK_WATER, 1);
	}
	assert_int_equal(path_find(t, &search, &request, &path), PATH_PART); /* two deep: to the shore */
	assert_int_equal(path.at[path.count - 1].x, 2);
	for (int32_t y = -30; y <= 30; y++) { /* one could stand there, but not breathe */
		for (int32_t z = -2; z < 2; z++) {
			terrain_set(t, 3, y, FLOOR + z, z < 0 ? BLOCK_DIRT : BLOCK_WATER, 1);
		}
	}
	assert_int_equal(path_find(t, &search, &request, &path), PATH_PART);
	assert_int_equal(path.at[path.count - 1].x, 2);
	terrain_close(t);
}

/* --- bounds ------------------------------------------------------------------------------------------- */

static void test_unreachable(void **state)
{
	static const char *const rows[] = {
		"##########",
		"#S   #   #",
		"#    # G #",
		"#    #   #",
		"##########",
	};
	struct terrain *t = make(GENERATE_FLAT);
	struct path_request request = { .near = 0 };
	struct path path;

	(void)state;
	request.from = draw(t, rows, 5, &request.to);
	assert_int_equal(path_find(t, &search, &request, &path), PATH_NONE);
	assert_int_equal(path.count, 0);
	request.near = 3; /* (4, 2) is good enough */
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE);
	request.near = 0;
	request.from = (struct vec3i){ 600, 0, FLOOR }; /* outside of the world */
	assert_int_equal(path_find(t, &search, &request, &path), PATH_NONE);
	terrain_close(t);
}

/* A way longer than the window is found in parts, each a function of its own window. */
static void test_parts(void **state)
{
	struct terrain *t = make(GENERATE_FLAT);
	struct path_request request = { .from = { -200, 3, FLOOR }, .to = { 200, -40, FLOOR } };
	struct path path;
	uint32_t parts = 0, cost = 0;

	(void)state;
	for (; parts < 100 && path_find(t, &search, &request, &path) == PATH_PART; parts++) {
		assert_in_range(path.opened, 1, PATH_BUDGET);
		request.from = path.at[path.count - 1];
		cost += path.cost;
	}
	assert_int_equal(path.result, PATH_WHOLE);
	assert_in_range(parts, 400 / PATH_WINDOW - 1, 30);
	assert_int_equal(cost + path.cost, 43 * 14 + 357 * 10);
	request.to = (struct vec3i){ INT32_MAX, INT32_MIN, INT32_MAX };
	assert_int_equal(path_find(t, &search, &request, &path), PATH_PART);
	terrain_close(t);
}

/* Whichever way the goal lies, nothing beyond the window is looked at: its chunks are not even generated. */
static void test_window(void **state)
{
	static const int8_t ways[8][2] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 }, { 1, 1 }, { -1, 1 }, { -1, -1 }, { 1, -1 } };

	(void)state;
	for (int32_t i = 0; i < 8; i++) {
		struct terrain *t = make(GENERATE_FLAT);
		struct path_request request = { .from = { 24, 24, FLOOR }, .budget = PATH_BUDGET_MAX,
						.to = { ways[i][0] * 400, ways[i][1] * 400, FLOOR } };
		struct terrain_counts counts;
		struct path path;

		assert_int_equal(path_find(t, &search, &request, &path), PATH_PART);
		assert_true(path.at[path.count - 1].x >= 0 && path.at[path.count - 1].x <= 24 + PATH_WINDOW);
		assert_true(path.at[path.count - 1].y >= 0 && path.at[path.count - 1].y <= 24 + PATH_WINDOW);
		for (int32_t cx = -1; cx <= 3; cx++) {
			for (int32_t cy = -1; cy <= 3; cy++) {
				terrain_chunk(t, cx, cy); /* all that the window 0 .. 48 touches, and a ring */
			}
		}
		terrain_counts(t, &counts);
		assert_int_equal(counts.generated, 25);
		terrain_close(t);
	}
}

/* A way of more bends than there are waypoints ends before the goal, and goes on from there. */
static void test_many_bends(void **state)
{
	struct terrain *t = make(GENERATE_FLAT);
	struct path_request request = { .from = { 0, 0, FLOOR }, .to = { 22, 22, FLOOR }, .straight = 1 };
	struct path path;

	(void)state;
	for (int32_t y = -1; y <= 24; y++) {
		for (int32_t x = -1; x <= 24; x++) {
			pile(t, x, y, x == y || x == y + 1 ? 0 : 2);
		}
	}
	assert_int_equal(path_find(t, &search, &request, &path), PATH_PART);
	assert_int_equal(path.count, PATH_WAYPOINTS);
	assert_int_equal(path.cost, 10 * PATH_WAYPOINTS);
	request.from = path.at[path.count - 1];
	assert_int_equal(path_find(t, &search, &request, &path), PATH_WHOLE);
	assert_int_equal(path.cost, 10 * (44 - PATH_WAYPOINTS));
	terrain_close(t);
}

/* A bag as wide as the budget: the nearest place is the start, and the search ends there. */
static void test_bag(void **state)
{
	struct terrain *t = make(GENERATE_FLAT);
	struct path_request request = { .from = { 0, 0, FLOOR }, .to = { 100, 0, FLOOR } };
	struct path path;
	uint64_t ended = search.ended;

	(void)state;
	for (int32_t i = -23; i <= 23; i++) {
		pile(t, 1, i, 3);
	}
	assert_int_equal(path_find(t, &search, &request, &path), PATH_NONE);
	assert_int_equal(path.opened, PATH_BUDGET);
	assert_int_equal(search.ended, ended + 1);
	terrain_close(t);
}

/* --- against all ways --------------------------------------------------------------------------------- */

#define SIDE 12

static int step_allowed(int32_t heights[SIDE][SIDE], int32_t x, int32_t y, int32_t nx, int32_t ny, uint32_t *ret_cost)
{
	int32_t from, to, over;

	if (nx < 0 || ny < 0 || nx >= SIDE || ny >= SIDE) {
		return 0;
	}
	from = heights[y][x];
	to = heights[ny][nx];
	over = to > from ? to : from;
	if (to > from + 1 || to < from - PATH_DOWN) {
		return 0;
	}
	if (x != nx && y != ny && (heights[y][nx] > over || heights[ny][x] > over)) {
		return 0;
	}
	*ret_cost = (x != nx && y != ny ? 14u : 10u) + (to > from ? 4u : (uint32_t)(from - to) * 2);
	return 1;
}

/* costs_find: relaxes all steps until nothing changes (Bellman and Ford). */
static void costs_find(int32_t heights[SIDE][SIDE], int32_t sx, int32_t sy, int straight, uint32_t costs[SIDE][SIDE])
{
	int changed = 1;

	memset(costs, 0xFF, SIDE * SIDE * sizeof(costs[0][0]));
	costs[sy][sx] = 0;
	while (changed) {
		changed = 0;
		for (int32_t i = 0; i < SIDE * SIDE * 9; i++) {
			int32_t x = i / 9 % SIDE, y = i / 9 / SIDE, nx = x + i % 3 - 1, ny = y + i / 3 % 3 - 1;
			uint32_t cost;

			if (costs[y][x] != UINT32_MAX && !(straight && x != nx && y != ny) &&
			    step_allowed(heights, x, y, nx, ny, &cost) && costs[y][x] + cost < costs[ny][nx]) {
				costs[ny][nx] = costs[y][x] + cost;
				changed = 1;
			}
		}
	}
}

/* way_cost: walks along the waypoints, step by step, by the rules; what it costs. */
static uint32_t way_cost(int32_t heights[SIDE][SIDE], struct vec3i from, const struct path *path)
{
	uint32_t cost = 0, step;

	for (uint32_t i = 0; i < path->count; i++) {
		int32_t level = heights[from.y][from.x], steps = 0;

		for (; from.x != path->at[i].x || from.y != path->at[i].y; steps++) {
			int32_t dx = (path->at[i].x > from.x) - (path->at[i].x < from.x);
			int32_t dy = (path->at[i].y > from.y) - (path->at[i].y < from.y);

			assert_true(step_allowed(heights, from.x, from.y, from.x + dx, from.y + dy, &step));
			cost += step;
			from.x += dx;
			from.y += dy;
			assert_true(steps == 0 || heights[from.y][from.x] == level);
			level = heights[from.y][from.x];
		}
		assert_int_equal(path->at[i].z, FLOOR + heights[from.y][from.x]);
	}
	return cost;
}

static void test_against_all_ways(void **state)
{
	uint32_t seed = 11, none = 0, whole = 0;

	(void)state;
	for (uint32_t round = 0; round < 400; round++) {
		struct terrain *t = make(GENERATE_FLAT);
		int32_t heights[SIDE][SIDE];
		uint32_t costs[SIDE][SIDE], total = 0, kinds = 2 + round % 4;
		struct path_request request = { .budget = PATH_BUDGET_MAX, .straight = round / 4 % 2 };
		struct path path;

		for (int32_t i = -1; i <= SIDE; i++) {
			pile(t, i, -1, 12);
			pile(t, i, SIDE, 12);
			pile(t, -1, i, 12);
			pile(t, SIDE, i, 12);
		}
		for (int32_t i = 0; i < SIDE * SIDE; i++) {
			static const int32_t levels[] = { 0, 2, 1, 0, 4 };

			heights[i / SIDE][i % SIDE] = levels[next_random(&seed) % kinds];
			pile(t, i % SIDE, i / SIDE, heights[i / SIDE][i % SIDE]);
		}
		request.from = (struct vec3i){ (int32_t)(next_random(&seed) % SIDE), (int32_t)(next_random(&seed) % SIDE), 0 };
		request.to = (struct vec3i){ (int32_t)(next_random(&seed) % SIDE), (int32_t)(next_random(&seed) % SIDE), 0 };
		request.from.z = FLOOR + heights[request.from.y][request.from.x];
		request.to.z = FLOOR + heights[request.to.y][request.to.x];
		costs_find(heights, request.from.x, request.from.y, request.straight, costs);
		do {
			path_find(t, &search, &request, &path);
			assert_int_equal(way_cost(heights, request.from, &path), path.cost);
			total += path.cost;
			request.from = path.count > 0 ? path.at[path.count - 1] : request.from;
		} while (path.result == PATH_PART);
		if (costs[request.to.y][request.to.x] == UINT32_MAX) {
			assert_int_equal(path.result, PATH_NONE);
			none++;
		} else {
			assert_int_equal(path.result, PATH_WHOLE);
			assert_int_equal(total, costs[request.to.y][request.to.x]);
			whole++;
		}
		terrain_close(t);
	}
	assert_true(none > 20 && whole > 100);
}

/* On generated land every way that is given can be walked; the same request has the same answer in a fresh terrain. */
static void test_on_land(void **state)
{
	struct terrain *t = make(GENERATE_LAND);
	uint32_t seed = 3, found = 0;

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		struct path_request request = { .near = (uint8_t)(i % 2) };
		struct terrain *fresh;
		struct path path, again;

		request.from.x = (int32_t)(next_random(&seed) % 900) - 450;
		request.from.y = (int32_t)(next_random(&seed) % 900) - 450;
		request.to.x = request.from.x + (int32_t)(next_random(&seed) % 41) - 20;
		request.to.y = request.from.y + (int32_t)(next_random(&seed) % 41) - 20;
		request.from.z = terrain_surface(t, request.from.x, request.from.y);
		request.to.z = terrain_surface(t, request.to.x, request.to.y);
		found += path_find(t, &search, &request, &path) != PATH_NONE;
		fresh = make(GENERATE_LAND);
		path_find(fresh, &search, &request, &again);
		assert_memory_equal(&path, &again, sizeof(path));
		terrain_close(fresh);
	}
	assert_true(found > 150);
	terrain_close(t);
}

/* --- sight -------------------------------------------------------------------------------------------- */

static int full_at(struct terrain *t, double x, double y, double z)
{
	return (block_flags(table, terrain_block(t, (int32_t)floor(x), (int32_t)floor(y), (int32_t)floor(z))) & BLOCK_FULL) != 0;
}

static void test_sight(void **state)
{
	struct terrain *t = make(GENERATE_FLAT);
	struct vec3f a = { 0.5, 0.5, FLOOR + 1.5 }, b = { 10.5, 0.5, FLOOR + 1.5 };

	(void)state;
	assert_true(terrain_sight(t, a, b) && terrain_sight(t, a, a));
	terrain_set(t, 5, 0, FLOOR + 1, BLOCK_GLASS, 1);
	assert_true(terrain_sight(t, a, b));
	terrain_set(t, 5, 0, FLOOR + 1, BLOCK_STONE, 1);
	assert_true(!terrain_sight(t, a, b) && !terrain_sight(t, b, a));
	assert_true(terrain_sight(t, a, (struct vec3f){ 5.2, 0.5, FLOOR + 1.5 })); /* the block itself is seen */
	assert_true(terrain_sight(t, a, (struct vec3f){ 10.5, 0.5, FLOOR + 8 }));  /* over it */
	assert_false(terrain_sight(t, a, (struct vec3f){ 0.5, 0.5, 3 }));
	assert_false(terrain_sight(t, a, (struct vec3f){ NAN, 0.5, 30 }));
	assert_false(terrain_sight(t, a, (struct vec3f){ 0.5, 0.5, INFINITY }));
	assert_false(terrain_sight(t, a, (struct vec3f){ 0.5, 1e300, 30 }));
	assert_true(terrain_sight(t, (struct vec3f){ -100.5, 0.5, 30 }, (struct vec3f){ 155.5, 0.5, 30 }));
	assert_false(terrain_sight(t, (struct vec3f){ -100.5, 0.5, 30 }, (struct vec3f){ 157.5, 0.5, 30 })); /* too far */
	terrain_close(t);
}

static void test_sight_against_points(void **state)
{
	struct terrain *t = make(GENERATE_FLAT);
	uint32_t seed = 9, seen = 0, closed = 0;

	(void)state;
	for (int32_t i = 0; i < 16 * 16 * 16; i++) {
		terrain_set(t, i % 16 - 8, i / 16 % 16 - 8, FLOOR + i / 256, next_random(&seed) % 24 == 0 ? BLOCK_STONE : BLOCK_AIR, 1);
	}
	for (uint32_t round = 0; round < 5000; round++) {
		struct vec3f p[2];
		int inner = 0, around = 0, sees;

		for (int i = 0; i < 2; i++) { /* sometimes on the very borders of cells */
			double grain = round % 3 == 0 ? 2 : 1024;

			p[i].x = (double)(next_random(&seed) % 16384) / 1024 - 8;
			p[i].y = (double)(next_random(&seed) % 16384) / 1024 - 8;
			p[i].z = (double)(next_random(&seed) % 16384) / 1024 + FLOOR;
			p[i] = (struct vec3f){ floor(p[i].x * grain) / grain, floor(p[i].y * grain) / grain,
					       floor(p[i].z * grain) / grain };
		}
		for (int i = 1; i < 4000; i++) {
			double share = i / 4000.0, near = 1e-3, wide = 1e-2; /* between two points: 7e-3 */
			struct vec3f at = vec3f_add(p[0], vec3f_scale(vec3f_sub(p[1], p[0]), share));

			for (int end = 0; end < 2; end++) { /* the cells of the ends do not count */
				if (floor(at.x) == floor(p[end].x) && floor(at.y) == floor(p[end].y) &&
				    floor(at.z) == floor(p[end].z)) {
					goto next;
				}
			}
			inner |= full_at(t, at.x, at.y, at.z) && full_at(t, at.x + near, at.y + near, at.z + near) &&
				 full_at(t, at.x - near, at.y - near, at.z - near);
			for (int corner = 0; corner < 8; corner++) {
				around |= full_at(t, at.x + (corner & 1 ? wide : -wide), at.y + (corner & 2 ? wide : -wide),
						  at.z + (corner & 4 ? wide : -wide));
			}
next:;
		}
		sees = terrain_sight(t, p[0], p[1]);
		assert_int_equal(sees, terrain_sight(t, p[1], p[0]));
		assert_false(sees && inner);
		assert_false(!sees && !around);
		seen += (uint32_t)sees;
		closed += !sees;
	}
	assert_true(seen > 500 && closed > 500);
	terrain_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maze),
		cmocka_unit_test(test_across),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_liquid),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_many_bends),
		cmocka_unit_test(test_bag),
		cmocka_unit_test(test_against_all_ways),
		cmocka_unit_test(test_on_land),
		cmocka_unit_test(test_sight),
		cmocka_unit_test(test_sight_against_points),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
