/* SPDX-License-Identifier: MIT */
/* The roles that a front-end talks to, as the test plays them: account, master, item store and mechanics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/frontend/rig.h"

static void on_redeem(void *instance, const struct troupe_request *request, const Account__RedeemRequest *body)
{
	struct world *w = instance;
	Account__RedeemReply reply = ACCOUNT__REDEEM_REPLY__INIT;

	static uint8_t token[32] = { 0xAA };

	if (body->has_resume && (body->resume.data[0] != 0xAA || strcmp(body->shard, "meadow") != 0)) {
		proto_refuse(w->account, request->id, TROUPE_NOT_FOUND, "account.resume_unknown");
		return;
	}
	reply.has_resume = reply.has_resume_ms = 1;
	reply.resume.data = token;
	reply.resume.len = sizeof(token);
	reply.resume_ms = 600000;
	if (body->has_resume) {
		reply.has_account = reply.has_epoch = 1;
		reply.account = body->account;
		reply.epoch = ++w->epoch;
		account_redeem_reply(w->account, request->id, &reply);
		return;
	}
	if (body->ticket.data[0] == 0xFF) {
		proto_refuse(w->account, request->id, TROUPE_PERMISSION_DENIED, "account.ticket_used");
		return;
	}
	reply.has_account = reply.has_epoch = 1;
	reply.account = body->ticket.data[0];
	reply.epoch = ++w->epoch;
	account_redeem_reply(w->account, request->id, &reply);
}

static void on_keep(void *instance, const struct troupe_request *request, const Account__KeepRequest *body)
{
	struct world *w = instance;
	static const Account__KeepReply reply = ACCOUNT__KEEP_REPLY__INIT;

	w->kept++;
	w->account_seen = body->account;
	if (w->stale) {
		proto_refuse(w->account, request->id, TROUPE_FAILED_PRECONDITION, "account.stale");
	} else {
		account_keep_reply(w->account, request->id, &reply);
	}
}

const struct troupe_method account_methods[] = { ACCOUNT_REDEEM(on_redeem), ACCOUNT_KEEP(on_keep), { 0 } };

static void on_register(void *instance, const struct troupe_request *request, const Master__Register *body)
{
	struct world *w = instance;

	(void)request;
	assert_string_equal(body->shard, "meadow");
	w->registered++;
	w->draining = body->draining;
}

static void on_set(void *instance, const struct troupe_request *request, const Master__PresenceSet *body)
{
	(void)request;
	(void)body;
	((struct world *)instance)->present++;
}

static void on_clear(void *instance, const struct troupe_request *request, const Master__PresenceClear *body)
{
	(void)request;
	(void)body;
	((struct world *)instance)->cleared++;
}

const struct troupe_method master_methods[] = { MASTER_REGISTER(on_register), MASTER_PRESENCE_SET(on_set),
						       MASTER_PRESENCE_CLEAR(on_clear), { 0 } };

static void on_load(void *instance, const struct troupe_request *request, const Avatar__LoadRequest *body)
{
	struct world *w = instance;
	Avatar__LoadReply reply = AVATAR__LOAD_REPLY__INIT;
	Avatar__Avatar avatar = AVATAR__AVATAR__INIT;

	if (body->avatar == 404) {
		proto_refuse(w->store, request->id, TROUPE_NOT_FOUND, "avatar.unknown");
		return;
	}
	avatar.name = "Ann";
	avatar.has_x = 1;
	avatar.x = 7;
	avatar.has_state = 1;
	avatar.state.data = (uint8_t *)"bag";
	avatar.state.len = 3;
	reply.avatar = &avatar;
	avatar_load_reply(w->store, request->id, &reply);
}

static void on_list(void *instance, const struct troupe_request *request, const Avatar__ListRequest *body)
{
	struct world *w = instance;
	Avatar__ListReply reply = AVATAR__LIST_REPLY__INIT;

	(void)body;
	w->seen_account = request->account;
	reply.has_slots = 1;
	reply.slots = 5;
	avatar_list_reply(w->store, request->id, &reply);
}

const struct troupe_method store_methods[] = { AVATAR_LOAD(on_load), AVATAR_LIST(on_list), { 0 } };

static void on_enter(void *instance, const struct troupe_request *request, const World__EnterRequest *body)
{
	struct world *w = instance;
	World__EnterReply reply = WORLD__ENTER_REPLY__INIT;

	assert_true(request->actor == body->avatar);
	assert_int_equal(body->state.len, 3);
	assert_memory_equal(body->state.data, "bag", 3);
	if (w->owner != 0) {
		w->refused++;
		reply.has_owner = 1;
		reply.owner = w->owner;
		world_enter_reply(w->mechanics, request->id, &reply);
		return;
	}
	if (w->gone > 0) {
		w->gone--;
		proto_refuse(w->mechanics, request->id, TROUPE_ABORTED, "world.not_here");
		return;
	}
	if (w->paused > 0) {
		w->paused--;
		proto_refuse(w->mechanics, request->id, TROUPE_UNAVAILABLE, "world.paused");
		return;
	}
	w->entered++;
	w->session = request->session;
	reply.has_x = reply.has_tick_ms = 1;
	reply.x = body->x;
	reply.tick_ms = 50;
	world_enter_reply(w->mechanics, request->id, &reply);
}

static void on_leave(void *instance, const struct troupe_request *request, const World__LeaveRequest *body)
{
	struct world *w = instance;
	World__LeaveReply reply = WORLD__LEAVE_REPLY__INIT;

	w->left++;
	w->lost += body->lost;
	world_leave_reply(w->mechanics, request->id, &reply);
}

static void on_look(void *instance, const struct troupe_request *request, const World__LookRequest *body)
{
	struct world *w = instance;
	World__LookReply reply = WORLD__LOOK_REPLY__INIT;

	(void)body;
	w->actor = request->actor;
	if (w->not_here) {
		proto_refuse(w->mechanics, request->id, TROUPE_FAILED_PRECONDITION, "world.not_here");
		return;
	}
	if (w->hold) {
		w->silent_calls++;
		w->held = request->id;
		return;
	}
	reply.has_tick = 1;
	reply.tick = 77;
	world_look_reply(w->mechanics, request->id, &reply);
}

static void on_echo(void *instance, const struct troupe_request *request, const World__EchoRequest *body)
{
	struct world *w = instance;
	World__EchoReply reply = WORLD__ECHO_REPLY__INIT;

	reply.has_body = 1;
	reply.body = body->body;
	world_echo_reply(w->mechanics, request->id, &reply);
}

static void on_act(void *instance, const struct troupe_request *request, const World__ActRequest *body)
{
	struct world *w = instance;

	(void)body;
	proto_refuse(w->mechanics, request->id, TROUPE_FAILED_PRECONDITION, "world.too_far");
}

const struct troupe_method mechanics_methods[] = { WORLD_ENTER(on_enter), WORLD_LEAVE(on_leave),
							   WORLD_LOOK(on_look),	  WORLD_ECHO(on_echo),
							   WORLD_ACT(on_act),	  { 0 } };
