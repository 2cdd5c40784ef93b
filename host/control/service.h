/* SPDX-License-Identifier: MIT */
/* The host as a service: it tells whoever started it when it is ready, what it waits for, and that it lives. */
#ifndef HOST_CONTROL_SERVICE_H
#define HOST_CONTROL_SERVICE_H

#include "host/core/core.h"

struct service;

/*
 * service_open looks for $NOTIFY_SOCKET (notify.h); NULL if nobody wants to know, and, with a warning in the log, if that
 * socket cannot be used. From then on, from the main loop:
 *   READY=1     once every instance is ready or has ended; and at the end of a reload
 *   STATUS=     "8 of 9 ready; waiting: base/master", when it changes
 *   STOPPING=1  when the host drains
 *   WATCHDOG=1  every WATCHDOG_USEC / 2, but only after every loop has gone through a turn: the slowest loop decides. An
 *               idle loop turns because it is asked to.
 *   EXTEND_TIMEOUT_USEC  while the host starts, and while it drains as long as the configuration allows: waiting for
 *               another host or for players to leave is no reason to be killed, loops that stand still are.
 * To be closed after core_run and before core_free. Before threads start. [main]
 */
struct service *service_open(struct core *core);
/* service_close ends it; NULL is fine. Returns NULL. [main] */
struct service *service_close(struct service *service);

/* service_reloading tells that a reload begins, or that it has ended; NULL is fine. Reloads may overlap. [main] */
void service_reloading(struct service *service, bool begins);

#endif
