/* SPDX-License-Identifier: MIT */
/* Frames between host processes: the one file that knows nanomsg. */
#include "host/bus/wire.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/net/address.h"

#define IPC "ipc://"
#define TCP "tcp://"
#define BINDS_MAX 4u

_Static_assert(WIRE_PATH_MAX < sizeof(((struct sockaddr_un *)0)->sun_path), "nanomsg aborts at a longer path");

struct wire {
	struct loop_io io; /* first; NN_RCVFD */
	int socket;
	struct wire_setup setup;
	struct wire_peer *peers;
	struct wire_counts counts;
	char *paths[BINDS_MAX]; /* of ipc addresses */
	unsigned paths_len;
};

struct wire_peer {
	struct loop_io io; /* first; NN_SNDFD, watched only while a refused sender waits */
	int socket;	   /* -1: none */
	struct wire *wire;
	struct wire_peer *next, **link;
	char *address;
	bool refused; /* wire_send said -EAGAIN and on_writable has not run since */
	void (*on_writable)(void *arg);
	void *arg;
};

/* --- sockets ------------------------------------------------------------------------------------- */

static int option_set(int socket, int level, int option, int value)
{
	return nn_setsockopt(socket, level, option, &value, sizeof(value)) == 0 ? 0 : -nn_errno();
}

/* Makes a socket with all that both directions need; returns it and the descriptor to watch (always for reading), or
 * -errno. */
static int socket_new(int protocol, const char *address, int *ret_fd)
{
	int fd_option = protocol == NN_PULL ? NN_RCVFD : NN_SNDFD;
	bool ipv6 = address != NULL && strncmp(address, TCP "[", strlen(TCP "[")) == 0;
	size_t size = sizeof(*ret_fd);
	int socket = nn_socket(AF_SP, protocol);

	if (socket < 0) {
		return -nn_errno();
	}
	int r = option_set(socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, (int)TROUPE_FRAME_MAX);
	r = r != 0 ? r : option_set(socket, NN_SOL_SOCKET, NN_SNDBUF, (int)WIRE_BUFFER);
	r = r != 0 ? r : option_set(socket, NN_SOL_SOCKET, NN_RCVBUF, (int)WIRE_BUFFER);
	r = r != 0 ? r : option_set(socket, NN_SOL_SOCKET, NN_RECONNECT_IVL, WIRE_RETRY_MS);
	r = r != 0 ? r : option_set(socket, NN_SOL_SOCKET, NN_RECONNECT_IVL_MAX, WIRE_RETRY_MAX_MS);
	r = r != 0 ? r : option_set(socket, NN_SOL_SOCKET, NN_IPV4ONLY, ipv6 ? 0 : 1);
	/* otherwise a small frame behind another one waits for the peer's delayed acknowledgement */
	r = r != 0 ? r : option_set(socket, NN_TCP, NN_TCP_NODELAY, 1);
	if (r == 0 && nn_getsockopt(socket, NN_SOL_SOCKET, fd_option, ret_fd, &size) != 0) {
		r = -nn_errno();
	}
	if (r != 0) {
		nn_close(socket);
	}
	return r != 0 ? r : socket;
}

/* --- binding ------------------------------------------------------------------------------------- */

static int refuse(struct troupe_error *reterr, int error, int32_t status, const char *address, const char *why,
		  const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "cannot listen on %.120s: %s", address, why);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return error;
}

/* Is somebody listening there? 1 = yes, 0 = no, a dead process's socket may be in the way; or -errno. */
static int path_lives(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat status;

	if (lstat(path, &status) != 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISSOCK(status.st_mode)) {
		return -EEXIST;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int error = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
	close(fd);
	return error == 0 || error == EAGAIN ? 1 : error == ECONNREFUSED ? 0 : -error;
}

static int folder_check(const char *path)
{
	char folder[WIRE_PATH_MAX + 1];

	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash == NULL) {
		snprintf(folder, sizeof(folder), ".");
	} else {
		slash[slash == folder] = '\0';
	}
	return access(folder, W_OK | X_OK) == 0 ? 0 : -errno;
}

/* nanomsg removes whatever refuses a connection, a plain file too, and aborts when it may not: so it gets a path that is
 * free, or none. */
static int ipc_free(const char *address, struct troupe_error *reterr)
{
	const char *path = address + strlen(IPC);

	if (*path == '\0' || strlen(path) > WIRE_PATH_MAX) {
		return refuse(reterr, *path == '\0' ? -EINVAL : -ENAMETOOLONG, TROUPE_INVALID_ARGUMENT, address,
			      *path == '\0' ? "there is no path" : "the path has more than 107 bytes",
			      "choose a folder with a short path");
	}
	int lives = path_lives(path);
	if (lives > 0) {
		return refuse(reterr, -EADDRINUSE, TROUPE_ALREADY_EXISTS, address, "another process listens there",
			      "stop that process; `ss -xlp` shows it");
	}
	if (lives == -EEXIST) {
		return refuse(reterr, lives, TROUPE_ALREADY_EXISTS, address, "something that is no socket has that name",
			      "move it away");
	}
	if (lives == 0 && unlink(path) != 0 && errno != ENOENT) {
		lives = -errno;
	}
	if (lives == 0) {
		lives = folder_check(path);
	}
	if (lives < 0) {
		return refuse(reterr, lives, lives == -EACCES ? TROUPE_PERMISSION_DENIED : TROUPE_RESOURCE_EXHAUSTED,
			      address, strerror(-lives), "the folder must exist and belong to this user");
	}
	return 0;
}

/* A trial with a plain socket gives errors with a reason, which nanomsg's lack. */
static int tcp_free(const char *address, struct troupe_error *reterr)
{
	struct net_address net;

	if (net_address_parse(address, NULL, &net, reterr) != TROUPE_OK) {
		return -EINVAL;
	}
	if (net.port == 0) {
		return refuse(reterr, -EINVAL, TROUPE_INVALID_ARGUMENT, address, "peers need a port to connect to",
			      "set a port from 1 to 65535");
	}
	int fd = net_address_listen(&net, address, NULL, reterr);
	if (fd < 0) {
		return reterr->status == TROUPE_ALREADY_EXISTS ? -EADDRINUSE :
		       reterr->status == TROUPE_PERMISSION_DENIED ? -EACCES : -EADDRNOTAVAIL;
	}
	close(fd);
	return 0;
}

static int tcp_bind(struct wire *wire, const char *address)
{
	char text[NET_ADDRESS_TEXT_MAX], canonical[sizeof(TCP) + NET_ADDRESS_TEXT_MAX];
	struct net_address net;
	struct troupe_error unused = { .size = sizeof(unused) };

	if (net_address_parse(address, NULL, &net, &unused) != TROUPE_OK) {
		return -EINVAL;
	}
	snprintf(canonical, sizeof(canonical), TCP "%s", net_address_format(&net.addr, text));
	int r = option_set(wire->socket, NN_SOL_SOCKET, NN_IPV4ONLY, net.addr.ss_family == AF_INET6 ? 0 : 1);
	return r != 0 ? r : nn_bind(wire->socket, canonical) < 0 ? -nn_errno() : 0;
}

static int ipc_bind(struct wire *wire, const char *address)
{
	char *path = strdup(address + strlen(IPC));

	if (path == NULL) {
		return -ENOMEM;
	}
	if (nn_bind(wire->socket, address) < 0) {
		free(path);
		return -nn_errno();
	}
	wire->paths[wire->paths_len++] = path;
	return chmod(path, 0600) == 0 ? 0 : -errno;
}

static int address_bind(struct wire *wire, const char *address, struct troupe_error *reterr)
{
	bool ipc = strncmp(address, IPC, strlen(IPC)) == 0;

	if (wire->paths_len == BINDS_MAX) {
		return refuse(reterr, -EMFILE, TROUPE_RESOURCE_EXHAUSTED, address, "too many addresses", "");
	}
	int r = ipc ? ipc_free(address, reterr) : tcp_free(address, reterr);
	if (r != 0) {
		return r;
	}
	r = ipc ? ipc_bind(wire, address) : tcp_bind(wire, address);
	return r == 0 ? 0 : refuse(reterr, r, TROUPE_RESOURCE_EXHAUSTED, address, nn_strerror(-r), "");
}

/* --- receiving ----------------------------------------------------------------------------------- */

/* The descriptor stays ready while frames wait. It is nanomsg's to read: a read() here makes the next nn_recv abort. */
static void on_readable(struct loop_io *io, unsigned events)
{
	struct wire *wire = (struct wire *)(void *)io;
	size_t bytes = 0;

	(void)events;
	for (unsigned i = 0; i < WIRE_BATCH && bytes < WIRE_BATCH_BYTES; i++) {
		uint8_t *frame = NULL;
		int len = nn_recv(wire->socket, &frame, NN_MSG, NN_DONTWAIT);

		if (len < 0) {
			return; /* EAGAIN */
		}
		wire->counts.received++;
		wire->counts.received_bytes += (uint64_t)len;
		bytes += (size_t)len;
		if (len > 0) {
			wire->setup.on_frame(wire->setup.arg, frame, (size_t)len);
		}
		nn_freemsg(frame);
	}
}

int wire_open(const struct wire_setup *setup, struct wire **ret_wire, struct troupe_error *reterr)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	int fd = -1, r = 0;

	if (wire == NULL) {
		return refuse(reterr, -ENOMEM, TROUPE_RESOURCE_EXHAUSTED, "the bus", "out of memory", "");
	}
	wire->setup = *setup;
	wire->socket = socket_new(NN_PULL, NULL, &fd);
	if (wire->socket < 0) {
		r = wire->socket;
		free(wire);
		return refuse(reterr, r, TROUPE_RESOURCE_EXHAUSTED, "the bus", nn_strerror(-r),
			      "raise the limit of open files (ulimit -n)");
	}
	wire->io.ready = on_readable;
	loop_io_start(setup->loop, &wire->io, fd, LOOP_READ);
	for (unsigned i = 0; r == 0 && setup->binds[i] != NULL; i++) {
		r = address_bind(wire, setup->binds[i], reterr);
	}
	wire->setup.binds = NULL;
	if (r != 0) {
		wire_close(wire);
		return r;
	}
	*ret_wire = wire;
	return 0;
}

struct wire *wire_close(struct wire *wire)
{
	if (wire == NULL) {
		return NULL;
	}
	while (wire->peers != NULL) {
		wire_disconnect(wire->peers);
	}
	loop_io_stop(&wire->io);
	nn_close(wire->socket);
	for (unsigned i = 0; i < wire->paths_len; i++) {
		unlink(wire->paths[i]);
		free(wire->paths[i]);
	}
	free(wire);
	return NULL;
}

/* --- peers --------------------------------------------------------------------------------------- */

static void on_sendable(struct loop_io *io, unsigned events)
{
	struct wire_peer *peer = (struct wire_peer *)(void *)io;

	(void)events;
	loop_io_change(io, 0);
	peer->refused = false;
	if (peer->on_writable != NULL) {
		peer->on_writable(peer->arg);
	}
}

/* An address as nanomsg takes it, to be freed; NULL and *ret_error. A name is none: nn_close would block this loop until a
 * lookup under way has ended. */
static char *peer_address(const char *address, int *ret_error)
{
	char text[NET_ADDRESS_TEXT_MAX], canonical[sizeof(TCP) + NET_ADDRESS_TEXT_MAX];
	struct troupe_error unused = { .size = sizeof(unused) };
	struct net_address net;

	*ret_error = -EINVAL;
	if (strncmp(address, IPC, strlen(IPC)) == 0) {
		size_t len = strlen(address + strlen(IPC));
		if (len == 0 || len > WIRE_PATH_MAX) {
			*ret_error = len == 0 ? -EINVAL : -ENAMETOOLONG;
			return NULL;
		}
	} else if (net_address_parse(address, NULL, &net, &unused) != TROUPE_OK || net.any || net.port == 0) {
		return NULL;
	} else {
		snprintf(canonical, sizeof(canonical), TCP "%s", net_address_format(&net.addr, text));
		address = canonical;
	}
	*ret_error = -ENOMEM;
	return strdup(address);
}

static int peer_open(struct wire_peer *peer)
{
	int fd = -1, socket = socket_new(NN_PUSH, peer->address, &fd);

	if (socket < 0) {
		return socket;
	}
	if (nn_connect(socket, peer->address) < 0) {
		int r = -nn_errno();
		nn_close(socket);
		return r;
	}
	peer->socket = socket;
	peer->io.ready = on_sendable;
	loop_io_start(peer->wire->setup.loop, &peer->io, fd, peer->refused ? LOOP_READ : 0);
	return 0;
}

static void peer_close(struct wire_peer *peer)
{
	if (peer->socket >= 0) {
		loop_io_stop(&peer->io);
		peer->wire->counts.broken += nn_get_statistic(peer->socket, NN_STAT_BROKEN_CONNECTIONS);
		nn_close(peer->socket);
		peer->socket = -1;
	}
}

int wire_connect(struct wire *wire, const char *address, void (*on_writable)(void *arg), void *arg,
		 struct wire_peer **ret_peer)
{
	struct wire_peer *peer;
	int r;
	char *copy = peer_address(address, &r);

	if (copy == NULL) {
		return r;
	}
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL) {
		free(copy);
		return -ENOMEM;
	}
	*peer = (struct wire_peer){ .socket = -1, .wire = wire, .address = copy, .on_writable = on_writable, .arg = arg,
				    .next = wire->peers, .link = &wire->peers };
	r = peer_open(peer);
	if (r != 0) {
		free(copy);
		free(peer);
		return r;
	}
	if (peer->next != NULL) {
		peer->next->link = &peer->next;
	}
	wire->peers = peer;
	*ret_peer = peer;
	return 0;
}

struct wire_peer *wire_disconnect(struct wire_peer *peer)
{
	if (peer != NULL) {
		peer_close(peer);
		*peer->link = peer->next;
		if (peer->next != NULL) {
			peer->next->link = peer->link;
		}
		free(peer->address);
		free(peer);
	}
	return NULL;
}

int wire_reconnect(struct wire_peer *peer)
{
	peer_close(peer);
	return peer_open(peer);
}

int wire_send(struct wire_peer *peer, const uint8_t *bytes, size_t len)
{
	struct wire_counts *counts = &peer->wire->counts;

	if (len == 0 || len > TROUPE_FRAME_MAX) {
		return -EMSGSIZE;
	}
	if (peer->socket >= 0 && nn_send(peer->socket, bytes, len, NN_DONTWAIT) >= 0) {
		counts->sent++;
		counts->sent_bytes += len;
		return 0;
	}
	counts->refused++;
	peer->refused = true;
	if (peer->socket >= 0) {
		loop_io_change(&peer->io, LOOP_READ);
	}
	return -EAGAIN;
}

void wire_counts(const struct wire *wire, struct wire_counts *ret_counts)
{
	*ret_counts = wire->counts;
	ret_counts->broken += nn_get_statistic(wire->socket, NN_STAT_BROKEN_CONNECTIONS);
	for (const struct wire_peer *peer = wire->peers; peer != NULL; peer = peer->next) {
		if (peer->socket >= 0) {
			ret_counts->broken += nn_get_statistic(peer->socket, NN_STAT_BROKEN_CONNECTIONS);
		}
	}
}
