/* SPDX-License-Identifier: MIT */
/* What the rules know of an entity, as part of its record and back; and what all owners must know of each other's rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

/* --- an entity ------------------------------------------------------------------------------------ */

struct keeping {
	struct rules *r;
	struct arena *arena;
	uint32_t row;
	Region__Value **values; /* STATE_MAX of them */
	uint32_t len;
};

static Region__Value *value_make(lua_State *L, struct arena *a)
{
	Region__Value *value = arena_get(a, sizeof(*value));

	if (value == NULL) {
		return NULL;
	}
	region__value__init(value);
	value->name = arena_text(a, lua_tostring(L, -2));
	switch (lua_type(L, -1)) {
	case LUA_TNUMBER:
		value->has_integer = lua_isinteger(L, -1) != 0;
		value->has_number = !value->has_integer;
		value->integer = value->has_integer ? lua_tointeger(L, -1) : 0;
		value->number = value->has_number ? lua_tonumber(L, -1) : 0;
		break;
	case LUA_TBOOLEAN:
		value->has_truth = 1;
		value->truth = lua_toboolean(L, -1);
		break;
	default:
		value->text = arena_text(a, lua_tostring(L, -1));
		break;
	}
	return value->name != NULL ? value : NULL;
}

static int keep_body(lua_State *L)
{
	struct keeping *in = lua_touserdata(L, 1);
	int table;

	handle_push(L, in->r, in->row);
	state_push(L, lua_gettop(L), in->row);
	lua_getiuservalue(L, -1, 1);
	table = lua_gettop(L);
	for (lua_pushnil(L); lua_next(L, table) && in->len < STATE_MAX; lua_pop(L, 1)) {
		in->values[in->len] = value_make(L, in->arena);
		in->len += in->values[in->len] != NULL;
	}
	return 0;
}

static int value_order(const void *a, const void *b)
{
	return strcmp((*(Region__Value *const *)a)->name, (*(Region__Value *const *)b)->name);
}

static int keep_state(struct rules *r, uint32_t row, Region__Record *record, struct arena *a)
{
	struct keeping in = { .r = r, .arena = a, .row = row };
	struct sandbox_error error;

	if (r->now->kinds[r->e->all.kind[row]].state_ref == LUA_NOREF) {
		return 0;
	}
	in.values = arena_get(a, STATE_MAX * sizeof(*in.values));
	if (in.values == NULL) {
		return -1;
	}
	if (sandbox_run(r->sandbox, keep_body, &in, "keeping a state", &error) != 0) { /* better without it than not at all */
		say_log(r->e, TROUPE_LOG_ERROR, NULL, "the state of %s %llx is lost: %s", r->e->all.name[row],
			(unsigned long long)r->e->all.id[row], error.message);
	}
	if (in.len > 1) { /* tables have no order that lasts */
		qsort(in.values, in.len, sizeof(*in.values), value_order);
	}
	record->state = in.values;
	record->n_state = in.len;
	return 0;
}

int rules_keep(struct rules *r, uint32_t row, Region__Record *record, struct arena *a)
{
	uint32_t len = 0;

	record->timers = arena_get(a, TIMERS_MAX * sizeof(Region__Timer *));
	if (record->timers == NULL || keep_state(r, row, record, a) != 0) {
		return -1;
	}
	for (uint32_t at = r->e->all.timers[row]; at != NO_ROW && len < TIMERS_MAX; at = r->timers[at].mate) {
		Region__Timer *timer = arena_get(a, sizeof(*timer));

		if (timer == NULL) {
			return -1;
		}
		region__timer__init(timer);
		timer->method = arena_text(a, r->timers[at].method);
		timer->has_due = 1;
		timer->due = r->timers[at].due;
		timer->has_every = r->timers[at].every > 0;
		timer->every = r->timers[at].every;
		record->timers[len++] = timer;
	}
	record->n_timers = len;
	return extra_keep(r, row, record, a);
}

struct bringing {
	struct rules *r;
	uint32_t row;
	const Region__Record *record;
};

static void value_push(lua_State *L, const Region__Value *value)
{
	if (value->has_integer) {
		lua_pushinteger(L, (lua_Integer)value->integer);
	} else if (value->has_number) {
		lua_pushnumber(L, value->number);
	} else if (value->has_truth) {
		lua_pushboolean(L, value->truth);
	} else {
		lua_pushstring(L, value->text != NULL ? value->text : "");
	}
}

static int bring_body(lua_State *L)
{
	const struct bringing *in = lua_touserdata(L, 1);
	int table;

	handle_push(L, in->r, in->row);
	state_push(L, lua_gettop(L), in->row);
	lua_getiuservalue(L, -1, 1);
	table = lua_gettop(L);
	for (size_t i = 0; i < in->record->n_state && !MUTANT("state_lost"); i++) {
		const Region__Value *value = in->record->state[i];

		lua_pushstring(L, value->name);
		lua_pushvalue(L, -1);
		lua_rawget(L, table);
		value_push(L, value);
		if (lua_type(L, -1) == lua_type(L, -2)) {
			lua_remove(L, -2);
			lua_rawset(L, table);
		} else { /* not declared, or as something else, since */
			lua_pop(L, 3);
		}
	}
	return 0;
}

void rules_bring(struct rules *r, uint32_t row, const Region__Record *record)
{
	struct bringing in = { r, row, record };
	struct sandbox_error error;

	if (r->now->kinds[r->e->all.kind[row]].state_ref != LUA_NOREF &&
	    sandbox_run(r->sandbox, bring_body, &in, "bringing a state", &error) != 0) {
		say_log(r->e, TROUPE_LOG_ERROR, NULL, "the state of %s %llx is lost: %s", r->e->all.name[row],
			(unsigned long long)r->e->all.id[row], error.message);
	}
	extra_bring(r, row, record);
	for (size_t i = 0; i < record->n_timers; i++) {
		const Region__Timer *timer = record->timers[MUTANT("timer_order") ? record->n_timers - 1 - i : i];

		/* what an avatar was to do while it was away it does at once */
		timers_add(r, row, timer->method, timer->due > r->e->tick ? timer->due : r->e->tick + 1, timer->every);
	}
}

static int text_fits(const char *text, size_t max, int empty)
{
	size_t len = text != NULL ? strlen(text) : 0;

	return len <= max && (empty || len > 0) && proto_utf8(text != NULL ? text : "", len);
}

int rules_record_check(const Region__Record *record)
{
	if (record->n_state > STATE_MAX || record->n_timers > TIMERS_MAX) {
		return -1;
	}
	for (size_t i = 0; i < record->n_state; i++) {
		const Region__Value *value = record->state[i];

		/* a text of a state is any bytes without 0 */
		if (!text_fits(value->name, STATE_TEXT_MAX, 0) || (value->text != NULL && strlen(value->text) > STATE_TEXT_MAX)) {
			return -1;
		}
	}
	for (size_t i = 0; i < record->n_timers; i++) {
		if (!text_fits(record->timers[i]->method, WORD_MAX, 0) || record->timers[i]->due > UINT64_MAX / 2) {
			return -1;
		}
	}
	return extra_check(record);
}

/* --- the world ------------------------------------------------------------------------------------ */

uint16_t rules_kind_find(const struct rules *r, const char *name)
{
	for (uint32_t i = 0; i < r->now->kinds_len; i++) {
		if (strcmp(r->now->kinds[i].name, name) == 0) {
			return (uint16_t)i;
		}
	}
	return NO_KIND;
}

void rules_kind_count(struct rules *r, uint16_t kind, int more)
{
	if (kind != 0) {
		r->now->kinds[kind].alive += (uint32_t)more;
	}
}

void rules_alive_each(struct rules *r, int all, void (*each)(void *arg, const char *kind, uint32_t count), void *arg)
{
	for (uint32_t i = 1; i < r->now->kinds_len; i++) {
		uint32_t count = all ? r->now->kinds[i].total : r->now->kinds[i].alive;

		if (count > 0) {
			each(arg, r->now->kinds[i].name, count);
		}
	}
}

void rules_alive_add(struct rules *r, const char *kind, int64_t count)
{
	uint16_t number = rules_kind_find(r, kind);

	if (number != NO_KIND && number != 0 && !(MUTANT("count_alone") && r->e->others && r->e->stage == 3)) {
		r->now->kinds[number].coming += (uint32_t)count;
	}
}

uint32_t rules_alive_settle(struct rules *r)
{
	uint32_t sum = 0;

	for (uint32_t i = 1; i < r->now->kinds_len; i++) {
		struct kind *kind = &r->now->kinds[i];

		kind->total = kind->coming;
		kind->coming = 0;
		sum += kind->total;
	}
	return sum;
}
