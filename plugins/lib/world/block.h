/* SPDX-License-Identifier: MIT */
/*
 * Kinds of blocks: a table of their properties, by number and by name.
 *
 * 1. A number (id) is good for the life of its table and means nothing outside of it: what is stored or sent names blocks
 *    by name. The numbers of the built-in kinds are the same in every table.
 * 2. Kinds are added or changed, never removed, so that rules can be loaded again while a world lives: an id that a chunk
 *    holds stays what it was.
 * 3. A table belongs to one thread at a time. Functions that return int give 0, or a negative number below.
 */
#ifndef WORLD_BLOCK_H
#define WORLD_BLOCK_H

#include <stdint.h>

#define BLOCK_NAME_MAX 31u /* bytes: small letters, digits, '_', the first one a letter */
#define BLOCK_TYPES_MAX 4096u

/* Flags of a kind; the first four have the numbers that fortia's blocks have. */
#define BLOCK_GROUND 1u	 /* carries what stands on it, and is in the way of what moves */
#define BLOCK_FULL 2u	 /* fills its cell: hides its neighbours, ends a line of sight */
#define BLOCK_HALF 4u	 /* fills the lower half of its cell */
#define BLOCK_HIDDEN 8u	 /* of a cell, not of a kind: all six neighbours are full; see terrain_hidden */
#define BLOCK_LIQUID 16u /* moved through, but paths keep the head out of it */
#define BLOCK_STRANGE 32u /* no rule defines it: its name came with a stored chunk. Solid until block_define names it */

/* What is not in a table, and always solid. */
#define BLOCK_OUTSIDE 0xFFFFu	  /* beyond the sides of the world or below it */
#define BLOCK_UNAVAILABLE 0xFFFEu /* its chunk cannot be read */

/* The built-in kinds, which the generator of terrain is made of. */
enum block_id {
	BLOCK_AIR, /* 0 in every table: nothing */
	BLOCK_STONE,
	BLOCK_DIRT,
	BLOCK_GRASS,
	BLOCK_SAND,
	BLOCK_GRAVEL,
	BLOCK_CLAY,
	BLOCK_WATER,
	BLOCK_BEDROCK,
	BLOCK_LOG,
	BLOCK_LEAVES,
	BLOCK_CACTUS,
	BLOCK_FLOWER,
	BLOCK_TALL_GRASS,
	BLOCK_COAL_ORE,
	BLOCK_IRON_ORE,
	BLOCK_GOLD_ORE,
	BLOCK_PLANKS,
	BLOCK_COBBLE,
	BLOCK_BRICKS,
	BLOCK_GLASS,
	BLOCK_SLAB,
	BLOCK_TORCH,
	BLOCK_LADDER,
	BLOCK_BUILT_IN /* how many there are */
};

#define BLOCK_HARD 0xFFFFu /* hardness of what cannot be broken */

struct block_type {
	char name[BLOCK_NAME_MAX + 1];
	uint8_t flags;
	uint8_t power;	   /* of the tool that breaks it; 0 = a bare hand */
	uint16_t hardness; /* the work it takes to break it; 0 = at once, BLOCK_HARD = never */
	char drops[BLOCK_NAME_MAX + 1]; /* what is left of it: a kind of item; "" = nothing */
	char glyph;	   /* its sign on a map in a terminal */
	uint8_t color;	   /* there: a number of the 256 colours of xterm */
};

enum {
	BLOCK_BAD = -1,	     /* the name, a flag or a number is not allowed */
	BLOCK_FULL_TABLE = -2, /* BLOCK_TYPES_MAX kinds are defined */
	BLOCK_NO_MEMORY = -3,
};

struct block_table;

/* block_table_new: a table of the built-in kinds; NULL without memory. block_table_free takes NULL. */
struct block_table *block_table_new(void);
struct block_table *block_table_free(struct block_table *table);

/* block_define: adds a kind, or gives the one of that name new properties; its id, or negative (then nothing changed).
 * Air keeps its flags: BLOCK_BAD for other ones. */
int32_t block_define(struct block_table *table, const struct block_type *type);

/* block_find: the id of a name, or BLOCK_BAD if there is none. block_meet: the same, and adds one that is missing as a
 * solid block with BLOCK_STRANGE, so that nothing is lost of a chunk stored under other rules; the id, or negative. */
int32_t block_find(const struct block_table *table, const char *name);
int32_t block_meet(struct block_table *table, const char *name);

/* block_type: the properties of an id; NULL for what is not in the table. Good until the next block_define or block_meet. */
const struct block_type *block_type(const struct block_table *table, uint16_t id);

/* block_flags: those of an id; GROUND | FULL for BLOCK_OUTSIDE, BLOCK_UNAVAILABLE and all that is not in the table. */
uint8_t block_flags(const struct block_table *table, uint16_t id);

/* block_hash: a number that stands for the name of an id, the same in all tables and on all machines; 0 for air. */
uint64_t block_hash(const struct block_table *table, uint16_t id);

uint32_t block_count(const struct block_table *table);

#endif
