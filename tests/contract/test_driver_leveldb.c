/* SPDX-License-Identifier: MIT */
/* The LevelDB driver keeps the driver contract. */
#include <stdio.h>

#include "tests/contract/driver_contract.h"
#include "tests/support/driver_load.h"

static void *options(const struct troupe_plugin *plugin, const char *dir)
{
	static char path[300];

	snprintf(path, sizeof(path), "path=%s", dir);
	return driver_options(plugin, path, "write_buffer=64kb", "reserve=256kb", NULL);
}

int main(void)
{
	return driver_contract_run(&(struct driver_contract){ .plugin = "driver_leveldb", .options = options });
}
