/* SPDX-License-Identifier: MIT */
/* Who may call what: by role, and by naming the callee in the configuration. */
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/test_core.h"

#define ASKERS 4

static struct {
	struct core *core;
	atomic_uint answers; /* counted on several loops */
	int32_t status[ASKERS][2];
	char reason[ASKERS][2][TROUPE_REASON_MAX + 1];
} world;

static int32_t serve_open(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	const struct troupe_host *h = ((struct actor *)instance)->host;

	(void)typed;
	h->reply(h, request->id, TROUPE_OK, NULL);
	return TROUPE_OK;
}

static const char *const users[] = { "@users", NULL };
static const char *const users_or_clerk[] = { "clerk", "@users", NULL };
static const struct troupe_method methods[] = {
	{ .name = "vault.open", .allow = users, .serve = serve_open },
	{ .name = "vault.look", .allow = users_or_clerk, .serve = serve_open },
	{ .name = NULL },
};
static struct troupe_method numbered[3];

/* `arg` says who asked and which of both methods. */
static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	unsigned at = (unsigned)(uintptr_t)arg;

	(void)instance;
	(void)typed;
	world.status[at / 2][at % 2] = reply->status;
	snprintf(world.reason[at / 2][at % 2], sizeof(world.reason[0][0]), "%s", reply->reason);
	if (++world.answers == 2 * ASKERS) {
		core_drain(world.core);
	}
}

static int32_t asker_start(struct actor *actor)
{
	static const char *const names[ASKERS] = { "base/mall", "meadow/mall.two", "base/clerk", "base/vault.two" };
	struct troupe_call call = { .size = sizeof(call), .to = troupe_fnv64("base/vault.one", 14), .on_reply = on_reply };
	unsigned who = 0;

	while (strcmp(names[who], actor->host->name) != 0) {
		who++;
	}
	for (unsigned i = 0; i < 2; i++) {
		call.method = numbered[i].id;
		call.arg = (void *)(uintptr_t)(2 * who + i);
		actor->host->call(actor->host, &call);
	}
	return TROUPE_OK;
}

static void users_may_and_others_may_not(void **state)
{
	static const char *const provides[] = { "vault", NULL };
	static const char *const needs[] = { "vault", NULL };
	const struct troupe_plugin vault = ACTOR_PLUGIN("vault", .provides = provides, .methods = numbered);
	const struct troupe_plugin mall = ACTOR_PLUGIN("mall", .needs = needs);
	const struct troupe_plugin clerk = ACTOR_PLUGIN("clerk", .needs = needs);
	const struct actor_script quiet = { .create = NULL }, asks = { .start = asker_start };
	static const uint32_t first = 0;
	const struct config_instance instances[] = {
		{ .name = "base/vault.one", .part = "base", .short_name = "one", .plugin = &vault, .options = &quiet },
		{ .name = "base/mall", .part = "base", .plugin = &mall, .options = &asks, .databases = &first,
		  .databases_len = 1, .loop = 1 },
		{ .name = "meadow/mall.two", .part = "shard:meadow", .plugin = &mall, .options = &asks },
		{ .name = "base/clerk", .part = "base", .plugin = &clerk, .options = &asks },
		{ .name = "base/vault.two", .part = "base", .short_name = "two", .plugin = &vault, .options = &asks },
	};
	const struct config_instance *local[5];
	struct config config;
	struct config_host host;

	(void)state;
	memcpy(numbered, methods, sizeof(methods));
	for (unsigned i = 0; numbered[i].name != NULL; i++) {
		numbered[i].id = troupe_fnv32(numbered[i].name, strlen(numbered[i].name));
	}
	world.core = actor_core(&config, &host, instances, 5, local, 2);
	assert_non_null(world.core);
	assert_int_equal(core_run(world.core), 0);
	core_free(world.core);
	/* it names the vault: both; the same role that does not: none; the clerk's role: one; another vault: none */
	static const int32_t wanted[ASKERS][2] = { { TROUPE_OK, TROUPE_OK },
						   { TROUPE_PERMISSION_DENIED, TROUPE_PERMISSION_DENIED },
						   { TROUPE_PERMISSION_DENIED, TROUPE_OK },
						   { TROUPE_PERMISSION_DENIED, TROUPE_PERMISSION_DENIED } };

	for (unsigned who = 0; who < ASKERS; who++) {
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(world.status[who][i], wanted[who][i]);
			assert_string_equal(world.reason[who][i],
					    wanted[who][i] == TROUPE_OK ? "" : "host.not_allowed");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_may_and_others_may_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
