/* SPDX-License-Identifier: MIT */
/* Which keys the links of a process are sealed with. */
#include "host/bus/keys.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "host/bus/cipher.h"
#include "host/bus/key.h"
#include "host/bus/peer.h"
#include "host/obs/log.h"

#define NAME_SIZE 256u

/* The name of a process in the folder of keys: of a host, or part.role.name of an isolated instance. */
static const char *key_name(const struct config_host *host, const struct config_instance *isolated, char space[NAME_SIZE])
{
	snprintf(space, NAME_SIZE, "%s", isolated != NULL ? isolated->name : host->name);
	for (char *p = space; *p != '\0'; p++) {
		*p = *p == '/' ? '.' : *p;
	}
	return space;
}

int keys_own(const struct config *config, uint8_t ret_secrets[SEAL_KEYS_MAX][SEAL_KEY], unsigned *ret_len,
	     struct troupe_error *reterr)
{
	char space[NAME_SIZE];
	const char *own = key_name(config->host, config->isolated, space);
	int r = config_keys_own(config) || config->isolated != NULL ? key_ensure(config->state, own, reterr) : 0;

	return r == 0 ? key_load(config->state, own, ret_secrets, ret_len, reterr) : r;
}

int keys_peer(const struct config *config, const struct config_host *host, const struct config_instance *isolated,
	      uint8_t ret_keys[SEAL_KEYS_MAX][SEAL_KEY], unsigned *ret_len, struct troupe_error *reterr)
{
	char space[NAME_SIZE];
	const char *peer = key_name(host, isolated, space);
	int r;

	if (isolated == NULL && host->keys_len > 0) {
		*ret_len = host->keys_len < SEAL_KEYS_MAX ? host->keys_len : SEAL_KEYS_MAX;
		memcpy(ret_keys, host->keys, *ret_len * sizeof(*ret_keys));
		return 0;
	}
	*ret_len = 1;
	r = key_public_read(config->state, peer, ret_keys[0], reterr);
	if (r == -ENOENT) {
		r = key_ensure(config->state, peer, reterr);
		r = r == 0 ? key_public_read(config->state, peer, ret_keys[0], reterr) : r;
	}
	return r;
}

/* --- while it runs ------------------------------------------------------------------------------- */

static const struct config_host *host_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->hosts_len; i++) {
		if (strcmp(config->hosts[i].name, name) == 0) {
			return &config->hosts[i];
		}
	}
	return NULL;
}

static void refused(const struct troupe_error *error)
{
	log_text(TROUPE_LOG_WARNING, "config", "the keys stay as they are: %s; %s", error->text, error->help);
}

static void on_rekey(struct loop_task *task)
{
	struct bus *bus = (struct bus *)(void *)((char *)task - offsetof(struct bus, rekey));

	pthread_mutex_lock(&bus->mutex);
	bus->rekeying = false;
	for (uint32_t i = 0; i < bus->peers_len; i++) {
		struct peer *peer = &bus->peers[i];

		if (peer->keys.peers_len > 0) {
			seal_keys(peer->seal, &peer->keys, loop_now_us(bus->loop));
			cipher_wipe(&peer->keys, sizeof(peer->keys));
			peer->dirty = true;
		}
	}
	pthread_mutex_unlock(&bus->mutex);
}

/* Reads a peer's keys, which takes the disk, and leaves them for the loop. */
static void peer_read(struct peer *peer, const struct config *config, const struct seal_setup *own)
{
	const struct config_host *host = host_find(config, peer->host->name);
	struct troupe_error error = { .size = sizeof(error) };
	struct seal_setup keys = *own;

	if (host == NULL) {
		return; /* gone from the configuration: it stays until a restart */
	}
	if (keys_peer(config, host, peer->isolated, keys.peers, &keys.peers_len, &error) < 0) {
		refused(&error);
		return;
	}
	pthread_mutex_lock(&peer->bus->mutex);
	peer->keys = keys;
	pthread_mutex_unlock(&peer->bus->mutex);
	cipher_wipe(&keys, sizeof(keys));
}

void bus_keys(struct bus *bus, const struct config *config)
{
	const char *cluster = core_config(bus->core)->cluster;
	struct troupe_error error = { .size = sizeof(error) };
	struct seal_setup own = { .prologue = cluster, .prologue_len = strlen(cluster) };
	bool was_posted;

	if (keys_own(config, own.secrets, &own.secrets_len, &error) < 0) {
		refused(&error);
		return;
	}
	for (uint32_t i = 0; i < bus->peers_len; i++) {
		peer_read(&bus->peers[i], config, &own);
	}
	cipher_wipe(&own, sizeof(own));
	pthread_mutex_lock(&bus->mutex);
	was_posted = bus->rekeying;
	bus->rekeying = true;
	pthread_mutex_unlock(&bus->mutex);
	if (!was_posted) {
		bus->rekey.run = on_rekey;
		loop_post(bus->loop, &bus->rekey);
	}
}
