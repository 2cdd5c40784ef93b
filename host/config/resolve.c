/* SPDX-License-Identifier: MIT */
/* Links between instances: databases by name, services by what plugins provide, and no circle among them. */
#include <string.h>

#include "load.h"
#include "words.h"

static bool in_list(const char *const *list, const char *word)
{
	for (; list != NULL && *list != NULL; list++) {
		if (strcmp(*list, word) == 0) {
			return true;
		}
	}
	return false;
}

/* Whether calls of `from` may go to `to`: its own part first, then base; a base role reaches every part. */
static bool reaches(const struct config_instance *from, const struct config_instance *to)
{
	return strcmp(from->part, to->part) == 0 || strcmp(to->part, "base") == 0 || strcmp(from->part, "base") == 0;
}

static bool provides(const struct load *load, uint32_t from, uint32_t to, const char *service)
{
	return from != to && load->instances[to].placed && in_list(load->instances[to].plugin->provides, service) &&
	       reaches(&load->instances[from], &load->instances[to]);
}

/* Whether calls find a way: inside a host, over a link, or through a host with a master, which all are linked to. */
static bool way_to(const struct load *load, const struct config_instance *from, const struct config_instance *to)
{
	bool way = from->host == to->host || !from->placed || !to->placed ||
		   config_hosts_linked(load->config, &load->hosts[from->host], &load->hosts[to->host]);

	for (uint32_t i = 0; i < load->config->instances_len && !way; i++) {
		way = load->instances[i].placed && strcmp(load->instances[i].role, "master") == 0;
	}
	return way;
}

static void way_missing(struct load *load, uint32_t from, const struct config_instance *to, const struct place *place)
{
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0213", "%s on host \"%s\" has no way to %s on host \"%s\"",
				     load->instances[from].name, load->hosts[load->instances[from].host].name, to->name,
				     load->hosts[to->host].name);

	place_show(load->diags, diag, place);
	diag_note(load->diags, diag, "the hosts share no part, and no host runs a master, which forwards between parts");
	diag_help(load->diags, diag, "add a block: master { database = \"base\" }");
}

/* The database of a name that an instance means: in its own part, else in base. */
static uint32_t database_find(const struct load *load, uint32_t from, const char *name)
{
	uint32_t found = LEX_NONE;

	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		const struct config_instance *instance = &load->instances[i];

		if (!in_list(instance->plugin->provides, "database") || strcmp(instance->short_name, name) != 0) {
			continue;
		}
		if (strcmp(instance->part, load->instances[from].part) == 0) {
			return i;
		}
		if (strcmp(instance->part, "base") == 0) {
			found = i;
		}
	}
	return found;
}

static void database_missing(struct load *load, const struct options_reference *reference)
{
	const struct config_instance *from = &load->instances[reference->owner];
	struct words words;
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0212", "`%s` of %s: there is no database \"%s\"",
				     reference->option, from->name, reference->name);

	place_show(load->diags, diag, &reference->place);
	words_begin(&words, reference->name);
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		const struct config_instance *instance = &load->instances[i];

		if (!in_list(instance->plugin->provides, "database")) {
			continue;
		}
		if (strcmp(instance->short_name, reference->name) == 0) {
			diag_note(load->diags, diag, "%s is in another part: only the same part and base are looked at",
				  instance->name);
		} else if (reaches(from, instance)) {
			words_offer(&words, instance->short_name);
		}
	}
	if (words.best != NULL) {
		diag_label(load->diags, diag, "did you mean \"%s\"?", words.best);
	}
	diag_help(load->diags, diag, "add a block: database \"%s\" { driver = \"leveldb\" }", reference->name);
}

static void resolve_databases(struct load *load)
{
	uint32_t count = 0;

	for (const struct options_reference *r = load->references; r != NULL; r = r->next) {
		count++;
	}
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		uint32_t *list = count > 0 ? arena_alloc(load->arena, count * sizeof(*list)) : NULL;
		uint32_t len = 0;

		for (const struct options_reference *r = load->references; r != NULL; r = r->next) {
			uint32_t database = r->owner == i ? database_find(load, i, r->name) : LEX_NONE;

			if (database != LEX_NONE) {
				list[len++] = database;
				if (!way_to(load, &load->instances[i], &load->instances[database])) {
					way_missing(load, i, &load->instances[database], &r->place);
				}
			} else if (r->owner == i) {
				database_missing(load, r);
			}
		}
		load->instances[i].databases = list;
		load->instances[i].databases_len = len;
	}
}

static void service_missing(struct load *load, uint32_t from, const char *service)
{
	const struct config_instance *instance = &load->instances[from];
	const char *provider = NULL;
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0210", "%s needs a role that provides `%s`",
				     instance->name, service);

	place_show(load->diags, diag, &load->instance_blocks[from]->place);
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		if (i == from || !in_list(load->instances[i].plugin->provides, service)) {
			continue;
		}
		provider = load->instances[i].name;
		if (load->instances[i].placed) {
			diag_note(load->diags, diag, "%s provides it but is in another part", provider);
		} else {
			diag_note(load->diags, diag, "%s provides it but no host runs it", provider);
			diag_help(load->diags, diag, "add \"%s\" to a `run` list", provider);
		}
	}
	if (provider == NULL) {
		diag_help(load->diags, diag, "add the block of a plugin that provides it, often: %s {}", service);
	}
}

/* Whether instance `i` can become ready once those marked in `up` are. */
static bool can_start(const struct load *load, uint32_t i, const bool *up, uint32_t *ret_blocker)
{
	const struct config_instance *instance = &load->instances[i];

	for (uint32_t d = 0; d < instance->databases_len; d++) {
		if (load->instances[instance->databases[d]].placed && !up[instance->databases[d]]) {
			*ret_blocker = instance->databases[d];
			return false;
		}
	}
	for (const char *const *need = instance->plugin->needs; need != NULL && *need != NULL; need++) {
		bool met = false, there = false;

		for (uint32_t j = 0; j < load->config->instances_len && !met; j++) {
			if (provides(load, i, j, *need)) {
				there = true;
				met = up[j];
				*ret_blocker = met ? *ret_blocker : j;
			}
		}
		if (there && !met) {
			return false;
		}
	}
	return true;
}

/* Follows what each waits for until an instance comes again. */
static void report_circle(struct load *load, uint32_t start, const bool *up)
{
	uint32_t len = load->config->instances_len, at = start;
	bool *seen = arena_alloc(load->arena, len * sizeof(*seen));
	const char *chain;

	while (!seen[at]) {
		seen[at] = true;
		can_start(load, at, up, &at);
	}
	start = at;
	chain = load->instances[at].name;
	do {
		can_start(load, at, up, &at);
		chain = arena_print(load->arena, "%s -> %s", chain, load->instances[at].name);
	} while (at != start);
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0211", "instances wait for each other: %s", chain);

	place_show(load->diags, diag, &load->instance_blocks[start]->place);
	diag_help(load->diags, diag, "one of these plugins must list the other under `uses` instead of `needs`");
}

static void resolve_order(struct load *load)
{
	uint32_t len = load->config->instances_len, blocker = 0;
	bool *up = arena_alloc(load->arena, len * sizeof(*up));
	bool moved = true;

	while (moved) {
		moved = false;
		for (uint32_t i = 0; i < len; i++) {
			if (!up[i] && load->instances[i].placed && can_start(load, i, up, &blocker)) {
				up[i] = moved = true;
			}
		}
	}
	for (uint32_t i = 0; i < len; i++) {
		if (load->instances[i].placed && !up[i]) {
			report_circle(load, i, up);
			return;
		}
	}
}

void load_resolve(struct load *load)
{
	resolve_databases(load);
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		const char *const *need = load->instances[i].placed ? load->instances[i].plugin->needs : NULL;

		for (; need != NULL && *need != NULL; need++) {
			const struct config_instance *found = NULL;
			bool way = false;

			for (uint32_t j = 0; j < load->config->instances_len && !way; j++) {
				if (provides(load, i, j, *need)) {
					found = &load->instances[j];
					way = way_to(load, &load->instances[i], found);
				}
			}
			if (found == NULL) {
				service_missing(load, i, *need);
			} else if (!way) {
				way_missing(load, i, found, &load->instance_blocks[i]->place);
			}
		}
	}
	resolve_order(load);
}
