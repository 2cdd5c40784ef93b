/* SPDX-License-Identifier: MIT */
/* The life of instances: readiness by dependency, failures, drain, stop, live changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/obs/log.h"
#include "test_core.h"

/* What happened, in order: "create base/a", "start base/a" ... */
static struct {
	struct core *core;
	pthread_mutex_t mutex;
	char events[64][40];
	unsigned len;
	char why[160], state[20], failed_why[160];
} seen = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void note(const char *what, const struct actor *actor)
{
	pthread_mutex_lock(&seen.mutex);
	if (seen.len < 64) {
		snprintf(seen.events[seen.len++], 40, "%s %s", what, actor->host->name);
	}
	pthread_mutex_unlock(&seen.mutex);
}

static int at(const char *event)
{
	int found = -1;

	pthread_mutex_lock(&seen.mutex);
	for (unsigned i = 0; i < seen.len && found < 0; i++) {
		found = strcmp(seen.events[i], event) == 0 ? (int)i : -1;
	}
	pthread_mutex_unlock(&seen.mutex);
	return found;
}

#define ASSERT_ORDER(first, second) \
	do { \
		assert_true(at(first) >= 0); \
		assert_true(at(first) < at(second)); \
	} while (0)

static int32_t note_create(struct actor *actor, struct troupe_error *reterr)
{
	(void)reterr;
	note("create", actor);
	return TROUPE_OK;
}

static int32_t note_start(struct actor *actor)
{
	note("start", actor);
	return TROUPE_OK;
}

static void note_drain(struct actor *actor)
{
	note("drain", actor);
	actor->host->drained(actor->host);
}

static void note_stop(struct actor *actor)
{
	note("stop", actor);
}

static void note_destroy(struct actor *actor)
{
	note("destroy", actor);
}

static int32_t fail_create(struct actor *actor, struct troupe_error *reterr)
{
	note("create", actor);
	snprintf(reterr->text, sizeof(reterr->text), "the cellar is flooded");
	return TROUPE_FAILED_PRECONDITION;
}

static void never_drained(struct actor *actor)
{
	note("drain", actor);
}

/* Ends the test from a role's timer, after looking at everybody. */
static void look(void)
{
	uint32_t len;
	struct core_instance *all = core_snapshot(seen.core, &len);

	for (uint32_t i = 0; i < len; i++) {
		if (strcmp(all[i].name, "base/mall") == 0) {
			snprintf(seen.why, sizeof(seen.why), "%s", all[i].why);
			snprintf(seen.state, sizeof(seen.state), "%s", all[i].state);
		}
		if (strcmp(all[i].name, "base/billing") == 0) {
			snprintf(seen.failed_why, sizeof(seen.failed_why), "%s", all[i].why);
		}
	}
	free(all);
}

static void on_drain_time(void *instance, void *arg)
{
	(void)instance, (void)arg;
	look();
	core_drain(seen.core);
}

static int32_t start_and_end(struct actor *actor)
{
	note("start", actor);
	actor->host->timer_start(actor->host, 60, on_drain_time, NULL);
	return TROUPE_OK;
}

static void on_signal_time(void *instance, void *arg)
{
	(void)instance, (void)arg;
	look();
	kill(getpid(), SIGTERM);
}

static int32_t start_and_signal(struct actor *actor)
{
	note("start", actor);
	actor->host->timer_start(actor->host, 60, on_signal_time, NULL);
	return TROUPE_OK;
}

static int32_t start_not_ready(struct actor *actor)
{
	note("start", actor);
	actor->host->state(actor->host, 0, 0, "loading the ledger");
	return TROUPE_OK;
}

#define NOTES .create = note_create, .drain = note_drain, .stop = note_stop, .destroy = note_destroy
static const struct actor_script plain = { NOTES, .start = note_start };
static const struct actor_script ender = { NOTES, .start = start_and_end };
static const struct actor_script signaller = { NOTES, .start = start_and_signal };
static const struct actor_script not_ready = { NOTES, .start = start_not_ready };
static const struct actor_script failing = { .create = fail_create, .destroy = note_destroy };
static const struct actor_script stubborn = { .create = note_create, .start = note_start, .drain = never_drained,
					      .stop = note_stop, .destroy = note_destroy };

static const char *const list_billing[] = { "billing", NULL };
static const char *const list_mall[] = { "mall", NULL };
static const struct troupe_plugin billing = ACTOR_PLUGIN("billing", .provides = list_billing);
static const struct troupe_plugin mall = ACTOR_PLUGIN("mall", .provides = list_mall, .needs = list_billing);
static const struct troupe_plugin shop = ACTOR_PLUGIN("shop", .needs = list_mall);
static const struct troupe_plugin viewer = ACTOR_PLUGIN("viewer", .uses = list_mall);
static const struct troupe_plugin clock_role = ACTOR_PLUGIN("clock", .provides = NULL);

static int run(const struct config_instance *instances, uint32_t len, uint32_t loops, uint32_t drain_ms)
{
	struct config config;
	struct config_host host;
	const struct config_instance *local[8];
	int code;

	seen.len = 0;
	seen.why[0] = seen.state[0] = seen.failed_why[0] = '\0';
	seen.core = actor_core(&config, &host, instances, len, local, loops);
	assert_non_null(seen.core);
	config.drain_ms = drain_ms;
	code = core_run(seen.core);
	core_free(seen.core);
	return code;
}

#define INSTANCE(role, given_script, on_loop) \
	{ .name = "base/" #role, .part = "base", .plugin = &role, .options = &given_script, .loop = on_loop }

/* In whatever order they stand, each starts after what it needs and drains before it. */
static void order(void **state)
{
	const struct config_instance up[] = { INSTANCE(shop, ender, 0), INSTANCE(mall, plain, 1),
					      INSTANCE(billing, plain, 0) };

	(void)state;
	assert_int_equal(run(up, 3, 2, 1000), 0);
	ASSERT_ORDER("start base/billing", "start base/mall");
	ASSERT_ORDER("start base/mall", "start base/shop");
	ASSERT_ORDER("drain base/shop", "drain base/mall");
	ASSERT_ORDER("drain base/mall", "drain base/billing");
	ASSERT_ORDER("drain base/billing", "stop base/shop");
	ASSERT_ORDER("destroy base/shop", "stop base/mall");
	ASSERT_ORDER("stop base/billing", "destroy base/billing");
}

static void failing_create(void **state)
{
	const struct config_instance some[] = { INSTANCE(mall, plain, 0), INSTANCE(shop, plain, 0),
						INSTANCE(billing, failing, 0),
						{ .name = "base/clock", .part = "base", .plugin = &clock_role,
						  .options = &ender } };
	const struct config_instance alone[] = { INSTANCE(billing, failing, 0) };

	(void)state;
	assert_int_equal(run(some, 4, 1, 1000), 0);
	assert_true(at("destroy base/billing") >= 0);
	assert_true(at("start base/mall") < 0);
	assert_true(at("start base/shop") < 0);
	assert_true(at("stop base/mall") < 0); /* it never started */
	assert_true(at("destroy base/mall") >= 0);
	assert_true(at("destroy base/shop") >= 0);
	assert_true(at("start base/clock") >= 0); /* the rest goes on */
	assert_string_equal(seen.failed_why, "the cellar is flooded");
	assert_string_equal(seen.why, "base/billing has failed: the cellar is flooded");
	assert_string_equal(seen.state, "failed");
	assert_int_equal(run(alone, 1, 1, 1000), 1); /* nothing is left to run */
}

static void waiting(void **state)
{
	const struct config_instance some[] = { INSTANCE(mall, plain, 0), INSTANCE(billing, not_ready, 0),
						{ .name = "base/clock", .part = "base", .plugin = &clock_role,
						  .options = &ender } };

	(void)state;
	assert_int_equal(run(some, 3, 1, 1000), 0);
	assert_string_equal(seen.why, "waiting: base/billing");
	assert_string_equal(seen.state, "waiting");
	assert_string_equal(seen.failed_why, "loading the ledger");
	assert_true(at("start base/mall") < 0);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void deadline(void **state)
{
	const struct config_instance some[] = { INSTANCE(billing, stubborn, 0), INSTANCE(mall, signaller, 0) };
	uint64_t begin_ms = now_ms();

	(void)state;
	assert_int_equal(run(some, 2, 1, 150), 0);
	assert_true(now_ms() - begin_ms >= 200);
	ASSERT_ORDER("drain base/billing", "stop base/billing");
	ASSERT_ORDER("stop base/billing", "destroy base/billing");
}

/* --- live changes --------------------------------------------------------------------------------- */

static struct {
	struct actor_script changed;
	struct config_instance config;
	unsigned reloads, configures;
	int32_t reload_status, configure_status;
	char text[80];
	struct loop_timer timer;
	bool ended;
} live;

static int32_t refuse_reload(struct actor *actor, struct troupe_error *reterr)
{
	live.reloads++;
	note("reload", actor);
	snprintf(reterr->text, sizeof(reterr->text), "line 3: unexpected end");
	return TROUPE_INVALID_ARGUMENT;
}

static int32_t take_options(struct actor *actor, const void *options, struct troupe_error *reterr)
{
	(void)reterr;
	live.configures++;
	actor->script = options;
	return TROUPE_OK;
}

static const struct actor_script changeable = { NOTES, .start = note_start, .reload = refuse_reload,
						.configure = take_options };

static void on_ended(void *arg, int32_t status, const char *text)
{
	(void)arg, (void)status, (void)text;
	live.ended = true;
}

static void on_configured(void *arg, int32_t status, const char *text)
{
	(void)text;
	live.configure_status = status;
	core_end(seen.core, arg, 100, on_ended, NULL);
}

static void on_reloaded(void *arg, int32_t status, const char *text)
{
	live.reload_status = status;
	snprintf(live.text, sizeof(live.text), "%s", text);
	live.config = *((struct instance *)arg)->config;
	live.changed = changeable;
	live.config.options = &live.changed;
	core_configure(seen.core, arg, &live.config, on_configured, arg);
}

static void on_live_time(struct loop_timer *timer)
{
	struct instance *instance = core_instance(seen.core, "base/billing");

	(void)timer;
	core_reload(seen.core, instance, on_reloaded, instance);
}

static void live_changes(void **state)
{
	const struct config_instance one[] = { INSTANCE(billing, changeable, 0) };
	struct config config;
	struct config_host host;
	const struct config_instance *local[1];

	(void)state;
	seen.len = 0;
	seen.core = actor_core(&config, &host, one, 1, local, 1);
	live.timer.expire = on_live_time;
	loop_timer_start(core_main_loop(seen.core), &live.timer, 50);
	assert_int_equal(core_run(seen.core), 0); /* ends by itself: its last instance has */
	core_free(seen.core);
	assert_int_equal(live.reloads, 1);
	assert_int_equal(live.reload_status, TROUPE_INVALID_ARGUMENT);
	assert_string_equal(live.text, "line 3: unexpected end");
	assert_int_equal(live.configures, 1);
	assert_int_equal(live.configure_status, TROUPE_OK);
	assert_true(live.ended);
	ASSERT_ORDER("drain base/billing", "destroy base/billing");
}

static void degraded(void **state)
{
	const struct config_instance some[] = { { .name = "base/mall", .part = "base", .plugin = &viewer,
						  .options = &ender } };

	(void)state;
	assert_int_equal(run(some, 1, 1, 1000), 0);
	assert_string_equal(seen.state, "degraded");
	assert_string_equal(seen.why, "degraded: mall is away");
}

static void on_load_time(void *instance, void *arg)
{
	struct actor *actor = instance;

	(void)arg;
	actor->host->state(actor->host, 1, 7, NULL);
	actor->host->timer_start(actor->host, 40, on_drain_time, NULL);
}

static int32_t start_and_tell_load(struct actor *actor)
{
	actor->host->timer_start(actor->host, 20, on_load_time, NULL);
	return TROUPE_OK;
}

/* One that tells its load again and again does not wipe out what the host has found. */
static void degraded_and_busy(void **state)
{
	const struct actor_script busy = { NOTES, .start = start_and_tell_load };
	const struct config_instance some[] = { { .name = "base/mall", .part = "base", .plugin = &viewer,
						  .options = &busy } };

	(void)state;
	assert_int_equal(run(some, 1, 1, 1000), 0);
	assert_string_equal(seen.state, "degraded");
	assert_string_equal(seen.why, "degraded: mall is away");
}

static void failure_has_its_code(void **state)
{
	/* a name of its own: the same line is not written twice in 10 s */
	const struct config_instance alone[] = { { .name = "base/cellar", .part = "base", .plugin = &billing,
						   .options = &failing } };
	char text[4096];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	log_open(&(struct log_setup){ .host = "one", .form = LOG_TEXT, .fd = ends[1] });
	assert_int_equal(run(alone, 1, 1, 1000), 1);
	log_close();
	ssize_t got = read(ends[0], text, sizeof(text) - 1);
	assert_true(got > 0);
	text[got] = '\0';
	assert_non_null(strstr(text, "base/cellar: [P0014] create failed: the cellar is flooded"));
	close(ends[0]);
	close(ends[1]);
}

/* --- isolated ------------------------------------------------------------------------------------ */

static struct {
	struct loop_timer timer;
	bool stays; /* it does not drain */
} isolated;

static void on_isolated_gone(struct loop_timer *timer)
{
	(void)timer;
	core_process(core_own(seen.core, &(uint32_t){ 0 })[2], PROCESS_ENDED, "");
}

static void note_named(const char *what, const struct instance *proxy)
{
	struct actor actor = { .host = &proxy->host };

	note(what, &actor);
}

/* What a process does that is told to end. */
static void end_isolated(void *arg, struct instance *proxy, bool now)
{
	(void)arg;
	note_named(now ? "kill" : "drain", proxy);
	core_process(proxy, now ? PROCESS_ENDED : PROCESS_DRAINING, "");
	if (!now && !isolated.stays) {
		loop_timer_start(core_main_loop(seen.core), &isolated.timer, 50);
	}
}

/* The mall runs in a process of its own: shop calls it and it calls billing. */
static int run_isolated(uint32_t drain_ms)
{
	const struct config_instance some[] = { INSTANCE(shop, ender, 0), INSTANCE(billing, plain, 0),
						{ .name = "base/mall", .part = "base", .plugin = &mall, .options = &plain,
						  .isolate = 1, .placed = 1 } };
	struct config config;
	struct config_host host;
	const struct config_instance *local[8];
	struct instance *proxy;
	uint32_t len;
	int code;

	seen.len = 0;
	seen.core = actor_core(&config, &host, some, 3, local, 1);
	assert_non_null(seen.core);
	config.drain_ms = drain_ms;
	proxy = core_own(seen.core, &len)[2];
	assert_int_equal(len, 3);
	assert_string_equal(proxy->host.name, "base/mall");
	/* as the bus has it */
	atomic_store(&proxy->state, INSTANCE_RUNNING);
	atomic_store(&proxy->ready, true);
	isolated.timer = (struct loop_timer){ .expire = on_isolated_gone };
	core_process(proxy, PROCESS_READY, "");
	core_on_end(seen.core, end_isolated, NULL);
	code = core_run(seen.core);
	assert_true(core_settled(seen.core));
	core_free(seen.core);
	return code;
}

static void isolated_order(void **state)
{
	(void)state;
	isolated.stays = false;
	assert_int_equal(run_isolated(1000), 0);
	assert_string_equal(seen.state, "ready");
	ASSERT_ORDER("drain base/shop", "drain base/mall");
	ASSERT_ORDER("drain base/mall", "drain base/billing");
	assert_true(at("kill base/mall") < 0);
}

static void isolated_deadline(void **state)
{
	(void)state;
	isolated.stays = true;
	assert_int_equal(run_isolated(150), 0);
	ASSERT_ORDER("drain base/mall", "kill base/mall");
	/* what it calls serves it to the end */
	ASSERT_ORDER("kill base/mall", "stop base/billing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order), cmocka_unit_test(failing_create), cmocka_unit_test(waiting),
		cmocka_unit_test(deadline), cmocka_unit_test(live_changes), cmocka_unit_test(degraded),
		cmocka_unit_test(degraded_and_busy), cmocka_unit_test(failure_has_its_code),
		cmocka_unit_test(isolated_order), cmocka_unit_test(isolated_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
