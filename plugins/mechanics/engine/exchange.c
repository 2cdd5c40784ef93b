/* SPDX-License-Identifier: MIT */
/* What engines of one world tell each other after each stage: packed, checked, taken. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "proto/proto.h"
#include "rules/rules.h"

/* --- packing messages whose fields are lists, in parts ---------------------------------------------- */

int parts_add(struct list *items, const char *field, ProtobufCMessage *message)
{
	struct part_item *item = message != NULL ? list_add(items, sizeof(*item), UINT32_MAX) : NULL;

	if (item == NULL) {
		return -1;
	}
	item->field = field;
	item->message = message;
	item->at = items->len - 1;
	item->len = protobuf_c_message_get_packed_size(message);
	return 0;
}

static int item_order(const void *a, const void *b)
{
	const struct part_item *x = a, *y = b;
	int order = strcmp(x->field, y->field);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

void parts_sort(struct list *items)
{
	if (items->len > 1) {
		qsort(items->items, items->len, sizeof(struct part_item), item_order);
	}
}

/* fill: the items become the lists of the message; those of one field are together. */
static int fill(ProtobufCMessage *to, const struct part_item *items, uint32_t len, struct arena *a)
{
	for (uint32_t at = 0, n; at < len; at += n) {
		const ProtobufCFieldDescriptor *field =
			protobuf_c_message_descriptor_get_field_by_name(to->descriptor, items[at].field);
		ProtobufCMessage **list;

		for (n = 1; at + n < len && strcmp(items[at + n].field, items[at].field) == 0; n++) {
		}
		list = arena_get(a, n * sizeof(*list));
		if (list == NULL) {
			return -1;
		}
		for (uint32_t i = 0; i < n; i++) {
			list[i] = items[at + i].message;
		}
		*(size_t *)((char *)to + field->quantifier_offset) = n;
		*(ProtobufCMessage ***)((char *)to + field->offset) = list;
	}
	return 0;
}

uint32_t parts_next(const struct list *items, uint32_t at, ProtobufCMessage *to, struct arena *a, size_t *ret_bytes)
{
	const struct part_item *all = items->items;
	size_t bytes = 0;
	uint32_t n = 0;

	while (at + n < items->len && (n == 0 || bytes + all[at + n].len + PART_ITEM_HEAD <= PART_MAX)) {
		bytes += all[at + n].len + PART_ITEM_HEAD;
		n++;
	}
	*ret_bytes = bytes;
	return n == 0 || fill(to, all + at, n, a) == 0 ? at + n : items->len;
}

/* --- telling -------------------------------------------------------------------------------------- */

void tell_others(struct engine *e, const char *field, void *message)
{
	if (parts_add(&e->told, field, message) != 0) {
		e->effects_full++;
	}
}

static Region__Effect *effect_of(struct engine *e, const struct wish *wish)
{
	Region__Effect *effect = arena_get(arena_now(e), sizeof(*effect));

	if (effect != NULL) {
		wish_effect(wish, effect);
	}
	return effect;
}

void tell_wishes(struct engine *e, struct list *wishes)
{
	struct wish *all = wishes->items;

	for (uint32_t i = 0; i < wishes->len; i++) {
		uint32_t row = all[i].target != 0 ? entities_row(&e->all, all[i].target) : NO_ROW;

		if (!all[i].shared && (row == NO_ROW || (e->all.flags[row] & ENTITY_GHOST) != 0)) {
			tell_others(e, "effects", effect_of(e, &all[i]));
			all[i].shared = 1;
		}
	}
}

static void tell_count(struct engine *e, const char *field, const char *name, uint32_t count)
{
	Region__Count *message = arena_get(arena_now(e), sizeof(*message));

	if (message != NULL) {
		region__count__init(message);
		message->name = arena_text(arena_now(e), name);
		message->has_count = 1;
		message->count = count;
	}
	tell_others(e, field, message);
}

static void tell_alive(void *arg, const char *kind, uint32_t count)
{
	tell_count(arg, "alive", kind, count);
}

Region__Count *errors_make(const struct rule_errors *errors, struct arena *a)
{
	Region__Count *message = arena_get(a, sizeof(*message));

	if (message == NULL) {
		return NULL;
	}
	region__count__init(message);
	message->name = arena_text(a, errors->handler);
	message->has_count = message->has_strikes = 1;
	message->count = errors->count;
	message->strikes = errors->strikes;
	message->players = errors->players_len > 0 ? arena_get(a, errors->players_len * sizeof(*message->players)) : NULL;
	if (message->players != NULL) {
		memcpy(message->players, errors->players, errors->players_len * sizeof(*message->players));
		message->n_players = errors->players_len;
	}
	return message;
}

void errors_take(struct rules *r, const Region__Count *count)
{
	rules_errors_add(r, &(struct rule_errors){ .handler = count->name,
						   .count = (uint32_t)count->count,
						   .strikes = count->has_strikes ? count->strikes : (uint32_t)count->count,
						   .players = count->players,
						   .players_len = (uint32_t)count->n_players });
}

static void tell_error(void *arg, const struct rule_errors *errors)
{
	struct engine *e = arg;

	tell_others(e, "errors", errors_make(errors, arena_now(e)));
}

void tell_counts(struct engine *e)
{
	rules_alive_each(e->rules, 0, tell_alive, e);
	rules_errors_each(e->rules, 0, tell_error, e);
}

void tell_heard(struct engine *e, const struct output *out, uint64_t to)
{
	Region__Heard *heard = arena_get(arena_now(e), sizeof(*heard));

	if (heard != NULL) {
		region__heard__init(heard);
		heard->has_chunk = heard->has_from = heard->has_to = 1;
		heard->chunk = out->chunk;
		heard->from = to == 0 ? out->id : 0;
		heard->to = to;
		heard->name = (char *)out->name;
		heard->channel = (char *)out->channel;
		heard->text = (char *)out->text;
	}
	tell_others(e, "heard", heard);
}

/* edits_fill: asks after stage 1, claims after stage 2; *at becomes UINT32_MAX when all is in. */
static void edits_fill(struct engine *e, Region__Exchange *part, uint32_t *at, size_t room)
{
	if (e->stage == 1 && *at != UINT32_MAX) {
		asks_fill(e, part, at, room);
	} else if (e->stage == 2 && *at != UINT32_MAX) {
		claims_fill(e, part, at, room);
		part->has_round = 1;
		part->round = e->edits.round - 1;
	} else {
		*at = UINT32_MAX;
	}
}

static int pack(struct engine *e, const Region__Exchange *exchange)
{
	struct engine_part *part = list_add(&e->parts, sizeof(*part), UINT32_MAX);
	uint8_t *bytes;

	if (part == NULL) {
		return -1;
	}
	part->len = region__exchange__get_packed_size(exchange);
	part->bytes = bytes = arena_get(arena_now(e), part->len);
	if (bytes == NULL) {
		return -1;
	}
	region__exchange__pack(exchange, bytes);
	return 0;
}

const struct engine_part *engine_exchange(struct engine *e, uint64_t epoch, uint32_t *ret_count)
{
	uint32_t at = 0, edits = 0;

	*ret_count = 0;
	e->parts.len = 0;
	if (!e->others) {
		return NULL;
	}
	parts_sort(&e->told);
	do {
		Region__Exchange exchange = REGION__EXCHANGE__INIT;
		size_t bytes;

		at = parts_next(&e->told, at, &exchange.base, arena_now(e), &bytes);
		if (at >= e->told.len) {
			edits_fill(e, &exchange, &edits, bytes < PART_MAX ? PART_MAX - bytes : 0);
		}
		exchange.has_epoch = exchange.has_tick = exchange.has_stage = exchange.has_part = exchange.has_last = 1;
		exchange.epoch = epoch;
		exchange.tick = e->tick;
		exchange.stage = e->stage;
		exchange.part = e->parts.len;
		exchange.last = at >= e->told.len && edits == UINT32_MAX;
		if (pack(e, &exchange) != 0) {
			return NULL;
		}
	} while (at < e->told.len || edits != UINT32_MAX);
	*ret_count = e->parts.len;
	return e->parts.items;
}

/* --- checking ------------------------------------------------------------------------------------- */

static int text_fits(const char *text, size_t max)
{
	size_t len = text != NULL ? strlen(text) : 0;

	return len <= max && proto_utf8(text != NULL ? text : "", len);
}

static int finite_number(double value)
{
	return value - value == 0;
}

int effect_check(const Region__Effect *effect)
{
	return effect->kind != NULL && effect->kind[0] != '\0' && text_fits(effect->kind, WISH_KIND_MAX) &&
			       text_fits(effect->name, WISH_NAME_MAX) && text_fits(effect->text, WISH_TEXT_MAX) &&
			       finite_number(effect->amount) && finite_number(effect->x) && finite_number(effect->y) &&
			       finite_number(effect->z)
		       ? 0
		       : -1;
}

static int ghosts_check(const struct engine *e, const Region__GhostChunk *chunk)
{
	if (chunk->chunk == 0 || chunk->chunk > e->all.cells) {
		return -1;
	}
	for (size_t i = 0; i < chunk->n_ghosts; i++) {
		const Region__Ghost *ghost = chunk->ghosts[i];

		if (ghost->id == 0 || ghost->kind == NULL || !entities_inside(&e->all, ghost->x, ghost->y) ||
		    entities_chunk(&e->all, ghost->x, ghost->y) != chunk->chunk || !finite_number(ghost->z) ||
		    !text_fits(ghost->name, ENTITY_NAME_MAX)) {
			return -1;
		}
	}
	return 0;
}

int counts_check(Region__Count *const *counts, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (counts[i]->name == NULL || counts[i]->count < 0 || counts[i]->count > INT32_MAX ||
		    counts[i]->strikes > counts[i]->count || counts[i]->n_players > BLAMED_MAX) {
			return -1;
		}
	}
	return 0;
}

static int check(const struct engine *e, const Region__Exchange *exchange)
{
	int last = exchange->stage == 3;

	if (exchange->tick != e->tick || exchange->stage != e->stage || exchange->stage == 0 ||
	    (exchange->n_arrivals > 0 && exchange->stage != 1) || (exchange->n_asks > 0 && exchange->stage == 2) || (exchange->n_claims > 0 && exchange->stage != 2) ||
	    (exchange->stage == 2 && exchange->round + 1 != e->edits.round) ||
	    (!last && (exchange->n_records > 0 || exchange->n_ghosts > 0 || exchange->n_alive > 0 || exchange->n_errors > 0 ||
		       exchange->n_places > 0 || exchange->n_heard > 0))) {
		return -1;
	}
	for (size_t i = 0; i < exchange->n_arrivals; i++) {
		if (exchange->arrivals[i]->avatar == 0 || exchange->arrivals[i]->region >= engine_regions(e)) {
			return -1;
		}
	}
	for (size_t i = 0; i < exchange->n_effects; i++) {
		if (effect_check(exchange->effects[i]) != 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < exchange->n_records; i++) {
		if (record_check(e, exchange->records[i]) != 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < exchange->n_ghosts; i++) {
		if (ghosts_check(e, exchange->ghosts[i]) != 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < exchange->n_places; i++) {
		if (exchange->places[i]->avatar == 0 || exchange->places[i]->owner > OWNERS_MAX) {
			return -1;
		}
	}
	for (size_t i = 0; i < exchange->n_heard; i++) {
		const Region__Heard *heard = exchange->heard[i];

		if (heard->chunk > e->all.cells || heard->text == NULL) {
			return -1;
		}
	}
	return counts_check(exchange->alive, exchange->n_alive) != 0 || counts_check(exchange->errors, exchange->n_errors) != 0 ? -1 : 0;
}

/* --- taking --------------------------------------------------------------------------------------- */

/* hold: a copy of a message, until the end of the tick. */
static void hold(struct engine *e, struct list *list, const ProtobufCMessage *message)
{
	void **place = list_add(list, sizeof(*place), UINT32_MAX);

	if (place == NULL) {
		e->effects_full++;
		return;
	}
	*place = arena_message(arena_now(e), message);
	if (*place == NULL) {
		list->len--;
		e->effects_full++;
	}
}

static void take_effect(struct engine *e, const Region__Effect *effect)
{
	struct list *list = e->stage == 1 ? &e->wishes : &e->pending;
	struct wish *wish;

	/* After stage 3 who is ours is known at the end of the tick only. */
	if (e->stage == 1 && effect->target != 0) {
		uint32_t row = entities_row(&e->all, effect->target);

		if (row == NO_ROW || (e->all.flags[row] & ENTITY_GHOST) != 0) {
			return;
		}
	}
	wish = list_add(list, sizeof(*wish), WISHES_MAX);
	if (wish == NULL) {
		e->effects_full++;
		return;
	}
	wish_of(e, effect, wish);
	wish->shared = 1;
}

static void take_arrival(struct engine *e, const Region__Arrival *arrival)
{
	struct arrival *rival = list_add(&e->rivals, sizeof(*rival), INPUTS_MAX);

	if (rival == NULL) {
		e->effects_full++;
		return;
	}
	*rival = (struct arrival){ .avatar = arrival->avatar, .epoch = arrival->epoch, .region = arrival->region };
}

int engine_receive(struct engine *e, const Region__Exchange *exchange)
{
	if (check(e, exchange) != 0 || (e->stage == 1 && asks_take(e, exchange) != 0) ||
	    (e->stage == 2 && claims_take(e, exchange) != 0) || (e->stage == 3 && asks_later(e, exchange) != 0)) {
		return -1;
	}
	for (size_t i = 0; i < exchange->n_arrivals; i++) {
		take_arrival(e, exchange->arrivals[i]);
	}
	for (size_t i = 0; i < exchange->n_effects; i++) {
		take_effect(e, exchange->effects[i]);
	}
	for (size_t i = 0; i < exchange->n_records; i++) {
		hold(e, &e->records, &exchange->records[i]->base);
	}
	for (size_t i = 0; i < exchange->n_ghosts; i++) {
		if (e->zone[exchange->ghosts[i]->chunk] == ZONE_NEAR) {
			hold(e, &e->ghosts, &exchange->ghosts[i]->base);
		}
	}
	for (size_t i = 0; i < exchange->n_alive; i++) {
		rules_alive_add(e->rules, exchange->alive[i]->name, exchange->alive[i]->count);
	}
	for (size_t i = 0; i < exchange->n_errors; i++) {
		errors_take(e->rules, exchange->errors[i]);
	}
	for (size_t i = 0; i < exchange->n_places; i++) {
		hold(e, &e->places, &exchange->places[i]->base);
	}
	for (size_t i = 0; i < exchange->n_heard; i++) {
		hold(e, &e->heard, &exchange->heard[i]->base);
	}
	return 0;
}
