/* SPDX-License-Identifier: MIT */
/* The life of a connection: bytes in, bytes out, its end. */
#include "host/net/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net *conn_net(const struct conn *conn)
{
	return conn->listener->net;
}

static uint64_t now_ms(const struct net *net)
{
	return loop_now_us(net->loop) / 1000;
}

/* --- ids ---------------------------------------------------------------------------------------- */

/* The lower half of an id is a slot, the upper half says for the how-many-th time it is used. */
static int slot_take(struct net *net, struct conn *conn)
{
	if (net->first_free == UINT32_MAX) {
		uint32_t len = net->slots_len == 0 ? 64 : net->slots_len * 2;
		struct conn_slot *slots = realloc(net->slots, len * sizeof(*slots));
		if (slots == NULL) {
			return -ENOMEM;
		}
		for (uint32_t i = len; i-- > net->slots_len;) {
			slots[i] = (struct conn_slot){ .generation = 1, .next_free = net->first_free };
			net->first_free = i;
		}
		net->slots = slots;
		net->slots_len = len;
	}
	uint32_t at = net->first_free;
	net->first_free = net->slots[at].next_free;
	net->slots[at].conn = conn;
	conn->id = (uint64_t)net->slots[at].generation << 32 | at;
	net->conns++;
	return 0;
}

static void slot_give(struct net *net, uint64_t id)
{
	uint32_t at = (uint32_t)id;
	struct conn_slot *slot = &net->slots[at];

	slot->conn = NULL;
	/* 0 is skipped: no connection has the id 0 */
	slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
	slot->next_free = net->first_free;
	net->first_free = at;
	net->conns--;
}

static struct conn *conn_find(const struct net *net, const struct net_owner *owner, uint64_t id)
{
	uint32_t at = (uint32_t)id;

	if (at >= net->slots_len || net->slots[at].generation != id >> 32) {
		return NULL;
	}
	struct conn *conn = net->slots[at].conn;
	return conn != NULL && conn->listener->owner == owner ? conn : NULL;
}

/* --- the end ------------------------------------------------------------------------------------ */

static void conn_due(struct conn *conn)
{
	struct net *net = conn_net(conn);

	if (!conn->due) {
		conn->due = true;
		conn->next_due = net->due;
		net->due = conn;
	}
}

void conn_end(struct conn *conn, enum troupe_conn_end why)
{
	if (conn->state == CONN_ENDED) {
		return;
	}
	if (conn->state == CONN_OPEN) {
		conn->why = (uint8_t)why;
	}
	conn->state = CONN_ENDED;
	loop_io_stop(&conn->io);
	loop_timer_stop(&conn->timer);
	conn_due(conn);
}

/* Everything but the struct itself, which net->due may still hold. */
static void conn_release(struct conn *conn)
{
	struct net_listener *listener = conn->listener;
	struct net *net = listener->net;
	uint64_t network = conn->network;

	loop_io_stop(&conn->io);
	loop_timer_stop(&conn->timer);
	close(conn->fd);
	out_clear(&net->pool, &conn->out);
	free(conn->in);
	stat_add(&listener_stats(listener)->closed[conn->why], 1);
	slot_give(net, conn->id);
	conn->gone = true;
	if (conn->opened) {
		owner_enter(listener->owner);
		listener->listen.on_close(listener->owner->instance, conn->user, conn->id, conn->why);
		owner_leave(listener->owner);
	}
	if (!conn->due) {
		free(conn);
	}
	listener_leave(listener, network);
}

/* --- out ---------------------------------------------------------------------------------------- */

/* Our last byte has left. A close now would reset the connection if the peer has sent something that we did not
 * read, and the peer could lose our last words; so the peer closes first, if it does soon. */
static void conn_linger(struct conn *conn)
{
	if (shutdown(conn->fd, SHUT_WR) != 0) {
		conn_end(conn, TROUPE_END_LOCAL);
		return;
	}
	conn->state = CONN_LINGERING;
	loop_io_change(&conn->io, LOOP_READ);
}

static void conn_flush(struct conn *conn)
{
	struct net *net = conn_net(conn);
	ssize_t sent = out_write(&net->pool, &conn->out, conn->fd);

	if (sent < 0) {
		out_clear(&net->pool, &conn->out);
		conn->out_len = 0;
		conn_end(conn, TROUPE_END_PEER);
		return;
	}
	stat_add(&listener_stats(conn->listener)->sent_bytes, (uint64_t)sent);
	conn->out_len -= (uint32_t)sent;
	bool blocked = conn->out_len > 0;
	if (blocked != conn->blocked && conn->state != CONN_ENDED) {
		unsigned reads = conn->state == CONN_OPEN ? LOOP_READ : 0;
		loop_io_change(&conn->io, reads | (blocked ? LOOP_WRITE : 0));
	}
	conn->blocked = blocked;
}

bool net_due_run(struct loop_hook *hook)
{
	struct net *net = (struct net *)(void *)((char *)hook - offsetof(struct net, hook));
	struct conn *next, *conn = net->due;

	/* what callbacks add from here on has its turn next */
	net->due = NULL;
	for (; conn != NULL; conn = next) {
		next = conn->next_due;
		conn->due = false;
		if (conn->gone) {
			free(conn);
			continue;
		}
		if (conn->out_len > 0 && !conn->blocked) {
			conn_flush(conn);
		}
		if (conn->state == CONN_FLUSHING && conn->out_len == 0) {
			conn_linger(conn);
		}
		if (conn->state == CONN_ENDED) {
			/* it may have put itself on the new list just now: then that list frees it */
			conn_release(conn);
		}
	}
	return net->due != NULL;
}

static int32_t conn_queue(struct conn *conn, const void *head, size_t head_len, struct troupe_buf *body)
{
	struct net *net = conn_net(conn);
	uint32_t body_len = body != NULL ? body->len : 0;
	int r = out_copy(&net->pool, &conn->out, head, head_len);

	if (body != NULL && r == 0) {
		r = out_body(&net->pool, &conn->out, body);
	} else if (body != NULL) {
		net->setup.buf_unref(body);
	}
	if (r < 0) {
		/* half a message is worse than none */
		out_clear(&net->pool, &conn->out);
		conn->out_len = 0;
		conn_end(conn, TROUPE_END_SLOW);
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	conn->out_len += (uint32_t)head_len + body_len;
	conn_due(conn);
	return TROUPE_OK;
}

int32_t net_send(struct net *net, const struct net_owner *owner, uint64_t id, const void *head, size_t head_len,
		 struct troupe_buf *body)
{
	struct conn *conn = conn_find(net, owner, id);
	size_t len = head_len + (body != NULL ? body->len : 0);

	if (conn == NULL || conn->state != CONN_OPEN) {
		if (body != NULL) {
			net->setup.buf_unref(body);
		}
		return TROUPE_NOT_FOUND;
	}
	size_t out_max = conn->listener->listen.out_max;
	if (conn->out_len + len > out_max && conn->out_len > 0 && !conn->blocked) {
		/* much in one turn does not make the peer slow: first see what the socket takes */
		conn_flush(conn);
	}
	if (conn->state != CONN_OPEN || conn->out_len + len > out_max) {
		if (body != NULL) {
			net->setup.buf_unref(body);
		}
		conn_end(conn, TROUPE_END_SLOW);
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	return conn_queue(conn, head, head_len, body);
}

size_t net_queued(const struct net *net, const struct net_owner *owner, uint64_t id)
{
	const struct conn *conn = conn_find(net, owner, id);

	/* else it has not been offered to the socket yet */
	return conn != NULL && conn->blocked ? conn->out_len : 0;
}

/* --- in ----------------------------------------------------------------------------------------- */

/* Hands bytes to the role; returns how many it consumed. */
static size_t conn_deliver(struct conn *conn, const uint8_t *bytes, size_t len)
{
	struct net_listener *listener = conn->listener;

	owner_enter(listener->owner);
	size_t consumed = listener->listen.on_bytes(listener->owner->instance, conn->user, conn->id, bytes, len);
	owner_leave(listener->owner);
	return consumed < len ? consumed : len;
}

static int rest_reserve(struct conn *conn, size_t size)
{
	if (size <= conn->in_size) {
		return 0;
	}
	uint8_t *in = realloc(conn->in, size);
	if (in == NULL) {
		return -ENOMEM;
	}
	conn->in = in;
	conn->in_size = (uint32_t)size;
	return 0;
}

static void rest_drop(struct conn *conn)
{
	free(conn->in);
	conn->in = NULL;
	conn->in_len = conn->in_size = 0;
}

/* Keeps what was not consumed. `bytes` may lie in conn->in. */
static void rest_keep(struct conn *conn, const uint8_t *bytes, size_t len)
{
	if (len == 0 || conn->state != CONN_OPEN) {
		rest_drop(conn);
		return;
	}
	bool in_place = conn->in != NULL && bytes >= conn->in && bytes < conn->in + conn->in_size;
	if (len > conn->listener->listen.in_max || (!in_place && rest_reserve(conn, len) < 0)) {
		conn_end(conn, TROUPE_END_FLOOD);
		return;
	}
	memmove(conn->in, bytes, len);
	conn->in_len = (uint32_t)len;
}

/* Where the next bytes go: behind what waits. Mostly that is nothing, or little enough to be copied in front of the
 * loop's buffer; a long unfinished frame grows where it is. */
static uint8_t *read_place(struct conn *conn, size_t *ret_room)
{
	struct net *net = conn_net(conn);

	if (conn->in_len <= REST_SMALL) {
		memcpy(net->in, conn->in, conn->in_len);
		*ret_room = READ_SIZE;
		return net->in;
	}
	size_t size = (size_t)conn->in_len * 2, size_max = (size_t)conn->listener->listen.in_max + 1;
	if (rest_reserve(conn, size < size_max ? size : size_max) < 0) {
		return NULL;
	}
	*ret_room = conn->in_size - conn->in_len;
	return conn->in;
}

static void conn_read(struct conn *conn)
{
	struct net *net = conn_net(conn);
	size_t room, kept = conn->in_len;
	uint8_t *bytes = kept == 0 ? net->in : read_place(conn, &room);

	if (kept == 0) {
		room = READ_SIZE;
	}
	if (bytes == NULL) {
		conn_end(conn, TROUPE_END_FLOOD);
		return;
	}
	ssize_t got = recv(conn->fd, bytes + kept, room, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (got <= 0) {
		conn_end(conn, TROUPE_END_PEER);
		return;
	}
	stat_add(&listener_stats(conn->listener)->received_bytes, (uint64_t)got);
	conn->quiet_ms = now_ms(net);
	size_t len = kept + (size_t)got;
	size_t consumed = conn_deliver(conn, bytes, len);
	if (consumed < len || kept > 0) {
		rest_keep(conn, bytes + consumed, len - consumed);
	}
}

/* Reads and forgets, until the peer has closed its side too. */
static void conn_discard(struct conn *conn)
{
	struct net *net = conn_net(conn);
	ssize_t got = recv(conn->fd, net->in, sizeof(net->in), 0);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		conn_end(conn, TROUPE_END_LOCAL);
	}
}

static void conn_ready(struct loop_io *io, unsigned events)
{
	struct conn *conn = (struct conn *)(void *)io;

	if ((events & LOOP_WRITE) && conn->out_len > 0) {
		conn_flush(conn);
		if (conn->state == CONN_FLUSHING) {
			conn_due(conn);
		}
	}
	if (events & LOOP_READ) {
		if (conn->state == CONN_OPEN) {
			conn_read(conn);
		} else if (conn->state == CONN_LINGERING) {
			conn_discard(conn);
		}
	}
}

/* --- time --------------------------------------------------------------------------------------- */

/* The timer is not moved by each byte: when it expires, it looks when the last one came and sleeps on. */
static void idle_arm(struct conn *conn)
{
	struct net *net = conn_net(conn);
	uint64_t now = now_ms(net), at = conn->quiet_ms + conn->idle_ms;

	at = (at / IDLE_GRAIN_MS + 1) * IDLE_GRAIN_MS;
	loop_timer_start(net->loop, &conn->timer, at > now ? at - now : 1);
}

static void conn_expire(struct loop_timer *timer)
{
	struct conn *conn = (struct conn *)(void *)((char *)timer - offsetof(struct conn, timer));

	if (conn->state != CONN_OPEN) {
		conn_end(conn, TROUPE_END_LOCAL);
	} else if (now_ms(conn_net(conn)) >= conn->quiet_ms + conn->idle_ms) {
		conn_end(conn, TROUPE_END_IDLE);
	} else {
		idle_arm(conn);
	}
}

void net_idle(struct net *net, const struct net_owner *owner, uint64_t id, uint64_t ms)
{
	struct conn *conn = conn_find(net, owner, id);

	if (conn == NULL || conn->state != CONN_OPEN) {
		return;
	}
	conn->idle_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
	conn->quiet_ms = now_ms(net);
	if (ms == 0) {
		loop_timer_stop(&conn->timer);
	} else {
		idle_arm(conn);
	}
}

int net_peer_uid(const struct net *net, const struct net_owner *owner, uint64_t id, uid_t *ret_uid)
{
	const struct conn *conn = conn_find(net, owner, id);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);

	/* for other families the kernel answers too, with the user -1 */
	if (conn == NULL || getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.uid == (uid_t)-1) {
		return -ENOENT;
	}
	*ret_uid = peer.uid;
	return 0;
}

/* --- opening and closing ------------------------------------------------------------------------- */

int conn_open(struct net_listener *listener, int fd, uint64_t network, const char *peer)
{
	struct net *net = listener->net;
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL || slot_take(net, conn) < 0) {
		free(conn);
		return -ENOMEM;
	}
	conn->listener = listener;
	conn->fd = fd;
	conn->network = network;
	conn->quiet_ms = now_ms(net);
	conn->idle_ms = listener->listen.idle_ms;
	conn->io.ready = conn_ready;
	conn->timer.expire = conn_expire;
	loop_io_start(net->loop, &conn->io, fd, LOOP_READ);
	if (conn->idle_ms != 0) {
		idle_arm(conn);
	}
	stat_add(&listener_stats(listener)->opened, 1);
	conn->opened = true;
	owner_enter(listener->owner);
	conn->user = listener->listen.on_open(listener->owner->instance, listener->listen.arg, conn->id, peer, network);
	owner_leave(listener->owner);
	return 0;
}

void net_close(struct net *net, const struct net_owner *owner, uint64_t id, uint32_t now)
{
	struct conn *conn = conn_find(net, owner, id);

	if (conn == NULL) {
		return;
	}
	if (now) {
		conn_end(conn, TROUPE_END_LOCAL);
		return;
	}
	if (conn->state != CONN_OPEN) {
		return;
	}
	conn->state = CONN_FLUSHING;
	conn->why = TROUPE_END_LOCAL;
	loop_io_change(&conn->io, conn->blocked ? LOOP_WRITE : 0);
	loop_timer_start(net->loop, &conn->timer, LINGER_MS);
	conn_due(conn);
}

void conn_stop(struct conn *conn, enum troupe_conn_end why)
{
	if (conn->state == CONN_OPEN) {
		conn->why = (uint8_t)why;
	}
	conn->state = CONN_ENDED;
	if (conn->out_len > 0 && !conn->blocked) {
		conn_flush(conn);
	}
	conn_release(conn);
}
