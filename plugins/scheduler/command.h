/* SPDX-License-Identifier: MIT */
/* What the files with commands share. */
#ifndef SCHEDULER_COMMAND_H
#define SCHEDULER_COMMAND_H

#include "scheduler.h"

struct reload_args {
	int64_t canary;
};

struct rollback_args {
	int64_t generation;
};

/* command_put, command_put_text: a member of the object that is open. */
void command_put(struct json *json, const char *key, int64_t number);
void command_put_text(struct json *json, const char *key, const char *text);
/* command_put_paused: the list "paused_rules". */
void command_put_paused(const struct scheduler *s, struct json *json);
/* command_refused: 1 if this instance does not run the world; the request is answered then. */
int command_refused(struct scheduler *s, const struct troupe_request *request);

extern const struct troupe_option command_reload_options[], command_rollback_options[];
void command_script_list(void *instance, const struct troupe_request *request, const void *args);
void command_script_reload(void *instance, const struct troupe_request *request, const void *args);
void command_script_rollback(void *instance, const struct troupe_request *request, const void *args);
void command_map(void *instance, const struct troupe_request *request, const void *args);
void command_digest_now(void *instance, const struct troupe_request *request, const void *args);
void command_audit(void *instance, const struct troupe_request *request, const void *args);

#endif
