/* SPDX-License-Identifier: MIT */
/*
 * rights CONFIG: plays host "rogue" of that configuration, on which every role has an instance, and calls every method
 * of every instance of host "victim" in the name of every instance of the cluster. Whoever is not configured on the
 * rogue host is refused, whatever is asked; of the others exactly those roles get through whom the method allows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/config/diag.h"
#include "tests/bus/rogue.h"

#define IN_FLIGHT 500u

struct ask {
	const struct config_instance *from, *to;
	const struct troupe_method *method;
	bool allowed;
};

static struct ask *asks;
static uint32_t asks_len, sent, answered, wrong, passed_on;

static const struct troupe_method *method_at(const struct troupe_plugin *plugin, uint32_t i)
{
	return (const struct troupe_method *)(const void *)((const char *)plugin->methods + (size_t)i * plugin->method_size);
}

static bool listed(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++) {
		if (strcmp(*names, "*") == 0 || strcmp(*names, name) == 0) {
			return true;
		}
	}
	return false;
}

/* "@users": whoever names the database in its options. */
static bool uses(const struct config *config, const struct config_instance *from, const struct config_instance *to)
{
	for (uint32_t i = 0; i < from->databases_len; i++) {
		if (&config->instances[from->databases[i]] == to) {
			return true;
		}
	}
	return false;
}

static uint64_t id_of(const struct config_instance *instance)
{
	return troupe_fnv64(instance->name, strlen(instance->name));
}

static void send_more(struct rogue *rogue)
{
	while (sent < asks_len && sent - answered < IN_FLIGHT) {
		const struct ask *ask = &asks[sent];
		if (!rogue_call(rogue, sent + 1, id_of(ask->from), id_of(ask->to), ask->method->id)) {
			return;
		}
		sent++;
	}
}

static void on_reply(struct rogue *rogue, const struct envelope *envelope, const uint8_t *body)
{
	const struct ask *ask = &asks[envelope->call - 1];
	bool refused = envelope->status == TROUPE_PERMISSION_DENIED && envelope->body_len == strlen("host.not_allowed") &&
		       memcmp(body, "host.not_allowed", envelope->body_len) == 0;

	answered++;
	passed_on += !refused;
	if (refused == ask->allowed) {
		wrong++;
		printf("# %s calls %s of %s: status %u, %s\n", ask->from->name, ask->method->name, ask->to->name,
		       envelope->status, ask->allowed ? "but it may" : "though it may not");
	}
	if (answered == asks_len) {
		loop_stop(rogue->loop);
	}
}

static void fill(const struct config *config)
{
	asks = calloc((size_t)config->instances_len * config->instances_len * 64, sizeof(*asks));
	for (uint32_t t = 0; t < config->instances_len; t++) {
		const struct config_instance *to = &config->instances[t];
		if (strcmp(config_host_of(config, to)->name, "victim") != 0) {
			continue;
		}
		for (uint32_t m = 0; to->plugin->methods != NULL && method_at(to->plugin, m)->name != NULL; m++) {
			for (uint32_t f = 0; f < config->instances_len; f++) {
				const struct config_instance *from = &config->instances[f];
				const struct troupe_method *method = method_at(to->plugin, m);
				asks[asks_len++] = (struct ask){
					.from = from, .to = to, .method = method,
					.allowed = config_host_of(config, from) == config->host &&
						   (listed(method->allow, from->plugin->name) ||
						    (listed(method->allow, "@users") && uses(config, from, to))),
				};
			}
		}
	}
}

int main(int argc, char **argv)
{
	struct rogue rogue = { .on_turn = send_more, .on_reply = on_reply };
	struct config_request request = { .path = argc > 1 ? argv[1] : "", .host = "rogue",
					  .state = argc > 2 ? argv[2] : NULL };
	struct diag_list *diags = diag_list_create();
	struct config *config;

	if (config_load(&request, &config, diags) < 0) {
		printf("Bail out! %s does not load\n", request.path);
		return 99;
	}
	rogue.config = config;
	fill(config);
	rogue_start(&rogue, "victim");
	loop_run(rogue.loop);
	rogue_stop(&rogue);
	config_free(config);
	diag_list_free(diags);
	free(asks);
	printf("# %" PRIu32 " calls, %" PRIu32 " let through, %" PRIu32 " wrong\n", asks_len, passed_on, wrong);
	return wrong != 0 || passed_on == 0 || asks_len == passed_on;
}
