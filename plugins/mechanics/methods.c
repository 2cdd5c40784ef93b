/* SPDX-License-Identifier: MIT */
/* What players ask of the world: look, move, act, echo, chat. */
#include <string.h>

#include "mechanics.h"

#define EVENT_CHAT_HEARD 72u
#define CHAT_EVERY_US 200000u /* five a second ... */
#define MOVE_EVERY_US 50000u  /* twenty a second ... */
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

void method_look(void *instance, const struct troupe_request *request, const World__LookRequest *body)
{
	struct mechanics *m = instance;
	struct player *player = player_of(m, request);
	World__LookReply reply = WORLD__LOOK_REPLY__INIT;
	World__Entity entities[LOOK_MAX], *list[LOOK_MAX], self;
	uint32_t cells[AROUND_MAX], n;

	(void)body;
	if (player == NULL) {
		return;
	}
	interest_entity(m, world_row(&m->world, player->avatar), &self);
	n = world_around(&m->world, player->cell, cells);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t row = m->world.first[cells[i]]; row != NO_ROW && reply.n_entities < LOOK_MAX;
		     row = m->world.next[row]) {
			if (m->world.id[row] != player->avatar) {
				interest_entity(m, row, &entities[reply.n_entities]);
				list[reply.n_entities] = &entities[reply.n_entities];
				reply.n_entities++;
			}
		}
	}
	reply.has_tick = 1;
	reply.tick = m->tick;
	reply.self = &self;
	reply.entities = list;
	world_look_reply(m->h, request->id, &reply);
}

void method_move(void *instance, const struct troupe_request *request, const World__MoveRequest *body)
{
	struct mechanics *m = instance;
	struct player *player = player_of(m, request);
	World__MoveReply reply = WORLD__MOVE_REPLY__INIT;
	int32_t status = TROUPE_OK;
	const char *reason = "";

	if (player == NULL) {
		return;
	}
	if (!body->has_x || !body->has_y || !(body->x - body->x == 0) || !(body->y - body->y == 0)) {
		status = TROUPE_INVALID_ARGUMENT; /* not there, NaN, or infinite */
		reason = "world.bad_position";
	} else if (!world_inside(&m->world, body->x, body->y)) {
		status = TROUPE_OUT_OF_RANGE;
		reason = "world.out_of_world";
	} else if (body->seq <= player->seq) {
		status = TROUPE_FAILED_PRECONDITION;
		reason = "world.old_seq";
	} else if (!bucket(&player->move_us, m->h->now_us(m->h), MOVE_EVERY_US)) {
		status = TROUPE_RESOURCE_EXHAUSTED;
		reason = "world.too_fast";
	}
	if (status != TROUPE_OK) {
		count(m, METRIC_MOVE_REFUSED);
		proto_refuse(m->h, request->id, status, reason);
		return;
	}
	player->seq = body->seq;
	world_walk(&m->world, world_row(&m->world, player->avatar), body->x, body->y);
	reply.has_seq = reply.has_x = reply.has_y = 1;
	reply.seq = body->seq;
	reply.x = body->x;
	reply.y = body->y;
	world_move_reply(m->h, request->id, &reply);
}

void method_act(void *instance, const struct troupe_request *request, const World__ActRequest *body)
{
	struct mechanics *m = instance;
	const struct player *player = player_of(m, request);
	char text[TEXT_MAX + 1] = "";
	World__ActReply reply = WORLD__ACT_REPLY__INIT;
	uint32_t row, target = NO_ROW;
	const char *reason;
	int32_t status;

	if (player == NULL) {
		return;
	}
	row = world_row(&m->world, player->avatar);
	if (body->target != 0) {
		target = world_row(&m->world, body->target);
		if (target == NO_ROW || !world_touching(&m->world, m->world.cell_of[row], m->world.cell_of[target])) {
			proto_refuse(m->h, request->id, TROUPE_NOT_FOUND, "world.no_target");
			return;
		}
	}
	if (body->text != NULL && strlen(body->text) > TEXT_MAX) {
		proto_refuse(m->h, request->id, TROUPE_INVALID_ARGUMENT, "world.text_too_long");
		return;
	}
	status = rules_act(m->rules, row, body->action != NULL ? body->action : "", target,
			   body->text != NULL ? body->text : "", text, sizeof(text), &reason);
	if (status != TROUPE_OK) {
		proto_refuse(m->h, request->id, status, reason);
		return;
	}
	reply.text = text;
	world_act_reply(m->h, request->id, &reply);
}

void method_echo(void *instance, const struct troupe_request *request, const World__EchoRequest *body)
{
	struct mechanics *m = instance;
	const struct player *player = player_of(m, request);
	World__EchoReply reply = WORLD__ECHO_REPLY__INIT;
	const char *reason, *bytes;
	size_t len;
	int32_t status;

	if (player == NULL) {
		return;
	}
	status = rules_echo(m->rules, player->avatar, body->body.data, body->body.len, &bytes, &len, &reason);
	if (status != TROUPE_OK) {
		proto_refuse(m->h, request->id, status, reason);
		return;
	}
	reply.has_body = 1;
	reply.body.data = (uint8_t *)bytes;
	reply.body.len = len;
	world_echo_reply(m->h, request->id, &reply);
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

void method_chat(void *instance, const struct troupe_request *request, const World__ChatRequest *body)
{
	static const World__ChatReply reply = WORLD__CHAT_REPLY__INIT;
	struct mechanics *m = instance;
	struct player *player = player_of(m, request);
	const char *channel = body->channel != NULL && body->channel[0] != '\0' ? body->channel : "near";
	World__ChatHeard heard = WORLD__CHAT_HEARD__INIT;
	int near = strcmp(channel, "near") == 0;
	int32_t status = TROUPE_OK;
	const char *reason = "";

	if (player == NULL) {
		return;
	}
	if (!near && strcmp(channel, "shard") != 0) {
		status = TROUPE_NOT_FOUND;
		reason = "chat.no_channel";
	} else if (body->text == NULL || body->text[0] == '\0' || characters(body->text) > CHAT_MAX) {
		status = TROUPE_INVALID_ARGUMENT;
		reason = "chat.length";
	} else if (!bucket(&player->chat_us, m->h->now_us(m->h), CHAT_EVERY_US)) {
		status = TROUPE_RESOURCE_EXHAUSTED;
		reason = "chat.too_fast";
	} else if (!rules_chat(m->rules, world_row(&m->world, player->avatar), body->text, channel)) {
		status = TROUPE_PERMISSION_DENIED;
		reason = "chat.refused";
	}
	if (status != TROUPE_OK) {
		count(m, METRIC_CHAT_REFUSED);
		proto_refuse(m->h, request->id, status, reason);
		return;
	}
	heard.has_from = 1;
	heard.from = player->avatar;
	heard.name = player->name; /* the one we were told with the avatar, never one from a message */
	heard.channel = (char *)channel;
	heard.text = body->text;
	/* Those who see the speaker's cell are those in it and around it. */
	say_publish(m, near ? player->cell : 0, EVENT_CHAT_HEARD, &heard.base, 0);
	world_chat_reply(m->h, request->id, &reply);
}
