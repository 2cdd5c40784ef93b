/* SPDX-License-Identifier: MIT */
/* The state as a number, to compare: the same whoever owns what, in whatever order its parts came. */
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

uint64_t message_digest(struct arena *a, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = arena_get(a, len > 0 ? len : 1);

	if (bytes == NULL) {
		return 0;
	}
	protobuf_c_message_pack(message, bytes);
	return seed_mix(troupe_fnv64(bytes, len), len);
}

struct sum {
	uint64_t sum;
	struct arena arena;
};

static void error_add(void *arg, const struct rule_errors *errors)
{
	struct sum *sum = arg;

	sum->sum += seed_mix(seed_mix(troupe_fnv64(errors->handler, strlen(errors->handler)), errors->count), errors->strikes);
	for (uint32_t i = 0; i < errors->players_len; i++) {
		sum->sum += seed_mix(errors->players[i], i);
	}
}

/* blocks_digest: of the changed chunks in our regions. */
static uint64_t blocks_digest(struct engine *e)
{
	struct terrain_place place;
	uint64_t sum = 0;

	for (uint32_t at = 0; terrain_next(e->terrain, TERRAIN_EDITED | TERRAIN_QUARANTINED, &at, &place);) {
		if (mine(e, place.cx * (double)CHUNK, place.cy * (double)CHUNK)) {
			sum += terrain_digest_chunk(e->terrain, place.cx, place.cy);
		}
	}
	return sum;
}

uint64_t engine_digest(struct engine *e)
{
	struct sum sum = { 0 };
	const struct wish *pending = e->pending.items;

	for (uint32_t row = 0; row < e->all.count; row++) {
		const Region__Record *record;

		if ((e->all.flags[row] & ENTITY_GHOST) != 0) {
			continue;
		}
		record = record_make(e, row, &sum.arena, 0);
		sum.sum += record != NULL ? message_digest(&sum.arena, &record->base) : 0;
		arena_clear(&sum.arena);
	}
	for (uint32_t i = 0; i < e->pending.len; i++) {
		Region__Effect effect;

		if (wish_ours(e, &pending[i])) {
			wish_effect(&pending[i], &effect);
			sum.sum += message_digest(&sum.arena, &effect.base);
		}
	}
	sum.sum += asks_digest(e) + blocks_digest(e);
	if (first_owner(e)) {
		sum.sum += seed_mix(e->tick, e->populace);
		rules_errors_each(e->rules, 1, error_add, &sum);
	}
	arena_release(&sum.arena);
	return sum.sum;
}
