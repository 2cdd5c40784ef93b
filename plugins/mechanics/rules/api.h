/* SPDX-License-Identifier: MIT */
/*
 * The scripts' API, described once: what binds functions, checks their arguments, and writes the reference, the types for
 * editors and the JSON reads these tables.
 *
 * 1. Each file of the rules has a table of what it gives to scripts, next to the functions; api_tables lists the tables.
 * 2. Parameters are written "name:type[min,max]?" with spaces between them: '?' = may be left out. The types are api_types;
 *    one that is no word of that table names a thing of api_things whose keys the value (a table) may hold.
 * 3. Nothing here changes while the program runs. [any]
 */
#ifndef RULES_API_H
#define RULES_API_H

#include <stdint.h>
#include <stdio.h>

#include <lua.h>

/* What functions, fields and keys belong to. */
enum api_on {
	ON_GAME,
	ON_VIEW,
	ON_EDIT, /* what an edit's `w` can do besides */
	ON_ENTITY,
	ON_PLAYER, /* besides, for players */
	ON_MONSTER,
	ON_RNG,
	ON_EVENT, /* what g.on may be given */
	ON_POS,
	ON_BLOCK,
	ON_ZONE,
	ON_HIT,
	ON_HURT,
	ON_ASK,
	ON_REQUEST,
	ON_ARGS,
	ON_TOOL,
	ON_MOVE,
	ON_DONE,
	ON_HOME,
	ON_GOAL,
	DEF_MONSTER,
	DEF_PLAYER,
	DEF_SKILL,
	DEF_ACTION,
	DEF_EDIT,
	DEF_BLOCK,
	DEF_ITEM,
	DEF_REGION,
	DEF_QUEST,
	DEF_EVENT,
	API_THINGS
};

enum api_sort { API_FUNCTION, API_FIELD, API_KEY, API_EVENT };

/* When a function may be called. */
#define WHEN_LOAD 1u  /* while the files are read */
#define WHEN_1 2u     /* stage 1: inputs, timers, think, skills */
#define WHEN_2 4u     /* stage 2: what others did to an entity */
#define WHEN_CHECK 8u /* `check` of an edit or a skill: it looks, and changes nothing */
#define WHEN_EDIT 16u /* `apply` of an edit */
#define WHEN_3 32u    /* stage 3: regions */
#define WHEN_ECHO 64u /* outside of ticks */
#define WHEN_DO (WHEN_1 | WHEN_2 | WHEN_EDIT | WHEN_3)
#define WHEN_LOOK (WHEN_DO | WHEN_CHECK)
#define WHEN_ANY (WHEN_LOOK | WHEN_LOAD | WHEN_ECHO)

struct api_entry {
	uint8_t on, sort, when;
	uint8_t own; /* a field or function of an entity that only a call about that very entity may use */
	const char *name;
	const char *takes; /* parameters; of a field or key its type; of a handler or event what it is called with */
	const char *gives; /* what comes back; NULL = nothing */
	const char *says;  /* one sentence */
	const char *example;
	lua_CFunction call;
};

struct api_thing {
	const char *name; /* the class in the types */
	const char *base; /* the class it extends; NULL */
	const char *variable; /* how examples and errors call it: w, e ... */
	const char *says;
};

enum api_base {
	TYPE_ANY,
	TYPE_NUMBER,
	TYPE_INTEGER,
	TYPE_BOOLEAN,
	TYPE_TEXT, /* 1 to 512 bytes of UTF-8 */
	TYPE_WORD, /* a name: a-z, 0-9, _ */
	TYPE_KIND,
	TYPE_BLOCK,
	TYPE_ITEM,
	TYPE_SKILL,
	TYPE_EDIT,
	TYPE_QUEST,
	TYPE_METHOD,
	TYPE_TIME,
	TYPE_POS,
	TYPE_GOAL, /* a place; one outside of the world means the nearest inside */
	TYPE_ENTITY,
	TYPE_RNG,
	TYPE_VIEW,
	TYPE_TABLE,
	TYPE_LIST,
	TYPE_LOOT,
	TYPE_DATA,
	TYPE_FUNCTION,
	TYPE_THING /* a table with the keys of a thing */
};

struct api_type_name {
	const char *name, *lua, *words; /* in `takes`; in the types; for people: "a number" */
};

struct api_param {
	char name[24];
	uint8_t type, thing, optional, bounded;
	double min, max;
};

#define PARAMS_MAX 6u

extern const struct api_thing api_things[API_THINGS];
extern const struct api_type_name api_type_names[];
extern const struct api_entry *const api_tables[]; /* each ends with a NULL name; the list with NULL */

/* api_parse: the parameters of `takes`; how many, or -1 if it is not well formed. */
int api_parse(const char *takes, struct api_param ret_params[PARAMS_MAX]);
/* api_next: the entry after this one (NULL = the first) of a thing; NULL after the last. */
const struct api_entry *api_next(const struct api_entry *entry, enum api_on on);
const struct api_entry *api_find(enum api_on on, const char *name);
/* api_distance: how many changes make one word of the other (optimal string alignment); many for words above 31 bytes.
 * api_near: of `best` (NULL = none yet) and `candidate` the one that is closer to the word that was written, if it is close: one
 * change and one more for every four letters. */
uint32_t api_distance(const char *a, const char *b);
const char *api_near(const char *best, const char *word, const char *candidate);

/* docs.c: the three forms of the description. */
void api_markdown(FILE *out);
void api_types(FILE *out);
void api_json(FILE *out);

#endif
