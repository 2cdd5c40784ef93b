/* SPDX-License-Identifier: MIT */
/* The timers of instances. */
#ifndef HOST_CORE_TIMER_H
#define HOST_CORE_TIMER_H

#include "host/core/instance.h"

#define TIMER_MAX 10000u /* an instance */

/* timer_start and timer_stop are troupe_host.timer_start and .timer_stop. timer_stop_all ends all of the instance and
 * releases its table. [loop] */
uint64_t timer_start(struct instance *instance, uint64_t ms, troupe_timer_fn fn, void *arg);
void timer_stop(struct instance *instance, uint64_t timer);
void timer_stop_all(struct instance *instance);

#endif
