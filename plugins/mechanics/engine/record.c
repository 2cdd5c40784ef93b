/* SPDX-License-Identifier: MIT */
/* An entity as a record and back, so that it goes on bit for bit wherever the record is taken up. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "proto/proto.h"
#include "rules/rules.h"

/* --- making --------------------------------------------------------------------------------------- */

Region__Record *record_make(struct engine *e, uint32_t row, struct arena *a, int session)
{
	const struct entities *w = &e->all;
	Region__Record *to = arena_get(a, sizeof(*to));

	if (to == NULL) {
		return NULL;
	}
	region__record__init(to);
	to->has_id = to->has_x = to->has_y = to->has_z = to->has_speed = to->has_born = to->has_wish = 1;
	to->id = w->id[row];
	to->kind = arena_text(a, rules_kind_name(e->rules, w->kind[row]));
	to->name = arena_text(a, w->name[row]);
	to->x = w->x[row];
	to->y = w->y[row];
	to->z = w->z[row];
	to->speed = w->speed[row];
	to->born = MUTANT("born_lost") ? 0 : w->born[row];
	to->wish = MUTANT("wish_lost") ? 0 : w->wish[row];
	to->has_health = to->has_health_max = w->health_max[row] > 0;
	to->health = w->health[row];
	to->health_max = w->health_max[row];
	to->has_asleep = to->asleep = (w->flags[row] & ENTITY_ASLEEP) != 0 && !MUTANT("asleep_lost");
	to->walk = entities_walks(w, row) || w->gait[row] != 0 ? walk_make(e, row, a) : NULL;
	if (session && w->extra[row] != NULL) {
		to->session = w->extra[row]->session != NULL ? arena_message(a, &w->extra[row]->session->base) : NULL;
	}
	return to->kind == NULL || to->name == NULL || rules_keep(e->rules, row, to, a) != 0 ? NULL : to;
}

/* --- checking ------------------------------------------------------------------------------------- */

static int within(double value, double bound)
{
	return value >= -bound && value <= bound; /* false for NaN */
}

int record_check(const struct engine *e, const Region__Record *from)
{
	size_t name = from->name != NULL ? strlen(from->name) : 0;

	if (from->id == 0 || from->kind == NULL || name > ENTITY_NAME_MAX || !proto_utf8(from->name != NULL ? from->name : "", name) ||
	    !entities_inside(&e->all, from->x, from->y) || !within(from->z, 1e6) || !within(from->speed, WALK_SPEED_MAX) ||
	    from->speed < 0 || from->health < 0 || from->health_max < 0 || from->health > from->health_max ||
	    (from->walk != NULL && walk_check(e, from->walk) != 0)) {
		return -1;
	}
	return rules_record_check(from);
}

/* --- taking --------------------------------------------------------------------------------------- */

void record_session(struct engine *e, uint32_t row, const Region__Session *from)
{
	size_t len = protobuf_c_message_get_packed_size(&from->base);
	uint8_t *bytes = malloc(len > 0 ? len : 1);
	struct extra *extra = extra_of(e, row);

	if (bytes != NULL && extra != NULL) {
		protobuf_c_message_pack(&from->base, bytes);
		if (extra->session != NULL) {
			region__session__free_unpacked(extra->session, NULL);
		}
		extra->session = region__session__unpack(NULL, len, bytes);
	}
	free(bytes);
}

void record_carry(struct engine *e, uint32_t row, const Region__Record *from)
{
	struct entities *w = &e->all;

	if (from->health_max > 0) {
		w->health[row] = from->health;
		w->health_max[row] = from->health_max;
	}
	rules_bring(e->rules, row, from);
}

uint32_t record_take(struct engine *e, const Region__Record *from)
{
	struct entities *w = &e->all;
	uint16_t kind = rules_kind_find(e->rules, from->kind);
	uint32_t row = entities_row(w, from->id);

	if (kind == NO_KIND) {
		say_log(e, TROUPE_LOG_NOTICE, NULL, "the rules have no kind \"%s\" any more: entity %llx of it leaves the world",
			from->kind, (unsigned long long)from->id);
		return NO_ROW;
	}
	if (row == NO_ROW) {
		row = entities_add(w, from->id, kind, from->name != NULL ? from->name : "", from->x, from->y, from->speed);
	}
	if (row == NO_ROW) {
		e->effects_full++;
		return NO_ROW;
	}
	entities_place(w, row, from->x, from->y, from->z);
	w->speed[row] = from->speed;
	w->flags[row] = from->asleep ? ENTITY_ASLEEP : 0;
	w->born[row] = from->born;
	w->wish[row] = from->wish;
	w->health[row] = from->health;
	w->health_max[row] = from->health_max;
	entities_stop(w, row);
	if (from->walk != NULL && !MUTANT("walk_lost") && walk_take(e, row, from->walk) != 0) {
		e->effects_full++;
	}
	rules_kind_count(e->rules, kind, 1);
	rules_bring(e->rules, row, from);
	if (from->session != NULL) {
		record_session(e, row, from->session);
	}
	return row;
}

uint8_t *engine_record(struct engine *e, uint64_t id, size_t *ret_len)
{
	uint32_t row = entities_row(&e->all, id);
	struct arena arena = { 0 };
	Region__Record *record;
	uint8_t *bytes = NULL;

	*ret_len = 0;
	if (row == NO_ROW || (e->all.flags[row] & ENTITY_GHOST) != 0) {
		return NULL;
	}
	record = record_make(e, row, &arena, 0);
	if (record != NULL && (bytes = malloc(protobuf_c_message_get_packed_size(&record->base))) != NULL) {
		*ret_len = protobuf_c_message_pack(&record->base, bytes);
	}
	arena_release(&arena);
	return bytes;
}

const struct owed *engine_owed(const struct engine *e, uint64_t id, uint32_t *ret_len)
{
	uint32_t row = entities_row(&e->all, id);
	const struct extra *extra = row != NO_ROW ? e->all.extra[row] : NULL;

	*ret_len = extra != NULL ? extra->owed.len : 0;
	return extra != NULL ? extra->owed.items : NULL;
}

const Region__Session *engine_session(const struct engine *e, uint64_t id)
{
	uint32_t row = entities_row(&e->all, id);

	return row != NO_ROW && e->all.extra[row] != NULL ? e->all.extra[row]->session : NULL;
}
