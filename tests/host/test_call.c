/* SPDX-License-Identifier: MIT */
/* Calls between two instances, on one loop and on two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "test_core.h"

#define METHOD(name) troupe_fnv32(name, sizeof(name) - 1)

/* What the two roles share with the test; each member is touched by one loop alone, and by the test afterwards. */
struct world {
	struct core *core;
	const struct test_case *test;
	struct actor *caller, *callee;
	uint32_t replies, ok;
	int32_t status;
	char reason[80];
	char body[80];
	uint64_t calls[8];
	/* the callee's */
	uint32_t served, events;
	uint64_t held[4];
	uint32_t order_next, order_wrong;
	uint8_t trace[2][TROUPE_TRACE_SIZE];
	uint64_t account;
	uint8_t relay_trace[TROUPE_TRACE_SIZE], timer_trace[TROUPE_TRACE_SIZE];
	uint64_t relay;
	uint8_t key[TROUPE_KEY_SIZE];
	char from_role[20];
};

static struct world world;

struct test_case {
	const char *name;
	const char *caller_role; /* NULL = "caller" */
	void (*begin)(struct actor *caller);
	void (*check)(void);
	uint32_t mailbox_messages;
	bool callee_not_ready;
};

/* --- the callee ----------------------------------------------------------------------------------- */

static struct troupe_buf *text_buf(const struct troupe_host *h, const char *text, size_t len)
{
	uint8_t *bytes;
	struct troupe_buf *buf = h->buf_new(h, len, &bytes);

	memcpy(bytes, text, len);
	return buf;
}

static int32_t serve_say(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	struct actor *actor = instance;
	const struct troupe_host *h = actor->host;

	(void)typed;
	world.served++;
	world.account = request->account;
	snprintf(world.from_role, sizeof(world.from_role), "%s", request->from_role);
	memcpy(world.trace[0], core_context_now()->trace, TROUPE_TRACE_SIZE);
	if (request->key != NULL) {
		memcpy(world.key, request->key, TROUPE_KEY_SIZE);
	}
	if (request->id == 0) {
		world.events++;
		return TROUPE_OK;
	}
	h->reply(h, request->id, TROUPE_OK, text_buf(h, (const char *)request->body, request->body_len));
	return TROUPE_OK;
}

static int32_t serve_hold(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	(void)instance, (void)typed;
	world.held[world.served++ % 4] = request->id;
	return TROUPE_OK;
}

static int32_t serve_refuse(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	const struct troupe_host *h = ((struct actor *)instance)->host;

	(void)typed;
	h->reply(h, request->id, TROUPE_FAILED_PRECONDITION, text_buf(h, "callee.refused", 14));
	return TROUPE_OK;
}

static int32_t serve_malformed(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	(void)instance, (void)request, (void)typed;
	return TROUPE_INVALID_ARGUMENT;
}

static int32_t serve_count(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	const struct troupe_host *h = ((struct actor *)instance)->host;
	uint32_t number;

	(void)typed;
	memcpy(&number, request->body, sizeof(number));
	world.order_wrong += number != world.order_next++;
	h->reply(h, request->id, TROUPE_OK, NULL);
	return TROUPE_OK;
}

/* A request that leads to a timer, then to a call, then to its own answer: one trace and one player all through. */
static void on_relayed(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	const struct troupe_host *h = ((struct actor *)instance)->host;

	(void)arg, (void)typed;
	memcpy(world.relay_trace, core_context_now()->trace, TROUPE_TRACE_SIZE);
	h->reply(h, world.relay, reply->status, h->buf_ref(h, reply->buf));
}

static void on_relay_time(void *instance, void *arg)
{
	const struct troupe_host *h = ((struct actor *)instance)->host;
	struct troupe_call call = { .size = sizeof(call), .service = "callee", .on_reply = on_relayed,
				    .method = METHOD("callee.say"), .account = 1000, .body = text_buf(h, "relay", 5) };

	(void)arg;
	memcpy(world.timer_trace, core_context_now()->trace, TROUPE_TRACE_SIZE);
	h->call(h, &call); /* account 1000 is no claim that this role may make */
}

static int32_t serve_relay(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	const struct troupe_host *h = ((struct actor *)instance)->host;

	(void)typed;
	world.relay = request->id;
	h->timer_start(h, 1, on_relay_time, NULL);
	return TROUPE_OK;
}

static const char *const anybody[] = { "*", NULL };
static const char *const mall_alone[] = { "mall", NULL };
static const struct troupe_method methods[] = {
	{ .name = "callee.say", .allow = anybody, .serve = serve_say },
	{ .name = "callee.hold", .allow = anybody, .serve = serve_hold },
	{ .name = "callee.refuse", .allow = anybody, .serve = serve_refuse },
	{ .name = "callee.malformed", .allow = anybody, .serve = serve_malformed },
	{ .name = "callee.count", .allow = anybody, .serve = serve_count },
	{ .name = "callee.relay", .allow = anybody, .serve = serve_relay },
	{ .name = "callee.secret", .allow = mall_alone, .serve = serve_say },
	{ .name = NULL },
};

static int32_t callee_start(struct actor *actor)
{
	world.callee = actor;
	if (world.test->callee_not_ready) {
		actor->host->state(actor->host, 0, 0, "never");
	}
	return TROUPE_OK;
}

/* --- the caller ----------------------------------------------------------------------------------- */

static void done(struct actor *caller)
{
	(void)caller;
	core_drain(world.core);
}

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	(void)typed;
	memcpy(world.trace[1], core_context_now()->trace, TROUPE_TRACE_SIZE);
	world.replies++;
	world.ok += reply->status == TROUPE_OK;
	world.status = reply->status;
	snprintf(world.reason, sizeof(world.reason), "%s", reply->reason != NULL ? reply->reason : "");
	snprintf(world.body, sizeof(world.body), "%.*s", (int)reply->body_len, (const char *)reply->body);
	if (arg != NULL && --*(uint32_t *)arg > 0) {
		return;
	}
	done(instance);
}

static uint64_t call_with(struct actor *caller, struct troupe_call call, const char *text)
{
	call.size = sizeof(call);
	call.service = call.to == 0 ? "callee" : NULL;
	call.body = text_buf(caller->host, text, strlen(text));
	return caller->host->call(caller->host, &call);
}

static void begin_say(struct actor *caller)
{
	static const uint8_t key[TROUPE_KEY_SIZE] = { 1, 2, 3, 4 };

	call_with(caller,
		  (struct troupe_call){
			  .method = METHOD("callee.say"), .on_reply = on_reply, .key = key, .account = 7 },
		  "hello");
}

static void check_say(void)
{
	assert_int_equal(world.status, TROUPE_OK);
	assert_string_equal(world.body, "hello");
	assert_int_equal(world.replies, 1);
	assert_int_equal(world.key[3], 4);
	assert_string_equal(world.from_role, world.test->caller_role != NULL ? world.test->caller_role : "caller");
	/* only a front-end may speak for players */
	assert_int_equal(world.account, world.test->caller_role != NULL ? 7 : 0);
	uint8_t none[TROUPE_TRACE_SIZE] = { 0 };
	assert_memory_not_equal(world.trace[0], none, sizeof(none));
}

static void begin_event(struct actor *caller)
{
	call_with(caller, (struct troupe_call){ .method = METHOD("callee.say") }, "event");
	call_with(caller, (struct troupe_call){ .method = METHOD("callee.say"), .on_reply = on_reply }, "after");
}

static void check_event(void)
{
	assert_int_equal(world.events, 1);
	assert_int_equal(world.served, 2);
	assert_string_equal(world.body, "after");
}

#define BEGIN(function, method_name) \
	static void function(struct actor *caller) \
	{ \
		call_with(caller, (struct troupe_call){ .method = METHOD(method_name), .on_reply = on_reply, \
							.timeout_ms = 50 }, "x"); \
	}
BEGIN(begin_hold, "callee.hold")
BEGIN(begin_refuse, "callee.refuse")
BEGIN(begin_malformed, "callee.malformed")
BEGIN(begin_secret, "callee.secret")
BEGIN(begin_missing, "callee.missing")

static void expect_end(int32_t status, const char *reason)
{
	assert_int_equal(world.status, status);
	assert_string_equal(world.reason, reason);
	assert_int_equal(world.replies, 1);
}

static void check_timeout(void)
{
	expect_end(TROUPE_DEADLINE_EXCEEDED, "host.timeout");
	assert_int_equal(world.served, 1);
}

static void check_refuse(void)
{
	expect_end(TROUPE_FAILED_PRECONDITION, "callee.refused");
}

static void check_malformed(void)
{
	expect_end(TROUPE_INVALID_ARGUMENT, "host.malformed");
}

static void check_secret(void)
{
	expect_end(TROUPE_PERMISSION_DENIED, "host.not_allowed");
	assert_int_equal(world.served, 0);
}

static void check_missing(void)
{
	expect_end(TROUPE_UNIMPLEMENTED, "host.no_method");
}

static void check_not_ready(void)
{
	expect_end(TROUPE_UNAVAILABLE, "host.not_ready");
	assert_int_equal(world.served, 0);
}

static void begin_no_service(struct actor *caller)
{
	struct troupe_call call = { .size = sizeof(call), .service = "nobody", .on_reply = on_reply };

	caller->host->call(caller->host, &call);
	assert_int_equal(world.replies, 0); /* never inside the call */
}

static void check_no_service(void)
{
	expect_end(TROUPE_NOT_FOUND, "host.no_service");
}

static void begin_no_instance(struct actor *caller)
{
	struct troupe_call call = { .size = sizeof(call), .to = 12345, .on_reply = on_reply };

	caller->host->call(caller->host, &call);
}

static void check_no_instance(void)
{
	expect_end(TROUPE_NOT_FOUND, "host.no_instance");
}

static void begin_placed(struct actor *caller)
{
	const struct troupe_host *h = caller->host;
	struct troupe_peer peer = { .id = 0 };

	h->peers(h, "callee", &peer, 1);
	h->place(h, TROUPE_ROUTE_AVATAR, 99, peer.id);
	struct troupe_call call = { .size = sizeof(call), .route = TROUPE_ROUTE_AVATAR, .route_key = 99,
				    .method = METHOD("callee.say"), .on_reply = on_reply,
				    .body = text_buf(h, "placed", 6) };
	h->call(h, &call);
}

static void check_placed(void)
{
	assert_string_equal(world.body, "placed");
}

static void on_later(void *instance, void *arg)
{
	(void)arg;
	done(instance);
}

static void begin_cancel(struct actor *caller)
{
	const struct troupe_host *h = caller->host;
	uint64_t a = call_with(caller, (struct troupe_call){ .method = METHOD("callee.hold"), .on_reply = on_reply },
			       "a");
	uint64_t b = call_with(caller, (struct troupe_call){ .method = METHOD("callee.say"), .on_reply = on_reply },
			       "b");

	h->cancel(h, a);
	h->cancel(h, b);
	h->cancel(h, a); /* an id that has ended is ignored */
	h->cancel(h, 77);
	h->timer_start(h, 30, on_later, NULL);
}

static void check_cancel(void)
{
	assert_int_equal(world.replies, 0);
	assert_int_equal(world.served, 2);
}

static void begin_order(struct actor *caller)
{
	static uint32_t left;

	left = 20000;
	for (uint32_t i = 0; i < 20000; i++) {
		struct troupe_call call = { .size = sizeof(call), .service = "callee", .on_reply = on_reply,
					    .method = METHOD("callee.count"), .arg = &left,
					    .body = text_buf(caller->host, (const char *)&i, sizeof(i)) };
		caller->host->call(caller->host, &call);
	}
}

static void check_order(void)
{
	assert_int_equal(world.ok, 20000);
	assert_int_equal(world.order_wrong, 0);
}

static void begin_overflow(struct actor *caller)
{
	static uint32_t left;

	left = 100;
	for (uint32_t i = 0; i < 100; i++) {
		call_with(caller, (struct troupe_call){ .method = METHOD("callee.say"), .on_reply = on_reply,
							.arg = &left }, "x");
	}
}

static void check_overflow(void)
{
	assert_int_equal(world.replies, 100);
	assert_int_equal(world.ok, 10);
	assert_int_equal(world.served, 10);
}

static void on_end(void *instance, void *arg)
{
	(void)instance, (void)arg;
	core_stop(world.core);
}

/* The whole host stops while the callee holds the request: the call still ends. */
static void begin_stop(struct actor *caller)
{
	static uint32_t never = 2;

	never = 2;
	call_with(caller, (struct troupe_call){ .method = METHOD("callee.hold"), .on_reply = on_reply, .arg = &never },
		  "x");
	caller->host->timer_start(caller->host, 20, on_end, NULL);
}

static void check_stop(void)
{
	assert_int_equal(world.replies, 1);
	assert_true(world.status == TROUPE_CANCELLED || world.status == TROUPE_UNAVAILABLE);
}

/* What the caller begins when it is stopping ends too: a call that was not sent, a job that did not run. */
static struct {
	uint32_t calls, jobs, ran;
	int32_t call_status, job_status, listen_status;
	char reason[80];
} late;

static void on_late_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	(void)instance, (void)arg, (void)typed;
	late.calls++;
	late.call_status = reply->status;
	snprintf(late.reason, sizeof(late.reason), "%s", reply->reason);
}

static void late_run(void *arg)
{
	(void)arg;
	late.ran++;
}

static void on_late_job(void *instance, void *arg, int32_t status)
{
	(void)instance, (void)arg;
	late.jobs++;
	late.job_status = status;
}

static void *late_open(void *instance, void *arg, uint64_t conn, const char *peer, uint64_t network)
{
	(void)instance, (void)arg, (void)conn, (void)peer, (void)network;
	return NULL;
}

static size_t late_bytes(void *instance, void *user, uint64_t conn, const uint8_t *bytes, size_t len)
{
	(void)instance, (void)user, (void)conn, (void)bytes;
	return len;
}

static void late_close(void *instance, void *user, uint64_t conn, int32_t why)
{
	(void)instance, (void)user, (void)conn, (void)why;
}

static void on_reply_late(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct actor *actor = instance;
	struct troupe_job job = { .size = sizeof(job), .run = late_run, .on_done = on_late_job };
	struct troupe_listen listen = { .size = sizeof(listen), .address = "tcp://127.0.0.1:0", .on_open = late_open,
					.on_bytes = late_bytes, .on_close = late_close };
	struct troupe_error error = { .size = sizeof(error) };
	uint16_t port;

	(void)arg, (void)typed;
	world.replies++;
	world.status = reply->status;
	for (int i = 0; i < 3; i++) {
		call_with(actor, (struct troupe_call){ .method = METHOD("callee.say"), .on_reply = on_late_reply }, "x");
	}
	call_with(actor, (struct troupe_call){ .method = METHOD("callee.say") }, "event");
	actor->host->cancel(actor->host, call_with(actor, (struct troupe_call){ .method = METHOD("callee.say"),
										.on_reply = on_late_reply }, "x"));
	actor->host->job(actor->host, &job);
	late.listen_status = actor->host->listen(actor->host, &listen, &port, &error);
	assert_int_equal(late.calls, 0); /* never inside the call */
}

static void begin_late(struct actor *caller)
{
	memset(&late, 0, sizeof(late));
	call_with(caller, (struct troupe_call){ .method = METHOD("callee.hold"), .on_reply = on_reply_late }, "x");
	caller->host->timer_start(caller->host, 20, on_end, NULL);
}

static void check_late(void)
{
	assert_int_equal(world.replies, 1);
	assert_int_equal(world.status, TROUPE_CANCELLED);
	assert_int_equal(late.calls, 3);
	assert_int_equal(late.call_status, TROUPE_CANCELLED);
	assert_string_equal(late.reason, "host.stopping");
	assert_int_equal(late.jobs, 1);
	assert_int_equal(late.job_status, TROUPE_CANCELLED);
	assert_int_equal(late.ran, 0);
	assert_int_equal(late.listen_status, TROUPE_FAILED_PRECONDITION);
}

static void begin_relay(struct actor *caller)
{
	call_with(caller, (struct troupe_call){ .method = METHOD("callee.relay"), .on_reply = on_reply, .account = 7 },
		  "x");
}

static void check_relay(void)
{
	uint8_t none[TROUPE_TRACE_SIZE] = { 0 };

	assert_string_equal(world.body, "relay");
	assert_int_equal(world.account, 7);
	assert_memory_not_equal(world.trace[0], none, sizeof(none));
	assert_memory_equal(world.trace[0], world.timer_trace, sizeof(none));
	assert_memory_equal(world.trace[0], world.relay_trace, sizeof(none));
}

/* The callee alone is ended while it holds the request. */
static void on_end_task(struct loop_task *task)
{
	(void)task;
	core_end(world.core, core_instance(world.core, "base/callee"), 100, NULL, NULL);
}

static void on_end_time(void *instance, void *arg)
{
	static struct loop_task task = { .run = on_end_task };

	(void)instance, (void)arg;
	loop_post(core_main_loop(world.core), &task);
}

static void begin_callee_ends(struct actor *caller)
{
	call_with(caller, (struct troupe_call){ .method = METHOD("callee.hold"), .on_reply = on_reply }, "x");
	caller->host->timer_start(caller->host, 20, on_end_time, NULL);
}

static void check_callee_ends(void)
{
	expect_end(TROUPE_UNAVAILABLE, "host.stopped");
	assert_int_equal(world.served, 1);
}

static int32_t caller_start(struct actor *actor)
{
	world.caller = actor;
	actor->host->state(actor->host, 1, 0, "");
	world.test->begin(actor);
	return TROUPE_OK;
}

/* --- running them --------------------------------------------------------------------------------- */

static const struct test_case cases[] = {
	{ "a call is answered", NULL, begin_say, check_say, 0, false },
	{ "a front-end speaks for a player", "frontend", begin_say, check_say, 0, false },
	{ "an event is delivered in order and has no answer", NULL, begin_event, check_event, 0, false },
	{ "no answer in time", NULL, begin_hold, check_timeout, 0, false },
	{ "a refusal carries its reason", NULL, begin_refuse, check_refuse, 0, false },
	{ "a malformed body is refused", NULL, begin_malformed, check_malformed, 0, false },
	{ "a method is for those it allows", NULL, begin_secret, check_secret, 0, false },
	{ "a method that does not exist", NULL, begin_missing, check_missing, 0, false },
	{ "a callee that is not ready", NULL, begin_say, check_not_ready, 0, true },
	{ "a service that nobody provides", NULL, begin_no_service, check_no_service, 0, false },
	{ "an instance that does not exist", NULL, begin_no_instance, check_no_instance, 0, false },
	{ "a call by key goes where the key was placed", NULL, begin_placed, check_placed, 0, false },
	{ "a cancelled call has no answer", NULL, begin_cancel, check_cancel, 0, false },
	{ "messages arrive in order", NULL, begin_order, check_order, 0, false },
	{ "a full mailbox refuses", NULL, begin_overflow, check_overflow, 10, false },
	{ "a trace and a player go along", "frontend", begin_relay, check_relay, 0, false },
	{ "a call ends when its callee does", NULL, begin_callee_ends, check_callee_ends, 0, false },
	{ "calls end when the host stops", NULL, begin_stop, check_stop, 0, false },
	{ "what a caller that stops begins ends too", NULL, begin_late, check_late, 0, false },
};

static const char *const provides[] = { "callee", NULL };
static const char *const needs[] = { "callee", NULL };

static void run_case(const struct test_case *test, uint32_t loops)
{
	static struct troupe_method filled[sizeof(methods) / sizeof(methods[0])];
	struct actor_script callee_script = { .start = callee_start }, caller_script = { .start = caller_start };
	struct troupe_plugin callee = ACTOR_PLUGIN("callee", .provides = provides, .methods = filled);
	struct troupe_plugin caller = ACTOR_PLUGIN("caller", .uses = needs);
	struct config config;
	struct config_host host;
	const struct config_instance *local[2];
	struct config_instance instances[2] = {
		{ .name = "base/callee", .part = "base", .plugin = &callee, .options = &callee_script,
		  .mailbox_messages = test->mailbox_messages },
		{ .name = "base/caller", .part = "base", .plugin = &caller, .options = &caller_script,
		  .loop = loops - 1 },
	};

	print_message("# %s, %u loops\n", test->name, loops);
	memcpy(filled, methods, sizeof(methods));
	for (unsigned i = 0; filled[i].name != NULL; i++) {
		filled[i].id = troupe_fnv32(filled[i].name, strlen(filled[i].name));
	}
	caller.name = test->caller_role != NULL ? test->caller_role : "caller";
	caller.needs = test->callee_not_ready ? NULL : needs;
	memset(&world, 0, sizeof(world));
	world.test = test;
	world.core = actor_core(&config, &host, instances, 2, local, loops);
	assert_non_null(world.core);
	assert_int_equal(core_run(world.core), 0);
	uint32_t len;
	struct core_instance *all = core_snapshot(world.core, &len);
	for (uint32_t i = 0; i < len; i++) {
		assert_int_equal(all[i].open, 0);
		assert_int_equal(all[i].pending, 0);
		assert_int_equal(all[i].queued, 0);
		assert_string_equal(all[i].state, "stopped");
	}
	free(all);
	core_free(world.core);
	test->check();
}

static void one_loop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_case(&cases[i], 1);
	}
}

static void two_loops(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_case(&cases[i], 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_loop),
		cmocka_unit_test(two_loops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
