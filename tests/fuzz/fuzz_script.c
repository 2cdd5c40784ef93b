/* SPDX-License-Identifier: MIT */
/* A script of any bytes: it is refused or runs within its bounds, and a neighbour in the same process goes on. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/sandbox.h"

#define MEMORY_MAX (256u * 1024)
#define MEMORY_SLACK (64u * 1024) /* the host's own records of the state */
#define INSTRUCTIONS_MAX 20000u
#define TEXT_MAX (16u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct sandbox_error *error)
{
	char text[2048];
	size_t len;

	if (error->kind <= SANDBOX_OK || error->kind >= SANDBOX_KINDS || error->code[0] == '\0') {
		abort();
	}
	len = sandbox_error_format(error, text, sizeof(text));
	if (len >= sizeof(text) || text[len] != '\0') {
		abort();
	}
}

/* check_neighbour: a function that adds up, in a state that the scripts under test do not share. */
static void check_neighbour(void)
{
	static const char text[] = "local n = 0 for i = 1, 10 do n = n + i end return n .. ('x'):rep(3)";
	struct sandbox_settings settings = { .seed = 1 };
	struct sandbox_error error;
	static struct sandbox *s;
	uint32_t generation;

	if (s == NULL) {
		s = sandbox_create(&settings);
	}
	generation = sandbox_generation_open(s);
	if (sandbox_load(s, generation, "neighbour.lua", text, sizeof(text) - 1, &error) != 0 ||
	    sandbox_start(s, generation, "neighbour.lua", &error) != 0) {
		abort();
	}
	sandbox_generation_close(s, generation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sandbox_settings settings = {
		.memory_max = MEMORY_MAX,
		.string_max = 16 * 1024,
		.text_max = TEXT_MAX,
		.instructions_max = INSTRUCTIONS_MAX,
		.seed = 1,
	};
	struct sandbox *s = sandbox_create(&settings);
	struct sandbox_counters after;
	struct sandbox_error error;
	uint32_t generation;

	if (s == NULL) {
		abort();
	}
	generation = sandbox_generation_open(s);
	if (generation == 0) {
		abort();
	}
	if (sandbox_load(s, generation, "fuzz.lua", (const char *)data, size, &error) != 0) {
		check_error(&error);
	} else {
		clock_t started = clock();

		if (sandbox_start(s, generation, "fuzz.lua", &error) != 0) {
			check_error(&error);
		}
		/* what was charged ahead for work that was then not begun counts as used: time tells what was done */
		if (clock() - started > CLOCKS_PER_SEC) {
			fprintf(stderr, "%ld s for %u instructions\n", (long)((clock() - started) / CLOCKS_PER_SEC),
				INSTRUCTIONS_MAX);
			abort();
		}
	}
	sandbox_counters_read(s, &after);
	if (after.memory_peak > MEMORY_MAX + MEMORY_SLACK) {
		abort();
	}
	sandbox_generation_close(s, generation);
	sandbox_free(s);
	check_neighbour();
	return 0;
}
