/* SPDX-License-Identifier: MIT */
/* Hosts: from `host` blocks to addresses, keys and ways to each other. */
#include <string.h>

#include "host/bus/key.h"
#include "host/net/address.h"
#include "load.h"
#include "words.h"

/* Where the item `index` of an option stands: the block itself when --set gave it. */
static struct place option_place(const struct block *block, const char *option, uint32_t index)
{
	const struct value *value = block != NULL ? value_find(&block->value, option) : NULL;

	if (value == NULL) {
		return block != NULL ? block->place : (struct place){ 0 };
	}
	return value->kind == VALUE_TABLE && index < value->items_len ? value->items[index].place : value->place;
}

static void host_keys(struct load *load, struct config_host *host, const struct troupe_strings *keys,
		      const struct block *block)
{
	for (uint32_t i = 0; i < keys->count; i++) {
		struct place place = option_place(block, "key", i);
		struct diag *diag;

		if (host->keys_len == CONFIG_KEYS_MAX) {
			diag = diag_add(load->diags, DIAG_ERROR, "C0209", "`key` of host \"%s\": at most %u keys",
					host->name, CONFIG_KEYS_MAX);
			place_show(load->diags, diag, &place);
			diag_help(load->diags, diag, "keep the new one and the one it replaces, the new one first");
			return;
		}
		if (key_public_parse(keys->items[i], host->keys[host->keys_len])) {
			host->keys_len++;
			continue;
		}
		diag = diag_add(load->diags, DIAG_ERROR, "C0209", "`key` of host \"%s\": this is no public key", host->name);
		place_show(load->diags, diag, &place);
		diag_note(load->diags, diag, "a key is 32 bytes in base64: 44 characters that end with =; this has %zu",
			  strlen(keys->items[i]));
		diag_help(load->diags, diag, "`troupe key new %s` makes one and prints the public half", host->name);
	}
}

/* Why `address` is none where a host can be found; NULL = it is one. */
static const char *reach_wrong(struct load *load, const char *address)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address parsed;

	if (strncmp(address, "ipc://", 6) == 0) {
		return address[6] != '/'		   ? "the path of a socket is absolute"
		       : strlen(address + 6) > CONFIG_SOCKET_MAX ? "the path of a socket has at most 107 bytes"
								 : NULL;
	}
	if (net_address_parse(address, NULL, &parsed, &error) != TROUPE_OK) {
		return arena_print(load->arena, "%s", error.text);
	}
	return parsed.port == 0 ? "it has no port" : parsed.any ? "nobody can be reached there" : NULL;
}

static void host_reach(struct load *load, uint32_t index, const struct options_pairs *pairs, const struct block *block)
{
	struct config_host *host = &load->hosts[index];
	struct config_reach *reach = arena_alloc(load->arena, pairs->count * sizeof(*reach));

	host->reach = reach;
	for (uint32_t i = 0; i < pairs->count; i++) {
		struct place place = option_place(block, "reach", i);
		const char *why = reach_wrong(load, pairs->items[i].value);
		uint32_t peer = 0;
		struct words words;

		words_begin(&words, pairs->items[i].name);
		while (peer < load->config->hosts_len && strcmp(load->hosts[peer].name, pairs->items[i].name) != 0) {
			words_offer(&words, load->hosts[peer++].name);
		}
		if (peer < load->config->hosts_len && peer != index && why == NULL) {
			reach[host->reach_len++] = (struct config_reach){ peer, 0, pairs->items[i].value };
			continue;
		}
		struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0216", "`reach` of host \"%s\": %s%s%s", host->name,
					     pairs->items[i].name,
					     peer == index			 ? " is that host itself"
					     : peer == load->config->hosts_len ? " is no host"
									       : ": ",
					     peer != index && peer < load->config->hosts_len ? why : "");

		place_show(load->diags, diag, &place);
		if (peer == load->config->hosts_len && words.best != NULL) {
			diag_label(load->diags, diag, "did you mean `%s`?", words.best);
		}
		diag_help(load->diags, diag, "write reach = { OTHERHOST = \"tcp://ADDRESS:PORT\" }, or \"ipc:///PATH\"");
	}
}

static void load_host(struct load *load, uint32_t index, const struct block *block)
{
	static const struct value nothing = { .kind = VALUE_TABLE };
	struct config_host *host = &load->hosts[index];
	struct host_options *options = &load->host_options[index];
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address address;
	struct options_in in = {
		.what = arena_print(load->arena, "host \"%s\"", host->name), .bind = "127.0.0.1", .layers_len = 1,
		.layers = { { host_table, sizeof(struct troupe_option), (unsigned char *)options } },
	};

	load_fill(load, &in, arena_print(load->arena, "host.%s", host->name), block != NULL ? &block->value : &nothing);
	host->origins = load->origins;
	if (options->address != NULL && net_address_parse("tcp://:0", options->address, &address, &error) != TROUPE_OK) {
		const struct value *value = block != NULL ? value_find(&block->value, "address") : NULL;
		struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0126",
					     "`address` of host \"%s\" is not a numeric address: %s", host->name,
					     options->address);

		if (value != NULL) {
			place_show(load->diags, diag, &value->place);
		}
		options->address = "127.0.0.1";
	}
	host->address = options->address != NULL ? options->address : "127.0.0.1";
	host->external = options->external != NULL && options->external[0] != '\0' ? options->external : host->address;
	host->loops = 1;
	host->workers = options->workers > 0 ? (uint32_t)options->workers : 1;
	host->spool_max = options->spool > 0 ? (uint64_t)options->spool : 1 << 20;
	host->jobs_max = options->jobs > 0 ? (uint32_t)options->jobs : 1;
	host->metrics_port = (uint32_t)options->metrics;
	host->commands = (uint32_t)options->commands;
	host->bus_port = (uint32_t)options->bus;
	host_keys(load, host, &options->key, block);
	host_reach(load, index, &options->reach, block);
	if (block != NULL) {
		host->file = block->place.file;
		host->line = block->place.line;
	}
}

void load_hosts(struct load *load)
{
	struct config *config = load->config;
	uint32_t room = load->blocks.blocks_len + 1, len = 0;

	load->hosts = arena_alloc(load->arena, room * sizeof(*load->hosts));
	load->host_blocks = arena_alloc(load->arena, room * sizeof(*load->host_blocks));
	load->host_options = arena_alloc(load->arena, room * sizeof(*load->host_options));
	for (uint32_t i = 0; i < load->blocks.blocks_len; i++) {
		const struct block *block = &load->blocks.blocks[i];
		bool twice = false;

		if (strcmp(block->word, "host") != 0) {
			continue;
		}
		if (block->name == NULL || !script_is_name(block->name)) {
			load_name_bad(load, block, block->name == NULL ? "needs a name" : "has a name that cannot be used");
		}
		const char *name = block->name != NULL ? block->name : "";

		for (uint32_t j = 0; j < len && !twice; j++) {
			if (strcmp(load->hosts[j].name, name) == 0) {
				load_twice(load, block, arena_print(load->arena, "host \"%s\"", name),
					   load->host_blocks[j]);
				twice = true;
			}
		}
		if (!twice) {
			load->hosts[len].name = name;
			load->host_blocks[len++] = block;
		}
	}
	if (len == 0) {
		load->hosts[len++].name = "local";
	}
	config->hosts = load->hosts;
	config->hosts_len = len;
	for (uint32_t i = 0; i < len; i++) {
		load_host(load, i, load->host_blocks[i]);
	}
}

void load_choose_host(struct load *load)
{
	struct config *config = load->config;
	const char *wanted = load->request->host, *all = "";
	struct words words;

	config->host = &config->hosts[0];
	if (wanted == NULL && (config->hosts_len == 1 || load->request->all_hosts)) {
		return;
	}
	words_begin(&words, wanted != NULL ? wanted : "");
	for (uint32_t i = 0; i < config->hosts_len; i++) {
		if (wanted != NULL && strcmp(config->hosts[i].name, wanted) == 0) {
			config->host = &config->hosts[i];
			return;
		}
		words_offer(&words, config->hosts[i].name);
		all = arena_print(load->arena, "%s%s%s", all, i > 0 ? ", " : "", config->hosts[i].name);
	}
	struct diag *diag = wanted != NULL ? diag_add(load->diags, DIAG_ERROR, "C0200", "there is no host \"%s\"", wanted)
					   : diag_add(load->diags, DIAG_ERROR, "C0200",
						      "this configuration has %u hosts: say which one to run",
						      config->hosts_len);

	diag_note(load->diags, diag, "hosts: %s", all);
	if (wanted != NULL && words.best != NULL) {
		diag_help(load->diags, diag, "did you mean --host %s?", words.best);
	} else {
		diag_help(load->diags, diag, "add --host NAME");
	}
}
