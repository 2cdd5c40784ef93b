/* SPDX-License-Identifier: MIT */
/* Ways: A* with a binary heap, nodes found by their column. */
#include "world/path.h"

#include <string.h>

#define STRAIGHT 10
#define ACROSS 14
#define UP 4
#define DOWN 2

/* What one search keeps beside its nodes. */
struct state {
	struct terrain *t;
	struct path_search *s;
	const struct path_request *request;
	uint16_t nearest;
	int cut; /* there was more to look at, beyond the window or the budget */
};

/* --- nodes and the heap ------------------------------------------------------------------------------- */

static int64_t apart(int32_t a, int32_t b, int64_t near)
{
	int64_t d = (int64_t)a - b;

	d = (d < 0 ? -d : d) - near;
	return d > 0 ? d : 0;
}

static int at_goal(const struct path_request *r, struct vec3i at)
{
	return apart(at.x, r->to.x, r->near) == 0 && apart(at.y, r->to.y, r->near) == 0 &&
	       apart(at.z, r->to.z, r->near) == 0;
}

/* rest_of: what the way costs on an empty plain; never more than it does. */
static int64_t rest_of(const struct path_request *r, struct vec3i at)
{
	int64_t dx = apart(at.x, r->to.x, r->near), dy = apart(at.y, r->to.y, r->near);
	int64_t less = dx < dy ? dx : dy;

	return r->straight ? STRAIGHT * (dx + dy) : STRAIGHT * (dx + dy - 2 * less) + ACROSS * less;
}

/* distance_of: what "nearest to the goal" means when it was not reached: levels count too. */
static int64_t distance_of(const struct path_request *r, const struct path_node *node)
{
	return node->rest + STRAIGHT * apart(node->at.z, r->to.z, r->near);
}

/* comes_first: a total order, so that equal ways are decided in one way: the shorter sum, then the one nearer to the
 * goal, then the one met first. */
static int comes_first(const struct path_search *s, uint16_t a, uint16_t b)
{
	int64_t sum_a = s->nodes[a].cost + s->nodes[a].rest, sum_b = s->nodes[b].cost + s->nodes[b].rest;

	if (sum_a != sum_b) {
		return sum_a < sum_b;
	}
	return s->nodes[a].rest != s->nodes[b].rest ? s->nodes[a].rest < s->nodes[b].rest : a < b;
}

static void heap_put(struct path_search *s, uint32_t place, uint16_t node)
{
	s->heap[place] = node;
	s->nodes[node].place = (uint16_t)(place + 1);
}

static void heap_rise(struct path_search *s, uint16_t node)
{
	uint32_t place = s->nodes[node].place - 1u;

	while (place > 0 && comes_first(s, node, s->heap[(place - 1) / 2])) {
		heap_put(s, place, s->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_put(s, place, node);
}

static uint16_t heap_take(struct path_search *s)
{
	uint16_t first = s->heap[0], node = s->heap[--s->heap_len];
	uint32_t place = 0, child;

	while ((child = 2 * place + 1) < s->heap_len) {
		if (child + 1 < s->heap_len && comes_first(s, s->heap[child + 1], s->heap[child])) {
			child++;
		}
		if (!comes_first(s, s->heap[child], node)) {
			break;
		}
		heap_put(s, place, s->heap[child]);
		place = child;
	}
	if (s->heap_len > 0) {
		heap_put(s, place, node);
	}
	s->nodes[first].place = 0;
	return first;
}

static uint16_t *column_of(struct state *state, struct vec3i at)
{
	int32_t x = at.x - state->request->from.x + PATH_WINDOW, y = at.y - state->request->from.y + PATH_WINDOW;

	return &state->s->columns[y * PATH_SIDE + x];
}

/* node_meet: there is a way to a cell; keeps it if it is the first or a shorter one. */
static void node_meet(struct state *state, struct vec3i at, uint32_t cost, uint16_t parent)
{
	struct path_search *s = state->s;
	uint16_t *column = column_of(state, at), met = *column;
	struct path_node *node;

	while (met != 0 && s->nodes[met - 1].at.z != at.z) {
		met = s->nodes[met - 1].next;
	}
	if (met == 0) {
		if (s->count == PATH_NODES_MAX) {
			state->cut = 1;
			return;
		}
		met = (uint16_t)(++s->count);
		s->nodes[met - 1] = (struct path_node){ .at = at, .rest = rest_of(state->request, at), .next = *column };
		*column = met;
		s->nodes[met - 1].place = (uint16_t)(++s->heap_len);
	} else if (s->nodes[met - 1].place == 0 || s->nodes[met - 1].cost <= cost) {
		return; /* rest_of is consistent: what was opened has its shortest way */
	}
	node = &s->nodes[met - 1];
	node->cost = cost;
	node->parent = parent;
	heap_rise(s, (uint16_t)(met - 1));
}

/* --- steps -------------------------------------------------------------------------------------------- */

static uint8_t flags_at(struct terrain *t, int32_t x, int32_t y, int32_t z)
{
	return block_flags(terrain_table(t), terrain_block(t, x, y, z));
}

/* room_at: both cells of a body are free. */
static int room_at(struct terrain *t, int32_t x, int32_t y, int32_t z)
{
	return !((flags_at(t, x, y, z) | flags_at(t, x, y, z + 1)) & BLOCK_GROUND);
}

/* level: 1 if the column is entered and stood in at the same height: the most frequent step, in one look for the chunk. */
static int level(struct terrain *t, int32_t x, int32_t y, int32_t z)
{
	const struct chunk *chunk = terrain_chunk(t, vec_div(x, CHUNK_WIDTH), vec_div(y, CHUNK_WIDTH));
	const struct block_table *table = terrain_table(t);
	uint32_t cx = (uint32_t)x, cy = (uint32_t)y, feet = (uint32_t)z; /* cut off by chunk_get */

	return chunk != NULL && z > 0 && (block_flags(table, chunk_get(chunk, cx, cy, feet - 1)) & BLOCK_GROUND) != 0 &&
	       (block_flags(table, chunk_get(chunk, cx, cy, feet)) & BLOCK_GROUND) == 0 &&
	       (block_flags(table, chunk_get(chunk, cx, cy, feet + 1)) & (BLOCK_GROUND | BLOCK_LIQUID)) == 0;
}

int path_step(struct terrain *t, struct vec3i *at, int32_t x, int32_t y)
{
	int across = x != at->x && y != at->y;
	int32_t z, over; /* over: where the body is when it crosses */

	if (!across && level(t, x, y, at->z)) {
		at->x = x;
		at->y = y;
		return 1;
	}
	z = terrain_stand(t, x, y, at->z);
	over = z > at->z ? z : at->z;
	if (z == TERRAIN_NOWHERE || z < at->z - PATH_DOWN || flags_at(t, x, y, z + 1) & BLOCK_LIQUID) {
		return 0;
	}
	if (over > at->z && !room_at(t, at->x, at->y, over)) {
		return 0; /* no room to rise in */
	}
	if (across && !(room_at(t, x, at->y, over) && room_at(t, at->x, y, over))) {
		return 0;
	}
	*at = (struct vec3i){ x, y, z };
	return 1;
}

/* step_try: the step from an opened node to a column beside it. */
static void step_try(struct state *state, uint16_t index, int32_t dx, int32_t dy)
{
	struct path_node node = state->s->nodes[index];
	struct vec3i from = state->request->from, at = node.at;
	uint32_t cost = dx != 0 && dy != 0 ? ACROSS : STRAIGHT;

	if (at.x + dx < from.x - PATH_WINDOW || at.x + dx > from.x + PATH_WINDOW || at.y + dy < from.y - PATH_WINDOW ||
	    at.y + dy > from.y + PATH_WINDOW) {
		state->cut = 1;
		return;
	}
	if (path_step(state->t, &at, at.x + dx, at.y + dy)) {
		cost += at.z > node.at.z ? UP : (uint32_t)(node.at.z - at.z) * DOWN;
		node_meet(state, at, node.cost + cost, index);
	}
}

static void node_open(struct state *state, uint16_t index)
{
	static const int8_t ways[8][2] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 }, { 1, 1 }, { -1, 1 }, { -1, -1 }, { 1, -1 } };
	const struct path_node *node = &state->s->nodes[index], *best = &state->s->nodes[state->nearest];
	int64_t here = distance_of(state->request, node), there = distance_of(state->request, best);

	if (here < there || (here == there && node->cost < best->cost)) {
		state->nearest = index;
	}
	for (int i = 0; i < (state->request->straight ? 4 : 8); i++) {
		step_try(state, index, ways[i][0], ways[i][1]);
	}
}

/* --- the way ------------------------------------------------------------------------------------------ */

/* way_write: the way to a node as waypoints; what does not fit makes it a part. */
static void way_write(struct path_search *s, uint16_t end, struct path *path)
{
	uint16_t at = end, after = end;

	while (s->nodes[at].parent != at) { /* `next` now leads from the start to the end */
		uint16_t before = s->nodes[at].parent;

		s->nodes[before].next = at;
		at = before;
	}
	path->count = 0;
	path->cost = s->nodes[end].cost;
	for (; at != end; at = after) {
		struct vec3i step, then;

		after = s->nodes[at].next;
		if (after != end) {
			step = vec3i_sub(s->nodes[after].at, s->nodes[at].at);
			then = vec3i_sub(s->nodes[s->nodes[after].next].at, s->nodes[after].at);
			if (step.z == 0 && step.x == then.x && step.y == then.y && step.z == then.z) {
				continue;
			}
		}
		path->at[path->count++] = s->nodes[after].at;
		if (path->count == PATH_WAYPOINTS && after != end) {
			path->result = PATH_PART;
			path->cost = s->nodes[after].cost;
			return;
		}
	}
}

/* search_run: opens nodes until the goal is one; 1 if it is (then it is the nearest). */
static int search_run(struct state *state, struct path *path)
{
	struct path_search *s = state->s;
	uint32_t budget = state->request->budget != 0 ? state->request->budget : PATH_BUDGET;

	budget = budget < PATH_BUDGET_MAX ? budget : PATH_BUDGET_MAX;
	while (s->heap_len > 0) {
		if (at_goal(state->request, s->nodes[s->heap[0]].at)) {
			state->nearest = s->heap[0];
			return 1;
		}
		if (path->opened == budget) {
			state->cut = 1;
			s->ended++;
			return 0;
		}
		path->opened++;
		node_open(state, heap_take(s));
	}
	s->ended += s->count == PATH_NODES_MAX;
	return 0;
}

static int start_good(const struct terrain *t, struct vec3i from)
{
	int32_t half = (int32_t)terrain_settings(t)->size / 2;

	return from.x >= -half && from.x < half && from.y >= -half && from.y < half && from.z >= 0 &&
	       from.z <= (int32_t)terrain_settings(t)->map.height;
}

enum path_result path_find(struct terrain *t, struct path_search *s, const struct path_request *request,
			   struct path *ret_path)
{
	struct state state = { .t = t, .s = s, .request = request };

	*ret_path = (struct path){ .result = PATH_NONE };
	s->searches++;
	if (!start_good(t, request->from)) {
		return PATH_NONE;
	}
	s->count = s->heap_len = 0;
	memset(s->columns, 0, sizeof(s->columns));
	node_meet(&state, request->from, 0, 0);
	if (search_run(&state, ret_path)) {
		ret_path->result = PATH_WHOLE;
	} else if (state.cut && state.nearest != 0) {
		ret_path->result = PATH_PART;
	} else {
		return PATH_NONE;
	}
	way_write(s, state.nearest, ret_path);
	return ret_path->result;
}
