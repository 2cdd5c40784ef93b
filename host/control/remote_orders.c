/* SPDX-License-Identifier: MIT */
/*
 * Commands to roles on other hosts: the host that an operator speaks to checks the words against the role's table and
 * sends them on as the line that came to its own socket; the host that runs the role answers with the line that its
 * own socket would have. Which hosts may, says `commands` in their host blocks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/config/config.h"
#include "host/control/order.h"
#include "host/control/words.h"
#include "host/core/buf.h"
#include "host/core/call.h"
#include "host/core/directory.h"

#define ORDER_METHOD "host.order"

/* --- the asking side ------------------------------------------------------------------------------ */

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct order *order = arg;
	const char *host = order->remote->host.name;
	char shown[256];

	(void)instance, (void)typed;
	if (reply->status == TROUPE_OK && reply->body_len > 0 && reply->body[reply->body_len - 1] == '\n') {
		order_answered(order, (const char *)reply->body, reply->body_len);
	} else if (reply->status == TROUPE_PERMISSION_DENIED) {
		order_refused(order, EXIT_NOT_ALLOWED, "give the command on that host, or set commands = true in this host's block",
			      "%s takes no commands from this host", host);
	} else {
		order_refused(order, EXIT_FAILED,
			      order_undecided(reply, true) ? "look before you try again" : "nothing was done", "%s: %s", host,
			      words_shown(reply->reason, shown, sizeof(shown)));
	}
}

/* The process that runs an instance, as an instance itself. */
static struct instance *process_of(struct core *core, const struct instance *target)
{
	uint32_t len;
	struct instance *const *remotes = core_remotes(core, &len);

	for (uint32_t i = 0; i < len; i++) {
		if (strcmp(remotes[i]->role_class->plugin->name, "host") == 0 &&
		    remotes[i]->config->host == target->config->host &&
		    (target->config->isolate != 0) == (strchr(remotes[i]->host.name, '~') != NULL) &&
		    (target->config->isolate == 0 ||
		     strcmp(strchr(remotes[i]->host.name, '~') + 1, target->host.name) == 0)) {
			return remotes[i];
		}
	}
	return NULL;
}

void order_forward(struct order *order, const struct aim *aim)
{
	struct core *core = order->control->core;
	const struct instance *target = aim->target;
	struct instance *process = process_of(core, target);
	struct control_request request = order->request;
	char name[128];
	char *words[CONTROL_WORDS_MAX + 2];
	struct text line;

	if (request.words_len - aim->verb >= CONTROL_WORDS_MAX) {
		order_refused(order, EXIT_USAGE, "", "too many arguments");
		return;
	}
	if (process == NULL) {
		order_refused(order, EXIT_FAILED, "add it to a host's `run` list", "no host runs %s", target->host.name);
		return;
	}
	snprintf(name, sizeof(name), "%s", target->host.name);
	/* there the instance stands for whatever led to it */
	memcpy(words + 1, order->request.words + aim->verb, (order->request.words_len - aim->verb + 1) * sizeof(*words));
	words[0] = name;
	request.words = words;
	request.words_len = order->request.words_len - aim->verb + 1;
	request.confirmed = true; /* it was asked for here */
	text_init(&line, CONTROL_LINE_MAX);
	control_request_write(&line, &request);
	struct troupe_buf *body = line.failed ? NULL : buf_copy(line.bytes, line.len);
	text_clear(&line);
	if (body == NULL) {
		order_refused(order, EXIT_USAGE, "", "the command is too long");
		return;
	}
	const struct troupe_call call = {
		.size = sizeof(call),
		.method = troupe_fnv32(ORDER_METHOD, strlen(ORDER_METHOD)),
		.to = process->host.id,
		.timeout_ms = ROLE_CALL_MS,
		.body = body,
		.on_reply = on_reply,
		.arg = order,
	};
	order->remote = process;
	order_begun(order);
	call_start(core_self(core), &call);
}

/* --- the side that runs the role ------------------------------------------------------------------ */

/* May operators on that host command roles here? Between processes of one user on one machine they could anyway. */
static bool may_command(const struct control *control, uint64_t from)
{
	const struct config *config = core_config(control->core);
	const struct instance *process = directory_instance(core_directory(control->core), from);

	return process != NULL && (config->hosts[process->config->host].commands != 0 || config_keys_own(config) ||
				   &config->hosts[process->config->host] == config->host);
}

static void refuse(struct control *control, const struct troupe_request *request, int32_t status, const char *reason)
{
	call_reply(core_self(control->core), request->id, status, buf_copy(reason, strlen(reason)));
}

void remote_order(void *arg, const struct troupe_request *request)
{
	struct control *control = arg;
	struct order *order;
	const char *why;
	char operator_name[64];

	if (!may_command(control, request->from)) {
		refuse(control, request, TROUPE_PERMISSION_DENIED, "host.not_allowed");
		return;
	}
	order = calloc(1, sizeof(*order));
	if (order == NULL ||
	    control_request_parse((const char *)request->body, request->body_len, &order->request, &why) < 0) {
		free(order);
		refuse(control, request, TROUPE_INVALID_ARGUMENT, "host.malformed");
		return;
	}
	snprintf(operator_name, sizeof(operator_name), "%.63s", order->request.operator_name);
	snprintf(order->request.operator_name, sizeof(order->request.operator_name), "%.40s via %.15s", operator_name,
		 directory_instance(core_directory(control->core), request->from)->host.name + strlen("host."));
	order->control = control;
	order->request_id = request->id;
	if (order_take(order)) {
		order_role(order);
	}
}
