/* SPDX-License-Identifier: MIT */
/* Calls between instances. */
#include "host/core/call.h"

#include <errno.h>
#include <string.h>

#include "host/core/buf.h"
#include "host/core/core.h"
#include "host/core/directory.h"
#include "host/core/mailbox.h"
#include "host/core/refusal.h"

#define TIMEOUT_DEFAULT_MS 5000u
#define OPEN_MAX_REQUESTS 65536u
#define LATE_CALLS_MAX 65536u /* of an instance that stops: one that calls again whatever the answer has to end too */
#define KIND_CANCEL_DONE 5 /* a cancel on its way home */

/* --- the callee's side ---------------------------------------------------------------------------- */

/* Sends a message back to where it came from as the answer. */
static void answer(struct mailbox *mailbox, struct message *message, int32_t status, struct troupe_buf *body,
		   const char *reason)
{
	struct instance *from = message->to;

	buf_unref(message->body);
	message->kind = TROUPE_MESSAGE_REPLY;
	message->status = status;
	message->body = body;
	message->reason = reason;
	message->to = message->from;
	message->from = from;
	mailbox_send(mailbox, message);
}

void call_refuse(struct mailbox *mailbox, struct message *message, int32_t status, const char *reason)
{
	if (message->to != NULL && message->to->mailbox == mailbox) {
		instance_count(&message->to->counts.refused, 1);
	}
	if (message->kind == TROUPE_MESSAGE_EVENT) {
		message_free(mailbox, message);
		return;
	}
	answer(mailbox, message, status, NULL, reason);
}

void call_reply(struct instance *instance, uint64_t request, int32_t status, struct troupe_buf *body)
{
	struct message *message = request_find(instance->mailbox, request);

	if (message == NULL || message->to != instance) {
		buf_unref(body); /* it was cancelled, has timed out or is answered */
		return;
	}
	request_remove(instance->mailbox, message);
	instance_count(&instance->counts.open, -1);
	answer(instance->mailbox, message, status, body, NULL);
}

/* Why this instance cannot take this message now; NULL if it can. */
static const char *not_ready(const struct message *message)
{
	switch (atomic_load_explicit(&message->to->state, memory_order_relaxed)) {
	case INSTANCE_RUNNING:
		return message->command || directory_ready(message->to) ? NULL : "host.not_ready";
	case INSTANCE_DRAINING:
	case INSTANCE_DRAINED:
		return NULL;
	case INSTANCE_STOPPING:
	case INSTANCE_GONE:
		return "host.stopped";
	default:
		return "host.not_ready";
	}
}

static void request_fill(struct troupe_request *request, const struct message *message, uint64_t id,
			 const struct troupe_buf *body, uint64_t now_us)
{
	uint64_t left_us = message->deadline_us > now_us ? message->deadline_us - now_us : 0;

	*request = (struct troupe_request){
		.size = sizeof(*request),
		.method = message->method,
		.id = id,
		.from = message->from->host.id,
		.from_role = message->from->role_class->plugin->name,
		.body = body != NULL ? body->data : NULL,
		.body_len = body != NULL ? body->len : 0,
		.timeout_ms = (uint32_t)((left_us + 999) / 1000),
		.account = message->context.account,
		.actor = message->context.actor,
		.session = message->context.session,
		.operator_name = message->command ? message->operator_name : NULL,
		.buf = (struct troupe_buf *)(uintptr_t)body,
	};
}

/* Runs the handler. The message may have become its own answer when the handler returns. */
static void serve(struct mailbox *mailbox, struct message *message, const struct troupe_method *method)
{
	struct instance *instance = message->to;
	struct troupe_buf *body = message->body;
	bool is_call = message->kind == TROUPE_MESSAGE_CALL;
	uint64_t id = is_call ? request_add(mailbox, message) : 0;
	uint8_t key[TROUPE_KEY_SIZE];
	struct troupe_request request;
	int32_t status = TROUPE_OK;

	message->body = NULL;
	request_fill(&request, message, id, body, loop_now_us(mailbox->loop));
	if (message->has_key) {
		memcpy(key, message->key, sizeof(key));
		request.key = key;
	}
	instance_count(&instance->counts.requests, 1);
	if (is_call) {
		instance_count(&instance->counts.open, 1);
	}
	instance_enter(instance, &message->context);
	if (instance_debugs(instance)) {
		instance_debug(instance, "%s %s from %s", is_call ? "request" : "event",
			       message->command ? message->run->verb : method->name, request.from_role);
	}
	if (message->command) {
		message->run->run(instance->self, &request, message->args);
	} else {
		status = method->serve(instance->self, &request, method->typed);
	}
	instance_leave(instance);
	if (status != TROUPE_OK) {
		instance_count(&instance->counts.refused, 1);
		message = is_call ? request_find(mailbox, id) : NULL;
		if (message != NULL) {
			request_remove(mailbox, message);
			instance_count(&instance->counts.open, -1);
			answer(mailbox, message, status, NULL, "host.malformed");
		}
	}
	buf_unref(body);
}

void call_answer(struct mailbox *mailbox, struct message *message, int32_t status, struct troupe_buf *body,
		 const char *reason)
{
	request_remove(mailbox, message);
	instance_count(&message->to->counts.open, -1);
	answer(mailbox, message, status, body, reason);
}

/* Another host runs it: the message waits here for its answer. */
static void deliver_remote(struct mailbox *mailbox, struct message *message)
{
	struct instance *to = message->to;
	bool is_call = message->kind == TROUPE_MESSAGE_CALL;
	const char *why = message->command ? "host.remote" : not_ready(message);
	uint64_t id = 0;

	if (why != NULL) {
		call_refuse(mailbox, message, TROUPE_UNAVAILABLE, why);
		return;
	}
	if (is_call) {
		id = request_add(mailbox, message);
	}
	instance_count(&to->counts.requests, 1);
	int r = to->remote->send(to->remote, message, id);
	if (r == 0 && is_call) {
		instance_count(&to->counts.open, 1);
		return;
	}
	if (is_call) {
		request_remove(mailbox, message);
	}
	if (r == 0) {
		message_free(mailbox, message);
	} else {
		instance_count(&to->counts.overflows, r == -EAGAIN);
		call_refuse(mailbox, message, r == -EAGAIN ? TROUPE_RESOURCE_EXHAUSTED : TROUPE_UNAVAILABLE,
			    r == -EAGAIN ? "host.queue_full" : "host.unreachable");
	}
}

static void deliver_request(struct mailbox *mailbox, struct message *message)
{
	struct instance *to = message->to;
	const struct role_method *method = NULL;
	const char *why = to->remote == NULL ? not_ready(message) : NULL;
	bool is_event = message->kind == TROUPE_MESSAGE_EVENT;

	if (why != NULL) {
		call_refuse(mailbox, message, TROUPE_UNAVAILABLE, why);
		return;
	}
	if (!is_event && message->deadline_us <= loop_now_us(mailbox->loop)) {
		call_refuse(mailbox, message, TROUPE_DEADLINE_EXCEEDED, "host.timeout");
		return;
	}
	if (atomic_load_explicit(&to->counts.open, memory_order_relaxed) >= OPEN_MAX_REQUESTS) {
		instance_count(&to->counts.overflows, 1);
		call_refuse(mailbox, message, TROUPE_RESOURCE_EXHAUSTED, "host.queue_full");
		return;
	}
	if (to->remote != NULL) {
		deliver_remote(mailbox, message);
		return;
	}
	if (!message->command) {
		method = directory_method(to->role_class, message->method);
		if (method == NULL) {
			call_refuse(mailbox, message, TROUPE_UNIMPLEMENTED, "host.no_method");
			return;
		}
		if (!directory_allows(method, message->from, to)) {
			call_refuse(mailbox, message, TROUPE_PERMISSION_DENIED, "host.not_allowed");
			return;
		}
	}
	serve(mailbox, message, method != NULL ? method->method : NULL);
	if (is_event) {
		message_free(mailbox, message);
	}
}

/* --- the caller's side ---------------------------------------------------------------------------- */

/* Runs on_reply. The pending call stays reserved while its message or its cancel is away. */
static void pending_end(struct pending *pending, const struct troupe_reply *reply)
{
	struct instance *instance = pending->instance;

	pending->instance = NULL;
	loop_timer_stop(&pending->timeout);
	instance_count(&instance->counts.pending, -1);
	if (pending->work) {
		pending->on_reply(instance->self, pending->arg, reply, pending->typed);
	} else {
		instance_enter(instance, &pending->context);
		pending->on_reply(instance->self, pending->arg, reply, pending->typed);
		instance_leave(instance);
	}
	if (pending->late) {
		instance_release(instance);
	}
}

/* The message is home: end the call unless that has happened, and reuse what it held. */
static void deliver_reply(struct mailbox *mailbox, struct message *message)
{
	struct pending *pending = pending_find(mailbox, message->call);
	struct troupe_buf *body = message->body;
	char reason[TROUPE_REASON_MAX + 1] = "";

	if (pending->instance != NULL) {
		struct troupe_reply reply = { .size = sizeof(reply), .status = message->status, .reason = reason };
		if (message->status != TROUPE_OK && message->reason != NULL) {
			reply.reason = message->reason;
		} else {
			reply.from = message->from->host.id;
			reply.buf = body;
			if (message->status != TROUPE_OK && body != NULL) {
				refusal_read(&reply, body, reason);
			} else if (body != NULL) {
				reply.body = body->data;
				reply.body_len = body->len;
			}
		}
		pending_end(pending, &reply);
	}
	buf_unref(body);
	message->body = NULL;
	pending->reply_came = true;
	if (pending->cancel == NULL) {
		message_free(mailbox, message);
		pending_free(mailbox, pending);
	} /* else the callee may still look at it: it is freed when the cancel is home */
}

static void deliver_cancel_done(struct mailbox *mailbox, struct message *message)
{
	struct pending *pending = pending_find(mailbox, message->call);

	pending->cancel = NULL;
	if (pending->reply_came) {
		message_free(mailbox, pending->out);
		pending_free(mailbox, pending);
	}
	message_free(mailbox, message);
}

/* The caller waits no longer. The role is not told: its answer, if it comes, is ignored. */
static void deliver_cancel(struct mailbox *mailbox, struct message *message)
{
	struct message *call = message->cancels;
	struct instance *from = message->to;

	/* `slot` was last written by this loop; a message that is answered is in no slot, and not reused before
	 * this cancel is home */
	if (call->slot != MAILBOX_SLOT_NONE && request_at(mailbox, call->slot) == call) {
		if (from->remote != NULL) {
			from->remote->cancel(from->remote, request_id(mailbox, call));
		}
		request_remove(mailbox, call);
		instance_count(&from->counts.open, -1);
		answer(mailbox, call, TROUPE_CANCELLED, NULL, "host.cancelled");
	}
	message->kind = KIND_CANCEL_DONE;
	message->to = message->from;
	message->from = from;
	mailbox_send(mailbox, message);
}

void call_deliver(struct mailbox *mailbox, struct message *message)
{
	switch (message->kind) {
	case TROUPE_MESSAGE_REPLY:
		deliver_reply(mailbox, message);
		break;
	case TROUPE_MESSAGE_CANCEL:
		deliver_cancel(mailbox, message);
		break;
	case KIND_CANCEL_DONE:
		deliver_cancel_done(mailbox, message);
		break;
	default:
		deliver_request(mailbox, message);
		break;
	}
}

/* Lets the callee forget a call that is still away. */
static void cancel_send(struct mailbox *mailbox, struct pending *pending, struct instance *from)
{
	struct message *call = pending->out;
	struct message *message;

	if (pending->reply_came || pending->cancel != NULL || pending->callee == NULL) {
		return;
	}
	message = message_new(mailbox);
	message->kind = TROUPE_MESSAGE_CANCEL;
	message->call = pending->id;
	message->from = from;
	message->to = pending->callee;
	message->cancels = call;
	pending->cancel = message;
	mailbox_send(mailbox, message);
}

static void end_early(struct pending *pending, int32_t status, const char *reason)
{
	struct troupe_reply reply = { .size = sizeof(reply), .status = status, .reason = reason };

	cancel_send(pending->mailbox, pending, pending->instance);
	pending_end(pending, &reply);
}

static void on_timeout(struct loop_timer *timer)
{
	struct pending *pending = (struct pending *)(void *)timer;

	instance_count(&pending->instance->counts.timeouts, 1);
	end_early(pending, TROUPE_DEADLINE_EXCEEDED, "host.timeout");
}

void call_cancel(struct instance *instance, uint64_t call)
{
	struct pending *pending = pending_find(instance->mailbox, call);

	if (pending == NULL || pending->instance != instance) {
		return;
	}
	cancel_send(instance->mailbox, pending, instance);
	pending->instance = NULL;
	loop_timer_stop(&pending->timeout);
	instance_count(&instance->counts.pending, -1);
	if (pending->late) {
		instance_release(instance);
	}
}

void call_end_all(struct instance *instance)
{
	struct mailbox *mailbox = instance->mailbox;

	for (uint32_t i = 0; i < mailbox->pending_chunks * CHUNK; i++) {
		struct pending *pending = pending_at(mailbox, i);
		if (pending->id != 0 && pending->instance == instance && !pending->late) {
			end_early(pending, TROUPE_CANCELLED, "host.stopping");
		}
	}
	for (uint32_t i = 0; i < mailbox->request_chunks * CHUNK; i++) {
		struct message *message = request_at(mailbox, i);
		if (message != NULL && message->to == instance) {
			request_remove(mailbox, message);
			instance_count(&instance->counts.open, -1);
			answer(mailbox, message, TROUPE_UNAVAILABLE, NULL, "host.stopped");
		}
	}
}

/* --- starting one --------------------------------------------------------------------------------- */

static void trace_new(struct mailbox *mailbox, uint8_t *trace)
{
	/* xorshift128+ (Vigna 2014), seeded by the kernel: traces need to differ, not to be secret */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t a = mailbox->random[0], b = mailbox->random[1];
		mailbox->random[0] = b;
		a ^= a << 23;
		mailbox->random[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
		uint64_t word = mailbox->random[1] + b;
		memcpy(trace + 8 * i, &word, sizeof(word));
	}
}

void call_context(struct instance *instance, struct core_context *ret_context)
{
	uint64_t words[2];

	*ret_context = *core_context_now();
	memcpy(words, ret_context->trace, sizeof(words));
	if ((words[0] | words[1]) == 0) {
		trace_new(instance->mailbox, ret_context->trace);
	}
}

/* Who gets it; else NULL with the refusal. */
static struct instance *resolve(struct instance *from, const struct troupe_call *call, int32_t *ret_status,
				const char **ret_reason)
{
	struct directory *directory = core_directory(from->core);
	const struct service *service = NULL;
	struct instance *to = NULL;
	uint64_t id = call->to;

	if (id == 0 && call->route != TROUPE_ROUTE_ANY) {
		id = directory_placed(directory, call->route, call->route_key);
		if (id == 0 && call->route == TROUPE_ROUTE_AVATAR) {
			*ret_status = TROUPE_NOT_FOUND;
			*ret_reason = "host.not_placed";
			return NULL;
		}
	}
	if (id != 0) {
		to = directory_instance(directory, id);
		*ret_status = TROUPE_NOT_FOUND;
		*ret_reason = "host.no_instance";
		return to;
	}
	if (call->service != NULL) {
		service = directory_service(directory, call->service);
	}
	if (service == NULL) {
		*ret_status = TROUPE_NOT_FOUND;
		*ret_reason = "host.no_service";
		return NULL;
	}
	to = directory_pick(service, from, from->mailbox->turn++,
			    call->route == TROUPE_ROUTE_ACCOUNT ? call->route_key : 0);
	*ret_status = TROUPE_UNAVAILABLE;
	*ret_reason = "host.not_ready";
	return to;
}

/* Reserves the place where the answer will be waited for. */
static struct pending *expect(struct instance *instance, struct message *message, struct instance *to,
			      uint32_t timeout_ms)
{
	struct mailbox *mailbox = instance->mailbox;
	struct pending *pending = pending_new(mailbox);

	pending->instance = instance;
	pending->callee = to;
	pending->out = message;
	pending->context = *core_context_now();
	pending->timeout.expire = on_timeout;
	loop_timer_start(mailbox->loop, &pending->timeout, timeout_ms);
	message->call = pending->id;
	message->deadline_us = loop_now_us(mailbox->loop) + (uint64_t)timeout_ms * 1000;
	instance_count(&instance->counts.pending, 1);
	return pending;
}

static void context_fill(struct instance *instance, struct message *message, const struct troupe_call *call)
{
	call_context(instance, &message->context);
	if ((call->account | call->actor | call->session) != 0 && core_speaks_for_players(instance)) {
		message->context.account = call->account;
		message->context.actor = call->actor;
		message->context.session = call->session;
	}
}

uint64_t call_start(struct instance *instance, const struct troupe_call *given)
{
	struct mailbox *mailbox = instance->mailbox;
	const struct troupe_call *call = given;
	struct troupe_call widened;
	int32_t status = TROUPE_UNAVAILABLE;
	const char *reason = "host.stopping";
	struct instance *to = NULL;
	uint64_t id = 0;

	if (given->size < sizeof(widened)) {
		memset(&widened, 0, sizeof(widened));
		memcpy(&widened, given, given->size);
		call = &widened;
	}
	bool late = instance_stopping(instance);
	if (late && (call->on_reply == NULL || instance->destroying || ++instance->late_calls > LATE_CALLS_MAX)) {
		buf_unref(call->body); /* see core.h */
		return 0;
	}
	struct message *message = message_new(mailbox);
	message->method = call->method;
	message->body = call->body;
	message->from = instance;
	message->kind = call->on_reply != NULL ? TROUPE_MESSAGE_CALL : TROUPE_MESSAGE_EVENT;
	if (call->key != NULL) {
		message->has_key = true;
		memcpy(message->key, call->key, TROUPE_KEY_SIZE);
	}
	context_fill(instance, message, call);
	if (late) {
		status = TROUPE_CANCELLED;
	} else {
		to = resolve(instance, call, &status, &reason);
	}
	message->to = to;
	message->deadline_us = 0;
	instance_count(&instance->counts.calls, 1);
	if (call->on_reply != NULL) {
		struct pending *pending = expect(instance, message, to,
						 call->timeout_ms != 0 ? call->timeout_ms : TIMEOUT_DEFAULT_MS);
		pending->on_reply = call->on_reply;
		pending->arg = call->arg;
		pending->typed = call->typed;
		pending->late = late;
		id = pending->id;
		if (late) {
			instance_hold(instance);
		}
	}
	if (to == NULL) {
		message->to = instance; /* the answer then comes from here */
		call_refuse(mailbox, message, status, reason);
		return id;
	}
	mailbox_send(mailbox, message);
	return id;
}

uint64_t call_relay(const struct call_relay *relay)
{
	struct instance *from = relay->from;
	struct message *message = message_new(from->mailbox);
	struct pending *pending;
	uint64_t id = 0;

	message->method = relay->method;
	message->body = relay->body;
	message->from = from;
	message->to = relay->to;
	message->kind = relay->on_reply != NULL ? TROUPE_MESSAGE_CALL : TROUPE_MESSAGE_EVENT;
	if (relay->key != NULL) {
		message->has_key = true;
		memcpy(message->key, relay->key, TROUPE_KEY_SIZE);
	}
	message->context = relay->context;
	message->deadline_us = 0;
	instance_count(&from->counts.calls, 1);
	if (relay->on_reply != NULL) {
		pending = expect(from, message, relay->to, relay->timeout_ms);
		pending->on_reply = relay->on_reply;
		pending->arg = relay->arg;
		pending->typed = NULL;
		if (from->remote == NULL) {
			pending->work = pending->late = true;
			instance_hold(from);
		}
		id = pending->id;
	}
	mailbox_send(from->mailbox, message);
	return id;
}

uint64_t call_command(struct instance *from, struct instance *to, const struct troupe_command *command,
		      const void *args, const char *operator_name, uint32_t timeout_ms, troupe_reply_fn on_reply,
		      void (*release)(void *arg), void *arg)
{
	struct message *message = message_new(from->mailbox);

	message->kind = TROUPE_MESSAGE_CALL;
	message->method = 0;
	message->from = from;
	message->to = to;
	message->command = true;
	message->run = command;
	message->args = args;
	message->operator_name = operator_name;
	message->release = release;
	message->release_arg = arg;
	call_context(from, &message->context);
	struct pending *pending = expect(from, message, to, timeout_ms != 0 ? timeout_ms : TIMEOUT_DEFAULT_MS);
	pending->on_reply = on_reply;
	pending->arg = arg;
	pending->typed = NULL;
	uint64_t id = pending->id;
	mailbox_send(from->mailbox, message);
	return id;
}
