/* SPDX-License-Identifier: MIT */
/* Log and metrics of a running host: the host table's part, and the pages for those who watch it. */
#ifndef HOST_OBS_OBS_H
#define HOST_OBS_OBS_H

#include <stdbool.h>

#include "host/obs/text.h"
#include "troupe/host.h"

struct core;
struct obs;

/* obs_table_fill sets the members log, log_wanted, metric, metric_add, metric_set and metric_observe. [main] */
void obs_table_fill(struct troupe_host *table);

/*
 * obs_open serves the pages of `core` on 127.0.0.1:port (0 = not at all) from its main loop, and keeps the log's time.
 * TROUPE_OK and *ret_obs, to be closed after core_run and before core_free; or the error of the port. [main]
 */
int32_t obs_open(struct core *core, uint16_t port, struct obs **ret_obs, struct troupe_error *reterr);
/* obs_close ends it; NULL is fine. Returns NULL. [main] */
struct obs *obs_close(struct obs *obs);
/* obs_port returns the port that was bound, 0 if none. [main] */
uint16_t obs_port(const struct obs *obs);

/* obs_metrics_write appends everything there is to measure as Prometheus text. [main] */
void obs_metrics_write(struct text *out, struct core *core);
/* obs_metrics_page appends a reference page in Markdown: each name once, with kind, labels and help. [main] */
void obs_metrics_page(struct text *out);
/* obs_ready_write appends why the host is not ready, a line for each instance, or "ready". Returns whether it is. */
bool obs_ready_write(struct text *out, struct core *core);

#endif
