/* SPDX-License-Identifier: MIT */
/* The database functions of the host table. */
#include "host/core/table.h"

static int32_t on_find(const struct troupe_host *h, const char *name, uint32_t *ret_db)
{
	(void)h, (void)name, (void)ret_db;
	return TROUPE_UNIMPLEMENTED;
}

void table_fill_db(struct troupe_host *table)
{
	table->db_find = on_find;
}
