/* SPDX-License-Identifier: MIT */
/* Reading definitions: their names, keys and functions. bind_table has checked the keys' types before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

struct generation *loading_of(lua_State *L)
{
	struct generation *generation = rules_of(L)->loading;

	if (generation == NULL) {
		sandbox_raise(L, "S0112", "write it at the top level of a file",
			      "rules are registered while the scripts are read, not later");
	}
	return generation;
}

const char *defined_name(lua_State *L)
{
	return lua_tostring(L, lua_upvalueindex(1));
}

/* The name is the first argument of the API function, and checked. */
int define_push(lua_State *L, lua_CFunction define, const char *what)
{
	lua_pushvalue(L, 1);
	lua_pushstring(L, what);
	lua_pushcclosure(L, define, 2);
	return 1;
}

void *defs_find(const struct list *list, size_t item, const char *name)
{
	for (uint32_t i = 0; i < list->len; i++) {
		char *at = (char *)list->items + i * item;

		if (strcmp(at, name) == 0) {
			return at;
		}
	}
	return NULL;
}

int twice_raise(lua_State *L, const char *what)
{
	struct handlers *lists[HANDLER_LISTS];
	uint32_t n = handler_lists(loading_of(L), lists);
	size_t len = strlen(what);
	char help[160];

	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < lists[i]->len; at++) {
			const struct handler *h = &lists[i]->items[at];

			if (strncmp(h->what, what, len) == 0 && (h->what[len] == '\0' || h->what[len] == '.')) {
				snprintf(help, sizeof(help), "give one of them another name; the other is in %s, around line %d", h->file,
					 h->line);
				return sandbox_raise(L, "S0123", help, "%s is defined twice", what);
			}
		}
	}
	return sandbox_raise(L, "S0123", "give one of them another name", "%s is defined twice", what);
}

void *defs_add(lua_State *L, struct list *list, size_t item, const char *what, const char *name)
{
	void *added;

	if (defs_find(list, item, name) != NULL) {
		char whole[80];

		snprintf(whole, sizeof(whole), "%s \"%s\"", what, name);
		twice_raise(L, whole);
	}
	added = list_add(list, item, DEFS_MAX);
	if (added == NULL) {
		sandbox_raise(L, "S0111", NULL, "there are more than %u definitions of a sort (%s)", DEFS_MAX, what);
	}
	snprintf(added, WORD_MAX + 1, "%s", name);
	return added;
}

/* --- keys ----------------------------------------------------------------------------------------- */

int key_push(lua_State *L, int table, const char *key)
{
	table = lua_absindex(L, table);
	sandbox_content(L, table);
	lua_pushstring(L, key);
	lua_rawget(L, -2);
	lua_remove(L, -2);
	return lua_type(L, -1);
}

double key_number(lua_State *L, int table, const char *key, double fallback)
{
	double number = key_push(L, table, key) == LUA_TNUMBER ? lua_tonumber(L, -1) : fallback;

	lua_pop(L, 1);
	return number;
}

void key_word(lua_State *L, int table, const char *key, char ret_word[WORD_MAX + 1])
{
	snprintf(ret_word, WORD_MAX + 1, "%s", key_push(L, table, key) == LUA_TSTRING ? lua_tostring(L, -1) : "");
	lua_pop(L, 1);
}

uint32_t key_ticks(lua_State *L, int table, const char *key, uint32_t fallback)
{
	uint32_t ticks = key_push(L, table, key) != LUA_TNIL ? ticks_of(L, lua_gettop(L)) : fallback;

	lua_pop(L, 1);
	return ticks;
}

struct handler *handler_make(lua_State *L, struct handlers *list, const char *name, const char *what)
{
	struct handler *handler;
	lua_Debug ar;

	if (list->len >= HANDLERS_MAX || (handler = handlers_add(list)) == NULL) {
		sandbox_raise(L, "S0111", NULL, "more than %u functions of one sort", HANDLERS_MAX);
		return NULL;
	}
	snprintf(handler->name, sizeof(handler->name), "%s", name);
	snprintf(handler->what, sizeof(handler->what), "%s", what);
	lua_pushvalue(L, -1);
	if (lua_getinfo(L, ">S", &ar)) {
		snprintf(handler->file, sizeof(handler->file), "%s", ar.short_src);
		handler->line = ar.linedefined;
	}
	handler->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return handler;
}

int key_handler(lua_State *L, int table, const char *key, struct handlers *list, const char *what)
{
	char whole[80];

	if (key_push(L, table, key) != LUA_TFUNCTION) {
		lua_pop(L, 1);
		return NO_HANDLER;
	}
	snprintf(whole, sizeof(whole), "%.60s.%s", what, key);
	handler_make(L, list, key, whole);
	return (int)list->len - 1;
}

static uint32_t whole_number(lua_State *L, int at, const char *item)
{
	lua_Number n = lua_type(L, at) == LUA_TNUMBER ? lua_tonumber(L, at) : -1;

	if (!(n >= 0 && n <= 1e6 && n == (double)(uint32_t)n)) {
		sandbox_raise(L, "S0118", NULL, "loot is written { item = n, item = { least, most } }, n from 0 to 1000000: see \"%s\"",
			      item);
	}
	return (uint32_t)n;
}

static int loot_order(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* loot_read: the table at `at`; sorted, because the order of keys is not one that lasts. */
static uint32_t loot_read(lua_State *L, int at, struct loot ret_loot[LOOT_MAX])
{
	uint32_t n = 0;
	int top = lua_gettop(L), table;

	sandbox_content(L, at);
	table = top + 1;
	for (lua_pushnil(L); lua_next(L, table); lua_settop(L, table + 1)) {
		size_t len = 0;
		const char *item = lua_type(L, table + 1) == LUA_TSTRING ? lua_tolstring(L, table + 1, &len) : "";
		struct loot *loot = &ret_loot[n < LOOT_MAX ? n : 0];

		if (len == 0 || len > WORD_MAX || n == LOOT_MAX) {
			sandbox_raise(L, "S0118", NULL, "loot names up to %u items", LOOT_MAX);
		}
		memset(loot, 0, sizeof(*loot));
		memcpy(loot->item, item, len);
		if (lua_istable(L, table + 2)) {
			sandbox_content(L, table + 2);
			lua_rawgeti(L, table + 3, 1);
			lua_rawgeti(L, table + 3, 2);
			loot->least = whole_number(L, table + 4, loot->item);
			loot->most = whole_number(L, table + 5, loot->item);
		} else {
			loot->least = loot->most = whole_number(L, table + 2, loot->item);
		}
		if (loot->most < loot->least) {
			sandbox_raise(L, "S0118", NULL, "the loot \"%s\" has its least above its most", loot->item);
		}
		n++;
	}
	lua_settop(L, top);
	if (n > 1) {
		qsort(ret_loot, n, sizeof(*ret_loot), loot_order);
	}
	return n;
}

uint32_t key_loot(lua_State *L, int table, const char *key, struct loot ret_loot[LOOT_MAX])
{
	uint32_t n = key_push(L, table, key) == LUA_TTABLE ? loot_read(L, lua_gettop(L), ret_loot) : 0;

	lua_pop(L, 1);
	return n;
}

/* --- plain values as text ------------------------------------------------------------------------------ */

struct datum {
	char name[WORD_MAX + 1];
	int type, integer;
	lua_Number number;
	lua_Integer whole;
	const char *text; /* on the stack: anchored by the table */
	size_t len;
};

static int datum_order(const void *a, const void *b)
{
	return strcmp(((const struct datum *)a)->name, ((const struct datum *)b)->name);
}

#define DATA_MAX 16u

static void datum_write(struct datum *d, char *out, size_t size, size_t *used)
{
	size_t left = size - *used;
	int n = 0;

	switch (d->type) {
	case LUA_TBOOLEAN:
		n = snprintf(out + *used, left, "%s b%d;", d->name, d->whole != 0);
		break;
	case LUA_TNUMBER:
		n = d->integer ? snprintf(out + *used, left, "%s i%lld;", d->name, (long long)d->whole)
			       : snprintf(out + *used, left, "%s n%.17g;", d->name, d->number);
		break;
	default:
		n = snprintf(out + *used, left, "%s s%zu:%s;", d->name, d->len, d->text);
	}
	*used += n > 0 ? (size_t)n : 0;
}

/* "name i5;name s3:abc;": in the order of the names. */
const char *data_pack(lua_State *L, int arg)
{
	struct datum data[DATA_MAX];
	char text[2048] = "";
	size_t used = 0;
	uint32_t n = 0;
	int top = lua_gettop(L), table;

	if (lua_isnoneornil(L, arg)) {
		return "";
	}
	sandbox_content(L, arg);
	table = top + 1;
	for (lua_pushnil(L); lua_next(L, table); lua_settop(L, table + 1)) {
		struct datum *d = &data[n < DATA_MAX ? n : 0];
		size_t len = 0;
		const char *name = lua_type(L, table + 1) == LUA_TSTRING ? lua_tolstring(L, table + 1, &len) : "";

		memset(d, 0, sizeof(*d));
		d->type = lua_type(L, table + 2);
		if (len == 0 || len > WORD_MAX || strcspn(name, " ;") != len || n == DATA_MAX ||
		    (d->type != LUA_TNUMBER && d->type != LUA_TSTRING && d->type != LUA_TBOOLEAN)) {
			sandbox_raise(L, "S0118", NULL, "data is up to %u numbers, texts, true or false, each under a name", DATA_MAX);
		}
		memcpy(d->name, name, len);
		d->integer = lua_isinteger(L, table + 2);
		d->whole = d->type == LUA_TBOOLEAN ? lua_toboolean(L, table + 2) : lua_tointeger(L, table + 2);
		d->number = lua_tonumber(L, table + 2);
		d->text = d->type == LUA_TSTRING ? lua_tolstring(L, table + 2, &d->len) : NULL;
		if (d->text != NULL && (d->len > 256 || strlen(d->text) != d->len || !proto_utf8(d->text, d->len))) {
			sandbox_raise(L, "S0118", NULL, "a text in data is up to 256 bytes of UTF-8");
		}
		n++;
	}
	lua_settop(L, top);
	if (n > 1) {
		qsort(data, n, sizeof(*data), datum_order);
	}
	for (uint32_t i = 0; i < n; i++) {
		datum_write(&data[i], text, sizeof(text), &used);
		if (used >= sizeof(text)) {
			sandbox_raise(L, "S0111", "send less at once", "data is up to %zu bytes", sizeof(text));
		}
	}
	return effect_text(L, text, used);
}

const char *data_text(const char *data, const char *name, size_t *ret_len)
{
	for (const char *space; (space = strchr(data, ' ')) != NULL;) {
		int is_text = space[1] == 's', found = strlen(name) == (size_t)(space - data) && memcmp(data, name, strlen(name)) == 0;
		char *end = (char *)space + 2;
		size_t len = 0;

		if (is_text) {
			len = (size_t)strtoul(space + 2, &end, 10);
			if (*end != ':' || len > strlen(end + 1)) {
				return NULL;
			}
			end++;
		}
		if (found) {
			*ret_len = len;
			return is_text ? end : NULL;
		}
		end = is_text ? end + len : strchr(space, ';');
		if (end == NULL || *end != ';') {
			return NULL;
		}
		data = end + 1;
	}
	return NULL;
}

void data_push(lua_State *L, const char *data)
{
	lua_newtable(L);
	while (*data != '\0') {
		const char *space = strchr(data, ' ');
		char *end;

		if (space == NULL) {
			return; /* made by data_pack, so this is no more than caution */
		}
		lua_pushlstring(L, data, (size_t)(space - data));
		switch (space[1]) {
		case 'b':
			lua_pushboolean(L, space[2] == '1');
			end = (char *)space + 3;
			break;
		case 'i':
			lua_pushinteger(L, (lua_Integer)strtoll(space + 2, &end, 10));
			break;
		case 'n':
			lua_pushnumber(L, strtod(space + 2, &end));
			break;
		default: {
			size_t len = (size_t)strtoul(space + 2, &end, 10);

			if (*end != ':' || len > strlen(end + 1)) {
				lua_pop(L, 1);
				return;
			}
			lua_pushlstring(L, end + 1, len);
			end += 1 + len;
		}
		}
		lua_rawset(L, -3);
		data = *end == ';' ? end + 1 : "";
	}
}
