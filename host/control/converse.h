/* SPDX-License-Identifier: MIT */
/* One command of an operator and what a host answers. */
#ifndef HOST_CONTROL_CONVERSE_H
#define HOST_CONTROL_CONVERSE_H

#include <stdbool.h>

#include "host/control/json.h"

/* What the operator's own program takes out of the command line. */
struct operation {
	struct control_request request;
	const char *state, *host; /* host: NULL = not said */
	bool json, yes;
	long timeout_s;
	int fd;
	struct text in; /* bytes after the last line */
};

/* operation_fail prints an error and its remedy ("" = none), as JSON if that is wanted, and returns `exit`. */
int operation_fail(const struct operation *operation, int exit, const char *error, const char *help);

/* operation_run connects to the process whose control socket is in `folder`, has the command carried out, asks for a name
 * to be typed when the host wants that, and shows the answer. Returns the exit code, or -errno of the connection. */
int operation_run(struct operation *operation, const char *folder);

/* operation_ask has `words` (words_len of them) carried out there and shows nothing. Returns the answer, or NULL when
 * there was none. */
struct control_answer *operation_ask(const struct operation *operation, const char *folder, char **words,
				     unsigned words_len);
/* operation_init begins one for the user who runs this: the state folder of the environment, no words; `words` has room
 * for CONTROL_WORDS_MAX + 1. */
void operation_init(struct operation *operation, char **words);
/* operation_refused shows a refusal in an answer, and returns its exit code. */
int operation_refused(const struct operation *operation, const struct control_answer *answer);

#endif
