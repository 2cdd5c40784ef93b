/* SPDX-License-Identifier: MIT */
/* Reading the configuration again. */
#include "host/control/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/bus.h"
#include "host/core/instance.h"
#include "host/core/life.h"
#include "host/obs/log.h"
#include "host/obs/text.h"

#define REFUSED_MAX 8192u

struct reload {
	struct loop_task finish;
	const struct reload_source *source;
	reload_done_fn on_done;
	void *arg;
	struct text refused; /* empty = not */
	uint32_t pending;    /* orders under way */
	uint32_t rows_len;
	struct reload_row rows[];
};

/* An order to one instance. */
struct reload_order {
	struct reload *reload;
	struct reload_row *row;
	bool configures;
};

/* Failures have been logged by the host already, and what needs a restart when it was found. */
static void outcome_log(const struct reload *reload)
{
	uint32_t good = 0;

	for (uint32_t i = 0; i < reload->rows_len; i++) {
		good += strcmp(reload->rows[i].result, "reloaded") == 0 || strcmp(reload->rows[i].result, "changed") == 0;
	}
	log_write(&(struct log_line){ .level = TROUPE_LOG_NOTICE, .always = 1, .instance = "config",
				      .text = good == reload->rows_len ? "reloaded" : "reloaded, but not everything" });
}

static void on_finish(struct loop_task *task)
{
	struct reload *reload = (struct reload *)(void *)task;

	if (reload->refused.len == 0) {
		outcome_log(reload);
	}
	if (reload->source->running != NULL) {
		reload->source->running(reload->source->arg, false);
	}
	if (reload->on_done != NULL) {
		reload->on_done(reload->arg, reload->rows, reload->rows_len,
				reload->refused.len > 0 ? reload->refused.bytes : NULL);
	}
	text_clear(&reload->refused);
	free(reload);
}

static void on_order(void *arg, int32_t status, const char *text)
{
	struct reload_order *order = arg;
	struct reload *reload = order->reload;
	struct reload_row *row = order->row;

	if (status != TROUPE_OK) {
		row->result = "failed";
		snprintf(row->text, sizeof(row->text), "%s%s", text != NULL ? text : "", "; the old one runs on");
	} else if (order->configures && strcmp(row->result, "failed") != 0) {
		row->result = "changed";
	}
	free(order);
	if (--reload->pending == 0) {
		on_finish(&reload->finish);
	}
}

static struct reload_order *order_new(struct reload *reload, struct reload_row *row, bool configures)
{
	struct reload_order *order = calloc(1, sizeof(*order));

	if (order == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	*order = (struct reload_order){ .reload = reload, .row = row, .configures = configures };
	reload->pending++;
	return order;
}

static void row_note(struct reload_row *row, uint32_t level, const char *result, const char *format, const char *word)
{
	row->result = result;
	snprintf(row->text, sizeof(row->text), format, word);
	log_text(level, row->instance, "%s: %s", result, row->text);
}

static void apply(const struct reload_source *source, struct reload *reload, struct reload_row *row,
		  struct instance *instance, const struct config *config)
{
	const struct config_instance *before = source->before(source->arg, row->instance);
	const struct config_instance *after = config_instance_find(config, row->instance);
	const char *option = NULL;

	if (life_ended(atomic_load(&instance->state))) {
		row->result = "stopped";
		return;
	}
	row->result = "reloaded";
	if (after == NULL) {
		row_note(row, TROUPE_LOG_WARNING, "needs restart",
			 "%s is gone from the configuration and runs on until a restart", "its block");
		return;
	}
	switch (before != NULL ? config_compare(before, after, &option) : CONFIG_SAME) {
	case CONFIG_LIVE:
		snprintf(row->text, sizeof(row->text), "%s", option != NULL ? option : "");
		core_configure(source->core, instance, after, on_order, order_new(reload, row, true));
		break;
	case CONFIG_RESTART:
		row_note(row, TROUPE_LOG_WARNING, "needs restart", "`%s` has changed, which needs a restart",
			 option != NULL ? option : "its block");
		break;
	default:
		break;
	}
	core_reload(source->core, instance, on_order, order_new(reload, row, false));
}

/* Blocks of this host that no running instance has. */
static void new_blocks(const struct reload_source *source, const struct config *config)
{
	for (uint32_t i = 0; i < config->local_len; i++) {
		if (core_instance(source->core, config->local[i]->name) == NULL) {
			log_text(TROUPE_LOG_WARNING, config->local[i]->name,
				 "its block is new in the configuration: a restart starts it");
		}
	}
}

static void refusal_log(const struct diag *diag)
{
	char text[1024];

	if (diag->file != NULL) {
		snprintf(text, sizeof(text), "%s (%s:%u)", diag->text, diag->file, diag->line);
	} else {
		snprintf(text, sizeof(text), "%s", diag->text);
	}
	log_write(&(struct log_line){ .level = TROUPE_LOG_ERROR, .instance = "config", .code = diag->code, .text = text });
}

static void refuse(struct reload *reload, const struct diag_list *diags)
{
	const struct diag *diag;

	for (uint32_t i = 0; diags != NULL && (diag = diag_get(diags, i)) != NULL; i++) {
		if (diag->level != DIAG_ERROR) {
			continue;
		}
		text_format(&reload->refused, "%s%s: %s", reload->refused.len > 0 ? "; " : "", diag->code, diag->text);
		if (diag->file != NULL) {
			text_format(&reload->refused, " (%s:%u)", diag->file, diag->line);
		}
		refusal_log(diag);
	}
	if (reload->refused.len == 0) {
		text_put(&reload->refused, "the configuration was not read");
	}
	log_text(TROUPE_LOG_ERROR, "config", "reload refused, nothing was changed");
}

void reload_start(const struct reload_source *source, const char *only, reload_done_fn on_done, void *arg)
{
	struct diag_list *diags = diag_list_create();
	uint32_t len;

	if (source->running != NULL) {
		source->running(source->arg, true);
	}
	const struct config *config = diags != NULL ? source->load(source->arg, diags) : NULL;
	struct instance *const *instances = core_instances(source->core, &len);
	struct reload *reload = calloc(1, sizeof(*reload) + len * sizeof(struct reload_row));

	if (reload == NULL) {
		abort();
	}
	reload->source = source;
	reload->on_done = on_done;
	reload->arg = arg;
	reload->finish.run = on_finish;
	text_init(&reload->refused, REFUSED_MAX);
	if (config == NULL) {
		refuse(reload, diags);
	} else {
		new_blocks(source, config);
		if (only == NULL && core_bus(source->core) != NULL) {
			bus_keys(core_bus(source->core), config);
		}
		for (uint32_t i = 0; i < len; i++) {
			if (only == NULL || strcmp(only, instances[i]->host.name) == 0) {
				struct reload_row *row = &reload->rows[reload->rows_len++];
				row->instance = instances[i]->host.name;
				apply(source, reload, row, instances[i], config);
			}
		}
	}
	diag_list_free(diags);
	if (reload->pending == 0) {
		loop_post(core_main_loop(source->core), &reload->finish);
	}
}
