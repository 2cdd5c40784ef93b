/* SPDX-License-Identifier: MIT */
/* The registry of metrics. */
#include "host/obs/metrics.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host/obs/log.h"

const uint64_t metrics_bounds_us[METRICS_BUCKETS] = {
	10,	20,	50,	100,	 200,	  500,	   1000,     2000,     5000,	 10000,	   20000,
	50000,	100000, 200000, 500000,	 1000000, 2000000, 5000000,  10000000, 20000000, 50000000,
};

struct histogram {
	atomic_uint_fast64_t buckets[METRICS_BUCKETS + 1]; /* the last one: above all bounds */
	atomic_uint_fast64_t sum_us;
};

struct slot {
	uint32_t kind;
	uint32_t next; /* of the same name; 0 = the last */
	char *name, *help, *labels, *part, *role, *instance;
	atomic_int_fast64_t value;
	struct histogram *histogram;
};

/* Slots are filled under the mutex and never move; `len` tells other threads that they are there. Slot 0 is nobody's. */
static struct {
	pthread_mutex_t mutex;
	struct slot *slots[METRICS_MAX];
	atomic_uint len;
	atomic_uint_fast64_t refused;
} registry = { .mutex = PTHREAD_MUTEX_INITIALIZER, .len = 1 };

/* --- rules --------------------------------------------------------------------------------------- */

static bool ends_with(const char *string, const char *end)
{
	size_t len = strlen(string), end_len = strlen(end);

	return len >= end_len && strcmp(string + len - end_len, end) == 0;
}

static bool name_plain(const char *name)
{
	for (const char *p = name; *p != '\0'; p++) {
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_') {
			return false;
		}
	}
	return strstr(name, "__") == NULL && name[0] != '\0' && name[strlen(name) - 1] != '_';
}

static const char *name_flaw(const struct metrics_spec *spec)
{
	static const char *const units[] = { "_ms",	    "_us",	"_ns",	   "_milliseconds", "_microseconds",
					     "_nanoseconds", "_millis", "_micros", "_minutes",	    "_hours",
					     "_kb",	    "_mb",	"_kilobytes", "_megabytes", "_percent" };
	char bare[128];

	if (strncmp(spec->name, "troupe_", 7) != 0 && strncmp(spec->name, "process_", 8) != 0) {
		return "its name does not begin with troupe_";
	}
	if (!name_plain(spec->name) || strlen(spec->name) >= sizeof(bare)) {
		return "its name is not of lower case letters, digits and single underscores";
	}
	if ((spec->kind == TROUPE_COUNTER) != ends_with(spec->name, "_total")) {
		return spec->kind == TROUPE_COUNTER ? "a counter's name ends in _total" :
						      "only a counter's name ends in _total";
	}
	if (spec->kind == TROUPE_HISTOGRAM && !ends_with(spec->name, "_seconds")) {
		return "a histogram's name ends in _seconds";
	}
	memcpy(bare, spec->name, strlen(spec->name) + 1);
	if (spec->kind == TROUPE_COUNTER) {
		bare[strlen(bare) - strlen("_total")] = '\0';
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (ends_with(bare, units[i])) {
			return "its unit is no base unit (seconds, bytes, ratio)";
		}
	}
	return NULL;
}

/* One or more name="value" with commas between them. */
static const char *labels_flaw(const char *labels)
{
	static const char *const own[] = { "part", "role", "instance", "le" };
	const char *p = labels;

	for (;;) {
		size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz_");
		for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
			if (strlen(own[i]) == len && strncmp(p, own[i], len) == 0) {
				return "the host itself adds the labels part, role, instance and le";
			}
		}
		if (len == 0 || strncmp(p + len, "=\"", 2) != 0) {
			break;
		}
		p += len + 2;
		p += strcspn(p, "\"\\\n");
		if (*p != '"') {
			break;
		}
		p++;
		if (*p == '\0') {
			return NULL;
		}
		if (*p++ != ',') {
			break;
		}
	}
	return "its labels are not of the form name=\"value\",name=\"value\"";
}

const char *metrics_flaw(const struct metrics_spec *spec)
{
	const char *flaw;

	if (spec->kind < TROUPE_COUNTER || spec->kind > TROUPE_HISTOGRAM) {
		return "its kind is unknown";
	}
	if (spec->name == NULL) {
		return "it has no name";
	}
	flaw = name_flaw(spec);
	if (flaw != NULL) {
		return flaw;
	}
	if (spec->help == NULL || strlen(spec->help) < 4 || !ends_with(spec->help, ".") ||
	    strchr(spec->help, '\n') != NULL) {
		return "its help is no sentence";
	}
	return spec->labels != NULL && spec->labels[0] != '\0' ? labels_flaw(spec->labels) : NULL;
}

/* --- slots --------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static char *copied(const char *string)
{
	return strdup(string != NULL ? string : "");
}

static void slot_free(struct slot *slot)
{
	if (slot != NULL) {
		free(slot->name);
		free(slot->help);
		free(slot->labels);
		free(slot->part);
		free(slot->role);
		free(slot->instance);
		free(slot->histogram);
		free(slot);
	}
}

static struct slot *slot_new(const struct metrics_spec *spec)
{
	struct slot *slot = calloc(1, sizeof(*slot));

	if (slot == NULL) {
		return NULL;
	}
	slot->kind = spec->kind;
	slot->name = copied(spec->name);
	slot->help = copied(spec->help);
	slot->labels = copied(spec->labels);
	slot->part = copied(spec->part);
	slot->role = copied(spec->role);
	slot->instance = copied(spec->instance);
	if (spec->kind == TROUPE_HISTOGRAM) {
		slot->histogram = calloc(1, sizeof(*slot->histogram));
	}
	if (slot->name == NULL || slot->help == NULL || slot->labels == NULL || slot->part == NULL ||
	    slot->role == NULL || slot->instance == NULL ||
	    (spec->kind == TROUPE_HISTOGRAM && slot->histogram == NULL)) {
		slot_free(slot);
		return NULL;
	}
	return slot;
}

/* Returns the slot, 0 if there is none yet, or METRICS_MAX if the name is another kind's. *ret_last is the last slot of
 * that name. */
static uint32_t slot_find(const struct metrics_spec *spec, uint32_t *ret_last)
{
	uint32_t len = atomic_load(&registry.len);

	*ret_last = 0;
	for (uint32_t i = 1; i < len; i++) {
		struct slot *slot = registry.slots[i];
		if (strcmp(slot->name, spec->name) != 0) {
			continue;
		}
		if (slot->kind != spec->kind) {
			return METRICS_MAX;
		}
		if (same(slot->labels, spec->labels) && same(slot->instance, spec->instance)) {
			return i;
		}
		*ret_last = i;
	}
	return 0;
}

static uint32_t slot_add(const struct metrics_spec *spec, uint32_t last)
{
	uint32_t at = atomic_load(&registry.len);
	struct slot *slot = at < METRICS_MAX ? slot_new(spec) : NULL;

	if (slot == NULL) {
		atomic_fetch_add(&registry.refused, 1);
		return 0;
	}
	registry.slots[at] = slot;
	if (last != 0) {
		registry.slots[last]->next = at;
	}
	atomic_store_explicit(&registry.len, at + 1, memory_order_release);
	return at;
}

uint32_t metrics_register(const struct metrics_spec *spec)
{
	const char *flaw = metrics_flaw(spec), *name = spec->name != NULL ? spec->name : "";
	uint32_t found, last;

	if (flaw == NULL) {
		pthread_mutex_lock(&registry.mutex);
		found = slot_find(spec, &last);
		if (found == 0) {
			found = slot_add(spec, last);
			flaw = found == 0 ? "there is no room for more" : NULL;
		} else if (found == METRICS_MAX) {
			flaw = "another kind of metric has its name";
		}
		pthread_mutex_unlock(&registry.mutex);
	}
	if (flaw != NULL) {
		log_text(TROUPE_LOG_WARNING, spec->instance != NULL ? spec->instance : "metrics",
			 "metric \"%s\" is not kept: %s", name, flaw);
		return 0;
	}
	return found;
}

static struct slot *slot_at(uint32_t metric)
{
	return metric != 0 && metric < atomic_load_explicit(&registry.len, memory_order_acquire) ?
		       registry.slots[metric] :
		       NULL;
}

void metrics_add(uint32_t metric, int64_t delta)
{
	struct slot *slot = slot_at(metric);

	if (slot != NULL && slot->kind != TROUPE_HISTOGRAM && (slot->kind == TROUPE_GAUGE || delta >= 0)) {
		atomic_fetch_add_explicit(&slot->value, delta, memory_order_relaxed);
	}
}

void metrics_set(uint32_t metric, int64_t value)
{
	struct slot *slot = slot_at(metric);

	if (slot != NULL && slot->kind == TROUPE_GAUGE) {
		atomic_store_explicit(&slot->value, value, memory_order_relaxed);
	}
}

void metrics_observe(uint32_t metric, uint64_t value_us)
{
	struct slot *slot = slot_at(metric);
	unsigned at = 0;

	if (slot == NULL || slot->kind != TROUPE_HISTOGRAM) {
		return;
	}
	while (at < METRICS_BUCKETS && value_us > metrics_bounds_us[at]) {
		at++;
	}
	atomic_fetch_add_explicit(&slot->histogram->buckets[at], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&slot->histogram->sum_us, value_us, memory_order_relaxed);
}

uint64_t metrics_refused(void)
{
	return atomic_load(&registry.refused);
}

void metrics_clear(void)
{
	pthread_mutex_lock(&registry.mutex);
	uint32_t len = atomic_exchange(&registry.len, 1);
	for (uint32_t i = 1; i < len; i++) {
		slot_free(registry.slots[i]);
		registry.slots[i] = NULL;
	}
	atomic_store(&registry.refused, 0);
	pthread_mutex_unlock(&registry.mutex);
}

/* --- the page ------------------------------------------------------------------------------------ */

static const char *const kind_names[] = { "", "counter", "gauge", "histogram" };

void metrics_family(struct text *out, const char *name, const char *help, uint32_t kind)
{
	text_format(out, "# HELP %s ", name);
	for (const char *p = help; *p != '\0'; p++) {
		text_add(out, *p == '\\' ? "\\\\" : p, *p == '\\' ? 2 : 1);
	}
	text_format(out, "\n# TYPE %s %s\n", name, kind_names[kind]);
}

static void label(struct text *out, const char *name, const char *value, char *separator)
{
	if (value == NULL || value[0] == '\0') {
		return;
	}
	text_format(out, "%c%s=\"", *separator, name);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\') {
			text_put(out, "\\");
		}
		text_add(out, *p == '\n' ? " " : p, 1);
	}
	text_put(out, "\"");
	*separator = ',';
}

void metrics_labels(struct text *out, const struct metrics_spec *spec, const char *more)
{
	char separator = '{';

	label(out, "part", spec->part, &separator);
	label(out, "role", spec->role, &separator);
	label(out, "instance", spec->instance, &separator);
	if (spec->labels != NULL && spec->labels[0] != '\0') {
		text_format(out, "%c%s", separator, spec->labels);
		separator = ',';
	}
	label(out, "le", more, &separator);
	text_put(out, separator == ',' ? "}" : "");
}

static struct metrics_spec spec_of(const struct slot *slot)
{
	return (struct metrics_spec){ .kind = slot->kind,
				      .name = slot->name,
				      .help = slot->help,
				      .labels = slot->labels,
				      .part = slot->part,
				      .role = slot->role,
				      .instance = slot->instance };
}

static void histogram_write(struct text *out, const struct slot *slot, const struct metrics_spec *spec)
{
	uint64_t count = 0;

	for (unsigned i = 0; i <= METRICS_BUCKETS; i++) {
		char bound[32] = "+Inf";
		if (i < METRICS_BUCKETS) {
			struct text number;
			text_init_fixed(&number, bound, sizeof(bound));
			text_format(&number, "%g", (double)metrics_bounds_us[i] / 1e6);
		}
		count += atomic_load_explicit(&slot->histogram->buckets[i], memory_order_relaxed);
		text_format(out, "%s_bucket", slot->name);
		metrics_labels(out, spec, bound);
		text_format(out, " %llu\n", (unsigned long long)count);
	}
	text_format(out, "%s_sum", slot->name);
	metrics_labels(out, spec, NULL);
	uint64_t sum_us = atomic_load_explicit(&slot->histogram->sum_us, memory_order_relaxed);
	text_format(out, " %llu.%06llu\n%s_count", (unsigned long long)(sum_us / 1000000),
		    (unsigned long long)(sum_us % 1000000), slot->name);
	metrics_labels(out, spec, NULL);
	text_format(out, " %llu\n", (unsigned long long)count);
}

static void slot_write(struct text *out, const struct slot *slot)
{
	struct metrics_spec spec = spec_of(slot);

	if (slot->kind == TROUPE_HISTOGRAM) {
		histogram_write(out, slot, &spec);
		return;
	}
	text_put(out, slot->name);
	metrics_labels(out, &spec, NULL);
	text_format(out, " %lld\n", (long long)atomic_load_explicit(&slot->value, memory_order_relaxed));
}

/* Whether an earlier slot has the name: then it is shown with that one. */
static bool *followers_find(uint32_t len)
{
	bool *follows = calloc(len, sizeof(*follows));

	for (uint32_t i = 1; follows != NULL && i < len; i++) {
		if (registry.slots[i]->next != 0) {
			follows[registry.slots[i]->next] = true;
		}
	}
	return follows;
}

void metrics_write(struct text *out)
{
	pthread_mutex_lock(&registry.mutex);
	uint32_t len = atomic_load(&registry.len);
	bool *follows = followers_find(len);
	for (uint32_t i = 1; follows != NULL && i < len; i++) {
		if (follows[i]) {
			continue;
		}
		metrics_family(out, registry.slots[i]->name, registry.slots[i]->help, registry.slots[i]->kind);
		for (uint32_t at = i; at != 0; at = registry.slots[at]->next) {
			slot_write(out, registry.slots[at]);
		}
	}
	free(follows);
	pthread_mutex_unlock(&registry.mutex);
}

void metrics_each(void (*fn)(void *arg, const struct metrics_spec *spec), void *arg)
{
	pthread_mutex_lock(&registry.mutex);
	uint32_t len = atomic_load(&registry.len);
	for (uint32_t i = 1; i < len; i++) {
		struct metrics_spec spec = spec_of(registry.slots[i]);
		fn(arg, &spec);
	}
	pthread_mutex_unlock(&registry.mutex);
}
