/* SPDX-License-Identifier: MIT */
/* The rules of the world: scripts in generations, what they registered, and the calls into them. */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "region.pb-c.h"

struct arena;
struct engine;
struct engine_file;
struct wish;
struct claim;
struct rules;
struct sandbox_line;

#define NO_KIND UINT16_MAX

struct rules_figures {
	uint32_t generation, files, handlers, actions, kinds, timers;
	uint64_t errors, quarantined, prints_dropped;
	size_t memory_used, memory_peak;
};

/* rules_open: no rules yet (generation 0); NULL without memory. rules_free: NULL is fine; returns NULL. */
struct rules *rules_open(struct engine *e);
struct rules *rules_free(struct rules *r);

/* rules_try: see engine_rules_try. rules_take: what was tried last is in force. */
int rules_try(struct rules *r, uint32_t number, const struct engine_file *files, uint32_t len, char *ret_report, size_t size);
void rules_take(struct rules *r);

/* rules_kind_name: "avatar" for 0. */
const char *rules_kind_name(const struct rules *r, uint16_t kind);
void rules_figures(const struct rules *r, struct rules_figures *ret_figures);
/* rules_each: every handler that the running generation has. */
void rules_each(const struct rules *r, void (*each)(void *arg, const char *what, const char *file, int line,
						    uint32_t calls, uint32_t errors, int quarantined), void *arg);

/* rules_profile: the same with what its calls have cost since the generation is in force: instructions with charges, and ns
 * (0 without a clock). */
struct rule_figures {
	const char *what, *file;
	int line;
	uint32_t calls, errors;
	int quarantined;
	uint64_t instructions, ns;
};
void rules_profile(const struct rules *r, void (*each)(void *arg, const struct rule_figures *figures), void *arg);

/* rules_tick: stage 1, after the inputs. */
void rules_tick(struct rules *r);
/* rules_born: the entity of this row is new, or its kind is: its health is whole if it had none, its state is what
 * is declared, and what it was of the same type. */
void rules_born(struct rules *r, uint32_t row);
/* rules_wish: stage 2: what somebody did to one of ours, or at a place. */
void rules_wish(struct rules *r, const struct wish *wish);
struct ask;
/* rules_refund: an edit was not made: who asked gets back, in the next tick, what the ask says that it paid. */
void rules_refund(struct rules *r, const struct ask *ask);
/* rules_spawn: the row of a new entity, NO_ROW if it cannot be here. */
uint32_t rules_spawn(struct rules *r, const struct wish *wish);
/* rules_moved: stage 3, after the movement: who entered and left regions. */
void rules_moved(struct rules *r);
/* rules_edit: stage 2: what the edit of claim->ask writes and wishes (claim_set, claim_block, claim_wish), or why it does not
 * (claim->refused). It sees the blocks as they are at the start of the stage; its actor may be another owner's. */
void rules_edit(struct rules *r, struct claim *claim);
/* rules_rewarded: what became of a reward that was asked for under this key; of one that is not owed nothing happens. The player
 * hears of it by the event "rewarded". */
void rules_rewarded(struct rules *r, uint32_t row, const uint64_t key[2], int granted, const char *reason);
/* rules_no_way: stage 3: one of ours stands, because no way leads to where it was to go. */
void rules_no_way(struct rules *r, uint32_t row);
/* The row is that of an avatar of ours; rows do not move in these. */
void rules_enter(struct rules *r, uint32_t row);
void rules_leave(struct rules *r, uint32_t row);
/* rules_chat: 0 if the rules do not let it be heard. */
int rules_chat(struct rules *r, uint32_t row, const char *text, const char *channel);
/* What a player asks for: `target` may be NO_ROW, `at` NULL; `token` is what an answer goes to, `key` what
 * it is done once under. */
struct rules_act {
	const char *action, *text;
	const double *at;
	uint64_t token, key;
	uint32_t target;
};
#define RULES_LATER (-1)
/* rules_act: OK with a text, or a refusal and its reason (static, or in ret_text); RULES_LATER: an edit was asked for, and what
 * becomes of it is the answer. */
int32_t rules_act(struct rules *r, uint32_t row, const struct rules_act *act, char *ret_text, size_t size, const char **ret_reason);
/* rules_echo: one call on opaque bytes; the answer is good until the next call of any rule. */
int32_t rules_echo(struct rules *r, uint64_t avatar, const void *bytes, size_t len, const char **ret_bytes,
		   size_t *ret_len, const char **ret_reason);
/* rules_line: see engine_line_id: in stage 1, before the rules run. 0, or -1 and the block of an error. */
int rules_line(struct rules *r, uint64_t id, double x, double y, const char *line, char *ret_text, size_t size);
/* rules_look: see engine_look. */
int rules_look(struct rules *r, const char *line, char *ret_text, size_t size);
/* rules_stops, rules_step, rules_stop_text, rules_stop_look: see engine_stops. */
void rules_stops(struct rules *r, const struct sandbox_line *lines, size_t len,
		 void (*stopped)(void *arg, struct engine *e, const struct sandbox_line *at), void *arg);
void rules_step(struct rules *r, int on);
size_t rules_stop_text(struct rules *r, char *buf, size_t size);
int rules_stop_look(struct rules *r, const char *line, char *ret_text, size_t size);
/* rules_entity_gone: lets go of what scripts hold of an entity; before its row is removed. */
void rules_entity_gone(struct rules *r, uint32_t row);

/* --- keeping, and what owners tell each other (keep.c) ---------------------------------------------- */

/* rules_keep: fills in state and timers of the entity of this row, made in `a`; 0, or -1 without memory. rules_bring: the same
 * back, of a record that rules_record_check found good (0, or -1). What the rules do not declare any more is left out. */
int rules_keep(struct rules *r, uint32_t row, Region__Record *record, struct arena *a);
void rules_bring(struct rules *r, uint32_t row, const Region__Record *record);
int rules_record_check(const Region__Record *record);
/* rules_kind_find: 0 for "avatar"; NO_KIND if there is none. rules_kind_count: one of ours more or, with -1, less. */
uint16_t rules_kind_find(const struct rules *r, const char *name);
void rules_kind_count(struct rules *r, uint16_t kind, int more);
/* rules_errors_each: the failed calls by handler of this tick here (in several parts for a handler with many players), or of all
 * ticks and owners. rules_errors_add: what another owner has of this tick. rules_errors_settle: adds them to those before: who failed too often is paused, for all owners in the
 * same tick. */
#define BLAMED_MAX 16u /* players that are remembered for a handler's errors; those beyond count in each tick that they fail in */
struct rule_errors {
	const char *handler;
	uint32_t count, strikes;	/* failed calls; those among them that count each time towards the pause */
	const uint64_t *players;	/* those of players: each of these counts once; at most BLAMED_MAX, borrowed */
	uint32_t players_len;
};
void rules_errors_each(struct rules *r, int all, void (*each)(void *arg, const struct rule_errors *errors), void *arg);
void rules_errors_add(struct rules *r, const struct rule_errors *errors);
void rules_errors_settle(struct rules *r);
/* rules_alive_each: entities by kind, here or as last settled. rules_alive_add: a share of the next total, our own too;
 * rules_alive_settle: that is all; returns the sum. */
void rules_alive_each(struct rules *r, int all, void (*each)(void *arg, const char *kind, uint32_t count), void *arg);
void rules_alive_add(struct rules *r, const char *kind, int64_t count);
uint32_t rules_alive_settle(struct rules *r);

#endif
