/* SPDX-License-Identifier: MIT */
/* What players need, host by host; figures as measured (docs/explain/performance.md). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "arena.h"
#include "limits.h"
#include "options.h"

#define PROCESS_BYTES (8u << 20)	/* a host without players */
#define CONNECTION_BYTES 700u		/* a client of a front-end that is silent */
#define WORLD_BYTES 1900u		/* what it has more when it is in the world */
#define KERNEL_BYTES 4096u		/* of the system, for each connection of TCP */
#define PROCESS_FILES 64u
#define PEER_FILES 4u			/* for each other host */
#define STORE_FILES 512u		/* tables that an embedded store holds open */
#define BACKLOG 4096u			/* connections that wait to be accepted, at most (SOMAXCONN) */

void limits_add(struct limits *limits, struct limit limit)
{
	if (limits->len < LIMITS_MAX) {
		limits->list[limits->len++] = limit;
	}
}

/* --- options by their paths ------------------------------------------------------------------------ */

/* Where the value of "limits.connections" lies, or NULL: the plugin has no such option. */
static const void *option_at(const struct troupe_option *table, uint32_t stride, const void *base, const char *path)
{
	size_t len = strcspn(path, ".");
	const struct troupe_option *option = NULL;

	while (base != NULL && (option = options_next(table, stride, option)) != NULL) {
		const void *value = (const char *)base + option->offset;

		if (strlen(option->name) != len || strncmp(option->name, path, len) != 0) {
			continue;
		}
		return path[len] == '\0' ? value : option_at(option->fields, stride, value, path + len + 1);
	}
	return NULL;
}

/* A number among the options of an instance or its driver; 0 = it has none. */
static uint64_t number_of(const struct config_instance *instance, const char *path)
{
	const struct troupe_plugin *plugin = instance->plugin, *driver = instance->driver;
	const void *at = option_at(plugin->options, plugin->option_size, instance->options, path);
	int64_t number = 0;

	if (at == NULL && driver != NULL) {
		at = option_at(driver->options, driver->option_size, instance->driver_options, path);
	}
	if (at != NULL) {
		memcpy(&number, at, sizeof(number));
	}
	return number > 0 ? (uint64_t)number : 0;
}

static bool is_role(const struct config_instance *instance, const char *role)
{
	return instance->placed && strcmp(instance->role, role) == 0;
}

/* How many players come to each of the instances of a role. */
static uint64_t share(const struct config *config, uint64_t ccu, const char *role)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < config->instances_len; i++) {
		count += is_role(&config->instances[i], role);
	}
	return count > 0 ? (ccu + count - 1) / count : 0;
}

static uint64_t shards(const struct config *config)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < config->instances_len; i++) {
		bool first = strncmp(config->instances[i].part, "shard:", 6) == 0;

		for (uint32_t j = 0; j < i && first; j++) {
			first = strcmp(config->instances[j].part, config->instances[i].part) != 0;
		}
		count += first;
	}
	return count > 0 ? count : 1;
}

/* --- roles ----------------------------------------------------------------------------------------- */

static void role_limit(struct limits *limits, const struct config_instance *instance, const char *option, uint64_t need)
{
	uint64_t have = number_of(instance, option);

	limits_add(limits, (struct limit){
		.of = instance->name, .name = option, .need = need, .have = have,
		.raise = arena_print(limits->arena, "set %s = %" PRIu64 " in the block of %s", option, need, instance->name) });
}

/* Players who come through a front on this machine all have its address. */
static void network_limit(struct limits *limits, const struct config_instance *instance, uint64_t need)
{
	uint64_t have = number_of(instance, "limits.per_network");

	if (have > 0) {
		limits_add(limits, (struct limit){
			.of = instance->name, .name = "limits.per_network", .need = need, .have = have,
			.raise = arena_print(limits->arena, "players behind a TLS front all have its address: set "
					     "limits.per_network = 0 in the block of %s, and bound them in the front",
					     instance->name) });
	}
}

/* The master's bounds of shards: shards.NAME.limit, 0 = none. */
static void shard_limits(struct limits *limits, const struct config *config, const struct config_instance *master)
{
	const struct troupe_plugin *plugin = master->plugin;
	const struct troupe_map *map = option_at(plugin->options, plugin->option_size, master->options, "shards");
	const struct troupe_option *option = NULL;
	uint64_t need = (limits->ccu + shards(config) - 1) / shards(config);

	while (map != NULL && (option = options_next(plugin->options, plugin->option_size, option)) != NULL &&
	       strcmp(option->name, "shards") != 0) {
	}
	for (uint32_t i = 0; option != NULL && i < map->count; i++) {
		const char *item = (const char *)map->items + (size_t)i * map->item_size, *name;
		const int64_t *bound = option_at(option->fields, plugin->option_size, item, "limit");

		memcpy(&name, item, sizeof(name));
		if (bound != NULL && *bound > 0) {
			limits_add(limits, (struct limit){
				.of = master->name, .name = arena_print(limits->arena, "shards.%s.limit", name), .need = need,
				.have = (uint64_t)*bound,
				.raise = arena_print(limits->arena, "raise it, or leave it out, in the block of %s", master->name) });
		}
	}
}

void limits_of_roles(struct limits *limits, const struct config *config)
{
	for (uint32_t i = 0; i < config->instances_len; i++) {
		const struct config_instance *instance = &config->instances[i];

		if (is_role(instance, "frontend")) {
			role_limit(limits, instance, "max_clients", share(config, limits->ccu, "frontend"));
			network_limit(limits, instance, share(config, limits->ccu, "frontend"));
		} else if (is_role(instance, "account")) {
			/* all of them, when they come back at once */
			role_limit(limits, instance, "limits.connections", share(config, limits->ccu, "account"));
			network_limit(limits, instance, share(config, limits->ccu, "account"));
		} else if (is_role(instance, "master")) {
			shard_limits(limits, config, instance);
		}
	}
}

/* --- hosts ----------------------------------------------------------------------------------------- */

struct need {
	uint64_t files, memory, connections, ports;
};

static void need_of_instance(struct need *need, const struct config *config, const struct config_instance *instance,
			     uint64_t ccu)
{
	uint64_t players = 0;

	if (is_role(instance, "frontend")) {
		players = share(config, ccu, "frontend");
	} else if (is_role(instance, "account")) {
		players = share(config, ccu, "account");
		need->memory += number_of(instance, "password.memory") * number_of(instance, "password.parallel");
	} else if (is_role(instance, "mechanics")) {
		need->memory += (ccu + shards(config) - 1) / shards(config) * WORLD_BYTES; /* one may own the whole world */
	} else if (instance->driver != NULL) {
		need->files += STORE_FILES;
		need->memory += number_of(instance, "cache") + 2 * number_of(instance, "write_buffer");
	}
	need->memory += players * (CONNECTION_BYTES + KERNEL_BYTES);
	need->files += players;
	need->connections += players;
	need->ports = players > need->ports ? players : need->ports;
	if (instance->isolate) {
		need->memory += PROCESS_BYTES;
	}
}

/* Isolated instances count with their host: they have the same bounds, so that is on the safe side. */
void limits_of_host(struct limits *limits, const struct config *config, uint32_t host)
{
	struct need need = { .files = PROCESS_FILES + PEER_FILES * config->hosts_len, .memory = PROCESS_BYTES };
	const char *of = arena_print(limits->arena, "host %s", config->hosts[host].name);
	struct rlimit files = { 0 };

	for (uint32_t i = 0; i < config->instances_len; i++) {
		if (config->instances[i].placed && config->instances[i].host == host) {
			need_of_instance(&need, config, &config->instances[i], limits->ccu);
		}
	}
	getrlimit(RLIMIT_NOFILE, &files);
	limits_add(limits, (struct limit){
		.of = of, .name = "open files (ulimit -Hn)", .need = need.files, .have = files.rlim_max,
		.raise = arena_print(limits->arena, "LimitNOFILE=%" PRIu64 " in its unit, or `* hard nofile %" PRIu64
				     "` in /etc/security/limits.conf", need.files, need.files) });
	limits->sum.files += need.files;
	limits->sum.memory += need.memory;
	limits->sum.connections += need.connections;
	limits->sum.files_most = need.files > limits->sum.files_most ? need.files : limits->sum.files_most;
	limits->sum.ports = need.ports > limits->sum.ports ? need.ports : limits->sum.ports;
}

/* --- the machine ----------------------------------------------------------------------------------- */

/* The first number of a file below /proc; false: there is none. */
static bool proc_number(const char *path, const char *format, uint64_t *ret_a, uint64_t *ret_b)
{
	char line[256];
	FILE *file = fopen(path, "re");
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		found = sscanf(line, format, ret_a, ret_b) == (ret_b != NULL ? 2 : 1);
	}
	if (file != NULL) {
		fclose(file);
	}
	return found;
}

static void sysctl_limit(struct limits *limits, const char *name, const char *path, uint64_t need)
{
	uint64_t have;

	if (proc_number(path, "%" SCNu64, &have, NULL)) {
		limits_add(limits, (struct limit){
			.of = "this machine", .name = name, .need = need, .have = have,
			.raise = arena_print(limits->arena, "sysctl -w %s=%" PRIu64 ", and in /etc/sysctl.d to keep it", name,
					     need) });
	}
}

void limits_of_machine(struct limits *limits)
{
	uint64_t have, low, high;

	if (proc_number("/proc/meminfo", "MemAvailable: %" SCNu64, &have, NULL)) {
		limits_add(limits, (struct limit){ .of = "this machine", .name = "memory", .need = limits->sum.memory,
						   .have = have * 1024, .bytes = true,
						   .raise = "more memory, or put hosts on other machines" });
	}
	sysctl_limit(limits, "fs.nr_open", "/proc/sys/fs/nr_open", limits->sum.files_most);
	sysctl_limit(limits, "fs.file-max", "/proc/sys/fs/file-max", limits->sum.files);
	sysctl_limit(limits, "net.core.somaxconn", "/proc/sys/net/core/somaxconn",
		     limits->ccu < BACKLOG ? limits->ccu : BACKLOG);
	/* both ends of a connection from a front on this machine are in the table once */
	sysctl_limit(limits, "net.netfilter.nf_conntrack_max", "/proc/sys/net/netfilter/nf_conntrack_max",
		     2 * limits->sum.connections);
	if (proc_number("/proc/sys/net/ipv4/ip_local_port_range", "%" SCNu64 " %" SCNu64, &low, &high) && high > low) {
		have = high - low + 1;
		limits_add(limits, (struct limit){
			.of = "this machine", .name = "net.ipv4.ip_local_port_range", .need = limits->sum.ports, .have = have,
			.raise = "sysctl -w net.ipv4.ip_local_port_range=\"10240 65535\", more front-ends, or further source "
				 "addresses in the TLS front" });
	}
}
