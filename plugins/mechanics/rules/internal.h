/* SPDX-License-Identifier: MIT */
/* What the files of the rules share. */
#ifndef RULES_INTERNAL_H
#define RULES_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>

#include "engine/internal.h"
#include "proto/proto.h"
#include "rules/api.h"
#include "rules/rules.h"
#include "sandbox/sandbox.h"

#define WORD_MAX NAME_MAX_WORD /* bytes of a kind's, action's or method's name */
#define KINDS_MAX 256u
#define METHODS_MAX 64u
#define HANDLERS_MAX 1024u
#define DEFS_MAX 256u	  /* skills, edits, items, quests: of each */
#define LOOT_MAX 8u	  /* items of a loot */
#define GOALS_MAX 8u	  /* of a quest */
#define BOXES_MAX 16u	  /* of a region */
#define EDIT_SET "(set)" /* the edit of a line: one block */
#define EFFECTS_MAX 256u  /* of one call */
#define EFFECT_TEXT_MAX 16384u
#define UNDO_MAX 256u	  /* state fields that one call may write */
#define TIMERS_MAX 64u	  /* of one entity */
#define STATE_MAX 32u	  /* values of an entity's state */
#define STATE_TEXT_MAX 256u
#define HANDLER_LISTS (RULE_EVENTS + 2u + KINDS_MAX)
#define HANDLER_KEY_MAX 96u
#define WHEEL 1024u
#define SWEEP_TICKS 100u /* after a reload: two cycles of the collector for 10,000 entities */
#define SIGHT 16.0	  /* blocks: how far a rule looks, and what is farther may be another owner's */
#define ARGS_MAX 5u	  /* of a handler besides `w` */
#define NO_HANDLER (-1)

/* One function of a script that is called from here. */
struct handler {
	char what[80];	/* monster "rabbit".think */
	char name[WORD_MAX + 1];
	char file[64];
	int line, ref;
	uint32_t calls;
	uint32_t errors, strikes; /* of all owners, up to the last tick: failed calls; those that count each time (pause.c) */
	uint32_t failed, failed_strikes; /* here in this tick */
	uint32_t players_len;
	uint64_t players[BLAMED_MAX]; /* in whose calls it failed: each counts once */
	uint64_t instructions, ns;
	uint64_t logged; /* a digest of the last error that was told */
	uint64_t told_at; /* the tick of that */
	uint32_t untold; /* the same since then */
	uint8_t quarantined;
};

/* A list of handlers; what points into it is good until the next is added. */
struct handlers {
	struct handler *items;
	uint32_t len, size;
};

/* So many of an item, or between two numbers of them. */
struct loot {
	char item[WORD_MAX + 1];
	uint32_t least, most;
};

struct kind {
	char name[WORD_MAX + 1];
	struct handlers methods;
	int methods_ref, state_ref; /* Lua tables: name -> function or field; the declared state */
	int think, on_spawn, on_hurt, on_death, on_no_path; /* places in methods; NO_HANDLER = none */
	uint32_t every;		    /* ticks from one think to the next */
	uint32_t population, alive; /* alive: here */
	uint32_t total;		    /* in the whole world at the end of the last tick */
	uint32_t coming;	    /* what of the next total is known */
	uint32_t loot_len;
	uint8_t same_state;	    /* as the generation before declared it */
	int32_t health;
	double speed, sight, home_x, home_y, home_radius;
	struct loot loot[LOOT_MAX];
};

struct skill {
	char name[WORD_MAX + 1];
	int check, apply; /* places in generation.defs */
	uint32_t cooldown, cast_time, cost_len;
	double range;
	struct loot cost[LOOT_MAX];
};

struct edit {
	char name[WORD_MAX + 1];
	int check, apply;
	int32_t priority;
};

struct item {
	char name[WORD_MAX + 1];
	uint32_t stack;
	int32_t power;
};

struct rule_zone {
	char name[WORD_MAX + 1];
	int on_enter, on_leave, self_ref;
	uint32_t boxes_len;
	uint8_t guarded; /* `protected` */
	double slow, boxes[BOXES_MAX][6];
};

struct goal {
	char what[8]; /* kill, bring, do */
	char name[WORD_MAX + 1];
	uint32_t n;
};

struct quest {
	char name[WORD_MAX + 1];
	char giver[WORD_MAX + 1], text[64];
	int on_done;
	uint32_t goals_len;
	uint8_t repeats;
	struct goal goals[GOALS_MAX];
};

/* A function that the world calls again and again, and one for an event of a name. */
struct beat {
	uint32_t every;
	int handler;
};
struct listener {
	char event[WORD_MAX + 1];
	int handler;
};

enum rule_event { RULE_ENTER, RULE_LEAVE, RULE_CHAT, RULE_TICK, RULE_ECHO, RULE_DAY, RULE_NIGHT, RULE_EVENTS };
#define KIND_PLAYER 0u
#define KIND_DROP 1u /* what lies on the ground */
#define KIND_FIRST 2u /* of those that scripts define */

struct generation {
	uint32_t number, files;
	uint32_t before; /* the number of the one that was in force before this one was taken */
	uint32_t set; /* of files in the sandbox */
	struct kind *kinds;
	uint32_t kinds_len;
	struct handlers events[RULE_EVENTS];
	struct handlers actions;
	struct handlers defs; /* functions of skills, edits, regions, quests, beats and listeners */
	struct list skills, edits, items, zones, quests, beats, listeners, blocks;
	uint8_t player_defined;
	double spawn_x, spawn_y;
};

/* A parameter as it was given, checked. */
struct arg {
	double number, at[3];
	uint64_t id;   /* of an entity */
	uint32_t n;    /* ticks; the number of a kind, skill, item ... */
	const char *text;
	uint8_t given;
};

/* What wishes may be; the order is that of wish_kinds. */
enum wish_kind {
	WISH_WALK,
	WISH_CHASE,
	WISH_STOP,
	WISH_SAY,
	WISH_TELL,
	WISH_TELL_ALL,
	WISH_SPAWN,
	WISH_DROP,
	WISH_REMOVE,
	WISH_TIMER,
	WISH_HURT,
	WISH_HEAL,
	WISH_GIVE,
	WISH_TAKE,
	WISH_SLOW,
	WISH_CAST,
	WISH_COOLDOWN,
	WISH_EVENT,
	WISH_KILLED,
	WISH_QUEST,
	WISH_DONE,
	WISH_REWARD,
	WISH_ASK,
	WISH_KINDS
};

/* In its slot's list by `next`, in its entity's by `mate`, oldest first. */
struct rule_timer {
	uint64_t id, due; /* id 0 = its entity is gone: it ends when it is due */
	uint32_t every, next, mate, number;
	char method[WORD_MAX + 1];
};

/* A function of the API as it is bound: its description, read. */
struct bound {
	const struct api_entry *entry;
	uint8_t params_len, method; /* method: the first argument is what it belongs to */
	struct api_param params[PARAMS_MAX];
};

struct rules {
	struct engine *e;
	struct sandbox *sandbox;
	struct generation *now, *loading, *tried; /* in force; being read; to be taken */
	uint64_t subject; /* whom the call under way is about; 0 = the world */
	double center[3]; /* where it looks from, if `looks` */
	uint8_t moved; /* positions of this tick are final: those of others are not to be seen any more */
	uint8_t looks;
	uint64_t line; /* the line of an operator that runs in a tick; 0 = none does */
	uint32_t line_asks;
	uint8_t everywhere; /* a line of an operator runs: it reads all that is here */
	uint8_t when;	  /* WHEN_..., of the call under way */
	uint64_t serial;  /* of calls: a `w` of another is no good */
	uint64_t errors, quarantined, errors_told, errors_untold;
	uint32_t calls; /* about the world in this tick */
	uint32_t echoes; /* so far: each has other randomness */
	uint32_t sweeps; /* ticks that still take a step of collecting what the generation before held */
	uint32_t failed; /* calls, here in this tick */
	struct list blames; /* of this tick (pause.c) */
	uint32_t told_len; /* error blocks in this second */
	uint64_t told_second;

	struct bound *bound;
	uint32_t bound_len;
	struct arg args[PARAMS_MAX + 1]; /* of the API function that runs, from 0; [.] of `self` is the last */
	struct claim *claim; /* of the edit that runs; NULL = none does */

	struct wish effects[EFFECTS_MAX];
	uint32_t effects_len, text_len, undo_len;
	int undo_ref, rng_ref, entity_ref, entity_meta_ref, state_meta_ref, view_ref, view_meta_ref;
	uint64_t target; /* that the call has set, if target_set */
	uint8_t target_set;
	char text[EFFECT_TEXT_MAX];
	char ret_text[EFFECT_TEXT_MAX];
	uint64_t token, act_key; /* of the act that runs; answered by the first edit that it asks for */
	uint8_t asked;
	const char *ask_reason; /* why what it asked for cannot be */

	void (*stopped)(void *arg, struct engine *e, const struct sandbox_line *at);
	void *stopped_arg;
	const struct sandbox_stop *stop; /* where a call has stopped; or NULL */

	struct rule_timer *timers;
	uint32_t timers_len, timers_size, timers_used, timers_free, wheel[WHEEL];
};

/* --- lists and logs (rules.c) -------------------------------------------------------------------- */

struct handler *handlers_add(struct handlers *list);
struct handler *handlers_find(const struct handlers *list, const char *name);
void handlers_free(struct rules *r, struct handlers *list);
/* handler_lists: every list of handlers that a generation has; how many. */
uint32_t handler_lists(struct generation *generation, struct handlers *ret_lists[HANDLER_LISTS]);

/* --- calls (call.c) ------------------------------------------------------------------------------- */

/* in_tick: 1 if what the call under way does, and how it ends, is the tick's; an echo's is not, whenever it comes. */
int in_tick(const struct rules *r);

enum value_type { VALUE_NIL, VALUE_ROW, VALUE_ENTITY, VALUE_TEXT, VALUE_INTEGER, VALUE_REF, VALUE_PUSH };

/* An argument of a handler. */
struct value {
	enum value_type type;
	uint64_t n; /* ROW: of an entity; ENTITY: an id; INTEGER */
	int ref;    /* REF: into the registry */
	const char *text;
	size_t len;
	void (*push)(lua_State *L, void *arg); /* PUSH: puts one value on the stack */
	void *arg;
};

struct answer {
	int type; /* LUA_TNIL, LUA_TBOOLEAN, LUA_TSTRING (in rules.ret_text), or another */
	int truth;
	size_t len;
	size_t second; /* it is nil, and behind it comes a text, which is in rules.ret_text then */
};

/* rules_call: one handler about an entity (0 = the world): first `self` (type NIL = no such argument), then `w` unless `when`
 * is WHEN_ECHO, then args; with effects, errors and quarantine. Around `center` it may look: NULL = where the entity is.
 * 0, or -1 if it failed or is paused. ret_answer may be NULL. */
int rules_call(struct rules *r, struct handler *handler, uint8_t when, uint64_t entity, const double *center,
	       const struct value *args, uint32_t args_len, struct answer *ret_answer);
/* rules_call_bare: the same without `w`, for regions. */
int rules_call_bare(struct rules *r, struct handler *handler, uint8_t when, uint64_t entity, const struct value *args,
		    uint32_t args_len);
/* call_row: the most common: a handler of an entity itself. */
int call_row(struct rules *r, struct handler *handler, uint8_t when, uint32_t row, const struct value *args, uint32_t args_len);
static inline struct value value_row(uint32_t row)
{
	return (struct value){ .type = row != NO_ROW ? VALUE_ROW : VALUE_NIL, .n = row };
}
static inline struct value value_text(const char *text, size_t len)
{
	return (struct value){ .type = VALUE_TEXT, .text = text, .len = len };
}

/* --- errors (error.c) ------------------------------------------------------------------------------ */

/* error_failed: counts and tells what went wrong in a handler; rules_errors_settle pauses it if that was once too often. */
void error_failed(struct rules *r, struct handler *handler, const struct sandbox_error *error);
/* error_block: the block that people see, with the script's generation; returns its length. */
size_t error_block(const struct sandbox_error *error, uint32_t generation, const char *notes, char *buf, size_t size);
void log_block(struct engine *e, const char *code, const char *block);

/* pause_count: a call failed in this tick; player: of whom it was, 0 = it counts each time (pause.c). */
void pause_count(struct rules *r, struct handler *handler, uint64_t player);

/* --- binding (bind.c) ------------------------------------------------------------------------------- */

static inline const char *bound_colon(const struct bound *b)
{
	return b->method ? ":" : ".";
}
static inline const char *bound_variable(const struct bound *b)
{
	return api_things[b->entry->on].variable;
}
/* bind_open: reads the description; -1 without memory or if it is not well formed (then *ret_wrong says which entry). */
int bind_open(struct rules *r, const char **ret_wrong);
/* bind_thing: puts the functions of a thing into the table on top of the stack; fields as light userdata of their entry. */
void bind_thing(lua_State *L, struct rules *r, enum api_on on);
/* bind_table: checks a table at `arg` against the keys of a thing: unknown ones, types, bounds. `what` is for messages, `more`
 * lets other keys pass that hold functions (1) or plain values (2). */
void bind_table(lua_State *L, int arg, enum api_on on, const char *what, int more);
/* key_...: of a table that bind_table has checked, by raw access. key_push: the value on the stack; its Lua type. */
int key_push(lua_State *L, int table, const char *key);
double key_number(lua_State *L, int table, const char *key, double fallback);
/* key_word: copied into a name of WORD_MAX; "" if it is not there. */
void key_word(lua_State *L, int table, const char *key, char ret_word[WORD_MAX + 1]);
uint32_t key_ticks(lua_State *L, int table, const char *key, uint32_t fallback);
/* key_handler: the function of this key as a handler in `list`; its place, or NO_HANDLER. */
int key_handler(lua_State *L, int table, const char *key, struct handlers *list, const char *what);
/* key_loot: { item = n, item = { least, most } }; how many. */
uint32_t key_loot(lua_State *L, int table, const char *key, struct loot ret_loot[LOOT_MAX]);
struct handler *handler_make(lua_State *L, struct handlers *list, const char *name, const char *what);

/* --- arguments (argument.c) -------------------------------------------------------------------------- */

/* argument_check: the value at `arg` is what the parameter says; what it means goes into *a. 0 = it is something else. `b` or, if that
 * is NULL, `of` is whose parameter it is, for messages about bounds. */
int argument_check(lua_State *L, struct rules *r, const struct bound *b, const char *of, const struct api_param *p, int arg,
		   struct arg *a);
/* ticks_of: a duration "2s", "500ms", or a number of ticks, at the stack's place `arg`; at least 1. */
uint32_t ticks_of(lua_State *L, int arg);
/* unknown_raise: S0121, with the nearest of the names that `next` gives (NULL after the last). */
int unknown_raise(lua_State *L, const char *sort, const char *word, const char *const *names);
/* unknown_block: likewise for the name of a block. */
int unknown_block(lua_State *L, const char *word);
/* line_ask_check: raises an error if an operator's line cannot ask for an edit at this place: it would be told that it did. */
int line_ask_check(lua_State *L, const double at[3]);
/* place_read: a place at `arg` into ret_at; 0 if it is none. One outside of the world is an error, or `clamp`ed. */
int place_read(lua_State *L, int arg, double ret_at[3], int clamp);
void place_push(lua_State *L, double x, double y, double z);

/* --- registering (game.c, monster.c, and the file of each sort) --------------------------------------- */

extern const struct api_entry game_api[], define_api[], view_api[], edit_write_api[], entity_api[], bag_api[], health_api[],
	skill_api[], edit_api[], zone_api[], quest_api[], random_api[], value_api[];
/* define_push: a function on the stack that takes a table and hands it to `define` with the name; checks the name. */
int define_push(lua_State *L, lua_CFunction define, const char *what);
const char *defined_name(lua_State *L);
struct generation *loading_of(lua_State *L);
/* twice_raise: S0123, with the place of the first, found by the functions that it has. what: such as monster "slime". */
int twice_raise(lua_State *L, const char *what);
/* defs_add: a new one of this name in a list of the generation that is being read; an error if there is one. */
void *defs_add(lua_State *L, struct list *list, size_t item, const char *what, const char *name);
void *defs_find(const struct list *list, size_t item, const char *name);
struct generation *generation_new(uint32_t number, uint32_t set);
void generation_free(struct rules *r, struct generation *generation);
/* kinds_open: the methods and fields of kinds that no script defined. */
int kinds_open(struct rules *r, struct generation *generation);
int kind_find(const struct generation *generation, const char *name);
/* kind_word: what scripts call a kind: "player" for avatars. */
const char *kind_word(const struct generation *generation, uint32_t kind);

/* --- entities (handle.c, entity.c, state.c) ------------------------------------------------------------------- */

int handles_open(struct rules *r);
void handle_push(lua_State *L, struct rules *r, uint32_t row);
/* handle_push_id: of an entity that need not be here. */
void handle_push_id(lua_State *L, struct rules *r, uint64_t id);
/* handle_get: the id of the entity at `arg`; 0 if there is none. */
uint64_t handle_get(lua_State *L, int arg);
/* handle_row: the row of an entity that the call may see; else an error of the script. visible_row: NO_ROW instead. */
uint32_t handle_row(lua_State *L, uint64_t id);
uint32_t visible_row(const struct rules *r, uint64_t id);
/* self_row: the row of the entity whose method runs, which must be the one that the call is about. */
uint32_t self_row(lua_State *L);
void state_push(lua_State *L, int self, uint32_t row);
/* states_take: r->now has been taken: what all entities remember follows its declarations. number: kinds of `before` -> kinds of it. */
void states_take(struct rules *r, const struct generation *before, const uint16_t number[KINDS_MAX]);
/* state_snapshot: a table of its own with what the entity remembers, as it is: nothing is brought over. */
void state_snapshot(lua_State *L, int self, uint32_t row);
/* state_values: pushes the table with the values of the state at `at`, not to be changed; 0, and nothing, if it is none. */
int state_values(lua_State *L, int at);
/* state_changes: says what of a kind's declared state has another type in the next generation, or is gone. */
void state_changes(struct rules *r, const struct kind *before, const struct kind *next, const char *what);
/* state_text: 0 if the value at `arg` is a text that no state can hold. */
int state_text(lua_State *L, int arg);
int state_open(lua_State *L, struct rules *r);
int undo_run(struct rules *r);
/* undo_note: the table at `table` holds `before` (a place on the stack) under the key at `key`: so it shall be again if the call
 * fails. */
void undo_note(lua_State *L, int table, int key, int before);

/* --- the world (view.c, random.c) ---------------------------------------------------------------------- */

int views_open(lua_State *L, struct rules *r);
void view_push(lua_State *L, struct rules *r);
int random_open(lua_State *L, struct rules *r);
/* fraction: a number in [0, 1) that depends on what it is for alone. */
double fraction(const struct rules *r, uint64_t a, uint64_t b);
/* cell_at: the cell of a place. */
void cell_at(const struct rules *r, const double at[3], int32_t ret_cell[3]);
/* ground: where one stands that comes to this place at height z. */
double ground(struct rules *r, double x, double y, double z);

/* --- effects (effect.c, wish.c) ------------------------------------------------------------------------- */

/* effect_new: a wish of the call that runs, done when it has ended well. effect_text: a copy that lives as long. */
struct wish *effect_new(lua_State *L, enum wish_kind kind, uint64_t target);
const char *effect_text(lua_State *L, const char *text, size_t len);
void effects_apply(struct rules *r);
const char *wish_name(enum wish_kind kind);
int wish_own(enum wish_kind kind);
/* wish_to: a wish of rules themselves, by name; NULL if there are too many. Strings are copied. */
struct wish *wish_to(struct rules *r, enum wish_kind kind, uint64_t target, uint64_t source, const char *name, double amount);
/* wish_run: does it to the row (NO_ROW: to the world). */
void wish_run(struct rules *r, enum wish_kind kind, uint32_t row, const struct wish *wish);

/* what wishes do, in the files of their sort: each to a row of ours */
void wish_hurt(struct rules *r, uint32_t row, const struct wish *wish);
void wish_heal(struct rules *r, uint32_t row, const struct wish *wish);
void wish_give(struct rules *r, uint32_t row, const struct wish *wish);
void wish_take(struct rules *r, uint32_t row, const struct wish *wish);
void wish_drop(struct rules *r, uint32_t row, const struct wish *wish);
void wish_reward(struct rules *r, uint32_t row, const struct wish *wish);
void wish_slow(struct rules *r, uint32_t row, const struct wish *wish);
void wish_cast(struct rules *r, uint32_t row, const struct wish *wish);
void wish_cooldown(struct rules *r, uint32_t row, const struct wish *wish);
void wish_event(struct rules *r, uint32_t row, const struct wish *wish);
void wish_killed(struct rules *r, uint32_t row, const struct wish *wish);
void wish_quest(struct rules *r, uint32_t row, const struct wish *wish);
void wish_done(struct rules *r, uint32_t row, const struct wish *wish);
void wish_ask(struct rules *r, uint32_t row, const struct wish *wish);

/* --- keeping (carry.c): what few entities have, as part of a record; the last as rules_record_check -------------- */

int extra_keep(struct rules *r, uint32_t row, Region__Record *record, struct arena *a);
void extra_bring(struct rules *r, uint32_t row, const Region__Record *record);
int extra_check(const Region__Record *record);

/* --- what runs in a tick --------------------------------------------------------------------------------- */

void timers_open(struct rules *r);
/* timers_add: -1 if the entity has too many, or without memory. */
int timers_add(struct rules *r, uint32_t row, const char *method, uint64_t due, uint32_t every);
void timers_tick(struct rules *r);
/* timers_forget: those of an entity that goes. */
void timers_forget(struct rules *r, uint32_t row);
void skills_tick(struct rules *r);
void bags_tick(struct rules *r);
void asks_tick(struct rules *r);
/* blocks_take: the blocks of the generation in force are in the world's table. */
void blocks_take(struct rules *r);
/* bag_count: with what the call under way has given and taken. tool_of: its strongest tool. */
uint32_t bag_count(const struct rules *r, uint32_t row, const char *item);
void tool_of(const struct rules *r, uint32_t row, const char **ret_name, int32_t *ret_power);
void health_rise(struct rules *r);
/* fallen: 1 if it is a player that lies there and can do nothing. */
int fallen(const struct rules *r, uint32_t row);
void beats_tick(struct rules *r);
/* event_emit: `name` happened to the row: those who listen for it are called. data: as data_pack gave it. */
void event_emit(struct rules *r, uint32_t row, const char *name, const char *data);
/* quest_count: something that goals may be about happened to a player: "kill" or "do", of this name. */
void quest_count(struct rules *r, uint32_t row, const char *what, const char *name);
/* speed_set: the speed of its kind with what slows it. */
void speed_set(struct rules *r, uint32_t row);
/* data_pack: the plain values of the table at `arg` as text (for wishes and edits); data_push: the table again. */
const char *data_pack(lua_State *L, int arg);
void data_push(lua_State *L, const char *data);
/* data_text: the text of this name in it; NULL if there is none. Not NUL-terminated. */
const char *data_text(const char *data, const char *name, size_t *ret_len);

static inline struct rules *rules_of(lua_State *L)
{
	return sandbox_arg(sandbox_of(L));
}
/* about: 1 if the call under way may use what is the entity's own. */
static inline int about(const struct rules *r, uint64_t id)
{
	uint32_t row = r->everywhere ? entities_row(&r->e->all, id) : NO_ROW;

	return id == r->subject || (row != NO_ROW && (r->e->all.flags[row] & ENTITY_GHOST) == 0);
}
/* runs: 1 if the rules run for the entity of this row. */
static inline int runs(const struct entities *w, uint32_t row)
{
	return (w->flags[row] & (ENTITY_GHOST | ENTITY_ASLEEP | ENTITY_LEAVES)) == 0;
}

#endif
