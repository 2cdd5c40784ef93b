/* SPDX-License-Identifier: MIT */
/* Placement: which host and which of its loops runs each instance. */
#include <string.h>

#include "load.h"
#include "words.h"

/* `*` matches any text, also '/'. Steps back only to the last star, so it is quick on any pattern. */
static bool glob(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*') {
		pattern++;
	}
	return *pattern == '\0';
}

bool pattern_match(const char *pattern, const char *name)
{
	const char *dot = strchr(name, '.');
	char role[160];

	if (glob(pattern, name)) {
		return true;
	}
	if (dot == NULL || (size_t)(dot - name) >= sizeof(role)) {
		return false;
	}
	memcpy(role, name, (size_t)(dot - name));
	role[dot - name] = '\0';
	return glob(pattern, role);
}

/* The place of one pattern in a host block's `run` or `loops`. */
static struct place place_pattern(const struct block *block, const char *option, uint32_t list, uint32_t index)
{
	const struct value *value = block != NULL ? value_find(&block->value, option) : NULL;

	if (value != NULL && list != LEX_NONE && value->kind == VALUE_TABLE && list < value->items_len) {
		value = &value->items[list];
	}
	if (value != NULL && value->kind == VALUE_TABLE && index < value->items_len) {
		value = &value->items[index];
	}
	return value != NULL ? value->place : block != NULL ? block->place : (struct place){ 0 };
}

static void place_nothing(struct load *load, uint32_t host, const char *option, uint32_t list, uint32_t index,
			  const char *pattern)
{
	struct place place = place_pattern(load->host_blocks[host], option, list, index);
	struct words words;
	struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0203", "`%s` of host \"%s\": no instance matches \"%s\"",
				     option, load->hosts[host].name, pattern);

	place_show(load->diags, diag, &place);
	words_begin(&words, pattern);
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		words_offer(&words, load->instances[i].name);
	}
	if (words.best != NULL) {
		diag_label(load->diags, diag, "did you mean \"%s\"?", words.best);
	}
	diag_help(load->diags, diag, "instances are named part/role.name, for example %s",
		  load->config->instances_len > 0 ? load->instances[0].name : "base/database.base");
}

static void place_run(struct load *load, uint32_t host)
{
	const struct troupe_strings *run = &load->host_options[host].run;

	for (uint32_t p = 0; p < run->count; p++) {
		bool matched = false;

		for (uint32_t i = 0; i < load->config->instances_len; i++) {
			struct config_instance *instance = &load->instances[i];

			if (!pattern_match(run->items[p], instance->name)) {
				continue;
			}
			matched = true;
			if (instance->placed && instance->host != host) {
				struct place place = place_pattern(load->host_blocks[host], "run", LEX_NONE, p);
				struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0201",
							     "%s runs on two hosts, \"%s\" and \"%s\"", instance->name,
							     load->hosts[instance->host].name, load->hosts[host].name);

				place_show(load->diags, diag, &place);
				diag_help(load->diags, diag, "make one of the patterns narrower");
			} else {
				instance->host = host;
				instance->placed = 1;
			}
		}
		/* "*" of a host without anything to run is reported as such. */
		if (!matched && strcmp(run->items[p], "*") != 0) {
			place_nothing(load, host, "run", LEX_NONE, p, run->items[p]);
		}
	}
}

static void place_loops(struct load *load, uint32_t host)
{
	const struct options_lists *loops = &load->host_options[host].loops;

	load->hosts[host].loops = 1 + loops->count;
	for (uint32_t list = 0; list < loops->count; list++) {
		for (uint32_t p = 0; p < loops->items[list].count; p++) {
			const char *pattern = loops->items[list].items[p];
			bool matched = false;

			for (uint32_t i = 0; i < load->config->instances_len; i++) {
				struct config_instance *instance = &load->instances[i];

				if (!instance->placed || instance->host != host ||
				    !pattern_match(pattern, instance->name)) {
					continue;
				}
				matched = true;
				if (instance->loop != 0 && instance->loop != list + 1) {
					struct place place = place_pattern(load->host_blocks[host], "loops", list, p);
					struct diag *diag = diag_add(load->diags, DIAG_ERROR, "C0202",
								     "%s is in two lists of `loops`", instance->name);

					place_show(load->diags, diag, &place);
				}
				instance->loop = list + 1;
			}
			if (!matched) {
				place_nothing(load, host, "loops", list, p, pattern);
			}
		}
	}
}

void load_place(struct load *load)
{
	for (uint32_t host = 0; host < load->config->hosts_len; host++) {
		place_run(load, host);
		place_loops(load, host);
	}
	for (uint32_t i = 0; i < load->config->instances_len; i++) {
		if (!load->instances[i].placed) {
			struct diag *diag = diag_add(load->diags, DIAG_WARNING, "C0204", "no host runs %s",
						     load->instances[i].name);

			place_show(load->diags, diag, &load->instance_blocks[i]->place);
			diag_help(load->diags, diag, "add \"%s\" to a host's `run` list", load->instances[i].name);
		}
	}
}
