/* SPDX-License-Identifier: MIT */
/* Configurations of many hosts: what has to fit between them, how they find each other, what each of them runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/codes.h"
#include "config/config.h"
#include "config/diag.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
#define TWO "echo \"x\" {} echo \"y\" {} " /* two instances of one part: their hosts are linked */
#define RUN_X "run = { \"base/echo.x\" }"
#define RUN_Y "run = { \"base/echo.y\" }"

static struct config *load(const char *text, const char *host, const char *isolate, struct diag_list *diags)
{
	struct config_request request = { .path = "test.lua", .text = text, .text_len = (uint32_t)strlen(text),
					  .state = "/srv/game", .host = host, .isolate = isolate,
					  .all_hosts = host == NULL && isolate == NULL };
	struct config *config = NULL;

	config_load(&request, &config, diags);
	return config;
}

static struct config *load_good(const char *text, const char *host, const char *isolate)
{
	struct diag_list *diags = diag_list_create();
	struct config *config = load(text, host, isolate, diags);

	if (config == NULL) {
		diag_print_text(diags, stderr);
		fail_msg("not good: %s", text);
	}
	diag_list_free(diags);
	return config;
}

struct finding_case {
	const char *text, *host, *isolate;
	const char *code; /* of the first finding; NULL = there is none */
	uint32_t line;	  /* 0 = not looked at */
	const char *says; /* part of its text */
	const char *help; /* part of its help or its label, "" = any */
};

static const struct finding_case cases[] = {
	{ TWO "host \"a\" { " RUN_X " } host \"b\" { " RUN_Y " }", "c", NULL, "C0200", 0, "no host \"c\"", "" },
	{ TWO "host \"front\" { " RUN_X " } host \"b\" { " RUN_Y " }", "fornt", NULL, "C0200", 0, "fornt", "--host front?" },
	{ TWO "host \"a\" { " RUN_X " }\nhost \"a\" { " RUN_Y " }", "a", NULL, "C0130", 2, "host \"a\" stands twice", "" },
	{ TWO "host \"a\" { bus = 9500, " RUN_X " }\nhost \"b\" { bus = 9500, " RUN_Y " }", NULL, NULL, "C0206", 2,
	  "both listen on tcp://127.0.0.1:9500", "another port" },
	{ TWO "host \"a\" { metrics = 9500, " RUN_X " }\nhost \"b\" { bus = 9500, " RUN_Y " }", NULL, NULL, "C0129", 2,
	  "host a and host b", "another port" },
	{ TWO "host \"a\" { bus = 1, " RUN_X " }\nhost \"b\" { address = \"127.0.0.2\", " RUN_Y " }", NULL, NULL, "C0207", 2,
	  "host \"b\" has no `bus` port", "bus = 9500" },
	{ TWO "host \"a\" { key = \"" KEY_A "\", bus = 1, " RUN_X " }\n"
	      "host \"b\" { key = \"" KEY_B "\", address = \"0.0.0.0\", bus = 2, " RUN_Y " }", NULL, NULL, "C0214", 2,
	  "everybody can reach it", "private network" },
	{ TWO "host \"a\" { key = \"" KEY_A "\", bus = 1, " RUN_X " }\nhost \"b\" { address = \"10.0.0.1\", bus = 2, " RUN_Y " }",
	  NULL, NULL, "C0208", 2, "host \"b\" has no `key`", "troupe key new b" },
	{ TWO "host \"a\" { bus = 1, " RUN_X " } host \"b\" { address = \"127.0.0.2\", bus = 1, " RUN_Y " }", NULL, NULL, NULL,
	  0, "", "" },
	{ TWO "host \"a\" { key = \"" KEY_A "\", " RUN_X " }\nhost \"b\" { " RUN_Y " }", NULL, NULL, "C0208", 2, "\"b\"", "" },
	{ TWO "host \"a\" { key = \"" KEY_A "\", " RUN_X " }\nhost \"b\" { key = { \"" KEY_B "\",\n\"" KEY_A "\" }, " RUN_Y " }",
	  NULL, NULL, "C0209", 0, "the same key", "troupe key new b" },
	{ TWO "host \"a\" { key = \"secret\" }", NULL, NULL, "C0209", 1, "no public key", "troupe key new a" },
	{ TWO "host \"a\" { key = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\" }", NULL, NULL, "C0209", 1, "", "" },
	{ TWO "host \"a\" { key = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX-BkaGxwdHh8=\" }", NULL, NULL, "C0209", 1, "", "" },
	{ TWO "host \"a\" { key = { \"" KEY_A "\", \"" KEY_B "\",\n\"" KEY_A "\" } }", NULL, NULL, "C0209", 2, "at most 2", "" },
	{ TWO "host \"a\" { address = \"1.1.1.1\", bus = 9500 }", NULL, NULL, "C0214", 1, "tcp://1.1.1.1:9500", "" },
	{ TWO "host \"a\" { address = \"172.31.0.1\", bus = 9500 }", NULL, NULL, NULL, 0, "", "" },
	{ TWO "host \"a\" { address = \"172.32.0.1\", bus = 9500 }", NULL, NULL, "C0214", 1, "", "" },
	{ TWO "host \"a\" { address = \"192.168.255.1\", bus = 9500 }", NULL, NULL, NULL, 0, "", "" },
	{ TWO "host \"a\" { address = \"100.64.0.1\", bus = 9500 }", NULL, NULL, NULL, 0, "", "" },
	{ TWO "host \"a\" { address = \"fd00::1\", bus = 9500 }", NULL, NULL, NULL, 0, "", "" },
	{ TWO "host \"a\" { address = \"2001:db8::1\", bus = 9500 }", NULL, NULL, "C0214", 1, "[2001:db8::1]:9500", "" },
	{ TWO "host \"a\" { reach = { b = \"tcp://127.0.0.1:1\" }, " RUN_X " } host \"b\" { " RUN_Y " }", NULL, NULL, NULL, 0,
	  "", "" },
	{ TWO "host \"a\" { reach = { wrold = \"tcp://127.0.0.1:1\" }, " RUN_X " } host \"world\" { " RUN_Y " }", NULL, NULL,
	  "C0216", 1, "wrold is no host", "did you mean `world`?" },
	{ TWO "host \"a\" { reach = { a = \"tcp://127.0.0.1:1\" } }", NULL, NULL, "C0216", 1, "itself", "" },
	{ TWO "host \"a\" { reach = { b = \"tcp://x:1\" }, " RUN_X " } host \"b\" { " RUN_Y " }", NULL, NULL, "C0216", 1,
	  "names are not looked up", "" },
	{ TWO "host \"a\" { reach = { b = \"tcp://127.0.0.1:0\" }, " RUN_X " } host \"b\" { " RUN_Y " }", NULL, NULL, "C0216",
	  1, "no port", "" },
	{ TWO "host \"a\" { reach = { b = \"ipc://x\" }, " RUN_X " } host \"b\" { " RUN_Y " }", NULL, NULL, "C0216", 1,
	  "absolute", "" },
	{ TWO "host \"a\" { reach = { \"tcp://127.0.0.1:1\" } }", NULL, NULL, "C0123", 1, "`reach`", "name = \"text\"" },
	{ TWO "host \"a\" { reach = \"tcp://127.0.0.1:1\" }", NULL, NULL, "C0123", 1, "`reach`", "name = \"text\"" },
	{ TWO "host \"a\" { address = \"10.0.0.1\", key = \"" KEY_A "\", bus = 1, reach = { b = \"tcp://127.0.0.1:1\" }, " RUN_X
	      " }\nhost \"b\" { address = \"10.0.0.2\", key = \"" KEY_B "\", " RUN_Y " }",
	  NULL, NULL, NULL, 0, "", "" },
	{ "cluster \"x\" { sockets = \"/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456"
	  "789/0123456789/1\" } " TWO "host \"a\" { " RUN_X " } host \"b\" { " RUN_Y " }", NULL, NULL, NULL, 0, "", "" },
	{ "cluster \"x\" { sockets = \"/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456"
	  "789/0123456789/12\" } " TWO "host \"a\" { " RUN_X " } host \"b\" { " RUN_Y " }", NULL, NULL, "C0215", 0, "too long",
	  "short folder" },
	{ "database \"base\" { driver = \"leveldb\", path = \"x\" }\npart \"shard:m\" itemstore { database = \"base\" }\n"
	  "host \"a\" { run = { \"base/*\" } } host \"b\" { run = { \"m/*\" } }", NULL, NULL, "C0213", 2,
	  "m/itemstore on host \"b\" has no way to base/database.base on host \"a\"", "master" },
	{ "database \"base\" { driver = \"leveldb\", path = \"x\" } master { database = \"base\" }\npart \"shard:m\" itemstore { database = \"base\" }\n"
	  "host \"a\" { run = { \"base/*\" } } host \"b\" { run = { \"m/*\" } }", NULL, NULL, NULL, 0, "", "" },
	{ "echo {}", NULL, "base/echo", "C0217", 0, "base/echo", "isolate = true" },
	{ "echo { isolate = true }", NULL, "base/ehco", "C0217", 0, "base/ehco", "base/echo" },
};

static void test_findings(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct finding_case *c = &cases[i];
		struct diag_list *diags = diag_list_create();
		struct config *config = load(c->text, c->host, c->isolate, diags);
		const struct diag *diag = diag_get(diags, 0);
		bool good = c->code == NULL ? diag == NULL : diag != NULL && strcmp(diag->code, c->code) == 0;

		if (good && diag != NULL) {
			good = (c->line == 0 || diag->line == c->line) && strstr(diag->text, c->says) != NULL &&
			       codes_find(diag->code) != NULL &&
			       (c->help[0] == '\0' || (diag->help != NULL && strstr(diag->help, c->help) != NULL) ||
				(diag->label != NULL && strstr(diag->label, c->help) != NULL));
			good = good && (config == NULL) == (diag_count(diags, DIAG_ERROR) > 0);
		}
		if (!good) {
			diag_print_text(diags, stderr);
			fprintf(stderr, "case %zu, %s: wanted %s at line %u\n\n", i, c->text, c->code != NULL ? c->code : "nothing",
				c->line);
			failed++;
		}
		config_free(config);
		diag_list_free(diags);
	}
	assert_int_equal(failed, 0);
}

static void assert_address(const struct config *config, uint32_t from, uint32_t to, const char *wanted)
{
	char buf[CONFIG_ADDRESS_MAX];
	const char *got = config_host_address(config, &config->hosts[from], &config->hosts[to], buf, sizeof(buf));

	assert_string_equal(got, wanted);
}

static void test_addresses(void **state)
{
	struct config *config = load_good(
		"cluster \"x\" { sockets = \"/run/s\" } echo \"x\" {} echo \"y\" { isolate = true } echo \"z\" {} echo \"u\" {}\n"
		"host \"a\" { address = \"10.0.0.1\", bus = 9500, key = \"" KEY_A "\", " RUN_X " }\n"
		"host \"b\" { address = \"10.0.0.1\", bus = 9501, key = { \"" KEY_B "\",\n"
		"  \"QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=\" }, " RUN_Y " }\n"
		"host \"c\" { address = \"fd00::3\", bus = 9500, key = \"YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8=\",\n"
		"  reach = { b = \"tcp://127.0.0.1:7000\" }, run = { \"base/echo.z\" } }\n"
		"host \"d\" { key = \"gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8=\", bus = 1, run = { \"base/echo.u\" } }",
		NULL, NULL);
	char buf[CONFIG_ADDRESS_MAX];

	(void)state;
	assert_address(config, 0, 0, "ipc:///run/s/a.bus");
	assert_address(config, 0, 1, "ipc:///run/s/b.bus");
	assert_address(config, 0, 2, "tcp://[fd00::3]:9500");
	assert_address(config, 2, 0, "tcp://10.0.0.1:9500");
	assert_address(config, 2, 1, "tcp://127.0.0.1:7000");
	assert_string_equal(config_isolate_address(config, config_instance_find(config, "base/echo.y"), buf, sizeof(buf)),
			    "ipc:///run/s/b.189cf155.bus");
	assert_int_equal(config->hosts[1].keys_len, 2);
	for (uint32_t i = 0; i < CONFIG_KEY; i++) {
		assert_int_equal(config->hosts[0].keys[0][i], i);
		assert_int_equal(config->hosts[1].keys[0][i], 0x20 + i);
		assert_int_equal(config->hosts[1].keys[1][i], 0x40 + i);
	}
	assert_false(config_keys_own(config));
	config_free(config);
}

static void test_links(void **state)
{
	static const char text[] =
		"database \"base\" { driver = \"leveldb\", path = \"x\" } echo {} part \"shard:m\" echo \"x\" {} echo \"y\" {} part \"shard:n\" echo {} echo \"gone\" {}\n"
		"host \"a\" { run = { \"base/database\", \"base/echo\" } } host \"b\" { run = { \"m/echo.x\" } }\n"
		"host \"c\" { run = { \"m/echo.y\" } } host \"d\" { run = { \"n/echo\" } }\n";
	struct config *config;

	(void)state;
	for (int master = 0; master < 2; master++) {
		char whole[1024];

		snprintf(whole, sizeof(whole), "%s%s", text,
			 master ? "part \"base\" master { database = \"base\" } host \"e\" { run = { \"base/master\" } }" : "");
		/* n/echo matches n/echo.gone too: only m/echo.x and others by name */
		config = load_good(whole, NULL, NULL);
		assert_true(config_hosts_linked(config, &config->hosts[1], &config->hosts[2]));
		assert_true(config_hosts_linked(config, &config->hosts[2], &config->hosts[1]));
		assert_false(config_hosts_linked(config, &config->hosts[0], &config->hosts[1]));
		assert_false(config_hosts_linked(config, &config->hosts[2], &config->hosts[3]));
		assert_false(config_hosts_linked(config, &config->hosts[3], &config->hosts[3]));
		for (uint32_t i = 0; master && i < 4; i++) {
			assert_true(config_hosts_linked(config, &config->hosts[i], &config->hosts[4]));
			assert_true(config_hosts_linked(config, &config->hosts[4], &config->hosts[i]));
		}
		assert_true(config_keys_own(config));
		config_free(config);
	}
}

static void test_folders(void **state)
{
	static const char one[] = "echo {} echo \"iso\" { isolate = true }";
	static const char two[] = "cluster \"c\" {} " TWO "host \"a\" { " RUN_X " } host \"b\" { " RUN_Y " }";
	struct config *config;

	(void)state;
	unsetenv("RUNTIME_DIRECTORY");
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	config = load_good(one, "local", NULL);
	assert_string_equal(config->run, "/srv/game");
	config_free(config);
	config = load_good(one, "local", "base/echo.iso");
	assert_string_equal(config->run, "/srv/game/isolated/base/echo.iso");
	config_free(config);
	config = load_good(two, "b", NULL);
	assert_string_equal(config->run, "/srv/game/hosts/b");
	assert_string_equal(config->sockets, "/run/user/7/troupe/7f9e042871c9df05");
	config_free(config);
	setenv("RUNTIME_DIRECTORY", "/run/troupe:/run/other", 1);
	config = load_good(two, "b", NULL);
	assert_string_equal(config->run, "/run/troupe/hosts/b");
	assert_string_equal(config->sockets, "/run/troupe/7f9e042871c9df05");
	config_free(config);
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("XDG_RUNTIME_DIR");
	config = load_good(two, "b", NULL);
	assert_memory_equal(config->sockets, "/tmp/troupe-", 12);
	config_free(config);
}

/* What a host runs, what the child for an isolated instance runs, and what somebody sees who looks at all. */
static void test_isolate(void **state)
{
	static const char text[] = "echo \"x\" {} echo \"y\" { isolate = true } echo \"z\" {} echo \"nowhere\" {}\n"
				   "host \"a\" { metrics = 9464, loops = { { \"base/echo.x\" }, { \"base/echo.y\" } },\n"
				   "  run = { \"base/echo.x\", \"base/echo.y\" } } host \"b\" { run = { \"base/echo.z\" } }";
	struct config *config = load_good(text, "a", NULL);

	(void)state;
	assert_int_equal(config->local_len, 1);
	assert_string_equal(config->local[0]->name, "base/echo.x");
	assert_null(config->isolated);
	assert_ptr_equal(config_host_of(config, config_instance_find(config, "base/echo.z")), &config->hosts[1]);
	assert_null(config_host_of(config, config_instance_find(config, "base/echo.nowhere")));
	config_free(config);
	config = load_good(text, "a", "base/echo.y");
	assert_int_equal(config->local_len, 1);
	assert_ptr_equal(config->local[0], config->isolated);
	assert_string_equal(config->isolated->name, "base/echo.y");
	assert_int_equal(config->host->loops, 1);
	assert_int_equal(config->isolated->loop, 0);
	assert_int_equal(config->host->metrics_port, 0);
	config_free(config);
	config = load_good(text, NULL, NULL);
	assert_int_equal(config->local_len, 3);
	config_free(config);
}

static void test_sets(void **state)
{
	static const char *const sets[] = { "host.workers=3", "host.a.workers=4", "host.a.bus=7000", "host.b.address=127.0.0.2",
					    "host.b.reach=a=tcp://127.0.0.1:7001", "host.b.bus=7002" };
	static const char text[] = TWO "host \"a\" { " RUN_X " } host \"b\" { " RUN_Y " }";
	static const char *const bad[] = { "host.c.bus=1", "host.b.buss=1", "host.nothing=2" };
	struct config_request request = { .path = "test.lua", .text = text, .text_len = sizeof(text) - 1, .host = "a",
					  .sets = sets, .sets_len = sizeof(sets) / sizeof(sets[0]) };
	struct diag_list *diags = diag_list_create();
	struct config *config = NULL;

	(void)state;
	assert_int_equal(config_load(&request, &config, diags), 0);
	assert_int_equal(config->hosts[0].workers, 4);
	assert_int_equal(config->hosts[1].workers, 3);
	assert_int_equal(config->hosts[0].bus_port, 7000);
	assert_int_equal(config->hosts[1].bus_port, 7002);
	assert_address(config, 1, 0, "tcp://127.0.0.1:7001");
	assert_address(config, 0, 1, "tcp://127.0.0.2:7002");
	config_free(config);
	request.sets = bad;
	request.sets_len = sizeof(bad) / sizeof(bad[0]);
	assert_true(config_load(&request, &config, diags) < 0);
	for (uint32_t i = 0; diag_get(diags, i) != NULL; i++) {
		assert_string_equal(diag_get(diags, i)->code, "C0141");
	}
	diag_list_free(diags);
}

/* Every port that is bound, in the order of hosts. */
static void test_ports(void **state)
{
	struct config *config = load_good("database \"d\" { driver = \"leveldb\", path = \"x\" } account { database = \"d\", listen = { \"tcp://:1\", \"tcp://:2\" } }\n"
					  "echo {} master \"gone\" { database = \"d\" }\n"
					  "host \"a\" { bus = 9500, metrics = 9464, key = \"gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8=\",\n"
					  "  run = { \"base/database\", \"base/account\" } }\n"
					  "host \"b\" { address = \"10.0.0.1\", bus = 9501, key = \"" KEY_A "\", run = { \"base/echo\" } }\n"
					  "host \"c\" { address = \"8.8.8.8\", bus = 9500, key = \"" KEY_B "\", run = { \"*master\" } }",
					  NULL, NULL);

	(void)state;
	assert_int_equal(config->ports_len, 6);
	assert_string_equal(config->ports[0].address, "tcp://127.0.0.1:1");
	assert_string_equal(config->ports[0].owner, "base/account");
	assert_int_equal(config->ports[1].port, 2);
	assert_int_equal(config->ports[2].kind, CONFIG_PORT_BUS);
	assert_string_equal(config->ports[3].owner, "host a");
	assert_int_equal(config->ports[3].port, 9464);
	assert_int_equal(config->ports[3].outside, 0);
	assert_int_equal(config->ports[4].outside, 1);
	assert_int_equal(config->ports[4].host, 1);
	assert_int_equal(config->ports[5].outside, 2);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings), cmocka_unit_test(test_addresses), cmocka_unit_test(test_links),
		cmocka_unit_test(test_folders),	 cmocka_unit_test(test_isolate),   cmocka_unit_test(test_sets),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
