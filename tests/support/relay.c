/* SPDX-License-Identifier: MIT */
/*
 * A bad way between hosts, for tests: takes their frames at one address and sends them on to another, late, twice, in
 * another order, changed, or not at all, as it is told.
 *
 *	relay [--seed N] NAME LISTEN TARGET [NAME LISTEN TARGET]...
 *
 * Each NAME is one direction. Lines on stdin change what it does; NAME may be `*`, for all:
 *
 *	NAME drop PERCENT        NAME duplicate PERCENT     NAME change PERCENT (one bit of a frame)
 *	NAME reorder PERCENT     (a frame is held back for up to 10 ms, the others pass it)
 *	NAME delay MS [MS]       for at least, and at most
 *	NAME cut                 nothing passes
 *	NAME heal                all faults end; what is held back still goes
 *	counts                   answers a line for each direction and then "counted"
 *
 * It says "ready" when it listens, and ends with stdin. What happens to the nth frame of a direction depends on the seed
 * alone. What is held is bounded; above it frames are lost, as on any network.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/bus/wire.h"

#define ROUTES_MAX 32u
#define HELD_MAX (64u << 20) /* bytes, a direction */
#define REORDER_US 10000u

struct held {
	struct held *next;
	uint64_t due_us;
	size_t len;
	uint8_t bytes[];
};

enum { TAKEN, PASSED, DROPPED, DUPLICATED, CHANGED, REORDERED, DELAYED, CUT, FULL, COUNTS };
static const char *const count_names[COUNTS] = { "taken", "passed", "dropped", "duplicated", "changed", "reordered",
						 "delayed", "cut", "full" };

/* One direction. */
struct route {
	const char *name;
	struct loop *loop;
	struct wire *wire;
	struct wire_peer *target;
	struct loop_timer timer;
	struct held *held; /* by due_us */
	size_t held_bytes;
	uint64_t random;
	/* percents, and what is on */
	unsigned drop, duplicate, change, reorder, delay_ms, delay_max_ms;
	bool cut;
	uint64_t counts[COUNTS];
};

static struct route routes[ROUTES_MAX];
static unsigned routes_len;

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t draw(struct route *route)
{
	uint64_t z = (route->random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Says yes to `percent` of its askers; always draws, so that one setting does not shift the fates of another. */
static bool chance(struct route *route, unsigned percent, unsigned what)
{
	bool yes = draw(route) % 100 < percent;

	route->counts[what] += yes;
	return yes;
}

/* --- frames ----------------------------------------------------------------------------------------- */

/* Sends what is due; the rest waits for its time or for room. */
static void route_send(struct route *route)
{
	uint64_t now_us = loop_clock_us();

	while (route->held != NULL && route->held->due_us <= now_us) {
		struct held *held = route->held;
		if (wire_send(route->target, held->bytes, held->len) != 0) {
			return; /* on_writable comes */
		}
		route->counts[PASSED]++;
		route->held = held->next;
		route->held_bytes -= held->len;
		free(held);
	}
	if (route->held != NULL) {
		loop_timer_start(route->loop, &route->timer, (route->held->due_us - now_us + 999) / 1000);
	}
}

static void on_writable(void *arg)
{
	route_send(arg);
}

static void on_due(struct loop_timer *timer)
{
	route_send((struct route *)(void *)((char *)timer - offsetof(struct route, timer)));
}

static void route_hold(struct route *route, const uint8_t *bytes, size_t len, uint64_t due_us)
{
	struct held **at = &route->held, *held;

	if (route->held_bytes + len > HELD_MAX || (held = malloc(sizeof(*held) + len)) == NULL) {
		route->counts[FULL]++;
		return;
	}
	while (*at != NULL && (*at)->due_us <= due_us) {
		at = &(*at)->next;
	}
	*held = (struct held){ .next = *at, .due_us = due_us, .len = len };
	memcpy(held->bytes, bytes, len);
	*at = held;
	route->held_bytes += len;
}

static void on_frame(void *arg, uint8_t *bytes, size_t len)
{
	struct route *route = arg;
	uint64_t due_us = loop_clock_us(), jitter = draw(route), bit = draw(route);

	route->counts[TAKEN]++;
	if (route->cut) {
		route->counts[CUT]++;
		return;
	}
	if (chance(route, route->drop, DROPPED)) {
		return;
	}
	if (route->delay_max_ms > 0) {
		due_us += 1000 * (route->delay_ms + jitter % (route->delay_max_ms - route->delay_ms + 1));
		route->counts[DELAYED]++;
	}
	if (chance(route, route->reorder, REORDERED)) {
		due_us += 1 + jitter % REORDER_US;
	}
	if (chance(route, route->change, CHANGED)) {
		bytes[bit / 8 % len] ^= (uint8_t)(1u << bit % 8);
	}
	route_hold(route, bytes, len, due_us);
	if (chance(route, route->duplicate, DUPLICATED)) {
		route_hold(route, bytes, len, due_us + draw(route) % REORDER_US);
	}
	route_send(route);
}

/* --- orders ----------------------------------------------------------------------------------------- */

static bool percent_set(unsigned *percent, int words, unsigned value)
{
	*percent = value;
	return words == 3 && value <= 100;
}

static bool route_order(struct route *route, const char *verb, int words, unsigned a, unsigned b)
{
	if (strcmp(verb, "drop") == 0) {
		return percent_set(&route->drop, words, a);
	}
	if (strcmp(verb, "duplicate") == 0) {
		return percent_set(&route->duplicate, words, a);
	}
	if (strcmp(verb, "change") == 0) {
		return percent_set(&route->change, words, a);
	}
	if (strcmp(verb, "reorder") == 0) {
		return percent_set(&route->reorder, words, a);
	}
	if (strcmp(verb, "delay") == 0) {
		route->delay_ms = a;
		route->delay_max_ms = words == 4 ? b : a;
		return (words == 3 || words == 4) && route->delay_ms <= route->delay_max_ms;
	}
	if (strcmp(verb, "cut") == 0) {
		return (route->cut = words == 2);
	}
	if (strcmp(verb, "heal") == 0) {
		route->drop = route->duplicate = route->change = route->reorder = 0;
		route->delay_ms = route->delay_max_ms = 0;
		route->cut = false;
		return words == 2;
	}
	return false;
}

static void counts_print(void)
{
	for (unsigned i = 0; i < routes_len; i++) {
		printf("%s", routes[i].name);
		for (unsigned c = 0; c < COUNTS; c++) {
			printf(" %s %llu", count_names[c], (unsigned long long)routes[i].counts[c]);
		}
		printf("\n");
	}
	printf("counted\n");
	fflush(stdout);
}

static void order(const char *line)
{
	char name[64] = "", verb[16] = "";
	unsigned a = 0, b = 0;
	int words = sscanf(line, "%63s %15s %u %u", name, verb, &a, &b);
	bool done = words <= 0;

	if (words == 1 && strcmp(name, "counts") == 0) {
		counts_print();
		return;
	}
	for (unsigned i = 0; i < routes_len; i++) {
		if (strcmp(name, "*") == 0 || strcmp(name, routes[i].name) == 0) {
			done = route_order(&routes[i], verb, words, a, b);
		}
	}
	if (!done) {
		fprintf(stderr, "relay: not understood: %s\n", line);
		exit(2);
	}
}

static void on_stdin(struct loop_io *io, unsigned events)
{
	static char text[4096];
	static size_t len;
	ssize_t got = read(STDIN_FILENO, text + len, sizeof(text) - 1 - len);

	(void)events;
	if (got < 0 && errno == EAGAIN) {
		return;
	}
	if (got <= 0) {
		loop_stop(io->loop);
		loop_io_stop(io);
		return;
	}
	len += (size_t)got;
	for (char *end; (end = memchr(text, '\n', len)) != NULL;) {
		*end = '\0';
		order(text);
		len -= (size_t)(end + 1 - text);
		memmove(text, end + 1, len);
	}
	if (len == sizeof(text) - 1) {
		fprintf(stderr, "relay: a line is too long\n");
		exit(2);
	}
}

static bool route_open(struct loop *loop, char **words, uint64_t seed)
{
	struct route *route = &routes[routes_len++];
	const char *binds[] = { words[1], NULL };
	struct wire_setup setup = { .loop = loop, .binds = binds, .on_frame = on_frame, .arg = route };
	struct troupe_error error = { .size = sizeof(error) };

	*route = (struct route){ .name = words[0], .loop = loop, .timer.expire = on_due };
	route->random = seed ^ troupe_fnv64(words[0], strlen(words[0]));
	if (wire_open(&setup, &route->wire, &error) != 0) {
		fprintf(stderr, "relay: %s; %s\n", error.text, error.help);
		return false;
	}
	int r = wire_connect(route->wire, words[2], on_writable, route, &route->target);
	if (r != 0) {
		fprintf(stderr, "relay: cannot connect to %s: %s\n", words[2], strerror(-r));
	}
	return r == 0;
}

int main(int argc, char **argv)
{
	struct loop_io input = { .ready = on_stdin };
	struct loop *loop = loop_new(0, "relay");
	uint64_t seed = 0;
	int at = 1;

	if (argc > 2 && strcmp(argv[1], "--seed") == 0) {
		seed = strtoull(argv[2], NULL, 10);
		at = 3;
	}
	if (loop == NULL || argc - at < 3 || (argc - at) % 3 != 0 || (unsigned)(argc - at) / 3 > ROUTES_MAX) {
		fprintf(stderr, "usage: relay [--seed N] NAME LISTEN TARGET [NAME LISTEN TARGET]...\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (; at < argc; at += 3) {
		if (!route_open(loop, argv + at, seed)) {
			return 1;
		}
	}
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	loop_io_start(loop, &input, STDIN_FILENO, LOOP_READ);
	printf("ready\n");
	fflush(stdout);
	loop_run(loop);
	for (unsigned i = 0; i < routes_len; i++) {
		wire_close(routes[i].wire);
		while (routes[i].held != NULL) {
			struct held *held = routes[i].held;
			routes[i].held = held->next;
			free(held);
		}
	}
	loop_free(loop);
	return 0;
}
