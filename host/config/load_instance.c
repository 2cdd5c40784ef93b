/* SPDX-License-Identifier: MIT */
/* Instances: from block to plugin, from option tables to a filled struct. */
#include "load_instance.h"

#include <stdio.h>
#include <string.h>

#include "script_lua.h"
#include "troupe/driver.h"
#include "troupe/host.h"
#include "words.h"

#define DRIVER_PREFIX "driver_"

static const char *const log_levels[] = { "error", "warning", "notice", "info", "debug" };

/* Whether a plugin may live in a part: its list names kinds of parts. */
static bool part_allowed(const struct troupe_plugin *plugin, const char *part)
{
	size_t len = strcspn(part, ":");

	for (const char *const *kind = plugin->parts; kind != NULL && *kind != NULL; kind++) {
		if (strlen(*kind) == len && strncmp(*kind, part, len) == 0) {
			return true;
		}
	}
	return plugin->parts == NULL;
}

static bool instance_check(struct load *load, const struct block *block, const struct troupe_plugin *plugin,
			   const char *name)
{
	struct diag_list *diags = load->diags;
	struct diag *diag;

	if (plugin->kind != TROUPE_PLUGIN_ROLE) {
		diag = diag_add(diags, DIAG_ERROR, "C0131", "%s is a database driver, not a role", plugin->name);
		place_show(diags, diag, &block->place);
		diag_help(diags, diag, "write database \"name\" { driver = \"%s\" }",
			  strncmp(plugin->name, DRIVER_PREFIX, 7) == 0 ? plugin->name + 7 : plugin->name);
		return false;
	}
	if (!part_allowed(plugin, block->part)) {
		const char *kinds = "";

		for (const char *const *kind = plugin->parts; *kind != NULL; kind++) {
			kinds = arena_print(load->arena, "%s%s%s", kinds, kinds[0] != '\0' ? ", " : "", *kind);
		}
		diag = diag_add(diags, DIAG_ERROR, "C0132", "%s may not live in part \"%s\"", plugin->name, block->part);
		place_show(diags, diag, &block->place);
		diag_note(diags, diag, "it may live in: %s", kinds);
		diag_help(diags, diag, "put the right part \"...\" before the block");
		return false;
	}
	if (block->name != NULL && !script_is_name(block->name)) {
		diag = diag_add(diags, DIAG_ERROR, "C0133", "\"%s\" cannot be the name of an instance", block->name);
		place_show(diags, diag, &block->place);
		diag_help(diags, diag, "a name is made of a-z, 0-9 and _");
		return false;
	}
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		if (strcmp(load->instances[i].name, name) == 0) {
			diag = diag_add(diags, DIAG_ERROR, "C0130", "%s stands twice", name);
			place_show(diags, diag, &block->place);
			diag_note(diags, diag, "first at %s:%u", load->instances[i].file, load->instances[i].line);
			diag_help(diags, diag, "give one of them another name: %s \"name\" { ... }", block->word);
			return false;
		}
	}
	return true;
}

void load_instances(struct load *load)
{
	uint32_t room = load->blocks.blocks_len;

	load->instances = arena_alloc(load->arena, room * sizeof(*load->instances));
	load->instance_blocks = arena_alloc(load->arena, room * sizeof(*load->instance_blocks));
	load->config->instances = load->instances;
	for (uint32_t i = 0; i < room; i++) {
		const struct block *block = &load->blocks.blocks[i];
		const char *shard = strncmp(block->part, "shard:", 6) == 0 ? block->part + 6 : block->part;
		const struct troupe_plugin *plugin;
		struct loader_refusal refusal;

		if (strcmp(block->word, "cluster") == 0 || strcmp(block->word, "host") == 0) {
			continue;
		}
		if (loader_load(load->plugins, block->word, &plugin, &refusal) < 0) {
			load_refused(load, &refusal, &block->place);
			continue;
		}
		const char *name = arena_print(load->arena, "%s/%s%s%s", shard, block->word, block->name != NULL ? "." : "",
					       block->name != NULL ? block->name : "");

		if (!instance_check(load, block, plugin, name)) {
			continue;
		}
		load->instance_blocks[load->config->instances_len] = block;
		load->instances[load->config->instances_len++] = (struct config_instance){
			.name = name,
			.part = block->part,
			.role = plugin->name,
			.short_name = block->name != NULL ? block->name : "",
			.plugin = plugin,
			.log_level = TROUPE_LOG_INFO,
			.file = block->place.file,
			.line = block->place.line,
		};
	}
}

/* Finds the plugin behind `driver = "leveldb"`: driver_leveldb.so, or the name as it stands. */
static const struct troupe_plugin *driver_load(struct load *load, const char *name, const struct place *place)
{
	const struct troupe_plugin *plugin;
	struct loader_refusal refusal;
	struct words words;
	bool prefixed = strncmp(name, DRIVER_PREFIX, strlen(DRIVER_PREFIX)) == 0;
	const char *file = prefixed ? name : arena_print(load->arena, DRIVER_PREFIX "%.64s", name);
	int r = loader_load(load->plugins, file, &plugin, &refusal);

	if (r == 0 && plugin->kind == TROUPE_PLUGIN_DRIVER) {
		return plugin;
	}
	if (r == 0) {
		struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0131", "%s is not a driver", file);

		place_show(load->diags, diag, place);
		return NULL;
	}
	struct diag *diag = load_refused(load, &refusal, place);

	words_begin(&words, file);
	for (char **known = load->names; *known != NULL; known++) {
		if (strncmp(*known, DRIVER_PREFIX, strlen(DRIVER_PREFIX)) == 0) {
			words_offer(&words, *known);
		}
	}
	if (words.best != NULL && strcmp(words.best, file) != 0) {
		diag_label(load->diags, diag, "did you mean \"%s\"?", words.best + strlen(DRIVER_PREFIX));
	}
	return NULL;
}

/* The driver that a block names by its role's option of type DRIVER. *ret_failed: it names one that does not load. */
static const struct troupe_plugin *instance_driver(struct load *load, uint32_t index, bool *ret_failed)
{
	const struct troupe_plugin *plugin = load->instances[index].plugin;
	const struct block *block = load->instance_blocks[index];
	const struct troupe_option *option = NULL;
	struct options_set *sets;
	uint32_t sets_len;

	while ((option = options_next(plugin->options, plugin->option_size, option)) != NULL &&
	       option->type != TROUPE_OPTION_DRIVER) {
	}
	if (option == NULL) {
		return NULL;
	}
	const struct value *value = value_find(&block->value, option->name);
	const char *name = value != NULL && value->kind == VALUE_STRING ? value->string : NULL;

	name = value == NULL ? option->fallback : name;
	sets = load_sets_for(load, load->instances[index].name, &sets_len);
	for (uint32_t i = 0; i < sets_len; i++) {
		name = strcmp(sets[i].option, option->name) == 0 ? sets[i].value : name;
	}
	const struct troupe_plugin *driver =
		name != NULL ? driver_load(load, name, value != NULL ? &value->place : &block->place) : NULL;

	*ret_failed = driver == NULL;
	return driver;
}

static void instance_common(struct load *load, struct config_instance *instance, const struct block *block,
			    const struct common_options *common)
{
	const struct value *value = value_find(&block->value, "log");

	instance->log_level = 0;
	for (uint32_t i = 0; common->log != NULL && i < sizeof(log_levels) / sizeof(log_levels[0]); i++) {
		if (strcmp(log_levels[i], common->log) == 0) {
			instance->log_level = i + TROUPE_LOG_ERROR;
		}
	}
	if (common->log != NULL && instance->log_level == 0) {
		struct words words;
		struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0125", "`log` of %s: \"%s\" is no level",
					     instance->name, common->log);

		place_show(load->diags, diag, value != NULL ? &value->place : &block->place);
		words_begin(&words, common->log);
		for (uint32_t i = 0; i < sizeof(log_levels) / sizeof(log_levels[0]); i++) {
			words_offer(&words, log_levels[i]);
		}
		diag_label(load->diags, diag, words.best != NULL ? "did you mean \"%s\"?" : "must be %s",
			   words.best != NULL ? words.best : "error, warning, notice, info or debug");
	}
	if (common->isolate != 0) {
		instance->isolate = 1;
		instance->loop = 0; /* the only one of its process */
	}
	instance->memory = (uint64_t)common->memory;
	instance->mailbox_messages = (uint32_t)common->mailbox_messages;
	instance->mailbox_bytes = (uint64_t)common->mailbox_bytes;
}

static void instance_ask(struct load *load, const struct config_instance *instance, const struct block *block)
{
	struct troupe_check_in in = { sizeof(in), instance->part, instance->short_name, instance->options };
	struct troupe_error error = { .size = sizeof(error) };

	if (instance->plugin->role->check == NULL) {
		return;
	}
	int32_t status = instance->plugin->role->check(&in, &error);

	if (status == TROUPE_OK) {
		return;
	}
	error.text[sizeof(error.text) - 1] = error.help[sizeof(error.help) - 1] = '\0';
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0134", "%s: %s", instance->name,
				     error.text[0] != '\0' ? error.text : "its plugin refuses these options");

	place_show(load->diags, diag, &block->place);
	if (error.help[0] != '\0') {
		diag_help(load->diags, diag, "%s", error.help);
	}
}

static void instance_fill(struct load *load, uint32_t index)
{
	struct config_instance *instance = &load->instances[index];
	const struct troupe_plugin *plugin = instance->plugin;
	const struct block *block = load->instance_blocks[index];
	struct common_options common = { 0 };
	uint32_t before = diag_count(load->diags, DIAG_ERROR);
	struct options_in in = {
		.what = block->name != NULL ? arena_print(load->arena, "%s \"%s\"", block->word, block->name) : block->word,
		.bind = load->hosts[instance->host].address,
		.owner = index,
		.references = &load->references,
		.listeners = &load->listeners,
		.sources = &load->sources,
	};
	unsigned char *options = arena_alloc(load->arena, plugin->role->options_size);

	in.layers[in.layers_len++] = (struct options_layer){ plugin->options, plugin->option_size, options };
	instance->options = plugin->role->options_size > 0 ? options : NULL;
	instance->driver = instance_driver(load, index, &in.unknown_ok);
	if (instance->driver != NULL) {
		const struct troupe_plugin *driver = instance->driver;
		unsigned char *base = arena_alloc(load->arena, driver->driver->options_size);

		in.layers[in.layers_len++] = (struct options_layer){ driver->options, driver->option_size, base };
		instance->driver_options = driver->driver->options_size > 0 ? base : NULL;
	}
	in.layers[in.layers_len++] =
		(struct options_layer){ common_table, sizeof(struct troupe_option), (unsigned char *)&common };
	load_fill(load, &in, instance->name, &block->value);
	instance->origins = load->origins;
	instance_common(load, instance, block, &common);
	if (diag_count(load->diags, DIAG_ERROR) == before) {
		instance_ask(load, instance, block);
	}
}

void load_options(struct load *load)
{
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		instance_fill(load, i);
	}
}

enum config_change config_compare(const struct config_instance *before, const struct config_instance *after,
				  const char **ret_option)
{
	const char *live = NULL, *restart = NULL, *unused;

	if (before->plugin != after->plugin || before->driver != after->driver) {
		restart = "driver";
	} else {
		if (before->options != NULL && after->options != NULL) {
			options_compare(after->plugin->options, after->plugin->option_size, before->options,
					after->options, &live, &restart);
		}
		if (before->driver_options != NULL && after->driver_options != NULL) {
			/* The driver has no way to take new options while its store is open. */
			options_compare(after->driver->options, after->driver->option_size, before->driver_options,
					after->driver_options, &restart, &restart);
		}
		if (before->mailbox_messages != after->mailbox_messages ||
		    before->mailbox_bytes != after->mailbox_bytes) {
			restart = restart != NULL ? restart : "mailbox";
		}
		if (before->isolate != after->isolate) {
			restart = restart != NULL ? restart : "isolate";
		}
		if (before->memory != after->memory) {
			restart = restart != NULL ? restart : "memory";
		}
		if (before->log_level != after->log_level) {
			live = live != NULL ? live : "log";
		}
		if (before->host != after->host || before->loop != after->loop) {
			restart = restart != NULL ? restart : "host";
		}
	}
	ret_option = ret_option != NULL ? ret_option : &unused;
	*ret_option = restart != NULL ? restart : live;
	return restart != NULL ? CONFIG_RESTART : live != NULL ? CONFIG_LIVE : CONFIG_SAME;
}
