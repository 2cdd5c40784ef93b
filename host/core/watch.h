/* SPDX-License-Identifier: MIT */
/* Watches on files and folders. */
#ifndef HOST_CORE_WATCH_H
#define HOST_CORE_WATCH_H

#include "host/core/instance.h"

#define WATCH_MAX 16u /* an instance */

/* watch_start and watch_stop are troupe_host.watch and .watch_stop. watch_stop_all ends all of the instance. [loop] */
uint64_t watch_start(struct instance *instance, const char *path, troupe_timer_fn on_change, void *arg);
void watch_stop(struct instance *instance, uint64_t watch);
void watch_stop_all(struct instance *instance);

#endif
