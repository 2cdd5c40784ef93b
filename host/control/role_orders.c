/* SPDX-License-Identifier: MIT */
/* Commands of roles: `troupe ROLE VERB ARGUMENTS`, from the plugins' own tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/config/diag.h"
#include "host/config/options.h"
#include "host/control/order.h"
#include "host/control/words.h"
#include "host/core/call.h"
#include "host/core/directory.h"
#include "host/plugin/commands.h"

/* The first of the words that are arguments. */
static unsigned first_argument(const struct order *order, const struct aim *aim)
{
	return aim->verb + commands_match(aim->command, order->request.words + aim->verb,
					  order->request.words_len - aim->verb);
}

/* The command and its arguments as one line for the audit, unless one of them is a secret; NULL without memory. */
static const char *audit_line(struct order *order, const struct aim *aim)
{
	const struct troupe_plugin *plugin = aim->target->role_class->plugin;
	const struct troupe_command *command = aim->command;
	struct text line;
	const char *copy;
	char name[160];

	text_init(&line, CONTROL_LINE_MAX + sizeof(name));
	commands_name(name, sizeof(name), plugin, command);
	text_put(&line, name);
	const struct troupe_option *arg = NULL;
	while ((arg = options_next(command->args, plugin->option_size, arg)) != NULL) {
		if (arg->type == TROUPE_OPTION_SECRET) {
			text_put(&line, " ...");
			break;
		}
	}
	for (unsigned i = first_argument(order, aim); arg == NULL && i < order->request.words_len; i++) {
		text_format(&line, " %s", order->request.words[i]);
	}
	copy = line.failed ? NULL : arena_copy(order->arena, line.bytes, line.len);
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
	char shown[256];
	bool denied = reply->status == TROUPE_PERMISSION_DENIED || reply->status == TROUPE_UNAUTHENTICATED;

	(void)instance, (void)typed;
	if (reply->status == TROUPE_OK) {
		order_done(order, (const char *)reply->body, reply->body_len);
		return;
	}
	order->detail = (const char *)reply->body;
	order->detail_len = reply->body != NULL ? reply->body_len : 0;
	order_refused(order, denied ? EXIT_NOT_ALLOWED : EXIT_FAILED,
		      undecided ? "look before you try again" : "", "%s: %s",
		      words_shown(reply->reason, shown, sizeof(shown)),
		      status_text(reply->status, undecided));
}

/* The arguments as the command's table wants them. Returns false when answered. */
static bool arguments_read(struct order *order, const struct troupe_plugin *plugin, const struct aim *aim,
			   const void **ret_args)
{
	const struct troupe_command *command = aim->command;
	unsigned first = first_argument(order, aim);
	struct diag_list *diags = diag_list_create();
	char what[160];
	const struct diag *diag;

	*ret_args = NULL;
	commands_name(what, sizeof(what), plugin, command);
	if (diags == NULL) {
		order_refused(order, EXIT_FAILED, "", "no memory");
		return false;
	}
	*ret_args = options_words(order->arena, diags, what, command->args, plugin->option_size, command->args_size,
				  (int)(order->request.words_len - first), order->request.words + first);
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
	const struct troupe_plugin *plugin;
	struct aim aim;
	const void *args;

	if (!order_aim(order, &aim)) {
		return;
	}
	plugin = aim.target->role_class->plugin;
	order->arena = arena_create();
	if (order->arena == NULL) {
		order_refused(order, EXIT_FAILED, "", "no memory");
		return;
	}
	snprintf(order->target, sizeof(order->target), "%s", aim.target->host.name);
	if (aim.command->flags & TROUPE_COMMAND_CHANGES) {
		order->audit = audit_line(order, &aim);
		if (order->audit == NULL) { /* what leaves no trace is not done */
			order_refused(order, EXIT_FAILED, "", "no memory");
			return;
		}
	}
	if (!arguments_read(order, plugin, &aim, &args)) {
		return;
	}
	if ((aim.command->flags & TROUPE_COMMAND_DANGEROUS) && !order->request.confirmed) {
		order_confirm(order, aim.target->host.name, aim.command->help);
		return;
	}
	if (aim.target->remote != NULL) {
		order_forward(order, &aim);
		return;
	}
	order_begun(order);
	order->holds++;
	call_command(core_self(order->control->core), aim.target, aim.command, args, order->request.operator_name,
		     ROLE_CALL_MS, on_reply, order_release, order);
}
