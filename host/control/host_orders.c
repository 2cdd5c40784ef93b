/* SPDX-License-Identifier: MIT */
/* Commands of the host itself: stop, drain, reload, metrics, help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/order.h"
#include "host/core/directory.h"
#include "host/obs/obs.h"
#include "host/plugin/commands.h"

struct host_command {
	const char *name, *help;
	const char *flag; /* the one word that may follow, "NAME" = any; NULL = none */
	bool changes;
	void (*run)(struct order *order, const char *word);
};

/* --- stop and drain -------------------------------------------------------------------------------- */

/* What is typed to end this host: its cluster's name, or its own where there are several. */
static const char *host_name(const struct order *order)
{
	const struct config *config = core_config(order->control->core);

	return config->hosts_len > 1 ? config->host->name : config->cluster;
}

static void run_stop(struct order *order, const char *word)
{
	struct core *core = order->control->core;
	bool now = word != NULL;

	order->audit = now ? "stop --now" : "stop";
	if (!order->request.confirmed) {
		order_confirm(order, host_name(order), now ? "end this host at once" : "finish what is begun and end this host");
		return;
	}
	order_waits(order, "\"stopped\"");
	if (now) {
		core_stop(core);
	} else {
		core_drain(core);
	}
}

static void on_drained(void *arg, int32_t status, const char *text)
{
	struct order *order = arg;

	if (status != TROUPE_OK) {
		order_refused(order, EXIT_FAILED, "", "%s", text != NULL && text[0] != '\0' ? text : "it did not drain");
		return;
	}
	order_done(order, "\"drained and stopped\"", strlen("\"drained and stopped\""));
}

static const char *const *instance_names(struct core *core, const char *names[], unsigned max, unsigned *ret_len)
{
	uint32_t len;
	struct instance *const *instances = core_instances(core, &len);

	*ret_len = 0;
	for (uint32_t i = 0; i < len && i < max; i++) {
		names[(*ret_len)++] = instances[i]->host.name;
	}
	return names;
}

static struct instance *instance_named(struct order *order, const char *word)
{
	struct instance *instance = core_instance(order->control->core, word);
	const char *names[256];
	unsigned len;

	if (instance == NULL) {
		instance_names(order->control->core, names, 256, &len);
		order_unknown(order, "instance", word, names, len);
	}
	return instance;
}

static void run_drain(struct order *order, const char *word)
{
	struct instance *instance;

	order->audit = "drain";
	if (word == NULL) {
		order->audit = "drain, the whole host";
		if (!order->request.confirmed) {
			order_confirm(order, host_name(order), "finish what is begun and end this host");
			return;
		}
		order_waits(order, "\"drained and stopped\"");
		core_drain(order->control->core);
		return;
	}
	instance = instance_named(order, word);
	if (instance == NULL) {
		return;
	}
	snprintf(order->target, sizeof(order->target), "%s", word);
	if (!order->request.confirmed) {
		order_confirm(order, word, "finish what it has begun and stop it, until the host starts again");
		return;
	}
	order_begun(order);
	core_end(order->control->core, instance, core_config(order->control->core)->drain_ms, on_drained, order);
}

/* --- reload --------------------------------------------------------------------------------------- */

static void on_reloaded(void *arg, const struct reload_row *rows, uint32_t len, const char *why)
{
	struct order *order = arg;
	struct text out;
	bool failed = false;

	if (why != NULL) {
		order_refused(order, EXIT_INVALID, "fix the file and reload again; nothing was changed", "%s", why);
		return;
	}
	text_init(&out, CONTROL_ANSWER_MAX);
	text_put(&out, "[");
	for (uint32_t i = 0; i < len; i++) {
		text_put(&out, i > 0 ? ",{" : "{");
		text_member(&out, "instance", rows[i].instance);
		text_member(&out, "result", rows[i].result);
		text_member(&out, "text", rows[i].text);
		text_put(&out, "}");
		failed |= strcmp(rows[i].result, "failed") == 0;
	}
	text_put(&out, "]");
	if (failed) {
		struct text list;
		text_init(&list, 900);
		for (uint32_t i = 0; i < len; i++) {
			if (strcmp(rows[i].result, "failed") == 0) {
				text_format(&list, "%s%s: %s", list.len > 0 ? "; " : "", rows[i].instance, rows[i].text);
			}
		}
		order_refused(order, EXIT_FAILED, "", "%s", list.bytes != NULL ? list.bytes : "failed");
		text_clear(&list);
	} else {
		order_done(order, out.bytes, out.len);
	}
	text_clear(&out);
}

static void run_reload(struct order *order, const char *word)
{
	order->audit = "reload";
	if (word != NULL) {
		if (instance_named(order, word) == NULL) {
			return;
		}
		snprintf(order->target, sizeof(order->target), "%s", word);
	}
	order_begun(order);
	reload_start(&order->control->source, word, on_reloaded, order);
}

/* --- metrics and help ------------------------------------------------------------------------------ */

static void run_metrics(struct order *order, const char *word)
{
	struct text out;

	text_init(&out, CONTROL_ANSWER_MAX / 2);
	if (word != NULL) {
		obs_metrics_page(&out);
	} else {
		obs_metrics_write(&out, order->control->core);
	}
	order_text(order, &out);
	text_clear(&out);
}

static void run_help(struct order *order, const char *word)
{
	order_help(order, word != NULL ? 1 : -1);
}

static void run_links(struct order *order, const char *word)
{
	(void)word;
	order_links(order);
}

static void run_status(struct order *order, const char *word)
{
	(void)word;
	order_status(order);
}

static const struct host_command host_commands[] = {
	{ "status", "what runs here, in which state, and what waits for what", NULL, false, run_status },
	{ "stop", "finish what is begun and end the host; --now: end it at once", "--now", true, run_stop },
	{ "drain", "finish and stop one instance, or the host", "NAME", true, run_drain },
	{ "reload", "read configuration, scripts and data again", "NAME", true, run_reload },
	{ "metrics", "print all metrics as Prometheus text; --page: what each of them means", "--page", false,
	  run_metrics },
	{ "links", "the links to other hosts: state, trip time, traffic, what was dropped", NULL, false, run_links },
	{ "help", "list the commands of this host, or of a role, noun or part", "NAME", false, run_help },
};

#define HOST_COMMANDS (sizeof(host_commands) / sizeof(*host_commands))

const char *const *order_host_names(unsigned *ret_len)
{
	static const char *const names[HOST_COMMANDS] = { "status", "stop", "drain", "reload", "metrics", "links",
							     "help" };

	*ret_len = HOST_COMMANDS;
	return names;
}

static void help_add(struct text *out, const char *command, const char *help)
{
	text_put(out, out->len > 1 ? ",{" : "{");
	text_member(out, "command", command);
	text_member(out, "what", help);
	text_put(out, "}");
}

/* "billing show USER [reason]" */
static void usage_print(char *line, size_t size, const struct troupe_plugin *plugin, const struct troupe_command *command)
{
	struct text text;
	char name[160];

	text_init_fixed(&text, line, size);
	commands_name(name, sizeof(name), plugin, command);
	text_put(&text, name);
	for (const struct troupe_option *arg = command->args; arg != NULL && arg->name != NULL;
	     arg = (const struct troupe_option *)(const void *)((const char *)arg + plugin->option_size)) {
		text_format(&text, arg->flags & TROUPE_OPTION_REQUIRED ? " %s" : " [%s]", arg->name);
	}
}

/* The commands of a plugin, or with `noun` those that begin with it. Returns whether there are any. */
static bool help_plugin(struct text *out, const struct troupe_plugin *plugin, const char *noun)
{
	const struct troupe_command *command;
	char line[256];
	bool any = false;

	for (unsigned i = 0; (command = commands_at(plugin, i)) != NULL; i++) {
		if (noun == NULL || commands_has_noun(command, noun)) {
			usage_print(line, sizeof(line), plugin, command);
			help_add(out, line, command->help);
			any = true;
		}
	}
	return any;
}

static bool help_names(const char *word, const struct instance *instance)
{
	return word == NULL || strcmp(word, instance->role_class->plugin->name) == 0 || order_in_part(instance, word);
}

/* Of these instances, what `word` names: a role, an instance, a part or a noun; NULL = all. Returns whether it names any. */
static bool help_instances(struct text *out, struct instance *const *instances, uint32_t len, const char *word)
{
	bool found = false;

	for (uint32_t i = 0; i < len; i++) {
		const struct troupe_plugin *plugin = instances[i]->role_class->plugin;
		bool named = help_names(word, instances[i]), shown = false;
		for (uint32_t j = 0; j < i; j++) {
			shown |= instances[j]->role_class->plugin == plugin && help_names(word, instances[j]) == named;
		}
		if (word != NULL && strcmp(word, instances[i]->host.name) == 0) {
			help_plugin(out, plugin, NULL);
			return true;
		}
		found |= named;
		if (!shown) {
			found |= help_plugin(out, plugin, named ? NULL : word);
		}
	}
	return found;
}

void order_help(struct order *order, int at)
{
	const char *word = at >= 0 ? order->request.words[at] : NULL;
	struct core *core = order->control->core;
	uint32_t len, remotes_len;
	struct instance *const *instances = core_instances(core, &len);
	struct instance *const *remotes = core_remotes(core, &remotes_len);
	struct text out;

	text_init(&out, CONTROL_ANSWER_MAX);
	text_put(&out, "[");
	for (size_t i = 0; word == NULL && i < HOST_COMMANDS; i++) {
		char line[64];
		snprintf(line, sizeof(line), "%s%s%s%s", host_commands[i].name, host_commands[i].flag != NULL ? " [" : "",
			 host_commands[i].flag != NULL ? host_commands[i].flag : "",
			 host_commands[i].flag != NULL ? "]" : "");
		help_add(&out, line, host_commands[i].help);
	}
	/* `help WORD` is also how one finds the host that runs it: what others run counts when help itself is wanted */
	bool found = help_instances(&out, instances, len, word) ||
		     (at == 0 && help_instances(&out, remotes, remotes_len, word));
	text_put(&out, "]");
	if (word != NULL && !found) {
		order_refused(order, EXIT_USAGE, "`troupe help` lists all commands",
			      "no role, instance or noun '%.100s' is known here", word);
	} else {
		order_done(order, out.bytes, out.len);
	}
	text_clear(&out);
}

bool order_host(struct order *order)
{
	char **words = order->request.words;
	const struct host_command *command = NULL;

	for (size_t i = 0; i < HOST_COMMANDS && command == NULL; i++) {
		command = strcmp(words[0], host_commands[i].name) == 0 ? &host_commands[i] : NULL;
	}
	if (command == NULL) {
		return false;
	}
	if (order->request.words_len > 2 || (words[1] != NULL && command->flag == NULL)) {
		order_refused(order, EXIT_USAGE, "`troupe help` shows what each command takes", "%s: too many arguments",
			      command->name);
	} else if (words[1] != NULL && command->flag[0] == '-' && strcmp(words[1], command->flag) != 0) {
		order_unknown(order, "argument", words[1], &command->flag, 1);
	} else if (words[1] != NULL && words[1][0] == '-' && command->flag[0] != '-') {
		order_refused(order, EXIT_USAGE, "`troupe help` shows what each command takes",
			      "%s: unknown argument '%.100s'", command->name, words[1]);
	} else {
		command->run(order, words[1]);
	}
	return true;
}
