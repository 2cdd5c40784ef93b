/* SPDX-License-Identifier: MIT */
/* What every role plugin must keep to, whatever it does: its descriptor, and a life cut short at any point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/plugin/loader.h"
#include "plugin_rig.h"

/* One instance of every role. A new plugin needs a line here. */
static const char config_text[] =
	"part \"base\"\n"
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
	"master { database = \"base\", shards = { meadow = {} } }\n"
	"account { database = \"base\", listen = \"tcp://127.0.0.1:0\", password = { memory = \"8kb\", ops = 1 } }\n"
	"billing { database = \"base\", currencies = { gold = {} } }\n"
	"mall { database = \"base\", offers = { lamp = { item = \"lamp\", currency = \"gold\", price = 3 } } }\n"
	"echo {}\n"
	"logserver { database = \"base\" }\n"
	"part \"shard:meadow\"\n"
	"database \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
	"itemstore { database = \"meadow\" }\n"
	"scheduler \"s1\" { database = \"meadow\", scripts = \"%s/scripts/lua/meadow\" }\n"
	"mechanics \"m1\" { database = \"meadow\" }\n"
	"frontend \"fe1\" { listen = \"tcp://127.0.0.1:0\" }\n";

static const char *topdir(void)
{
	return getenv("top_srcdir") != NULL ? getenv("top_srcdir") : ".";
}

/* --- the rig -------------------------------------------------------------------------------------- */

const struct troupe_plugin *rig_plugin(const char *name)
{
	const struct troupe_plugin *plugin = NULL;
	struct loader_refusal refusal;

	if (loader_load(getenv("TROUPE_PLUGINS"), name, &plugin, &refusal) != 0) {
		fail_msg("%s: %s", name, refusal.text);
	}
	return plugin;
}

struct rig *rig_open(const char *plugin)
{
	struct rig *rig = test_calloc(1, sizeof(*rig));
	char *text = test_malloc(sizeof(config_text) + strlen(topdir()));

	sprintf(text, config_text, topdir());
	rig->plugin = rig_plugin(plugin);
	rig->config = sim_config(text, NULL);
	test_free(text);
	assert_non_null(rig->config);
	for (uint32_t i = 0; i < rig->config->instances_len; i++) {
		if (strcmp(rig->config->instances[i].role, plugin) == 0) {
			rig->instance = &rig->config->instances[i];
		}
	}
	if (rig->instance == NULL) {
		fail_msg("tests/contract/test_plugins.c configures no %s", plugin);
	}
	rig->sim = sim_open(rig->config, 1);
	sim_run(rig->sim, 2000);
	return rig;
}

void rig_close(struct rig *rig)
{
	sim_close(rig->sim);
	config_free(rig->config);
	test_free(rig);
}

struct copy copy_new(struct rig *rig, const char *name)
{
	struct copy copy = { .rig = rig, .self = calloc(1, rig->plugin->role->instance_size) };
	char full[128];

	snprintf(full, sizeof(full), "%.*s/%s.%s", (int)strcspn(rig->instance->name, "/"), rig->instance->name,
		 rig->plugin->name, name);
	/* it serves nobody: what is asked goes to the instance of the configuration */
	copy.h = sim_actor(rig->sim, full, rig->instance->part, copy.self, NULL);
	return copy;
}

static struct troupe_error problem(void)
{
	return (struct troupe_error){ .size = sizeof(struct troupe_error) };
}

int32_t copy_create(struct copy *copy)
{
	struct troupe_error error = problem();
	int32_t status = copy->rig->plugin->role->create(copy->self, copy->h, copy->rig->instance->options, &error);

	if (status != TROUPE_OK && error.text[0] == '\0') {
		fail_msg("%s refuses to be created, and does not say why", copy->rig->plugin->name);
	}
	return status;
}

int32_t copy_start(struct copy *copy)
{
	struct troupe_error error = problem();
	const struct troupe_role *role = copy->rig->plugin->role;
	int32_t status = role->start != NULL ? role->start(copy->self, &error) : TROUPE_OK;

	if (status != TROUPE_OK && error.text[0] == '\0') {
		fail_msg("%s does not start, and does not say why", copy->rig->plugin->name);
	}
	return status;
}

void copy_end(struct copy *copy, int stop)
{
	const struct troupe_role *role = copy->rig->plugin->role;

	if (stop && role->stop != NULL) {
		role->stop(copy->self);
	}
	sim_actor_end(copy->rig->sim, copy->h, role->destroy);
	sim_run(copy->rig->sim, 2000); /* nothing of it may come back */
	free(copy->self);
}

/* --- the descriptor ------------------------------------------------------------------------------- */

static int listed(const char *const *list, const char *name, size_t len)
{
	for (; list != NULL && *list != NULL; list++) {
		if (strlen(*list) == len && strncmp(*list, name, len) == 0) {
			return 1;
		}
	}
	return 0;
}

static void options_sane(const struct troupe_option *option, const char *where)
{
	for (; option != NULL && option->name != NULL; option++) {
		if (option->help == NULL || option->help[0] == '\0') {
			fail_msg("%s.%s has no help", where, option->name);
		}
		if ((option->flags & TROUPE_OPTION_REQUIRED) != 0 && option->fallback != NULL) {
			fail_msg("%s.%s is required and has a default", where, option->name);
		}
		if (option->min > option->max && option->max != 0) {
			fail_msg("%s.%s has an empty range", where, option->name);
		}
		if (option->type == TROUPE_OPTION_BLOCK || option->type == TROUPE_OPTION_MAP) {
			assert_non_null(option->fields);
			options_sane(option->fields, option->name);
		}
	}
}

static void test_descriptor(void **state)
{
	const struct troupe_plugin *plugin = rig_plugin(*state);

	assert_true(plugin->version != NULL && plugin->version[0] != '\0');
	assert_true(plugin->summary != NULL && strlen(plugin->summary) > 10);
	options_sane(plugin->options, plugin->name);
	for (const struct troupe_method *m = plugin->methods; m != NULL && m->name != NULL; m++) {
		const char *dot = strchr(m->name, '.');

		assert_non_null(dot);
		if (!listed(plugin->provides, m->name, (size_t)(dot - m->name))) {
			fail_msg("%s is not of a service that %s provides", m->name, plugin->name);
		}
		assert_int_equal(m->id, troupe_fnv32(m->name, strlen(m->name)));
		assert_non_null(m->serve);
		assert_true(m->allow != NULL && m->allow[0] != NULL);
		for (const struct troupe_method *other = plugin->methods; other < m; other++) {
			assert_string_not_equal(other->name, m->name);
			assert_true(m->client_event == 0 || other->client_event != m->client_event);
		}
	}
	for (const struct troupe_command *c = plugin->commands; c != NULL && c->verb != NULL; c++) {
		size_t len = c->help != NULL ? strlen(c->help) : 0;

		if (len < 5 || c->run == NULL) {
			fail_msg("%s %s has no help or does nothing", plugin->name, c->verb);
		}
		assert_true(c->right != NULL && c->right[0] != '\0');
		options_sane(c->args, c->verb);
		assert_true(c->args == NULL || c->args_size > 0);
	}
}

/* --- life ----------------------------------------------------------------------------------------- */

static void test_create_destroy(void **state)
{
	struct rig *rig = rig_open(*state);
	struct copy copy = copy_new(rig, "x");

	assert_int_equal(copy_create(&copy), TROUPE_OK);
	copy_end(&copy, 0);
	rig_close(rig);
}

static void test_destroy_untouched(void **state)
{
	struct rig *rig = rig_open(*state);
	struct copy copy = copy_new(rig, "x");

	copy_end(&copy, 0); /* zeroed memory is as half-built as it gets */
	rig_close(rig);
}

static void test_stop_without_start(void **state)
{
	struct rig *rig = rig_open(*state);
	struct copy copy = copy_new(rig, "x");

	assert_int_equal(copy_create(&copy), TROUPE_OK);
	copy_end(&copy, 1);
	rig_close(rig);
}

static void test_two(void **state)
{
	struct rig *rig = rig_open(*state);
	struct copy one = copy_new(rig, "x"), two = copy_new(rig, "y");

	assert_int_equal(copy_create(&one), TROUPE_OK);
	assert_int_equal(copy_create(&two), TROUPE_OK);
	assert_int_equal(copy_start(&one), TROUPE_OK);
	assert_int_equal(copy_start(&two), TROUPE_OK);
	sim_run(rig->sim, 5000);
	copy_end(&one, 1);
	sim_run(rig->sim, 5000);
	copy_end(&two, 1);
	rig_close(rig);
}

/* Ended while what start began is under way, a little later each time. */
static void test_stop_early(void **state)
{
	struct rig *rig = rig_open(*state);

	for (int steps = 0; steps < 40; steps++) {
		char name[16];
		struct copy copy;

		snprintf(name, sizeof(name), "x%d", steps);
		copy = copy_new(rig, name);
		assert_int_equal(copy_create(&copy), TROUPE_OK);
		assert_int_equal(copy_start(&copy), TROUPE_OK);
		for (int i = 0; i < steps; i++) {
			sim_step(rig->sim);
		}
		copy_end(&copy, steps % 2);
	}
	rig_close(rig);
}

static int drained;

static void on_drained(const struct troupe_host *h)
{
	(void)h;
	drained++;
}

static void test_drain(void **state)
{
	struct rig *rig = rig_open(*state);
	struct copy copy = copy_new(rig, "x");

	((struct troupe_host *)(uintptr_t)copy.h)->drained = on_drained;
	drained = 0;
	assert_int_equal(copy_create(&copy), TROUPE_OK);
	assert_int_equal(copy_start(&copy), TROUPE_OK);
	sim_run(rig->sim, 1000);
	if (rig->plugin->role->drain != NULL) {
		rig->plugin->role->drain(copy.self);
		sim_run_until(rig->sim, &drained, RIG_PATIENCE_MS);
		assert_int_equal(drained, 1);
	}
	copy_end(&copy, 1);
	rig_close(rig);
}

/* --- a host that gives nothing -------------------------------------------------------------------- */

static int32_t no_db(const struct troupe_host *h, const char *name, uint32_t *ret_db)
{
	(void)h;
	(void)name;
	(void)ret_db;
	return TROUPE_NOT_FOUND;
}

static int32_t no_listen(const struct troupe_host *h, const struct troupe_listen *listen, uint16_t *ret_port,
			 struct troupe_error *reterr)
{
	(void)h;
	(void)listen;
	(void)ret_port;
	snprintf(reterr->text, sizeof(reterr->text), "the address is in use");
	return TROUPE_UNAVAILABLE;
}

static uint32_t no_metric(const struct troupe_host *h, const struct troupe_metric *metric)
{
	(void)h;
	(void)metric;
	return 0;
}

static struct troupe_buf *no_buf(const struct troupe_host *h, size_t len, uint8_t **ret_bytes)
{
	(void)h;
	(void)len;
	(void)ret_bytes;
	return NULL;
}

static uint64_t no_timer(const struct troupe_host *h, uint64_t ms, troupe_timer_fn fn, void *arg)
{
	(void)h;
	(void)ms;
	(void)fn;
	(void)arg;
	return 0;
}

static uint64_t no_watch(const struct troupe_host *h, const char *path, troupe_timer_fn on_change, void *arg)
{
	return no_timer(h, path != NULL, on_change, arg);
}

/* Each in turn is missing: the role says so or does without, and ends cleanly. */
static void test_poor_host(void **state)
{
	struct rig *rig = rig_open(*state);

	for (int missing = 0; missing < 6; missing++) {
		char name[16];
		struct copy copy;
		struct troupe_host *h;
		int started = 0;

		snprintf(name, sizeof(name), "x%d", missing);
		copy = copy_new(rig, name);
		h = (struct troupe_host *)(uintptr_t)copy.h;
		if (missing == 0) {
			h->db_find = no_db;
		} else if (missing == 1) {
			h->listen = no_listen;
		} else if (missing == 2) {
			h->metric = no_metric;
		} else if (missing == 3) {
			h->buf_new = no_buf;
		} else if (missing == 4) {
			h->timer_start = no_timer;
		} else {
			h->watch = no_watch;
		}
		if (copy_create(&copy) == TROUPE_OK) {
			started = 1; /* after a start that failed the host runs stop as well */
			if (copy_start(&copy) == TROUPE_OK) {
				sim_run(rig->sim, 3000);
			}
		}
		copy_end(&copy, started);
	}
	rig_close(rig);
}

/* --- main ----------------------------------------------------------------------------------------- */

int main(void)
{
	static const struct {
		const char *name;
		CMUnitTestFunction run;
	} cases[] = {
		{ "descriptor", test_descriptor },
		{ "destroy of zeroed memory", test_destroy_untouched },
		{ "create and destroy", test_create_destroy },
		{ "stop without start", test_stop_without_start },
		{ "two at once", test_two },
		{ "ended early", test_stop_early },
		{ "drain, then stop", test_drain },
		{ "a host that gives less", test_poor_host },
		{ "methods", plugin_methods_test },
		{ "events", plugin_events_test },
		{ "commands", plugin_commands_test },
	};
	const size_t cases_len = sizeof(cases) / sizeof(cases[0]);
	char **names = loader_names(getenv("TROUPE_PLUGINS"));
	struct CMUnitTest *tests;
	size_t len = 0, count = 0;
	int r;

	while (names != NULL && names[count] != NULL) {
		count++;
	}
	tests = calloc(count * cases_len + 1, sizeof(*tests));
	for (size_t i = 0; i < count; i++) {
		const struct troupe_plugin *plugin = rig_plugin(names[i]);

		for (size_t c = 0; c < cases_len; c++) {
			char *title;

			/* The simulator is its own database: of that role, and of drivers, only the descriptor is looked
			 * at here; they have suites of their own. */
			if (c > 0 && (plugin->kind != TROUPE_PLUGIN_ROLE || strcmp(names[i], "database") == 0)) {
				break;
			}
			title = malloc(strlen(names[i]) + strlen(cases[c].name) + 3);
			sprintf(title, "%s: %s", names[i], cases[c].name);
			tests[len].name = title;
			tests[len].test_func = cases[c].run;
			tests[len].initial_state = names[i];
			len++;
		}
	}
	if (len < cases_len) {
		fprintf(stderr, "no plugins in %s\n", getenv("TROUPE_PLUGINS"));
		return 1;
	}
	r = _cmocka_run_group_tests("plugins", tests, len, NULL, NULL);
	for (size_t i = 0; i < len; i++) {
		free((char *)(uintptr_t)tests[i].name);
	}
	free(tests);
	free(names);
	return r != 0;
}
