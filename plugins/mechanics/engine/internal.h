/* SPDX-License-Identifier: MIT */
/* What the files of the engine share. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "arena.h"
#include "engine.h"
#include "entities.h"
#include "map/map.h"
#include "troupe/host.h"

#define TEXT_MAX 512u /* bytes of a line that rules say */
#define CHUNK 16u
#define INPUTS_MAX 1000000u
#define WISHES_MAX 1000000u
#define OUTPUTS_MAX 4000000u

/* A list of items of one size; zeroed = empty. */
struct list {
	void *items;
	uint32_t len, size;
};

/* list_add: room for one more at the end, zeroed; NULL without memory or above `max`. */
void *list_add(struct list *list, size_t item, uint32_t max);
void list_free(struct list *list);

/* What few entities have. Freed with its entity. */
struct extra {
	Region__Session *session; /* its own, malloc'ed by protobuf-c; NULL = none */
	uint64_t account;
};

/* What one entity wants to happen to another, or at a place (target 0: spawn, and what all hear). Strings live in an arena. */
struct wish {
	uint64_t target, source, number;
	const char *kind, *name, *text;
	double amount, x, y, z;
};

struct engine {
	struct engine_settings settings;
	struct engine_shape shape;
	struct entities all;
	struct terrain *terrain;
	struct rules *rules;
	uint64_t tick;
	uint8_t stage;	  /* 0 between ticks */
	uint8_t self;	  /* our number as an owner */
	uint8_t *owner_of;     /* by region */
	uint8_t *next_owner_of; /* from the next tick on, if `owners_change` */
	uint8_t next_self, owners_change;
	uint32_t region_columns;

	struct arena arenas[2]; /* of this tick and the last, by tick % 2 */
	struct list inputs;	/* Region__Input * */
	struct list wishes;	/* struct wish: of this stage, to be merged */
	struct list pending;	/* struct wish: of stages 2 and 3, for the next tick */
	struct list outputs;	/* struct output */
	uint64_t wish;		/* the world's own number */

	struct map avatars; /* avatar -> owner + 1 */
	uint64_t effects_full;
};

/* engine.c */
/* arena_now: what lives until the end of the next tick. */
static inline struct arena *arena_now(struct engine *e)
{
	return &e->arenas[e->tick % 2];
}
void say_log(struct engine *e, uint32_t level, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* mine: 1 if the place is in a region of ours. */
int mine(const struct engine *e, double x, double y);
/* first_owner: 1 if this engine does what is done once for the whole world. */
int first_owner(const struct engine *e);
/* entity_forget: lets go of all that belongs to a row, and of the row. */
void entity_forget(struct engine *e, uint32_t row);

/* output.c */
struct output *output(struct engine *e, enum output_kind kind, uint64_t id);
/* text of an output: copied. */
const char *output_text(struct engine *e, const char *text);

/* input.c: what players ask for, in stage 1 */
void inputs_run(struct engine *e);

/* wish.c */
/* wish_add: into this tick's or, in stages 2 and 3, the next one's; strings are copied. NULL if there are too many. */
struct wish *wish_add(struct engine *e, uint64_t target, uint64_t source, const char *kind);
/* wishes_merge: stage 2: those whose target is ours, in their order. */
void wishes_merge(struct engine *e);

#endif
