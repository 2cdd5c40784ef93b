/* SPDX-License-Identifier: MIT */
/* Child processes: started by posix_spawn, watched by a pidfd and a socket, started again with growing pauses. */
#include "host/control/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/notify.h"
#include "host/obs/log.h"

#define NOTIFY_FD 3
#define WHY_MAX 160u
#define ENV_MAX 4096u

extern char **environ;

struct child {
	struct loop *loop;
	struct child_setup setup;
	enum child_state state;
	pid_t pid;		 /* 0: does not run */
	int pid_fd, notify_fd;	 /* -1: closed */
	struct loop_io pid_io, notify_io;
	struct loop_timer silence; /* no sign of life */
	struct loop_timer again;   /* the pause before the next start */
	struct loop_timer first;   /* 0 ms: the first start, in a turn of the loop */
	uint64_t began_ms, restarts;
	uint32_t pause_ms; /* the next one */
	bool silent;	   /* was killed for saying nothing */
	char why[WHY_MAX];
};

#define CHILD_OF(timer, member) ((struct child *)(void *)((char *)(timer) - offsetof(struct child, member)))

static uint64_t now_ms(void)
{
	return loop_clock_us() / 1000;
}

static void become(struct child *child, enum child_state state, const char *why)
{
	child->state = state;
	if (why != child->why) {
		snprintf(child->why, sizeof(child->why), "%s", why);
	}
	child->setup.on_change(child->setup.arg, state, child->why);
}

/* --- its death ------------------------------------------------------------------------------------ */

static void descriptors_close(struct child *child)
{
	loop_io_stop(&child->pid_io);
	loop_io_stop(&child->notify_io);
	if (child->pid_fd >= 0) {
		close(child->pid_fd);
	}
	if (child->notify_fd >= 0) {
		close(child->notify_fd);
	}
	child->pid_fd = child->notify_fd = -1;
}

/* Takes note of how it died, or could not be started. */
static void died(struct child *child, const char *how)
{
	uint64_t lived_ms = now_ms() - child->began_ms;
	char why[WHY_MAX];

	descriptors_close(child);
	loop_timer_stop(&child->silence);
	child->pid = 0;
	if (child->state == CHILD_DRAINING) {
		become(child, CHILD_ENDED, "");
		return;
	}
	if (lived_ms >= child->setup.well_ms) {
		child->pause_ms = child->setup.pause_ms;
	}
	snprintf(why, sizeof(why), "its process %s; restart %llu in %u ms", how, (unsigned long long)child->restarts + 1,
		 child->pause_ms);
	log_text(TROUPE_LOG_ERROR, child->setup.name, "%s", why);
	loop_timer_start(child->loop, &child->again, child->pause_ms);
	child->pause_ms = child->pause_ms < child->setup.pause_max_ms / 2 ? child->pause_ms * 2 : child->setup.pause_max_ms;
	become(child, CHILD_AWAY, why);
}

static void on_end(struct loop_io *io, unsigned events)
{
	struct child *child = (struct child *)(void *)((char *)io - offsetof(struct child, pid_io));
	siginfo_t info = { 0 };
	char how[80];

	(void)events;
	if (waitid(P_PIDFD, (id_t)child->pid_fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
		return;
	}
	if (info.si_code == CLD_EXITED && info.si_status == 0 && child->state != CHILD_DRAINING) {
		log_text(TROUPE_LOG_NOTICE, child->setup.name, "its process has ended, as it was told to");
		child->state = CHILD_DRAINING;
	}
	if (info.si_code == CLD_EXITED) {
		snprintf(how, sizeof(how), "ended with code %d", info.si_status);
	} else if (child->silent) {
		snprintf(how, sizeof(how), "said nothing for %u ms and was killed", child->setup.silence_ms);
	} else {
		snprintf(how, sizeof(how), "was killed by signal %d (%s)", info.si_status, strsignal(info.si_status));
	}
	died(child, how);
}

/* The whole group: also what a plugin may have started. */
static void child_kill(struct child *child)
{
	if (child->pid > 0 && kill(-child->pid, SIGKILL) != 0) {
		kill(child->pid, SIGKILL); /* not in its group yet */
	}
}

static void on_silence(struct loop_timer *timer)
{
	struct child *child = CHILD_OF(timer, silence);

	child->silent = true;
	child_kill(child);
}

/* --- its life ------------------------------------------------------------------------------------- */

static void on_message(struct loop_io *io, unsigned events)
{
	struct child *child = (struct child *)(void *)((char *)io - offsetof(struct child, notify_io));
	char message[NOTIFY_MESSAGE_MAX], value[8];
	bool told = false;

	(void)events;
	while (notify_receive(child->notify_fd, message, sizeof(message)) > 0) {
		told = true;
		if (notify_value(message, "WATCHDOG", value, sizeof(value))) {
			loop_timer_start(child->loop, &child->silence, child->setup.silence_ms);
		}
		if (notify_value(message, "READY", value, sizeof(value)) && child->state == CHILD_STARTING) {
			become(child, CHILD_READY, "");
		}
	}
	if (!told) {
		loop_io_stop(io); /* it has closed its end */
	}
}

/* The environment without what this process was told itself. `ret` has room for ENV_MAX. */
static bool environment(char **ret, char *socket_name, char *watchdog)
{
	size_t len = 0;

	for (char **one = environ; *one != NULL; one++) {
		if (len + 3 >= ENV_MAX) {
			return false;
		}
		if (strncmp(*one, "NOTIFY_SOCKET=", 14) != 0 && strncmp(*one, "WATCHDOG_", 9) != 0) {
			ret[len++] = *one;
		}
	}
	ret[len++] = socket_name;
	ret[len++] = watchdog;
	ret[len] = NULL;
	return true;
}

static int spawn_with(struct child *child, int notify_fd, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
	char socket_name[32], watchdog[48], *envp[ENV_MAX];
	sigset_t none, all;

	snprintf(socket_name, sizeof(socket_name), "NOTIFY_SOCKET=fd:%d", NOTIFY_FD);
	snprintf(watchdog, sizeof(watchdog), "WATCHDOG_USEC=%llu", (unsigned long long)child->setup.silence_ms * 1000u);
	if (!environment(envp, socket_name, watchdog)) {
		return E2BIG;
	}
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setpgroup(attributes, 0);
	posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(actions, notify_fd, NOTIFY_FD);
	posix_spawn_file_actions_addclosefrom_np(actions, NOTIFY_FD + 1);
	return posix_spawn(&child->pid, child->setup.argv[0], actions, attributes, child->setup.argv, envp);
}

/* Returns 0 or an error number. */
static int spawn(struct child *child)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int pair[2], error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
		return errno;
	}
	child->notify_fd = pair[0];
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	error = spawn_with(child, pair[1], &actions, &attributes);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(pair[1]);
	if (error != 0) {
		child->pid = 0;
		return error;
	}
	child->pid_fd = pidfd_open(child->pid, 0);
	if (child->pid_fd < 0) {
		error = errno;
		child_kill(child);
		waitpid(child->pid, NULL, 0);
		return error;
	}
	return 0;
}

static void start(struct child *child)
{
	char how[80];
	int error;

	child->silent = false;
	child->began_ms = now_ms();
	error = spawn(child);
	if (error != 0) {
		snprintf(how, sizeof(how), "cannot be started: %s", strerror(error));
		died(child, how);
		return;
	}
	log_text(TROUPE_LOG_INFO, child->setup.name, "its process %ld starts", (long)child->pid);
	loop_io_start(child->loop, &child->pid_io, child->pid_fd, LOOP_READ);
	loop_io_start(child->loop, &child->notify_io, child->notify_fd, LOOP_READ);
	loop_timer_start(child->loop, &child->silence, child->setup.silence_ms);
	become(child, CHILD_STARTING, child->why);
}

static void on_first(struct loop_timer *timer)
{
	start(CHILD_OF(timer, first));
}

static void on_again(struct loop_timer *timer)
{
	struct child *child = CHILD_OF(timer, again);

	child->restarts++;
	start(child);
}

struct child *child_start(struct loop *loop, const struct child_setup *setup)
{
	struct child *child = calloc(1, sizeof(*child));

	if (child == NULL) {
		return NULL;
	}
	child->loop = loop;
	child->setup = *setup;
	child->setup.pause_ms = setup->pause_ms != 0 ? setup->pause_ms : CHILD_PAUSE_MS;
	child->setup.pause_max_ms = setup->pause_max_ms != 0 ? setup->pause_max_ms : CHILD_PAUSE_MAX_MS;
	child->setup.well_ms = setup->well_ms != 0 ? setup->well_ms : CHILD_WELL_MS;
	child->setup.silence_ms = setup->silence_ms != 0 ? setup->silence_ms : CHILD_SILENCE_MS;
	child->pause_ms = child->setup.pause_ms;
	child->pid_fd = child->notify_fd = -1;
	child->pid_io.ready = on_end;
	child->notify_io.ready = on_message;
	child->silence.expire = on_silence;
	child->again.expire = on_again;
	child->first.expire = on_first;
	loop_timer_start(loop, &child->first, 0);
	return child;
}

void child_end(struct child *child, bool now)
{
	if (child->state == CHILD_ENDED) {
		return;
	}
	if (child->pid == 0) {
		loop_timer_stop(&child->first);
		loop_timer_stop(&child->again);
		become(child, CHILD_ENDED, "");
		return;
	}
	if (child->state != CHILD_DRAINING) {
		become(child, CHILD_DRAINING, "");
		kill(child->pid, SIGTERM);
	}
	if (now) {
		child_kill(child);
	}
}

void child_signal(struct child *child, int number)
{
	if (child->pid > 0) {
		kill(child->pid, number);
	}
}

struct child *child_free(struct child *child)
{
	if (child != NULL) {
		loop_timer_stop(&child->first);
		loop_timer_stop(&child->again);
		loop_timer_stop(&child->silence);
		if (child->pid > 0) {
			child_kill(child);
			waitpid(child->pid, NULL, 0);
		}
		descriptors_close(child);
		free(child);
	}
	return NULL;
}

uint64_t child_restarts(const struct child *child)
{
	return child->restarts;
}

pid_t child_pid(const struct child *child)
{
	return child->pid;
}

/* --- the process itself --------------------------------------------------------------------------- */

void child_bind(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct pollfd parent = { .fd = NOTIFY_FD };

	if (name == NULL || strncmp(name, "fd:", 3) != 0) {
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* it may have died before: then its end of the socket is closed */
	if (poll(&parent, 1, 0) > 0 && (parent.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
		_exit(1);
	}
}

int child_limit(uint64_t bytes)
{
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };

	return setrlimit(RLIMIT_DATA, &limit) == 0 ? 0 : -errno;
}
