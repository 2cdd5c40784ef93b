/* SPDX-License-Identifier: MIT */
/* A preloaded library that makes calls on files below one folder fail, or ends the process at one of them. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * FAULT_PATH   calls on files whose path begins so are counted; without it nothing is done
 * FAULT_CALLS  which: any of "write,sync,rename,unlink"; default all
 * FAULT_AT     the number of the call that is hit, from 1; 0 = none
 * FAULT_DO     eio, enospc: it fails and does nothing; short: a write does half and then the disk is full;
 *              exit-before, exit-after: the process ends there, as by kill -9
 * FAULT_MARK   this file is made when it happens
 * FAULT_FULL   while this file exists, writes fail with ENOSPC
 * FAULT_SLOW   milliseconds that every sync takes longer, as on a slow disk
 */
static struct {
	const char *path, *calls, *what, *mark, *full;
	long at, slow_ms;
} fault;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_long counter;

static void setup(void)
{
	const char *at = getenv("FAULT_AT"), *slow = getenv("FAULT_SLOW");

	fault.path = getenv("FAULT_PATH");
	fault.calls = getenv("FAULT_CALLS");
	fault.what = getenv("FAULT_DO");
	fault.mark = getenv("FAULT_MARK");
	fault.full = getenv("FAULT_FULL");
	fault.at = at != NULL ? strtol(at, NULL, 10) : 0;
	fault.slow_ms = slow != NULL ? strtol(slow, NULL, 10) : 0;
}

static int path_counts(const char *path)
{
	pthread_once(&once, setup);
	return fault.path != NULL && strncmp(path, fault.path, strlen(fault.path)) == 0;
}

static int fd_counts(int fd)
{
	char link[64], path[4096];

	pthread_once(&once, setup);
	if (fault.path == NULL) {
		return 0;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof(path) - 1);

	if (len < 0) {
		return 0;
	}
	path[len] = '\0';
	return path_counts(path);
}

static int does(const char *what)
{
	return fault.what != NULL && strcmp(fault.what, what) == 0;
}

/* Counts a call. 1: it is the one to be hit. */
static int hit(const char *call)
{
	if (fault.at == 0 || (fault.calls != NULL && strstr(fault.calls, call) == NULL) ||
	    atomic_fetch_add(&counter, 1) + 1 != fault.at) {
		return 0;
	}
	if (fault.mark != NULL) {
		int fd = open(fault.mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd >= 0) {
			close(fd);
		}
	}
	if (does("exit-before")) {
		_exit(137);
	}
	return 1;
}

/* After the call was counted as hit: does it fail? Sets errno. */
static int fails(void)
{
	if (does("eio") || does("enospc") || does("short")) {
		errno = does("eio") ? EIO : ENOSPC;
		return 1;
	}
	return 0;
}

static int is_full(void)
{
	struct stat st;

	return fault.full != NULL && stat(fault.full, &st) == 0;
}

static void leave_after(int was_hit)
{
	if (was_hit && does("exit-after")) {
		_exit(137);
	}
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	static ssize_t (*real)(int, const void *, size_t);
	int struck = 0;

	if (real == NULL) {
		real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	}
	if (fd_counts(fd)) {
		if (is_full()) {
			errno = ENOSPC;
			return -1;
		}
		struck = hit("write");
		if (struck && does("short") && len > 1) {
			real(fd, bytes, len / 2);
		}
		if (struck && fails()) {
			return -1;
		}
	}
	ssize_t r = real(fd, bytes, len);

	leave_after(struck);
	return r;
}

static int sync_call(int fd, int (*real)(int))
{
	int struck = 0;

	if (fd_counts(fd)) {
		if (fault.slow_ms > 0) {
			usleep((useconds_t)fault.slow_ms * 1000);
		}
		struck = hit("sync");
		if (struck && fails()) {
			return -1;
		}
	}
	int r = real(fd);

	leave_after(struck);
	return r;
}

int fdatasync(int fd)
{
	return sync_call(fd, (int (*)(int))dlsym(RTLD_NEXT, "fdatasync"));
}

int fsync(int fd)
{
	return sync_call(fd, (int (*)(int))dlsym(RTLD_NEXT, "fsync"));
}

int rename(const char *from, const char *to)
{
	int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
	int struck = path_counts(from) && hit("rename");

	if (struck && fails()) {
		return -1;
	}
	int r = real(from, to);

	leave_after(struck);
	return r;
}

int unlink(const char *path)
{
	int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
	int struck = path_counts(path) && hit("unlink");

	if (struck && fails()) {
		return -1;
	}
	int r = real(path);

	leave_after(struck);
	return r;
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
	int (*real)(int, off_t, off_t) = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");

	return fd_counts(fd) && is_full() ? ENOSPC : real(fd, offset, len);
}
