/* SPDX-License-Identifier: MIT */
/* The simulator's connections: the test holds the other end. */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

struct sim_conn {
	uint64_t id;
	struct sim_instance *instance;
	const struct troupe_listen *listener;
	uint32_t incarnation;
	void *user;
	int open, blocked, closing;
	uint8_t *in, *out;
	size_t in_len, out_len;
	uint64_t idle_us, last_us;
};

static struct sim_conn *conn_find(struct sim *sim, uint64_t id)
{
	for (unsigned i = 0; i < sim->conns_len; i++) {
		if (sim->conns[i]->id == id) {
			return sim->conns[i];
		}
	}
	return NULL;
}

static void conn_close(struct sim_conn *conn, int32_t why)
{
	if (!conn->open) {
		return;
	}
	conn->open = 0;
	if (conn->incarnation == conn->instance->incarnation && conn->listener->on_close != NULL) {
		conn->listener->on_close(conn->instance->self, conn->user, conn->id, why);
	}
}

struct closing {
	struct sim_conn *conn;
	int32_t why;
};

static void close_run(struct sim *sim, struct sim_event *event)
{
	struct closing *closing = event->payload;

	(void)sim;
	conn_close(closing->conn, closing->why);
}

/* close_later: callbacks never run inside a host function */
static void close_later(struct sim_conn *conn, int32_t why)
{
	struct closing *closing = malloc(sizeof(*closing));

	*closing = (struct closing){ conn, why };
	conn->closing = 1;
	sim_schedule(conn->instance->sim, conn->instance, 1, SIM_ACCEPT_BYTES, close_run, closing);
}

static void idle_run(struct sim *sim, struct sim_event *event)
{
	struct sim_conn *conn = conn_find(sim, event->id);

	if (conn == NULL || !conn->open || conn->idle_us == 0) {
		return;
	}
	if (sim->now_us - conn->last_us >= conn->idle_us) {
		conn_close(conn, TROUPE_END_IDLE);
	} else {
		sim_schedule(sim, conn->instance, conn->last_us + conn->idle_us - sim->now_us, SIM_TIMER, idle_run,
			     NULL)
			->id = conn->id;
	}
}

static void host_conn_idle(const struct troupe_host *h, uint64_t id, uint64_t ms)
{
	struct sim *sim = sim_of(h)->sim;
	struct sim_conn *conn = conn_find(sim, id);

	if (conn != NULL && conn->open) {
		conn->idle_us = ms * 1000;
		if (ms != 0) {
			sim_schedule(sim, conn->instance, conn->idle_us, SIM_TIMER, idle_run, NULL)->id = id;
		}
	}
}

static int32_t host_listen(const struct troupe_host *h, const struct troupe_listen *listen, uint16_t *ret_port,
			   struct troupe_error *reterr)
{
	struct sim_instance *instance = sim_of(h);

	(void)reterr;
	if (instance->listeners_len == SIM_LISTENERS_MAX) {
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	instance->listeners[instance->listeners_len++] = *listen;
	*ret_port = (uint16_t)(20000 + (instance->host.id & 0xFFF) + instance->listeners_len);
	return TROUPE_OK;
}

static int32_t host_conn_send(const struct troupe_host *h, uint64_t id, const void *head, size_t head_len,
			      struct troupe_buf *body)
{
	struct sim_instance *instance = sim_of(h);
	struct sim_conn *conn = conn_find(instance->sim, id);
	size_t body_len = body != NULL ? body->len : 0, out_max;
	int32_t status = TROUPE_NOT_FOUND;

	if (conn != NULL && conn->open && !conn->closing && !instance->ending) {
		out_max = conn->listener->out_max ? conn->listener->out_max : 262144;
		status = TROUPE_OK;
		if (conn->blocked && conn->out_len + head_len + body_len > out_max) {
			status = TROUPE_RESOURCE_EXHAUSTED;
			close_later(conn, TROUPE_END_SLOW);
		} else {
			conn->out = realloc(conn->out, conn->out_len + head_len + body_len + 1);
			if (head_len > 0) {
				memcpy(conn->out + conn->out_len, head, head_len);
			}
			if (body_len > 0) {
				memcpy(conn->out + conn->out_len + head_len, body->data, body_len);
			}
			conn->out_len += head_len + body_len;
		}
	}
	h->buf_unref(h, body);
	return status;
}

static size_t host_conn_queued(const struct troupe_host *h, uint64_t id)
{
	struct sim_conn *conn = conn_find(sim_of(h)->sim, id);

	return conn != NULL && conn->open && conn->blocked ? conn->out_len : 0;
}

static void host_conn_close(const struct troupe_host *h, uint64_t id, uint32_t now)
{
	struct sim_conn *conn = conn_find(sim_of(h)->sim, id);

	(void)now;
	if (conn != NULL && conn->open && !conn->closing && !sim_of(h)->ending) {
		close_later(conn, TROUPE_END_LOCAL);
	}
}

/* --- the test's side ------------------------------------------------------------------------------ */

static uint64_t network_of(const char *peer)
{
	return troupe_fnv64(peer, strcspn(peer, ":"));
}

uint64_t sim_connect(struct sim *sim, const char *name, unsigned listener, const char *peer)
{
	struct sim_instance *instance = sim_find(sim, name);
	struct sim_conn *conn;
	unsigned same = 0, all = 0;
	const struct troupe_listen *at;

	if (!instance->alive || listener >= instance->listeners_len || sim->conns_len == SIM_CONNS_MAX) {
		return 0;
	}
	at = &instance->listeners[listener];
	for (unsigned i = 0; i < sim->conns_len; i++) {
		all += sim->conns[i]->open && sim->conns[i]->listener == at;
	}
	(void)same;
	if (all >= (at->conns_max ? at->conns_max : 10000)) {
		return 0;
	}
	conn = calloc(1, sizeof(*conn));
	conn->id = sim->next_id++;
	conn->instance = instance;
	conn->listener = at;
	conn->incarnation = instance->incarnation;
	conn->open = 1;
	conn->last_us = sim->now_us;
	sim->conns[sim->conns_len++] = conn;
	sim->context = (struct sim_context){ 0 };
	conn->user = at->on_open(instance->self, at->arg, conn->id, peer, network_of(peer));
	if (at->idle_ms != 0) {
		host_conn_idle(&instance->host, conn->id, at->idle_ms);
	}
	return conn->id;
}

void sim_bytes(struct sim *sim, uint64_t id, const void *bytes, size_t len)
{
	struct sim_conn *conn = conn_find(sim, id);
	size_t used, in_max;

	if (conn == NULL || !conn->open || conn->closing) {
		return;
	}
	conn->in = realloc(conn->in, conn->in_len + len + 1);
	memcpy(conn->in + conn->in_len, bytes, len);
	conn->in_len += len;
	conn->last_us = sim->now_us;
	sim->context = (struct sim_context){ 0 };
	used = conn->listener->on_bytes(conn->instance->self, conn->user, id, conn->in, conn->in_len);
	memmove(conn->in, conn->in + used, conn->in_len - used);
	conn->in_len -= used;
	in_max = conn->listener->in_max ? conn->listener->in_max : 65544;
	if (conn->in_len > in_max) {
		conn_close(conn, TROUPE_END_LOCAL);
	}
}

const uint8_t *sim_sent(struct sim *sim, uint64_t id, size_t *ret_len)
{
	struct sim_conn *conn = conn_find(sim, id);

	*ret_len = conn != NULL ? conn->out_len : 0;
	return conn != NULL ? conn->out : NULL;
}

void sim_taken(struct sim *sim, uint64_t id, size_t len)
{
	struct sim_conn *conn = conn_find(sim, id);

	if (conn != NULL && len <= conn->out_len && len > 0) {
		memmove(conn->out, conn->out + len, conn->out_len - len);
		conn->out_len -= len;
	}
}

int sim_conn_open(struct sim *sim, uint64_t id)
{
	struct sim_conn *conn = conn_find(sim, id);

	return conn != NULL && conn->open;
}

void sim_block(struct sim *sim, uint64_t id, int blocked)
{
	struct sim_conn *conn = conn_find(sim, id);

	if (conn != NULL) {
		conn->blocked = blocked;
	}
}

void sim_hangup(struct sim *sim, uint64_t id)
{
	struct sim_conn *conn = conn_find(sim, id);

	if (conn != NULL) {
		sim->context = (struct sim_context){ 0 };
		conn_close(conn, TROUPE_END_PEER);
	}
}

void sim_conns_crashed(struct sim *sim, struct sim_instance *instance)
{
	for (unsigned i = 0; i < sim->conns_len; i++) {
		if (sim->conns[i]->instance == instance) {
			sim->conns[i]->open = 0;
		}
	}
}

void sim_conns_close_all(struct sim *sim)
{
	for (unsigned i = 0; i < sim->conns_len; i++) {
		free(sim->conns[i]->in);
		free(sim->conns[i]->out);
		free(sim->conns[i]);
	}
}

void sim_conn_fill(struct troupe_host *table)
{
	table->listen = host_listen;
	table->conn_send = host_conn_send;
	table->conn_queued = host_conn_queued;
	table->conn_close = host_conn_close;
	table->conn_idle = host_conn_idle;
}
