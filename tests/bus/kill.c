/* SPDX-License-Identifier: MIT */
/*
 * kill N SEED: three hosts call each other, while they get kill -9, SIGSTOP for less and for more than the silence that ends a
 * link, and are cut off from each other, N times in all, in rounds. After each round every call is accounted for: it
 * ended once and in time; what was answered OK was executed, once; what was refused was not. TAP.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/bus/books.h"
#include "tests/bus/cluster.h"

#define ROUND 100u	     /* strikes in a round at most; every other round is forwarded, so there are two at least */
#define RECOVER_MS 10000u    /* after the last strike everybody reaches everybody */
#define QUIET_MS 15000u

static struct cluster cluster;
static struct books books;
static uint64_t randomness;
static unsigned tests, failed;
static uint64_t strikes[6], slowest_recovery_ms;

static unsigned draw(unsigned from, unsigned to)
{
	uint64_t z = (randomness += 0x9e3779b97f4a7c15u); /* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return from + (unsigned)((z ^ (z >> 31)) % (to - from + 1));
}

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Sleeps, and reads the books meanwhile. */
static void wait_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 }, NULL);
	books_read(&books);
}

static void verdict(bool good, const char *what, unsigned round)
{
	printf("%sok %u - round %u: %s\n", good ? "" : "not ", ++tests, round, what);
	failed += !good;
}

/* --- strikes ------------------------------------------------------------------------------------------- */

enum { KILL, STOP_SHORT, STOP_LONG, CUT_SHORT, CUT_LONG, NOISE };

static void strike_kill(void)
{
	unsigned host = draw(0, CLUSTER_HOSTS - 1);

	host_kill(&cluster, host);
	wait_ms(draw(0, 1) == 0 ? 0 : draw(1, 300));
	host_start(&cluster, host);
}

static void strike_stop(unsigned ms)
{
	unsigned host = draw(0, CLUSTER_HOSTS - 1);

	host_signal(&cluster, host, SIGSTOP);
	wait_ms(ms);
	host_signal(&cluster, host, SIGCONT);
}

/* One way or both; the direction that is not there, in a forwarded cluster, is one that nothing is sent in. */
static void strike_cut(unsigned ms)
{
	unsigned from = draw(0, CLUSTER_HOSTS - 1), to = (from + draw(1, CLUSTER_HOSTS - 1)) % CLUSTER_HOSTS;
	bool both = draw(0, 1) == 0;

	if (cluster.forwarded && from != 0 && to != 0) {
		to = 0;
	}
	relay_tell(&cluster, "%c-%c cut", 'a' + from, 'a' + to);
	if (both) {
		relay_tell(&cluster, "%c-%c cut", 'a' + to, 'a' + from);
	}
	wait_ms(ms);
	relay_tell(&cluster, "%c-%c heal", 'a' + from, 'a' + to);
	if (both) {
		relay_tell(&cluster, "%c-%c heal", 'a' + to, 'a' + from);
	}
}

/* The way of all of them gets bad, or good again; that lasts until the next change. */
static void strike_noise(void)
{
	relay_tell(&cluster, "* heal");
	if (draw(0, 3) > 0) {
		relay_tell(&cluster, "* drop %u", draw(0, 15));
		relay_tell(&cluster, "* duplicate %u", draw(0, 10));
		relay_tell(&cluster, "* reorder %u", draw(0, 20));
		relay_tell(&cluster, "* change %u", draw(0, 2));
		relay_tell(&cluster, "* delay 0 %u", draw(0, 20));
	}
}

static void strike(void)
{
	unsigned kind = draw(0, 99);

	kind = kind < 60 ? KILL : kind < 72 ? STOP_SHORT : kind < 75 ? STOP_LONG : kind < 87 ? CUT_SHORT :
	       kind < 90 ? CUT_LONG : NOISE;
	strikes[kind]++;
	switch (kind) {
	case KILL:
		strike_kill();
		break;
	case STOP_SHORT:
	case STOP_LONG:
		strike_stop(kind == STOP_SHORT ? draw(10, 800) : draw(2100, 3500));
		break;
	case CUT_SHORT:
	case CUT_LONG:
		strike_cut(kind == CUT_SHORT ? draw(10, 800) : draw(2100, 3500));
		break;
	default:
		strike_noise();
	}
	wait_ms(draw(0, 200));
}

/* --- rounds -------------------------------------------------------------------------------------------- */

static bool all_reach_all(uint64_t since_us)
{
	for (unsigned from = 0; from < CLUSTER_HOSTS; from++) {
		for (unsigned to = 0; to < CLUSTER_HOSTS; to++) {
			if (from != to && books.ok_us[from][to] < since_us) {
				return false;
			}
		}
	}
	return true;
}

static bool all_quiet(uint64_t unused)
{
	bool quiet = true;

	(void)unused;
	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		quiet &= books.quiet[i];
	}
	return quiet;
}

static bool within(unsigned ms, bool (*there)(uint64_t), uint64_t arg)
{
	for (unsigned waited_ms = 0; !there(arg); waited_ms += 20) {
		if (waited_ms > ms) {
			return false;
		}
		wait_ms(20);
	}
	return true;
}

static void show_logs(void)
{
	char command[160];

	snprintf(command, sizeof(command), "tail -n 15 %s/*.out | sed 's/^/# /'", cluster.folder);
	fflush(stdout);
	if (system(command) != 0) {
		perror(command);
	}
}

static void books_print(void)
{
	printf("# %llu calls: %llu done, %llu refused, %llu away, %llu unknown, %llu cancelled, %llu cut off with "
	       "their caller; %llu executed; the longest took %llu ms\n",
	       (unsigned long long)books.sent, (unsigned long long)books.done, (unsigned long long)books.refused,
	       (unsigned long long)books.away, (unsigned long long)books.unknown,
	       (unsigned long long)books.cancelled, (unsigned long long)books.cut_off, (unsigned long long)books.executed,
	       (unsigned long long)books.longest_us / 1000);
}

static void round_play(unsigned round, unsigned count, unsigned seed)
{
	char quiet[96];
	const char *ended;

	cluster_start(&cluster, round % 2 == 1, seed + round);
	books_open(&books, cluster.folder, CLUSTER_HOSTS);
	snprintf(quiet, sizeof(quiet), "%s/quiet", cluster.folder);
	verdict(within(RECOVER_MS, all_reach_all, 1), cluster.forwarded ? "all reach all, two of them by the third" :
							       "all reach all", round);
	for (unsigned i = 0; i < count && (ended = cluster_check(&cluster)) == NULL; i++) {
		strike();
	}
	relay_tell(&cluster, "* heal");
	uint64_t healed_us = clock_us();
	verdict(within(RECOVER_MS, all_reach_all, healed_us), "they do again after the last strike", round);
	uint64_t recovery_ms = (clock_us() - healed_us) / 1000;
	slowest_recovery_ms = recovery_ms > slowest_recovery_ms ? recovery_ms : slowest_recovery_ms;
	ended = cluster_check(&cluster);
	if (ended != NULL) {
		printf("# %s ended by itself\n", ended);
	}
	verdict(ended == NULL, "nobody ended by himself", round);
	fclose(fopen(quiet, "w"));
	verdict(within(QUIET_MS, all_quiet, 0), "then every call ends", round);
	bool stopped = cluster_stop(&cluster);
	verdict(stopped, "all end when they are told to", round);
	books_read(&books);
	books_judge(&books);
	books_print();
	if (books.violations > 0) {
		printf("# %llu violations; the first: %s\n", (unsigned long long)books.violations, books.first);
	}
	verdict(books.violations == 0 && books.done > 100, "every call is accounted for", round);
	if (failed > 0) {
		show_logs();
	}
	books_close(&books);
	cluster_remove(&cluster);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 0, rounds = count > 2 * ROUND ? (count + ROUND - 1) / ROUND : 2;
	unsigned seed = argc > 2 && argv[2][0] != '\0' ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)time(NULL) % 100000;

	if (count == 0) {
		fprintf(stderr, "usage: kill N [SEED]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# again: make bus-kill N=%u SEED=%u\n", count, seed);
	for (unsigned round = 0; round < rounds && failed == 0; round++) {
		randomness = seed * 1000003ull + round;
		round_play(round, (count + round) / rounds, seed); /* in all: count */
	}
	printf("# strikes: %llu kills, %llu short and %llu long stops, %llu short and %llu long cuts, %llu changes of noise; "
	       "slowest recovery %llu ms\n",
	       (unsigned long long)strikes[KILL], (unsigned long long)strikes[STOP_SHORT],
	       (unsigned long long)strikes[STOP_LONG], (unsigned long long)strikes[CUT_SHORT],
	       (unsigned long long)strikes[CUT_LONG], (unsigned long long)strikes[NOISE],
	       (unsigned long long)slowest_recovery_ms);
	printf("1..%u\n", tests);
	return failed > 0;
}
