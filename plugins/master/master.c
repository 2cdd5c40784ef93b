/* SPDX-License-Identifier: MIT */
/* The master: shards, placement, presence, leases. The descriptor, the commands and the life of the role. */
#include "master.h"

#include <stdio.h>
#include <stdlib.h>

#include "json/json.h"
#include "proto/proto.h"

static const struct troupe_metric metric_table[METRIC_COUNT] = {
#define METRIC(id, type, text, what, label) \
	[id] = { .size = sizeof(struct troupe_metric), .kind = type, .name = text, .help = what, .labels = label }
	METRIC(METRIC_PLACED, TROUPE_COUNTER, "troupe_master_placements_total", "Players sent to a front-end, by result.",
	       "result=\"placed\""),
	METRIC(METRIC_PLACE_REFUSED, TROUPE_COUNTER, "troupe_master_placements_total",
	       "Players sent to a front-end, by result.", "result=\"refused\""),
	METRIC(METRIC_PRESENT, TROUPE_GAUGE, "troupe_master_present_accounts", "Accounts that are in a shard.", NULL),
	METRIC(METRIC_KICKED, TROUPE_COUNTER, "troupe_master_kicks_total", "Sessions ended by a newer login.", NULL),
	METRIC(METRIC_FRONTENDS, TROUPE_GAUGE, "troupe_master_frontends", "Front-ends that report themselves.", NULL),
	METRIC(METRIC_FRONTENDS_GONE, TROUPE_COUNTER, "troupe_master_frontends_gone_total",
	       "Front-ends that fell silent.", NULL),
	METRIC(METRIC_FULL, TROUPE_COUNTER, "troupe_master_refused_total",
	       "Words of front-ends that were malformed or beyond a bound.", NULL),
};

/* --- commands ------------------------------------------------------------------------------------- */

struct presence_args {
	int64_t account;
};

static void command_shards(void *instance, const struct troupe_request *request, const void *args)
{
	struct master *master = instance;
	struct json json = { 0 };

	(void)args;
	json_open(&json, '[');
	for (uint32_t i = 0; i < master->shard_count; i++) {
		Master__ShardInfo info;

		registry_shard(master, i, &info);
		json_open(&json, '{');
		json_key(&json, "shard");
		json_text(&json, info.name);
		json_key(&json, "players");
		json_number(&json, info.population);
		json_key(&json, "limit");
		json_number(&json, info.limit);
		json_key(&json, "ready");
		json_bool(&json, info.ready);
		json_key(&json, "locked");
		json_bool(&json, info.locked);
		json_key(&json, "comment");
		json_text(&json, info.comment);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_reply(&json, master->h, request->id);
}

static void command_links(void *instance, const struct troupe_request *request, const void *args)
{
	struct master *master = instance;
	struct json json = { 0 };
	uint64_t now_us = master->h->now_us(master->h);

	(void)args;
	json_open(&json, '[');
	for (uint32_t i = 0; i < master->frontend_count; i++) {
		const struct frontend *fe = &master->frontends[i];

		json_open(&json, '{');
		json_key(&json, "shard");
		json_text(&json, fe->shard);
		json_key(&json, "frontend");
		json_id(&json, fe->id);
		json_key(&json, "host");
		json_text(&json, fe->host);
		json_key(&json, "port");
		json_number(&json, fe->port);
		json_key(&json, "clients");
		json_number(&json, fe->clients);
		json_key(&json, "clients_max");
		json_number(&json, fe->clients_max);
		json_key(&json, "draining");
		json_bool(&json, (int)fe->draining);
		json_key(&json, "silent_ms");
		json_number(&json, (int64_t)((now_us - fe->seen_us) / 1000));
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_reply(&json, master->h, request->id);
}

static void command_presence(void *instance, const struct troupe_request *request, const void *args)
{
	struct master *master = instance;
	const struct presence_args *wanted = args;
	const struct presence *presence = map_get(&master->presences, (uint64_t)wanted->account);
	struct json json = { 0 };

	json_open(&json, '{');
	json_key(&json, "present");
	json_number(&json, master->presences.count);
	if (wanted->account != 0) {
		json_key(&json, "account");
		json_id(&json, (uint64_t)wanted->account);
		json_key(&json, "here");
		json_bool(&json, presence != NULL);
	}
	if (presence != NULL) {
		json_key(&json, "frontend");
		json_id(&json, presence->frontend);
		json_key(&json, "session");
		json_id(&json, presence->session);
		json_key(&json, "epoch");
		json_number(&json, (int64_t)presence->epoch);
	}
	json_close(&json, '}');
	json_reply(&json, master->h, request->id);
}

static const struct troupe_option presence_arguments[] = {
	{ .name = "account", .help = "Where this account is; without it only how many are present.",
	  .type = TROUPE_OPTION_INT, .offset = offsetof(struct presence_args, account) },
	{ 0 }
};

const struct troupe_command master_commands[] = {
	{ .verb = "shards", .help = "Lists the shards with their players.", .right = "read", .run = command_shards },
	{ .verb = "links", .help = "Lists the front-ends that report themselves.", .right = "read", .run = command_links },
	{ .verb = "presence", .help = "Shows where an account is.", .right = "read", .args = presence_arguments,
	  .args_size = sizeof(struct presence_args), .run = command_presence },
	{ 0 }
};

/* --- life ----------------------------------------------------------------------------------------- */

static int32_t master_create(void *instance, const struct troupe_host *host, const void *options,
			     struct troupe_error *reterr)
{
	struct master *master = instance;

	master->h = host;
	master->options = options;
	master->frontends = calloc(FRONTENDS_MAX, sizeof(*master->frontends));
	master->shards = calloc(SHARDS_MAX, sizeof(*master->shards));
	if (master->frontends == NULL || master->shards == NULL) {
		snprintf(reterr->text, sizeof(reterr->text), "no memory for the tables of front-ends and shards");
		return reterr->status = TROUPE_RESOURCE_EXHAUSTED;
	}
	registry_learn(master);
	for (int i = 0; i < METRIC_COUNT; i++) {
		master->metrics[i] = host->metric(host, &metric_table[i]);
	}
	return TROUPE_OK;
}

static void on_second(void *instance, void *arg)
{
	struct master *master = instance;

	master->timer = master->h->timer_start(master->h, 1000, on_second, arg);
	registry_tick(master);
	presence_tick(master);
}

static int32_t master_start(void *instance, struct troupe_error *reterr)
{
	struct master *master = instance;
	int32_t status = master->h->db_find(master->h, master->options->database, &master->db);

	if (status != TROUPE_OK) {
		snprintf(reterr->text, sizeof(reterr->text), "the database of the leases is not there");
		snprintf(reterr->help, sizeof(reterr->help), "name a database of the base part in `database`");
		return reterr->status = status;
	}
	master->timer = master->h->timer_start(master->h, 1000, on_second, NULL);
	base_begin(master);
	return TROUPE_OK;
}

static void master_stop(void *instance)
{
	struct master *master = instance;

	base_stop(master);
	master->h->timer_stop(master->h, master->timer);
	master->h->timer_stop(master->h, master->wait_timer);
}

static void master_destroy(void *instance)
{
	struct master *master = instance;

	registry_free(master);
	presence_free(master);
	lease_free(master);
	free(master->frontends);
	free(master->shards);
}

static const struct troupe_option shard_fields[] = {
	{ .name = "comment", .help = "What players read beside the name.", .type = TROUPE_OPTION_STRING,
	  .offset = offsetof(struct shard_options, comment), .max = 256 },
	{ .name = "limit", .help = "Players at most; 0 = as many as its front-ends take.", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct shard_options, limit), .max = 1000000 },
	{ .name = "locked", .help = "Nobody may enter.", .type = TROUPE_OPTION_BOOL,
	  .offset = offsetof(struct shard_options, locked) },
	{ 0 }
};

static const struct troupe_option options[] = {
	{ .name = "database", .help = "Where leases are kept.", .type = TROUPE_OPTION_DATABASE,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct master_options, database) },
	{ .name = "base_lease", .help = "How long after the last word of another cluster's masters its base may be taken over.",
	  .fallback = "30s", .type = TROUPE_OPTION_DURATION, .offset = offsetof(struct master_options, base_lease_ms),
	  .min = 1000, .max = 60000 },
	{ .name = "shards", .help = "What players are told of each shard, by its name.", .type = TROUPE_OPTION_MAP,
	  .offset = offsetof(struct master_options, shards), .item_size = sizeof(struct shard_options),
	  .fields = shard_fields },
	{ 0 }
};

static const struct troupe_method methods[] = {
	MASTER_SHARDS(registry_on_shards),
	MASTER_PLACE(registry_on_place),
	MASTER_REGISTER(registry_on_register),
	MASTER_PRESENCE_SET(presence_on_set),
	MASTER_PRESENCE_CLEAR(presence_on_clear),
	MASTER_WHO(presence_on_who),
	MASTER_LEASE(lease_on_lease),
	{ 0 }
};

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct master),
	.options_size = sizeof(struct master_options),
	.create = master_create,
	.start = master_start,
	.stop = master_stop,
	.destroy = master_destroy,
};

static const char *const parts[] = { "base", NULL };
static const char *const provides[] = { "master", NULL };
static const char *const uses[] = { "frontend", NULL };

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "master",
	.version = "0.1.0",
	.summary = "Shards, the placement of players, their presence, and leases.",
	.parts = parts,
	.provides = provides,
	.uses = uses,
	.options = options,
	.commands = master_commands,
	.methods = methods,
	.role = &role,
};
