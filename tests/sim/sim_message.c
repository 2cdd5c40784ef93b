/* SPDX-License-Identifier: MIT */
/* The simulator's host table: buffers and messages. */
#include "sim_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/refusal.h"

#define MESSAGE_US 10

/* --- buffers -------------------------------------------------------------------------------------- */

struct sim_buf {
	struct troupe_buf buf;
	unsigned refs;
	uint8_t bytes[];
};

static struct troupe_buf *host_buf_new(const struct troupe_host *h, size_t len, uint8_t **ret_bytes)
{
	struct sim_buf *buf;

	(void)h;
	*ret_bytes = NULL;
	if (len > TROUPE_BODY_MAX) {
		return NULL;
	}
	buf = calloc(1, sizeof(*buf) + len + 1);
	buf->refs = 1;
	buf->buf.data = buf->bytes;
	buf->buf.len = (uint32_t)len;
	*ret_bytes = buf->bytes;
	return &buf->buf;
}

static struct troupe_buf *host_buf_ref(const struct troupe_host *h, struct troupe_buf *buf)
{
	(void)h;
	((struct sim_buf *)buf)->refs++;
	return buf;
}

static void host_buf_unref(const struct troupe_host *h, struct troupe_buf *buf)
{
	(void)h;
	if (buf != NULL && --((struct sim_buf *)buf)->refs == 0) {
		free(buf);
	}
}

/* --- who serves what ------------------------------------------------------------------------------ */

static const struct troupe_method *instance_methods(const struct sim_instance *instance)
{
	return instance->config != NULL ? instance->config->plugin->methods : instance->methods;
}

static const struct troupe_method *method_find(const struct sim_instance *instance, uint32_t id)
{
	const struct troupe_method *method = instance_methods(instance);

	for (; method != NULL && method->name != NULL; method++) {
		if (method->id == id) {
			return method;
		}
	}
	return NULL;
}

static int serves(const struct sim_instance *instance, const char *service)
{
	const struct troupe_method *method = instance_methods(instance);
	size_t len = strlen(service);

	for (; method != NULL && method->name != NULL; method++) {
		if (strncmp(method->name, service, len) == 0 && method->name[len] == '.') {
			return 1;
		}
	}
	return 0;
}

/* part_reaches: same part first, else base; from base any part. 0 = not at all, 2 = best. */
static int part_rank(const char *from, const char *to)
{
	if (strcmp(from, to) == 0) {
		return 2;
	}
	return strcmp(to, "base") == 0 || strcmp(from, "base") == 0;
}

/* sees: the caller's host takes it for ready. That a host is dead shows when the link with it ends. */
static int sees(struct sim *sim, const struct sim_instance *from, const struct sim_instance *at)
{
	if (at->node == from->node) {
		return sim_takes_calls(at);
	}
	return (sim_takes_calls(at) || !at->node->alive || at->node->frozen_us > sim->now_us) && sim_reaches(sim, from, at);
}

static struct sim_instance *pick(struct sim *sim, const struct sim_instance *from, const struct troupe_call *call)
{
	struct sim_instance *best = NULL;
	int best_rank = 0;

	if (call->to != 0) {
		for (unsigned i = 0; i < sim->instances_len; i++) {
			if (sim->instances[i]->host.id == call->to) {
				return sim->instances[i];
			}
		}
		return NULL;
	}
	if (call->route == TROUPE_ROUTE_AVATAR) {
		for (size_t i = 0; i < sim->places_len; i++) {
			if (sim->places[i].route == call->route && sim->places[i].key == call->route_key) {
				return sim->places[i].instance;
			}
		}
		return NULL;
	}
	for (unsigned i = 0; i < sim->instances_len; i++) {
		struct sim_instance *at = sim->instances[i];
		int rank = part_rank(from->host.part, at->host.part);

		if (!sees(sim, from, at) || call->service == NULL || !serves(at, call->service) || rank < best_rank ||
		    rank == 0) {
			continue;
		}
		if (best == NULL || rank > best_rank || at->load < best->load) {
			best = at;
			best_rank = rank;
		}
	}
	return best;
}

/* --- messages ------------------------------------------------------------------------------------- */

struct delivery {
	uint64_t call; /* 0: an event */
	uint32_t method;
	struct sim_instance *caller, *callee;
	struct sim_node *through; /* came through this host; NULL = directly */
	struct troupe_buf *body;
	uint8_t key[TROUPE_KEY_SIZE];
	int has_key;
	const char *refused; /* the host itself answers with this reason ... */
	int32_t status;	     /* ... and this status */
	uint64_t deadline_us;
};

static void delivery_free(void *payload)
{
	struct delivery *delivery = payload;

	host_buf_unref(NULL, delivery->body);
	free(delivery);
}

static void delivery_drop(struct sim_event *event)
{
	delivery_free(event->payload);
}

static uint64_t message_delay(struct sim *sim)
{
	uint64_t delay = MESSAGE_US;

	if (sim->nodes_len == 0 && sim_chance(sim, sim->faults.late)) {
		delay += sim_below(sim, sim->faults.late_us);
	}
	return delay;
}

/* message_copies: within one of several hosts no message gets lost. */
static int message_copies(struct sim *sim)
{
	return sim->nodes_len > 0			     ? 1
	       : sim_chance(sim, sim->faults.lost)     ? 0
	       : sim_chance(sim, sim->faults.repeated) ? 2
						       : 1;
}

static void call_end(struct sim *sim, struct sim_call *call, int32_t status, const char *reason,
		     struct troupe_buf *buf, uint64_t from)
{
	struct troupe_reply reply = {
		.size = sizeof(reply),
		.status = status,
		.reason = reason,
		.from = from,
	};
	char said[TROUPE_REASON_MAX + 1];

	if (status == TROUPE_OK && buf != NULL) {
		reply.buf = buf;
		reply.body = buf->data;
		reply.body_len = buf->len;
		sim_mix(sim, buf->data, buf->len);
	} else if (buf != NULL) {
		refusal_read(&reply, buf, said);
	}
	sim_mix(sim, &status, sizeof(status));
	sim_ask_end(sim, call->id);
	sim->context = call->context;
	call->on_reply(call->caller->self, call->arg, &reply, call->typed);
	free(call);
}

struct answer {
	uint64_t call, from;
	int32_t status;
	struct troupe_buf *body;
	struct sim_instance *caller;
};

static void answer_free(void *payload)
{
	struct answer *answer = payload;

	host_buf_unref(NULL, answer->body);
	free(answer);
}

static void answer_drop(struct sim_event *event)
{
	answer_free(event->payload);
}

static void answer_run(struct sim *sim, struct sim_event *event)
{
	struct answer *answer = event->payload;
	struct sim_call *call = sim_table_take(&sim->calls, answer->call);

	if (call == NULL) {
		return; /* it timed out, was cancelled, or had an answer before */
	}
	call_end(sim, call, answer->status, "", answer->body, answer->from);
}

/* Where an answer goes: to a call of `caller`, from the host `from`, through the host that forwarded the question. */
struct answer_way {
	struct sim_instance *caller;
	uint64_t call;
	struct sim_node *from, *through;
};

static void answer_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	struct answer *answer = parcel->payload;

	parcel->payload = NULL;
	sim_ask_end(sim, answer->call);
	sim_schedule(sim, answer->caller, MESSAGE_US, SIM_ANSWER, answer_run, answer)->drop = answer_drop;
}

static void answer_post(struct sim *sim, const struct answer_way *way, struct answer *answer)
{
	struct sim_parcel parcel = {
		.to = way->caller->node,
		.through = way->through,
		.ask = way->call,
		.answer = 1,
		.len = answer->body != NULL ? answer->body->len : 0,
		.payload = answer,
		.arrive = answer_arrive,
		.drop = answer_free,
	};

	if (sim_post(sim, way->from, &parcel) < 0) {
		answer_free(answer); /* the caller's host learns from the link that ended */
	}
}

/* answer_send takes over `body`. */
static void answer_send(struct sim *sim, const struct answer_way *way, uint64_t from, int32_t status, struct troupe_buf *body)
{
	int copies = message_copies(sim);

	for (int i = 0; i < copies; i++) {
		struct answer *answer = calloc(1, sizeof(*answer));

		*answer = (struct answer){ way->call, from, status, body ? host_buf_ref(NULL, body) : NULL, way->caller };
		if (way->from != way->caller->node && way->caller->node != NULL) {
			answer_post(sim, way, answer);
			continue;
		}
		sim_schedule(sim, way->caller, message_delay(sim), SIM_ANSWER, answer_run, answer)->drop = answer_drop;
	}
	host_buf_unref(NULL, body);
}

static void answer_reason(struct sim *sim, const struct answer_way *way, int32_t status, const char *reason)
{
	uint8_t *bytes = NULL;
	struct troupe_buf *body = host_buf_new(NULL, strlen(reason), &bytes);

	if (body != NULL) {
		memcpy(bytes, reason, strlen(reason));
	}
	answer_send(sim, way, 0, status, body);
}

static int allowed(const struct troupe_method *method, const char *role)
{
	for (const char *const *allow = method->allow; allow != NULL && *allow != NULL; allow++) {
		if (strcmp(*allow, "*") == 0 || strcmp(*allow, role) == 0) {
			return 1;
		}
	}
	return method->allow == NULL;
}

static void delivery_run(struct sim *sim, struct sim_event *event)
{
	struct delivery *delivery = event->payload;
	struct sim_instance *callee = event->instance;
	const struct troupe_method *method = callee->ready ? method_find(callee, delivery->method) : NULL;
	struct answer_way way = { delivery->caller, delivery->call, callee->node, delivery->through };
	struct sim_request *request;
	struct troupe_request in = { .size = sizeof(in), .method = delivery->method };
	int32_t status;

	if (!callee->ready || method == NULL || !allowed(method, delivery->caller->role)) {
		if (delivery->call != 0) {
			answer_reason(sim, &way,
				      !callee->ready   ? TROUPE_UNAVAILABLE
				      : method == NULL ? TROUPE_UNIMPLEMENTED
						       : TROUPE_PERMISSION_DENIED,
				      !callee->ready   ? "host.not_ready"
				      : method == NULL ? "host.no_method"
						       : "host.not_allowed");
		}
		return;
	}
	if (delivery->call != 0) {
		request = calloc(1, sizeof(*request));
		*request = (struct sim_request){ sim->next_id++, delivery->call, delivery->caller, callee,
						 callee->incarnation, delivery->through };
		sim_table_add(&sim->requests, request);
		in.id = request->id;
	}
	in.from = delivery->caller->host.id;
	in.from_role = delivery->caller->role;
	in.body = delivery->body != NULL && delivery->body->len > 0 ? delivery->body->data : NULL;
	in.body_len = delivery->body != NULL ? delivery->body->len : 0;
	in.buf = delivery->body;
	in.key = delivery->has_key ? delivery->key : NULL;
	in.timeout_ms = delivery->deadline_us > sim->now_us
				? (uint32_t)((delivery->deadline_us - sim->now_us) / 1000)
				: 0;
	in.account = event->context.account;
	in.actor = event->context.actor;
	in.session = event->context.session;
	sim_mix(sim, &in.method, sizeof(in.method));
	status = method->serve(callee->self, &in, method->typed);
	if (status != TROUPE_OK && in.id != 0) {
		free(sim_table_take(&sim->requests, in.id));
		answer_reason(sim, &way, status, "host.malformed");
	}
}

static void deadline_run(struct sim *sim, struct sim_event *event)
{
	struct sim_call *call = sim_table_take(&sim->calls, event->id);

	if (call != NULL) {
		call_end(sim, call, TROUPE_DEADLINE_EXCEEDED, "host.timeout", NULL, 0);
	}
}

static void refusal_run(struct sim *sim, struct sim_event *event)
{
	struct delivery *delivery = event->payload;
	struct sim_call *call = sim_table_take(&sim->calls, delivery->call);

	if (call != NULL) {
		call_end(sim, call, delivery->status, delivery->refused, NULL, 0);
	}
}

static struct delivery *delivery_new(const struct troupe_call *in, struct sim_instance *caller, uint64_t call,
				     uint64_t deadline_us)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	delivery->call = call;
	delivery->method = in->method;
	delivery->caller = caller;
	delivery->body = in->body != NULL ? host_buf_ref(NULL, in->body) : NULL;
	delivery->deadline_us = deadline_us;
	if (in->key != NULL) {
		memcpy(delivery->key, in->key, TROUPE_KEY_SIZE);
		delivery->has_key = 1;
	}
	return delivery;
}

static void refuse(const struct troupe_call *in, struct sim_instance *caller, uint64_t id, int32_t status,
		   const char *reason)
{
	if (id != 0) {
		struct delivery *refusal = delivery_new(in, caller, id, 0);

		refusal->refused = reason;
		refusal->status = status;
		sim_schedule(caller->sim, caller, MESSAGE_US, SIM_ANSWER, refusal_run, refusal)->drop = delivery_drop;
	}
}

static void delivery_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	struct delivery *delivery = parcel->payload;

	parcel->payload = NULL;
	delivery->through = parcel->through;
	sim_schedule(sim, delivery->callee, MESSAGE_US, SIM_DELIVER, delivery_run, delivery)->drop = delivery_drop;
}

/* call_lost: a link on the way has ended; what was asked may have been done or not. */
static void call_lost(struct sim *sim, struct sim_ask *ask)
{
	answer_reason(sim, &(struct answer_way){ ask->asker, ask->id, ask->asker->node, NULL }, TROUPE_UNAVAILABLE,
		      "host.lost");
}

/* call_post: the callee runs on another host. */
static void call_post(const struct troupe_call *in, struct sim_instance *caller, struct sim_instance *callee, uint64_t id,
		      uint64_t deadline_us)
{
	struct sim *sim = caller->sim;
	struct delivery *delivery = delivery_new(in, caller, id, deadline_us);
	struct sim_parcel parcel = { .to = callee->node, .ask = id, .len = in->body != NULL ? in->body->len : 0,
				     .payload = delivery, .arrive = delivery_arrive, .drop = delivery_free };
	int r;

	delivery->callee = callee;
	r = sim_post(sim, caller->node, &parcel);
	if (r < 0) {
		delivery_free(delivery);
		refuse(in, caller, id, r == -EAGAIN ? TROUPE_RESOURCE_EXHAUSTED : TROUPE_UNAVAILABLE,
		       r == -EAGAIN ? "host.queue_full" : "host.unreachable");
	} else if (id != 0) {
		sim_ask_add(sim, &(struct sim_ask){ .id = id, .asker = caller, .to = callee->node, .lost = call_lost,
						    .via = parcel.through != NULL ? parcel.through : callee->node });
	}
}

static uint64_t host_call(const struct troupe_host *h, const struct troupe_call *in)
{
	struct sim_instance *caller = sim_of(h), *callee;
	struct sim *sim = caller->sim;
	struct sim_context outer = sim->context;
	uint64_t timeout_us = (in->timeout_ms ? in->timeout_ms : 5000) * 1000ull, id = 0;
	int copies;

	if (caller->ending) {
		host_buf_unref(h, in->body);
		return 0;
	}
	if (strcmp(caller->role, "frontend") == 0 && (in->account | in->actor | in->session) != 0) {
		sim->context = (struct sim_context){ in->account, in->actor, in->session };
	}
	if (in->on_reply != NULL) {
		struct sim_call *call = calloc(1, sizeof(*call));

		id = sim->next_id++;
		*call = (struct sim_call){ id, caller, caller->incarnation, in->method, outer, in->on_reply,
					   in->typed, in->arg };
		sim_table_add(&sim->calls, call);
		sim_schedule(sim, caller, timeout_us, SIM_DEADLINE, deadline_run, NULL)->id = id;
	}
	callee = pick(sim, caller, in);
	copies = callee != NULL ? message_copies(sim) : 0;
	if (callee == NULL) {
		refuse(in, caller, id, in->method == 0 ? TROUPE_INVALID_ARGUMENT : TROUPE_UNAVAILABLE,
		       in->method == 0 ? "host.too_large" : "host.not_ready");
	} else if (callee->node != caller->node) {
		call_post(in, caller, callee, id, sim->now_us + timeout_us);
		copies = 0;
	}
	for (int i = 0; i < copies; i++) {
		sim_schedule(sim, callee, message_delay(sim), SIM_DELIVER, delivery_run,
			     delivery_new(in, caller, id, sim->now_us + timeout_us))
			->drop = delivery_drop;
	}
	sim->context = outer;
	host_buf_unref(h, in->body);
	return id;
}

static void host_cancel(const struct troupe_host *h, uint64_t id)
{
	struct sim_instance *caller = sim_of(h);
	struct sim_call *call = sim_table_find(&caller->sim->calls, id);

	if (call != NULL && call->caller == caller) {
		sim_ask_end(caller->sim, id);
		free(sim_table_take(&caller->sim->calls, id));
	}
}

static void host_reply(const struct troupe_host *h, uint64_t id, int32_t status, struct troupe_buf *body)
{
	struct sim_instance *callee = sim_of(h);
	struct sim *sim = callee->sim;
	struct sim_request *request = sim_table_find(&sim->requests, id);

	if (callee->ending || request == NULL || request->callee != callee) {
		host_buf_unref(h, body);
		return;
	}
	sim_table_take(&sim->requests, id);
	answer_send(sim, &(struct answer_way){ request->caller, request->call, callee->node, request->through },
		    callee->host.id, status, body);
	free(request);
}

static void table_purge(struct sim_table *table, int (*gone)(const void *item, const void *of), const void *of)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->len; i++) {
		if (gone(table->items[i], of)) {
			free(table->items[i]);
		} else {
			table->items[kept++] = table->items[i];
		}
	}
	table->len = kept;
}

static int call_gone(const void *item, const void *of)
{
	return ((const struct sim_call *)item)->caller == of;
}

static int request_gone(const void *item, const void *of)
{
	return ((const struct sim_request *)item)->callee == of;
}

void sim_messages_crashed(struct sim *sim, struct sim_instance *instance)
{
	/* callers of what it was working on learn it at once, or by their deadline */
	for (size_t i = 0; i < sim->requests.len && sim->nodes_len == 0; i++) {
		struct sim_request *request = sim->requests.items[i];

		if (request->callee == instance && sim_chance(sim, 500000)) {
			answer_reason(sim, &(struct answer_way){ request->caller, request->call, NULL, NULL },
				      TROUPE_UNAVAILABLE, "host.gone");
		}
	}
	table_purge(&sim->calls, call_gone, instance);
	table_purge(&sim->requests, request_gone, instance);
}

static uint32_t host_peers(const struct troupe_host *h, const char *service, struct troupe_peer *ret_peers,
			   uint32_t max)
{
	struct sim *sim = sim_of(h)->sim;
	uint32_t count = 0;

	for (unsigned i = 0; i < sim->instances_len; i++) {
		struct sim_instance *at = sim->instances[i];

		if (serves(at, service)) {
			if (count < max) {
				ret_peers[count] = (struct troupe_peer){ at->host.id, at->host.name, at->host.part,
									 (uint32_t)sees(sim, sim_of(h), at), at->load };
			}
			count++;
		}
	}
	return count;
}

static int32_t host_place(const struct troupe_host *h, uint32_t route, uint64_t key, uint64_t instance)
{
	struct sim *sim = sim_of(h)->sim;
	size_t at = 0;

	while (at < sim->places_len && (sim->places[at].key != key || sim->places[at].route != route)) {
		at++;
	}
	if (instance == 0) {
		if (at < sim->places_len) {
			sim->places[at] = sim->places[--sim->places_len];
		}
		return TROUPE_OK;
	}
	if (at == sim->places_len) {
		sim->places = realloc(sim->places, (at + 1) * sizeof(*sim->places));
		sim->places_len++;
	}
	for (unsigned i = 0; i < sim->instances_len; i++) {
		if (sim->instances[i]->host.id == instance) {
			sim->places[at].key = key;
			sim->places[at].route = route;
			sim->places[at].instance = sim->instances[i];
			return TROUPE_OK;
		}
	}
	sim->places_len--;
	return TROUPE_NOT_FOUND;
}

/* service_name: the part of a method's name before its dot, kept until sim_close */
static const char *service_name(struct sim *sim, const char *method)
{
	size_t len = strcspn(method, ".");
	unsigned i = 0;

	while (i < sim->services_len && (strncmp(sim->services[i], method, len) != 0 || sim->services[i][len] != '\0')) {
		i++;
	}
	if (i == sim->services_len) {
		sim->services = realloc(sim->services, (i + 1) * sizeof(*sim->services));
		sim->services[i] = strndup(method, len);
		sim->services_len++;
	}
	return sim->services[i];
}

static int32_t host_route(const struct troupe_host *h, uint32_t client_event, struct troupe_route *ret_route)
{
	struct sim *sim = sim_of(h)->sim;

	for (unsigned i = 0; i < sim->instances_len; i++) {
		const struct troupe_method *method = instance_methods(sim->instances[i]);

		for (; method != NULL && method->name != NULL; method++) {
			if (method->client_event == client_event && client_event != 0) {
				ret_route->method = method->id;
				ret_route->reply_event = method->client_reply;
				ret_route->to = method->client_to;
				ret_route->service = service_name(sim, method->name);
				return TROUPE_OK;
			}
		}
	}
	return TROUPE_NOT_FOUND;
}

/* --- commands ------------------------------------------------------------------------------------- */

void sim_command(struct sim *sim, const char *name, const char *verb, const void *args, troupe_reply_fn on_reply,
		 void *arg)
{
	static struct sim_instance nobody = { .role = "operator", .alive = 1 };
	struct sim_instance *instance = sim_find(sim, name);
	const struct troupe_command *command = instance->config->plugin->commands;
	struct sim_call *call = calloc(1, sizeof(*call));
	struct sim_request *request = calloc(1, sizeof(*request));
	struct troupe_request in = { .size = sizeof(in), .operator_name = "test", .from_role = "operator" };

	while (command != NULL && command->verb != NULL && strcmp(command->verb, verb) != 0) {
		command++;
	}
	if (command == NULL || command->verb == NULL) {
		fprintf(stderr, "sim: %s has no command %s\n", name, verb);
		abort();
	}
	*call = (struct sim_call){ .id = sim->next_id++, .caller = &nobody, .on_reply = on_reply, .arg = arg };
	sim_table_add(&sim->calls, call);
	*request = (struct sim_request){ sim->next_id++, call->id, &nobody, instance, instance->incarnation, NULL };
	sim_table_add(&sim->requests, request);
	in.id = request->id;
	sim->context = (struct sim_context){ 0 };
	command->run(instance->self, &in, args);
}

void sim_message_fill(struct troupe_host *table)
{
	table->buf_new = host_buf_new;
	table->buf_ref = host_buf_ref;
	table->buf_unref = host_buf_unref;
	table->call = host_call;
	table->cancel = host_cancel;
	table->reply = host_reply;
	table->peers = host_peers;
	table->place = host_place;
	table->route = host_route;
}
