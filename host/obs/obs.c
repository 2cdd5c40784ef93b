/* SPDX-License-Identifier: MIT */
/* The log and metric functions of the host table. */
#include "host/obs/obs.h"

#include "host/core/instance.h"
#include "host/obs/log.h"

static void on_log(const struct troupe_host *h, const struct troupe_log *line)
{
	if (line->level > atomic_load_explicit(&instance_of(h)->log_level, memory_order_relaxed)) {
		return;
	}
	log_write(&(struct log_line){
		.level = line->level,
		.instance = h->name,
		.trace = core_context_now()->trace,
		.code = line->code,
		.account = line->account,
		.order = line->order,
		.text = line->text,
	});
}

static uint32_t on_log_wanted(const struct troupe_host *h, uint32_t level)
{
	return level <= atomic_load_explicit(&instance_of(h)->log_level, memory_order_relaxed);
}

/* Metric 0 is the one there is no room for. */
static uint32_t on_metric(const struct troupe_host *h, const struct troupe_metric *metric)
{
	(void)h, (void)metric;
	return 0;
}

static void on_metric_add(const struct troupe_host *h, uint32_t metric, int64_t delta)
{
	(void)h, (void)metric, (void)delta;
}

static void on_metric_observe(const struct troupe_host *h, uint32_t metric, uint64_t value_us)
{
	(void)h, (void)metric, (void)value_us;
}

void obs_table_fill(struct troupe_host *table)
{
	table->log = on_log;
	table->log_wanted = on_log_wanted;
	table->metric = on_metric;
	table->metric_add = on_metric_add;
	table->metric_set = on_metric_add;
	table->metric_observe = on_metric_observe;
}
