/* SPDX-License-Identifier: MIT */
/* The host table of an instance. */
#ifndef HOST_CORE_TABLE_H
#define HOST_CORE_TABLE_H

#include "host/core/instance.h"

/* table_fill sets every function of instance->host; its name, part and id are set already. [main] */
void table_fill(struct instance *instance);

/* table_fill_db sets the members db_* and store_*, table_fill_net listen and conn_*. [main] */
void table_fill_db(struct troupe_host *table);
void table_fill_net(struct troupe_host *table);

/* table_net_drain closes the instance's listening sockets; its connections stay. [loop] */
void table_net_drain(struct instance *instance);

#endif
