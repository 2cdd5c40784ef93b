/* SPDX-License-Identifier: MIT */
/* Any bytes as a configuration: an error list or a configuration, and nothing else. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "config/diag.h"
#include "config/effective.h"

#define FUZZ_TEXT_MAX 65536u /* longer ones only take longer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_request request = { .path = "fuzz.lua", .plugins = getenv("TROUPE_FIXTURES"),
					  .text = (const char *)data, .text_len = (uint32_t)size, .all_hosts = 1 };
	struct config *config = NULL;
	struct diag_list *diags;
	static FILE *nowhere;

	if (size > FUZZ_TEXT_MAX) {
		return 0;
	}
	nowhere = nowhere != NULL ? nowhere : fopen("/dev/null", "w");
	diags = diag_list_create();
	if (diags == NULL || nowhere == NULL) {
		abort();
	}
	int r = config_load(&request, &config, diags);

	/* Refused without saying why, or accepted with errors: both are mistakes of ours. */
	if ((r == 0) != (diag_count(diags, DIAG_ERROR) == 0)) {
		abort();
	}
	diag_print_text(diags, nowhere);
	diag_print_json(diags, nowhere);
	if (config != NULL) {
		effective_print_text(config, nowhere);
		effective_print_json(config, nowhere);
	}
	config_free(config);
	diag_list_free(diags);
	return 0;
}
