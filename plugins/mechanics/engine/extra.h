/* SPDX-License-Identifier: MIT */
/* What few entities have: so that the many pay a pointer for it. */
#ifndef ENGINE_EXTRA_H
#define ENGINE_EXTRA_H

#include <stddef.h>
#include <stdint.h>

#include "region.pb-c.h"

struct engine;

#define NAME_MAX_WORD 31u /* bytes of the names of kinds, items, skills ... */
#define BAG_STACKS_MAX 64u
#define SLOWS_MAX 16u
#define COOLDOWNS_MAX 64u
#define QUESTS_MAX 256u /* tallies of an entity's quests */
#define ZONES_MAX 64u	/* regions of the rules */
#define OWED_MAX 64u	/* rewards that are not answered yet */
#define ACTED_MAX 16u	/* acts with a key that are remembered */
#define ACTED_TEXT_MAX 256u /* bytes of what one was answered */

/* A list of items of one size; zeroed = empty. */
struct list {
	void *items;
	uint32_t len, size;
};

/* list_add: room for one more at the end, zeroed; NULL without memory or above `max`. */
void *list_add(struct list *list, size_t item, uint32_t max);
void list_free(struct list *list);

struct stack {
	char item[NAME_MAX_WORD + 1];
	uint32_t count;
};
struct slow {
	char name[NAME_MAX_WORD + 1];
	double factor; /* of the speed */
};
struct cooldown {
	char skill[NAME_MAX_WORD + 1];
	uint64_t due; /* the tick from which on it may be used again */
};
/* A number that a quest keeps: "name" = 1 running, 2 done; "name.N" = how far goal N is. */
struct tally {
	char name[NAME_MAX_WORD + 1];
	int64_t n;
};

/* What an act with a key came to. */
struct acted {
	uint64_t key;
	int32_t status;
	uint8_t open; /* it is known in stage 3 of this tick; between ticks none is */
	char text[ACTED_TEXT_MAX + 1];
};

/* All of it is part of the world's state, but the session. Freed with its entity. */
struct extra {
	Region__Session *session; /* its own, malloc'ed by protobuf-c; NULL = none */
	uint64_t account;
	struct list bag, slows, cooldowns, quests; /* stack, slow, cooldown, tally; each in the order of its names */
	struct list owed;     /* struct owed, in the order in which they came to be */
	struct list acted;    /* struct acted, in the order in which they were asked */
	uint64_t zones;	      /* bits: the regions of the rules that it is in */
	uint64_t target;      /* an entity that it keeps in mind; 0 = none */
	uint64_t rises;	      /* tick: a player that fell gets up; 0 = it stands */
	uint64_t ends;	      /* tick: what lies on the ground is gone then; 0 = never */
	char cast[NAME_MAX_WORD + 1]; /* the skill that it is casting; "" = none */
	uint64_t cast_due, cast_target;
};

/* extra_of: what the entity of a row has, made if it has none; NULL without memory. extra_free: NULL is fine. */
struct extra *extra_of(struct engine *e, uint32_t row);
void extra_free(struct extra *extra);
/* named_find: the item of this name, or NULL; items begin with their name. named_add: the same, and a new one (zeroed but
 * for its name) if there is none; NULL without memory, above `max`, or for a name above NAME_MAX_WORD. named_remove: takes it out. */
void *named_find(const struct list *list, size_t item, const char *name);
void *named_add(struct list *list, size_t item, uint32_t max, const char *name);
void named_remove(struct list *list, size_t item, const char *name);

#endif
