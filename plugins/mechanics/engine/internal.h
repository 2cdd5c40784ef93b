/* SPDX-License-Identifier: MIT */
/* What the files of the engine share. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "arena.h"
#include "engine.h"
#include "entities.h"
#include "extra.h"
#include "map/map.h"
#include "troupe/host.h"
#include "world/path.h"
#include "world/terrain.h"

#define TEXT_MAX 512u /* bytes of a line that rules say */
#define CHUNK 16u
#define INPUTS_MAX 1000000u
#define WISHES_MAX 1000000u
#define OUTPUTS_MAX 4000000u
#define OWNERS_MAX 255u
#define WISH_KIND_MAX 31u
#define WISH_NAME_MAX 127u
#define WISH_TEXT_MAX 4095u
#define PART_MAX 204800u
#define PART_ITEM_HEAD 8u /* a field's number and length */
#define SENT_NOTHING 1u	  /* no look that a chunk can have */

/* What one entity wants to happen to another, or at a place (target 0: spawn, and what all hear). Strings live in an arena. */
struct wish {
	uint64_t target, source, number;
	const char *kind, *name, *text;
	double amount, x, y, z;
	uint8_t shared; /* all owners that it concerns have it */
};

#define ASKS_OF_ONE 16u	    /* edits that an entity may ask for in a tick */
/* None of these limits may depend on how many owners there are: what the rules ask for themselves the first owner asks, and what
 * woken blocks ask for counts in their region. */
#define ASKS_OF_WORLD 4096u  /* and the rules for themselves */
#define ASKS_OF_REGION 1024u /* and the blocks of a region that were woken; they take turns */
#define ASKS_MAX 65536u	    /* edits of the whole world in a tick; those behind are refused */
#define CLAIM_CELLS_MAX 512u
#define CLAIM_REACH 16	    /* from the ask's place, in each direction */
#define CLAIM_WISHES_MAX 64u

/* A wish for a change of blocks. What it points to lives until the end of the next tick. */
struct ask {
	uint64_t actor, token; /* 0 = the world; the act that waits for the outcome, 0 = none */
	uint64_t act_key;      /* of that act, where it was made; 0 = none */
	uint32_t number;       /* of the actor's: with it there are no two the same */
	int32_t priority, x, y, z; /* the lower one goes first; its place is a cell of the world */
	const char *edit;
	Region__Value **args;
	uint32_t args_len;
	uint8_t ours; /* made here: others must be told */
};

struct cell {
	int32_t x, y, z;
	uint16_t block, was;
	uint8_t changed;
};

/* An input of an avatar that nobody has; or, without input, what another owner told of one. */
struct arrival {
	const Region__Input *input;
	uint64_t avatar, epoch;
	uint32_t region; /* where it would stand */
};

/* What an ask came to. */
struct claim {
	const struct ask *ask;
	struct cell *cells;
	const char *refused; /* it wants nothing, and why */
	struct wish *wishes; /* what happens if it wins; here only at the owner of its place */
	uint32_t cells_len, wishes_len;
	uint8_t known, won, ours; /* ours: its place is in a region of ours */
};

/* evaluate: what the edit of claim->ask does: reads by claim_block, writes by claim_set, wishes by claim_wish; says no by
 * claim->refused (in an arena). */
typedef void (*edit_function)(void *arg, struct engine *e, struct claim *claim);

struct edits {
	struct list asks, later; /* struct ask: of this tick; made after its stage 1, for the next */
	struct claim *claims;	 /* one for each ask, in the order in which they win; of an arena */
	uint32_t claims_len, open; /* open: those not known yet */
	struct list fresh;	 /* uint32_t: claims that became known here since the stage was run last */
	struct taken *taken;	 /* cells of winners */
	uint32_t *held, hold;	 /* by chunk: held[] == hold: an edit waits for its lock */
	uint32_t world;		 /* asks of the rules for themselves in this tick */
	uint32_t round;		 /* how often stage 2 was run in this tick */
	struct list changes;	 /* struct cell: what has changed in this tick */
	struct cell cells[CLAIM_CELLS_MAX]; /* of the claim under way */
	struct wish wishes[CLAIM_WISHES_MAX];
	uint16_t places[CLAIM_CELLS_MAX * 2]; /* a map of those cells */
	edit_function evaluate;
	void *evaluate_arg;
	uint64_t won, lost, refused;
};

/* A message that is to be an element of a list in a larger one. */
struct part_item {
	const char *field;
	ProtobufCMessage *message;
	size_t len;
	uint32_t at;
};

enum zone { ZONE_FAR, ZONE_NEAR, ZONE_BORDER, ZONE_INNER }; /* another's, and touching one of ours; ours, and touching another's */

/* An entity that found no way to where it was to go. */
struct no_way {
	uint64_t id;
	double x, y;
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
	struct list arrivals, rivals; /* struct arrival: ours, by avatar; others' */
	struct list wishes;	/* struct wish: of this stage, to be merged */
	struct list pending;	/* struct wish: of stages 2 and 3, for the next tick */
	struct list outputs;	/* struct output */
	uint32_t outputs_told;	/* those of the last tick; what comes after is of the next */
	uint32_t wish;		/* numbers those of the world itself in a tick */
	struct list aborts;	/* Region__Input *: calls that ended for want of time or memory when the tick ran first */

	struct map avatars;	/* avatar -> owner + 1: at the end of the last tick */
	uint32_t players;	/* those of them who do not sleep */
	uint32_t populace;	/* entities of the whole world at the end of the last tick */
	uint32_t spawned;	/* in this tick, by all owners */
	uint8_t full, running, others, resent; /* spawns refused; a tick began; others own something; all ghosts are told again */
	uint8_t *zone, *listed; /* by chunk: enum zone; told of in this exchange */
	uint64_t *sent;		/* by chunk: what others were told last is in it */
	struct list touched;	/* uint64_t: avatars that came, left, or fell asleep in this tick */
	struct list told, parts; /* struct part_item: for others; struct engine_part */
	struct list records, ghosts, places, heard; /* what others told: Region__... * */
	uint64_t effects_full;
	struct block_table *blocks;
	struct edits edits;
	struct path_search *search;
	struct list repeats;	/* const Region__Input *: acts whose key is that of one whose edit is not decided */
	struct list no_way;	/* struct no_way: of this tick */
	uint8_t *touched_chunks; /* by chunk, for the time of one loop */
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

/* input.c: what players ask for. input_row: the row of who does something; NO_ROW if it is not ours, or can do nothing. */
uint32_t input_row(const struct engine *e, const Region__Input *input);
void input_run(struct engine *e, const Region__Input *input);
void input_answer(struct engine *e, const Region__Input *input, int32_t status, const char *text);
/* acted.c: acts with a key. acted_begin: 1 if the act is to be done; else it was done or cannot be remembered, and is answered.
 * acted_end: what it came to, kept; of key 0 nothing is. acted_repeats: stage 3, when all edits are decided: who asked twice in one
 * tick is answered. */
int acted_begin(struct engine *e, const Region__Input *input, uint32_t row);
void acted_end(struct engine *e, uint32_t row, uint64_t key, int32_t status, const char *text);
void acted_repeats(struct engine *e);
/* arrive.c: inputs_run: in stage 1. arrivals_run: who comes into the world, at the beginning of stage 2. */
void inputs_run(struct engine *e);
void arrivals_run(struct engine *e);

/* move.c: where entities stand and walk. */
/* floor_of: rounded down, without libm; for places of a world, which fit. cell_of: the cell of a place inside the world, in x or
 * in y; the far edge belongs to the last one. */
static inline int32_t floor_of(double a)
{
	int32_t cut = (int32_t)a;

	return (double)cut > a ? cut - 1 : cut;
}

static inline int32_t cell_of(const struct engine *e, double at)
{
	int32_t half = (int32_t)e->shape.size / 2, cell = floor_of(at);

	return cell < half ? cell : half - 1;
}
/* entity_stand: sets z to where something stands at its x, y: coming from height *z if that can be, else from above. */
void entity_stand(struct engine *e, uint32_t row, const double *z);
/* movement: stage 3: where blocks have changed all stand anew; who walks takes a step. */
void movement(struct engine *e);
/* ways_tell: stage 3, before anybody moves: who wanted to go where no way leads stands, and is told. */
void ways_tell(struct engine *e);

/* walk.c, walk_leg.c, walk_record.c: the ways they take. */
#define WALK_SPEED_MAX 1000.0 /* blocks a tick */
/* walks_plan: stage 3, when all stand where they stood at its start: who has a goal finds a way. */
void walks_plan(struct engine *e);
/* walk_due: something is due for one that moved. walk_look: it looks again where it goes. */
void walk_due(struct engine *e, uint32_t row);
void walk_look(struct engine *e, uint32_t row);
/* entity_chase: from stage 3 on after the prey, and to `near` blocks from it, until it stops, walks elsewhere, finds no way,
 * or the prey is not in a chunk that touches its own. -1 without memory. entity_prey: 0 = it chases nobody. */
int entity_chase(struct engine *e, uint32_t row, uint64_t prey, double near);
uint64_t entity_prey(const struct engine *e, uint32_t row);
/* A walk as a record: walk_make: NULL without memory; walk_check: -1 if it cannot be; walk_goes: as entities_walks; walk_take: of
 * one that was checked; -1 without memory. */
Region__Walk *walk_make(const struct engine *e, uint32_t row, struct arena *a);
int walk_check(const struct engine *e, const Region__Walk *from);
int walk_goes(const Region__Walk *walk);
int walk_take(struct engine *e, uint32_t row, const Region__Walk *from);

/* edit.c: what is asked of the blocks, and what it comes to. */
int edits_open(struct engine *e);
void edits_close(struct engine *e);
/* edits_tick: at the beginning of a tick's stage 1: what was asked for later is asked for now. */
void edits_tick(struct engine *e);
/* ask_add: in stage 1 for this tick, in the others for the next; its place is a cell. The caller fills in priority, args and
 * token (stage 1 alone), all in arena_now. NULL and a reason if the actor is not ours, asks for too much, or the place is
 * outside. */
struct ask *ask_add(struct engine *e, uint64_t actor, const char *edit, int32_t x, int32_t y, int32_t z, const char **ret_reason);
/* ask_woken: of a block in a region of ours, in stage 1; the caller counts them, and fills in priority and args. NULL if the place
 * is outside, or without memory. */
struct ask *ask_woken(struct engine *e, const char *edit, int32_t x, int32_t y, int32_t z);
/* ask_numbered: likewise, of the world with a number that is the same whoever asks. */
struct ask *ask_numbered(struct engine *e, const char *edit, int32_t x, int32_t y, int32_t z, uint32_t number);

/* cell_inside: 1 if the world has such a cell. */
int cell_inside(const struct engine *e, int32_t x, int32_t y, int32_t z);

/* Why a claim_set is refused. */
enum { CLAIM_FAR = -1, CLAIM_OUTSIDE = -2, CLAIM_TOO_MUCH = -3, CLAIM_UNAVAILABLE = -4, CLAIM_BAD = -5 };
/* claim_set: 0, or why not; the last block for a cell counts. claim_block: as it is at the start of the stage, with what the
 * claim has set. claim_wish: from the actor; strings are the caller's to put into arena_now; NULL if there are too many. */
int claim_set(struct engine *e, struct claim *claim, int32_t x, int32_t y, int32_t z, uint16_t block);
uint16_t claim_block(struct engine *e, const struct claim *claim, int32_t x, int32_t y, int32_t z);
struct wish *claim_wish(struct engine *e, struct claim *claim, uint64_t target, const char *kind);
/* claim_run: evaluates one of ours. claim_known: what it came to is known. */
void claim_run(struct engine *e, struct claim *claim);
void claim_known(struct engine *e, struct claim *claim);

/* edit_exchange.c. _fill: what others must be told of the stage that ran, from the item number *at on, until about `room` bytes
 * are full; *at becomes UINT32_MAX when all is in. Returns the bytes. What the message points to is in arena_now. _take: what
 * others told; -1 if it makes no sense. */
size_t asks_fill(struct engine *e, Region__Exchange *part, uint32_t *at, size_t room);
int asks_take(struct engine *e, const Region__Exchange *part);
size_t claims_fill(struct engine *e, Region__Exchange *part, uint32_t *at, size_t room);
int claims_take(struct engine *e, const Region__Exchange *part);
/* asks_save, asks_load: those for the next tick, for checkpoints: like _fill and _take. */
size_t asks_save(struct engine *e, Region__Page *page, uint32_t *at, size_t room);
int asks_load(struct engine *e, const Region__Page *page);
/* asks_tell, asks_later: the same in the exchange of stage 3. */
void asks_tell(struct engine *e);
int asks_later(struct engine *e, const Region__Exchange *part);
uint64_t asks_digest(struct engine *e);

/* commit.c: who wins. */
/* edits_evaluate: stage 2: with a queue, all that is ours is evaluated; with locks, all that has its locks is done. edits_again:
 * 1 if the stage must be run again when all have heard of all others what they did. */
void edits_evaluate(struct engine *e);
int edits_again(const struct engine *e);
/* edits_apply: stage 3: winners' blocks are written, and who waits is told. */
void edits_apply(struct engine *e);
/* claim_won: another engine's edit, done under locks: writes it. */
void claim_won(struct engine *e, struct claim *claim);
struct taken *taken_new(void);
void taken_free(struct taken *taken);
/* taken_was: the block that was in a cell at the start of the stage if an edit has written it since; -1 if none has. */
int32_t taken_was(const struct taken *taken, int32_t x, int32_t y, int32_t z);

/* wish.c */
/* wish_add: into this tick's or, in stages 2 and 3, the next one's; strings are copied. NULL if there are too many. */
struct wish *wish_add(struct engine *e, uint64_t target, uint64_t source, const char *kind);
/* wishes_merge: stage 2: those whose target is ours, in their order. */
void wishes_merge(struct engine *e);
/* wish_effect: shares the wish's strings. wish_of: copies into this tick's arena. */
void wish_effect(const struct wish *wish, Region__Effect *ret_effect);
void wish_of(struct engine *e, const Region__Effect *effect, struct wish *ret_wish);
/* wish_ours: 1 for the one engine that keeps this pending wish. wishes_keep: forgets pending ones that concern others alone. */
int wish_ours(const struct engine *e, const struct wish *wish);
void wishes_keep(struct engine *e);

/* input.c: input_abort: how this call ended when the tick ran first, 0 = well enough (sandbox_kind). */
uint32_t input_abort(const struct engine *e, uint64_t entity, uint32_t number);

/* record.c */
/* record_make: NULL without memory. record_check: 0, or -1 for what cannot be. record_take: the entity is ours from now on, its row
 * or NO_ROW; it may be a ghost here. record_carry: what an avatar brings along when it enters. record_session: who plays it. */
Region__Record *record_make(struct engine *e, uint32_t row, struct arena *a, int session);
int record_check(const struct engine *e, const Region__Record *from);
uint32_t record_take(struct engine *e, const Region__Record *from);
void record_carry(struct engine *e, uint32_t row, const Region__Record *from);
void record_session(struct engine *e, uint32_t row, const Region__Session *from);

/* exchange.c */
/* parts_add: the message becomes an element of this field of a larger one; it lives as long as the items; -1 without memory, or
 * if it is NULL. parts_sort: before the first parts_next, which fills `to` from item `at` on with what fits PART_MAX and returns
 * the place of the next. */
int parts_add(struct list *items, const char *field, ProtobufCMessage *message);
void parts_sort(struct list *items);
uint32_t parts_next(const struct list *items, uint32_t at, ProtobufCMessage *to, struct arena *a, size_t *ret_bytes);
/* tell_others: to all other owners, with the exchange of this stage; the message lives in arena_now. */
void tell_others(struct engine *e, const char *field, void *message);
void tell_wishes(struct engine *e, struct list *wishes);
void tell_counts(struct engine *e);
void tell_heard(struct engine *e, const struct output *out, uint64_t to);
int effect_check(const Region__Effect *effect);
int counts_check(Region__Count *const *counts, size_t len);
/* errors_make: the errors of a handler as a message in `a`, NULL without memory; errors_take: they are added to the rules'. */
struct rule_errors;
Region__Count *errors_make(const struct rule_errors *errors, struct arena *a);
void errors_take(struct rules *r, const Region__Count *count);

/* handover.c */
void zones_compute(struct engine *e);
/* shown: outputs for an entity that was seen in chunk `before` (0 = nowhere). vanish: it is here no more. */
void shown(struct engine *e, uint32_t row, uint32_t before, int moved);
void vanish(struct engine *e, uint32_t row);
void place_take(struct engine *e, uint64_t avatar, uint64_t owner, int asleep);
void leave_all(struct engine *e);
/* hand_over: the end of stage 3. take_in: when all others' exchanges of stage 3 are here. */
void hand_over(struct engine *e);
void take_in(struct engine *e);

/* digest.c: message_digest: of its bytes, packed into `a`. */
uint64_t message_digest(struct arena *a, const ProtobufCMessage *message);

/* ghost.c */
/* ghost_make: of one that was ours. ghost_of_record: of another owner's, if it is near. ghosts_tell: chunks at our border that look
 * different since they were last told; ghosts_again: all of them. ghosts_take: what others told. */
void ghost_make(struct engine *e, uint32_t row);
void ghost_of_record(struct engine *e, const Region__Record *record);
void ghosts_tell(struct engine *e);
void ghosts_again(struct engine *e);
void ghosts_take(struct engine *e);

#endif
