/* SPDX-License-Identifier: MIT */
/* Calls from role to role: one instance keeps many calls under way to another, on its loop, on the next one, or in another
 * host process. */
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "body.pb-c.h"
#include "host/core/core.h"
#include "measure.h"
#include "proto/proto.h"

#define METHOD_EMPTY 1u
#define METHOD_TYPED 2u

/* What the caller counts; the main thread prints it after the end. */
struct run {
	struct core *core;
	uint64_t calls, failed, first_ns, last_ns, time_ns;
	long callers, typed, hosts;
	uint64_t under_way;
};

static struct run run;
static struct hist hist; /* of calls to another host */

static const uint8_t token_bytes[17] = "0123456789abcdef";

struct role {
	const struct troupe_host *host;
	Bench__Body body;
};

static void body_fill(Bench__Body *body)
{
	bench__body__init(body);
	body->has_account = body->has_avatar = body->has_tick = body->has_action = 1;
	body->has_x = body->has_y = body->has_z = body->has_turn = body->has_token = 1;
	body->account = 1234567;
	body->avatar = 7654321;
	body->tick = 100000;
	body->action = 7;
	body->x = 1.5f;
	body->y = 2.5f;
	body->z = 3.5f;
	body->turn = -90;
	body->name = "Meadowlark";
	body->token = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)(uintptr_t)token_bytes };
}

static int32_t role_create(void *instance, const struct troupe_host *host, const void *options,
			   struct troupe_error *reterr)
{
	struct role *role = instance;

	(void)options, (void)reterr;
	role->host = host;
	body_fill(&role->body);
	return TROUPE_OK;
}

static void role_destroy(void *instance)
{
	(void)instance;
}

static int32_t serve_empty(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	const struct role *role = instance;

	(void)typed;
	role->host->reply(role->host, request->id, TROUPE_OK, NULL);
	return TROUPE_OK;
}

static int32_t serve_typed(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	const struct role *role = instance;
	struct proto_arena arena;
	Bench__Body *body;

	(void)typed;
	proto_arena_init(&arena);
	body = (Bench__Body *)proto_unpack(&bench__body__descriptor, request->body, request->body_len, &arena);
	if (body != NULL) {
		proto_reply(role->host, request->id, &body->base);
	}
	proto_arena_free(&arena);
	return body != NULL ? TROUPE_OK : TROUPE_INVALID_ARGUMENT;
}

static void call_one(struct role *role);

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct role *role = instance;

	(void)typed;
	run.under_way--;
	if (run.hosts == 2) {
		run.last_ns = clock_ns();
		hist_add(&hist, run.last_ns - (uint64_t)(uintptr_t)arg);
	}
	run.failed += reply->status != TROUPE_OK;
	if (run.typed != 0) {
		struct proto_arena arena;
		proto_arena_init(&arena);
		run.failed += proto_unpack(&bench__body__descriptor, reply->body, reply->body_len, &arena) == NULL;
		proto_arena_free(&arena);
	}
	run.calls++;
	if (run.hosts == 1 && (run.calls % 256 == 0 || run.callers < 16)) {
		run.last_ns = clock_ns();
	}
	if (run.last_ns - run.first_ns < run.time_ns) {
		call_one(role);
	} else if (run.under_way == 0) {
		core_drain(run.core);
	}
}

static void call_one(struct role *role)
{
	const struct troupe_host *h = role->host;

	run.under_way++;
	if (run.typed != 0) {
		struct proto_to to = { .instance = 0 };
		proto_call(h, METHOD_TYPED, "callee", &role->body.base, &to, on_reply, NULL, NULL);
		return;
	}
	struct troupe_call call = { .size = sizeof(call), .method = METHOD_EMPTY, .service = "callee",
				    .on_reply = on_reply };
	if (run.hosts == 2) {
		call.arg = (void *)(uintptr_t)clock_ns();
	}
	h->call(h, &call);
}

static void on_begin(void *instance, void *arg)
{
	(void)arg;
	run.first_ns = run.last_ns = clock_ns();
	for (long i = 0; i < run.callers; i++) {
		call_one(instance);
	}
}

static int32_t caller_start(void *instance, struct troupe_error *reterr)
{
	const struct troupe_host *h = ((struct role *)instance)->host;

	(void)reterr;
	h->timer_start(h, 10, on_begin, NULL);
	return TROUPE_OK;
}

static const char *const services[] = { "callee", NULL };
static const char *const anybody[] = { "*", NULL };
static const struct troupe_method methods[] = {
	{ .name = "callee.empty", .id = METHOD_EMPTY, .allow = anybody, .serve = serve_empty },
	{ .name = "callee.typed", .id = METHOD_TYPED, .allow = anybody, .serve = serve_typed },
	{ .name = NULL },
};
static const struct troupe_role callee_role = {
	.size = sizeof(callee_role), .instance_size = sizeof(struct role), .create = role_create,
	.destroy = role_destroy,
};
static const struct troupe_role caller_role = {
	.size = sizeof(caller_role), .instance_size = sizeof(struct role), .create = role_create,
	.start = caller_start, .destroy = role_destroy,
};
static const struct troupe_plugin callee = {
	TROUPE_PLUGIN_HEAD, .kind = TROUPE_PLUGIN_ROLE, .name = "callee", .version = "1", .summary = "Answers.",
	.provides = services, .methods = methods, .role = &callee_role,
};
static const struct troupe_plugin caller = {
	TROUPE_PLUGIN_HEAD, .kind = TROUPE_PLUGIN_ROLE, .name = "caller", .version = "1", .summary = "Calls.",
	.needs = services, .role = &caller_role,
};

/* The configuration of host `index`, run in `folder` when there are two. */
static struct config *config_make(uint32_t loops, uint32_t index, const char *folder)
{
	static struct config_instance instances[2] = {
		{ .name = "base/callee", .role = "callee", .part = "base", .plugin = &callee, .placed = 1 },
		{ .name = "base/caller", .role = "caller", .part = "base", .plugin = &caller, .placed = 1 },
	};
	static const struct config_instance *local[2] = { &instances[0], &instances[1] };
	static struct config_host hosts[2] = { { .name = "one", .workers = 1 }, { .name = "two", .workers = 1 } };
	static struct config config = { .cluster = "bench", .drain_ms = 1000, .hosts = hosts, .instances = instances,
					.instances_len = 2 };

	hosts[0].address = hosts[1].address = "127.0.0.1";
	hosts[0].loops = hosts[1].loops = loops;
	instances[0].host = (uint32_t)run.hosts - 1;
	instances[1].loop = loops - 1;
	config.hosts_len = (uint32_t)run.hosts;
	config.host = &hosts[index];
	config.state = config.run = config.sockets = folder;
	config.local = run.hosts == 1 ? local : &local[1 - index];
	config.local_len = run.hosts == 1 ? 2 : 1;
	return &config;
}

static int host_run(const struct config *config)
{
	struct troupe_error error = { .size = sizeof(error) };

	if (core_new(config, &run.core, &error) < 0) {
		fprintf(stderr, "calls: %s\n", error.text);
		return 1;
	}
	return core_run(run.core);
}

static int measure(const struct config *config)
{
	int code = host_run(config);
	uint32_t len = 0;

	if (run.core == NULL) {
		return 1;
	}
	struct core_instance *all = core_snapshot(run.core, &len);
	uint64_t served = all != NULL ? all[0].requests : 0;
	free(all);
	core_free(run.core);
	if (run.hosts == 1 && served != run.calls) {
		fprintf(stderr, "calls: %llu calls ended, the callee saw %llu\n", (unsigned long long)run.calls,
			(unsigned long long)served);
		return 1;
	}
	if (code != 0 || run.failed != 0 || run.calls == 0) {
		fprintf(stderr, "calls: %llu of %llu calls failed\n", (unsigned long long)run.failed,
			(unsigned long long)run.calls);
		return 1;
	}
	double seconds = (double)(run.last_ns - run.first_ns) / 1e9;
	printf("{\"calls_per_s\": %.1f, \"us_per_call\": %.4f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
	       (double)run.calls / seconds, seconds * 1e6 / (double)run.calls,
	       (double)hist_quantile(&hist, 0.5) / 1e3, (double)hist_quantile(&hist, 0.99) / 1e3);
	return 0;
}

static int measure_hosts(uint32_t loops)
{
	char folder[] = "/tmp/bench.XXXXXX", command[64];

	if (mkdtemp(folder) == NULL) {
		perror("calls");
		return 1;
	}
	snprintf(command, sizeof(command), "mkdir %s/keys", folder);
	int code = system(command);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(host_run(config_make(loops, 1, folder)));
	}
	code |= measure(config_make(loops, 0, folder));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return code | system(command);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },  { "loops", required_argument, NULL, 'l' },
		{ "callers", required_argument, NULL, 'c' }, { "typed", no_argument, NULL, 'b' },
		{ "hosts", required_argument, NULL, 'h' },   { NULL, 0, NULL, 0 },
	};
	long loops = 1;
	int bad = 0, option;

	run.time_ns = 1000000000;
	run.callers = 256;
	run.hosts = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			bad |= seconds_parse(optarg, &run.time_ns) < 0;
			break;
		case 'l':
			bad |= number_parse(optarg, 1, 2, &loops) < 0;
			break;
		case 'h':
			bad |= number_parse(optarg, 1, 2, &run.hosts) < 0;
			break;
		case 'c':
			bad |= number_parse(optarg, 1, 60000, &run.callers) < 0;
			break;
		case 'b':
			run.typed = 1;
			break;
		default:
			bad = 1;
			break;
		}
	}
	if (bad || optind < argc) {
		fprintf(stderr, "usage: calls [--time S] [--loops 1|2] [--hosts 1|2] [--callers N] [--typed]\n");
		return 2;
	}
	return run.hosts == 2 ? measure_hosts((uint32_t)loops) : measure(config_make((uint32_t)loops, 0, NULL));
}
