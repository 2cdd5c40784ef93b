/* SPDX-License-Identifier: MIT */
/* config_load: blocks become hosts and instances, their options are laid out, links are resolved. */
#include "load.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/net/address.h"
#include "load_instance.h"
#include "paths.h"
#include "script_lua.h"

struct options_set *load_sets_for(struct load *load, const char *owner, uint32_t *ret_len)
{
	struct options_set *sets = arena_alloc(load->arena, load->request->sets_len * sizeof(*sets));

	*ret_len = 0;
	for (uint32_t i = 0; i < load->request->sets_len; i++) {
		const char *set = load->request->sets[i], *equals = strchr(set, '=');
		size_t len = strlen(owner);

		if (equals == NULL || strncmp(set, owner, len) != 0 || set[len] != '.' || set + len >= equals) {
			continue;
		}
		/* "base/x.y.z" is option y.z of base/x, unless there is an instance base/x.y. */
		const char *option = set + len + 1, *dot = memchr(option, '.', (size_t)(equals - option));
		const char *longer = arena_print(load->arena, "%s.%.*s", owner,
						 dot != NULL ? (int)(dot - option) : 0, option);

		if (dot != NULL && config_instance_find(load->config, longer) != NULL) {
			continue;
		}
		sets[*ret_len].option = arena_copy(load->arena, option, (size_t)(equals - option));
		sets[*ret_len].value = equals + 1;
		(*ret_len)++;
		load->sets_owner[i] = owner;
	}
	return sets;
}

/* A --set whose option nobody took, after options_fill. */
static void load_sets_unused(struct load *load, const char *owner, const struct options_set *sets, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		if (!sets[i].used) {
			diag_add(load->diags, DIAG_ERROR, "C0141", "--set %s.%s: %s has no such option", owner,
				 sets[i].option, owner);
		}
	}
}

void load_fill(struct load *load, struct options_in *in, const char *owner, const struct value *block)
{
	in->arena = load->arena;
	in->diags = load->diags;
	in->state = load->config->state != NULL ? load->config->state : "";
	in->folder = load->config->folder;
	in->secrets = load->has_secrets ? &load->secrets : NULL;
	in->sets = load_sets_for(load, owner, &in->sets_len);
	load->origins = NULL;
	in->origins = &load->origins;
	options_fill(in, block);
	load_sets_unused(load, owner, in->sets, in->sets_len);
}

struct diag *load_refused(struct load *load, const struct loader_refusal *refusal, const struct place *place)
{
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, refusal->code, "%s", refusal->text);

	place_show(load->diags, diag, place);
	if (refusal->note[0] != '\0') {
		diag_note(load->diags, diag, "%s", refusal->note);
	}
	if (refusal->help[0] != '\0') {
		diag_help(load->diags, diag, "%s", refusal->help);
	}
	return diag;
}

static void load_name_bad(struct load *load, const struct block *block, const char *why)
{
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0133", "%s %s", block->word, why);

	place_show(load->diags, diag, &block->place);
	diag_help(load->diags, diag, "write %s \"name\" { ... } with a name of a-z, 0-9 and _", block->word);
}

static void load_twice(struct load *load, const struct block *block, const char *what, const struct block *first)
{
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0130", "%s stands twice", what);

	place_show(load->diags, diag, &block->place);
	diag_note(load->diags, diag, "first at %s:%u", first->place.file, first->place.line);
}

/* The secrets file: only for its owner's eyes, and no message shows a line of it. */
static void load_secrets(struct load *load, const char *path)
{
	struct script_in in = { .arena = load->arena, .diags = load->diags, .path = path };
	struct stat st;
	struct diag *diag;

	if (stat(path, &st) < 0 || access(path, R_OK) < 0) {
		diag = diag_add(load->diags, DIAG_ERROR, "C0113", "cannot read the secrets file %s: %s", path,
				strerror(errno));
		diag_help(load->diags, diag, "make it: it returns a table of names and strings, and has mode 0600");
		return;
	}
	if ((st.st_mode & 077) != 0) {
		diag = diag_add(load->diags, DIAG_ERROR, "C0112", "the secrets file %s has mode %04o: others may read it",
				path, (unsigned)st.st_mode & 07777);
		diag_help(load->diags, diag, "chmod 600 %s", path);
		return;
	}
	load->has_secrets = script_table(&in, &load->secrets) == 0;
}

/* An absolute path; relative ones start at the working directory. */
static const char *load_absolute(struct load *load, const char *path)
{
	char cwd[PATH_MAX];

	if (path[0] == '/' || getcwd(cwd, sizeof(cwd)) == NULL) {
		return arena_copy(load->arena, path, strlen(path));
	}
	return arena_print(load->arena, "%s/%s", cwd, strncmp(path, "./", 2) == 0 ? path + 2 : path);
}

static void load_cluster(struct load *load)
{
	static const struct value nothing = { .kind = VALUE_TABLE };
	struct cluster_options options = { 0 };
	const struct block *cluster = NULL;
	struct config *config = load->config;

	for (uint32_t i = 0; i < load->blocks.blocks_len; i++) {
		const struct block *block = &load->blocks.blocks[i];

		if (strcmp(block->word, "cluster") != 0) {
			continue;
		}
		if (cluster != NULL) {
			load_twice(load, block, "the cluster block", cluster);
		} else if (block->name == NULL || !script_is_name(block->name)) {
			load_name_bad(load, block, block->name == NULL ? "needs a name" : "has a name that cannot be used");
		}
		cluster = cluster != NULL ? cluster : block;
	}
	struct options_in in = {
		.what = "cluster", .bind = "127.0.0.1", .layers_len = 1,
		.layers = { { cluster_table, sizeof(struct troupe_option), (unsigned char *)&options } },
	};

	load_fill(load, &in, "cluster", cluster != NULL ? &cluster->value : &nothing);
	config->origins = load->origins;
	config->cluster = cluster != NULL && cluster->name != NULL ? cluster->name : "troupe";
	config->drain_ms = (uint32_t)options.drain;
	config->stall_ms = (uint32_t)options.stall;
	config->state = load_absolute(load, load->request->state != NULL ? load->request->state
					    : options.state != NULL	 ? options.state
									 : "data");
	if (options.secrets != NULL && options.secrets[0] != '\0') {
		load_secrets(load, options.secrets);
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

	load_fill(load, &in, "host", block != NULL ? &block->value : &nothing);
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
	host->jobs_max = options->jobs > 0 ? (uint32_t)options->jobs : 1;
	host->metrics_port = (uint32_t)options->metrics;
	if (block != NULL) {
		host->file = block->place.file;
		host->line = block->place.line;
	}
}

static void load_hosts(struct load *load)
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

static void load_choose_host(struct load *load)
{
	struct config *config = load->config;
	const char *wanted = load->request->host, *all = "";

	config->host = &config->hosts[0];
	if (wanted == NULL && (config->hosts_len == 1 || load->request->all_hosts)) {
		return;
	}
	for (uint32_t i = 0; i < config->hosts_len; i++) {
		if (wanted != NULL && strcmp(config->hosts[i].name, wanted) == 0) {
			config->host = &config->hosts[i];
			return;
		}
		all = arena_print(load->arena, "%s%s%s", all, i > 0 ? ", " : "", config->hosts[i].name);
	}
	struct diag *diag = wanted != NULL ? diag_add(load->diags, DIAG_ERROR, "C0200", "there is no host \"%s\"", wanted)
					   : diag_add(load->diags, DIAG_ERROR, "C0200",
						      "this configuration has %u hosts: say which one to run",
						      config->hosts_len);

	diag_note(load->diags, diag, "hosts: %s", all);
	diag_help(load->diags, diag, "add --host NAME");
}

static void load_local(struct load *load)
{
	struct config *config = load->config;
	const struct config_instance **local = arena_alloc(load->arena, config->instances_len * sizeof(*local));
	uint32_t host = (uint32_t)(config->host - config->hosts);

	for (uint32_t i = 0; i < config->instances_len; i++) {
		if (load->placed[i] &&
		    (load->instances[i].host == host || (load->request->all_hosts && load->request->host == NULL))) {
			local[config->local_len++] = &load->instances[i];
		}
	}
	config->local = local;
	if (config->instances_len == 0 && diag_count(load->diags, DIAG_ERROR) == load->errors_before) {
		struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0205", "%s has no instances", load->request->path);

		diag_help(load->diags, diag, "add a block named after a plugin, for example: echo {}");
	}
}

/* The words of blocks: our own, then every plugin's name. */
static const char *const *load_words(struct load *load)
{
	uint32_t len = 0;

	while (load->names[len] != NULL) {
		len++;
	}
	const char **words = arena_alloc(load->arena, (len + 3) * sizeof(*words));

	words[0] = "cluster";
	words[1] = "host";
	for (uint32_t i = 0; i < len; i++) {
		words[i + 2] = arena_copy(load->arena, load->names[i], strlen(load->names[i]));
	}
	return words;
}

static void load_run(struct load *load)
{
	const struct config_request *request = load->request;
	struct config *config = load->config;
	struct script_in in = { .arena = load->arena, .diags = load->diags, .path = request->path, .text = request->text,
				.text_len = request->text_len, .words = load_words(load), .plugins = load->plugins };

	config->path = load_absolute(load, request->path);
	config->folder = arena_copy(load->arena, config->path, (size_t)(strrchr(config->path, '/') - config->path));
	load->sets_owner = arena_alloc(load->arena, request->sets_len * sizeof(*load->sets_owner));
	script_run(&in, &load->blocks);
	load_cluster(load);
	load_hosts(load);
	load_choose_host(load);
	load_instances(load);
	load_place(load);
	load_options(load);
	load_resolve(load);
	load_local(load);
	for (uint32_t i = 0; i < request->sets_len; i++) {
		if (load->sets_owner[i] == NULL) {
			struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0141", "--set %s: no instance of that name",
						     request->sets[i]);

			diag_help(load->diags, diag,
				  "write part/role.name.option=value, for example base/echo.greeting=hello");
		}
	}
	struct config_found *found = arena_alloc(load->arena, sizeof(*found));

	*found = (struct config_found){ load->listeners, load->sources };
	config->found = found;
}

int config_load(const struct config_request *request, struct config **ret_config, struct diag_list *diags)
{
	char folder[PATH_MAX];
	struct load load = { .request = request, .arena = arena_create(), .diags = diags,
			     .errors_before = diag_count(diags, DIAG_ERROR) };

	if (request->plugins == NULL && paths_plugins(folder, sizeof(folder)) < 0) {
		folder[0] = '\0';
	}
	load.plugins = request->plugins != NULL ? request->plugins : arena_copy(load.arena, folder, strlen(folder));
	load.names = loader_names(load.plugins);
	if (load.names == NULL) {
		arena_free(load.arena);
		return -ENOMEM;
	}
	load.config = arena_alloc(load.arena, sizeof(*load.config));
	load.config->arena = load.arena;
	load_run(&load);
	free(load.names);
	if (diag_count(diags, DIAG_ERROR) > load.errors_before) {
		config_free(load.config);
		return -EINVAL;
	}
	*ret_config = load.config;
	return 0;
}

struct config *config_free(struct config *config)
{
	if (config != NULL) {
		arena_free(config->arena);
	}
	return NULL;
}

const struct config_instance *config_instance_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->instances_len; i++) {
		if (strcmp(config->instances[i].name, name) == 0) {
			return &config->instances[i];
		}
	}
	return NULL;
}
