/* SPDX-License-Identifier: MIT */
/* What an audit has found, kept short. */
#ifndef FINDINGS_FINDINGS_H
#define FINDINGS_FINDINGS_H

#include <stdint.h>

#include "json/json.h"

#define FINDINGS_MAX 50u /* texts that are kept; all are counted */

struct findings {
	uint64_t count;
	char texts[FINDINGS_MAX][200];
};

/* findings_add: one more; too long a text is cut. */
__attribute__((format(printf, 2, 3))) void findings_add(struct findings *findings, const char *format, ...);

/* findings_write: members "ok", "problems_total" and "problems" of the object that is open. */
void findings_write(const struct findings *findings, struct json *json);

#endif
