/* SPDX-License-Identifier: MIT */
/* troupe limits: what a number of players needs of a configuration and of this machine. */
#include "limits.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "command.h"
#include "host/net/address.h"
#include "host/obs/text.h"
#include "look.h"
#include "units.h"

const char limits_usage[] =
	"usage: troupe limits --ccu N CONFIG [--host NAME] [--json]\n"
	"\n"
	"  troupe limits --ccu 5000 conf/standalone.lua      what 5000 players at once need, and what is too low\n"
	"  troupe limits --ccu 20000 game.lua --host front   only this host, as on its own machine\n"
	"\n"
	"Looks at bounds in the configuration, and of this machine at open files, memory, the queue of new\n"
	"connections, and ports for a TLS front. Memory is an estimate from measured figures and does not count\n"
	"what the game's own rules keep.\n"
	"\n"
	"  --ccu N               players at once\n"
	"  --host NAME           this host; without it all whose address is this machine's\n" LOOK_USAGE
	"\n"
	"exit code: 0 all is enough, 1 something is too low, 2 wrong usage, 3 configuration invalid\n";

/* Whether an address is one of this machine's. */
static bool address_here(const char *address)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address wanted;
	struct ifaddrs *all = NULL;
	bool here = false;

	if (net_address_parse("tcp://:0", address, &wanted, &error) != TROUPE_OK || wanted.loopback || wanted.any ||
	    getifaddrs(&all) < 0) {
		return true;
	}
	for (const struct ifaddrs *i = all; i != NULL && !here; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != wanted.addr.ss_family) {
			continue;
		}
		here = wanted.addr.ss_family == AF_INET
			       ? memcmp(&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr,
					&((const struct sockaddr_in *)&wanted.addr)->sin_addr, sizeof(struct in_addr)) == 0
			       : memcmp(&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr,
					&((const struct sockaddr_in6 *)&wanted.addr)->sin6_addr,
					sizeof(struct in6_addr)) == 0;
	}
	freeifaddrs(all);
	return here;
}

/* --- output ---------------------------------------------------------------------------------------- */

static bool enough(const struct limit *limit)
{
	return limit->have >= limit->need;
}

static const char *shown(const struct limit *limit, uint64_t value, char buf[UNITS_TEXT_MAX])
{
	if (limit->bytes) {
		snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 " MiB", (value + (1u << 20) - 1) >> 20);
	} else if (value >= INT64_MAX) {
		snprintf(buf, UNITS_TEXT_MAX, "no bound");
	} else {
		snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64, value);
	}
	return buf;
}

static void print_text(const struct limits *limits)
{
	char need[UNITS_TEXT_MAX], have[UNITS_TEXT_MAX];
	int of = 0, name = 0;

	for (uint32_t i = 0; i < limits->len; i++) {
		of = (int)strlen(limits->list[i].of) > of ? (int)strlen(limits->list[i].of) : of;
		name = (int)strlen(limits->list[i].name) > name ? (int)strlen(limits->list[i].name) : name;
	}
	printf("%-*s  %-*s  %10s  %10s\n", of, "of", name, "limit", "need", "have");
	for (uint32_t i = 0; i < limits->len; i++) {
		const struct limit *limit = &limits->list[i];

		printf("%-*s  %-*s  %10s  %10s%s\n", of, limit->of, name, limit->name, shown(limit, limit->need, need),
		       shown(limit, limit->have, have), enough(limit) ? "" : "  too low");
	}
	for (uint32_t i = 0; i < limits->len; i++) {
		if (!enough(&limits->list[i])) {
			printf("\n%s, %s: %s\n", limits->list[i].of, limits->list[i].name, limits->list[i].raise);
		}
	}
}

static void print_json(const struct limits *limits, bool all_enough)
{
	struct text out;

	text_init(&out, 1 << 20);
	text_put(&out, "{\"version\":1");
	text_member_number(&out, "ccu", limits->ccu);
	text_format(&out, ",\"enough\":%s,\"limits\":[", all_enough ? "true" : "false");
	for (uint32_t i = 0; i < limits->len; i++) {
		const struct limit *limit = &limits->list[i];

		text_put(&out, i > 0 ? ",{" : "{");
		text_member(&out, "of", limit->of);
		text_member(&out, "limit", limit->name);
		text_member_number(&out, "need", limit->need);
		text_member_number(&out, "have", limit->have);
		text_member(&out, "unit", limit->bytes ? "bytes" : "count");
		text_format(&out, ",\"enough\":%s", enough(limit) ? "true" : "false");
		text_member(&out, "raise", enough(limit) ? NULL : limit->raise);
		text_put(&out, "}");
	}
	text_put(&out, "]}");
	puts(out.bytes != NULL && !out.failed ? out.bytes : "{\"version\":1,\"error\":\"no memory\"}");
	text_clear(&out);
}

/* --- the command ------------------------------------------------------------------------------------ */

static bool limits_show(const struct look *look, const struct config *config, uint64_t ccu)
{
	struct limits *limits = calloc(1, sizeof(*limits));
	bool all_enough = true;

	if (limits == NULL) {
		return false;
	}
	limits->arena = arena_create();
	limits->ccu = ccu;
	limits_of_roles(limits, config);
	for (uint32_t i = 0; i < config->hosts_len; i++) {
		if (look->request.host != NULL ? &config->hosts[i] == config->host : address_here(config->hosts[i].address)) {
			limits_of_host(limits, config, i);
		} else if (look->request.host == NULL) {
			fprintf(stderr, "host %s is on another machine (%s): look there, or with --host %s\n",
				config->hosts[i].name, config->hosts[i].address, config->hosts[i].name);
		}
	}
	limits_of_machine(limits);
	for (uint32_t i = 0; i < limits->len; i++) {
		all_enough = all_enough && enough(&limits->list[i]);
	}
	if (look->json) {
		print_json(limits, all_enough);
	} else {
		print_text(limits);
	}
	arena_free(limits->arena);
	free(limits);
	return all_enough;
}

int limits_main(int argc, char **argv)
{
	static const char *const known[] = { "--ccu", "--host", "--state", "--set", "--json", "--help", NULL };
	struct look look;
	const char *value = NULL;
	int64_t ccu = 0;
	int i = 1, r = 0;

	look_init(&look);
	while (i < argc && r == 0) {
		int taken = command_option(argc, argv, &i, "ccu", &value);

		if (taken != 0) {
			r = taken < 0 ? EXIT_USAGE : 0;
		} else {
			r = look_argument(&look, argc, argv, &i, known);
		}
	}
	if (r == 0 && (value == NULL || units_integer(value, &ccu) < 0 || ccu < 1 || ccu > 100000000)) {
		fputs("troupe limits: how many players? For example: troupe limits --ccu 5000 conf/standalone.lua\n", stderr);
		r = EXIT_USAGE;
	}
	r = r != 0 ? r : look_file(&look, "limits");
	if (r != 0) {
		return r;
	}
	struct config *config = look_load(&look);

	if (config == NULL) {
		return EXIT_INVALID;
	}
	r = limits_show(&look, config, (uint64_t)ccu) ? EXIT_DONE : EXIT_FAILED;
	config_free(config);
	return r;
}
