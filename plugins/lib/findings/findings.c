/* SPDX-License-Identifier: MIT */
/* What an audit has found. */
#include "findings/findings.h"

#include <stdarg.h>
#include <stdio.h>

void findings_add(struct findings *findings, const char *format, ...)
{
	va_list args;

	if (findings->count < FINDINGS_MAX) {
		va_start(args, format);
		vsnprintf(findings->texts[findings->count], sizeof(findings->texts[0]), format, args);
		va_end(args);
	}
	findings->count++;
}

void findings_write(const struct findings *findings, struct json *json)
{
	json_key(json, "ok");
	json_bool(json, findings->count == 0);
	json_key(json, "problems_total");
	json_number(json, (int64_t)findings->count);
	json_key(json, "problems");
	json_open(json, '[');
	for (uint32_t i = 0; i < findings->count && i < FINDINGS_MAX; i++) {
		json_text(json, findings->texts[i]);
	}
	json_close(json, ']');
}
