/* SPDX-License-Identifier: MIT */
/* The methods that players reach, whether their front-end asks here or the owner that their avatar has left passes it on. */
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"

#define DEFERRED_MAX 8192u

/* A request that came after a tick had ended and before its outcome was told: until then it is open who has the avatar. A look or an
 * echo waits from the beginning of the tick on: in the middle of one the world is half changed, and nothing of it is durable. */
struct deferred {
	struct deferred *next;
	struct ask ask;
	uint32_t method;
	size_t len;
	uint8_t body[];
};

/* run: -1 if there is no such method, or the body is none of it. */
static int run(struct mechanics *m, const struct ask *ask, uint32_t method, const void *bytes, size_t len)
{
	static const struct {
		uint32_t method;
		const ProtobufCMessageDescriptor *type;
	} methods[] = {
		{ WORLD_ENTER_ID, &world__enter_request__descriptor }, { WORLD_LEAVE_ID, &world__leave_request__descriptor },
		{ WORLD_LOOK_ID, &world__look_request__descriptor },   { WORLD_MOVE_ID, &world__move_request__descriptor },
		{ WORLD_ACT_ID, &world__act_request__descriptor },     { WORLD_ECHO_ID, &world__echo_request__descriptor },
		{ WORLD_CHAT_ID, &world__chat_request__descriptor },
	};
	const ProtobufCMessage *body = NULL;
	struct proto_arena arena;

	proto_arena_init(&arena);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].method == method) {
			body = proto_unpack(methods[i].type, bytes, len, &arena);
		}
	}
	if (body == NULL) {
		proto_arena_free(&arena);
		return -1;
	}
	switch (method) {
	case WORLD_ENTER_ID:
		players_enter(m, ask, (const World__EnterRequest *)body);
		break;
	case WORLD_LEAVE_ID:
		players_leave(m, ask, (const World__LeaveRequest *)body);
		break;
	case WORLD_LOOK_ID:
		ask_look(m, ask, (const World__LookRequest *)body);
		break;
	case WORLD_MOVE_ID:
		ask_move(m, ask, (const World__MoveRequest *)body);
		break;
	case WORLD_ACT_ID:
		ask_act(m, ask, (const World__ActRequest *)body);
		break;
	case WORLD_ECHO_ID:
		ask_echo(m, ask, (const World__EchoRequest *)body);
		break;
	default:
		ask_chat(m, ask, (const World__ChatRequest *)body);
		break;
	}
	proto_arena_free(&arena);
	return 0;
}

/* --- later ---------------------------------------------------------------------------------------- */

/* is_open: 1 if it must wait for what comes of the tick. */
static int is_open(const struct mechanics *m, uint32_t method)
{
	const struct ticking *t = &m->ticking;

	if (m->phase != PHASE_RUNNING || m->adopting || t->told) {
		return 0;
	}
	return t->ended || (t->stage != 0 && (method == WORLD_LOOK_ID || method == WORLD_ECHO_ID) && m->paused[0] == '\0');
}

/* defer: 1 if it runs (or was refused) later. */
static int defer(struct mechanics *m, const struct ask *ask, uint32_t method, const void *body, size_t len)
{
	struct deferred *deferred;

	if (!is_open(m, method)) {
		return 0;
	}
	deferred = m->deferred_len < DEFERRED_MAX ? malloc(sizeof(*deferred) + len) : NULL;
	if (deferred == NULL) {
		count(m, METRIC_WAITING_FULL);
		ask_refuse(m, ask, TROUPE_UNAVAILABLE, "world.busy");
		return 1;
	}
	*deferred = (struct deferred){ .ask = *ask, .method = method, .len = len };
	if (len > 0) {
		memcpy(deferred->body, body, len);
	}
	*m->deferred_last = deferred;
	m->deferred_last = &deferred->next;
	m->deferred_len++;
	return 1;
}

/* take: what is deferred so far; more may come while it runs. */
static struct deferred *take(struct mechanics *m)
{
	struct deferred *first = m->deferred;

	m->deferred = NULL;
	m->deferred_last = &m->deferred;
	m->deferred_len = 0;
	return first;
}

void serve_deferred(struct mechanics *m)
{
	for (struct deferred *deferred = take(m), *next; deferred != NULL; deferred = next) {
		next = deferred->next;
		if (run(m, &deferred->ask, deferred->method, deferred->body, deferred->len) != 0) {
			ask_refuse(m, &deferred->ask, TROUPE_INVALID_ARGUMENT, "world.bad_pass");
		}
		free(deferred);
	}
}

void serve_forget(struct mechanics *m)
{
	for (struct deferred *deferred = take(m), *next; deferred != NULL; deferred = next) {
		next = deferred->next;
		ask_refuse(m, &deferred->ask, TROUPE_UNAVAILABLE, "world.paused");
		free(deferred);
	}
}

/* --- methods -------------------------------------------------------------------------------------- */

#define METHOD(name, Type, now)                                                                            \
	void serve_##name(void *instance, const struct troupe_request *request, const World__##Type *body) \
	{                                                                                                  \
		struct ask ask = ask_of(request);                                                          \
                                                                                                           \
		if (!defer(instance, &ask, request->method, request->body, request->body_len)) {           \
			now(instance, &ask, body);                                                         \
		}                                                                                          \
	}

METHOD(enter, EnterRequest, players_enter)
METHOD(leave, LeaveRequest, players_leave)
METHOD(look, LookRequest, ask_look)
METHOD(move, MoveRequest, ask_move)
METHOD(act, ActRequest, ask_act)
METHOD(echo, EchoRequest, ask_echo)
METHOD(chat, ChatRequest, ask_chat)

void serve_pass(void *instance, const struct troupe_request *request, const Region__PassRequest *body)
{
	struct mechanics *m = instance;
	struct ask ask = { .request = request->id,
			   .account = body->account,
			   .actor = body->actor,
			   .session = body->session,
			   .passed = 1 };

	if (body->method == WORLD_ENTER_ID) { /* who enters does so where its front-end asks, and through that */
		proto_refuse(m->h, request->id, TROUPE_INVALID_ARGUMENT, "world.bad_pass");
		return;
	}
	if (!defer(m, &ask, body->method, body->body.data, body->body.len) &&
	    run(m, &ask, body->method, body->body.data, body->body.len) != 0) {
		proto_refuse(m->h, request->id, TROUPE_INVALID_ARGUMENT, "world.bad_pass");
	}
}
