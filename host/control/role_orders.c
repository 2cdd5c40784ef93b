/* SPDX-License-Identifier: MIT */
/* Commands of roles: `troupe ROLE VERB ARGUMENTS`, from the plugins' own tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/config/diag.h"
#include "host/config/options.h"
#include "host/control/order.h"
#include "host/core/call.h"
#include "host/core/directory.h"

/* The words after ROLE and VERB as one line for the audit, unless one of them is a secret. */
static const char *audit_line(struct order *order, const struct troupe_command *command,
			      const struct troupe_plugin *plugin)
{
	struct text line;
	const char *copy;

	text_init(&line, 2048);
	text_format(&line, "%s %s", plugin->name, command->verb);
	const struct troupe_option *arg = NULL;
	while ((arg = options_next(command->args, plugin->option_size, arg)) != NULL) {
		if (arg->type == TROUPE_OPTION_SECRET) {
			text_put(&line, " ...");
			break;
		}
	}
	for (unsigned i = 2; arg == NULL && i < order->request.words_len; i++) {
		text_format(&line, " %s", order->request.words[i]);
	}
	copy = arena_copy(order->arena, line.bytes, line.len);
	text_clear(&line);
	return copy;
}

/* --- the answer ----------------------------------------------------------------------------------- */

bool order_undecided(const struct troupe_reply *reply, bool by_host)
{
	static const char *const nowhere[] = { "host.not_ready", "host.unreachable", "host.remote" };

	for (size_t i = 0; by_host && reply->status == TROUPE_UNAVAILABLE && i < sizeof(nowhere) / sizeof(*nowhere); i++) {
		if (strcmp(reply->reason, nowhere[i]) == 0) {
			return false;
		}
	}
	return troupe_outcome_of(reply->status) == TROUPE_UNDECIDED;
}

static const char *status_text(int32_t status, bool undecided)
{
	if (!undecided) {
		return status == TROUPE_UNIMPLEMENTED ? "the role does not know this command" : "refused, nothing was done";
	}
	return status == TROUPE_DEADLINE_EXCEEDED ? "no answer in time; it may have been done" :
						    "the outcome is unknown; it may have been done";
}

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct order *order = arg;
	bool undecided = order_undecided(reply, reply->from == 0);
	bool denied = reply->status == TROUPE_PERMISSION_DENIED || reply->status == TROUPE_UNAUTHENTICATED;

	(void)instance, (void)typed;
	if (reply->status == TROUPE_OK) {
		order_done(order, (const char *)reply->body, reply->body_len);
		return;
	}
	order_refused(order, denied ? EXIT_NOT_ALLOWED : EXIT_FAILED,
		      undecided ? "look before you try again" : "", "%s: %s",
		      reply->reason != NULL && reply->reason[0] != '\0' ? reply->reason : "no reason given",
		      status_text(reply->status, undecided));
}

/* --- finding it ----------------------------------------------------------------------------------- */

static void role_unknown(struct order *order)
{
	const char *known[300];
	unsigned len, host_len;
	uint32_t instances_len;
	struct instance *const *instances = core_instances(order->control->core, &instances_len);
	const char *const *host = order_host_names(&host_len);

	for (len = 0; len < host_len; len++) {
		known[len] = host[len];
	}
	for (uint32_t i = 0; i < instances_len && len < 300; i++) {
		known[len++] = instances[i]->role_class->plugin->name;
	}
	order_unknown(order, "command or role", order->request.words[0], known, len);
}

/* Any instance that provides a service: they are interchangeable. NULL = answered. */
static struct instance *service_pick(struct order *order, const char *name)
{
	struct core *core = order->control->core;
	struct instance *found = directory_pick(directory_service(core_directory(core), name), core_self(core), 0, 0);

	if (found == NULL) {
		order_refused(order, EXIT_FAILED, "`troupe status` shows what they wait for", "nothing that provides %s is ready",
			      name);
	}
	return found;
}

/* The instance that words[0] names, the only one of the role that it names, or any one of the service. NULL =
 * answered. */
static struct instance *target_find(struct order *order)
{
	const char *word = order->request.words[0];
	struct instance *found = core_instance(order->control->core, word);
	uint32_t len, remotes_len, count = 0;
	struct instance *const *instances = core_instances(order->control->core, &len);
	struct text names;

	struct instance *const *remotes = core_remotes(order->control->core, &remotes_len);
	remotes_len = order->request_id == 0 ? remotes_len : 0; /* what came from elsewhere goes no further */
	for (uint32_t i = 0; i < remotes_len && found == NULL; i++) {
		found = strcmp(remotes[i]->host.name, word) == 0 ? remotes[i] : NULL;
	}
	if (found != NULL) {
		return found;
	}
	text_init(&names, 900);
	for (uint32_t i = 0; i < len + remotes_len; i++) {
		struct instance *one = i < len ? instances[i] : remotes[i - len];
		if (strcmp(one->role_class->plugin->name, word) == 0 && strcmp(word, "host") != 0) {
			found = one;
			text_format(&names, "%s%s", count > 0 ? ", " : "", found->host.name);
			count++;
		}
	}
	if (count == 0 && order->request_id == 0 && directory_service(core_directory(order->control->core), word) != NULL) {
		found = service_pick(order, word);
		count = found != NULL;
	} else if (count == 0) {
		role_unknown(order);
	} else if (count > 1) {
		order_refused(order, EXIT_USAGE, "name the instance in place of the role", "%s runs %u times: %s", word,
			      count, names.bytes != NULL ? names.bytes : "");
	}
	text_clear(&names);
	return count == 1 ? found : NULL;
}

static const struct troupe_command *verb_find(struct order *order, const struct troupe_plugin *plugin)
{
	const char *known[128], *word = order->request.words[1];
	unsigned len = 0;

	for (size_t i = 0; plugin->commands != NULL; i++) {
		const struct troupe_command *command =
			(const void *)((const char *)plugin->commands + i * plugin->command_size);
		if (command->verb == NULL) {
			break;
		}
		if (strcmp(command->verb, word) == 0) {
			return command;
		}
		if (len < 128) {
			known[len++] = command->verb;
		}
	}
	char what[96];
	snprintf(what, sizeof(what), "command of %s", plugin->name);
	order_unknown(order, what, word, known, len);
	return NULL;
}

/* The arguments as the command's table wants them. Returns false when answered. */
static bool arguments_read(struct order *order, const struct troupe_plugin *plugin, const struct troupe_command *command,
			   const void **ret_args)
{
	struct diag_list *diags = diag_list_create();
	char what[128];
	const struct diag *diag;

	*ret_args = NULL;
	snprintf(what, sizeof(what), "%s %s", plugin->name, command->verb);
	if (diags == NULL) {
		order_refused(order, EXIT_FAILED, "", "no memory");
		return false;
	}
	*ret_args = options_words(order->arena, diags, what, command->args, plugin->option_size, command->args_size,
				  (int)order->request.words_len - 2, order->request.words + 2);
	diag = diag_get(diags, 0);
	if (*ret_args == NULL) {
		char help[256];
		snprintf(help, sizeof(help), "%s%stroupe help %s shows what it takes",
			 diag != NULL && diag->help != NULL ? diag->help : "",
			 diag != NULL && diag->help != NULL ? "; " : "", plugin->name);
		bool label = diag != NULL && diag->label != NULL && strstr(diag->text, diag->label) == NULL;
		order_refused(order, EXIT_USAGE, help, "%s%s%s", diag != NULL ? diag->text : "wrong arguments",
			      label ? ": " : "", label ? diag->label : "");
	}
	diag_list_free(diags);
	return *ret_args != NULL;
}

void order_role(struct order *order)
{
	struct instance *target = target_find(order);
	const struct troupe_plugin *plugin;
	const struct troupe_command *command;
	const void *args;

	if (target == NULL) {
		return;
	}
	plugin = target->role_class->plugin;
	if (order->request.words_len == 1 || strcmp(order->request.words[1], "help") == 0) {
		order_help(order, 0);
		return;
	}
	command = verb_find(order, plugin);
	if (command == NULL) {
		return;
	}
	order->arena = arena_create();
	if (order->arena == NULL) {
		order_refused(order, EXIT_FAILED, "", "no memory");
		return;
	}
	snprintf(order->target, sizeof(order->target), "%s", target->host.name);
	if (command->flags & TROUPE_COMMAND_CHANGES) {
		order->audit = audit_line(order, command, plugin);
	}
	if (!arguments_read(order, plugin, command, &args)) {
		return;
	}
	if ((command->flags & TROUPE_COMMAND_DANGEROUS) && !order->request.confirmed) {
		order_confirm(order, target->host.name, command->help);
		return;
	}
	if (target->remote != NULL) {
		order_forward(order, target);
		return;
	}
	order_begun(order);
	order->holds++;
	call_command(core_self(order->control->core), target, command, args, order->request.operator_name, ROLE_CALL_MS,
		     on_reply, order_release, order);
}
