/* SPDX-License-Identifier: MIT */
/* What every program with many client connections does around them: prepare, connect all, look at the server, end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "load.h"

#define SPARE_FILES 16

int load_open(struct load *load)
{
	uint64_t files;
	unsigned line;
	int r = nofile_raise(&files);

	if (r == 0 && files < (uint64_t)load->options.conns + SPARE_FILES) {
		fprintf(stderr, "load: %ld connections need %ld open files, the hard limit is %llu: raise it (ulimit -Hn)\n",
			load->options.conns, load->options.conns + SPARE_FILES, (unsigned long long)files);
		return -EMFILE;
	}
	r = cpu_pin((int)load->options.cpu);
	if (r < 0) {
		fprintf(stderr, "load: --cpu %ld: %s\n", load->options.cpu, strerror(-r));
		return r;
	}
	if (load->options.preamble_path != NULL) {
		r = load_preamble_read(load->options.preamble_path, &load->preamble, &line);
		if (r < 0) {
			fprintf(stderr, "load: %s:%u: %s\n", load->options.preamble_path, line,
				line == 0 ? strerror(-r) : "expected words like >20:0a0b or <21");
			return r;
		}
	}
	/* The default slack of 50 us would show in every latency of the open loop. */
	prctl(PR_SET_TIMERSLACK, 1);
	load->conns = calloc((size_t)load->options.conns, sizeof(*load->conns));
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return load->conns != NULL && load->epoll_fd >= 0 ? 0 : -ENOMEM;
}

void load_close(struct load *load)
{
	for (long i = 0; load->conns != NULL && i < load->opened; i++) {
		if (load->conns[i].fd >= 0) {
			close(load->conns[i].fd);
		}
		free(load->conns[i].body);
	}
	load_preamble_free(&load->preamble);
	free(load->conns);
	close(load->epoll_fd);
}

int load_sample_take(struct load *load, struct load_sample *ret_sample)
{
	struct load_sample sample = { .at_ns = clock_ns() };
	pid_t pid = (pid_t)load->options.pid;
	int r = process_cpu_ns(getpid(), &sample.load_cpu_ns);

	if (r == 0 && pid != 0) {
		r = process_cpu_ns(pid, &sample.server_cpu_ns);
	}
	if (r == 0 && pid != 0) {
		r = process_memory_read(pid, &sample.memory);
	}
	if (r < 0) {
		load_error(load, "server pid %d: %s", (int)pid, strerror(-r));
		return r;
	}
	*ret_sample = sample;
	return 0;
}

int load_setup(struct load *load)
{
	uint64_t deadline = clock_ns() + load->options.setup_ns;

	load_conns_open(load);
	while (load->ready + load->dead < load->options.conns) {
		if (clock_ns() > deadline) {
			load_error(load, "only %ld of %ld connections ready in time", load->ready, load->options.conns);
			return -ETIMEDOUT;
		}
		load_poll(load, deadline);
		load_conns_open(load);
	}
	return load->dead == 0 ? 0 : -ECONNABORTED;
}

void load_errors_print(const struct load *load)
{
	printf(", \"errors\": %llu, \"first_error\": \"", (unsigned long long)load->errors);
	for (const char *text = load->first_error; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\') {
			putchar('\\');
		}
		putchar((unsigned char)*text < ' ' ? ' ' : *text);
	}
	putchar('"');
}
