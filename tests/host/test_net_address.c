/* SPDX-License-Identifier: MIT */
/* Addresses: what is read, what is refused and how, who holds a port, connections by network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/net/address.h"
#include "host/net/network.h"

struct address_case {
	const char *text, *host, *shown; /* shown NULL = refused */
	int loopback;
};

static const struct address_case address_cases[] = {
	{ "tcp://127.0.0.1:9322", NULL, "127.0.0.1:9322", 1 },
	{ "tcp://127.9.9.9:1", NULL, "127.9.9.9:1", 1 },
	{ "tcp://[::1]:0", NULL, "[::1]:0", 1 },
	{ "tcp://localhost:65535", NULL, "127.0.0.1:65535", 1 },
	{ "tcp://*:80", NULL, "0.0.0.0:80", 0 },
	{ "tcp://[::]:80", NULL, "[::]:80", 0 },
	{ "tcp://[2001:db8::7]:80", NULL, "[2001:db8::7]:80", 0 },
	{ "tcp://:9322", NULL, "127.0.0.1:9322", 1 },
	{ "tcp://:9322", "10.0.0.11", "10.0.0.11:9322", 0 },
	{ "tcp://:9322", "fd00::1", "[fd00::1]:9322", 0 },
	{ "tcp://:9322", "example.org", NULL, 0 },
	{ "tcp://example.org:80", NULL, NULL, 0 },
	{ "tcp://127.0.0.1", NULL, NULL, 0 },
	{ "tcp://127.0.0.1:", NULL, NULL, 0 },
	{ "tcp://127.0.0.1:65536", NULL, NULL, 0 },
	{ "tcp://127.0.0.1:-1", NULL, NULL, 0 },
	{ "tcp://127.0.0.1:80x", NULL, NULL, 0 },
	{ "tcp://127.0.0.1:000080", NULL, NULL, 0 },
	{ "tcp://::1:80", NULL, NULL, 0 },
	{ "tcp://[::1:80", NULL, NULL, 0 },
	{ "tcp://[]:80", NULL, NULL, 0 },
	{ "tcp://[127.0.0.1]:80", NULL, NULL, 0 },
	{ "udp://127.0.0.1:80", NULL, NULL, 0 },
	{ "127.0.0.1:80", NULL, NULL, 0 },
	{ "", NULL, NULL, 0 },
	{ "tcp://", NULL, NULL, 0 },
	{ "tcp://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80", NULL, NULL, 0 },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(address_cases) / sizeof(*address_cases); i++) {
		const struct address_case *c = &address_cases[i];
		struct troupe_error error = { .size = sizeof(error) };
		struct net_address address;
		char text[NET_ADDRESS_TEXT_MAX];
		int32_t status = net_address_parse(c->text, c->host, &address, &error);
		print_message("# %s\n", c->text);
		if (c->shown == NULL) {
			assert_int_equal(status, TROUPE_INVALID_ARGUMENT);
			assert_string_not_equal(error.text, "");
			assert_string_not_equal(error.help, "");
			continue;
		}
		assert_int_equal(status, TROUPE_OK);
		assert_string_equal(net_address_format(&address.addr, text), c->shown);
		assert_int_equal(address.loopback, c->loopback);
	}
}

static void test_in_use(void **state)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address address;
	char pid[32];
	uint16_t port = 0;

	(void)state;
	assert_int_equal(net_address_parse("tcp://127.0.0.1:0", NULL, &address, &error), TROUPE_OK);
	int fd = net_address_listen(&address, "tcp://127.0.0.1:0", &port, &error);
	assert_true(fd >= 0);
	assert_int_not_equal(port, 0);
	((struct sockaddr_in *)&address.addr)->sin_port = htons(port);
	address.port = port;
	assert_int_equal(net_address_listen(&address, "tcp://x", NULL, &error), -1);
	assert_int_equal(error.status, TROUPE_ALREADY_EXISTS);
	snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
	assert_non_null(strstr(error.text, pid));
	assert_non_null(strstr(error.text, "test_net"));
	close(fd);
	/* free again at once */
	fd = net_address_listen(&address, "tcp://x", NULL, &error);
	assert_true(fd >= 0);
	close(fd);
}

static void test_not_ours(void **state)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address address;

	(void)state;
	/* documentation addresses (RFC 5737) belong to no machine */
	assert_int_equal(net_address_parse("tcp://192.0.2.1:0", NULL, &address, &error), TROUPE_OK);
	assert_int_equal(net_address_listen(&address, "tcp://192.0.2.1:0", NULL, &error), -1);
	assert_int_equal(error.status, TROUPE_INVALID_ARGUMENT);
	assert_non_null(strstr(error.text, "192.0.2.1"));
}

static uint64_t network_of(const char *host)
{
	struct sockaddr_storage addr = { 0 };

	if (strchr(host, ':') == NULL) {
		addr.ss_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, host, &((struct sockaddr_in *)&addr)->sin_addr), 1);
	} else {
		addr.ss_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)&addr)->sin6_addr), 1);
	}
	return net_address_network(&addr);
}

static void test_network(void **state)
{
	(void)state;
	assert_true(network_of("10.0.0.1") == 0x0a000001);
	assert_true(network_of("::ffff:10.0.0.1") == network_of("10.0.0.1"));
	assert_true(network_of("2001:db8:1:2::1") == 0x20010db800010002);
	assert_true(network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9"));
	assert_true(network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1"));
}

static void test_siphash(void **state)
{
	/* vectors_sip64[8] of the reference implementation: key 00..0f, input 00..07 */
	const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

	(void)state;
	assert_true(network_hash(key, 0x0706050403020100) == 0x93f5f5799a932462);
}

#define MODEL_NETWORKS 400

/* Random adds and removes beside plain counters. */
static void test_table(void **state)
{
	struct network_table table = { 0 };
	uint32_t model[MODEL_NETWORKS] = { 0 };
	uint64_t seed = 42;

	(void)state;
	for (int step = 0; step < 200000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint32_t at = (uint32_t)(seed >> 40) % MODEL_NETWORKS;
		if ((seed >> 33) & 1) {
			int r = network_add(&table, at * 1000003ull, 3);
			assert_int_equal(r, model[at] < 3 ? 0 : -EAGAIN);
			model[at] += r == 0;
		} else {
			network_remove(&table, at * 1000003ull);
			model[at] -= model[at] > 0;
		}
		assert_int_equal(network_count(&table, at * 1000003ull), model[at]);
	}
	size_t used = 0;
	for (int i = 0; i < MODEL_NETWORKS; i++) {
		assert_int_equal(network_count(&table, (uint64_t)i * 1000003u), model[i]);
		used += model[i] != 0;
	}
	assert_int_equal(table.used, used);
	network_clear(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	cmocka_unit_test(test_in_use),	cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_network), cmocka_unit_test(test_siphash), cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("net address", tests, NULL, NULL);
}
