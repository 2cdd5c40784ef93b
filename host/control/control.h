/* SPDX-License-Identifier: MIT */
/* The control socket: what operators ask of a running host. */
#ifndef HOST_CONTROL_CONTROL_H
#define HOST_CONTROL_CONTROL_H

#include "host/control/reload.h"
#include "host/core/core.h"

struct control;

/*
 * control_lock takes a folder for this process until *ret_fd is closed: before anything else that another process could
 * have open. TROUPE_OK; ALREADY_EXISTS: another one has it, *reterr names its pid; PERMISSION_DENIED. [main]
 */
int32_t control_lock(const char *folder, int *ret_fd, struct troupe_error *reterr);

/*
 * control_open serves control.sock in that folder from the main loop; `source` is copied. TROUPE_OK and *ret_control,
 * to be closed after core_run and before core_free. Before threads start. [main]
 */
int32_t control_open(struct core *core, const char *state, const struct reload_source *source,
		     struct control **ret_control, struct troupe_error *reterr);
/* control_close ends it; NULL is fine. Returns NULL. [main] */
struct control *control_close(struct control *control);

#endif
