/* SPDX-License-Identifier: MIT */
/* The generator: columns, ores, plants. */
#include "world/generate.h"

#include <string.h>

#include "vec/vec.h"
#include "world/seed.h"

/* What is drawn from the seed; the numbers are part of every world. */
enum draw {
	DRAW_LAND = 1, /* and the next ones, one a width */
	DRAW_RUGGED = 10,
	DRAW_WARMTH = 20,
	DRAW_MOISTURE = 30,
	DRAW_TREE = 40,
	DRAW_PLANT = 41,
	DRAW_VEIN = 42,
	DRAW_SHORE = 50,
};

#define ONE 65536 /* noise and shares are in 1/65536 */

/* --- noise ------------------------------------------------------------------------------------------ */

static int64_t lattice(uint64_t seed, uint32_t what, int32_t x, int32_t y)
{
	return (int64_t)(seed_at(seed, what, x, y) >> 48);
}

static int64_t between(int64_t a, int64_t b, int64_t share)
{
	return (a * (ONE - share) + b * share) / ONE; /* both are above 0, so that it rounds down */
}

/* noise: 0 .. 65535, smooth over cells of 2^width. */
static int64_t noise(uint64_t seed, uint32_t what, unsigned width, int32_t x, int32_t y)
{
	int32_t size = 1 << width, cx = vec_div(x, size), cy = vec_div(y, size);
	int64_t tx = (int64_t)vec_mod(x, size) * (ONE >> width), ty = (int64_t)vec_mod(y, size) * (ONE >> width);

	tx = tx * tx / ONE * (3 * ONE - 2 * tx) / ONE;
	ty = ty * ty / ONE * (3 * ONE - 2 * ty) / ONE;
	return between(between(lattice(seed, what, cx, cy), lattice(seed, what, cx + 1, cy), tx),
		       between(lattice(seed, what, cx, cy + 1), lattice(seed, what, cx + 1, cy + 1), tx), ty);
}

/* --- columns ---------------------------------------------------------------------------------------- */

struct column {
	int32_t ground; /* z of the highest solid block */
	uint8_t biome;
};

static int32_t level_of(const struct generate_settings *s)
{
	if (s->level != 0) {
		return (int32_t)s->level;
	}
	return (int32_t)(s->kind == GENERATE_FLAT ? s->height / 4 : s->height * 3 / 8);
}

static int32_t land_ground(uint64_t seed, const struct generate_settings *s, int32_t x, int32_t y, int64_t rugged)
{
	int64_t level = level_of(s), top = (int64_t)s->height - 12, ground;
	int64_t wide = noise(seed, DRAW_LAND, 7, x, y) - ONE / 2;
	int64_t fine = noise(seed, DRAW_LAND + 1, 5, x, y) * 5 + noise(seed, DRAW_LAND + 2, 4, x, y) * 2 +
		       noise(seed, DRAW_LAND + 3, 3, x, y);
	int64_t rise = rugged > ONE * 55 / 100 ? rugged - ONE * 55 / 100 : 0;

	/* fine: 0 .. 8; the highest hills reach what room there is above the water */
	ground = (level + 3) * ONE + wide * (level / 2) + (fine / 8 - ONE / 2) * 5;
	ground += rise * fine / (2 * ONE) * (top - level);
	ground = ground > 0 ? ground / ONE : 0;
	return (int32_t)(ground < 3 ? 3 : ground > top ? top : ground);
}

static struct column column_at(uint64_t seed, const struct generate_settings *s, int32_t x, int32_t y)
{
	int64_t rugged, warmth, moisture;
	struct column column;

	if (s->kind == GENERATE_FLAT) {
		return (struct column){ level_of(s), BIOME_MEADOW };
	}
	rugged = noise(seed, DRAW_RUGGED, 7, x, y);
	warmth = (noise(seed, DRAW_WARMTH, 7, x, y) * 7 + noise(seed, DRAW_WARMTH + 1, 4, x, y)) / 8;
	moisture = (noise(seed, DRAW_MOISTURE, 6, x, y) * 7 + noise(seed, DRAW_MOISTURE + 1, 4, x, y)) / 8;
	column.ground = land_ground(seed, s, x, y, rugged);
	if (column.ground < level_of(s)) {
		column.biome = BIOME_LAKE;
	} else if (rugged > ONE * 65 / 100) {
		column.biome = BIOME_HILLS;
	} else if (warmth > ONE * 56 / 100 && moisture < ONE * 58 / 100) {
		column.biome = BIOME_DESERT;
	} else {
		column.biome = moisture > ONE * 52 / 100 ? BIOME_FOREST : BIOME_MEADOW;
	}
	return column;
}

/* ground_kind: what a column is made of at z <= ground. */
static uint16_t ground_kind(uint64_t seed, const struct generate_settings *s, const struct column *c, int32_t x, int32_t y,
			    int32_t z)
{
	int32_t depth = c->ground - z, above = c->ground - level_of(s);

	if (z == 0) {
		return BLOCK_BEDROCK;
	}
	if (depth > 3) {
		return BLOCK_STONE;
	}
	if (s->kind == GENERATE_FLAT) {
		return depth == 0 ? BLOCK_GRASS : BLOCK_DIRT;
	}
	if (c->biome == BIOME_LAKE) {
		int64_t bed = noise(seed, DRAW_SHORE, 3, x, y);

		return above >= -2 ? BLOCK_SAND : bed < ONE / 4 ? BLOCK_CLAY : bed < ONE / 2 ? BLOCK_GRAVEL : BLOCK_DIRT;
	}
	if (c->biome == BIOME_DESERT || above <= 1) {
		return BLOCK_SAND;
	}
	if (c->biome == BIOME_HILLS && above > ((int32_t)s->height - level_of(s)) / 3) {
		return depth == 0 && noise(seed, DRAW_SHORE, 3, x, y) > ONE * 7 / 10 ? BLOCK_GRAVEL : BLOCK_STONE;
	}
	return depth == 0 ? BLOCK_GRASS : BLOCK_DIRT;
}

/* --- ores ------------------------------------------------------------------------------------------- */

#define VEIN_CELL 8
#define VEIN_STEPS 7

/* veins_draw: the veins of the cells in a section of the chunk at x, y; what is not stone stays. */
static void veins_draw(uint64_t seed, int32_t x, int32_t y, uint32_t n, uint16_t ids[CHUNK_SECTION_CELLS])
{
	for (int32_t cell = 0; cell < 8; cell++) {
		int32_t cx = cell & 1, cy = cell >> 1 & 1, cz = cell >> 2;
		uint64_t draw = seed_mix(seed_at(seed, DRAW_VEIN, x * 2 + cx, y * 2 + cy), n * 2 + (uint32_t)cz);
		uint32_t kind = draw >> 56, depth = n * 2 + (uint32_t)cz; /* in cells from below */
		uint16_t ore = kind < 70 ? BLOCK_COAL_ORE : kind < 110 ? BLOCK_IRON_ORE : BLOCK_GOLD_ORE;
		uint32_t px = draw & 7, py = draw >> 3 & 7, pz = draw >> 6 & 7;

		if (kind >= 125 || (ore == BLOCK_GOLD_ORE && depth >= 2) || (ore == BLOCK_IRON_ORE && depth >= 4)) {
			continue;
		}
		for (int step = 0; step < VEIN_STEPS; step++) {
			uint32_t at = (uint32_t)cx * 8 + px + 16 * ((uint32_t)cy * 8 + py + 16 * ((uint32_t)cz * 8 + pz));
			uint32_t way = (uint32_t)(draw >> (9 + 3 * step)) & 7;

			if (ids[at] == BLOCK_STONE) {
				ids[at] = ore;
			}
			/* a step along one axis; at the wall of the cell it stays */
			px = way == 0 && px < 7 ? px + 1 : way == 1 && px > 0 ? px - 1 : px;
			py = way == 2 && py < 7 ? py + 1 : way == 3 && py > 0 ? py - 1 : py;
			pz = (way == 4 || way == 6) && pz < 7 ? pz + 1 : (way == 5 || way == 7) && pz > 0 ? pz - 1 : pz;
		}
	}
}

/* --- plants ----------------------------------------------------------------------------------------- */

#define TREE_CELL 4  /* one tree at most in each square of this width */
#define TREE_REACH 2 /* how far its leaves reach */

struct tree {
	int32_t x, y, ground, trunk; /* trunk: its length; 0 = no tree stands there */
	uint64_t draw;
	int cactus;
};

static struct tree tree_in(uint64_t seed, const struct generate_settings *s, int32_t cell_x, int32_t cell_y)
{
	static const uint32_t per_256[] = { [BIOME_MEADOW] = 8, [BIOME_FOREST] = 130, [BIOME_DESERT] = 9, [BIOME_HILLS] = 16,
					    [BIOME_LAKE] = 0 };
	uint64_t draw = seed_at(seed, DRAW_TREE, cell_x, cell_y);
	struct tree tree = { .x = cell_x * TREE_CELL + (int32_t)(draw & 3), .y = cell_y * TREE_CELL + (int32_t)(draw >> 2 & 3),
			     .draw = draw };
	struct column column = column_at(seed, s, tree.x, tree.y);

	tree.ground = column.ground;
	tree.cactus = column.biome == BIOME_DESERT;
	if ((draw >> 4 & 255) >= per_256[column.biome] ||
	    ground_kind(seed, s, &column, tree.x, tree.y, column.ground) != (tree.cactus ? BLOCK_SAND : BLOCK_GRASS)) {
		return tree;
	}
	tree.trunk = tree.cactus ? 2 + (int32_t)(draw >> 12 & 1) : 4 + (int32_t)((draw >> 12) % 3);
	if (tree.ground + tree.trunk + 2 >= (int32_t)s->height) {
		tree.trunk = 0;
	}
	return tree;
}

static int local(const struct chunk *chunk, int32_t x, int32_t y, uint32_t *ret_x, uint32_t *ret_y)
{
	int64_t lx = (int64_t)x - (int64_t)chunk->x * CHUNK_WIDTH, ly = (int64_t)y - (int64_t)chunk->y * CHUNK_WIDTH;

	*ret_x = (uint32_t)lx;
	*ret_y = (uint32_t)ly;
	return lx >= 0 && lx < CHUNK_WIDTH && ly >= 0 && ly < CHUNK_WIDTH;
}

static int trunk_draw(struct chunk *chunk, const struct tree *tree)
{
	uint32_t x, y;
	int rc = 0;

	for (int32_t z = 1; z <= tree->trunk && rc == 0; z++) {
		if (local(chunk, tree->x, tree->y, &x, &y)) {
			rc = chunk_set(chunk, x, y, (uint32_t)(tree->ground + z), tree->cactus ? BLOCK_CACTUS : BLOCK_LOG);
		}
	}
	return rc;
}

/* leaves_draw: two wide layers and two narrow ones, in air only; the corners are drawn. */
static int leaves_draw(struct chunk *chunk, const struct tree *tree)
{
	int rc = 0;

	for (int32_t layer = 0; layer < 4 && rc == 0; layer++) {
		int32_t reach = layer < 2 ? TREE_REACH : 1;
		uint32_t z = (uint32_t)(tree->ground + tree->trunk - 2 + layer + 1), x, y;

		for (int32_t i = 0; i < (2 * reach + 1) * (2 * reach + 1) && rc == 0; i++) {
			int32_t dx = i % (2 * reach + 1) - reach, dy = i / (2 * reach + 1) - reach;
			int corner = (dx == reach || dx == -reach) && (dy == reach || dy == -reach);
			int32_t bit = layer * 4 + (dx > 0) + 2 * (dy > 0);

			if (corner && (layer == 3 || tree->draw >> (20 + bit) & 1)) {
				continue;
			}
			if (local(chunk, tree->x + dx, tree->y + dy, &x, &y) && chunk_get(chunk, x, y, z) == BLOCK_AIR) {
				rc = chunk_set(chunk, x, y, z, BLOCK_LEAVES);
			}
		}
	}
	return rc;
}

/* trees_draw: all trunks before all leaves, so that no order of trees shows. */
static int trees_draw(uint64_t seed, const struct generate_settings *s, struct chunk *chunk)
{
	enum { CELLS = CHUNK_WIDTH / TREE_CELL + 2 };
	struct tree trees[CELLS * CELLS];
	int rc = 0;

	for (int32_t i = 0; i < CELLS * CELLS && rc == 0; i++) {
		trees[i] = tree_in(seed, s, chunk->x * (CHUNK_WIDTH / TREE_CELL) + i % CELLS - 1,
				   chunk->y * (CHUNK_WIDTH / TREE_CELL) + i / CELLS - 1);
		rc = trunk_draw(chunk, &trees[i]);
	}
	for (int32_t i = 0; i < CELLS * CELLS && rc == 0; i++) {
		if (trees[i].trunk > 0 && !trees[i].cactus) {
			rc = leaves_draw(chunk, &trees[i]);
		}
	}
	return rc;
}

static uint16_t plant_on(uint64_t seed, const struct column *column, int32_t x, int32_t y)
{
	uint32_t draw = seed_at(seed, DRAW_PLANT, x, y) >> 56;

	if (column->biome == BIOME_MEADOW) {
		return draw < 8 ? BLOCK_FLOWER : draw < 40 ? BLOCK_TALL_GRASS : BLOCK_AIR;
	}
	return column->biome == BIOME_FOREST && draw < 4 ? BLOCK_FLOWER : BLOCK_AIR;
}

/* --- chunks ----------------------------------------------------------------------------------------- */

static uint16_t kind_at(uint64_t seed, const struct generate_settings *s, const struct column *column, int32_t x, int32_t y,
			int32_t z)
{
	if (z <= column->ground) {
		return ground_kind(seed, s, column, x, y, z);
	}
	if (s->kind == GENERATE_FLAT) {
		return BLOCK_AIR;
	}
	if (z <= level_of(s)) {
		return BLOCK_WATER;
	}
	if (z == column->ground + 1 && ground_kind(seed, s, column, x, y, column->ground) == BLOCK_GRASS) {
		return plant_on(seed, column, x, y);
	}
	return BLOCK_AIR;
}

static int section_fill(uint64_t seed, const struct generate_settings *s, struct chunk *chunk, uint32_t n,
			const struct column columns[CHUNK_WIDTH * CHUNK_WIDTH])
{
	uint16_t ids[CHUNK_SECTION_CELLS];

	for (int32_t at = 0; at < (int32_t)CHUNK_SECTION_CELLS; at++) {
		int32_t x = at & 15, y = at >> 4 & 15, z = (int32_t)n * 16 + (at >> 8);
		const struct column *column = &columns[y * CHUNK_WIDTH + x];

		ids[at] = z > column->ground + 1 && z > level_of(s)
				  ? BLOCK_AIR
				  : kind_at(seed, s, column, chunk->x * CHUNK_WIDTH + x, chunk->y * CHUNK_WIDTH + y, z);
	}
	if (s->kind == GENERATE_LAND) {
		veins_draw(seed, chunk->x, chunk->y, n, ids);
	}
	return chunk_section_write(chunk, n, ids);
}

int generate_check(const struct generate_settings *s)
{
	uint32_t lowest = s->kind == GENERATE_LAND ? 32 : CHUNK_WIDTH;

	if ((s->kind != GENERATE_FLAT && s->kind != GENERATE_LAND) || s->height < lowest || s->height > CHUNK_HEIGHT_MAX ||
	    s->height % CHUNK_WIDTH != 0) {
		return -1;
	}
	return s->level == 0 || (s->level >= 4 && s->level + (s->kind == GENERATE_LAND ? 16 : 4) <= s->height) ? 0 : -1;
}

struct chunk *generate_chunk(uint64_t seed, const struct generate_settings *s, int32_t x, int32_t y)
{
	struct column columns[CHUNK_WIDTH * CHUNK_WIDTH];
	struct chunk *chunk = chunk_new(x, y, s->height);
	int rc = 0;

	if (chunk == NULL) {
		return NULL;
	}
	for (int32_t i = 0; i < CHUNK_WIDTH * CHUNK_WIDTH; i++) {
		columns[i] = column_at(seed, s, x * CHUNK_WIDTH + i % CHUNK_WIDTH, y * CHUNK_WIDTH + i / CHUNK_WIDTH);
	}
	chunk->biome = columns[CHUNK_WIDTH * CHUNK_WIDTH / 2 + CHUNK_WIDTH / 2].biome;
	for (uint32_t n = 0; n < s->height / CHUNK_WIDTH && rc == 0; n++) {
		rc = section_fill(seed, s, chunk, n, columns);
	}
	if (rc == 0 && s->kind == GENERATE_LAND) {
		rc = trees_draw(seed, s, chunk);
	}
	return rc == 0 ? chunk : chunk_free(chunk);
}

uint32_t generate_ground(uint64_t seed, const struct generate_settings *s, int32_t x, int32_t y)
{
	return (uint32_t)column_at(seed, s, x, y).ground;
}

uint8_t generate_biome(uint64_t seed, const struct generate_settings *s, int32_t x, int32_t y)
{
	return column_at(seed, s, x, y).biome;
}
