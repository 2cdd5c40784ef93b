/* SPDX-License-Identifier: MIT */
/* `troupe script test`: rules tried without a server, in virtual time. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/engine.h"
#include "folder.h"
#include "host/command.h"
#include "tools.h"
#include "troupe/host.h"
#include "world/terrain.h"

const char script_test_usage[] =
	"usage: troupe script test [--seed N] [--only PART] [--verbose] [FOLDER]\n"
	"\n"
	"Runs FOLDER/tests/*.lua, tests of the rules in FOLDER (default scripts/lua/meadow): without a server, in virtual time.\n"
	"\n"
	"  troupe script test                          all tests of the game that ships\n"
	"  troupe script test mygame --only slime      those whose name holds `slime`\n"
	"\n"
	"  --seed N       the seed of worlds that do not name one (7); a failed test prints its own\n"
	"  --verbose      print what rules log\n"
	"\n"
	"exit codes: 0 all passed, 1 some failed, 2 wrong usage, 3 the rules do not load\n";

#define WORLD_META "world"
#define SEED_DEFAULT 7

struct run {
	const char *folder;
	const char *only;
	lua_Integer seed;
	int verbose;
	struct folder rules;
};

struct world {
	struct engine *engine;
	struct run *run;
	uint32_t generation;
	char problem[8192];
	/* inputs of the next tick */
	Region__Input **inputs;
	uint32_t inputs_len;
};

static struct run *run_of(lua_State *L)
{
	return *(struct run **)lua_getextraspace(L);
}

static struct world *world_at(lua_State *L)
{
	return luaL_checkudata(L, 1, WORLD_META);
}

static void line(void *arg, uint32_t level, const char *code, const char *text)
{
	const struct world *w = arg;

	if (w->run->verbose || level <= TROUPE_LOG_WARNING) {
		printf("    %s%s%s\n", code != NULL ? code : "", code != NULL ? ": " : "", text);
	}
}

static uint64_t clock_ns(void *arg)
{
	struct timespec now;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- a world -------------------------------------------------------------------------------------- */

static lua_Integer setting(lua_State *L, const char *name, lua_Integer otherwise)
{
	lua_Integer value = otherwise;

	if (lua_getfield(L, 1, name) != LUA_TNIL) {
		value = luaL_checkinteger(L, -1);
	}
	lua_pop(L, 1);
	return value;
}

static int rules_take(struct world *w, const struct engine_file *files, uint32_t len)
{
	if (engine_rules_try(w->engine, ++w->generation, files, len, w->problem, sizeof(w->problem)) != 1) {
		return -1;
	}
	engine_rules_take(w->engine);
	return 0;
}

static int world_open(lua_State *L)
{
	struct run *run = run_of(L);
	struct engine_settings settings = { .log = line, .clock_ns = clock_ns, .budget_ms = 1000 };
	struct world *w;
	const char *map;

	luaL_checktype(L, 1, LUA_TTABLE);
	w = lua_newuserdatauv(L, sizeof(*w), 0);
	memset(w, 0, sizeof(*w));
	luaL_setmetatable(L, WORLD_META);
	w->run = run;
	lua_getfield(L, 1, "map");
	map = luaL_optstring(L, -1, "flat");
	snprintf(settings.shape.map, sizeof(settings.shape.map), "%s", map);
	settings.shape.size = (uint32_t)setting(L, "size", 128);
	settings.shape.height = (uint32_t)setting(L, "height", 64);
	settings.shape.tick_ms = (uint32_t)setting(L, "tick_ms", 50);
	settings.shape.seed = (uint64_t)setting(L, "seed", run->seed);
	settings.shape.quarantine = (uint32_t)setting(L, "quarantine", 10);
	settings.arg = w;
	w->engine = engine_open(&settings);
	if (w->engine == NULL) {
		return luaL_error(L, "no such world: size is a multiple of 64, map \"flat\" or \"hills\"");
	}
	if (rules_take(w, run->rules.files, run->rules.len) != 0) {
		return luaL_error(L, "the rules are refused:\n%s", w->problem);
	}
	lua_settop(L, 2);
	return 1;
}

static int world_gc(lua_State *L)
{
	struct world *w = luaL_checkudata(L, 1, WORLD_META);

	w->engine = engine_close(w->engine);
	for (uint32_t i = 0; i < w->inputs_len; i++) {
		region__input__free_unpacked(w->inputs[i], NULL);
	}
	free(w->inputs);
	w->inputs = NULL;
	w->inputs_len = 0;
	return 0;
}

static int world_reload(lua_State *L)
{
	struct world *w = world_at(L);
	struct engine_file files[FOLDER_FILES_MAX];
	struct folder again = { .len = 0 };
	uint32_t len = 0;
	int refused;

	if (lua_istable(L, 2)) {
		for (lua_pushnil(L); lua_next(L, 2) && len < FOLDER_FILES_MAX; lua_pop(L, 1)) {
			files[len].name = luaL_checkstring(L, -2);
			files[len].text = luaL_checklstring(L, -1, &files[len].len);
			len++;
		}
		refused = rules_take(w, files, len);
	} else {
		refused = folder_read(&again, w->run->folder) != 0 || rules_take(w, again.files, again.len) != 0;
		folder_free(&again);
	}
	lua_pushboolean(L, !refused);
	lua_pushstring(L, refused ? w->problem : "");
	return 2;
}

/* --- inputs --------------------------------------------------------------------------------------- */

static Region__Input *input(lua_State *L, Region__InputKind kind)
{
	struct world *w = world_at(L);
	Region__Input in = REGION__INPUT__INIT, **inputs = realloc(w->inputs, (w->inputs_len + 1) * sizeof(*inputs));
	uint8_t bytes[64];
	size_t len;

	if (inputs == NULL) {
		luaL_error(L, "no memory");
		return NULL;
	}
	w->inputs = inputs;
	in.has_kind = in.has_avatar = in.has_token = 1;
	in.kind = kind;
	in.avatar = (uint64_t)luaL_checkinteger(L, 2);
	in.token = 1;
	len = region__input__pack(&in, bytes);
	inputs[w->inputs_len] = region__input__unpack(NULL, len, bytes);
	return inputs[w->inputs_len++];
}

static void place(Region__Input *in, double x, double y, double z)
{
	in->has_x = in->has_y = in->has_z = in->has_place = 1;
	in->x = x;
	in->y = y;
	in->z = z;
	in->place = 1;
}

static int world_enter(lua_State *L)
{
	Region__Input *in = input(L, REGION__INPUT_KIND__INPUT_ENTER);

	in->name = strdup(luaL_checkstring(L, 3));
	place(in, luaL_checknumber(L, 4), luaL_checknumber(L, 5), 0);
	return 0;
}

static int world_leave(lua_State *L)
{
	input(L, REGION__INPUT_KIND__INPUT_LEAVE);
	return 0;
}

static int world_move(lua_State *L)
{
	place(input(L, REGION__INPUT_KIND__INPUT_MOVE), luaL_checknumber(L, 3), luaL_checknumber(L, 4), 0);
	return 0;
}

static int world_chat(lua_State *L)
{
	Region__Input *in = input(L, REGION__INPUT_KIND__INPUT_CHAT);

	in->text = strdup(luaL_checkstring(L, 3));
	in->channel = strdup(luaL_checkstring(L, 4));
	return 0;
}

static int world_act(lua_State *L)
{
	Region__Input *in = input(L, REGION__INPUT_KIND__INPUT_ACT);

	in->token = (uint64_t)luaL_checkinteger(L, 3);
	in->name = strdup(luaL_checkstring(L, 4));
	in->has_target = 1;
	in->target = (uint64_t)luaL_checkinteger(L, 5);
	in->text = strdup(luaL_checkstring(L, 6));
	if (!lua_isnoneornil(L, 7)) {
		place(in, luaL_checknumber(L, 7), luaL_checknumber(L, 8), luaL_optnumber(L, 9, 0));
	}
	return 0;
}

static int world_spawn(lua_State *L)
{
	uint64_t id = engine_spawn(world_at(L)->engine, luaL_checkstring(L, 2), luaL_checknumber(L, 3), luaL_checknumber(L, 4));

	if (id == 0) {
		lua_pushnil(L);
	} else {
		lua_pushinteger(L, (lua_Integer)id);
	}
	return 1;
}

static int world_give(lua_State *L)
{
	if (engine_give(world_at(L)->engine, (uint64_t)luaL_checkinteger(L, 2), luaL_checkstring(L, 3),
			(uint32_t)luaL_checkinteger(L, 4)) != 0) {
		return luaL_error(L, "there is no such entity");
	}
	return 0;
}

static int world_set(lua_State *L)
{
	if (engine_put(world_at(L)->engine, (int32_t)luaL_checknumber(L, 2), (int32_t)luaL_checknumber(L, 3),
		       (int32_t)luaL_checknumber(L, 4), luaL_checkstring(L, 5)) != 0) {
		return luaL_error(L, "there is no block \"%s\", or no such cell", lua_tostring(L, 5));
	}
	return 0;
}

static int world_tick(lua_State *L)
{
	struct world *w = world_at(L);

	engine_begin(w->engine, engine_tick(w->engine) + 1);
	for (uint32_t i = 0; i < w->inputs_len; i++) {
		engine_input(w->engine, w->inputs[i]);
		region__input__free_unpacked(w->inputs[i], NULL);
	}
	w->inputs_len = 0;
	for (unsigned stage = 1; stage <= 3; stage++) {
		uint32_t count;

		engine_stage(w->engine, stage);
		engine_exchange(w->engine, 1, &count);
	}
	engine_end(w->engine);
	return 0;
}

/* --- looking -------------------------------------------------------------------------------------- */

static void field_text(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static void field_number(lua_State *L, const char *name, double number)
{
	lua_pushnumber(L, number);
	lua_setfield(L, -2, name);
}

static int world_outputs(lua_State *L)
{
	uint32_t len;
	const struct output *outputs = engine_outputs(world_at(L)->engine, &len);

	lua_newtable(L);
	for (uint32_t i = 0, n = 0; i < len; i++) {
		const struct output *out = &outputs[i];
		const char *kind = out->kind == OUTPUT_TELL ? "tell" : out->kind == OUTPUT_HEARD ? "heard" :
				   out->kind == OUTPUT_ANSWER ? "answer" : out->kind == OUTPUT_GRANT ? "grant" : NULL;

		if (kind == NULL) {
			continue;
		}
		lua_newtable(L);
		field_text(L, "kind", kind);
		field_text(L, "text", out->text);
		field_text(L, "name", out->name);
		field_text(L, "channel", out->channel);
		lua_pushinteger(L, (lua_Integer)out->id);
		lua_setfield(L, -2, "id");
		lua_pushinteger(L, (lua_Integer)out->token);
		lua_setfield(L, -2, "token");
		lua_pushinteger(L, out->status);
		lua_setfield(L, -2, "status");
		lua_pushinteger(L, out->count);
		lua_setfield(L, -2, "count");
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* The declared state and what is in the bag, as the record has them. */
static void record_push(lua_State *L, struct engine *e, uint64_t id)
{
	size_t len;
	uint8_t *bytes = engine_record(e, id, &len);
	Region__Record *record = bytes != NULL ? region__record__unpack(NULL, len, bytes) : NULL;

	lua_newtable(L);
	for (size_t i = 0; record != NULL && i < record->n_state; i++) {
		const Region__Value *value = record->state[i];

		if (value->has_integer) {
			lua_pushinteger(L, value->integer);
		} else if (value->has_number) {
			lua_pushnumber(L, value->number);
		} else if (value->has_truth) {
			lua_pushboolean(L, value->truth);
		} else {
			lua_pushstring(L, value->text);
		}
		lua_setfield(L, -2, value->name);
	}
	lua_setfield(L, -2, "state");
	lua_newtable(L);
	for (size_t i = 0; record != NULL && i < record->n_bag; i++) {
		lua_pushinteger(L, record->bag[i]->count);
		lua_setfield(L, -2, record->bag[i]->item);
	}
	lua_setfield(L, -2, "bag");
	if (record != NULL) {
		region__record__free_unpacked(record, NULL);
	}
	free(bytes);
}

static int world_see(lua_State *L)
{
	struct engine *e = world_at(L)->engine;
	uint64_t id = (uint64_t)luaL_checkinteger(L, 2);
	struct sight sight;

	if (engine_see(e, id, &sight) != 0) {
		lua_pushnil(L);
		return 1;
	}
	lua_newtable(L);
	field_text(L, "kind", sight.kind);
	field_text(L, "name", sight.name);
	field_number(L, "x", sight.x);
	field_number(L, "y", sight.y);
	field_number(L, "z", sight.z);
	lua_pushinteger(L, sight.health);
	lua_setfield(L, -2, "hp");
	lua_pushinteger(L, sight.health_max);
	lua_setfield(L, -2, "hp_max");
	lua_pushboolean(L, sight.walks);
	lua_setfield(L, -2, "walking");
	lua_pushboolean(L, sight.asleep);
	lua_setfield(L, -2, "asleep");
	record_push(L, e, id);
	return 1;
}

struct found {
	lua_State *L;
	const char *kind;
	lua_Integer n;
};

static int found_one(void *arg, const struct sight *sight)
{
	struct found *found = arg;

	if (strcmp(sight->kind, found->kind) == 0) {
		lua_pushinteger(found->L, (lua_Integer)sight->id);
		lua_rawseti(found->L, -2, ++found->n);
	}
	return 0;
}

static int world_find(lua_State *L)
{
	struct found found = { .L = L, .kind = luaL_checkstring(L, 2) };

	lua_newtable(L);
	engine_each(world_at(L)->engine, found_one, &found);
	return 1;
}

static int world_count(lua_State *L)
{
	world_find(L);
	lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
	return 1;
}

static int world_block(lua_State *L)
{
	struct terrain *t = engine_terrain(world_at(L)->engine);
	uint16_t id = t != NULL ? terrain_block(t, (int32_t)luaL_checknumber(L, 2), (int32_t)luaL_checknumber(L, 3),
						(int32_t)luaL_checknumber(L, 4))
				: 0;

	lua_pushstring(L, t != NULL ? block_type(terrain_table(t), id)->name : "air");
	return 1;
}

static int world_surface(lua_State *L)
{
	struct terrain *t = engine_terrain(world_at(L)->engine);

	lua_pushinteger(L, t != NULL ? terrain_surface(t, (int32_t)luaL_checknumber(L, 2), (int32_t)luaL_checknumber(L, 3)) : 0);
	return 1;
}

static int world_digest(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)engine_digest(world_at(L)->engine));
	return 1;
}

static int world_ticks(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)engine_tick(world_at(L)->engine));
	return 1;
}

static int world_errors(lua_State *L)
{
	struct engine_figures figures;

	engine_figures(world_at(L)->engine, &figures);
	lua_pushinteger(L, (lua_Integer)figures.script_errors);
	return 1;
}

/* --- running -------------------------------------------------------------------------------------- */

static const unsigned char sim_text[] = {
#include "tools/sim.inc"
};

static int require(lua_State *L)
{
	if (strcmp(luaL_checkstring(L, 1), "sim") == 0) {
		lua_pushvalue(L, lua_upvalueindex(1));
		return 1;
	}
	return luaL_error(L, "a test requires \"sim\", nothing else: rules are loaded by the world");
}

/* setup: the state with `sim`, its tests' list at index 2 of the stack. */
static lua_State *setup(struct run *run)
{
	static const luaL_Reg methods[] = {
		{ "reload", world_reload }, { "enter", world_enter },	  { "leave", world_leave },   { "move", world_move },
		{ "chat", world_chat },	    { "act", world_act },	  { "spawn", world_spawn },   { "tick", world_tick },
		{ "outputs", world_outputs }, { "see", world_see },	  { "find", world_find },     { "count", world_count },
		{ "block", world_block },   { "surface", world_surface }, { "digest", world_digest }, { "ticks", world_ticks },
		{ "errors", world_errors },   { "give", world_give }, { "set", world_set }, { "__gc", world_gc },	  { NULL, NULL }
	};
	lua_State *L = luaL_newstate();

	if (L == NULL) {
		return NULL;
	}
	*(struct run **)lua_getextraspace(L) = run;
	luaL_openlibs(L);
	luaL_newmetatable(L, WORLD_META);
	luaL_setfuncs(L, methods, 0);
	lua_pushvalue(L, -1);
	lua_setfield(L, -2, "__index");
	lua_settop(L, 0);
	if (luaL_loadbuffer(L, (const char *)sim_text, sizeof(sim_text), "=sim") != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		lua_close(L);
		return NULL;
	}
	lua_newtable(L);
	lua_pushcfunction(L, world_open);
	lua_setfield(L, -2, "open");
	lua_call(L, 1, 2);
	lua_pushvalue(L, 1);
	lua_pushcclosure(L, require, 1);
	lua_setglobal(L, "require");
	return L;
}

static int traceback(lua_State *L)
{
	luaL_traceback(L, L, lua_tostring(L, 1), 1);
	return 1;
}

static int read_tests(lua_State *L, const struct folder *tests)
{
	for (uint32_t i = 0; i < tests->len; i++) {
		char name[512];

		snprintf(name, sizeof(name), "@%s", tests->files[i].name);
		if (luaL_loadbuffer(L, tests->files[i].text, tests->files[i].len, name) != LUA_OK ||
		    lua_pcall(L, 0, 0, 0) != LUA_OK) {
			fprintf(stderr, "%s\n", lua_tostring(L, -1));
			return -1;
		}
	}
	return 0;
}

/* run_one: the test on top of the stack, which is taken off. */
static int run_one(lua_State *L, const struct run *run)
{
	uint64_t began = clock_ns(NULL);
	const char *name;
	int failed;

	lua_getfield(L, -1, "name");
	name = lua_tostring(L, -1);
	if (run->only != NULL && strstr(name, run->only) == NULL) {
		lua_pop(L, 2);
		return -1;
	}
	lua_pushcfunction(L, traceback);
	lua_getfield(L, -3, "run");
	failed = lua_pcall(L, 0, 0, -2) != LUA_OK;
	printf("%s  %s (%.0f ms)\n", failed ? "FAIL" : "ok  ", name, (double)(clock_ns(NULL) - began) / 1e6);
	if (failed) {
		printf("    %s\n    with --seed %lld\n", lua_tostring(L, -1), (long long)run->seed);
		lua_pop(L, 1);
	}
	lua_pop(L, 3);
	lua_gc(L, LUA_GCCOLLECT);
	return failed;
}

static int run_all(struct run *run, const struct folder *tests)
{
	lua_State *L = setup(run);
	unsigned passed = 0, failed = 0;
	lua_Integer len;

	if (L == NULL) {
		return EXIT_FAILED;
	}
	if (read_tests(L, tests) != 0) {
		lua_close(L);
		return EXIT_INVALID;
	}
	len = luaL_len(L, 2);
	for (lua_Integer i = 1; i <= len; i++) {
		int result;

		lua_rawgeti(L, 2, i);
		result = run_one(L, run);
		passed += result == 0;
		failed += result > 0;
	}
	lua_close(L);
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 ? EXIT_FAILED : EXIT_DONE;
}

int script_test_main(int argc, char **argv)
{
	static const char *const known[] = { "--seed", "--only", "--verbose", NULL };
	struct run run = { .folder = "scripts/lua/meadow", .seed = SEED_DEFAULT };
	struct folder tests = { .len = 0 };
	const char *value;
	char path[4096];
	int result = EXIT_INVALID;

	for (int at = 1; at < argc;) {
		int taken = command_option(argc, argv, &at, "seed", &value);

		if (taken < 0) {
			return EXIT_USAGE;
		}
		if (taken) {
			run.seed = strtoll(value, NULL, 10);
			continue;
		}
		taken = command_option(argc, argv, &at, "only", &value);
		if (taken < 0) {
			return EXIT_USAGE;
		}
		if (taken) {
			run.only = value;
		} else if (strcmp(argv[at], "--verbose") == 0) {
			run.verbose = 1;
			at++;
		} else if (argv[at][0] == '-') {
			return command_unknown("script test", argv[at], known);
		} else {
			run.folder = argv[at++];
		}
	}
	snprintf(path, sizeof(path), "%s/tests", run.folder);
	if (folder_read(&run.rules, run.folder) == 0 && folder_read(&tests, path) == 0) {
		result = run_all(&run, &tests);
	}
	folder_free(&run.rules);
	folder_free(&tests);
	return result;
}
