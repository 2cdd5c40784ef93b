/* SPDX-License-Identifier: MIT */
/* The engine's life and the order of a tick. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

void say_log(struct engine *e, uint32_t level, const char *code, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (e->settings.log == NULL) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	e->settings.log(e->settings.arg, level, code, text);
}

/* --- life ----------------------------------------------------------------------------------------- */

static void defaults(struct engine_shape *shape)
{
	shape->size = shape->size != 0 ? shape->size : 256;
	shape->height = shape->height != 0 ? shape->height : 64;
	shape->region = shape->region != 0 ? shape->region : 64;
	shape->tick_ms = shape->tick_ms != 0 ? shape->tick_ms : 50;
	shape->quarantine = shape->quarantine != 0 ? shape->quarantine : 10;
	shape->max_entities = shape->max_entities != 0 ? shape->max_entities : 20000;
	shape->speed = shape->speed != 0 ? shape->speed : 4;
	shape->budget = shape->budget != 0 ? shape->budget : 200000;
	if (shape->map[0] == '\0') {
		strcpy(shape->map, "hills");
	}
}

/* Unpacked at a time, about 70 MB of them: fewer would be generated again and again under entities all over a large world. */
#define CHUNKS_OPEN 16384u

/* blocks_open: the terrain that the shape describes, with the built-in blocks; 0, or -1. */
static int blocks_open(struct engine *e)
{
	struct terrain_settings settings = { .seed = e->shape.seed,
					     .map = { .kind = GENERATE_LAND, .height = e->shape.height },
					     .size = e->shape.size,
					     .open_max = CHUNKS_OPEN };

	if (strcmp(e->shape.map, "flat") == 0) {
		settings.map.kind = GENERATE_FLAT;
	} else if (strcmp(e->shape.map, "hills") != 0) {
		return -1;
	}
	e->search = calloc(1, sizeof(*e->search));
	e->touched_chunks = calloc(e->all.cells + 1u, 1);
	e->blocks = e->search != NULL && e->touched_chunks != NULL ? block_table_new() : NULL;
	return e->blocks != NULL && terrain_open(&settings, e->blocks, &e->terrain) == 0 ? 0 : -1;
}

struct engine_shape engine_shape_of(const Region__Shape *shape)
{
	struct engine_shape ret = { .size = shape->size,
				    .height = shape->height,
				    .region = shape->region,
				    .tick_ms = shape->tick_ms,
				    .quarantine = shape->quarantine,
				    .max_entities = shape->max_entities,
				    .speed = shape->speed,
				    .seed = shape->seed,
				    .budget = shape->budget };

	ret.lock = shape->commit != NULL && strcmp(shape->commit, "lock") == 0;
	snprintf(ret.map, sizeof(ret.map), "%s", shape->map != NULL ? shape->map : "");
	return ret;
}

struct engine *engine_open(const struct engine_settings *settings)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		return NULL;
	}
	e->settings = *settings;
	e->shape = settings->shape;
	defaults(&e->shape);
	e->settings.memory = settings->memory != 0 ? settings->memory : 32u << 20;
	e->settings.budget_ms = settings->budget_ms != 0 ? settings->budget_ms : 100;
	e->region_columns = (e->shape.size + e->shape.region - 1) / e->shape.region;
	e->owner_of = calloc(engine_regions(e), 1);
	e->next_owner_of = calloc(engine_regions(e), 1);
	if (e->shape.region % CHUNK != 0 || e->shape.size % CHUNK != 0 || e->owner_of == NULL || e->next_owner_of == NULL ||
	    entities_open(&e->all, e->shape.size, CHUNK) != 0 || blocks_open(e) != 0 || edits_open(e) != 0 || (e->rules = rules_open(e)) == NULL) {
		return engine_close(e);
	}
	e->zone = calloc(e->all.cells + 1u, 1);
	e->listed = calloc(e->all.cells + 1u, 1);
	e->sent = calloc(e->all.cells + 1u, sizeof(*e->sent));
	if (e->zone == NULL || e->listed == NULL || e->sent == NULL) {
		return engine_close(e);
	}
	zones_compute(e);
	return e;
}

struct engine *engine_close(struct engine *e)
{
	if (e == NULL) {
		return NULL;
	}
	while (e->rules != NULL && e->all.count > 0) {
		entity_forget(e, e->all.count - 1);
	}
	e->rules = rules_free(e->rules);
	entities_close(&e->all);
	edits_close(e);
	e->terrain = terrain_close(e->terrain);
	e->blocks = block_table_free(e->blocks);
	free(e->search);
	free(e->touched_chunks);
	list_free(&e->no_way);
	arena_release(&e->arenas[0]);
	arena_release(&e->arenas[1]);
	list_free(&e->inputs);
	list_free(&e->arrivals);
	list_free(&e->rivals);
	list_free(&e->repeats);
	list_free(&e->wishes);
	list_free(&e->pending);
	list_free(&e->outputs);
	list_free(&e->aborts);
	list_free(&e->touched);
	list_free(&e->told);
	list_free(&e->parts);
	list_free(&e->records);
	list_free(&e->ghosts);
	list_free(&e->places);
	list_free(&e->heard);
	free(e->zone);
	free(e->listed);
	free(e->sent);
	map_free(&e->avatars);
	free(e->owner_of);
	free(e->next_owner_of);
	free(e);
	return NULL;
}

const struct engine_shape *engine_shape(const struct engine *e)
{
	return &e->shape;
}

uint64_t engine_tick(const struct engine *e)
{
	return e->tick;
}

void entity_forget(struct engine *e, uint32_t row)
{
	rules_entity_gone(e->rules, row);
	extra_free(e->all.extra[row]);
	entities_remove(&e->all, row);
}

/* --- regions -------------------------------------------------------------------------------------- */

uint32_t engine_regions(const struct engine *e)
{
	return e->region_columns * e->region_columns;
}

uint32_t engine_region_at(const struct engine *e, double x, double y)
{
	uint32_t column = (uint32_t)((x + e->all.half) / e->shape.region), line = (uint32_t)((y + e->all.half) / e->shape.region);

	column = column < e->region_columns ? column : e->region_columns - 1; /* the far edge */
	line = line < e->region_columns ? line : e->region_columns - 1;
	return line * e->region_columns + column;
}

void engine_region_middle(const struct engine *e, uint32_t region, double *ret_x, double *ret_y)
{
	double side = e->shape.region, half = e->all.half, x = -half + (region % e->region_columns + 0.5) * side,
	       y = -half + (region / e->region_columns + 0.5) * side;

	*ret_x = x < half ? x : half - 1; /* those at the far edge may be cut off */
	*ret_y = y < half ? y : half - 1;
}

int engine_inside(const struct engine *e, double x, double y)
{
	return entities_inside(&e->all, x, y);
}

int mine(const struct engine *e, double x, double y)
{
	return e->owner_of[engine_region_at(e, x, y)] == e->self;
}

int first_owner(const struct engine *e)
{
	return e->owner_of[0] == e->self;
}

void engine_own(struct engine *e, const uint8_t *owner_of_region, uint8_t self)
{
	memcpy(e->next_owner_of, owner_of_region, engine_regions(e));
	e->next_self = self;
	e->owners_change = 1;
	if (!e->running) {
		memcpy(e->owner_of, e->next_owner_of, engine_regions(e));
		e->self = self;
		e->owners_change = 0;
		zones_compute(e);
	}
}

/* --- a tick --------------------------------------------------------------------------------------- */

void engine_begin(struct engine *e, uint64_t tick)
{
	uint32_t since = e->outputs.len - e->outputs_told; /* when the rules changed */

	e->tick = tick;
	if (since > 0) {
		memmove(e->outputs.items, (struct output *)e->outputs.items + e->outputs_told, since * sizeof(struct output));
	}
	e->outputs.len = since;
	e->inputs.len = e->aborts.len = e->arrivals.len = e->rivals.len = e->repeats.len = 0;
	e->wish = e->spawned = e->full = 0;
	e->running = 1;
	arena_clear(arena_now(e));
	entities_settle(&e->all);
}

void engine_stage(struct engine *e, unsigned stage)
{
	struct list before;

	e->stage = (uint8_t)stage;
	e->told.len = 0;
	switch (stage) {
	case 1:
		before = e->wishes; /* what stages 2 and 3 of the last tick wished goes first */
		e->wishes = e->pending;
		e->pending = before;
		e->pending.len = 0;
		edits_tick(e);
		inputs_run(e);
		rules_tick(e->rules);
		tell_wishes(e, &e->wishes);
		break;
	case 2:
		if (e->edits.round == 0) {
			arrivals_run(e);
			wishes_merge(e);
		}
		edits_evaluate(e);
		break;
	default:
		edits_apply(e);
		walks_plan(e);
		ways_tell(e);
		leave_all(e);
		movement(e);
		rules_moved(e->rules);
		hand_over(e);
		break;
	}
}

int engine_again(const struct engine *e)
{
	return e->stage == 2 && edits_again(e);
}

void engine_end(struct engine *e)
{
	take_in(e);
	e->stage = 0;
	e->outputs_told = e->outputs.len;
}

/* --- rules ---------------------------------------------------------------------------------------- */

int engine_rules_try(struct engine *e, uint32_t number, const struct engine_file *files, uint32_t len, char *ret_report,
		     size_t report_size)
{
	return rules_try(e->rules, number, files, len, ret_report, report_size);
}

void engine_rules_take(struct engine *e)
{
	rules_take(e->rules);
}

uint32_t engine_generation(const struct engine *e)
{
	struct rules_figures figures;

	rules_figures(e->rules, &figures);
	return figures.generation;
}

void engine_stops(struct engine *e, const struct sandbox_line *lines, size_t len,
		  void (*stopped)(void *arg, struct engine *e, const struct sandbox_line *at), void *arg)
{
	rules_stops(e->rules, lines, len, stopped, arg);
}

void engine_step(struct engine *e, int on)
{
	rules_step(e->rules, on);
}

size_t engine_stop_text(struct engine *e, char *buf, size_t size)
{
	return rules_stop_text(e->rules, buf, size);
}

int engine_stop_look(struct engine *e, const char *line, char *ret_text, size_t size)
{
	return rules_stop_look(e->rules, line, ret_text, size);
}

int engine_look(struct engine *e, const char *line, char *ret_text, size_t size)
{
	return rules_look(e->rules, line, ret_text, size);
}

int32_t engine_echo(struct engine *e, uint64_t avatar, const void *bytes, size_t len, const char **ret_bytes, size_t *ret_len,
		    const char **ret_reason)
{
	return rules_echo(e->rules, avatar, bytes, len, ret_bytes, ret_len, ret_reason);
}
