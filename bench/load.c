/* SPDX-License-Identifier: MIT */
/* Load generator: many client connections in one thread, closed loop, open loop or idle; prints one JSON object. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

/* How long answers may come after the schedule of an open loop ended. */
#define GRACE_NS 2000000000ull

static const char usage[] =
	"usage: load --port PORT [--host 127.0.0.1] [--conns 1] [--mode closed|open|idle] [--rate PER_SECOND]\n"
	"            [--warm S] [--time S] [--setup S] [--size BYTES] [--event ID] [--reply ID] [--preamble FILE]\n"
	"            [--pid SERVER_PID] [--cpu CORE]\n";

static const struct option long_options[] = {
	{ "host", required_argument, NULL, 'h' },  { "port", required_argument, NULL, 'p' },
	{ "conns", required_argument, NULL, 'n' }, { "mode", required_argument, NULL, 'm' },
	{ "rate", required_argument, NULL, 'r' },  { "warm", required_argument, NULL, 'w' },
	{ "time", required_argument, NULL, 't' },  { "setup", required_argument, NULL, 'u' },
	{ "size", required_argument, NULL, 's' },  { "event", required_argument, NULL, 'e' },
	{ "reply", required_argument, NULL, 'y' }, { "preamble", required_argument, NULL, 'a' },
	{ "pid", required_argument, NULL, 'i' },   { "cpu", required_argument, NULL, 'c' },
	{ 0 },
};

static int mode_parse(const char *text, enum load_mode *ret_mode)
{
	static const char *const names[] = { [LOAD_CLOSED] = "closed", [LOAD_OPEN] = "open", [LOAD_IDLE] = "idle" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_mode = (enum load_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int option_set(struct load_options *options, int option, const char *text)
{
	switch (option) {
	case 'h':
		options->host = text;
		return 0;
	case 'p':
		return number_parse(text, 1, 65535, &options->port);
	case 'n':
		return number_parse(text, 1, CONNS_MAX, &options->conns);
	case 'm':
		return mode_parse(text, &options->mode);
	case 'r':
		options->rate = strtod(text, NULL);
		return options->rate > 0 && options->rate <= 1e8 ? 0 : -EINVAL;
	case 'w':
		return seconds_parse(text, &options->warm_ns);
	case 't':
		return seconds_parse(text, &options->time_ns);
	case 'u':
		return seconds_parse(text, &options->setup_ns);
	case 's':
		return number_parse(text, 0, FRAME_BODY_MAX, &options->size);
	case 'e':
		return number_parse(text, 0, UINT32_MAX, &options->event);
	case 'y':
		return number_parse(text, 0, UINT32_MAX, &options->reply);
	case 'a':
		options->preamble_path = text;
		return 0;
	case 'i':
		return number_parse(text, 1, 1 << 22, &options->pid);
	case 'c':
		return number_parse(text, 0, 1023, &options->cpu);
	default:
		return -EINVAL;
	}
}

static int options_parse(int argc, char **argv, struct load_options *options)
{
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (option == '?') {
			return -EINVAL;
		}
		if (option_set(options, option, optarg) < 0) {
			fprintf(stderr, "load: --%s: '%s' is not a value it takes\n", long_options[index].name, optarg);
			return -EINVAL;
		}
	}
	if (optind < argc || options->port == 0 || (options->mode == LOAD_OPEN && options->rate == 0)) {
		fprintf(stderr, "load: %s\n", optind < argc ? "words left over" :
					       options->port == 0 ? "no --port given" : "open mode needs --rate");
		return -EINVAL;
	}
	return 0;
}

/* Sends what is due by now and returns when the next request is. */
static uint64_t schedule_run(struct load *load, uint64_t end_ns)
{
	for (;;) {
		uint64_t due = load->start_ns + (uint64_t)((double)load->scheduled * 1e9 / load->options.rate);
		if (due >= end_ns || due > clock_ns()) {
			return due < end_ns ? due : end_ns;
		}
		struct load_conn *conn = &load->conns[load->scheduled++ % (uint64_t)load->options.conns];
		if (conn->state == CONN_READY) {
			load_conn_request(load, conn);
		} else {
			load_error(load, "request scheduled on a dead connection");
		}
	}
}

static void traffic_run(struct load *load, uint64_t end_ns)
{
	while (clock_ns() < end_ns && load->dead < load->options.conns) {
		load_poll(load, load->options.mode == LOAD_OPEN ? schedule_run(load, end_ns) : end_ns);
	}
}

static void answers_await(struct load *load)
{
	uint64_t deadline = clock_ns() + GRACE_NS, answered;

	do {
		answered = 0;
		for (long i = 0; i < load->options.conns; i++) {
			answered += load->conns[i].replies;
		}
		if (answered < load->scheduled) {
			load_poll(load, deadline);
		}
	} while (answered < load->scheduled && clock_ns() < deadline);
	if (answered < load->scheduled) {
		load_error(load, "%llu requests without an answer", (unsigned long long)(load->scheduled - answered));
		load->errors += load->scheduled - answered - 1;
	}
}

static int load_run(struct load *load, struct load_sample *before, struct load_sample *from, struct load_sample *to)
{
	int r = load_sample_take(load, before);

	if (r == 0) {
		r = load_setup(load);
	}
	if (r < 0) {
		return r;
	}
	load->start_ns = clock_ns();
	load->from_ns = load->start_ns + load->options.warm_ns;
	load->to_ns = load->from_ns + load->options.time_ns;
	if (load->options.mode == LOAD_CLOSED) {
		for (long i = 0; i < load->options.conns; i++) {
			load_conn_request(load, &load->conns[i]);
		}
	}
	traffic_run(load, load->from_ns);
	r = load_sample_take(load, from);
	traffic_run(load, load->to_ns);
	if (r == 0) {
		r = load_sample_take(load, to);
	}
	load->stopping = 1;
	if (load->options.mode == LOAD_OPEN) {
		answers_await(load);
	}
	return r;
}

static void report_print(const struct load *load, const struct load_sample *before, const struct load_sample *from,
			 const struct load_sample *to)
{
	double seconds = (double)(to->at_ns - from->at_ns) / 1e9;
	double server_ns = (double)(to->server_cpu_ns - from->server_cpu_ns);
	double load_ns = (double)(to->load_cpu_ns - from->load_cpu_ns);

	if (seconds <= 0) {
		seconds = 1;
	}
	printf("{\"requests\": %llu, \"seconds\": %.3f, \"rps\": %.1f", (unsigned long long)load->completed, seconds,
	       (double)load->completed / seconds);
	printf(", \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f", (double)hist_quantile(&load->hist, 0.5) / 1e3,
	       (double)hist_quantile(&load->hist, 0.99) / 1e3, (double)load->hist.max_ns / 1e3);
	printf(", \"conns\": %ld, \"other_frames\": %llu, \"load_cpu_percent\": %.2f", load->ready,
	       (unsigned long long)load->other_frames, load_ns / seconds / 1e7);
	if (load->options.pid != 0) {
		printf(", \"cpu_us_per_request\": %.3f, \"server_cpu_percent\": %.3f",
		       load->completed > 0 ? server_ns / (double)load->completed / 1e3 : 0.0, server_ns / seconds / 1e7);
		printf(", \"rss_kb\": %llu, \"rss_before_kb\": %llu, \"anon_kb\": %llu, \"anon_before_kb\": %llu",
		       (unsigned long long)to->memory.rss_kb, (unsigned long long)before->memory.rss_kb,
		       (unsigned long long)to->memory.anon_kb, (unsigned long long)before->memory.anon_kb);
	}
	load_errors_print(load);
	printf("}\n");
}

static int frame_init(struct load *load)
{
	uint8_t *body = calloc(1, (size_t)load->options.size + 1);

	if (body == NULL) {
		return -ENOMEM;
	}
	memset(body, 'x', (size_t)load->options.size);
	load->frame = load_frame_make((uint32_t)load->options.event, body, (uint32_t)load->options.size);
	load->frame_len = FRAME_HEAD + (uint32_t)load->options.size;
	free(body);
	return load->frame != NULL ? 0 : -ENOMEM;
}

int main(int argc, char **argv)
{
	static struct load load = {
		.options = {
			.host = "127.0.0.1",
			.conns = 1,
			.warm_ns = 200000000,
			.time_ns = 1000000000,
			.setup_ns = 30000000000,
			.size = 64,
			.event = 1,
			.reply = -1,
			.cpu = -1,
		},
		.epoll_fd = -1,
	};
	struct load_sample before = { 0 }, from = { 0 }, to = { 0 };

	if (options_parse(argc, argv, &load.options) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	int r = load_open(&load);
	if (r == 0) {
		r = frame_init(&load);
	}
	if (r == 0) {
		r = load_run(&load, &before, &from, &to);
		report_print(&load, &before, &from, &to);
	}
	free(load.frame);
	load_close(&load);
	return r == 0 && load.errors == 0 ? 0 : 1;
}
