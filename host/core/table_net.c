/* SPDX-License-Identifier: MIT */
/* The connection functions of the host table: an instance becomes the owner of its connections in host/net. */
#include <stdio.h>
#include <stdlib.h>

#include "host/core/core.h"
#include "host/core/table.h"
#include "host/net/net.h"

/* What an instance that has listened once keeps until it stops. */
struct instance_net {
	struct net_owner owner; /* first */
	struct instance_hook hook;
	struct instance *instance;
	struct net *net;
};

static void on_enter(struct net_owner *owner)
{
	instance_enter(((struct instance_net *)(void *)owner)->instance, NULL);
}

static void on_leave(struct net_owner *owner)
{
	instance_leave(((struct instance_net *)(void *)owner)->instance);
}

static void on_stop(struct instance_hook *hook)
{
	struct instance_net *link = (struct instance_net *)(void *)((char *)hook - offsetof(struct instance_net, hook));

	net_owner_stop(link->net, &link->owner);
	link->instance->net = NULL;
	free(link);
}

static struct instance_net *link_of(const struct troupe_host *h)
{
	return instance_of(h)->net;
}

static struct instance_net *link_make(struct instance *instance)
{
	struct instance_net *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		return NULL;
	}
	link->owner = (struct net_owner){ .instance = instance->self,
					  .name = instance->host.name,
					  .enter = on_enter,
					  .leave = on_leave,
					  .stats = &instance->net_stats };
	link->instance = instance;
	link->net = core_net(instance->core, loop_index(instance->loop));
	link->hook.stop = on_stop;
	instance_hook_add(instance, &link->hook);
	instance->net = link;
	return link;
}

static int32_t on_listen(const struct troupe_host *h, const struct troupe_listen *listen, uint16_t *ret_port,
			 struct troupe_error *reterr)
{
	struct instance *instance = instance_of(h);

	if (instance_stopping(instance)) {
		reterr->status = TROUPE_FAILED_PRECONDITION;
		snprintf(reterr->text, sizeof(reterr->text), "cannot listen: the instance is stopping");
		reterr->help[0] = '\0';
		return TROUPE_FAILED_PRECONDITION;
	}
	struct instance_net *link = instance->net != NULL ? instance->net : link_make(instance);

	if (link == NULL) {
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	uint16_t port = 0;
	int32_t status = net_listen(link->net, &link->owner, listen, &port, reterr);

	if (status == TROUPE_OK) {
		atomic_store_explicit(&instance->port, port, memory_order_relaxed);
		if (ret_port != NULL) {
			*ret_port = port;
		}
	}
	return status;
}

static int32_t on_send(const struct troupe_host *h, uint64_t conn, const void *head, size_t head_len,
		       struct troupe_buf *body)
{
	struct instance_net *link = link_of(h);

	if (link == NULL) {
		h->buf_unref(h, body);
		return TROUPE_NOT_FOUND;
	}
	return net_send(link->net, &link->owner, conn, head, head_len, body);
}

static size_t on_queued(const struct troupe_host *h, uint64_t conn)
{
	struct instance_net *link = link_of(h);

	return link != NULL ? net_queued(link->net, &link->owner, conn) : 0;
}

static void on_conn_close(const struct troupe_host *h, uint64_t conn, uint32_t now)
{
	struct instance_net *link = link_of(h);

	if (link != NULL) {
		net_close(link->net, &link->owner, conn, now);
	}
}

static void on_conn_idle(const struct troupe_host *h, uint64_t conn, uint64_t ms)
{
	struct instance_net *link = link_of(h);

	if (link != NULL) {
		net_idle(link->net, &link->owner, conn, ms);
	}
}

void table_net_drain(struct instance *instance)
{
	if (instance->net != NULL) {
		net_owner_drain(instance->net->net, &instance->net->owner);
	}
}

void table_fill_net(struct troupe_host *table)
{
	table->listen = on_listen;
	table->conn_send = on_send;
	table->conn_queued = on_queued;
	table->conn_close = on_conn_close;
	table->conn_idle = on_conn_idle;
}
