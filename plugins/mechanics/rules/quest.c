/* SPDX-License-Identifier: MIT */
/* Quests: goals that are counted for each player, and what follows once when they are reached. */
#include <stdio.h>
#include <string.h>

#include "rules/internal.h"

#define QUEST_NAME_MAX 28u /* the tallies of its goals add ".N" */
#define RUNNING 1
#define DONE 2

/* --- definitions ------------------------------------------------------------------------------------------- */

static void goal_read(lua_State *L, int at, struct goal *goal, const char *what)
{
	static const char *const sorts[] = { "kill", "bring", "do" };
	int found = 0;

	bind_table(L, at, ON_GOAL, what, 0);
	for (int i = 0; i < 3; i++) {
		char name[WORD_MAX + 1];

		key_word(L, at, sorts[i], name);
		if (name[0] != '\0') {
			snprintf(goal->what, sizeof(goal->what), "%s", sorts[i]);
			memcpy(goal->name, name, sizeof(name));
			found++;
		}
	}
	if (found != 1) {
		sandbox_raise(L, "S0125", "{ kill = \"slime\", n = 5 }", "a goal of %s holds one of kill, bring and [\"do\"]", what);
	}
	goal->n = (uint32_t)key_number(L, at, "n", 1);
}

static int quest_define(lua_State *L)
{
	struct generation *generation = loading_of(L);
	char what[80];
	struct quest *quest;
	int goals;

	snprintf(what, sizeof(what), "quest \"%s\"", defined_name(L));
	luaL_checktype(L, 1, LUA_TTABLE);
	bind_table(L, 1, DEF_QUEST, what, 0);
	if (strlen(defined_name(L)) > QUEST_NAME_MAX) {
		return sandbox_raise(L, "S0118", NULL, "the name of a quest has up to %u letters", QUEST_NAME_MAX);
	}
	quest = defs_add(L, &generation->quests, sizeof(*quest), "quest", defined_name(L));
	quest->on_done = NO_HANDLER;
	key_word(L, 1, "giver", quest->giver);
	key_push(L, 1, "repeats");
	quest->repeats = (uint8_t)lua_toboolean(L, -1);
	key_push(L, 1, "goals");
	sandbox_content(L, lua_gettop(L));
	goals = lua_gettop(L);
	for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, goals); i++) {
		if (i > (lua_Integer)GOALS_MAX) {
			return sandbox_raise(L, "S0111", NULL, "%s has more than %u goals", what, GOALS_MAX);
		}
		lua_rawgeti(L, goals, i);
		luaL_checktype(L, -1, LUA_TTABLE);
		goal_read(L, lua_gettop(L), &quest->goals[quest->goals_len++], what);
	}
	quest->on_done = key_handler(L, 1, "on_done", &generation->defs, what);
	return 0;
}

static int game_quest(lua_State *L)
{
	return define_push(L, quest_define, "quest");
}

/* --- counting ----------------------------------------------------------------------------------------------- */

static int64_t tally(const struct rules *r, uint32_t row, const char *name)
{
	const struct extra *extra = r->e->all.extra[row];
	const struct tally *found = extra != NULL ? named_find(&extra->quests, sizeof(*found), name) : NULL;

	return found != NULL ? found->n : 0;
}

static void tally_set(struct rules *r, uint32_t row, const char *name, int64_t n)
{
	struct extra *extra = extra_of(r->e, row);
	struct tally *found = extra != NULL && n != 0 ? named_add(&extra->quests, sizeof(*found), QUESTS_MAX, name) : NULL;

	if (found != NULL) {
		found->n = n;
	} else if (extra != NULL) {
		named_remove(&extra->quests, sizeof(*found), name);
	}
}

static void goal_name(const struct quest *quest, uint32_t goal, char ret_name[WORD_MAX + 1])
{
	snprintf(ret_name, WORD_MAX + 1, "%.28s.%u", quest->name, (goal + 1) % 10);
}

/* reached: how far a goal is. */
static int64_t reached(const struct rules *r, uint32_t row, const struct quest *quest, uint32_t goal)
{
	char name[WORD_MAX + 1];

	if (strcmp(quest->goals[goal].what, "bring") == 0) {
		return bag_count(r, row, quest->goals[goal].name);
	}
	goal_name(quest, goal, name);
	return tally(r, row, name);
}

static int all_reached(const struct rules *r, uint32_t row, const struct quest *quest)
{
	for (uint32_t i = 0; i < quest->goals_len; i++) {
		if (reached(r, row, quest, i) < quest->goals[i].n) {
			return 0;
		}
	}
	return 1;
}

void quest_count(struct rules *r, uint32_t row, const char *what, const char *name)
{
	const struct quest *quests = r->now->quests.items;

	for (uint32_t i = 0; r->e->all.extra[row] != NULL && i < r->now->quests.len; i++) {
		const struct quest *quest = &quests[i];

		if (tally(r, row, quest->name) != RUNNING) {
			continue;
		}
		for (uint32_t goal = 0; goal < quest->goals_len; goal++) {
			char of_goal[WORD_MAX + 1];

			if (strcmp(quest->goals[goal].what, what) == 0 && strcmp(quest->goals[goal].name, name) == 0) {
				goal_name(quest, goal, of_goal);
				tally_set(r, row, of_goal, tally(r, row, of_goal) + 1);
			}
		}
		if (quest->giver[0] == '\0' && all_reached(r, row, quest)) {
			wish_to(r, WISH_DONE, r->e->all.id[row], r->e->all.id[row], quest->name, 1);
		}
	}
}

void wish_killed(struct rules *r, uint32_t row, const struct wish *wish)
{
	if (r->e->all.kind[row] == KIND_PLAYER) {
		quest_count(r, row, "kill", wish->name);
	}
	event_emit(r, row, "killed", wish->text);
}

/* --- beginning and ending --------------------------------------------------------------------------------------- */

static void begin(struct rules *r, uint32_t row, const struct quest *quest)
{
	char name[WORD_MAX + 1];

	for (uint32_t i = 0; i < quest->goals_len; i++) {
		goal_name(quest, i, name);
		tally_set(r, row, name, 0);
	}
	tally_set(r, row, quest->name, RUNNING);
}

void wish_quest(struct rules *r, uint32_t row, const struct wish *wish)
{
	const struct quest *quest = defs_find(&r->now->quests, sizeof(*quest), wish->name);

	if (quest != NULL) {
		begin(r, row, quest);
	}
}

struct done {
	const struct quest *quest;
	char receipt[64];
};

static void done_push(lua_State *L, void *arg)
{
	const struct done *done = arg;

	lua_createtable(L, 0, 2);
	lua_pushstring(L, done->quest->name);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, done->receipt);
	lua_setfield(L, -2, "receipt");
}

/* Paid once: the tally says "done" before on_done runs, whatever becomes of that. */
void wish_done(struct rules *r, uint32_t row, const struct wish *wish)
{
	const struct quest *quest = defs_find(&r->now->quests, sizeof(*quest), wish->name);
	struct done done = { quest, "" };
	struct value arg = { .type = VALUE_PUSH, .push = done_push, .arg = &done };
	char name[WORD_MAX + 1];

	if (quest == NULL || tally(r, row, quest->name) != RUNNING || !all_reached(r, row, quest)) {
		return;
	}
	for (uint32_t i = 0; i < quest->goals_len; i++) {
		struct wish take = { .target = r->e->all.id[row], .name = quest->goals[i].name, .text = "",
				     .amount = quest->goals[i].n };

		if (strcmp(quest->goals[i].what, "bring") == 0) {
			wish_take(r, row, &take);
		}
		goal_name(quest, i, name);
		tally_set(r, row, name, 0);
	}
	tally_set(r, row, quest->name, quest->repeats ? 0 : DONE);
	snprintf(done.receipt, sizeof(done.receipt), "quest %s %llu", quest->name,
		 quest->repeats ? (unsigned long long)r->e->tick : 1ull);
	if (quest->on_done >= 0) {
		call_row(r, &r->now->defs.items[quest->on_done], WHEN_2, row, &arg, 1);
	}
}

static const struct quest *quest_arg(lua_State *L)
{
	struct rules *r = rules_of(L);

	return (const struct quest *)r->now->quests.items + r->args[0].n;
}

static int player_start_quest(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct quest *quest = quest_arg(L);
	int free = tally(r, self_row(L), quest->name) == 0;

	if (free) {
		effect_new(L, WISH_QUEST, r->subject)->name = quest->name;
	}
	lua_pushboolean(L, free);
	return 1;
}

static int player_end_quest(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct quest *quest = quest_arg(L);
	uint32_t row = self_row(L);
	int ends = tally(r, row, quest->name) == RUNNING && all_reached(r, row, quest);

	if (ends) {
		effect_new(L, WISH_DONE, r->subject)->name = quest->name;
	}
	lua_pushboolean(L, ends);
	return 1;
}

static int player_quest(lua_State *L)
{
	struct rules *r = rules_of(L);
	int64_t state = tally(r, self_row(L), quest_arg(L)->name);

	if (state == 0) {
		lua_pushnil(L);
	} else {
		lua_pushstring(L, state == DONE ? "done" : "running");
	}
	return 1;
}

static int player_progress(lua_State *L)
{
	struct rules *r = rules_of(L);
	const struct quest *quest = quest_arg(L);
	uint32_t row = self_row(L);

	lua_createtable(L, (int)quest->goals_len, 0);
	for (uint32_t i = 0; i < quest->goals_len; i++) {
		int64_t n = reached(r, row, quest, i);

		lua_pushinteger(L, n < quest->goals[i].n ? n : quest->goals[i].n);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

const struct api_entry quest_api[] = {
	{ ON_GAME, API_FUNCTION, WHEN_LOAD, 0, "quest", "name:word", "fun(def:QuestDef)", "Defines a quest.",
	  "g.quest 'gel' {\n\tgiver = 'granny',\n\tgoals = { { kill = 'slime', n = 5 }, { bring = 'gel', n = 10 } },\n\ton_done = function(p, "
	  "w, q)\n\t\tp:reward('medal', 1, q.receipt)\n\tend,\n}",
	  game_quest },
	{ DEF_QUEST, API_KEY, 0, 0, "giver", "giver:word?", NULL,
	  "Who gives it: then p:end_quest ends it; without one it ends by itself when its goals are reached.", NULL, NULL },
	{ DEF_QUEST, API_KEY, 0, 0, "text", "text:text?", NULL, "A text for players.", NULL, NULL },
	{ DEF_QUEST, API_KEY, 0, 0, "goals", "goals:list", NULL, "Up to 8 goals; all must be reached.", NULL, NULL },
	{ DEF_QUEST, API_KEY, 0, 0, "repeats", "repeats:boolean?", NULL, "Whether it can be done again.", NULL, NULL },
	{ DEF_QUEST, API_KEY, 0, 0, "on_done", "p:Player w:WorldView q:QuestDone", "nil",
	  "All goals are reached, and what was to be brought is taken: once for each player.", NULL, NULL },
	{ ON_GOAL, API_KEY, 0, 0, "kill", "kill:word?", NULL, "A kind of monster to kill.", NULL, NULL },
	{ ON_GOAL, API_KEY, 0, 0, "bring", "bring:item?", NULL, "An item to have in the bag; it is taken at the end.", NULL, NULL },
	{ ON_GOAL, API_KEY, 0, 0, "do", "do:word?", NULL, "An action or an event of the player.", NULL, NULL },
	{ ON_GOAL, API_KEY, 0, 0, "n", "n:integer[1,1000000]?", NULL, "How often, or how many; 1.", NULL, NULL },
	{ ON_DONE, API_FIELD, 0, 0, "name", "name:quest", NULL, "The quest.", NULL, NULL },
	{ ON_DONE, API_FIELD, 0, 0, "receipt", "receipt:text", NULL, "For p:reward: another one for each time.", NULL, NULL },
	{ ON_PLAYER, API_FUNCTION, WHEN_DO, 1, "start_quest", "quest:quest", "boolean",
	  "Begins a quest; false if it runs already or is done.", "self:start_quest('gel_for_granny')", player_start_quest },
	{ ON_PLAYER, API_FUNCTION, WHEN_DO, 1, "end_quest", "quest:quest", "boolean",
	  "Ends a quest whose goals are reached, in stage 2; false if they are not.",
	  "if not self:end_quest('gel_for_granny') then self:tell('not yet') end", player_end_quest },
	{ ON_PLAYER, API_FUNCTION, WHEN_LOOK, 1, "quest", "quest:quest", "string?", "\"running\", \"done\", or nil.",
	  "if self:quest('gel_for_granny') == 'done' then self:tell('thank you') end", player_quest },
	{ ON_PLAYER, API_FUNCTION, WHEN_LOOK, 1, "progress", "quest:quest", "integer[]", "How far each goal of a quest is.",
	  "local slimes = self:progress('gel_for_granny')[1]", player_progress },
	{ 0 }
};
