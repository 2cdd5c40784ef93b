/* SPDX-License-Identifier: MIT */
/* Reading the configuration again while the host runs: what may change does, the rest is said. */
#ifndef HOST_CONTROL_RELOAD_H
#define HOST_CONTROL_RELOAD_H

#include "host/config/diag.h"
#include "host/core/core.h"

/* Where configurations come from. */
struct reload_source {
	struct core *core;
	/* load: reads the configuration again; NULL with errors in `diags`. It stays valid until core_free. */
	const struct config *(*load)(void *arg, struct diag_list *diags);
	/* before: what was last loaded of an instance before the newest, or NULL. */
	const struct config_instance *(*before)(void *arg, const char *name);
	/* running: a reload begins, or has ended; may be NULL. */
	void (*running)(void *arg, bool begins);
	void *arg;
};

/* What became of one instance. */
struct reload_row {
	const char *instance;
	const char *result; /* "reloaded", "changed", "failed", "needs restart", "stopped" */
	char text[320];	    /* which option, or why */
};

/* How it ended. `refused` is NULL, or why nothing was changed: the diagnostics as text, borrowed. [main] */
typedef void (*reload_done_fn)(void *arg, const struct reload_row *rows, uint32_t len, const char *refused);

/*
 * reload_start loads the configuration, gives instances their live options, and lets each read its scripts and data
 * again; only the instance `only`, unless NULL. `on_done` follows once, never inside. Each outcome is logged. [main]
 */
void reload_start(const struct reload_source *source, const char *only, reload_done_fn on_done, void *arg);

#endif
