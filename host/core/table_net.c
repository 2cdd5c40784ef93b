/* SPDX-License-Identifier: MIT */
/* The connection functions of the host table. */
#include "host/core/table.h"

static int32_t on_listen(const struct troupe_host *h, const struct troupe_listen *listen, uint16_t *ret_port,
			 struct troupe_error *reterr)
{
	(void)h, (void)listen, (void)ret_port, (void)reterr;
	return TROUPE_UNIMPLEMENTED;
}

void table_fill_net(struct troupe_host *table)
{
	table->listen = on_listen;
}
