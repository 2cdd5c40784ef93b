/* SPDX-License-Identifier: MIT */
/* What the log and the metrics put into the host table of an instance. */
#ifndef HOST_OBS_OBS_H
#define HOST_OBS_OBS_H

#include "troupe/host.h"

/* obs_table_fill sets the members log, log_wanted, metric, metric_add, metric_set and metric_observe. [main] */
void obs_table_fill(struct troupe_host *table);

#endif
