/* SPDX-License-Identifier: MIT */
/* The world as a map of letters for a terminal: who owns which regions, and where most is going on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define CELLS_MAX 32u	/* in a row: two letters each, and a line has 80 */
#define BUSIEST_MAX 8u

/* Cells of `group` regions by `group`. */
struct map {
	const struct scheduler *s;
	uint32_t group, cells;
	uint64_t most; /* entities in one cell */
};

struct cell {
	const struct owner *owner; /* of its region with most entities */
	uint64_t entities, avatars;
};

static char letter_of(const struct scheduler *s, const struct owner *owner)
{
	for (uint32_t i = 0; i < s->owners_len && i < 26; i++) {
		if (s->owners[i] == owner) {
			return (char)('a' + i);
		}
	}
	return owner != NULL ? '+' : '?';
}

static struct cell cell_at(const struct map *map, uint32_t row, uint32_t column)
{
	const struct scheduler *s = map->s;
	struct cell cell = { .owner = NULL };
	uint32_t best = 0;

	for (uint32_t y = row * map->group; y < (row + 1) * map->group && y < s->side; y++) {
		for (uint32_t x = column * map->group; x < (column + 1) * map->group && x < s->side; x++) {
			uint32_t region = y * s->side + x;

			if (cell.owner == NULL || s->region_load[region] > best) {
				cell.owner = s->region_owner[region];
				best = s->region_load[region];
			}
			cell.entities += s->region_load[region];
			cell.avatars += s->region_avatars[region];
		}
	}
	return cell;
}

static void put_rows(const struct map *map, struct json *json)
{
	int64_t corner = -map->s->options->size / 2, step = map->s->options->region * (int64_t)map->group;

	json_key(json, "map");
	json_open(json, '[');
	for (uint32_t row = 0; row < map->cells; row++) {
		char text[2 * CELLS_MAX + 1];

		for (uint32_t column = 0; column < map->cells; column++) {
			struct cell cell = cell_at(map, row, column);
			char letter = letter_of(map->s, cell.owner);

			text[2 * column] = cell.avatars > 0 && letter >= 'a' ? (char)(letter - 'a' + 'A') : letter;
			text[2 * column + 1] = cell.entities == 0 ? '.' : (char)('0' + cell.entities * 9 / map->most);
		}
		text[2 * map->cells] = '\0';
		json_open(json, '{');
		command_put(json, "y", corner + row * step);
		command_put_text(json, "cells", text);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_owners(const struct scheduler *s, struct json *json)
{
	json_key(json, "owners");
	json_open(json, '[');
	for (uint32_t i = 0; i < s->owners_len; i++) {
		const struct owner *owner = s->owners[i];
		char letter[2] = { letter_of(s, owner), '\0' }, ms[32];
		uint32_t regions = 0;

		for (uint32_t region = 0; region < s->regions; region++) {
			regions += s->region_owner[region] == owner;
		}
		snprintf(ms, sizeof(ms), "%u.%03u", owner->took_us / 1000, owner->took_us % 1000);
		json_open(json, '{');
		command_put_text(json, "letter", letter);
		command_put_text(json, "owner", owner->name);
		command_put(json, "regions", regions);
		command_put(json, "entities", owner->entities);
		command_put(json, "players", owner->avatars);
		command_put_text(json, "tick_ms", ms);
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* busier: 1 if region a has more in it than b; of the same the first. */
static int busier(const struct scheduler *s, uint32_t a, uint32_t b)
{
	return s->region_load[a] > s->region_load[b];
}

static void put_busiest(const struct scheduler *s, struct json *json)
{
	int64_t corner = -s->options->size / 2;
	uint32_t top[BUSIEST_MAX + 1], len = 0;

	for (uint32_t region = 0; region < s->regions; region++) {
		uint32_t at = len;

		if (s->region_load[region] == 0) {
			continue;
		}
		for (; at > 0 && busier(s, region, top[at - 1]); at--) {
			top[at] = top[at - 1];
		}
		top[at] = region;
		len += len < BUSIEST_MAX;
	}
	json_key(json, "busiest");
	json_open(json, '[');
	for (uint32_t i = 0; i < len; i++) {
		char from[48];

		snprintf(from, sizeof(from), "(%" PRId64 ", %" PRId64 ")", corner + (int64_t)(top[i] % s->side) * s->options->region,
			 corner + (int64_t)(top[i] / s->side) * s->options->region);
		json_open(json, '{');
		command_put(json, "region", top[i]);
		command_put_text(json, "from", from);
		command_put_text(json, "owner", s->region_owner[top[i]] != NULL ? s->region_owner[top[i]]->name : "");
		command_put(json, "entities", s->region_load[top[i]]);
		command_put(json, "players", s->region_avatars[top[i]]);
		json_close(json, '}');
	}
	json_close(json, ']');
}

void command_map(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;
	struct map map = { .s = s, .group = (s->side + CELLS_MAX - 1) / CELLS_MAX };
	struct json json = { 0 };
	char text[160];

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	map.cells = (s->side + map.group - 1) / map.group;
	for (uint32_t i = 0; i < map.cells * map.cells; i++) {
		struct cell cell = cell_at(&map, i / map.cells, i % map.cells);

		map.most = cell.entities > map.most ? cell.entities : map.most;
	}
	json_open(&json, '{');
	command_put(&json, "tick", (int64_t)s->beat.tick);
	snprintf(text, sizeof(text), "%" PRId64 " x %" PRId64 " blocks, from x = %" PRId64, s->options->region * map.group,
		 s->options->region * map.group, -s->options->size / 2);
	command_put_text(&json, "cell", text);
	command_put_text(&json, "letter", "the owner, a capital where players are; ? nobody");
	snprintf(text, sizeof(text), "entities, . none, 9 the most: %" PRIu64, map.most);
	command_put_text(&json, "digit", text);
	put_rows(&map, &json);
	put_owners(s, &json);
	put_busiest(s, &json);
	json_close(&json, '}');
	json_reply(&json, s->h, request->id);
}
