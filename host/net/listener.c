/* SPDX-License-Identifier: MIT */
/* Listening sockets: who is let in, and what happens when the descriptors run out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/net/address.h"
#include "host/net/conn.h"

#define PAUSE_MS 100u	   /* after the descriptors ran out */
#define WARN_EVERY_MS 10000u

#define CONNS_MAX_DEFAULT 10000u
#define IN_MAX_DEFAULT 65544u
#define OUT_MAX_DEFAULT 262144u

struct net *net_new(struct loop *loop, const struct net_setup *setup)
{
	struct net *net = calloc(1, sizeof(*net));

	if (net == NULL) {
		return NULL;
	}
	net->loop = loop;
	net->setup = *setup;
	net->pool.buf_unref = setup->buf_unref;
	net->first_free = UINT32_MAX;
	net->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	net->hook.run = net_due_run;
	loop_hook_end(loop, &net->hook);
	return net;
}

struct net *net_free(struct net *net)
{
	if (net == NULL) {
		return NULL;
	}
	/* frees the structs of connections that ended after the last turn */
	while (net_due_run(&net->hook)) {
	}
	out_pool_clear(&net->pool);
	free(net->slots);
	if (net->reserve_fd >= 0) {
		close(net->reserve_fd);
	}
	free(net);
	return NULL;
}

size_t net_conns(const struct net *net)
{
	return net->conns;
}

static void listener_free(struct net_listener *listener)
{
	struct net_listener **at = &listener->owner->listeners;

	while (*at != NULL && *at != listener) {
		at = &(*at)->next;
	}
	if (*at == listener) {
		*at = listener->next;
	}
	network_clear(&listener->networks);
	free((char *)(uintptr_t)listener->listen.address);
	free(listener);
}

void listener_leave(struct net_listener *listener, uint64_t network)
{
	if (listener->listen.per_network_max != 0) {
		network_remove(&listener->networks, network);
	}
	listener->conns--;
	if (listener->conns == 0 && listener->fd < 0) {
		listener_free(listener);
	}
}

static void listener_close(struct net_listener *listener)
{
	if (listener->fd < 0) {
		return;
	}
	loop_timer_stop(&listener->pause);
	loop_io_stop(&listener->io);
	close(listener->fd);
	listener->fd = -1;
}

/* --- accepting ----------------------------------------------------------------------------------- */

static void listener_warn(struct net_listener *listener, const char *text)
{
	uint64_t now = loop_now_us(listener->net->loop) / 1000;

	if (listener->net->setup.warn == NULL || (listener->warned && now - listener->warned_ms < WARN_EVERY_MS)) {
		return;
	}
	listener->warned = true;
	listener->warned_ms = now;
	listener->net->setup.warn(listener->owner->name, "N0101", text);
}

static void pause_over(struct loop_timer *timer)
{
	struct net_listener *listener =
		(struct net_listener *)(void *)((char *)timer - offsetof(struct net_listener, pause));
	struct net *net = listener->net;

	if (net->reserve_fd < 0) {
		net->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	loop_io_change(&listener->io, LOOP_READ);
}

/* No descriptor is left for those who wait. They would stay readable and the loop would spin; so some are turned
 * away with the descriptor kept for that, and the rest wait a little. */
static void descriptors_out(struct net_listener *listener, int error)
{
	struct net *net = listener->net;
	char text[256];

	for (int i = 0; i < ACCEPTS_PER_TURN && net->reserve_fd >= 0; i++) {
		close(net->reserve_fd);
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			close(fd);
			stat_add(&listener_stats(listener)->refused_files, 1);
		}
		net->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			break;
		}
	}
	snprintf(text, sizeof(text), "newcomers on %s are turned away: %s; %s", listener->listen.address,
		 strerror(error),
		 error == EMFILE || error == ENFILE ? "raise the limit of open files (ulimit -n, LimitNOFILE=)" :
						      "free memory");
	listener_warn(listener, text);
	loop_io_change(&listener->io, 0);
	loop_timer_start(net->loop, &listener->pause, PAUSE_MS);
}

static void newcomer(struct net_listener *listener, int fd, const struct sockaddr_storage *addr)
{
	struct net_stats *stats = listener_stats(listener);
	uint64_t network = net_address_network(addr);
	char peer[NET_ADDRESS_TEXT_MAX];

	if (listener->conns >= listener->listen.conns_max) {
		stat_add(&stats->refused_full, 1);
		close(fd);
		return;
	}
	if (listener->listen.per_network_max != 0) {
		int r = network_add(&listener->networks, network, listener->listen.per_network_max);
		if (r < 0) {
			stat_add(r == -EAGAIN ? &stats->refused_network : &stats->refused_files, 1);
			close(fd);
			return;
		}
	}
	listener->conns++;
	if (conn_open(listener, fd, network, net_address_format(addr, peer)) < 0) {
		stat_add(&stats->refused_files, 1);
		close(fd);
		listener_leave(listener, network);
	}
}

static void listener_ready(struct loop_io *io, unsigned events)
{
	struct net_listener *listener = (struct net_listener *)(void *)io;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN && listener->fd >= 0; i++) {
		struct sockaddr_storage addr;
		socklen_t len = sizeof(addr);
		int fd = accept4(listener->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			newcomer(listener, fd, &addr);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			descriptors_out(listener, errno);
			return;
		} else if (errno == EAGAIN) {
			return;
		}
		/* anything else is the newcomer's own trouble, as accept(2) says: go on with the next */
	}
}

/* --- the owner ----------------------------------------------------------------------------------- */

static int32_t listen_failed(struct troupe_error *reterr, int32_t status, const char *text)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "cannot listen: %s", text);
	reterr->help[0] = '\0';
	return status;
}

/* Copies the part of `listen` that its maker knew, and fills in the defaults. */
static struct net_listener *listener_new(struct net *net, struct net_owner *owner, const struct troupe_listen *listen)
{
	struct net_listener *listener = calloc(1, sizeof(*listener));
	struct troupe_listen *own;

	if (listener == NULL) {
		return NULL;
	}
	own = &listener->listen;
	memcpy(own, listen, listen->size < sizeof(*own) ? listen->size : sizeof(*own));
	own->address = strdup(listen->address);
	if (own->address == NULL) {
		free(listener);
		return NULL;
	}
	own->conns_max = own->conns_max != 0 ? own->conns_max : CONNS_MAX_DEFAULT;
	own->in_max = own->in_max != 0 ? own->in_max : IN_MAX_DEFAULT;
	own->out_max = own->out_max != 0 ? own->out_max : OUT_MAX_DEFAULT;
	listener->net = net;
	listener->owner = owner;
	return listener;
}

static int32_t listen_start(struct net *net, struct net_owner *owner, const struct troupe_listen *listen, int fd,
			    struct troupe_error *reterr)
{
	struct net_listener *listener = listener_new(net, owner, listen);

	if (listener == NULL) {
		close(fd);
		return listen_failed(reterr, TROUPE_RESOURCE_EXHAUSTED, "no memory");
	}
	listener->fd = fd;
	listener->io.ready = listener_ready;
	listener->pause.expire = pause_over;
	listener->next = owner->listeners;
	owner->listeners = listener;
	loop_io_start(net->loop, &listener->io, listener->fd, LOOP_READ);
	return TROUPE_OK;
}

static int32_t listen_check(const struct troupe_listen *listen, struct troupe_error *reterr)
{
	if (!TROUPE_HAS(listen, on_close) || listen->address == NULL || listen->on_open == NULL ||
	    listen->on_bytes == NULL || listen->on_close == NULL) {
		return listen_failed(reterr, TROUPE_INVALID_ARGUMENT, "address, on_open, on_bytes or on_close is missing");
	}
	if (listen->in_max > INT32_MAX || listen->out_max > INT32_MAX) {
		return listen_failed(reterr, TROUPE_INVALID_ARGUMENT, "in_max and out_max are below 2 GiB");
	}
	return TROUPE_OK;
}

int32_t net_listen(struct net *net, struct net_owner *owner, const struct troupe_listen *listen, uint16_t *ret_port,
		   struct troupe_error *reterr)
{
	struct net_address address;
	int32_t status = listen_check(listen, reterr);

	if (status == TROUPE_OK) {
		status = net_address_parse(listen->address, net->setup.address, &address, reterr);
	}
	if (status != TROUPE_OK) {
		return status;
	}
	int fd = net_address_listen(&address, listen->address, ret_port, reterr);
	return fd < 0 ? reterr->status : listen_start(net, owner, listen, fd, reterr);
}

int32_t net_listen_fd(struct net *net, struct net_owner *owner, const struct troupe_listen *listen, int fd,
		      struct troupe_error *reterr)
{
	int32_t status = listen_check(listen, reterr);

	if (status != TROUPE_OK) {
		close(fd);
		return status;
	}
	return listen_start(net, owner, listen, fd, reterr);
}

void net_owner_drain(struct net *net, struct net_owner *owner)
{
	struct net_listener *next;

	(void)net;
	for (struct net_listener *listener = owner->listeners; listener != NULL; listener = next) {
		next = listener->next;
		listener_close(listener);
		if (listener->conns == 0) {
			listener_free(listener);
		}
	}
}

void net_owner_stop(struct net *net, struct net_owner *owner)
{
	net_owner_drain(net, owner);
	for (uint32_t i = 0; i < net->slots_len; i++) {
		struct conn *conn = net->slots[i].conn;
		if (conn != NULL && conn->listener->owner == owner) {
			conn_stop(conn, TROUPE_END_HOST);
		}
	}
}
