/* SPDX-License-Identifier: MIT */
/* Metrics: a fixed number of slots that any thread may change and one page that shows them all. */
#ifndef HOST_OBS_METRICS_H
#define HOST_OBS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "host/obs/text.h"
#include "troupe/host.h"

#define METRICS_MAX 4096u
#define METRICS_BUCKETS 21u

/* metrics_bounds_us: the upper bounds of a histogram's buckets, 10 us to 50 s in steps of 1, 2, 5. */
extern const uint64_t metrics_bounds_us[METRICS_BUCKETS];

/* A metric to register: the role's words, and whose it is. */
struct metrics_spec {
	uint32_t kind; /* enum troupe_metric_kind */
	const char *name, *help;
	const char *labels; /* "result=\"refused\"", or NULL */
	const char *part, *role, *instance; /* shown as labels; NULL = left out */
};

/*
 * metrics_flaw returns what is wrong with a metric, a constant text, or NULL. The rules are Prometheus' own advice
 * (prometheus.io/docs/practices/naming): troupe_ or process_ first, base units (seconds, bytes), _total for counters
 * alone, help that is a sentence, no label that the host adds itself.
 */
const char *metrics_flaw(const struct metrics_spec *spec);

/* metrics_register returns the slot of a metric, the same one for the same name, labels and instance; 0 if it has a
 * flaw (logged) or all slots are used (logged once, counted). Strings are copied. [any] */
uint32_t metrics_register(const struct metrics_spec *spec);

/* metrics_add: counters and gauges; metrics_set: gauges; metrics_observe: histograms. Slot 0 and what does not fit the
 * kind are ignored. [any] */
void metrics_add(uint32_t metric, int64_t delta);
void metrics_set(uint32_t metric, int64_t value);
void metrics_observe(uint32_t metric, uint64_t value_us);

/* metrics_family writes the # HELP and # TYPE lines of one name. */
void metrics_family(struct text *out, const char *name, const char *help, uint32_t kind);
/* metrics_labels writes {part="base",...}; nothing if there is none. */
void metrics_labels(struct text *out, const struct metrics_spec *spec, const char *more);
/* metrics_write appends all slots as Prometheus text (exposition format 0.0.4). [any] */
void metrics_write(struct text *out);
/* metrics_each calls fn for each slot, in the order of registration. [any] */
void metrics_each(void (*fn)(void *arg, const struct metrics_spec *spec), void *arg);
/* metrics_refused returns how many found no slot. [any] */
uint64_t metrics_refused(void);
/* metrics_clear forgets all; nobody uses any. For tests, and the end of the host. [main] */
void metrics_clear(void);

#endif
