/* SPDX-License-Identifier: MIT */
/* What has to fit between hosts: ports, addresses, keys. */
#include <string.h>

#include "host/net/address.h"
#include "load.h"

/* Where a host's block says an option, or the block. */
static struct place host_place(const struct load *load, uint32_t host, const char *option)
{
	const struct block *block = load->host_blocks[host];
	const struct value *value = block != NULL ? value_find(&block->value, option) : NULL;

	return value != NULL ? value->place : block != NULL ? block->place : (struct place){ 0 };
}

/* --- ports ---------------------------------------------------------------------------------------- */

static void port_add(struct load *load, struct config_port port, struct place place)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address address;

	if (net_address_parse(port.address, NULL, &address, &error) != TROUPE_OK) {
		return;
	}
	port.port = address.port;
	port.outside = address.loopback ? 0 : net_address_private(&address) ? 1 : 2;
	for (uint32_t i = 0; i < load->ports_len; i++) {
		const struct config_port *other = &load->ports[i];

		/* Hosts of one address are on one machine. */
		if (port.port == 0 || strcmp(port.address, other->address) != 0 ||
		    strcmp(load->hosts[port.host].address, load->hosts[other->host].address) != 0) {
			continue;
		}
		bool buses = port.kind == CONFIG_PORT_BUS && other->kind == CONFIG_PORT_BUS;
		struct diag *diag = diag_add(load->diags, DIAG_ERROR, buses ? "C0206" : "C0129", "%s and %s both listen on %s",
					     other->owner, port.owner, port.address);

		place_show(load->diags, diag, &place);
		diag_help(load->diags, diag, "give one of them another port");
	}
	load->ports[load->ports_len++] = port;
}

static void ports_of_host(struct load *load, uint32_t index)
{
	const struct config_host *host = &load->hosts[index];
	uint32_t listeners = 0;
	const char *owner = arena_print(load->arena, "host %s", host->name);

	/* The list has the last one first. */
	for (const struct options_listener *l = load->listeners; l != NULL; l = l->next) {
		listeners++;
	}
	const struct options_listener **ordered = arena_alloc(load->arena, listeners * sizeof(*ordered));

	for (const struct options_listener *l = load->listeners; l != NULL; l = l->next) {
		ordered[--listeners] = l;
	}
	for (const struct options_listener *l = load->listeners; l != NULL; l = l->next, listeners++) {
		const struct config_instance *instance = &load->instances[ordered[listeners]->owner];

		if (instance->placed && instance->host == index) {
			port_add(load, (struct config_port){ .address = ordered[listeners]->address, .owner = instance->name,
							     .host = index, .kind = CONFIG_PORT_LISTENER },
				 ordered[listeners]->place);
		}
	}
	if (host->bus_port > 0) {
		const char *form = strchr(host->address, ':') != NULL ? "tcp://[%s]:%u" : "tcp://%s:%u";

		port_add(load, (struct config_port){ .address = arena_print(load->arena, form, host->address, host->bus_port),
						     .owner = owner, .host = index, .kind = CONFIG_PORT_BUS },
			 host_place(load, index, "bus"));
	}
	if (host->metrics_port > 0) {
		port_add(load, (struct config_port){ .address = arena_print(load->arena, "tcp://127.0.0.1:%u", host->metrics_port),
						     .owner = owner, .host = index, .kind = CONFIG_PORT_METRICS },
			 host_place(load, index, "metrics"));
	}
}

void load_ports(struct load *load)
{
	uint32_t room = 2 * load->config->hosts_len;

	for (const struct options_listener *l = load->listeners; l != NULL; l = l->next) {
		room++;
	}
	load->ports = arena_alloc(load->arena, room * sizeof(*load->ports));
	for (uint32_t i = 0; i < load->config->hosts_len; i++) {
		ports_of_host(load, i);
	}
	load->config->ports = load->ports;
	load->config->ports_len = load->ports_len;
}

/* --- links ---------------------------------------------------------------------------------------- */

/* That `from` finds `to`. */
static bool link_way(struct load *load, uint32_t from, uint32_t to)
{
	const struct config *config = load->config;
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address address;
	char buf[CONFIG_ADDRESS_MAX];
	const char *way = config_host_address(config, &config->hosts[from], &config->hosts[to], buf, sizeof(buf));
	struct place place = host_place(load, to, way == NULL ? "" : "address");
	struct diag *diag;

	if (way == NULL) {
		diag = diag_add(load->diags, DIAG_ERROR, "C0207", "host \"%s\" has no `bus` port, and host \"%s\" has another "
				"address", config->hosts[to].name, config->hosts[from].name);
		place_show(load->diags, diag, &place);
		diag_help(load->diags, diag, "add bus = 9500 to its block");
		return false;
	}
	if (strncmp(way, "tcp://", 6) != 0 || net_address_parse(way, NULL, &address, &error) != TROUPE_OK || !address.any) {
		return true;
	}
	diag = diag_add(load->diags, DIAG_ERROR, "C0207", "host \"%s\" cannot find host \"%s\" at %s", config->hosts[from].name,
			config->hosts[to].name, way);
	place_show(load->diags, diag, &place);
	diag_help(load->diags, diag, "set `address` to the one of that machine on the network between the hosts");
	return false;
}

static void link_keys(struct load *load)
{
	const struct config *config = load->config;
	bool own = config_keys_own(config);

	for (uint32_t i = 0; i < config->hosts_len; i++) {
		const struct config_host *host = &config->hosts[i];
		struct place place = host_place(load, i, "key");
		const struct block *block = load->host_blocks[i];

		/* One that is there and malformed has been reported. */
		if (!own && host->keys_len == 0 && (block == NULL || value_find(&block->value, "key") == NULL)) {
			struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0208", "host \"%s\" has no `key`", host->name);

			place_show(load->diags, diag, &place);
			diag_help(load->diags, diag, "`troupe key new %s` makes one and prints the line to add", host->name);
		}
		for (uint32_t j = 0; j < i; j++) {
			for (uint32_t k = 0; k < host->keys_len * config->hosts[j].keys_len; k++) {
				if (memcmp(host->keys[k % host->keys_len], config->hosts[j].keys[k / host->keys_len],
					   CONFIG_KEY) == 0) {
					struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0209",
								     "hosts \"%s\" and \"%s\" have the same key",
								     config->hosts[j].name, host->name);

					place_show(load->diags, diag, &place);
					diag_help(load->diags, diag, "make one for each: `troupe key new %s`", host->name);
				}
			}
		}
	}
}

void load_links(struct load *load)
{
	const struct config *config = load->config;

	for (uint32_t i = 0; i < config->ports_len; i++) {
		const struct config_port *port = &config->ports[i];

		if (port->kind == CONFIG_PORT_BUS && port->outside == 2) {
			struct place place = host_place(load, port->host, "address");
			struct diag *diag = diag_add(load->diags, DIAG_WARNING, "C0214",
						     "the bus of host \"%s\" listens on %s, where everybody can reach it",
						     config->hosts[port->host].name, port->address);

			place_show(load->diags, diag, &place);
			diag_help(load->diags, diag, "use an address of a private network between the hosts");
		}
	}
	if (config->hosts_len < 2) {
		return;
	}
	for (uint32_t to = 0; to < config->hosts_len; to++) {
		bool found = true;

		for (uint32_t from = 0; from < config->hosts_len && found; from++) {
			found = !config_hosts_linked(config, &config->hosts[from], &config->hosts[to]) ||
				link_way(load, from, to);
		}
	}
	link_keys(load);
}
