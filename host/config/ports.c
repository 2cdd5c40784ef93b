/* SPDX-License-Identifier: MIT */
/* troupe ports: every port that a configuration binds. */
#include "ports.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "host/obs/text.h"
#include "look.h"

const char ports_usage[] =
	"usage: troupe ports [--public] CONFIG [--host NAME] [--json]\n"
	"\n"
	"  troupe ports conf/production.lua             every port, whose it is, and who can reach it\n"
	"  troupe ports --public conf/production.lua    those that players need\n"
	"\n"
	"What is for players is to be reached from outside, through a front that speaks TLS; all else stays\n"
	"on loopback, or on a network between the hosts.\n"
	"\n"
	"  --public              only ports for players\n"
	"  --host NAME           only of this host\n" LOOK_USAGE
	"\n"
	"exit code: 0 done, 2 wrong usage, 3 configuration invalid\n";

static const char *const audience[] = { "players", "other hosts", "Prometheus" };
static const char *const reach[] = { "this machine", "private network", "everybody" };

static bool wanted(const struct look *look, bool only_public, const struct config *config, const struct config_port *port)
{
	return (!only_public || port->kind == CONFIG_PORT_LISTENER) &&
	       (look->request.host == NULL || &config->hosts[port->host] == config->host);
}

static void print_json(const struct look *look, bool only_public, const struct config *config)
{
	struct text out;
	bool first = true;

	text_init(&out, 1 << 20);
	text_put(&out, "{\"version\":1,\"ports\":[");
	for (uint32_t i = 0; i < config->ports_len; i++) {
		const struct config_port *port = &config->ports[i];

		if (!wanted(look, only_public, config, port)) {
			continue;
		}
		text_put(&out, first ? "{" : ",{");
		text_member_number(&out, "port", port->port);
		text_member(&out, "address", port->address);
		text_member(&out, "owner", port->owner);
		text_member(&out, "host", config->hosts[port->host].name);
		text_format(&out, ",\"public\":%s", port->kind == CONFIG_PORT_LISTENER ? "true" : "false");
		text_member(&out, "for", audience[port->kind]);
		text_member(&out, "reach", reach[port->outside]);
		text_put(&out, "}");
		first = false;
	}
	text_put(&out, "]}");
	puts(out.bytes != NULL && !out.failed ? out.bytes : "{\"version\":1,\"error\":\"no memory\"}");
	text_clear(&out);
}

static void print_text(const struct look *look, bool only_public, const struct config *config)
{
	int address = (int)strlen("address"), owner = (int)strlen("owner");
	const char *host = NULL;

	for (uint32_t i = 0; i < config->ports_len; i++) {
		address = (int)strlen(config->ports[i].address) > address ? (int)strlen(config->ports[i].address) : address;
		owner = (int)strlen(config->ports[i].owner) > owner ? (int)strlen(config->ports[i].owner) : owner;
	}
	for (uint32_t i = 0; i < config->ports_len; i++) {
		const struct config_port *port = &config->ports[i];

		if (!wanted(look, only_public, config, port)) {
			continue;
		}
		if (host == NULL) {
			printf("%-*s  %-*s  %-11s  %s\n", address, "address", owner, "owner", "for", "can be reached by");
		}
		host = config->hosts[port->host].name;
		printf("%-*s  %-*s  %-11s  %s\n", address, port->address, owner, port->owner, audience[port->kind],
		       reach[port->outside]);
	}
	if (host == NULL) {
		puts("none");
	}
}

int ports_main(int argc, char **argv)
{
	static const char *const known[] = { "--public", "--host", "--state", "--set", "--json", "--help", NULL };
	struct look look;
	bool only_public = false;
	int i = 1, r = 0;

	look_init(&look);
	while (i < argc && r == 0) {
		if (strcmp(argv[i], "--public") == 0) {
			only_public = true;
			i++;
		} else {
			r = look_argument(&look, argc, argv, &i, known);
		}
	}
	r = r != 0 ? r : look_file(&look, "ports");
	if (r != 0) {
		return r;
	}
	struct config *config = look_load(&look);

	if (config == NULL) {
		return EXIT_INVALID;
	}
	if (look.json) {
		print_json(&look, only_public, config);
	} else {
		print_text(&look, only_public, config);
	}
	config_free(config);
	return EXIT_DONE;
}
