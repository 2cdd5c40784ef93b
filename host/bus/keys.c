/* SPDX-License-Identifier: MIT */
/* Which keys the links of a process are sealed with. */
#include "host/bus/keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/bus/key.h"

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
