/* SPDX-License-Identifier: MIT */
/* config_load: blocks become hosts and instances, their options are laid out, links are resolved. */
#include "load.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load_instance.h"
#include "paths.h"
#include "script_lua.h"
#include "words.h"

static bool is_host(const struct load *load, const char *owner)
{
	for (uint32_t i = 0; i < load->config->hosts_len && strncmp(owner, "host.", 5) == 0; i++) {
		if (strcmp(load->hosts[i].name, owner + 5) == 0) {
			return true;
		}
	}
	return false;
}

static void load_sets_add(struct load *load, const char *owner, struct options_set *sets, uint32_t *len)
{
	for (uint32_t i = 0; i < load->request->sets_len; i++) {
		const char *set = load->request->sets[i], *equals = strchr(set, '=');
		size_t owner_len = strlen(owner);

		if (equals == NULL || strncmp(set, owner, owner_len) != 0 || set[owner_len] != '.' ||
		    set + owner_len >= equals) {
			continue;
		}
		/* "base/x.y.z" is option y.z of base/x, unless there is an instance base/x.y; so is "host.x.y". */
		const char *option = set + owner_len + 1, *dot = memchr(option, '.', (size_t)(equals - option));
		const char *longer = arena_print(load->arena, "%s.%.*s", owner,
						 dot != NULL ? (int)(dot - option) : 0, option);

		if (dot != NULL && (config_instance_find(load->config, longer) != NULL || is_host(load, longer))) {
			continue;
		}
		sets[*len].option = arena_copy(load->arena, option, (size_t)(equals - option));
		sets[*len].value = equals + 1;
		(*len)++;
		load->sets_owner[i] = owner;
	}
}

struct options_set *load_sets_for(struct load *load, const char *owner, uint32_t *ret_len)
{
	struct options_set *sets = arena_alloc(load->arena, load->request->sets_len * sizeof(*sets));

	*ret_len = 0;
	load_sets_add(load, owner, sets, ret_len);
	return sets;
}

void load_fill(struct load *load, struct options_in *in, const char *owner, const struct value *block)
{
	in->arena = load->arena;
	in->diags = load->diags;
	in->state = load->config->state != NULL ? load->config->state : "";
	in->folder = load->config->folder;
	in->secrets = load->has_secrets ? &load->secrets : NULL;
	in->sets = arena_alloc(load->arena, load->request->sets_len * sizeof(*in->sets));
	if (strncmp(owner, "host.", 5) == 0) {
		load_sets_add(load, "host", in->sets, &in->sets_len); /* of all hosts; one host's own stand behind it */
	}
	load_sets_add(load, owner, in->sets, &in->sets_len);
	load->origins = NULL;
	in->origins = &load->origins;
	options_fill(in, block);
	/* Those that nobody took. */
	for (uint32_t i = 0; i < in->sets_len; i++) {
		if (!in->sets[i].used) {
			diag_add(load->diags, DIAG_ERROR, "C0141", "--set %s.%s: %s has no such option", owner,
				 in->sets[i].option, owner);
		}
	}
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

void load_name_bad(struct load *load, const struct block *block, const char *why)
{
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0133", "%s %s", block->word, why);

	place_show(load->diags, diag, &block->place);
	diag_help(load->diags, diag, "write %s \"name\" { ... } with a name of a-z, 0-9 and _", block->word);
}

void load_twice(struct load *load, const struct block *block, const char *what, const struct block *first)
{
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0130", "%s stands twice", what);

	place_show(load->diags, diag, &block->place);
	diag_note(load->diags, diag, "first at %s:%u", first->place.file, first->place.line);
}

/* The secrets file: only for its owner's eyes, and no message shows a line of it. One of the same name that the service
 * manager gave counts in its place. */
static void load_secrets(struct load *load, const char *path)
{
	struct script_in in = { .arena = load->arena, .diags = load->diags, .path = path };
	struct stat st;
	struct diag *diag;
	char given[PATH_MAX];
	const char *slash = strrchr(path, '/');
	bool is_given = paths_credential(slash != NULL ? slash + 1 : path, given, sizeof(given)) == 0;

	if (is_given) {
		in.path = path = arena_copy(load->arena, given, strlen(given));
	}
	if (stat(path, &st) < 0 || access(path, R_OK) < 0) {
		diag = diag_add(load->diags, DIAG_ERROR, "C0113", "cannot read the secrets file %s: %s", path,
				strerror(errno));
		diag_help(load->diags, diag, "make it: it returns a table of names and strings, and has mode 0600");
		return;
	}
	if (!is_given && (st.st_mode & 077) != 0) {
		diag = diag_add(load->diags, DIAG_ERROR, "C0112", "the secrets file %s has mode %04o: others may read it",
				path, (unsigned)st.st_mode & 07777);
		diag_help(load->diags, diag, "chmod 600 %s", path);
		return;
	}
	load->has_secrets = script_table(&in, &load->secrets) == 0;
}

const char *load_absolute(struct load *load, const char *path)
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
	load->sockets = options.sockets;
	if (options.secrets != NULL && options.secrets[0] != '\0') {
		load_secrets(load, options.secrets);
	}
}

/* The child process of an isolated instance runs that alone, on one loop. */
static void load_isolated(struct load *load, const char *wanted)
{
	struct config_host *host = &load->hosts[load->config->host - load->config->hosts];
	struct words words;

	words_begin(&words, wanted);
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		const struct config_instance *instance = &load->instances[i];

		if (instance->isolate && &load->hosts[instance->host] == host) {
			words_offer(&words, instance->name);
		}
		if (instance->isolate && &load->hosts[instance->host] == host && strcmp(instance->name, wanted) == 0) {
			load->config->isolated = instance;
			host->loops = 1;
			host->metrics_port = 0;
			return;
		}
	}
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0217", "no isolated instance %s runs on host \"%s\"",
				     wanted, host->name);

	if (words.best != NULL) {
		diag_help(load->diags, diag, "did you mean %s?", words.best);
	} else {
		diag_help(load->diags, diag, "set isolate = true in its block");
	}
}

static void load_local(struct load *load)
{
	struct config *config = load->config;
	const struct config_instance **local = arena_alloc(load->arena, config->instances_len * sizeof(*local));
	uint32_t host = (uint32_t)(config->host - config->hosts);
	bool all = load->request->all_hosts && load->request->host == NULL;

	if (load->request->isolate != NULL) {
		load_isolated(load, load->request->isolate);
	}
	for (uint32_t i = 0; i < config->instances_len; i++) {
		const struct config_instance *instance = &load->instances[i];
		bool mine = load->request->all_hosts || (config->isolated != NULL ? instance == config->isolated
										  : !instance->isolate);

		if (instance->placed && (all || (mine && instance->host == host))) {
			local[config->local_len++] = instance;
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
	load_folders(load);
	load_ports(load);
	load_links(load);
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
