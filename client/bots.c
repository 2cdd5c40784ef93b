/* SPDX-License-Identifier: MIT */
/* `troupe bots`: many players in one process, with the latency of what they do. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tasks.h"
#include "options.h"

#include <lauxlib.h>

const char bots_usage[] =
	"usage: troupe bots --script FILE.lua [--count N] [--seconds S] [--ramp S] [--json] [--connect HOST:PORT]\n"
	"\n"
	"  troupe bots --count 200 --script scripts/lua/bots/walk.lua\n"
	"\n"
	"The script returns a function(me, n): `me` is a player as in `troupe client`, n its number from 1. In it,\n"
	"every(ms, name, fn) runs fn on a fixed schedule; its latency counts from the time it was due.\n"
	"\n"
	"  --count N    bots (10)            --seconds S   how long they play (10)\n"
	"  --ramp S     over how long they come (1)       --json   the result as JSON on standard output\n"
	"\n"
	"exit codes: 0 done, 1 a bot failed or nothing was done, 2 wrong usage\n";

#define NAMES_MAX 64
#define BUCKETS 512

/* Latencies in log-spaced buckets, 16 for each doubling: at most 4.5 % off. Exact below 16 us. */
struct figure {
	char name[120];
	uint64_t count, errors, max_us, buckets[BUCKETS];
};

struct bots {
	struct figure figures[NAMES_MAX];
	unsigned figures_len;
	uint64_t lost_names; /* figures beyond NAMES_MAX */
};

static unsigned bucket_of(uint64_t us)
{
	unsigned exponent, bucket;

	if (us < 16) {
		return (unsigned)us;
	}
	exponent = 63u - (unsigned)__builtin_clzll(us);
	bucket = 16 * (exponent - 3) + (unsigned)((us >> (exponent - 4)) & 15);
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t bucket_us(unsigned bucket)
{
	unsigned exponent = bucket / 16 + 3;

	return bucket < 16 ? bucket : (16ull + bucket % 16) << (exponent - 4);
}

static void record(void *arg, const char *what, uint64_t us, int ok)
{
	struct bots *bots = arg;
	unsigned at = 0;
	struct figure *figure;

	while (at < bots->figures_len && strncmp(bots->figures[at].name, what, sizeof(figure->name) - 1) != 0) {
		at++;
	}
	if (at == NAMES_MAX) {
		bots->lost_names++;
		return;
	}
	figure = &bots->figures[at];
	if (at == bots->figures_len) {
		bots->figures_len++;
		snprintf(figure->name, sizeof(figure->name), "%s", what);
	}
	figure->count++;
	figure->errors += !ok;
	figure->buckets[bucket_of(us)]++;
	if (us > figure->max_us) {
		figure->max_us = us;
	}
}

static double percentile_ms(const struct figure *figure, double part)
{
	uint64_t want = (uint64_t)((double)figure->count * part), seen = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += figure->buckets[i];
		if (seen > want) {
			return (double)bucket_us(i) / 1000;
		}
	}
	return (double)figure->max_us / 1000;
}

static void print_text(const struct bots *bots, double seconds)
{
	printf("%-32s %10s %8s %9s %9s %9s %9s\n", "what", "count", "per s", "errors", "p50 ms", "p99 ms", "max ms");
	for (unsigned i = 0; i < bots->figures_len; i++) {
		const struct figure *f = &bots->figures[i];

		printf("%-32s %10llu %8.1f %9llu %9.2f %9.2f %9.2f\n", f->name, (unsigned long long)f->count,
		       (double)f->count / seconds, (unsigned long long)f->errors, percentile_ms(f, 0.5),
		       percentile_ms(f, 0.99), (double)f->max_us / 1000);
	}
}

static void print_quoted(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\') {
			printf("\\%c", *text);
		} else if ((unsigned char)*text < 32) {
			printf("\\u%04x", *text);
		} else {
			putchar(*text);
		}
	}
	putchar('"');
}

static void print_json(const struct bots *bots, unsigned count, double seconds)
{
	printf("{\"bots\":%u,\"seconds\":%.3f,\"figures\":[", count, seconds);
	for (unsigned i = 0; i < bots->figures_len; i++) {
		const struct figure *f = &bots->figures[i];

		printf("%s{\"name\":", i ? "," : "");
		print_quoted(f->name);
		printf(",\"count\":%llu,\"errors\":%llu,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,"
		       "\"p999_ms\":%.3f,\"max_ms\":%.3f}",
		       (unsigned long long)f->count, (unsigned long long)f->errors, percentile_ms(f, 0.5),
		       percentile_ms(f, 0.9), percentile_ms(f, 0.99), percentile_ms(f, 0.999),
		       (double)f->max_us / 1000);
	}
	printf("]}\n");
}

static void progress(const struct bots *bots, const struct tasks *tasks, double seconds)
{
	uint64_t done = 0, errors = 0;

	for (unsigned i = 0; i < bots->figures_len; i++) {
		done += bots->figures[i].count;
		errors += bots->figures[i].errors;
	}
	fprintf(stderr, "\r%6.0f s  %d bots  %llu done  %llu errors ", seconds, tasks_running(tasks),
		(unsigned long long)done, (unsigned long long)errors);
}

static int start_all(struct tasks *tasks, const struct client_options *options)
{
	lua_State *L = tasks_lua(tasks);

	lua_getglobal(L, "net");
	lua_pushnumber(L, (double)tasks_now_us() / 1000 + (options->ramp_seconds + options->seconds) * 1000);
	lua_setfield(L, -2, "ends");
	lua_pop(L, 1);
	if (tasks_load(tasks, options->script, NULL) != 0) {
		return -1;
	}
	if (lua_pcall(L, 0, 1, 0) != LUA_OK || !lua_isfunction(L, -1)) {
		fprintf(stderr, "troupe bots: %s: %s\n", options->script,
			lua_isstring(L, -1) ? lua_tostring(L, -1) : "it must return a function(me, n)");
		return -1;
	}
	for (unsigned n = 1; n <= options->count; n++) {
		lua_getglobal(L, "run_bot");
		lua_pushvalue(L, -2);
		lua_pushinteger(L, n);
		lua_pushnumber(L, options->ramp_seconds * 1000 * (n - 1) / options->count);
		tasks_start(tasks, 3, 0);
	}
	lua_pop(L, 1);
	return 0;
}

static int result_of(const struct bots *bots)
{
	uint64_t done = 0, failed = 0;

	for (unsigned i = 0; i < bots->figures_len; i++) {
		done += bots->figures[i].count;
		failed += strncmp(bots->figures[i].name, "failed", 6) == 0;
	}
	return done == 0 || failed > 0;
}

int bots_main(int argc, char **argv)
{
	struct client_options options = { 0 };
	struct bots *bots = calloc(1, sizeof(*bots));
	struct tasks_settings settings = { .record = record, .record_arg = bots };
	struct rlimit files;
	struct tasks *tasks;
	uint64_t began = tasks_now_us(), shown = began;
	int result = 2;

	if (client_options_read(argc, argv, &options) < argc || options.script == NULL) {
		fputs(bots_usage, stderr);
		free(bots);
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	settings.trace = options.trace;
	tasks = tasks_create(&settings);
	if (tasks != NULL) {
		client_options_apply(&options, tasks);
		result = start_all(tasks, &options) == 0 ? 0 : 1;
		while (result == 0 && tasks_running(tasks) > 0) {
			tasks_step(tasks, 1000, -1);
			if (tasks_now_us() - shown >= 1000000) {
				shown = tasks_now_us();
				progress(bots, tasks, (double)(shown - began) / 1e6);
			}
		}
		if (result == 0) {
			double seconds = (double)(tasks_now_us() - began) / 1e6;

			fputc('\n', stderr);
			if (options.json) {
				print_json(bots, options.count, seconds);
			} else {
				print_text(bots, seconds);
			}
			result = result_of(bots);
		}
	}
	tasks_free(tasks);
	free(bots);
	return result;
}
