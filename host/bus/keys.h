/* SPDX-License-Identifier: MIT */
/* Which keys the links of a process are sealed with. */
#ifndef HOST_BUS_KEYS_H
#define HOST_BUS_KEYS_H

#include "host/bus/seal.h"
#include "host/config/config.h"
#include "troupe/role.h"

/*
 * A host's secret keys are in its key file (key.h), the public ones of others in their host blocks. Where no block has
 * a key, which is fine while all hosts are on one machine, and for the child process of an isolated instance, the
 * pair is made when it is first wanted, and read by whoever may read the folder.
 */

/* keys_own reads the secret keys of this process: 0, or -errno with *reterr. [main] */
int keys_own(const struct config *config, uint8_t ret_secrets[SEAL_KEYS_MAX][SEAL_KEY], unsigned *ret_len,
	     struct troupe_error *reterr);
/* keys_peer finds the public keys of a process of `host`, of the host itself when `isolated` is NULL: as keys_own. */
int keys_peer(const struct config *config, const struct config_host *host, const struct config_instance *isolated,
	      uint8_t ret_keys[SEAL_KEYS_MAX][SEAL_KEY], unsigned *ret_len, struct troupe_error *reterr);

#endif
