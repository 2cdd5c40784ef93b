/* SPDX-License-Identifier: MIT */
/* What players ask for: which of it is ours, and what it does. */
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "rules/rules.h"

#define LINE_ANSWER_MAX 8192u

/* touched: where the avatar is, or whether it sleeps, is news for the other owners. */
static void touched(struct engine *e, uint64_t avatar)
{
	uint64_t *id = list_add(&e->touched, sizeof(*id), UINT32_MAX);

	if (id != NULL) {
		*id = avatar;
	}
}

void input_answer(struct engine *e, const Region__Input *input, int32_t status, const char *text)
{
	struct output *out = input->token != 0 ? output(e, OUTPUT_ANSWER, input->avatar) : NULL;

	if (out != NULL) {
		out->token = input->token;
		out->status = status;
		out->text = output_text(e, text);
	}
}

static void chunk_output(struct engine *e, enum output_kind kind, uint32_t row)
{
	struct output *out = output(e, kind, e->all.id[row]);

	if (out != NULL) {
		out->chunk = e->all.chunk_of[row];
	}
}

static void entered(struct engine *e, const Region__Input *input, uint32_t row, int there)
{
	struct output *out = output(e, OUTPUT_ENTERED, input->avatar);

	if (out != NULL) {
		out->token = input->token;
		out->chunk = e->all.chunk_of[row];
		out->flag = there != 0;
	}
}

/* bring: what the avatar carries, and who plays it; of one that is here already the player alone. */
static void bring(struct engine *e, const Region__Input *input, uint32_t row, int there)
{
	Region__Record *record = region__record__unpack(NULL, input->state.len, input->state.data);

	if (record == NULL || record->health < 0 || record->health > record->health_max || rules_record_check(record) != 0) {
		if (record != NULL) {
			region__record__free_unpacked(record, NULL);
		}
		say_log(e, TROUPE_LOG_ERROR, "S0419", "what avatar %llx carries cannot be read: it comes with nothing",
			(unsigned long long)input->avatar);
		return;
	}
	if (record->session != NULL) {
		record_session(e, row, record->session);
	}
	if (!there) {
		record_carry(e, row, record);
	}
	region__record__free_unpacked(record, NULL);
}

static void enter(struct engine *e, const Region__Input *input, uint32_t row)
{
	double x = input->x, y = input->y;

	if (row != NO_ROW) {
		int slept = (e->all.flags[row] & ENTITY_ASLEEP) != 0;

		if ((e->all.flags[row] & ENTITY_LEAVES) != 0) {
			input_answer(e, input, TROUPE_ABORTED, "world.not_here"); /* from the next tick on */
			return;
		}
		touched(e, input->avatar);
		e->all.flags[row] &= (uint8_t)~ENTITY_ASLEEP;
		bring(e, input, row, 1);
		if (slept) {
			chunk_output(e, OUTPUT_APPEARED, row);
		}
		entered(e, input, row, 1);
		return;
	}
	if (!engine_inside(e, x, y)) {
		x = y = 0; /* from a larger world: the middle is always there */
	}
	if (!mine(e, x, y) || engine_owner_of(e, input->avatar) >= 0) {
		input_answer(e, input, TROUPE_ABORTED, "world.not_here");
		return;
	}
	row = entities_add(&e->all, input->avatar, 0, input->name, x, y, (double)e->shape.speed * e->shape.tick_ms / 1000);
	if (row == NO_ROW) {
		input_answer(e, input, TROUPE_RESOURCE_EXHAUSTED, "world.no_memory");
		return;
	}
	entity_stand(e, row, input->has_z ? &input->z : NULL);
	e->all.born[row] = e->tick;
	touched(e, input->avatar);
	chunk_output(e, OUTPUT_APPEARED, row);
	entered(e, input, row, 0);
	rules_born(e->rules, row);
	bring(e, input, row, 0);
	rules_enter(e->rules, row);
}

static void leave(struct engine *e, uint32_t row)
{
	if ((e->all.flags[row] & ENTITY_ASLEEP) != 0) {
		return;
	}
	rules_leave(e->rules, row);
	chunk_output(e, OUTPUT_GONE, row);
	chunk_output(e, OUTPUT_LEFT, row);
	entities_stop(&e->all, row);
	e->all.flags[row] |= ENTITY_ASLEEP;
	touched(e, e->all.id[row]);
}

static void gone(struct engine *e, uint32_t row)
{
	if ((e->all.flags[row] & ENTITY_ASLEEP) == 0) {
		return; /* it has come back since */
	}
	e->all.flags[row] |= ENTITY_LEAVES;
	touched(e, e->all.id[row]);
}

/* tell_bounds: the answer is a word for programs; the player is told where the world ends. */
static void tell_bounds(struct engine *e, uint64_t avatar)
{
	struct output *out = output(e, OUTPUT_TELL, avatar);
	char text[128];
	int half = (int)e->all.half;

	if (out != NULL) {
		snprintf(text, sizeof(text), "that is outside of the world: x and y go from %d to %d, z from 0 to %u", -half, half - 1,
			 e->shape.height - 1);
		out->text = output_text(e, text);
	}
}

static void act_answer(struct engine *e, const Region__Input *input, uint32_t row, int32_t status, const char *text)
{
	acted_end(e, row, input->key, status, text);
	input_answer(e, input, status, text);
}

static void act(struct engine *e, const Region__Input *input, uint32_t row)
{
	uint32_t target = entities_near(&e->all, row, input->target);
	char text[TEXT_MAX + 1] = "";
	const double at[3] = { input->x, input->y, input->z };
	const char *reason = NULL;
	struct rules_act act;
	int32_t status;

	if (!acted_begin(e, input, row)) {
		return;
	}
	if (input->target != 0 && target == NO_ROW) {
		act_answer(e, input, row, TROUPE_NOT_FOUND, "world.no_target");
		return;
	}
	if (input->place && !(engine_inside(e, at[0], at[1]) && at[2] >= 0 && at[2] < e->shape.height)) {
		tell_bounds(e, input->avatar);
		act_answer(e, input, row, TROUPE_OUT_OF_RANGE, "world.outside");
		return;
	}
	act = (struct rules_act){ .action = input->name != NULL ? input->name : "",
				  .text = input->text != NULL ? input->text : "",
				  .at = input->place ? at : NULL,
				  .token = input->token,
				  .key = input->key,
				  .target = target };
	status = rules_act(e->rules, row, &act, text, sizeof(text), &reason);
	if (status != RULES_LATER) {
		act_answer(e, input, row, status, status == TROUPE_OK ? text : reason);
	}
}

static void chat(struct engine *e, const Region__Input *input, uint32_t row)
{
	struct output *out;

	if (!rules_chat(e->rules, row, input->text, input->channel)) {
		input_answer(e, input, TROUPE_PERMISSION_DENIED, "chat.refused");
		return;
	}
	out = output(e, OUTPUT_HEARD, input->avatar);
	if (out != NULL) {
		out->chunk = strcmp(input->channel, "near") == 0 ? e->all.chunk_of[row] : 0;
		out->name = output_text(e, e->all.name[row]);
		out->channel = output_text(e, input->channel);
		out->text = output_text(e, input->text);
	}
	input_answer(e, input, TROUPE_OK, "");
}

uint64_t engine_line_id(uint64_t a, uint64_t b)
{
	return seed_mix(a, b) | 1ull << 63;
}

/* line: an operator's: what it gives is the answer. If it fails nothing is done; else the blocks that it sets are asked for, and
 * decided with all edits of the tick. */
static void line(struct engine *e, const Region__Input *input)
{
	char text[LINE_ANSWER_MAX];
	int failed = rules_line(e->rules, input->avatar, input->x, input->y, input->text, text, sizeof(text));

	input_answer(e, input, failed ? TROUPE_INVALID_ARGUMENT : TROUPE_OK, text);
}

uint32_t input_row(const struct engine *e, const Region__Input *input)
{
	uint32_t row = entities_row(&e->all, input->avatar);
	int enters = input->kind == REGION__INPUT_KIND__INPUT_ENTER;
	int sleeps = enters || input->kind == REGION__INPUT_KIND__INPUT_GONE || input->kind == REGION__INPUT_KIND__INPUT_REPLY;

	if (row == NO_ROW || (e->all.flags[row] & ENTITY_GHOST) != 0 || (!enters && (e->all.flags[row] & ENTITY_LEAVES) != 0) ||
	    (!sleeps && (e->all.flags[row] & ENTITY_ASLEEP) != 0)) {
		return NO_ROW;
	}
	return row;
}

static void reply(struct engine *e, const Region__Input *input, uint32_t row)
{
	uint64_t key[2];

	if (input->state.len == sizeof(key)) {
		memcpy(key, input->state.data, sizeof(key));
		rules_rewarded(e->rules, row, key, input->status == TROUPE_OK, input->text != NULL ? input->text : "");
	}
}

void input_run(struct engine *e, const Region__Input *input)
{
	uint32_t row = input_row(e, input);

	if (input->kind == REGION__INPUT_KIND__INPUT_WRITE) {
		line(e, input);
		return;
	}
	if (input->kind == REGION__INPUT_KIND__INPUT_ENTER) {
		enter(e, input, row);
		return;
	}
	if (row == NO_ROW) {
		input_answer(e, input, TROUPE_ABORTED, "world.not_here");
		return;
	}
	switch (input->kind) {
	case REGION__INPUT_KIND__INPUT_LEAVE:
		leave(e, row);
		break;
	case REGION__INPUT_KIND__INPUT_GONE:
		gone(e, row);
		break;
	case REGION__INPUT_KIND__INPUT_MOVE:
		entities_walk(&e->all, row, input->x, input->y);
		e->all.goal_z[row] = input->has_z ? input->z : -1;
		break;
	case REGION__INPUT_KIND__INPUT_ACT:
		act(e, input, row);
		break;
	case REGION__INPUT_KIND__INPUT_CHAT:
		chat(e, input, row);
		break;
	case REGION__INPUT_KIND__INPUT_REPLY:
		reply(e, input, row);
		break;
	default:
		break;
	}
}

uint32_t input_abort(const struct engine *e, uint64_t entity, uint32_t number)
{
	Region__Input *const *aborts = e->aborts.items;

	for (uint32_t i = 0; i < e->aborts.len; i++) {
		if (aborts[i]->avatar == entity && aborts[i]->number == number && !MUTANT("abort_ignored")) {
			return (uint32_t)aborts[i]->status;
		}
	}
	return 0;
}

/* comes: 1 if an earlier input of this tick lets the avatar enter here. */
static int comes(const struct engine *e, uint64_t avatar)
{
	Region__Input *const *inputs = e->inputs.items;

	for (uint32_t i = e->inputs.len; i-- > 0;) {
		if (inputs[i]->avatar == avatar && inputs[i]->kind == REGION__INPUT_KIND__INPUT_ENTER) {
			return 1;
		}
	}
	return 0;
}

static int concerns(const struct engine *e, const Region__Input *input)
{
	uint32_t row = entities_row(&e->all, input->avatar);

	if (input->kind == REGION__INPUT_KIND__INPUT_ABORT) {
		return 1;
	}
	if (input->kind == REGION__INPUT_KIND__INPUT_WRITE) { /* its id is no entity's; its place says whose it is */
		return input->text != NULL && engine_inside(e, input->x, input->y) && mine(e, input->x, input->y);
	}
	if (row != NO_ROW && (e->all.flags[row] & ENTITY_GHOST) == 0) {
		return 1;
	}
	if (input->kind == REGION__INPUT_KIND__INPUT_ENTER) {
		return engine_owner_of(e, input->avatar) < 0 &&
		       (engine_inside(e, input->x, input->y) ? mine(e, input->x, input->y) : mine(e, 0, 0));
	}
	return comes(e, input->avatar);
}

int engine_input(struct engine *e, const Region__Input *input)
{
	struct list *list = input->kind == REGION__INPUT_KIND__INPUT_ABORT ? &e->aborts : &e->inputs;
	Region__Input **place;

	if (!concerns(e, input)) {
		return 1;
	}
	place = list_add(list, sizeof(*place), INPUTS_MAX);
	if (place == NULL) {
		return -1;
	}
	*place = arena_message(arena_now(e), &input->base);
	if (*place == NULL) {
		list->len--;
		return -1;
	}
	return 0;
}
