/* SPDX-License-Identifier: MIT */
/* What scripts get by require "game": events, actions, and the world as a whole. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"

#define DAY_MS 1200000u /* a day of the world; light for the first half */

static const char *const event_names[RULE_EVENTS] = { "enter", "leave", "chat", "tick", "echo", "day", "night" };

/* --- g.on, g.every, g.action ----------------------------------------------------------------------------- */

/* event_function: the function on top of the stack, or that of the definition which is there. */
static void event_function(lua_State *L, const char *what)
{
	if (lua_isfunction(L, 2)) {
		lua_settop(L, 2);
		return;
	}
	if (!lua_istable(L, 2)) {
		sandbox_raise(L, "S0118", NULL, "%s is a function, or { stage = 1, run = function }", what);
	}
	bind_table(L, 2, DEF_EVENT, what, 0);
	if (key_push(L, 2, "run") != LUA_TFUNCTION) {
		sandbox_raise(L, "S0125", "run = function(e, w, data) ... end", "%s has no `run`", what);
	}
}

static int game_on(lua_State *L)
{
	struct generation *generation = loading_of(L);
	const char *name = rules_of(L)->args[0].text;
	struct listener *listener;
	char what[80];

	snprintf(what, sizeof(what), "on \"%s\"", name);
	for (int i = 0; i < RULE_EVENTS; i++) {
		if (strcmp(name, event_names[i]) == 0) {
			event_function(L, what);
			handler_make(L, &generation->events[i], name, what);
			return 0;
		}
		if (api_distance(name, event_names[i]) == 1) {
			char help[64];

			snprintf(help, sizeof(help), "did you mean \"%s\"?", event_names[i]);
			return sandbox_raise(L, "S0113", help, "there is no event '%s', and a name of your own should differ more", name);
		}
	}
	event_function(L, what);
	if (generation->listeners.len == DEFS_MAX || (listener = list_add(&generation->listeners, sizeof(*listener), DEFS_MAX)) == NULL) {
		return sandbox_raise(L, "S0111", NULL, "there are more than %u functions for events", DEFS_MAX);
	}
	snprintf(listener->event, sizeof(listener->event), "%s", name);
	handler_make(L, &generation->defs, name, what);
	listener->handler = (int)generation->defs.len - 1;
	return 0;
}

static int game_every(lua_State *L)
{
	struct generation *generation = loading_of(L);
	struct beat *beat = list_add(&generation->beats, sizeof(*beat), DEFS_MAX);
	char what[80];

	if (beat == NULL) {
		return sandbox_raise(L, "S0111", NULL, "there are more than %u functions of g.every", DEFS_MAX);
	}
	snprintf(what, sizeof(what), "every %s", lua_tostring(L, 1));
	beat->every = rules_of(L)->args[0].n;
	lua_settop(L, 2);
	handler_make(L, &generation->defs, "every", what);
	beat->handler = (int)generation->defs.len - 1;
	return 0;
}

static int action_define(lua_State *L)
{
	struct generation *generation = loading_of(L);
	const char *name = defined_name(L);
	char what[80];

	snprintf(what, sizeof(what), "action \"%s\"", name);
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_table(L, 1, DEF_ACTION, what, 0);
	if (handlers_find(&generation->actions, name) != NULL) {
		return twice_raise(L, what);
	}
	if (key_push(L, 1, "run") != LUA_TFUNCTION) {
		return sandbox_raise(L, "S0125", "run = function(self, w, target, args) ... end", "%s has no `run`", what);
	}
	handler_make(L, &generation->actions, name, what);
	return 0;
}

static int game_action(lua_State *L)
{
	return define_push(L, action_define, "action");
}

/* --- events ------------------------------------------------------------------------------------------------ */

static void data_value(lua_State *L, void *arg)
{
	data_push(L, arg);
}

void event_emit(struct rules *r, uint32_t row, const char *name, const char *data)
{
	const struct listener *listeners = r->now->listeners.items;
	struct value arg = { .type = VALUE_PUSH, .push = data_value, .arg = (void *)(uintptr_t)data };

	for (uint32_t i = 0; i < r->now->listeners.len; i++) {
		if (strcmp(listeners[i].event, name) == 0) {
			call_row(r, &r->now->defs.items[listeners[i].handler], WHEN_2, row, &arg, 1);
		}
	}
	if (r->e->all.kind[row] == KIND_PLAYER) {
		quest_count(r, row, "do", name);
	}
}

void wish_event(struct rules *r, uint32_t row, const struct wish *wish)
{
	event_emit(r, row, wish->name, wish->text);
}

/* daylight: 0 at night, 1 by day, and between them at dawn and dusk: a tenth of a day each. */
static double daylight(const struct engine *e)
{
	double part = (double)(e->tick * e->shape.tick_ms % DAY_MS) / DAY_MS;

	if (part < 0.1) {
		return 0.5 + part * 5;
	}
	if (part < 0.4) {
		return 1;
	}
	if (part < 0.6) {
		return 1 - (part - 0.4) * 5;
	}
	return part < 0.9 ? 0 : (part - 0.9) * 5;
}

/* begins: 1 in the tick in which so much of a day is over. */
static int begins(const struct engine *e, uint32_t ms)
{
	return e->tick * e->shape.tick_ms % DAY_MS >= ms && (e->tick - 1) * e->shape.tick_ms % DAY_MS < ms;
}

void beats_tick(struct rules *r)
{
	const struct beat *beats = r->now->beats.items;
	struct value args[2] = { { .type = VALUE_NIL }, { .type = VALUE_INTEGER, .n = r->e->tick } };

	if (!first_owner(r->e)) {
		return;
	}
	for (uint32_t i = 0; i < r->now->events[RULE_TICK].len; i++) {
		rules_call(r, &r->now->events[RULE_TICK].items[i], WHEN_1, 0, NULL, args, 2, NULL);
	}
	for (uint32_t i = 0; i < r->now->beats.len; i++) {
		if (r->e->tick % beats[i].every == 0) {
			rules_call(r, &r->now->defs.items[beats[i].handler], WHEN_1, 0, NULL, args, 1, NULL);
		}
	}
	for (int event = RULE_DAY; event <= RULE_NIGHT; event++) {
		if (!begins(r->e, event == RULE_DAY ? r->e->shape.tick_ms : DAY_MS / 2)) {
			continue;
		}
		for (uint32_t i = 0; i < r->now->events[event].len; i++) {
			rules_call(r, &r->now->events[event].items[i], WHEN_1, 0, NULL, args, 1, NULL);
		}
	}
}

/* --- the world as a whole ------------------------------------------------------------------------------------ */

static int game_tell_all(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct wish *wish = effect_new(L, WISH_TELL_ALL, 0);

	wish->text = effect_text(L, r->args[0].text, strlen(r->args[0].text));
	return 0;
}

/* now: seconds of the world, which is ticks; it stands still when the world does. */
static int game_now(lua_State *L)
{
	const struct engine *e = rules_of(L)->e;

	lua_pushnumber(L, (double)e->tick * (double)e->shape.tick_ms / 1000);
	return 1;
}

static int game_daylight(lua_State *L)
{
	lua_pushnumber(L, daylight(rules_of(L)->e));
	return 1;
}

static int game_players(lua_State *L)
{
	lua_pushinteger(L, rules_of(L)->e->players);
	return 1;
}

const struct api_entry game_api[] = {
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "on", "event:word run:any", NULL,
	  "Calls a function when something happens: one of the events below, or one that e:emit names: then run(e, w, data).",
	  "g.on('enter', function(p, w) p:tell('welcome, ' .. p.name) end)\ng.on('bounced', { stage = 1, run = function(e, w, data) e:say('hop "
	  "' .. data.height) end })",
	  game_on },
	{ DEF_EVENT, API_KEY, 0, 0, "stage", "stage:integer[1,1]?", NULL, "1: what it does to blocks it asks for.", NULL, NULL },
	{ DEF_EVENT, API_KEY, 0, 0, "run", "e:Entity w:WorldView data:data", "any", "The function.", NULL, NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "enter", "p:Player w:WorldView", NULL, "A player has come into the world.",
	  "g.on('enter', function(p, w) g.tell_all(p.name .. ' is here') end)", NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "leave", "p:Player w:WorldView", NULL, "A player is about to leave.",
	  "g.on('leave', function(p, w) g.tell_all(p.name .. ' goes') end)", NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "chat", "p:Player w:WorldView text:text channel:word", "boolean?",
	  "A player says something; false, and nobody hears it.",
	  "g.on('chat', function(p, w, text, channel) if text == 'psst' then return false end end)", NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "tick", "w:WorldView number:integer", NULL, "Every tick, once for the whole world.",
	  "g.on('tick', function(w, number) if number % 1200 == 0 then g.tell_all('gong') end end)", NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "day", "w:WorldView", NULL, "The sun rises; a day takes 20 minutes.",
	  "g.on('day', function(w) g.tell_all('good morning') end)", NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "night", "w:WorldView", NULL, "The sun sets.",
	  "g.on('night', function(w) g.tell_all('good night') end)", NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "killed", "e:Entity w:WorldView data:data", NULL, "An entity has killed another.",
	  "g.on('killed', function(e, w) e:say('victory') end)", NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "rewarded", "p:Player w:WorldView data:data", NULL,
	  "The item store has answered a reward, once: data.item, data.count, data.granted, and data.reason if it was refused.",
	  "g.on('rewarded', function(p, w, data) if data.granted then p:tell('you got ' .. data.item) end end)", NULL },
	{ ON_EVENT, API_EVENT, 0, 0, "echo", "body:any", "string?", "Opaque bytes of a client, answered with opaque bytes.",
	  "g.on('echo', function(body) return body end)", NULL },
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "every", "time:time run:function", NULL,
	  "Calls run(w) again and again, once for the whole world; it is about no entity, so it sees none.",
	  "g.every('10m', function(w) g.tell_all('gong') end)", game_every },
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "action", "name:word", "fun(def:ActionDef)", "Defines what players can ask for.",
	  "g.action 'wave' {\n\trun = function(self, w, target, args)\n\t\tself:say('*waves*')\n\t\treturn 'you wave'\n\tend,\n}", game_action },
	{ DEF_ACTION, API_KEY, 0, 0, "run", "self:Player w:WorldView target:Entity args:ActionArgs", "string?, string?",
	  "What happens; the text that it returns is shown to the player. nil and a reason id: it is refused. With w:ask the edit answers.",
	  NULL, NULL },
	{ ON_ARGS, API_FIELD, 0, 0, "text", "text:text?", NULL, "The text that came with it; \"\" if there was none.", NULL, NULL },
	{ ON_ARGS, API_FIELD, 0, 0, "at", "at:Pos?", NULL, "The place that it is aimed at; nil if there was none.", NULL, NULL },
	{ ON_GAME, API_FUNCTION, WHEN_DO, 0, "tell_all", "text:text", NULL, "Shows a line to all players.", "g.tell_all('it rains')",
	  game_tell_all },
	{ ON_GAME, API_FUNCTION, WHEN_ANY, 0, "now", "", "number", "Seconds of the world's time.", "print(g.now())", game_now },
	{ ON_GAME, API_FUNCTION, WHEN_ANY, 0, "daylight", "", "number", "From 0 (night) to 1 (day).",
	  "if g.daylight() < 0.5 then g.tell_all('it is dark') end", game_daylight },
	{ ON_GAME, API_FUNCTION, WHEN_LOOK, 0, "players", "", "integer", "How many players are in the world.", "print(g.players())",
	  game_players },
	{ 0 }
};
