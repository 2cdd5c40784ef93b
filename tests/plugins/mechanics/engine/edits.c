/* SPDX-License-Identifier: MIT */
#include "edits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (200u * 1024u)

static const char *last_reason;

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(99);
}

/* --- the edits ------------------------------------------------------------------------------------ */

static int32_t arg(const struct claim *claim, uint32_t n)
{
	return (int32_t)claim->ask->args[n]->integer;
}

static void set(struct engine *e, struct claim *claim, int32_t dx, int32_t dy, int32_t dz, int32_t block)
{
	static const char *const reasons[] = { "", "far", "outside", "too much", "unavailable", "bad" };
	const struct ask *ask = claim->ask;
	int done = claim_set(e, claim, ask->x + dx, ask->y + dy, ask->z + dz, (uint16_t)block);

	if (done < 0) {
		claim->refused = reasons[-done];
	}
}

static void along(int32_t d, int32_t n, int32_t ret[3])
{
	ret[0] = ret[1] = ret[2] = 0;
	ret[d] = n;
}

static void evaluate(void *unused, struct engine *e, struct claim *claim)
{
	const struct ask *ask = claim->ask;
	int32_t a = arg(claim, 0), b = arg(claim, 1), c = arg(claim, 2), at[3];
	int is_put = strcmp(ask->edit, "put") == 0, is_wish = strcmp(ask->edit, "wish") == 0;

	(void)unused;
	if (strcmp(ask->edit, "row") == 0) {
		for (int32_t i = 0; i < b && claim->refused == NULL; i++) {
			along(c, i, at);
			set(e, claim, at[0], at[1], at[2], a);
		}
	} else if (strcmp(ask->edit, "copy") == 0) {
		along(b, a, at);
		set(e, claim, 0, 0, 0, claim_block(e, claim, ask->x + at[0], ask->y + at[1], ask->z + at[2]));
	} else if (strcmp(ask->edit, "twice") == 0) {
		set(e, claim, 0, 0, 0, a);
		claim->refused = claim_block(e, claim, ask->x, ask->y, ask->z) != a ? "not seen" : claim->refused;
		set(e, claim, 0, 0, 0, b);
		claim->refused = claim->cells_len != 1 ? "two cells" : claim->refused;
	} else if (strcmp(ask->edit, "far") == 0) {
		set(e, claim, 17, 0, 0, a);
	} else if ((is_put || is_wish) && claim_block(e, claim, ask->x, ask->y, ask->z) != BLOCK_AIR) {
		claim->refused = "occupied";
	} else {
		set(e, claim, 0, 0, 0, a);
	}
	if (is_wish) {
		claim_wish(e, claim, ask->actor, "tell")->text = "built";
	}
}

/* --- the world ------------------------------------------------------------------------------------ */

void edit_world_open(struct edit_world *w, uint32_t len, const struct engine_shape *shape)
{
	struct engine_settings settings = { .shape = *shape };
	uint8_t owners[65536];

	memset(w, 0, sizeof(*w));
	w->len = len;
	for (uint32_t i = 0; i < len; i++) {
		w->engines[i] = engine_open(&settings);
		if (w->engines[i] == NULL) {
			fail("an engine does not open");
		}
		for (uint32_t region = 0; region < engine_regions(w->engines[i]); region++) {
			owners[region] = (uint8_t)(region % len);
		}
		engine_own(w->engines[i], owners, (uint8_t)i);
		w->engines[i]->edits.evaluate = evaluate;
	}
}

void edit_world_close(struct edit_world *w)
{
	for (uint32_t i = 0; i < w->len; i++) {
		w->engines[i] = engine_close(w->engines[i]);
	}
}

void edit_actor(struct edit_world *w, uint64_t id, double x, double y)
{
	for (uint32_t i = 0; i < w->len; i++) {
		if (mine(w->engines[i], x, y) &&
		    entities_add(&w->engines[i]->all, id, 0, "actor", x, y, 0.2) == NO_ROW) {
			fail("no memory for an actor");
		}
	}
}

void edit_begin(struct edit_world *w)
{
	w->tick++;
	w->rounds = 0;
	for (uint32_t i = 0; i < w->len; i++) {
		engine_begin(w->engines[i], w->tick);
		engine_stage(w->engines[i], 1);
	}
}

struct ask *edit_ask(struct edit_world *w, uint64_t actor, const char *edit, int32_t x, int32_t y, int32_t z, int32_t a,
		     int32_t b, int32_t c)
{
	int32_t numbers[3] = { a, b, c };
	struct engine *e = w->engines[0];
	struct ask *ask;

	for (uint32_t i = 0; i < w->len && actor != 0; i++) {
		e = entities_row(&w->engines[i]->all, actor) != NO_ROW ? w->engines[i] : e;
	}
	ask = ask_add(e, actor, edit, x, y, z, &last_reason);
	if (ask == NULL) {
		return NULL;
	}
	ask->token = actor;
	ask->args_len = 3;
	ask->args = arena_get(arena_now(e), 3 * sizeof(*ask->args));
	for (int i = 0; i < 3; i++) {
		ask->args[i] = arena_get(arena_now(e), sizeof(*ask->args[i]));
		region__value__init(ask->args[i]);
		ask->args[i]->has_integer = 1;
		ask->args[i]->integer = numbers[i];
	}
	return ask;
}

const char *edit_reason(void)
{
	return last_reason;
}

/* tell: what engine `from` has of the stage that ran, to all others, through bytes. */
static void tell(struct edit_world *w, uint32_t from, unsigned stage)
{
	for (uint32_t at = 0; at != UINT32_MAX;) {
		Region__Exchange part = REGION__EXCHANGE__INIT, *message;
		uint8_t *bytes;
		size_t len;

		(stage == 1 ? asks_fill : claims_fill)(w->engines[from], &part, &at, ROOM);
		if (part.n_asks + part.n_claims == 0) {
			continue;
		}
		len = region__exchange__get_packed_size(&part);
		bytes = malloc(len);
		region__exchange__pack(&part, bytes);
		w->bytes += len * (w->len - 1);
		for (uint32_t to = 0; to < w->len; to++) {
			if (to == from) {
				continue;
			}
			message = region__exchange__unpack(NULL, len, bytes);
			if ((stage == 1 ? asks_take : claims_take)(w->engines[to], message) != 0) {
				fail("an exchange is refused");
			}
			region__exchange__free_unpacked(message, NULL);
		}
		free(bytes);
	}
}

void edit_stage(struct edit_world *w, unsigned stage)
{
	if (stage == 2) {
		for (uint32_t i = 0; i < w->len && w->len > 1; i++) {
			tell(w, i, 1);
		}
	}
	do {
		for (uint32_t i = 0; i < w->len; i++) {
			engine_stage(w->engines[i], stage);
		}
		for (uint32_t i = 0; i < w->len && stage == 2 && w->len > 1; i++) {
			tell(w, i, 2);
		}
		w->rounds += stage == 2;
		for (uint32_t i = 1; i < w->len; i++) {
			if (engine_again(w->engines[i]) != engine_again(w->engines[0])) {
				fail("engines do not agree whether stage 2 goes on");
			}
		}
	} while (engine_again(w->engines[0]));
}

void edit_end(struct edit_world *w)
{
	edit_stage(w, 2);
	edit_stage(w, 3);
	for (uint32_t i = 0; i < w->len; i++) {
		engine_end(w->engines[i]);
	}
}

/* --- results -------------------------------------------------------------------------------------- */

const char *edit_answer(const struct edit_world *w, uint64_t actor)
{
	const char *found = NULL;

	for (uint32_t i = 0; i < w->len; i++) {
		uint32_t len;
		const struct output *outputs = engine_outputs(w->engines[i], &len);

		for (uint32_t n = 0; n < len; n++) {
			if (outputs[n].kind == OUTPUT_ANSWER && outputs[n].token == actor) {
				found = outputs[n].text;
			}
		}
	}
	return found;
}

uint64_t edit_answers(const struct edit_world *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < w->len; i++) {
		uint32_t len;
		const struct output *outputs = engine_outputs(w->engines[i], &len);

		for (uint32_t n = 0; n < len; n++) {
			uint64_t hash = outputs[n].token;

			for (const char *at = outputs[n].kind == OUTPUT_ANSWER ? outputs[n].text : ""; *at != '\0'; at++) {
				hash = seed_mix(hash, (uint8_t)*at);
			}
			sum += outputs[n].kind == OUTPUT_ANSWER ? seed_mix(hash, (uint64_t)outputs[n].status) : 0;
		}
	}
	return sum;
}

uint64_t edit_digest(struct edit_world *w)
{
	uint64_t digest = terrain_digest(w->engines[0]->terrain);

	for (uint32_t i = 1; i < w->len; i++) {
		if (terrain_digest(w->engines[i]->terrain) != digest) {
			fail("engines do not agree on the blocks");
		}
	}
	return digest;
}
