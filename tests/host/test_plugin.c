/* SPDX-License-Identifier: MIT */
/* The loader's refusals: one bad plugin for each, and what the message must say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/codes.h"
#include "plugin/loader.h"

struct refusal_case {
	const char *name;
	const char *code;
	const char *text, *note, *help; /* parts that must be there */
};

static const struct refusal_case cases[] = {
	{ "not_there", "P0001", "not_there.so", "", "TROUPE_PLUGINS" },
	{ "../echo", "P0002", "../echo", "", "a-z" },
	{ "bad_symbol", "P0003", "bad_symbol.so", "fixture_function_that_nobody_has", "library" },
	{ "bad_entry", "P0004", "exports no troupe_entry", "", "TROUPE_EXPORT" },
	{ "bad_tiny", "P0005", "2 bytes", "", "TROUPE_PLUGIN_HEAD" },
	{ "bad_size", "P0005", "too short", "", "TROUPE_PLUGIN_HEAD" },
	{ "bad_short", "P0005", "bad_short.so", "built for contract 1.3, this host speaks 1.3", "sizeof" },
	{ "bad_role", "P0005", "role struct", "built for contract 1.3", "sizeof" },
	{ "bad_major", "P0007", "bad_major.so", "built for contract 2.7, this host speaks 1.3", "rebuild" },
	{ "bad_minor", "P0008", "bad_minor.so", "built for contract 1.4, this host speaks 1.3", "update this host" },
	{ "bad_callback", "P0009", "role.create", "", "NULL" },
	{ "bad_name", "P0010", "good_name", "", "rename" },
	{ "bad_option", "P0012", "`outside`", "", "offset" },
	{ "bad_verb", "P0012", "`world  pause`", "", "" },
	{ "bad_kind", "P0013", "99", "", "TROUPE_PLUGIN_ROLE" },
};

static const char *fixtures(void)
{
	const char *folder = getenv("TROUPE_FIXTURES");

	assert_non_null(folder);
	return folder;
}

static void assert_says(const char *text, const char *part)
{
	if (strstr(text, part) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", text, part);
	}
}

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct troupe_plugin *plugin = NULL;
		struct loader_refusal refusal = { 0 };

		assert_true(loader_load(fixtures(), cases[i].name, &plugin, &refusal) < 0);
		assert_null(plugin);
		assert_string_equal(refusal.code, cases[i].code);
		assert_says(refusal.text, cases[i].text);
		assert_says(refusal.note, cases[i].note);
		assert_says(refusal.help, cases[i].help);
		assert_non_null(codes_find(refusal.code));
	}
}

/* A plugin whose library is not installed: a good one with a library's name changed in its file. */
static void test_missing_library(void **state)
{
	char path[512], folder[400], *bytes;
	const struct troupe_plugin *plugin;
	struct loader_refusal refusal;
	long len;

	(void)state;
	snprintf(path, sizeof(path), "%s/echo.so", getenv("TROUPE_PLUGINS"));
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	len = ftell(file);
	rewind(file);
	bytes = malloc((size_t)len);
	assert_int_equal(fread(bytes, 1, (size_t)len, file), len);
	fclose(file);
	char *found = bytes;
	int count = 0;

	while ((found = memmem(found, (size_t)(len - (found - bytes)), "libc.so.6", 9)) != NULL) {
		memcpy(found, "libq.so.6", 9);
		count++;
	}
	assert_int_not_equal(count, 0);
	snprintf(folder, sizeof(folder), "%s/plugins", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : ".");
	mkdir(folder, 0700);
	snprintf(path, sizeof(path), "%s/bad_library.so", folder);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, (size_t)len, file), len);
	fclose(file);
	free(bytes);
	assert_true(loader_load(folder, "bad_library", &plugin, &refusal) < 0);
	assert_string_equal(refusal.code, "P0003");
	assert_says(refusal.note, "libq.so.6");
	/* A file cut short. */
	assert_int_equal(truncate(path, 100), 0);
	assert_true(loader_load(folder, "bad_library", &plugin, &refusal) < 0);
	assert_string_equal(refusal.code, "P0003");
	unlink(path);
	rmdir(folder);
}

static void test_loaded_twice(void **state)
{
	char folder[400], link[500], target[500];
	const struct troupe_plugin *first, *again, *other;
	struct loader_refusal refusal;

	(void)state;
	assert_int_equal(loader_load(fixtures(), "every", &first, &refusal), 0);
	assert_int_equal(loader_load(fixtures(), "every", &again, &refusal), 0);
	assert_ptr_equal(first, again);
	snprintf(folder, sizeof(folder), "%s/twice", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : ".");
	mkdir(folder, 0700);
	snprintf(link, sizeof(link), "%s/every.so", folder);
	snprintf(target, sizeof(target), "%s/every.so", fixtures());
	assert_int_equal(symlink(target, link), 0);
	assert_true(loader_load(folder, "every", &other, &refusal) < 0);
	assert_string_equal(refusal.code, "P0011");
	assert_says(refusal.note, "1.3.0");
	assert_says(refusal.note, folder);
	unlink(link);
	rmdir(folder);
}

static void test_frozen(void **state)
{
	const struct troupe_plugin *plugin;
	struct loader_refusal refusal = { 0 };

	(void)state;
	if (loader_load(fixtures(), "frozen_1_0", &plugin, &refusal) < 0) {
		fail_msg("a plugin of contract 1.0 must go on loading: %s", refusal.text);
	}
	assert_int_equal(plugin->abi_minor, 0);
	assert_string_equal(plugin->options[0].name, "tick");
}

static void test_names(void **state)
{
	char **names = loader_names(fixtures());
	bool every = false;

	(void)state;
	assert_non_null(names);
	for (size_t i = 0; names[i] != NULL; i++) {
		every = every || strcmp(names[i], "every") == 0;
		assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
	}
	assert_true(every);
	free(names);
	names = loader_names("/nonexistent");
	assert_non_null(names);
	assert_null(names[0]);
	free(names);
}

static bool is_status(const char *word)
{
	return strcmp(word, "status") == 0 || strcmp(word, "script test") == 0;
}

/* What a plugin spells may be taken: by the program, or by another plugin. */
static void test_nouns(void **state)
{
	static const struct {
		const char *name, *text; /* NULL = it loads */
	} in_turn[] = {
		{ "noun_first", NULL },
		{ "noun_host", "command `status all`: `troupe status` is a command of the program" },
		{ "noun_word", "command `script test`: `troupe script test` is a command of the program" },
		{ "noun_same", "`troupe bench press` of plugin noun_same is a command of plugin noun_first too" },
		{ "noun_role", "`troupe noun_first sit` of plugin noun_role is a command of plugin noun_first too" },
		{ "bench", "`troupe bench` of plugin noun_first" },
	};
	const struct troupe_plugin *plugin;

	(void)state;
	loader_reserve(is_status);
	for (size_t i = 0; i < sizeof(in_turn) / sizeof(in_turn[0]); i++) {
		struct loader_refusal refusal = { 0 };
		int r = loader_load(fixtures(), in_turn[i].name, &plugin, &refusal);

		print_message("# %s: %s\n", in_turn[i].name, refusal.text);
		assert_int_equal(r == 0, in_turn[i].text == NULL);
		if (in_turn[i].text != NULL) {
			assert_string_equal(refusal.code, "P0015");
			assert_says(refusal.text, in_turn[i].text);
		}
	}
	loader_reserve(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),      cmocka_unit_test(test_missing_library),
		cmocka_unit_test(test_loaded_twice),  cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_nouns),
	};

	return cmocka_run_group_tests_name("plugin", tests, NULL, NULL);
}
