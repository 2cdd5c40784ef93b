/* SPDX-License-Identifier: MIT */
/* The processes of a host's isolated instances. */
#ifndef HOST_CONTROL_ISOLATE_H
#define HOST_CONTROL_ISOLATE_H

#include "host/core/core.h"

#define ISOLATE_WORDS_MAX 160u

struct isolate;

/*
 * isolate_open has a process started for each isolated instance of this host, watched and started again (child.h), from
 * when the main loop runs. `words` is what started this host, without the program: "run", its file and its options, to which
 * --isolate NAME is added; ends with NULL; borrowed. *ret_isolate = NULL if nothing is isolated. TROUPE_OK, or
 * an error with *reterr filled. Close it after core_run and before core_free. [main]
 */
int32_t isolate_open(struct core *core, char *const *words, struct isolate **ret_isolate, struct troupe_error *reterr);
/* isolate_close kills what is left; NULL is fine. Returns NULL. [main] */
struct isolate *isolate_close(struct isolate *isolate);

/* isolate_reload has every process read its configuration again; NULL is fine. [main] */
void isolate_reload(struct isolate *isolate);

/* isolate_begin is for such a process, before anything else: see child_bind; and the memory it may take. Nothing
 * happens in a process that is none. 0 or -errno. [main] */
int isolate_begin(const struct config *config);

#endif
