/* SPDX-License-Identifier: MIT */
/* What players ask of the world: look and echo are answered at once, move, act and chat are inputs of the next tick
 * and answered after one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"

#define CHAT_EVERY_US 200000u /* five a second ... */
#define MOVE_EVERY_US 50000u  /* twenty a second ... */
#define EVENT_SYSTEM_MESSAGE 73u
#define LINE_LATE_US 5000000u
#define BURST_US 1000000u     /* ... with those of one second at once */

/* bucket: 1 if one more is allowed now. *at is when all that was allowed so far will have been paid for. */
static int bucket(uint64_t *at, uint64_t now_us, uint64_t every_us)
{
	uint64_t from = *at > now_us ? *at : now_us;

	if (from + every_us > now_us + BURST_US) {
		return 0;
	}
	*at = from + every_us;
	return 1;
}

/* here: the player that asks, in a world that runs; NULL (answered, or passed on to the owner that has the avatar) if there is
 * none. */
static struct player *here(struct mechanics *m, const struct ask *ask, uint32_t method, const ProtobufCMessage *body)
{
	struct player *player = player_of(m, ask);

	if (player == NULL && m->phase == PHASE_RUNNING && pass_on(m, ask, method, body)) {
		return NULL;
	}
	if (ask_busy(m, ask)) {
		return NULL;
	}
	if (player == NULL) {
		ask_refuse(m, ask, TROUPE_FAILED_PRECONDITION, "world.not_here");
	}
	return player;
}

/* --- at once -------------------------------------------------------------------------------------- */

void ask_look(struct mechanics *m, const struct ask *ask, const World__LookRequest *body)
{
	const struct player *player = here(m, ask, WORLD_LOOK_ID, &body->base);
	World__LookReply reply = WORLD__LOOK_REPLY__INIT;
	World__Entity entities[LOOK_MAX], *list[LOOK_MAX], self;
	uint32_t cells[9], n;
	struct sight sight;

	if (player == NULL) {
		return;
	}
	if (engine_see(m->engine, player->avatar, &sight) != 0) {
		ask_refuse(m, ask, TROUPE_FAILED_PRECONDITION, "world.not_here");
		return;
	}
	interest_entity(&sight, &self);
	n = engine_around(m->engine, sight.chunk, cells);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len;
		const struct sight *sights = interest_sights(m, cells[i], &len);

		for (uint32_t s = 0; s < len && reply.n_entities < LOOK_MAX; s++) {
			if (sights[s].id != player->avatar) {
				interest_entity(&sights[s], &entities[reply.n_entities]);
				list[reply.n_entities] = &entities[reply.n_entities];
				reply.n_entities++;
			}
		}
	}
	reply.has_tick = 1;
	reply.tick = engine_tick(m->engine);
	reply.self = &self;
	reply.entities = list;
	ask_reply(m, ask, &reply.base);
}

void ask_echo(struct mechanics *m, const struct ask *ask, const World__EchoRequest *body)
{
	const struct player *player = here(m, ask, WORLD_ECHO_ID, &body->base);
	World__EchoReply reply = WORLD__ECHO_REPLY__INIT;
	const char *reason, *bytes;
	size_t len;
	int32_t status;

	if (player == NULL) {
		return;
	}
	status = engine_echo(m->engine, player->avatar, body->body.data, body->body.len, &bytes, &len, &reason);
	if (status != TROUPE_OK) {
		ask_refuse(m, ask, status, reason);
		return;
	}
	reply.has_body = 1;
	reply.body.data = (uint8_t *)bytes;
	reply.body.len = len;
	ask_reply(m, ask, &reply.base);
}

/* --- inputs --------------------------------------------------------------------------------------- */

static int queue_move(struct mechanics *m, const struct player *player, const World__MoveRequest *body)
{
	Region__Input input = REGION__INPUT__INIT;

	input.has_kind = input.has_avatar = input.has_x = input.has_y = input.has_place = 1;
	input.kind = REGION__INPUT_KIND__INPUT_MOVE;
	input.avatar = player->avatar;
	input.x = body->x;
	input.y = body->y;
	input.place = 1;
	return journal_queue(m, &input, body->seq);
}

/* tell_bounds: the refusal is a word for programs; the player is told where the world ends. */
static void tell_bounds(struct mechanics *m, const struct player *player)
{
	World__SystemMessage message = WORLD__SYSTEM_MESSAGE__INIT;
	int half = (int)engine_shape(m->engine)->size / 2;
	char text[96];

	snprintf(text, sizeof(text), "that is outside of the world: x and y go from %d to %d", -half, half);
	message.text = text;
	say_send(m, player, EVENT_SYSTEM_MESSAGE, &message.base);
}

void ask_move(struct mechanics *m, const struct ask *ask, const World__MoveRequest *body)
{
	struct player *player = here(m, ask, WORLD_MOVE_ID, &body->base);
	int32_t status = TROUPE_OK;
	const char *reason = "";

	if (player == NULL) {
		return;
	}
	if (!body->has_x || !body->has_y || !(body->x - body->x == 0) || !(body->y - body->y == 0)) {
		status = TROUPE_INVALID_ARGUMENT; /* not there, NaN, or infinite */
		reason = "world.bad_position";
	} else if (!engine_inside(m->engine, body->x, body->y)) {
		tell_bounds(m, player);
		status = TROUPE_OUT_OF_RANGE;
		reason = "world.out_of_world";
	} else if (body->seq <= player->seq) {
		status = TROUPE_FAILED_PRECONDITION;
		reason = "world.old_seq";
	} else if (!bucket(&player->move_us, m->h->now_us(m->h), MOVE_EVERY_US)) {
		status = TROUPE_RESOURCE_EXHAUSTED;
		reason = "world.too_fast";
	} else if (queue_move(m, player, body) != 0) {
		status = TROUPE_RESOURCE_EXHAUSTED;
		reason = "world.busy";
	}
	if (status != TROUPE_OK) {
		count(m, METRIC_MOVE_REFUSED);
		ask_refuse(m, ask, status, reason);
		return;
	}
	player->seq = body->seq;
	ask_moved(m, ask, body);
}

/* queue_wait: the input, and the request waits for its answer. */
static void queue_wait(struct mechanics *m, const struct ask *ask, enum waiting_kind kind, Region__Input *input)
{
	struct waiting *waiting = ask_wait(m, ask, kind, input->avatar);

	if (waiting == NULL) {
		return;
	}
	input->has_kind = input->has_avatar = input->has_token = 1;
	input->token = waiting->token;
	if (kind == WAITING_LINE) {
		snprintf(waiting->line, LINE_SHOWN, "%s", input->text);
	}
	if (journal_queue(m, input, 0) != 0) {
		free(ask_take(m, waiting->token));
		ask_refuse(m, ask, TROUPE_RESOURCE_EXHAUSTED, "world.busy");
	}
}

void ask_act(struct mechanics *m, const struct ask *ask, const World__ActRequest *body)
{
	const struct player *player = here(m, ask, WORLD_ACT_ID, &body->base);
	Region__Input input = REGION__INPUT__INIT;

	if (player == NULL) {
		return;
	}
	if (body->text != NULL && strlen(body->text) > TEXT_MAX) {
		ask_refuse(m, ask, TROUPE_INVALID_ARGUMENT, "world.text_too_long");
		return;
	}
	input.kind = REGION__INPUT_KIND__INPUT_ACT;
	input.avatar = player->avatar;
	input.name = body->action != NULL ? body->action : (char *)"";
	input.text = body->text != NULL ? body->text : (char *)"";
	input.has_target = body->target != 0;
	input.target = body->target;
	input.has_key = body->key != 0;
	input.key = body->key;
	input.place = input.has_place = body->has_bx && body->has_by && body->has_bz;
	if (input.place) {
		input.has_x = input.has_y = input.has_z = 1;
		input.x = body->bx;
		input.y = body->by;
		input.z = body->bz;
	}
	queue_wait(m, ask, WAITING_ACT, &input);
}

void ask_line(struct mechanics *m, const struct ask *ask, const char *line, double x, double y)
{
	Region__Input input = REGION__INPUT__INIT;

	input.kind = REGION__INPUT_KIND__INPUT_WRITE;
	input.avatar = engine_line_id(m->h->id ^ m->epoch, m->token + 1);
	input.text = (char *)line;
	input.has_x = input.has_y = input.has_place = 1;
	input.x = x;
	input.y = y;
	input.place = 1;
	queue_wait(m, ask, WAITING_LINE, &input);
}

/* characters: of UTF-8 that is known to be valid. */
static uint32_t characters(const char *text)
{
	uint32_t n = 0;

	for (; *text != '\0'; text++) {
		n += ((unsigned char)*text & 0xC0) != 0x80;
	}
	return n;
}

void ask_chat(struct mechanics *m, const struct ask *ask, const World__ChatRequest *body)
{
	struct player *player = here(m, ask, WORLD_CHAT_ID, &body->base);
	const char *channel = body->channel != NULL && body->channel[0] != '\0' ? body->channel : "near";
	Region__Input input = REGION__INPUT__INIT;
	int32_t status = TROUPE_OK;
	const char *reason = "";

	if (player == NULL) {
		return;
	}
	if (strcmp(channel, "near") != 0 && strcmp(channel, "shard") != 0) {
		status = TROUPE_NOT_FOUND;
		reason = "chat.no_channel";
	} else if (body->text == NULL || body->text[0] == '\0' || characters(body->text) > CHAT_MAX) {
		status = TROUPE_INVALID_ARGUMENT;
		reason = "chat.length";
	} else if (!bucket(&player->chat_us, m->h->now_us(m->h), CHAT_EVERY_US)) {
		status = TROUPE_RESOURCE_EXHAUSTED;
		reason = "chat.too_fast";
	}
	if (status != TROUPE_OK) {
		count(m, METRIC_CHAT_REFUSED);
		ask_refuse(m, ask, status, reason);
		return;
	}
	input.kind = REGION__INPUT_KIND__INPUT_CHAT;
	input.avatar = player->avatar;
	input.channel = (char *)channel;
	input.text = body->text;
	queue_wait(m, ask, WAITING_CHAT, &input);
}

/* --- answers -------------------------------------------------------------------------------------- */

/* line_log: who asked has given up, so nothing else says what came of it. */
static void line_log(struct mechanics *m, const struct waiting *waiting, int failed, const char *text)
{
	log_line(m, TROUPE_LOG_NOTICE, NULL, "a line of an operator %s after %u s: %s: %.200s", failed ? "failed" : "was done",
		 (unsigned)((m->h->now_us(m->h) - waiting->at_us) / 1000000u), waiting->line, text);
}

void line_again(struct mechanics *m, const struct output *output)
{
	for (struct waiting **at = &m->lines; *at != NULL; at = &(*at)->next) {
		struct waiting *line = *at;

		if (line->token == output->token && line->avatar == output->id) {
			*at = line->next;
			line_log(m, line, output->status != TROUPE_OK, output->text != NULL ? output->text : "");
			free(line);
			return;
		}
	}
}

void method_answer(struct mechanics *m, const struct output *output)
{
	static const World__ChatReply chat = WORLD__CHAT_REPLY__INIT;
	World__ActReply act = WORLD__ACT_REPLY__INIT;
	struct waiting *waiting = ask_take(m, output->token);
	const char *text = output->text != NULL ? output->text : "";

	if (waiting == NULL) {
		return; /* its caller waits no more */
	}
	if (waiting->kind == WAITING_LINE) {
		if (m->h->now_us(m->h) - waiting->at_us > LINE_LATE_US) {
			line_log(m, waiting, output->status != TROUPE_OK, text);
		}
		line_answer(m, waiting->ask.request, output->status != TROUPE_OK, text);
	} else if (waiting->kind == WAITING_ENTER && output->status == TROUPE_ABORTED) {
		/* Its place went to another owner, or the avatar was just leaving: to ask again is all that it takes. */
		count(m, METRIC_ENTER_REFUSED);
		ask_refuse(m, &waiting->ask, TROUPE_UNAVAILABLE, "world.busy");
	} else if (output->status != TROUPE_OK) {
		if (waiting->kind != WAITING_ACT) {
			count(m, waiting->kind == WAITING_CHAT ? METRIC_CHAT_REFUSED : METRIC_ENTER_REFUSED);
		}
		ask_refuse(m, &waiting->ask, output->status, text);
	} else if (waiting->kind == WAITING_ACT) {
		act.text = (char *)text;
		ask_reply(m, &waiting->ask, &act.base);
	} else {
		ask_reply(m, &waiting->ask, &chat.base);
	}
	free(waiting);
}
