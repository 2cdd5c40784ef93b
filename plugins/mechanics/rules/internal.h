/* SPDX-License-Identifier: MIT */
/* What the files of the rules share. */
#ifndef RULES_INTERNAL_H
#define RULES_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>

#include "engine/internal.h"
#include "proto/proto.h"
#include "rules/rules.h"
#include "sandbox/sandbox.h"

#define WORD_MAX 31u	  /* bytes of a kind's, action's or method's name */
#define KINDS_MAX 256u
#define METHODS_MAX 64u
#define HANDLERS_MAX 1024u
#define EFFECTS_MAX 256u  /* of one call */
#define EFFECT_TEXT_MAX 16384u
#define UNDO_MAX 256u	  /* state fields that one call may write */
#define TIMERS_MAX 64u	  /* of one entity */
#define WHEEL 1024u
#define STATE_MAX 32u	  /* values of an entity's state */
#define STATE_TEXT_MAX 256u
#define HANDLER_LISTS (RULE_EVENTS + 1u + KINDS_MAX)
#define HANDLER_KEY_MAX 96u
#define ENTITY_META "entity"
#define STATE_META "entity state"

/* One function of a script that is called from here. */
struct handler {
	char what[80];	/* monster "rabbit".think */
	char name[WORD_MAX + 1];
	char file[64];
	int line, ref;
	uint32_t calls;
	uint32_t errors; /* of all owners, up to the last tick */
	uint32_t failed; /* here in this tick */
	uint64_t logged; /* a digest of the last error that was told */
	uint8_t quarantined;
};

/* A list of handlers; what points into it is good until the next is added. */
struct handlers {
	struct handler *items;
	uint32_t len, size;
};

struct kind {
	char name[WORD_MAX + 1];
	struct handlers methods;
	int methods_ref, state_ref; /* Lua tables: name -> function; the declared state */
	int think, on_spawn;	    /* places in methods; -1 = none */
	uint32_t every;		    /* ticks from one think to the next */
	uint32_t population, alive; /* alive: here */
	uint32_t total;		    /* in the whole world at the end of the last tick */
	uint32_t coming;	    /* what of the next total is known */
	double speed, home_x, home_y, home_radius;
};

enum rule_event { RULE_ENTER, RULE_LEAVE, RULE_CHAT, RULE_TICK, RULE_ECHO, RULE_EVENTS };

struct generation {
	uint32_t number, files;
	uint32_t set; /* of files in the sandbox */
	struct kind *kinds; /* [0] = avatar */
	uint32_t kinds_len;
	struct handlers events[RULE_EVENTS];
	struct handlers actions;
};

enum effect_kind {
	EFFECT_WALK,
	EFFECT_STOP,
	EFFECT_SAY,
	EFFECT_TELL,
	EFFECT_TELL_ALL,
	EFFECT_SPAWN,
	EFFECT_REMOVE,
	EFFECT_TIMER
};

struct effect {
	enum effect_kind kind;
	uint32_t text;	     /* its place in rules.text */
	uint64_t id;
	double x, y;
	uint32_t after, every; /* ticks */
	uint16_t spawn;
};

/* In its slot's list by `next`, in its entity's by `mate`, oldest first. */
struct rule_timer {
	uint64_t id, due; /* id 0 = its entity is gone: it ends when it is due */
	uint32_t every, next, mate, number;
	char method[WORD_MAX + 1];
};

struct rules {
	struct engine *e;
	struct sandbox *sandbox;
	struct generation *now, *loading, *tried; /* in force; being read; to be taken */
	uint64_t subject; /* whom the call under way is about; 0 = the world */
	uint64_t errors, quarantined;
	uint32_t calls;	 /* about the world in this tick */
	uint32_t failed; /* calls, here in this tick */

	struct effect effects[EFFECTS_MAX];
	uint32_t effects_len, text_len, undo_len;
	int undo_ref;
	char text[EFFECT_TEXT_MAX];

	struct rule_timer *timers;
	uint32_t timers_len, timers_size, timers_used, timers_free, wheel[WHEEL];
};

/* rules.c */
struct handler *handlers_add(struct handlers *list);
struct handler *handlers_find(const struct handlers *list, const char *name);
void handlers_free(struct rules *r, struct handlers *list);
/* rules_call: one handler about an entity (0 = the world), with effects, errors and quarantine; 0, or -1 if it failed or is
 * paused. */
int rules_call(struct rules *r, struct handler *handler, uint64_t entity, const struct sandbox_value *args,
	       size_t args_len, struct sandbox_value *ret, size_t ret_len);
/* entity_value: an argument that is the entity of this row. */
struct sandbox_value entity_value(struct rules *r, uint32_t row);
void log_block(struct engine *e, const char *code, const char *block);

/* generation.c */
struct generation *generation_new(uint32_t number, uint32_t set);
void generation_free(struct rules *r, struct generation *generation);

/* game.c */
extern const struct sandbox_function game_functions[];
/* ticks_of: a duration "2s", "500ms", or a number of ticks, at the stack's place `arg`; at least 1. */
uint32_t ticks_of(lua_State *L, int arg);

/* handle.c */
int handles_open(struct rules *r);
void handle_push(lua_State *L, struct rules *r, uint32_t row);
/* handle_row: the row of the entity at `arg`; an error of the script if it is none, or gone. */
uint32_t handle_row(lua_State *L, int arg);
/* state_push: the state of the handle at `self`, which is that of this row. */
void state_push(lua_State *L, int self, uint32_t row);
/* state_text: 0 if the value at `arg` is a text that no state can hold. */
int state_text(lua_State *L, int arg);
int undo_run(struct rules *r);

/* effect.c */
struct effect *effect_new(lua_State *L, enum effect_kind kind, uint64_t id);
void effect_text(lua_State *L, struct effect *effect, int arg);
void effects_apply(struct rules *r);


/* timers.c */
void timers_open(struct rules *r);
/* timers_add: -1 if the entity has too many, or without memory. */
int timers_add(struct rules *r, uint32_t row, const char *method, uint64_t due, uint32_t every);
void timers_tick(struct rules *r);
/* timers_forget: those of an entity that goes. */
void timers_forget(struct rules *r, uint32_t row);

static inline struct rules *rules_of(lua_State *L)
{
	return sandbox_arg(sandbox_of(L));
}

#endif
