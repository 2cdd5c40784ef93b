/* SPDX-License-Identifier: MIT */
/* The description of the API as a page, as types for editors, and as JSON. */
#include <string.h>

#include "rules/internal.h"

/* --- words ---------------------------------------------------------------------------------------------- */

static const char *lua_type_of(const struct api_param *p)
{
	return p->type == TYPE_THING ? api_things[p->thing].name : api_type_names[p->type].lua;
}

/* The handlers of a kind of monster are called with that. */
static const char *type_in(const struct api_param *p, enum api_on on)
{
	int is_self = strcmp(p->name, "self") == 0 && p->type == TYPE_ENTITY;

	return is_self && on == DEF_MONSTER ? "Monster" : is_self && on == DEF_PLAYER ? "Player" : lua_type_of(p);
}

static const char *const whens[][2] = {
	{ "load", "while the files are read" }, { "1", "stage 1" },	    { "2", "stage 2" },	 { "check", "checks" },
	{ "edit", "an edit's `apply`" },	 { "3", "stage 3" }, { "echo", "echo" },
};

static void when_print(FILE *out, uint8_t when, int word)
{
	int n = 0;

	for (unsigned i = 0; i < sizeof(whens) / sizeof(whens[0]); i++) {
		if ((when >> i & 1) != 0) {
			fprintf(out, "%s%s", n++ > 0 ? ", " : "", whens[i][word]);
		}
	}
}

static int is_called(const struct api_entry *entry)
{
	return entry->sort == API_FUNCTION || entry->sort == API_EVENT || entry->gives != NULL;
}

/* --- the page ------------------------------------------------------------------------------------------- */

static void bounds_print(FILE *out, const struct api_param *p)
{
	if (p->bounded) {
		fprintf(out, " from %.15g to %.15g", p->min, p->max);
	}
}

static void params_page(FILE *out, const struct api_entry *entry)
{
	struct api_param params[PARAMS_MAX];
	int n = api_parse(entry->takes, params);

	for (int i = 0; i < n; i++) {
		const char *words = params[i].type == TYPE_THING || params[i].type == TYPE_VIEW ? NULL : api_type_names[params[i].type].words;

		fprintf(out, "- `%s`: ", params[i].name);
		if (words != NULL) {
			fputs(words, out);
		} else {
			fprintf(out, "see [%s](#%s)", lua_type_of(&params[i]), lua_type_of(&params[i]));
		}
		bounds_print(out, &params[i]);
		fputs(params[i].optional ? "; may be left out\n" : "\n", out);
	}
	if (n > 0) {
		fputc('\n', out);
	}
}

static void signature(FILE *out, const struct api_entry *entry)
{
	struct api_param params[PARAMS_MAX];
	int n = api_parse(entry->takes, params);

	fputc('(', out);
	for (int i = 0; i < n; i++) {
		fprintf(out, "%s%s%s", i > 0 ? ", " : "", params[i].name, params[i].optional ? "?" : "");
	}
	fputc(')', out);
}

static void function_page(FILE *out, const struct api_entry *entry)
{
	const struct api_thing *thing = &api_things[entry->on];
	const char *dot = entry->on == ON_GAME ? "." : ":";

	if (entry->sort == API_EVENT) {
		fprintf(out, "\n### on \"%s\"\n\n`function", entry->name);
	} else {
		fprintf(out, "\n### %s%s%s\n\n`%s%s%s", thing->variable, dot, entry->name, thing->variable, dot, entry->name);
	}
	signature(out, entry);
	if (entry->gives != NULL && strcmp(entry->gives, "nil") != 0) {
		fprintf(out, " -> %s", entry->gives);
	}
	fprintf(out, "`\n\n%s\n\n", entry->says);
	params_page(out, entry);
	if (entry->sort == API_FUNCTION) {
		fputs("When: ", out);
		when_print(out, entry->when, 1);
		fprintf(out, ".%s\n\n", entry->own ? " Only in a call about that very entity." : "");
	}
	if (entry->example != NULL) {
		fprintf(out, "```lua\n%s\n```\n", entry->example);
	}
}

static void row_page(FILE *out, const struct api_entry *entry)
{
	struct api_param params[PARAMS_MAX];
	int n = api_parse(entry->takes, params);

	fprintf(out, "| `%s` | ", entry->name);
	if (is_called(entry)) {
		fputs("function", out);
		signature(out, entry);
	} else if (n > 0) {
		fputs(lua_type_of(&params[0]), out);
		bounds_print(out, &params[0]);
	}
	fprintf(out, " | %s | %s%s |\n", n > 0 && !is_called(entry) && params[0].optional ? "no" : is_called(entry) ? "no" : "yes",
		entry->says, entry->own ? " Only in a call about that very entity." : "");
}

static void thing_page(FILE *out, enum api_on on)
{
	const struct api_thing *thing = &api_things[on];
	const struct api_entry *entry = NULL;
	int rows = 0;

	fprintf(out, "\n## %s\n\n%s\n", thing->name, thing->says);
	if (thing->base != NULL) {
		fprintf(out, "\nIt has all of [%s](#%s).\n", thing->base, thing->base);
	}
	while ((entry = api_next(entry, on)) != NULL) {
		if (entry->sort == API_FIELD || entry->sort == API_KEY) {
			if (rows++ == 0) {
				fprintf(out, "\n| %s | what | %s | |\n|---|---|---|---|\n", entry->sort == API_KEY ? "key" : "field",
					entry->sort == API_KEY ? "needed" : "always there");
			}
			row_page(out, entry);
		}
	}
	while ((entry = api_next(entry, on)) != NULL) {
		if (entry->sort == API_FIELD && entry->example != NULL) {
			fprintf(out, "\n```lua\n%s\n```\n", entry->example);
		}
	}
	while ((entry = api_next(entry, on)) != NULL) {
		if (entry->sort == API_FUNCTION || entry->sort == API_EVENT) {
			function_page(out, entry);
		}
	}
}

void api_markdown(FILE *out)
{
	fputs("# The API of the rules\n\n"
	      "Made by `troupe api lua` from the program's tables; every example is run by a test.\n\n"
	      "```lua\nlocal g = require \"game\"\n```\n\n"
	      "A file registers rules while it is read; later they are called with what they are about, and with the world, `w`. A tick has\n"
	      "three stages. In stage 1 entities think: an entity changes itself at once, what it does to others happens in stage 2, and\n"
	      "blocks it can only ask for. In stage 2 others are hurt, given, told, and edits of blocks are made. In stage 3 all move. What a\n"
	      "call wants to be done is done when it ends well; a call that fails has done nothing. What others are like, one sees as it was\n"
	      "when the tick began, and no farther than 16 blocks.\n\n"
	      "## When it happens\n\n"
	      "| what a call does | in stage 1: think, timers, actions, skills, enter, chat | in stage 2: on_hurt, on_death, g.on of an emit; "
	      "in stage 3: regions, on_no_path | in an edit's `apply` |\n"
	      "|---|---|---|---|\n"
	      "| to its own entity: `state`, `target`, `walk_to`, `after` | at once; it moves in stage 3 | at once; it moves in the next "
	      "stage 3 | it is about nobody: as to others |\n"
	      "| to others and to the world: `hurt`, `give`, `slow`, `emit`, `w:spawn` | stage 2 of this tick | stage 2 of the next tick "
	      "| stage 2 of the next tick, if the edit wins |\n"
	      "| to blocks: `w:ask` | stage 2 of this tick | stage 2 of the next tick | - |\n"
	      "| `w:set` | - | - | at the end of this tick's edits, if the edit wins |\n"
	      "| `w:wake` | - | - | stage 2 of the next tick, never of this one: one edit wakes the next, so sand falls a block a tick |\n\n"
	      "Within a tick nothing wakes anything else: what one call causes in another, the other sees a stage or a tick later, so the\n"
	      "order in which they run decides nothing. A timer of `e:after` is due a tick later at the earliest.\n",
	      out);
	for (int on = 0; on < API_THINGS; on++) {
		thing_page(out, (enum api_on)on);
	}
}

/* --- types for editors ------------------------------------------------------------------------------------ */

static void fun_type(FILE *out, const struct api_entry *entry, int method)
{
	struct api_param params[PARAMS_MAX];
	int n = api_parse(entry->takes, params);

	fputs(method ? "fun(self" : "fun(", out);
	for (int i = 0; i < n; i++) {
		const char *name = strcmp(params[i].name, "do") == 0 ? "name" : params[i].name;

		fprintf(out, "%s%s%s: %s", i > 0 || method ? ", " : "", name, params[i].optional ? "?" : "",
			type_in(&params[i], (enum api_on)entry->on));
	}
	fputc(')', out);
	if (entry->gives != NULL && strcmp(entry->gives, "nil") != 0) {
		fprintf(out, ": %s", entry->gives);
	}
}

static void member_type(FILE *out, const struct api_entry *entry)
{
	struct api_param params[PARAMS_MAX];
	int n = api_parse(entry->takes, params);
	int optional = entry->sort == API_KEY && (is_called(entry) || (n > 0 && params[0].optional));
	int maybe = entry->sort == API_FIELD && n > 0 && params[0].optional;

	fprintf(out, "---@field %s%s ", entry->name, optional ? "?" : "");
	if (is_called(entry)) {
		fun_type(out, entry, entry->sort == API_FUNCTION && entry->on != ON_GAME);
	} else {
		fprintf(out, "%s%s", n > 0 ? lua_type_of(&params[0]) : "any", maybe ? "?" : "");
	}
	fprintf(out, " # %s\n", entry->says);
}

void api_types(FILE *out)
{
	static const char *const names[] = { "KindName", "BlockName", "ItemName", "SkillName", "EditName", "QuestName", "MethodName" };
	const struct api_entry *entry = NULL;

	fputs("---@meta game\n-- SPDX-License-Identifier: MIT\n-- Made by `troupe api lua --types`: what the rules' API is, for editors.\n\n", out);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fprintf(out, "---@alias %s string\n", names[i]);
	}
	fputs("---@alias Duration string|integer # \"500ms\", \"2s\", \"5m\", \"1h\", or a number of ticks\n"
	      "---@alias Loot table<ItemName, integer|integer[]>\n"
	      "---@alias Data table<string, number|string|boolean>\n",
	      out);
	for (int on = 0; on < API_THINGS; on++) {
		const struct api_thing *thing = &api_things[on];

		if (on == ON_EVENT) {
			continue;
		}
		fprintf(out, "\n---%s\n---@class %s%s%s\n", thing->says, thing->name, thing->base != NULL ? ": " : "",
			thing->base != NULL ? thing->base : "");
		while ((entry = api_next(entry, (enum api_on)on)) != NULL) {
			member_type(out, entry);
		}
	}
	fputs("\n---@type Game\nlocal game\nreturn game\n", out);
}

/* --- JSON --------------------------------------------------------------------------------------------------- */

static void text(FILE *out, const char *name, const char *value)
{
	fprintf(out, ",\"%s\":\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n' || *value == '\t') {
			fputs(*value == '\n' ? "\\n" : "\\t", out);
			continue;
		}
		if (*value == '"' || *value == '\\') {
			fputc('\\', out);
		}
		fputc(*value, out);
	}
	fputc('"', out);
}

static void entry_json(FILE *out, const struct api_entry *entry)
{
	static const char *const sorts[] = { "function", "field", "key", "event" };
	struct api_param params[PARAMS_MAX];
	int n = api_parse(entry->takes, params);

	fprintf(out, "{\"name\":\"%s\"", entry->name);
	text(out, "sort", sorts[entry->sort]);
	text(out, "says", entry->says);
	fputs(",\"stages\":\"", out);
	when_print(out, entry->when, 0);
	fprintf(out, "\",\"own\":%s,\"parameters\":[", entry->own ? "true" : "false");
	for (int i = 0; i < n; i++) {
		fprintf(out, "%s{\"name\":\"%s\"", i > 0 ? "," : "", params[i].name);
		text(out, "type", lua_type_of(&params[i]));
		fprintf(out, ",\"optional\":%s", params[i].optional ? "true" : "false");
		if (params[i].bounded) {
			fprintf(out, ",\"min\":%.15g,\"max\":%.15g", params[i].min, params[i].max);
		}
		fputc('}', out);
	}
	fputc(']', out);
	if (entry->gives != NULL) {
		text(out, "gives", entry->gives);
	}
	if (entry->example != NULL) {
		text(out, "example", entry->example);
	}
	fputc('}', out);
}

void api_json(FILE *out)
{
	fputs("{\"api\":1,\"things\":[", out);
	for (int on = 0; on < API_THINGS; on++) {
		const struct api_entry *entry = NULL;
		int n = 0;

		fprintf(out, "%s\n{\"name\":\"%s\"", on > 0 ? "," : "", api_things[on].name);
		text(out, "says", api_things[on].says);
		if (api_things[on].base != NULL) {
			text(out, "extends", api_things[on].base);
		}
		fputs(",\"entries\":[", out);
		while ((entry = api_next(entry, (enum api_on)on)) != NULL) {
			fputs(n++ > 0 ? ",\n " : "\n ", out);
			entry_json(out, entry);
		}
		fputs("]}", out);
	}
	fputs("]}\n", out);
}
