/* SPDX-License-Identifier: MIT */
/* The built-in kinds of blocks: data only. What falls from leaves and the like is a matter of the game's rules. */
#include "world/block_builtin.h"

#define SOLID (BLOCK_GROUND | BLOCK_FULL)

#define KIND(id, called, flag_bits, work, tool, left, sign, colour) \
	[id] = { .name = called, .flags = (flag_bits), .hardness = (work), .power = (tool), .drops = left, \
		 .glyph = sign, .color = (colour) }

const struct block_type block_builtin[BLOCK_BUILT_IN] = {
	/*   id                name          flags        hardness power drops      sign colour */
	KIND(BLOCK_AIR,        "air",        0,           0,          0, "",           ' ', 0),
	KIND(BLOCK_STONE,      "stone",      SOLID,       30,         1, "cobble",     '#', 244),
	KIND(BLOCK_DIRT,       "dirt",       SOLID,       10,         0, "dirt",       '%', 94),
	KIND(BLOCK_GRASS,      "grass",      SOLID,       12,         0, "dirt",       '"', 70),
	KIND(BLOCK_SAND,       "sand",       SOLID,       10,         0, "sand",       ':', 222),
	KIND(BLOCK_GRAVEL,     "gravel",     SOLID,       12,         0, "gravel",     ';', 246),
	KIND(BLOCK_CLAY,       "clay",       SOLID,       12,         0, "clay",       '=', 145),
	KIND(BLOCK_WATER,      "water",      BLOCK_LIQUID, BLOCK_HARD, 0, "",          '~', 27),
	KIND(BLOCK_BEDROCK,    "bedrock",    SOLID,       BLOCK_HARD, 0, "",           'X', 236),
	KIND(BLOCK_LOG,        "log",        SOLID,       20,         0, "log",        'I', 130),
	KIND(BLOCK_LEAVES,     "leaves",     0,           4,          0, "",           '&', 28),
	KIND(BLOCK_CACTUS,     "cactus",     SOLID,       6,          0, "cactus",     '!', 34),
	KIND(BLOCK_FLOWER,     "flower",     0,           0,          0, "flower",     '*', 205),
	KIND(BLOCK_TALL_GRASS, "tall_grass", 0,           0,          0, "",           ',', 106),
	KIND(BLOCK_COAL_ORE,   "coal_ore",   SOLID,       35,         1, "coal",       'c', 234),
	KIND(BLOCK_IRON_ORE,   "iron_ore",   SOLID,       40,         2, "iron_ore",   'i', 180),
	KIND(BLOCK_GOLD_ORE,   "gold_ore",   SOLID,       45,         3, "gold_ore",   'g', 220),
	KIND(BLOCK_PLANKS,     "planks",     SOLID,       16,         0, "planks",     'H', 137),
	KIND(BLOCK_COBBLE,     "cobble",     SOLID,       25,         1, "cobble",     'o', 242),
	KIND(BLOCK_BRICKS,     "bricks",     SOLID,       35,         1, "bricks",     'B', 124),
	KIND(BLOCK_GLASS,      "glass",      BLOCK_GROUND, 4,         0, "",           'v', 195),
	KIND(BLOCK_SLAB,       "slab",       BLOCK_GROUND | BLOCK_HALF, 16, 0, "slab", '_', 138),
	KIND(BLOCK_TORCH,      "torch",      0,           0,          0, "torch",      'y', 214),
	KIND(BLOCK_LADDER,     "ladder",     0,           4,          0, "ladder",     'l', 172),
};
