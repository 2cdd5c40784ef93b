/* SPDX-License-Identifier: MIT */
/* Calls into the rules: budgeted, seeded, whole or not at all. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"

struct call {
	struct rules *r;
	const struct handler *handler;
	const struct value *args;
	uint32_t args_len;
	int bare; /* without `w` */
	struct answer *answer;
};

int in_tick(const struct rules *r)
{
	return r->e->stage != 0 && r->when != WHEN_ECHO;
}

/* number_of: which call about this entity in this tick it is: other randomness for each, the same wherever it runs. Those of an
 * edit are numbered by its ask: its actor may be another owner's. */
static uint32_t number_of(struct rules *r, uint32_t row)
{
	if (r->when == WHEN_ECHO) {
		return r->echoes++; /* an echo is nobody's tick: it may come in the middle of one, and counts for nothing there */
	}
	if (r->claim != NULL) {
		return 1u << 31 | (r->when == WHEN_CHECK) << 30 | (r->claim->ask->number & 0x3FFFFFFF);
	}
	return row != NO_ROW ? r->e->all.calls[row]++ : r->calls++;
}

/* aborted: the call was ended by what differs from machine to machine: whoever runs the tick again must be told. */
static void aborted(struct rules *r, uint64_t entity, uint32_t number, enum sandbox_kind kind)
{
	struct output *out = in_tick(r) ? output(r->e, OUTPUT_ABORT, entity) : NULL;

	if (out != NULL) {
		out->key[0] = number;
		out->status = kind;
		out->count = r->e->stage;
	}
}

static void value_push(lua_State *L, struct rules *r, const struct value *value)
{
	switch (value->type) {
	case VALUE_ROW:
		handle_push(L, r, (uint32_t)value->n);
		break;
	case VALUE_ENTITY:
		if (value->n != 0) {
			handle_push_id(L, r, value->n);
		} else {
			lua_pushnil(L);
		}
		break;
	case VALUE_TEXT:
		lua_pushlstring(L, value->text, value->len);
		break;
	case VALUE_INTEGER:
		lua_pushinteger(L, (lua_Integer)value->n);
		break;
	case VALUE_REF:
		lua_rawgeti(L, LUA_REGISTRYINDEX, value->ref);
		break;
	case VALUE_PUSH:
		value->push(L, value->arg);
		break;
	default:
		lua_pushnil(L);
	}
}

static int never_resumed(lua_State *L, int status, lua_KContext context)
{
	(void)L;
	(void)status;
	(void)context;
	return 0;
}

static int call_body(lua_State *L)
{
	struct call *call = lua_touserdata(L, 1);
	struct rules *r = call->r;
	int n = 0;

	lua_rawgeti(L, LUA_REGISTRYINDEX, call->handler->ref);
	if (call->args_len > 0 && call->args[0].type != VALUE_NIL) {
		value_push(L, r, &call->args[0]);
		n++;
	}
	if (r->when != WHEN_ECHO && !call->bare) {
		view_push(L, r);
		n++;
	}
	for (uint32_t i = 1; i < call->args_len; i++, n++) {
		value_push(L, r, &call->args[i]);
	}
	lua_callk(L, n, 2, 0, never_resumed); /* with a continuation, so that the script may be left by a yield */
	if (call->answer != NULL) {
		const char *text;

		size_t len = 0;

		call->answer->type = lua_type(L, -2);
		call->answer->truth = lua_toboolean(L, -2);
		text = call->answer->type == LUA_TSTRING ? lua_tolstring(L, -2, &len) : NULL;
		call->answer->len = len;
		if (call->answer->type == LUA_TNIL && lua_type(L, -1) == LUA_TSTRING) { /* nil, and a reason */
			text = lua_tolstring(L, -1, &len);
			call->answer->second = len;
		}
		if (text != NULL && len >= sizeof(r->ret_text)) {
			return sandbox_raise(L, "S0111", NULL, "what a rule answers is up to %zu bytes", sizeof(r->ret_text) - 1);
		}
		if (text != NULL) {
			memcpy(r->ret_text, text, len + 1);
		}
	}
	return 0;
}

/* run: about the entity in this row; NO_ROW: it is not here, or 0. */
static int run(struct rules *r, struct handler *handler, uint8_t when, uint64_t entity, uint32_t row, const double *center,
	       struct call call, struct answer *ret_answer)
{
	struct sandbox_error error;
	uint64_t instructions, ns, about = r->claim != NULL ? r->claim->ask->actor : entity;
	uint32_t number;
	int failed;

	if (ret_answer != NULL) {
		memset(ret_answer, 0, sizeof(*ret_answer));
	}
	if (handler->quarantined) {
		return -1;
	}
	r->effects_len = r->text_len = r->undo_len = 0;
	r->subject = entity;
	r->target_set = 0;
	r->when = when;
	r->serial++;
	r->looks = center != NULL || row != NO_ROW;
	if (r->looks) {
		r->center[0] = center != NULL ? center[0] : r->e->all.x[row];
		r->center[1] = center != NULL ? center[1] : r->e->all.y[row];
		r->center[2] = center != NULL ? center[2] : r->e->all.z[row];
	}
	handler->calls++;
	number = number_of(r, row);
	sandbox_seed(r->sandbox, seed_mix(seed_mix(seed_mix(r->e->shape.seed, r->e->tick), about), number));
	sandbox_abort_next(r->sandbox, in_tick(r) ? (enum sandbox_kind)input_abort(r->e, about, number) : SANDBOX_OK);
	failed = sandbox_run(r->sandbox, call_body, &call, handler->what, &error);
	sandbox_last(r->sandbox, &instructions, &ns);
	handler->instructions += instructions;
	handler->ns += ns;
	if (failed) {
		undo_run(r);
		r->effects_len = r->text_len = 0;
		error_failed(r, handler, &error);
		if (error.kind == SANDBOX_CLOCK || error.kind == SANDBOX_MEMORY) {
			aborted(r, about, number, error.kind);
		}
	} else if (!in_tick(r)) { /* outside of a tick nothing changes */
		undo_run(r);
		r->effects_len = r->text_len = 0;
	} else {
		if (r->target_set && row != NO_ROW && extra_of(r->e, row) != NULL) {
			r->e->all.extra[row]->target = r->target;
		}
		effects_apply(r);
	}
	r->when = 0;
	r->serial++; /* a kept `w` is of no use from here on */
	return failed ? -1 : 0;
}

static uint32_t row_of(const struct rules *r, uint64_t entity)
{
	return entity != 0 ? entities_row(&r->e->all, entity) : NO_ROW;
}

int rules_call(struct rules *r, struct handler *handler, uint8_t when, uint64_t entity, const double *center,
	       const struct value *args, uint32_t args_len, struct answer *ret_answer)
{
	return run(r, handler, when, entity, row_of(r, entity), center, (struct call){ r, handler, args, args_len, 0, ret_answer },
		   ret_answer);
}

int rules_call_bare(struct rules *r, struct handler *handler, uint8_t when, uint64_t entity, const struct value *args,
		    uint32_t args_len)
{
	return run(r, handler, when, entity, row_of(r, entity), NULL, (struct call){ r, handler, args, args_len, 1, NULL }, NULL);
}

int call_row(struct rules *r, struct handler *handler, uint8_t when, uint32_t row, const struct value *args, uint32_t args_len)
{
	struct value all[ARGS_MAX + 1];

	all[0] = value_row(row);
	for (uint32_t i = 0; i < args_len && i < ARGS_MAX; i++) {
		all[i + 1] = args[i];
	}
	return run(r, handler, when, r->e->all.id[row], row, NULL, (struct call){ r, handler, all, args_len + 1, 0, NULL }, NULL);
}
