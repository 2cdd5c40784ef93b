/* SPDX-License-Identifier: MIT */
/* The world inside one owner of regions: deterministic, without host, network or clock. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "region.pb-c.h"

/*
 * Conventions
 *  1. What happens follows from the state, the inputs of each tick, and the seed: not from time, addresses, the order in which
 *     inputs came, or how many engines share the world. The clock in the settings is for figures, and to end a script that
 *     runs far too long; that is then an output, and an input when the tick is run again.
 *  2. A tick: engine_begin, engine_input ..., then for each stage 1, 2, 3: engine_stage, its exchange goes to all other engines
 *     of the world (the same bytes to all), and theirs come in by engine_receive, all of them before the next engine_stage; at
 *     last engine_end. With one engine there is nobody to exchange with, and the results are the same.
 *  3. Stage 1 runs rules: an entity changes itself at once, and others and blocks by wishes. Stage 2 lets new avatars in, each
 *     once, whoever else was asked to (the latest session; then the first region), merges what is done to
 *     others in the order (target, source, number) and evaluates edits on the blocks as they are. Stage 3 lets edits win or
 *     lose in the order (priority, actor, number), writes the winners' blocks, moves, and hands over who left our regions.
 *  4. One thread. Nothing here blocks. Memory is the caller's to bound: max_entities, the rules' memory.
 *  5. What is borrowed is good until the next call on the engine.
 */
struct engine;

/* What is the same in all owners (region.proto's Shape), with defaults for zero members. */
struct engine_shape {
	uint32_t size, height, region, tick_ms, quarantine, max_entities, speed;
	uint64_t seed, budget;
	char map[16];
	uint8_t lock; /* edits by locks instead of a queue */
};

/* engine_shape_of: the shape as the shard's database and a recording keep it. */
struct engine_shape engine_shape_of(const Region__Shape *shape);

struct engine_settings {
	struct engine_shape shape;
	size_t memory;	    /* of the rules' Lua state, bytes; 0 = 32 MiB */
	uint32_t budget_ms; /* the last resort for a call of a rule; 0 = 100 */
	void *arg;
	uint64_t (*clock_ns)(void *arg); /* monotonic; NULL = no clock: scripts end by instructions alone */
	const char *again; /* the command that runs the world again, for the help of errors without a remedy; NULL = none. Borrowed. */
	/* log: a line for people. level as in host.h; code may be NULL. May be NULL. */
	void (*log)(void *arg, uint32_t level, const char *code, const char *text);
};

/* engine_open: an empty world at tick 0, no rules, all regions ours; NULL without memory or with a shape that cannot be: size
 * is a multiple of 32, region and height of 16, hills are at least 32 high, map is "hills" or "flat".
 * engine_close: NULL is fine; returns NULL. */
struct engine *engine_open(const struct engine_settings *settings);
struct engine *engine_close(struct engine *e);
const struct engine_shape *engine_shape(const struct engine *e);

/* --- regions -------------------------------------------------------------------------------------- */

uint32_t engine_regions(const struct engine *e);
/* engine_region_at: the number of the region that holds a place inside the world. */
uint32_t engine_region_at(const struct engine *e, double x, double y);
/* engine_region_middle: a place inside of the region and of the world. */
void engine_region_middle(const struct engine *e, uint32_t region, double *ret_x, double *ret_y);
int engine_inside(const struct engine *e, double x, double y);
/* engine_own: owner numbers by region, `self` is ours. At once before the first engine_begin, which is where engine_load comes;
 * later from the end of the next stage 3 on, the same tick in all engines: entities of regions that we lose are handed over in
 * its exchange. */
void engine_own(struct engine *e, const uint8_t *owner_of_region, uint8_t self);

/* --- rules ---------------------------------------------------------------------------------------- */

struct engine_file {
	const char *name;
	const char *text;
	size_t len;
};

/* engine_rules_try: compiles, runs and checks files as generation `number`, beside the rules in force; 1 = they may be taken,
 * else 0 or minus how many files failed. ret_report (NULL = not wanted) gets blocks of text for people.
 * engine_rules_take: they are in force from the next tick on. */
int engine_rules_try(struct engine *e, uint32_t number, const struct engine_file *files, uint32_t len, char *ret_report,
		     size_t report_size);
void engine_rules_take(struct engine *e);
uint32_t engine_generation(const struct engine *e);

/* --- a tick --------------------------------------------------------------------------------------- */

/* engine_begin: the tick that runs now, one more than the last. */
void engine_begin(struct engine *e, uint64_t tick);
/* engine_input: copied; 0, 1 if it does not concern what is ours (then it is not for our journal), or -1 if there are too many
 * (1,000,000). Their order among different avatars is of no meaning. A tick that is run again may be given the inputs of all
 * owners: each engine takes its own. */
int engine_input(struct engine *e, const Region__Input *input);
void engine_stage(struct engine *e, unsigned stage);
/* engine_again: asked when all exchanges of a stage 2 have come in: 1 = some edits wait for locks of others: run engine_stage(2)
 * and its exchange once more (all engines of a world say the same). With shape.lock alone. */
int engine_again(const struct engine *e);
/* engine_exchange: what all other engines must get of the stage that ran: packed region.Exchange, `count` of them. epoch is
 * for the caller to fill in: `epoch` is what they carry. */
struct engine_part {
	const uint8_t *bytes;
	size_t len;
};
const struct engine_part *engine_exchange(struct engine *e, uint64_t epoch, uint32_t *ret_count);
/* engine_receive: one exchange of another engine for the stage that ran here last; -1 if it makes no sense. */
int engine_receive(struct engine *e, const Region__Exchange *exchange);
/* engine_end: who was handed over to us is here, counts are known. */
void engine_end(struct engine *e);
uint64_t engine_tick(const struct engine *e);

/* --- what players are told ------------------------------------------------------------------------ */

enum output_kind {
	OUTPUT_APPEARED, /* id is in chunk: new there */
	OUTPUT_GONE,	 /* id is in chunk no more */
	OUTPUT_MOVED,	 /* id moved within chunk; flag: MOVED_... */
	OUTPUT_HEALTH,	 /* id's health changed */
	OUTPUT_VIEW,	 /* the avatar id is in chunk now and was not before */
	OUTPUT_BLOCK,	 /* the cell (x, y, z) of chunk changed */
	OUTPUT_HEARD,	 /* text, said by id (name) on channel, to those who see chunk (0 = all) */
	OUTPUT_TELL,	 /* text to the avatar id (0 = all) */
	OUTPUT_ANSWER,	 /* to the input `token`: status with text (OK) or reason */
	OUTPUT_ENTERED,	 /* the avatar id is in the world (input `token`); flag: it was there already */
	OUTPUT_LEFT,	 /* the avatar id sleeps now: to be saved */
	OUTPUT_REMOVED,	 /* the avatar id is in the world no more */
	OUTPUT_HANDED,	 /* the avatar id is another owner's now */
	OUTPUT_TAKEN,	 /* the avatar id came from another owner, with its session */
	OUTPUT_GRANT,	 /* item `name`, count, is owed to the avatar id from now on: engine_owed */
	OUTPUT_ABORT	 /* a call about id was ended by the clock or for memory: key[0] its number in the tick, status how
			  * (sandbox_kind), count the stage: to be journaled as INPUT_ABORT */
};

struct output {
	uint8_t kind, flag;
	int32_t status;
	uint32_t chunk, count;
	uint64_t id, token, key[2];
	int32_t x, y, z;
	const char *name, *channel, *text; /* NULL or borrowed */
	const Region__Session *session;	   /* TAKEN */
};

/* Of a MOVED's flag. */
#define MOVED_STANDS 1u
#define MOVED_NO_WAY 2u /* and not where it wanted to be: no way leads there */

/* engine_outputs: those since engine_begin, in order; an array of ret_len. */
const struct output *engine_outputs(const struct engine *e, uint32_t *ret_len);

/* --- looking -------------------------------------------------------------------------------------- */

/* What can be seen of an entity that is here, ours or at the border. */
struct sight {
	uint64_t id;
	const char *kind, *name;
	double x, y, z;
	int32_t health, health_max;
	uint8_t ours, avatar, asleep, walks;
	uint32_t chunk;
};

/* engine_see: 0, or -1 if no such entity is here. engine_see_chunk: the entities of a chunk (number), at most `max`; returns
 * how many there are. */
int engine_see(const struct engine *e, uint64_t id, struct sight *ret_sight);
uint32_t engine_see_chunk(const struct engine *e, uint32_t chunk, struct sight *ret_sights, uint32_t max);
/* engine_each: calls `each` for the entities that are ours, sleepers too, until it returns something else than 0. */
void engine_each(const struct engine *e, int (*each)(void *arg, const struct sight *sight), void *arg);
/* engine_rules_each: every handler that the running generation has. */
void engine_rules_each(const struct engine *e,
		       void (*each)(void *arg, const char *what, const char *file, int line, uint32_t calls, uint32_t errors,
				    int quarantined),
		       void *arg);
/* engine_profile: the same with what calls have cost (rules.h). */
struct rule_figures;
void engine_profile(const struct engine *e, void (*each)(void *arg, const struct rule_figures *figures), void *arg);
/* Chunks are numbered from 1, row by row from the (-,-) corner. engine_around: the chunk and those that touch it; at most 9. */
uint32_t engine_chunks(const struct engine *e);
uint32_t engine_chunk_at(const struct engine *e, double x, double y);
uint32_t engine_around(const struct engine *e, uint32_t chunk, uint32_t ret_chunks[9]);
/* engine_owner_of: who has this avatar, by the last exchange: an owner's number, or -1 if it is not in the world. */
int engine_owner_of(const struct engine *e, uint64_t avatar);
struct terrain;
struct terrain *engine_terrain(struct engine *e);
/* engine_echo: the rules' handler of "echo" on opaque bytes, outside of any tick; changes nothing. A status and, unless OK, a
 * reason. */
int32_t engine_echo(struct engine *e, uint64_t avatar, const void *bytes, size_t len, const char **ret_bytes, size_t *ret_len,
		    const char **ret_reason);

/* engine_look: one line of Lua of an operator, between two calls of rules, as an expression or else as statements, within the
 * budget of a rule. It has `g`, `w`, e(ID) and find(KIND), and can do what a check can: nothing of the world, its digest and
 * later ticks is changed. Text for people, cut to fit: 0 and the values, or -1 and the block of an error. */
int engine_look(struct engine *e, const char *line, char *ret_text, size_t size);

/* engine_stops: rules stop at these lines (sandbox.h; borrowed), also while they are loaded; `stopped` is told which one, NULL if
 * it is but a step, and when it returns they go on: ticks and digests are as without. stopped NULL: no more. Between ticks.
 * engine_step: 1 = each line stops, 0 = only those; also while stopped. */
struct sandbox_line;
void engine_stops(struct engine *e, const struct sandbox_line *lines, size_t len,
		  void (*stopped)(void *arg, struct engine *e, const struct sandbox_line *at), void *arg);
void engine_step(struct engine *e, int on);
/* engine_stop_text: while stopped: the place with its neighbours, whom the call is about, variables, and who called: lines for
 * people, cut to fit; returns the length. */
size_t engine_stop_text(struct engine *e, char *buf, size_t size);
/* engine_stop_look: while stopped: as engine_look, with the variables of the stopped function besides. A function that it calls
 * may change tables of the stopped call: call it in a copy of the process (fork), if the tick is to go on as without. */
int engine_stop_look(struct engine *e, const char *line, char *ret_text, size_t size);

/* engine_line_id: what an INPUT_WRITE has as `avatar`: an id that no entity has, from what is unique to the line. Its `text` is a
 * line as engine_look takes them, but it runs in stage 1 as a rule does that is about no entity, at the place (x, y), within
 * the budget of a rule. It sees entities within 16 blocks, can do to the world what a rule can in that stage, and
 * set(POS, BLOCK) asks for a block. All of it is done, or nothing if it fails; either is the input's answer. */
uint64_t engine_line_id(uint64_t a, uint64_t b);

/* engine_spawn: one more of a kind, between ticks, as if the world had wished it: for tests. Its id, 0 if there is no such kind
 * or place. */
uint64_t engine_spawn(struct engine *e, const char *kind, double x, double y);
/* engine_give: items into the bag of an entity of ours; engine_put: a block into a cell. Between ticks, for tests; 0, or -1 if
 * there is no such entity, block or cell. */
int engine_give(struct engine *e, uint64_t id, const char *item, uint32_t count);
int engine_put(struct engine *e, int32_t x, int32_t y, int32_t z, const char *block);

/* --- keeping -------------------------------------------------------------------------------------- */

/* engine_record: the avatar (or any entity of ours) whole, packed region.Record; NULL if it is not here. Free it. */
uint8_t *engine_record(struct engine *e, uint64_t id, size_t *ret_len);
/* engine_session: who plays the avatar, as its last entering said; borrowed, NULL if nobody is known. Not in its record. */
const Region__Session *engine_session(const struct engine *e, uint64_t id);
/* A reward that the item store has not answered yet. It is the avatar's, and goes where that goes: whoever has the avatar asks for
 * it under this key, and the answer is an input (INPUT_REPLY, with the key): of several the first counts. */
struct owed {
	uint64_t key[2];
	uint32_t count;
	char item[32];
};
/* engine_owed: all of an avatar of ours; borrowed. */
const struct owed *engine_owed(const struct engine *e, uint64_t id, uint32_t *ret_len);
/* engine_save: calls `page` for packed region.Page of each of our regions (numbers), then with region UINT32_MAX for what else
 * must be kept (pending wishes; counters at the owner of region 0). Pages are at most 200 KiB. Between ticks. */
void engine_save(struct engine *e, void (*page)(void *arg, uint32_t region, uint32_t number, const uint8_t *bytes, size_t len),
		 void *arg);
/* engine_load: what engine_save gave, of all owners and regions (those that touch none of ours may be left out): takes what concerns
 * our regions and what is near them. Before the first tick; rules come first. -1 if it is malformed. After the last page
 * engine_loaded(tick) makes it the state at the end of that tick. */
int engine_load(struct engine *e, const Region__Page *page);
void engine_loaded(struct engine *e, uint64_t tick);
/* engine_digest: of what is ours; those of all engines of a world add up to one that does not depend on their number. */
uint64_t engine_digest(struct engine *e);

struct engine_figures {
	uint32_t entities, avatars, ghosts, timers, pending, kinds, handlers, files, generation;
	uint64_t script_errors, script_quarantined, effects_full, edits_won, edits_lost, edits_refused;
	size_t script_memory, script_memory_peak, terrain_bytes;
};
void engine_figures(const struct engine *e, struct engine_figures *ret_figures);

#endif
