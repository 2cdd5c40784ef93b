/* SPDX-License-Identifier: MIT */
/* What every database driver must do. A driver's test is a call of driver_contract_run. */
#ifndef TESTS_CONTRACT_DRIVER_CONTRACT_H
#define TESTS_CONTRACT_DRIVER_CONTRACT_H

#include "troupe/driver.h"

struct driver_contract {
	const char *plugin; /* "driver_leveldb" */
	/* options: the driver's options for a store that lives in, or is named by, the new folder `dir`; for free(). */
	void *(*options)(const struct troupe_plugin *plugin, const char *dir);
};

/* driver_contract_run: runs every case as a cmocka test; returns how many failed. */
int driver_contract_run(const struct driver_contract *contract);

#endif
