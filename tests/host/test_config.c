/* SPDX-License-Identifier: MIT */
/* Configurations: every error code with its place, and what good ones become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/codes.h"
#include "config/config.h"
#include "config/diag.h"
#include "config/options.h"
#include "fixtures/every.h"

struct error_case {
	const char *text;   /* the configuration */
	const char *code;   /* the first error's */
	uint32_t line, column; /* 0 = not looked at */
	const char *says;   /* part of its text */
	const char *label;  /* part of its label, "" = any */
	uint32_t errors;    /* how many there are; 0 = one */
};

static const struct error_case cases[] = {
	{ "every {", "C0101", 1, 0, "near <eof>", "", 0 },
	{ "every {}\nlocal x = {}; x.y.z = 1", "C0102", 2, 0, "index", "", 0 },
	{ "every {}\nwhile true do end", "C0102", 2, 0, "too long", "", 0 },
	{ "every {}\nlocal s = \"xxxxxxxx\" while true do s = s .. s end", "C0102", 0, 0, "memory", "", 0 },
	{ "every {\n  tik = \"50ms\" }", "C0103", 2, 3, "unknown option `tik` of every", "did you mean `tick`?", 0 },
	{ "every { zzzzzzz = 1 }", "C0103", 1, 9, "`zzzzzzz`", "", 0 },
	{ "every { inner = { must = \"x\", dep = 1 } }", "C0103", 1, 31, "`dep` of every inner", "`deep`", 0 },
	{ "include \"gone.lua\" every {}", "C0104", 1, 1, "gone.lua", "", 0 },
	{ "every { text = env \"TROUPE_NOT_SET\" }", "C0105", 1, 16, "TROUPE_NOT_SET", "", 0 },
	{ "-- a comment\nevry { }\nevery {}", "C0106", 2, 1, "unknown word `evry`", "did you mean `every`?", 0 },
	{ "foo.bar \"x\" { y = z.w + 1 }\nevery {}", "C0106", 1, 1, "`foo`", "", 2 },
	{ "every {}\ntick = \"5ms\"", "C0107", 2, 1, "`tick`", "", 0 },
	{ "every \"a\"", "C0108", 1, 1, "every \"a\" has no braces", "", 0 },
	{ "every(5)", "C0108", 1, 1, "number", "", 0 },
	{ "every {} part \"shard:Meadow\"", "C0109", 1, 10, "shard:Meadow", "", 0 },
	{ "every { number = 1,\n  number = 2 }", "C0110", 2, 3, "`number` is set twice", "", 0 },
	{ "local t = {} t.a = t every { items = t }", "C0111", 0, 0, "nested deeper", "", 2 },
	{ "every { \"flag\" }", "C0121", 1, 9, "name = value", "", 0 },
	{ "every { inner = { } }", "C0122", 0, 0, "every needs `inner.must`", "", 0 },
	{ "every { flag = 1 }", "C0123", 1, 16, "`flag` of every is a whole number", "must be true or false", 0 },
	{ "every { number = \"5\" }", "C0123", 1, 18, "string", "must be a whole number", 0 },
	{ "every { number = 1.5 }", "C0123", 1, 18, "a number", "must be a whole number", 0 },
	{ "every { text = function() end }", "C0123", 1, 16, "function", "must be a string", 0 },
	{ "every { text = \"a\\0b\" }", "C0123", 1, 16, "zero byte", "", 0 },
	{ "every { tick = 50 }", "C0124", 1, 16, "`50` has no unit", "\"50ms\"", 0 },
	{ "every { tick = \"50 ms\" }", "C0124", 1, 16, "50 ms", "", 0 },
	{ "every { room = \"64\" }", "C0124", 1, 16, "`64`", "\"64kb\"", 0 },
	{ "every { tick = \"5ms\" }", "C0125", 1, 16, "5ms is out of range", "must be 10ms to 1s", 0 },
	{ "every { number = 11 }", "C0125", 1, 18, "11", "must be -10 to 10", 0 },
	{ "every { room = \"9999999999gb\" }", "C0125", 1, 16, "too large", "", 0 },
	{ "every { text = \"x\" }", "C0125", 1, 16, "1 bytes", "2 to 8 bytes", 0 },
	{ "every { log = \"inof\" }", "C0125", 1, 15, "inof", "did you mean \"info\"?", 0 },
	{ "every { mailbox = { messages = 1 } }", "C0125", 1, 32, "mailbox.messages", "", 0 },
	{ "every { listen = \"9322\" }", "C0126", 1, 18, "tcp://", "", 0 },
	{ "every { listen = \"tcp://:70000\" }", "C0126", 1, 18, "65535", "", 0 },
	{ "every { listen = \"tcp://example.org:1\" }", "C0126", 1, 18, "names are not looked up", "", 0 },
	{ "every {} host \"a\" { address = \"here\" }", "C0126", 1, 31, "here", "", 0 },
	{ "every { listen = { \"tcp://:1\", \"tcp://0.0.0.0:9322\" } }", "C0127", 1, 32, "0.0.0.0:9322", "", 0 },
	{ "every { listen = \"tcp://:1\" } host \"a\" { address = \"10.0.0.1\" }", "C0127", 1, 18, "10.0.0.1:1", "", 0 },
	{ "every { secret = \"password\" }", "C0128", 1, 18, "`password`", "", 0 },
	{ "every { listen = \"tcp://:9\" } every \"b\" { listen = \"tcp://127.0.0.1:9\" }", "C0129", 0, 0,
	  "both listen on tcp://127.0.0.1:9", "", 0 },
	{ "every {}\nevery {}", "C0130", 2, 1, "base/every stands twice", "", 0 },
	{ "host \"a\" {}\nhost \"a\" {} every {}", "C0130", 2, 1, "host \"a\"", "", 0 },
	{ "part \"shard:x\"\nevery {}", "C0132", 2, 1, "may not live in part \"shard:x\"", "", 0 },
	{ "every \"B-2\" {}", "C0133", 1, 1, "B-2", "", 0 },
	{ "cluster {} every {}", "C0133", 1, 1, "cluster needs a name", "", 0 },
	{ "every { flag = false, number = 9 }", "C0134", 1, 1, "", "", 1 },
	{ "every {} host \"a\" { run = { \"base/every\" } } host \"b\" { run = { \"*\" } }", "C0201", 0, 0, "two hosts", "", 0 },
	{ "every {} host \"a\" { loops = { { \"*\" }, { \"base/*\" } } }", "C0202", 0, 0, "two lists", "", 0 },
	{ "every {} host \"a\" { run = { \"*\", \"base/evry\" } }", "C0203", 1, 34, "base/evry", "\"base/every\"", 0 },
	{ "-- nothing", "C0205", 0, 0, "no instances", "", 0 },
	{ "needs_missing {}", "C0210", 1, 1, "base/needs_missing needs a role that provides `nowhere`", "", 0 },
	{ "needs_left {}\nneeds_right {}", "C0211", 0, 0,
	  "base/needs_left -> base/needs_right -> base/needs_left", "", 0 },
	{ "every { database = \"bse\" }", "C0212", 1, 20, "bse", "", 0 },
	{ "bad_major {}", "P0007", 1, 1, "bad_major.so", "", 0 },
	{ "store \"x\" { driver = \"gone\" }", "P0001", 1, 22, "driver_gone.so", "", 0 },
	{ "cluster \"x\" { secrets = \"gone.lua\" } every {}", "C0113", 0, 0, "gone.lua", "", 0 },
	/* All errors of a file at once, in several blocks, after unknown words, and none that follows from another. */
	{ "every { tik = 1, text = nothing, number = 99 }\nevry \"x\" {}\nevery \"b\" { flag = 0, listen = 5 }", "C0106", 0, 0,
	  "nothing", "", 6 },
	{ "\x1bLua", "C0101", 0, 0, "", "", 0 },
};

static struct config *load(const char *text, struct diag_list *diags)
{
	struct config_request request = { .path = "test.lua", .plugins = getenv("TROUPE_FIXTURES"), .text = text,
					  .text_len = (uint32_t)strlen(text), .all_hosts = 1 };
	struct config *config = NULL;

	config_load(&request, &config, diags);
	return config;
}

static void test_errors(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct error_case *c = &cases[i];
		struct diag_list *diags = diag_list_create();
		struct config *config = load(c->text, diags);
		const struct diag *diag = NULL;

		for (uint32_t n = 0; (diag = diag_get(diags, n)) != NULL && diag->level != DIAG_ERROR; n++) {
		}
		uint32_t errors = c->errors > 0 ? c->errors : 1;

		if (diag == NULL || config != NULL || strcmp(diag->code, c->code) != 0 ||
		    (c->line != 0 && diag->line != c->line) || (c->column != 0 && diag->column != c->column) ||
		    strstr(diag->text, c->says) == NULL ||
		    (c->label[0] != '\0' && (diag->label == NULL || strstr(diag->label, c->label) == NULL)) ||
		    diag_count(diags, DIAG_ERROR) != errors) {
			diag_print_text(diags, stderr);
			fprintf(stderr, "case %zu, %s: wanted %s at %u:%u, %u errors\n\n", i, c->text, c->code, c->line,
				c->column, errors);
			failed++;
		}
		for (uint32_t n = 0; (diag = diag_get(diags, n)) != NULL; n++) {
			assert_non_null(codes_find(diag->code));
		}
		config_free(config);
		diag_list_free(diags);
	}
	assert_int_equal(failed, 0);
}

static struct config *load_good(const char *text)
{
	struct diag_list *diags = diag_list_create();
	struct config *config = load(text, diags);

	if (config == NULL) {
		diag_print_text(diags, stderr);
		fail_msg("not good: %s", text);
	}
	diag_list_free(diags);
	return config;
}

static void test_defaults(void **state)
{
	struct config *config = load_good("every {}");
	const struct config_instance *instance = config_instance_find(config, "base/every");
	const struct every *every = instance->options;

	(void)state;
	assert_string_equal(config->cluster, "troupe");
	assert_int_equal(config->hosts_len, 1);
	assert_string_equal(config->host->address, "127.0.0.1");
	assert_int_equal(config->drain_ms, 10000);
	assert_int_equal(instance->mailbox_messages, 65536);
	assert_int_equal(every->flag, 1);
	assert_int_equal(every->number, 5);
	assert_int_equal(every->tick, 50);
	assert_int_equal(every->room, 65536);
	assert_string_equal(every->text, "hello");
	assert_string_equal(every->path + strlen(config->state), "/every");
	assert_null(every->source);
	assert_int_equal(every->words.count, 2);
	assert_string_equal(every->words.items[1], "b");
	assert_int_equal(every->inner.deep, 7);
	assert_null(every->inner.must);
	assert_int_equal(every->items.count, 0);
	config_free(config);
}

static void test_values(void **state)
{
	setenv("TROUPE_TEST_NUMBER", "3", 1);
	struct config *config = load_good(
		"cluster \"demo\" { state = \"/state\", drain = \"2s\" }\n"
		"store \"main\" { driver = nil }\n"
		"for n = 1, 2 do every(\"e\" .. n) {\n"
		"  flag = false, number = env \"TROUPE_TEST_NUMBER\", tick = \"1s\", room = \"1gb\", path = \"here\", source = \"/s\",\n"
		"  listen = { \"tcp://:1\" .. n, \"tcp://[::1]:0\" }, database = \"main\", words = { \"x\" },\n"
		"  inner = { must = \"yes\" }, items = { z = { scale = 2 }, a = {} }, log = \"debug\",\n"
		"} end\n"
		"host \"one\" { loops = { { \"base/every.e2\" } } }");
	const struct config_instance *instance = config_instance_find(config, "base/every.e2");
	const struct every *every = instance->options;
	const struct every_item *items = every->items.items;

	(void)state;
	assert_string_equal(config->cluster, "demo");
	assert_int_equal(config->drain_ms, 2000);
	assert_int_equal(config->instances_len, 3);
	assert_string_equal(instance->short_name, "e2");
	assert_int_equal(instance->log_level, 5);
	assert_int_equal(instance->line, 3);
	assert_int_equal(instance->loop, 1);
	assert_int_equal(config->host->loops, 2);
	assert_int_equal(instance->databases_len, 1);
	assert_string_equal(config->instances[instance->databases[0]].name, "base/store.main");
	assert_int_equal(every->flag, 0);
	assert_int_equal(every->number, 3);
	assert_int_equal(every->room, 1 << 30);
	assert_string_equal(every->path, "/state/here");
	assert_string_equal(every->source, "/s");
	assert_int_equal(every->listen.count, 2);
	assert_string_equal(every->listen.items[0], "tcp://127.0.0.1:12");
	assert_string_equal(every->listen.items[1], "tcp://[::1]:0");
	assert_string_equal(every->inner.must, "yes");
	assert_int_equal(every->items.count, 2);
	assert_string_equal(items[0].name, "z"); /* the order of the file */
	assert_int_equal(items[0].scale, 2);
	assert_string_equal(items[1].name, "a");
	config_free(config);
}

static void test_hosts(void **state)
{
	static const char text[] = "every \"a\" {} part \"shard:m\" frozen_1_0 \"f\" {}\n"
				   "host \"one\" { run = { \"base/*\" } } host \"two\" { run = { \"m/frozen_1_0\" } }";
	struct config_request request = { .path = "test.lua", .plugins = getenv("TROUPE_FIXTURES"), .text = text,
					  .text_len = sizeof(text) - 1 };
	struct diag_list *diags = diag_list_create();
	struct config *config = NULL;

	(void)state;
	assert_true(config_load(&request, &config, diags) < 0);
	assert_string_equal(diag_get(diags, 0)->code, "C0200");
	diag_list_free(diags);
	diags = diag_list_create();
	request.host = "two";
	assert_int_equal(config_load(&request, &config, diags), 0);
	assert_int_equal(config->local_len, 1);
	assert_string_equal(config->local[0]->name, "m/frozen_1_0.f");
	assert_int_equal(*(const int64_t *)config->local[0]->options, 50);
	config_free(config);
	diag_list_free(diags);
}

static void test_sets(void **state)
{
	const char *sets[] = { "base/every.b.number=-3", "base/every.b.inner.must=x", "base/every.b.inner.deep=1",
			       "cluster.drain=1s", "host.metrics=99", "base/every.flag=false" };
	const char *bad[] = { "base/every.nope=1", "base/gone.x=1", "nonsense", "base/every.number=eleven" };
	struct config_request request = { .path = "test.lua", .plugins = getenv("TROUPE_FIXTURES"),
					  .text = "every {} every \"b\" { number = 4, inner = { must = \"y\" } }", .text_len = 57,
					  .sets = sets, .sets_len = 6 };
	struct diag_list *diags = diag_list_create();
	struct config *config = NULL;

	(void)state;
	request.text_len = (uint32_t)strlen(request.text);
	assert_int_equal(config_load(&request, &config, diags), 0);
	const struct every *every = config_instance_find(config, "base/every.b")->options;

	assert_int_equal(every->number, -3);
	assert_string_equal(every->inner.must, "x");
	assert_int_equal(every->inner.deep, 1);
	assert_int_equal(config->drain_ms, 1000);
	assert_int_equal(config->host->metrics_port, 99);
	assert_int_equal(((const struct every *)config_instance_find(config, "base/every")->options)->flag, 0);
	config_free(config);
	request.sets = bad;
	request.sets_len = 4;
	assert_true(config_load(&request, &config, diags) < 0);
	assert_int_equal(diag_count(diags, DIAG_ERROR), 4);
	diag_list_free(diags);
}

static void test_compare(void **state)
{
	static const struct {
		const char *before, *after;
		enum config_change change;
		const char *option;
	} pairs[] = {
		{ "every { items = { a = { scale = 1 } } }", "every { items = { a = { scale = 1 } } }", CONFIG_SAME, NULL },
		{ "every {}", "every { flag = false }", CONFIG_LIVE, "flag" },
		{ "every {}", "every { log = \"debug\" }", CONFIG_LIVE, "log" },
		{ "every {}", "every { flag = false, tick = \"20ms\" }", CONFIG_RESTART, "tick" },
		{ "every {}", "every { words = { \"a\", \"c\" } }", CONFIG_RESTART, "words" },
		{ "every {}", "every { items = { a = { } } }", CONFIG_RESTART, "items" },
		{ "every { items = { a = { } } }", "every { items = { a = { scale = 2 } } }", CONFIG_RESTART, "items" },
		{ "every { inner = { must = \"x\" } }", "every { inner = { must = \"y\" } }", CONFIG_RESTART, "must" },
		{ "every {}", "every { mailbox = { messages = 100 } }", CONFIG_RESTART, "mailbox" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct config *before = load_good(pairs[i].before), *after = load_good(pairs[i].after);
		const char *option = NULL;

		assert_int_equal(config_compare(before->instances, after->instances, &option), pairs[i].change);
		if (pairs[i].option != NULL) {
			assert_string_equal(option, pairs[i].option);
		}
		config_free(before);
		config_free(after);
	}
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, mode);
}

/* The secrets file: its mode, its errors, and that no message shows what is in it. */
static void test_secrets(void **state)
{
	const char *folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : ".";
	char path[400], text[600], shown[4096];

	(void)state;
	snprintf(path, sizeof(path), "%s/secrets.lua", folder);
	snprintf(text, sizeof(text), "cluster \"x\" { secrets = \"%s\" } every { secret = \"password\" }", path);
	write_file(path, "return { password = \"hunter2\" }", 0600);
	struct config *config = load_good(text);

	assert_string_equal(((const struct every *)config->instances[0].options)->secret, "hunter2");
	for (const struct config_origin *origin = config->instances[0].origins; origin != NULL; origin = origin->next) {
		assert_null(strstr(origin->value, "hunter2"));
	}
	config_free(config);
	static const struct {
		const char *text;
		mode_t mode;
		const char *code;
	} bad[] = {
		{ "return { password = \"hunter2\" }", 0640, "C0112" },
		{ "return { password = hunter2\" }", 0600, "C0101" },
		{ "return \"hunter2\"", 0600, "C0102" },
		{ "return { password = hunter2.x }", 0600, "C0102" },
		{ "return { pasword = \"hunter2\" }", 0600, "C0128" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct diag_list *diags = diag_list_create();
		FILE *out = fmemopen(shown, sizeof(shown), "w");

		write_file(path, bad[i].text, bad[i].mode);
		assert_null(load(text, diags));
		assert_string_equal(diag_get(diags, 0)->code, bad[i].code);
		diag_print_text(diags, out);
		fclose(out);
		assert_null(strstr(shown, "hunter2"));
		diag_list_free(diags);
	}
	/* what the service manager gave counts instead, whatever its mode */
	char given[400];
	snprintf(given, sizeof(given), "%s/given", folder);
	mkdir(given, 0700);
	setenv("CREDENTIALS_DIRECTORY", given, 1);
	snprintf(given, sizeof(given), "%s/given/secrets.lua", folder);
	write_file(given, "return { password = \"correct horse\" }", 0440);
	config = load_good(text);
	assert_string_equal(((const struct every *)config->instances[0].options)->secret, "correct horse");
	config_free(config);
	unsetenv("CREDENTIALS_DIRECTORY");
	unlink(given);
	unlink(path);
}

static void test_include(void **state)
{
	const char *folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : ".";
	char main_path[400], part_path[400];
	struct diag_list *diags = diag_list_create();
	struct config *config = NULL;

	(void)state;
	snprintf(main_path, sizeof(main_path), "%s/main.lua", folder);
	snprintf(part_path, sizeof(part_path), "%s/part.lua", folder);
	write_file(main_path, "include \"part.lua\"\nevery {}\n", 0644);
	write_file(part_path, "part \"shard:m\"\nfrozen_1_0 {\n  tick = \"9ms\" }\n", 0644);
	struct config_request request = { .path = main_path, .plugins = getenv("TROUPE_FIXTURES") };

	assert_true(config_load(&request, &config, diags) < 0);
	assert_int_equal(diag_count(diags, DIAG_ERROR), 1);
	assert_string_equal(diag_get(diags, 0)->file, part_path);
	assert_int_equal(diag_get(diags, 0)->line, 3);
	write_file(part_path, "part \"shard:m\"\nfrozen_1_0 {}\n", 0644);
	assert_int_equal(config_load(&request, &config, diags), 0);
	/* The included file's part ends with it. */
	assert_non_null(config_instance_find(config, "m/frozen_1_0"));
	assert_non_null(config_instance_find(config, "base/every"));
	config_free(config);
	write_file(part_path, "include \"main.lua\"\n", 0644);
	diag_list_free(diags);
	diags = diag_list_create();
	assert_true(config_load(&request, &config, diags) < 0);
	assert_string_equal(diag_get(diags, 0)->code, "C0104");
	diag_list_free(diags);
	unlink(main_path);
	unlink(part_path);
}

/* A command's arguments come from the same tables. */
static void test_words(void **state)
{
	static const struct troupe_option table[] = {
		{ .name = "account", .help = "Who.", .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_REQUIRED },
		{ .name = "reason", .help = "Why.", .type = TROUPE_OPTION_STRING, .fallback = "none", .offset = 8 },
		{ .name = "all", .help = "Whether.", .type = TROUPE_OPTION_BOOL, .offset = 16 },
		{ .name = NULL },
	};
	static const struct {
		char *words[4];
		int len;
		int64_t account; /* -1 = refused */
		const char *reason;
		int64_t all;
	} lines[] = {
		{ { "5" }, 1, 5, "none", 0 },		    { { "5", "spam" }, 2, 5, "spam", 0 },
		{ { "--reason", "a=b", "7" }, 3, 7, "a=b", 0 }, { { "--reason=x", "--account=9" }, 2, 9, "x", 0 },
		{ { "x" }, 1, -1, NULL, 0 },		    { { "1", "2", "true", "3" }, 4, -1, NULL, 0 },
		{ { "spam", "--acount=1" }, 2, -1, NULL, 0 },   { { NULL, 0 }, 0, -1, NULL, 0 },
		{ { "5", "--all", "spam" }, 3, 5, "spam", 1 }, { { "--all", "5" }, 2, 5, "none", 1 },
		{ { "5", "--all" }, 2, 5, "none", 1 },	    { { "--all", "false", "5" }, 3, 5, "none", 0 },
		{ { "--all=true", "5" }, 2, 5, "none", 1 }, { { "--all=maybe", "5" }, 2, -1, NULL, 0 },
		{ { "5", "--reason", "--all" }, 3, 5, "--all", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct config_arena *arena = arena_create();
		struct diag_list *diags = diag_list_create();
		const char *args = options_words(arena, diags, "account ban", table, sizeof(table[0]), 24, lines[i].len,
						 lines[i].words);
		int64_t account, all;
		const char *reason;

		if (lines[i].account < 0) {
			assert_null(args);
			assert_true(diag_count(diags, DIAG_ERROR) > 0);
		} else {
			assert_non_null(args);
			memcpy(&account, args, sizeof(account));
			memcpy(&reason, args + 8, sizeof(reason));
			assert_int_equal(account, lines[i].account);
			assert_string_equal(reason, lines[i].reason);
			memcpy(&all, args + 16, sizeof(all));
			assert_int_equal(all, lines[i].all);
		}
		diag_list_free(diags);
		arena_free(arena);
	}
}

/* The form that people read, to the letter. */
static void test_form(void **state)
{
	static const char wanted[] = "error[C0103]: unknown option `tik` of every\n"
				     "  --> test.lua:2\n"
				     "2 |   tik = \"50ms\" }\n"
				     "  |   ^^^ did you mean `tick`?\n";
	char shown[1024] = "";
	struct diag_list *diags = diag_list_create();
	FILE *out = fmemopen(shown, sizeof(shown), "w");

	(void)state;
	assert_null(load("every {\n\ttik = \"50ms\" }", diags));
	diag_list_free(diags);
	diags = diag_list_create();
	assert_null(load("every {\n  tik = \"50ms\" }", diags));
	diag_print_text(diags, out);
	fclose(out);
	assert_string_equal(shown, wanted);
	memset(shown, 0, sizeof(shown));
	out = fmemopen(shown, sizeof(shown), "w");
	diag_print_json(diags, out);
	fclose(out);
	assert_non_null(strstr(shown, "\"code\":\"C0103\""));
	assert_non_null(strstr(shown, "\"line\":2,\"column\":3,\"width\":3"));
	diag_list_free(diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),	cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
		cmocka_unit_test(test_hosts),	cmocka_unit_test(test_sets),	 cmocka_unit_test(test_compare),
		cmocka_unit_test(test_secrets), cmocka_unit_test(test_include),	 cmocka_unit_test(test_words),
		cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
