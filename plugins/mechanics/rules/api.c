/* SPDX-License-Identifier: MIT */
/* The description of the API: what there is, and reading how parameters are written. */
#include "rules/api.h"

#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

const struct api_thing api_things[API_THINGS] = {
	[ON_GAME] = { "Game", NULL, "g", "What `require \"game\"` gives: registering rules, and the world as a whole." },
	[ON_VIEW] = { "WorldView", NULL, "w", "The world as a rule sees it in stages 1 and 3: to look at, not to change." },
	[ON_EDIT] = { "WorldEdit", "WorldView", "w", "The world in an edit's `apply`, in stage 2: the only place where blocks change." },
	[ON_ENTITY] = { "Entity", NULL, "e", "A player, a monster, or something that lies on the ground." },
	[ON_PLAYER] = { "Player", "Entity", "p", "The avatar of a player: the kind \"player\"." },
	[ON_MONSTER] = { "Monster", "Entity", "m", "An entity of a kind that g.monster defines." },
	[ON_RNG] = { "Rng", NULL, "rng", "Random numbers from the world's seed, the tick and the entity: the same when a tick is run again." },
	[ON_EVENT] = { "Event", NULL, NULL, "What happens by itself, for g.on." },
	[ON_POS] = { "Pos", NULL, "pos", "A place, z up; the numbers may also be given as a list { x, y, z }, and an entity stands for its place." },
	[ON_BLOCK] = { "Block", NULL, "block", "What w:block gives: the kind of block in a cell." },
	[ON_ZONE] = { "Zone", NULL, "zone", "What w:zone gives: the regions of g.region that hold a place." },
	[ON_HIT] = { "Hit", NULL, "hit", "What on_hurt and on_death are told." },
	[ON_HURT] = { "Hurt", NULL, "hurt", "What e:hurt takes." },
	[ON_ASK] = { "EditRequest", NULL, "ask", "What w:ask takes; other keys with plain values go to the edit as they are." },
	[ON_REQUEST] = { "Edit", NULL, "e", "What an edit's functions get: the request, with what was asked." },
	[ON_ARGS] = { "ActionArgs", NULL, "args", "What came with a player's action." },
	[ON_TOOL] = { "Tool", NULL, "tool", "What e:tool gives: the strongest tool that it carries." },
	[ON_MOVE] = { "Move", NULL, "move", "What on_enter and on_leave are told of the step." },
	[ON_DONE] = { "QuestDone", NULL, "q", "What a quest's on_done is told." },
	[ON_HOME] = { "Home", NULL, "home", "Where a kind of monster lives." },
	[ON_GOAL] = { "Goal", NULL, "goal", "One goal of a quest: one of kill, bring and [\"do\"], and how often." },
	[DEF_MONSTER] = { "MonsterDef", NULL, NULL, "g.monster \"name\" { ... }: a kind of monster; its other functions are methods of it." },
	[DEF_PLAYER] = { "PlayerDef", NULL, NULL, "g.player { ... }: what holds for all players; its other functions are methods of them." },
	[DEF_SKILL] = { "SkillDef", NULL, NULL, "g.skill \"name\" { ... }: what entities can do to each other, by e:cast." },
	[DEF_ACTION] = { "ActionDef", NULL, NULL, "g.action \"name\" { ... }: what players can ask for." },
	[DEF_EDIT] = { "EditDef", NULL, NULL, "g.edit \"name\" { ... }: a change of blocks, made in stage 2 by w:ask." },
	[DEF_BLOCK] = { "BlockDef", NULL, NULL, "g.block \"name\" { ... }: a kind of block, new or changed." },
	[DEF_ITEM] = { "ItemDef", NULL, NULL, "g.item \"name\" { ... }: something to carry; items need not be defined to be carried." },
	[DEF_REGION] = { "RegionDef", NULL, NULL, "g.region \"name\" { ... }: boxes of the world where something holds." },
	[DEF_QUEST] = { "QuestDef", NULL, NULL, "g.quest \"name\" { ... }: goals for a player, and what follows when they are reached." },
	[DEF_EVENT] = { "EventDef", NULL, NULL, "g.on(name, { ... }): the longer form of g.on(name, function)." },
};

const struct api_type_name api_type_names[] = {
	[TYPE_ANY] = { "any", "any", "a value" },
	[TYPE_NUMBER] = { "number", "number", "a number" },
	[TYPE_INTEGER] = { "integer", "integer", "a whole number" },
	[TYPE_BOOLEAN] = { "boolean", "boolean", "true or false" },
	[TYPE_TEXT] = { "text", "string", "a line of text (1 to 512 bytes of UTF-8)" },
	[TYPE_WORD] = { "word", "string", "a name (1 to 31 of a-z, 0-9 and _)" },
	[TYPE_KIND] = { "kind", "KindName", "the name of a kind of entity" },
	[TYPE_BLOCK] = { "block", "BlockName", "the name of a block" },
	[TYPE_ITEM] = { "item", "ItemName", "the name of an item" },
	[TYPE_SKILL] = { "skill", "SkillName", "the name of a skill" },
	[TYPE_EDIT] = { "edit", "EditName", "the name of an edit" },
	[TYPE_QUEST] = { "quest", "QuestName", "the name of a quest" },
	[TYPE_METHOD] = { "method", "MethodName", "the name of a method" },
	[TYPE_TIME] = { "time", "Duration", "a time: \"500ms\", \"2s\", \"5m\", \"1h\", or a number of ticks" },
	[TYPE_POS] = { "Pos", "Pos", "a place: { x =, y =, z = }, or an entity" },
	[TYPE_GOAL] = { "goal", "Pos", "a place: { x =, y =, z = }, or an entity" },
	[TYPE_ENTITY] = { "Entity", "Entity", "an entity" },
	[TYPE_RNG] = { "Rng", "Rng", "an rng, such as self.rng" },
	[TYPE_VIEW] = { "WorldView", "WorldView", "the world" },
	[TYPE_TABLE] = { "table", "table", "a table" },
	[TYPE_LIST] = { "list", "any[]", "a list" },
	[TYPE_LOOT] = { "loot", "Loot", "loot: { item = n, item = { least, most } }" },
	[TYPE_DATA] = { "data", "Data", "a table of up to 16 plain values by name" },
	[TYPE_FUNCTION] = { "function", "function", "a function" },
	[TYPE_THING] = { NULL, NULL, "a table" },
};

const struct api_entry *const api_tables[] = { game_api, define_api, view_api, edit_write_api, entity_api, bag_api,
					       health_api, skill_api, edit_api, zone_api, quest_api, random_api, value_api, NULL };

const struct api_entry *api_next(const struct api_entry *entry, enum api_on on)
{
	int found = entry == NULL;

	for (const struct api_entry *const *table = api_tables; *table != NULL; table++) {
		for (const struct api_entry *at = *table; at->name != NULL; at++) {
			if (found && at->on == on) {
				return at;
			}
			found = found || at == entry;
		}
	}
	return NULL;
}

const struct api_entry *api_find(enum api_on on, const char *name)
{
	const struct api_entry *entry = NULL;

	while ((entry = api_next(entry, on)) != NULL && strcmp(entry->name, name) != 0) {
	}
	return entry;
}

/* --- parameters ----------------------------------------------------------------------------------- */

static int type_find(struct api_param *param, const char *name, size_t len)
{
	for (unsigned i = 0; i < TYPE_THING; i++) {
		if (strlen(api_type_names[i].name) == len && memcmp(api_type_names[i].name, name, len) == 0) {
			param->type = (uint8_t)i;
			return 0;
		}
	}
	for (unsigned i = 0; i < API_THINGS; i++) {
		if (strlen(api_things[i].name) == len && memcmp(api_things[i].name, name, len) == 0) {
			param->type = TYPE_THING;
			param->thing = (uint8_t)i;
			return 0;
		}
	}
	return -1;
}

int api_parse(const char *takes, struct api_param ret_params[PARAMS_MAX])
{
	int n = 0;

	for (const char *at = takes != NULL ? takes : ""; *at != '\0'; n++) {
		struct api_param *param = &ret_params[n < (int)PARAMS_MAX ? n : 0];
		size_t name = strcspn(at, ":"), type;

		memset(param, 0, sizeof(*param));
		if (n == (int)PARAMS_MAX || at[name] != ':' || name >= sizeof(param->name)) {
			return -1;
		}
		memcpy(param->name, at, name);
		at += name + 1;
		type = strcspn(at, "[? ");
		if (type_find(param, at, type) != 0) {
			return -1;
		}
		at += type;
		if (*at == '[') {
			char *end;

			param->bounded = 1;
			param->min = strtod(at + 1, &end);
			if (*end != ',') {
				return -1;
			}
			param->max = strtod(end + 1, &end);
			at = end + 1;
		}
		if (*at == '?') {
			param->optional = 1;
			at++;
		}
		at += *at == ' ';
	}
	return n;
}

/* --- did you mean --------------------------------------------------------------------------------- */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

uint32_t api_distance(const char *a, const char *b)
{
	size_t len_a = strlen(a), len_b = strlen(b);
	uint32_t rows[3][WORD_MAX + 2];

	if (len_a > WORD_MAX || len_b > WORD_MAX) {
		return WORD_MAX;
	}
	for (uint32_t j = 0; j <= len_b; j++) {
		rows[0][j] = j;
	}
	for (uint32_t i = 1; i <= len_a; i++) {
		uint32_t *row = rows[i % 3], *before = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];

		row[0] = i;
		for (uint32_t j = 1; j <= len_b; j++) {
			row[j] = least(least(before[j], row[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				row[j] = least(row[j], older[j - 2] + 1);
			}
		}
	}
	return rows[len_a % 3][len_b];
}

const char *api_near(const char *best, const char *word, const char *candidate)
{
	uint32_t far = api_distance(word, candidate), allowed = 1 + (uint32_t)strlen(word) / 4;

	if (far > allowed || (best != NULL && api_distance(word, best) <= far)) {
		return best;
	}
	return candidate;
}
