/* SPDX-License-Identifier: MIT */
/* The control socket: what operators ask of a running host. */
#ifndef HOST_CONTROL_CONTROL_H
#define HOST_CONTROL_CONTROL_H

#include "host/control/reload.h"
#include "host/core/core.h"

struct control;

/*
 * control_open takes the state folder for this host and serves STATE/control.sock from the main loop; `source` is
 * copied. TROUPE_OK and *ret_control, to be closed after core_run and before core_free. ALREADY_EXISTS: another host
 * has the folder, *reterr names its pid. Before threads start. [main]
 */
int32_t control_open(struct core *core, const char *state, const struct reload_source *source,
		     struct control **ret_control, struct troupe_error *reterr);
/* control_close ends it and gives the folder back; NULL is fine. Returns NULL. [main] */
struct control *control_close(struct control *control);

#endif
