/* SPDX-License-Identifier: MIT */
/* What this host logs, on its way to a log server. */
#ifndef HOST_OBS_SHIP_H
#define HOST_OBS_SHIP_H

#include "host/core/core.h"

/*
 * Every line that is written, but for those of level debug, goes into the spool (spool.h) and from there in batches to one
 * instance that provides `log`, by calls of the host's own instance. Which one follows from the host's name alone: of
 * those in the part that all instances of this host belong to, else of base, else of all (rendezvous hashing); so it is the same
 * after a restart, and it knows how far it has come. While that one is away lines wait.
 */
struct ship;

/* ship_open begins; *ret_ship is NULL where the cluster has no log server: then nothing is spooled. TROUPE_OK, or what is
 * wrong with the spool's folder. After core_new, before core_run. [main] */
int32_t ship_open(struct core *core, struct ship **ret_ship, struct troupe_error *reterr);
/* ship_close writes what is left into the spool; NULL is fine. After core_run, before core_free. Returns NULL. [main] */
struct ship *ship_close(struct ship *ship);

#endif
