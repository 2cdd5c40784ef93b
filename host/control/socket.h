/* SPDX-License-Identifier: MIT */
/* The state folder's lock and its control socket: one host a folder, and the way to reach it. */
#ifndef HOST_CONTROL_SOCKET_H
#define HOST_CONTROL_SOCKET_H

#include <sys/types.h>

/*
 * socket_lock makes this process the owner of the state folder until the descriptor is closed or it ends: a lock on
 * STATE/host.lock. Returns the descriptor; -EBUSY with the owner's *ret_pid (0 = unknown); -errno. [main]
 */
int socket_lock(const char *state, pid_t *ret_pid);

/* socket_listen makes STATE/control.sock with mode 0600, in place of one that an ended host left; the lock is held.
 * Returns the descriptor, non-blocking, or -errno. Before threads start: it sets the umask for a moment. [main] */
int socket_listen(const char *state);
/* socket_remove takes the socket's name away. */
void socket_remove(const char *state);

/* socket_connect connects to the host of a state folder. Returns the descriptor, blocking, or -errno: -ENOENT and
 * -ECONNREFUSED mean that none runs, -EACCES that it is another user's, -EAGAIN after 1 s that it takes no connections: it is
 * stopped, or far too busy. */
int socket_connect(const char *state);

/* socket_user writes the system's name of the user that this process runs as, or "uid 1000". It asks the name service and
 * may wait for it. */
void socket_user(char *ret_name, size_t size);
/*
 * socket_operator writes the name under which a peer of the user `uid` is audited, without asking anybody: `own` (of
 * socket_user) for the user of this process, else "uid 1000"; nobody else can connect, by the socket's mode, but root. What
 * the peer says of itself counts only when it is root, who could be anybody anyway: sudo tells it who asked.
 */
void socket_operator(uid_t uid, const char *claimed, const char *own, char *ret_name, size_t size);

#endif
