/* SPDX-License-Identifier: MIT */
/* The mechanics role alone in a simulated host: a front-end and an item store are played by the test. */
#include "plugins/mechanics/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the front-end and the store ------------------------------------------------------------------ */

static struct heard *hear(struct rig *rig, uint32_t event, const ProtobufCBinaryData *payload)
{
	struct heard *heard = &rig->heard[rig->heard_len % HEARD_MAX];

	rig->heard_len++;
	memset(heard, 0, sizeof(*heard));
	heard->event = event;
	if (payload != NULL) {
		heard->len = payload->len;
		memcpy(heard->payload, payload->data,
		       payload->len < sizeof(heard->payload) ? payload->len : sizeof(heard->payload));
	}
	return heard;
}

static void on_batch(void *instance, const struct troupe_request *request, const Frontend__Batch *body)
{
	struct rig *rig = instance;

	(void)request;
	rig->batches++;
	for (size_t i = 0; i < body->n_subscribe; i++) {
		struct heard *heard = hear(rig, 0, NULL);

		heard->session = body->subscribe[i]->session;
		heard->add = body->subscribe[i]->n_add > 0;
		heard->remove = body->subscribe[i]->n_remove > 0;
		heard->channel = heard->add ? body->subscribe[i]->add[0] : body->subscribe[i]->remove[0];
	}
	for (size_t i = 0; i < body->n_send; i++) {
		hear(rig, body->send[i]->event, &body->send[i]->payload)->session = body->send[i]->session;
	}
	for (size_t i = 0; i < body->n_publish; i++) {
		struct heard *heard = hear(rig, body->publish[i]->event, &body->publish[i]->payload);

		heard->channel = body->publish[i]->channel;
		heard->droppable = body->publish[i]->droppable;
	}
}

static void on_reenter(void *instance, const struct troupe_request *request, const Frontend__Reenter *body)
{
	struct rig *rig = instance;

	(void)request;
	rig->reentered += body->n_session;
	rig->reenter_session = body->session[0];
}

static void on_moved(void *instance, const struct troupe_request *request, const Frontend__Moved *body)
{
	struct rig *rig = instance;

	rig->moved += (uint32_t)body->n_session;
	rig->moved_session = body->session[0];
	rig->moved_to = request->from;
}

static const struct troupe_method fe_methods[] = { FRONTEND_BATCH(on_batch), FRONTEND_REENTER(on_reenter),
						   FRONTEND_MOVED(on_moved), { 0 } };

static void on_save(void *instance, const struct troupe_request *request, const Avatar__SaveRequest *body)
{
	static const Avatar__SaveReply reply = AVATAR__SAVE_REPLY__INIT;
	struct rig *rig = instance;

	if (rig->store_silent) {
		return;
	}
	if (rig->store_down) {
		proto_refuse(rig->store, request->id, TROUPE_UNAVAILABLE, "store.down");
		return;
	}
	if (body->epoch < rig->fence) {
		proto_refuse(rig->store, request->id, TROUPE_FAILED_PRECONDITION, "avatar.stale");
		return;
	}
	rig->saves++;
	rig->saved_avatar = body->avatar;
	rig->saved_epoch = body->epoch;
	rig->saved_x = body->x;
	rig->saved_y = body->y;
	rig->saved_state_len = body->state.len < sizeof(rig->saved_state) ? body->state.len : 0;
	memcpy(rig->saved_state, body->state.data, rig->saved_state_len);
	avatar_save_reply(rig->store, request->id, &reply);
}

static void on_grant(void *instance, const struct troupe_request *request, const Item__GrantRequest *body)
{
	static const Item__GrantReply reply = ITEM__GRANT_REPLY__INIT;
	struct rig *rig = instance;

	assert_int_equal(body->order.len, sizeof(rig->grant_key));
	if (rig->grants++ == 0) {
		memcpy(rig->grant_key, body->order.data, sizeof(rig->grant_key));
	}
	rig->grants_other += memcmp(rig->grant_key, body->order.data, sizeof(rig->grant_key)) != 0;
	if (rig->store_down || rig->store_busy) {
		proto_refuse(rig->store, request->id, rig->store_busy ? TROUPE_RESOURCE_EXHAUSTED : TROUPE_UNAVAILABLE,
			     rig->store_busy ? "store.busy" : "store.down");
		return;
	}
	item_grant_reply(rig->store, request->id, &reply);
}

static const struct troupe_method store_methods[] = { AVATAR_SAVE(on_save), ITEM_GRANT(on_grant), { 0 } };

/* --- life ----------------------------------------------------------------------------------------- */

void rig_script(struct rig *rig, const char *name, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", rig->scripts, name);
	if (text == NULL) {
		unlink(path);
		return;
	}
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

void rig_open(struct rig *rig, const char *world, const char *owners, const char *script)
{
	rig_open_seed(rig, world, owners, script, 1);
}

void rig_open_seed(struct rig *rig, const char *world, const char *owners, const char *script, uint64_t seed)
{
	rig_begin(rig, world, owners, script, seed);
	rig_runs(rig);
}

void rig_begin(struct rig *rig, const char *world, const char *owners, const char *script, uint64_t seed)
{
	char text[1024];

	memset(rig, 0, sizeof(*rig));
	strcpy(rig->scripts, "/tmp/mechanics-XXXXXX");
	assert_non_null(mkdtemp(rig->scripts));
	if (script != NULL) {
		rig_script(rig, "rules.lua", script);
	}
	snprintf(text, sizeof(text),
		 "cluster \"t\" { }\npart \"shard:meadow\"\ndatabase \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
		 "scheduler \"s1\" { database = \"meadow\", map = \"flat\", scripts = \"%s\"%s%s }\n%s",
		 rig->scripts, world[0] != '\0' ? ", " : "", world, owners);
	rig->config = sim_config(text, NULL);
	assert_non_null(rig->config);
	rig->sim = sim_open(rig->config, seed);
	rig->fe = sim_actor(rig->sim, "meadow/frontend.fe1", "shard:meadow", rig, fe_methods);
	rig->store = sim_actor(rig->sim, "meadow/itemstore", "shard:meadow", rig, store_methods);
}

void rig_close(struct rig *rig)
{
	char command[128];

	sim_close(rig->sim);
	config_free(rig->config);
	snprintf(command, sizeof(command), "rm -rf '%s'", rig->scripts);
	assert_int_equal(system(command), 0);
}

/* --- asking --------------------------------------------------------------------------------------- */

static void answered(struct rig *rig, const struct troupe_reply *reply)
{
	rig->answered = 1;
	rig->status = reply->status;
	snprintf(rig->reason, sizeof(rig->reason), "%s", reply->reason != NULL ? reply->reason : "");
}

static int wait_for(struct rig *rig)
{
	assert_true(sim_run_until(rig->sim, &rig->answered, 6000));
	return rig->status;
}

static struct proto_to as(struct rig *rig, uint64_t avatar, uint64_t session)
{
	rig->answered = 0;
	rig->text[0] = '\0';
	return (struct proto_to){ .account = rig->account != 0 ? rig->account : avatar, .actor = avatar, .session = session };
}

static void on_command(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct rig *rig = arg;

	(void)instance;
	(void)typed;
	answered(rig, reply);
	snprintf(rig->text, sizeof(rig->text), "%.*s", (int)reply->body_len, reply->body != NULL ? (const char *)reply->body : "");
}

int rig_reload(struct rig *rig)
{
	rig->answered = 0;
	sim_command(rig->sim, "meadow/scheduler.s1", "script reload", NULL, on_command, rig);
	return wait_for(rig);
}

int rig_repl(struct rig *rig, const char *line, int write, const char *at)
{
	const struct {
		const char *line;
		int64_t write;
		const char *at;
	} args = { line, write, at };

	rig->answered = 0;
	sim_command(rig->sim, RIG_NAME, "repl", &args, on_command, rig);
	return wait_for(rig);
}

int rig_pause(struct rig *rig)
{
	rig->answered = 0;
	sim_command(rig->sim, "meadow/scheduler.s1", "world pause", &(const char *){ "" }, on_command, rig);
	return wait_for(rig);
}

int rig_world(struct rig *rig)
{
	rig->answered = 0;
	sim_command(rig->sim, "meadow/scheduler.s1", "world status", NULL, on_command, rig);
	return wait_for(rig);
}

long rig_status(struct rig *rig, const char *key)
{
	return rig_status_of(rig, RIG_NAME, key);
}

long rig_status_of(struct rig *rig, const char *owner, const char *key)
{
	char name[64];
	const char *at;

	rig->answered = 0;
	sim_command(rig->sim, owner, "status", NULL, on_command, rig);
	assert_int_equal(wait_for(rig), TROUPE_OK);
	snprintf(name, sizeof(name), "\"%s\":", key);
	at = strstr(rig->text, name);
	assert_non_null(at);
	return strtol(at + strlen(name), NULL, 10);
}

void rig_runs(struct rig *rig)
{
	for (int i = 0; i < 200; i++) {
		sim_run(rig->sim, 100);
		if (rig_status(rig, "tick") > 1 && strstr(rig->text, "\"world\":\"running\"") != NULL) {
			return;
		}
	}
	fail_msg("the world does not run: %s", rig->text);
}

static void on_enter(void *instance, void *arg, const struct troupe_reply *reply, const World__EnterReply *body)
{
	struct rig *rig = arg;

	(void)instance;
	answered(rig, reply);
	if (reply->status == TROUPE_OK) {
		rig->x = body->x;
		rig->y = body->y;
		rig->tick = body->tick;
		rig->owner = body->owner;
		rig->at[rig->entering % RIG_AVATARS] = body->owner != 0 ? body->owner : reply->from;
	}
}

static int enter(struct rig *rig, uint64_t avatar, const char *name, double x, double y, uint64_t session, uint64_t epoch)
{
	World__EnterRequest request = WORLD__ENTER_REQUEST__INIT;
	struct proto_to to = as(rig, avatar, session);

	request.has_avatar = request.has_x = request.has_y = request.has_epoch = 1;
	request.avatar = avatar;
	request.name = (char *)name;
	request.x = x;
	request.y = y;
	request.epoch = epoch;
	if (avatar == rig->saved_avatar && rig->saved_state_len > 0) { /* as the item store would */
		request.has_state = 1;
		request.state.data = rig->saved_state;
		request.state.len = rig->saved_state_len;
	}
	rig->entering = avatar;
	for (rig->hops = 0; rig->hops < 4; rig->hops++) {
		rig->answered = 0;
		rig->owner = 0;
		world_enter(rig->fe, &request, &to, on_enter, rig);
		if (wait_for(rig) != TROUPE_OK || rig->owner == 0) {
			break;
		}
		to.instance = rig->owner;
	}
	return rig->status;
}

int rig_enter(struct rig *rig, uint64_t avatar, const char *name, double x, double y, uint64_t epoch)
{
	return enter(rig, avatar, name, x, y, 1000 + avatar, epoch);
}

int rig_enter_as(struct rig *rig, uint64_t avatar, uint64_t session, uint64_t epoch)
{
	return enter(rig, avatar, "Ann", 0, 0, session, epoch);
}

static void on_leave(void *instance, void *arg, const struct troupe_reply *reply, const World__LeaveReply *body)
{
	(void)instance;
	(void)body;
	answered(arg, reply);
}

static int leave(struct rig *rig, uint64_t avatar, uint64_t session, int lost)
{
	World__LeaveRequest request = WORLD__LEAVE_REQUEST__INIT;
	struct proto_to to = as(rig, avatar, session);

	request.has_avatar = request.has_lost = 1;
	request.avatar = avatar;
	request.lost = lost;
	to.instance = rig_at(rig, avatar);
	world_leave(rig->fe, &request, &to, on_leave, rig);
	return wait_for(rig);
}

int rig_leave(struct rig *rig, uint64_t avatar, uint64_t session)
{
	return leave(rig, avatar, session, 0);
}

int rig_lose(struct rig *rig, uint64_t avatar, uint64_t session)
{
	return leave(rig, avatar, session, 1);
}

static struct proto_to to_avatar(struct rig *rig, uint64_t avatar)
{
	struct proto_to to = as(rig, avatar, 1000 + avatar);

	to.instance = rig_at(rig, avatar);
	return to;
}

uint64_t rig_at(struct rig *rig, uint64_t avatar)
{
	uint64_t at = rig->at[avatar % RIG_AVATARS];

	return at != 0 ? at : troupe_fnv64(RIG_NAME, strlen(RIG_NAME));
}

static void on_move(void *instance, void *arg, const struct troupe_reply *reply, const World__MoveReply *body)
{
	struct rig *rig = arg;

	(void)instance;
	(void)body;
	rig->moves_taken += reply->status == TROUPE_OK;
	answered(rig, reply);
}

void rig_move_send(struct rig *rig, uint64_t avatar, uint64_t seq, double x, double y)
{
	World__MoveRequest request = WORLD__MOVE_REQUEST__INIT;
	struct proto_to to = to_avatar(rig, avatar);

	request.has_seq = request.has_x = request.has_y = 1;
	request.seq = seq;
	request.x = x;
	request.y = y;
	world_move(rig->fe, &request, &to, on_move, rig);
}

int rig_move(struct rig *rig, uint64_t avatar, uint64_t seq, double x, double y)
{
	rig_move_send(rig, avatar, seq, x, y);
	return wait_for(rig);
}

static void on_look(void *instance, void *arg, const struct troupe_reply *reply, const World__LookReply *body)
{
	struct rig *rig = arg;

	(void)instance;
	answered(rig, reply);
	if (reply->status == TROUPE_OK) {
		rig->x = body->self->x;
		rig->y = body->self->y;
		rig->tick = body->tick;
		rig->entities = (uint32_t)body->n_entities;
		snprintf(rig->first_kind, sizeof(rig->first_kind), "%s",
			 body->n_entities > 0 ? body->entities[0]->kind : "");
	}
}

int rig_look(struct rig *rig, uint64_t avatar)
{
	World__LookRequest request = WORLD__LOOK_REQUEST__INIT;
	struct proto_to to = to_avatar(rig, avatar);

	world_look(rig->fe, &request, &to, on_look, rig);
	return wait_for(rig);
}

static void on_act(void *instance, void *arg, const struct troupe_reply *reply, const World__ActReply *body)
{
	struct rig *rig = arg;

	(void)instance;
	answered(rig, reply);
	if (reply->status == TROUPE_OK && body->text != NULL) {
		snprintf(rig->text, sizeof(rig->text), "%s", body->text);
	}
}

static void act(struct rig *rig, uint64_t avatar, const char *action, uint64_t target, uint64_t key)
{
	World__ActRequest request = WORLD__ACT_REQUEST__INIT;
	struct proto_to to = to_avatar(rig, avatar);

	request.action = (char *)action;
	request.has_target = target != 0;
	request.target = target;
	request.has_key = key != 0;
	request.key = key;
	world_act(rig->fe, &request, &to, on_act, rig);
}

int rig_act(struct rig *rig, uint64_t avatar, const char *action, uint64_t target)
{
	act(rig, avatar, action, target, 0);
	return wait_for(rig);
}

void rig_act_send(struct rig *rig, uint64_t avatar, const char *action, uint64_t key)
{
	act(rig, avatar, action, 0, key);
}

int rig_act_key(struct rig *rig, uint64_t avatar, const char *action, uint64_t key)
{
	act(rig, avatar, action, 0, key);
	return wait_for(rig);
}

static void on_chat(void *instance, void *arg, const struct troupe_reply *reply, const World__ChatReply *body)
{
	(void)instance;
	(void)body;
	answered(arg, reply);
}

int rig_chat(struct rig *rig, uint64_t avatar, const char *channel, const char *text)
{
	World__ChatRequest request = WORLD__CHAT_REQUEST__INIT;
	struct proto_to to = to_avatar(rig, avatar);

	request.channel = (char *)channel;
	request.text = (char *)text;
	world_chat(rig->fe, &request, &to, on_chat, rig);
	return wait_for(rig);
}

static void on_echo(void *instance, void *arg, const struct troupe_reply *reply, const World__EchoReply *body)
{
	struct rig *rig = arg;

	(void)instance;
	answered(rig, reply);
	if (reply->status == TROUPE_OK) {
		snprintf(rig->text, sizeof(rig->text), "%.*s", (int)body->body.len, (const char *)body->body.data);
	}
}

int rig_echo(struct rig *rig, uint64_t avatar, const void *bytes, size_t len)
{
	World__EchoRequest request = WORLD__ECHO_REQUEST__INIT;
	struct proto_to to = to_avatar(rig, avatar);

	request.has_body = 1;
	request.body.data = (uint8_t *)bytes;
	request.body.len = len;
	world_echo(rig->fe, &request, &to, on_echo, rig);
	return wait_for(rig);
}

uint32_t rig_lines(struct rig *rig, uint32_t event, const char *text)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rig->heard_len && i < HEARD_MAX; i++) {
		n += rig->heard[i].event == event &&
		     memmem(rig->heard[i].payload, rig->heard[i].len, text, strlen(text)) != NULL;
	}
	return n;
}
