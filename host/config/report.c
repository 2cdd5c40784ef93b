/* SPDX-License-Identifier: MIT */
/* What the configuration's functions print as JSON: diagnostics and effective values. */
#include <jansson.h>
#include <string.h>

#include "diag.h"
#include "effective.h"
#include "options.h"

/* Text from a file may be any bytes; JSON takes only UTF-8. */
static json_t *report_string(const char *text)
{
	json_t *string = json_string(text);

	if (string == NULL) {
		char ascii[1024];
		size_t len = 0;

		for (; text[len] != '\0' && len < sizeof(ascii) - 1; len++) {
			ascii[len] = (unsigned char)text[len] < 0x80 ? text[len] : '?';
		}
		ascii[len] = '\0';
		string = json_string(ascii);
	}
	return string;
}

static void report_set(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text != NULL ? report_string(text) : json_null());
}

void diag_print_json(const struct diag_list *list, FILE *out)
{
	json_t *items = json_array();

	const struct diag *diag;

	for (uint32_t i = 0; (diag = diag_get(list, i)) != NULL; i++) {
		json_t *item = json_object(), *notes = json_array();

		report_set(item, "level", diag->level == DIAG_ERROR ? "error" : "warning");
		report_set(item, "code", diag->code);
		report_set(item, "text", diag->text);
		report_set(item, "file", diag->file);
		json_object_set_new(item, "line", json_integer(diag->line));
		json_object_set_new(item, "column", json_integer(diag->column));
		json_object_set_new(item, "width", json_integer(diag->width));
		report_set(item, "source", diag->source);
		report_set(item, "label", diag->label);
		for (uint32_t n = 0; n < diag->notes_len; n++) {
			json_array_append_new(notes, report_string(diag->notes[n]));
		}
		json_object_set_new(item, "notes", notes);
		report_set(item, "help", diag->help);
		json_array_append_new(items, item);
	}
	json_t *all = json_pack("{s:i,s:i,s:i,s:o}", "version", 1, "errors", (int)diag_count(list, DIAG_ERROR), "warnings",
				(int)diag_count(list, DIAG_WARNING), "diagnostics", items);

	json_dumpf(all, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(all);
}

/* Origins are chained last first. */
static json_t *report_origins(const struct config_origin *origin)
{
	json_t *list = json_array();

	for (; origin != NULL; origin = origin->next) {
		json_array_insert_new(list, 0,
				      json_pack("{s:o,s:o,s:o}", "option", report_string(origin->option), "value",
						report_string(origin->value), "origin", report_string(origin->origin)));
	}
	return list;
}

void effective_print_json(const struct config *config, FILE *out)
{
	json_t *hosts = json_array(), *instances = json_array();

	for (uint32_t i = 0; i < config->hosts_len; i++) {
		json_array_append_new(hosts, json_pack("{s:o,s:o}", "name", report_string(config->hosts[i].name), "options",
						       report_origins(config->hosts[i].origins)));
	}
	for (uint32_t i = 0; i < config->local_len; i++) {
		const struct config_instance *instance = config->local[i];

		json_array_append_new(
			instances,
			json_pack("{s:o,s:o,s:o,s:i,s:o,s:i,s:o}", "name", report_string(instance->name), "plugin",
				  report_string(instance->plugin->version), "file", report_string(instance->file), "line",
				  (int)instance->line, "host", report_string(config->hosts[instance->host].name), "loop",
				  (int)instance->loop, "options", report_origins(instance->origins)));
	}
	json_t *all = json_pack("{s:i,s:o,s:o,s:o,s:o}", "version", 1, "cluster", report_string(config->cluster), "options",
				report_origins(config->origins), "hosts", hosts, "instances", instances);

	json_dumpf(all, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(all);
}
