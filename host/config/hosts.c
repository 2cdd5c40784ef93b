/* SPDX-License-Identifier: MIT */
/* What a loaded configuration says of its hosts: their ways to each other, and the folders of their own files. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/net/address.h"
#include "load.h"
#include "troupe/message.h"

const struct config_host *config_host_of(const struct config *config, const struct config_instance *instance)
{
	return instance->placed ? &config->hosts[instance->host] : NULL;
}

const char *config_host_address(const struct config *config, const struct config_host *from,
				const struct config_host *to, char *buf, size_t size)
{
	for (uint32_t i = 0; i < from->reach_len; i++) {
		if (&config->hosts[from->reach[i].host] == to) {
			snprintf(buf, size, "%s", from->reach[i].address);
			return buf;
		}
	}
	if (strcmp(from->address, to->address) == 0) {
		snprintf(buf, size, "ipc://%s/%s.bus", config->sockets, to->name);
		return buf;
	}
	if (to->bus_port == 0) {
		return NULL;
	}
	snprintf(buf, size, strchr(to->address, ':') != NULL ? "tcp://[%s]:%u" : "tcp://%s:%u", to->address, to->bus_port);
	return buf;
}

const char *config_isolate_address(const struct config *config, const struct config_instance *instance, char *buf,
				   size_t size)
{
	snprintf(buf, size, "ipc://%s/%s.%08" PRIx32 ".bus", config->sockets, config->hosts[instance->host].name,
		 troupe_fnv32(instance->name, strlen(instance->name)));
	return buf;
}

static bool runs_master(const struct config *config, uint32_t host)
{
	for (uint32_t i = 0; i < config->instances_len; i++) {
		const struct config_instance *instance = &config->instances[i];

		if (instance->placed && instance->host == host && strcmp(instance->role, "master") == 0) {
			return true;
		}
	}
	return false;
}

bool config_hosts_linked(const struct config *config, const struct config_host *a, const struct config_host *b)
{
	uint32_t x = (uint32_t)(a - config->hosts), y = (uint32_t)(b - config->hosts);

	if (x == y) {
		return false;
	}
	for (uint32_t i = 0; i < config->instances_len; i++) {
		for (uint32_t j = 0; j < config->instances_len; j++) {
			const struct config_instance *one = &config->instances[i], *other = &config->instances[j];

			if (one->placed && other->placed && one->host == x && other->host == y &&
			    strcmp(one->part, other->part) == 0) {
				return true;
			}
		}
	}
	return runs_master(config, x) || runs_master(config, y);
}

static bool is_loopback(const struct config_host *host)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address address;

	return net_address_parse("tcp://:0", host->address, &address, &error) == TROUPE_OK && address.loopback;
}

bool config_keys_own(const struct config *config)
{
	bool same = true, loopback = true, keys = false;

	for (uint32_t i = 0; i < config->hosts_len; i++) {
		same = same && strcmp(config->hosts[i].address, config->hosts[0].address) == 0;
		loopback = loopback && is_loopback(&config->hosts[i]);
		keys = keys || config->hosts[i].keys_len > 0;
	}
	return (same || loopback) && !keys;
}

/* A socket's path has few bytes, and folders can be deep: so they get a place of their own, named by what makes two
 * clusters of one user differ. */
static const char *sockets_folder(struct load *load, const char *runtime)
{
	const char *user = getenv("XDG_RUNTIME_DIR");
	const struct config *config = load->config;
	const char *text = arena_print(load->arena, "%s\n%s", config->state, config->cluster);
	uint64_t hash = troupe_fnv64(text, strlen(text));

	if (load->sockets != NULL && load->sockets[0] != '\0') {
		return load_absolute(load, load->sockets);
	}
	if (runtime != NULL) {
		return arena_print(load->arena, "%s/%016" PRIx64, runtime, hash);
	}
	if (user != NULL && user[0] == '/') {
		return arena_print(load->arena, "%s/troupe/%016" PRIx64, user, hash);
	}
	return arena_print(load->arena, "/tmp/troupe-%u/%016" PRIx64, (unsigned)geteuid(), hash);
}

static void socket_long(struct load *load, const char *address)
{
	const char *path = address + strlen("ipc://");

	if (strlen(path) <= CONFIG_SOCKET_MAX) {
		return;
	}
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0215", "the path of a socket is too long: %s", path);

	diag_note(load->diags, diag, "it has %zu bytes; the system takes %u", strlen(path), CONFIG_SOCKET_MAX);
	diag_help(load->diags, diag, "name a short folder: cluster \"%s\" { sockets = \"/run/troupe\" }", load->config->cluster);
}

/* The folder of this process in one that several share. */
static const char *own_folder(struct load *load, const char *folder)
{
	if (load->config->hosts_len > 1) {
		folder = arena_print(load->arena, "%s/hosts/%s", folder, load->config->host->name);
	}
	if (load->request->isolate != NULL) {
		folder = arena_print(load->arena, "%s/isolated/%s", folder, load->request->isolate);
	}
	return folder;
}

void load_folders(struct load *load)
{
	struct config *config = load->config;
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	char address[8192];

	if (runtime != NULL) {
		/* systemd.exec(5): several folders have colons between */
		runtime = runtime[0] == '/' ? arena_copy(load->arena, runtime, strcspn(runtime, ":")) : NULL;
	}
	config->run = own_folder(load, runtime != NULL ? runtime : config->state);
	config->spool = arena_print(load->arena, "%s/spool", own_folder(load, config->state));
	config->sockets = sockets_folder(load, runtime);
	for (uint32_t i = 0; i < config->hosts_len && config->hosts_len > 1; i++) {
		socket_long(load, config_host_address(config, &config->hosts[i], &config->hosts[i], address,
						      sizeof(address)));
	}
	for (uint32_t i = 0; i < config->instances_len; i++) {
		if (config->instances[i].placed && config->instances[i].isolate) {
			socket_long(load, config_isolate_address(config, &config->instances[i], address, sizeof(address)));
		}
	}
}
