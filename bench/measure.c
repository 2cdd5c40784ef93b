/* SPDX-License-Identifier: MIT */
/* Clock, histogram, CPU time and memory of another process. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"

#define NS_PER_S 1000000000ull
#define HIST_BITS 6
#define HIST_EXPONENT_MAX 40

static size_t hist_bucket(uint64_t value_ns)
{
	if (value_ns < 1u << (HIST_BITS + 1)) {
		return (size_t)value_ns;
	}
	if (value_ns >> HIST_EXPONENT_MAX != 0) {
		value_ns = (uint64_t)1 << HIST_EXPONENT_MAX;
	}
	unsigned shift = 63u - (unsigned)__builtin_clzll(value_ns) - HIST_BITS;

	return ((size_t)shift << HIST_BITS) + (size_t)(value_ns >> shift);
}

static uint64_t hist_bucket_middle(size_t bucket)
{
	if (bucket < 1u << (HIST_BITS + 1)) {
		return bucket;
	}
	unsigned shift = (unsigned)(bucket >> HIST_BITS) - 1;
	uint64_t low = ((bucket & ((1u << HIST_BITS) - 1)) + (1u << HIST_BITS)) << shift;

	return low + ((uint64_t)1 << shift) / 2;
}

void hist_add(struct hist *hist, uint64_t value_ns)
{
	hist->count++;
	if (value_ns > hist->max_ns) {
		hist->max_ns = value_ns;
	}
	hist->buckets[hist_bucket(value_ns)]++;
}

uint64_t hist_quantile(const struct hist *hist, double quantile)
{
	uint64_t wanted = (uint64_t)(quantile * (double)hist->count);
	uint64_t seen = 0;

	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		seen += hist->buckets[i];
		if (seen > wanted) {
			return hist_bucket_middle(i);
		}
	}
	return hist->max_ns;
}

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Fields 14 and 15 follow the program's name, which may itself hold blanks and brackets: count from the last one. */
static int stat_cpu_ns(pid_t pid, uint64_t *ret_ns)
{
	char path[64], line[1024];
	unsigned long long user, system;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return -errno;
	}
	char *got = fgets(line, sizeof(line), file);
	fclose(file);
	char *rest = got != NULL ? strrchr(line, ')') : NULL;
	if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
				   &user, &system) != 2) {
		return -EPROTO;
	}
	*ret_ns = (user + system) * (NS_PER_S / (unsigned long long)sysconf(_SC_CLK_TCK));
	return 0;
}

int process_cpu_ns(pid_t pid, uint64_t *ret_ns)
{
	clockid_t clock;
	struct timespec used;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
		return stat_cpu_ns(pid, ret_ns);
	}
	*ret_ns = (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
	return 0;
}

int process_memory_read(pid_t pid, struct process_memory *ret_memory)
{
	struct process_memory memory = { 0 };
	char path[64], line[256];
	unsigned long long kb;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return -errno;
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "VmRSS: %llu", &kb) == 1) {
			memory.rss_kb = kb;
			found++;
		} else if (sscanf(line, "RssAnon: %llu", &kb) == 1) {
			memory.anon_kb = kb;
			found++;
		}
	}
	fclose(file);
	if (found != 2) {
		return -EPROTO;
	}
	*ret_memory = memory;
	return 0;
}

int cpu_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0 || sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		return 0;
	}
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : -errno;
}

int nofile_raise(uint64_t *ret_limit)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return -errno;
	}
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return -errno;
	}
	if (ret_limit != NULL) {
		*ret_limit = limit.rlim_cur;
	}
	return 0;
}

int number_parse(const char *text, long min, long max, long *ret_number)
{
	char *end;

	errno = 0;
	long number = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || number < min || number > max) {
		return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

int seconds_parse(const char *text, uint64_t *ret_ns)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 3600)) {
		return -EINVAL;
	}
	*ret_ns = (uint64_t)(seconds * 1e9);
	return 0;
}
