/* SPDX-License-Identifier: MIT */
/* Runs a server for a benchmark: pins it, times it until it accepts a connection, ends it when standard input ends. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

#define ACCEPT_WAIT_NS 30000000000ull
#define STOP_WAIT_NS 10000000000ull
#define PORTS_MAX 64

struct options {
	long port;
	long cpu;
	long free_ports;
	const char *report_path;
	const char *log_path;
};

static const char usage[] =
	"usage: start --port PORT --report FILE [--log FILE] [--cpu CORE] -- COMMAND...\n"
	"       start --free-ports COUNT\n"
	"The first form writes {\"pid\", \"start_ms\"} to FILE once PORT accepts, and stops COMMAND when standard input ends.\n";

static void pause_ns(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

static struct sockaddr_in loopback(long port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* All sockets stay open until the end, so that no port comes twice. */
static int ports_print(long count)
{
	for (long i = 0; i < count; i++) {
		struct sockaddr_in address = loopback(0);
		socklen_t len = sizeof(address);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
		    getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
			fprintf(stderr, "start: no free port: %s\n", strerror(errno));
			return 1;
		}
		printf("%d\n", ntohs(address.sin_port));
	}
	return 0;
}

static int port_accepts(long port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return 0;
	}
	int r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return r == 0;
}

static int child_ended(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) != 0;
}

static void child_run(const struct options *options, char **command)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (options->log_path != NULL) {
		int fd = open(options->log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
			fprintf(stderr, "start: %s: %s\n", options->log_path, strerror(errno));
			_exit(127);
		}
	}
	int null_fd = open("/dev/null", O_RDONLY);
	if (null_fd >= 0) {
		dup2(null_fd, STDIN_FILENO);
	}
	nofile_raise(NULL);
	int r = cpu_pin((int)options->cpu);
	if (r < 0) {
		fprintf(stderr, "start: --cpu %ld: %s\n", options->cpu, strerror(-r));
		_exit(127);
	}
	execvp(command[0], command);
	fprintf(stderr, "start: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

static int accept_await(long port, pid_t pid)
{
	uint64_t deadline = clock_ns() + ACCEPT_WAIT_NS;

	while (!port_accepts(port)) {
		if (child_ended(pid)) {
			return -ECHILD;
		}
		if (clock_ns() > deadline) {
			return -ETIMEDOUT;
		}
		pause_ns(100000);
	}
	return 0;
}

/* Readers look for the whole file: it appears by rename. */
static int report_write(const char *path, const char *text)
{
	char part[4096];

	if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part)) {
		return -ENAMETOOLONG;
	}
	FILE *file = fopen(part, "we");
	if (file == NULL) {
		return -errno;
	}
	fputs(text, file);
	return fclose(file) == 0 && rename(part, path) == 0 ? 0 : -errno;
}

static void input_await(pid_t pid)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	while (!child_ended(pid)) {
		if (poll(&input, 1, 100) > 0 && read(STDIN_FILENO, &byte, 1) <= 0) {
			return;
		}
	}
}

static void child_stop(pid_t pid)
{
	uint64_t deadline = clock_ns() + STOP_WAIT_NS;

	if (kill(pid, SIGTERM) != 0) {
		return;
	}
	while (!child_ended(pid)) {
		if (clock_ns() > deadline) {
			fprintf(stderr, "start: pid %d did not stop in 10 s, killed\n", (int)pid);
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			return;
		}
		pause_ns(1000000);
	}
}

static int server_run(const struct options *options, char **command)
{
	char report[160];
	uint64_t begin = clock_ns();
	pid_t pid = fork();

	if (pid < 0) {
		fprintf(stderr, "start: fork: %s\n", strerror(errno));
		return 1;
	}
	if (pid == 0) {
		child_run(options, command);
	}
	int r = accept_await(options->port, pid);
	double start_ms = (double)(clock_ns() - begin) / 1e6;
	if (r == 0) {
		snprintf(report, sizeof(report), "{\"pid\": %d, \"start_ms\": %.3f}\n", (int)pid, start_ms);
	} else {
		snprintf(report, sizeof(report), "{\"error\": \"%s\"}\n",
			 r == -ECHILD ? "ended before it listened" : "does not listen after 30 s");
	}
	int written = report_write(options->report_path, report);
	if (written < 0) {
		fprintf(stderr, "start: %s: %s\n", options->report_path, strerror(-written));
	} else if (r == 0) {
		input_await(pid);
	}
	child_stop(pid);
	return r == 0 && written == 0 ? 0 : 1;
}

static int option_set(struct options *options, int option, const char *text)
{
	switch (option) {
	case 'p':
		return number_parse(text, 1, 65535, &options->port);
	case 'c':
		return number_parse(text, 0, 1023, &options->cpu);
	case 'f':
		return number_parse(text, 1, PORTS_MAX, &options->free_ports);
	case 'r':
		options->report_path = text;
		return 0;
	case 'l':
		options->log_path = text;
		return 0;
	default:
		return -EINVAL;
	}
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "port", required_argument, NULL, 'p' },   { "cpu", required_argument, NULL, 'c' },
		{ "report", required_argument, NULL, 'r' }, { "log", required_argument, NULL, 'l' },
		{ "free-ports", required_argument, NULL, 'f' }, { 0 },
	};
	struct options options = { .cpu = -1 };
	int option;

	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (option_set(&options, option, optarg) < 0) {
			fputs(usage, stderr);
			return 2;
		}
	}
	if (options.free_ports > 0) {
		return ports_print(options.free_ports);
	}
	if (optind >= argc || options.port == 0 || options.report_path == NULL) {
		fputs(usage, stderr);
		return 2;
	}
	/* Interrupted from a terminal, the whole group gets the signal: the runner still decides when to stop. */
	signal(SIGINT, SIG_IGN);
	return server_run(&options, argv + optind);
}
