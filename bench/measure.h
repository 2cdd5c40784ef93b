/* SPDX-License-Identifier: MIT */
/* What every benchmark program measures with: clock, histogram, another process's CPU time and memory, core pinning. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Conventions: one thread per program; functions that return int give 0 or -errno; no function prints.
 */

/* Buckets of a histogram: 64 per power of two, so a value read back is off by less than 1.6 %. */
#define HIST_BUCKETS 2304

/* A latency histogram, about 2^-6 wide in the logarithm; the caller zeroes it. Values above 2^40 ns count as 2^40. */
struct hist {
	uint64_t count;
	uint64_t max_ns;
	uint64_t buckets[HIST_BUCKETS];
};

/* hist_add counts one value. */
void hist_add(struct hist *hist, uint64_t value_ns);

/* hist_quantile returns the value below which the share `quantile` (0 to 1) lies, in nanoseconds; 0 when empty. */
uint64_t hist_quantile(const struct hist *hist, double quantile);

/* clock_ns returns CLOCK_MONOTONIC in nanoseconds. */
uint64_t clock_ns(void);

/* cpu_ns returns the user and system time of this process, all its threads, in nanoseconds. */
uint64_t cpu_ns(void);

/* process_cpu_ns writes the user and system time of all threads of a process, those that ended included. It asks the
 * kernel's clock of that process, since /proc/PID/stat counts in steps of 10 ms; it falls back to the latter. */
int process_cpu_ns(pid_t pid, uint64_t *ret_ns);

/* Memory of a process in KiB, from /proc/PID/status: all resident pages, and those that belong to no file. */
struct process_memory {
	uint64_t rss_kb;
	uint64_t anon_kb;
};

/* process_memory_read writes the memory of a process. */
int process_memory_read(pid_t pid, struct process_memory *ret_memory);

/* cpu_pin binds the calling thread to one core. It does nothing when `cpu` is negative or the machine has one core;
 * -EINVAL when it has several but not this one. */
int cpu_pin(int cpu);

/* nofile_raise raises the soft limit of open files to the hard one. `ret_limit` may be NULL. */
int nofile_raise(uint64_t *ret_limit);

/* number_parse reads a whole number between `min` and `max` from `text`: 0 or -EINVAL. */
int number_parse(const char *text, long min, long max, long *ret_number);

/* seconds_parse reads a duration in seconds, 0 to 3600, such as 0.5: 0 or -EINVAL. */
int seconds_parse(const char *text, uint64_t *ret_ns);

#endif
