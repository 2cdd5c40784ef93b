/* SPDX-License-Identifier: MIT */
/* The log and metric functions of the host table. */
#include "host/obs/obs.h"

#include "host/core/directory.h"
#include "host/core/instance.h"
#include "host/obs/log.h"
#include "host/obs/metrics.h"

static void on_log(const struct troupe_host *h, const struct troupe_log *line)
{
	if (!TROUPE_HAS(line, order) || line->text == NULL ||
	    line->level > atomic_load_explicit(&instance_of(h)->log_level, memory_order_relaxed)) {
		return;
	}
	log_write(&(struct log_line){
		.level = line->level,
		.instance = h->name,
		.part = h->part,
		.role = instance_of(h)->role_class->plugin->name,
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

static uint32_t on_metric(const struct troupe_host *h, const struct troupe_metric *metric)
{
	if (!TROUPE_HAS(metric, labels)) {
		return 0;
	}
	return metrics_register(&(struct metrics_spec){
		.kind = metric->kind,
		.name = metric->name,
		.help = metric->help,
		.labels = metric->labels,
		.part = h->part,
		.role = instance_of(h)->role_class->plugin->name,
		.instance = h->name,
	});
}

static void on_metric_add(const struct troupe_host *h, uint32_t metric, int64_t delta)
{
	(void)h;
	metrics_add(metric, delta);
}

static void on_metric_set(const struct troupe_host *h, uint32_t metric, int64_t value)
{
	(void)h;
	metrics_set(metric, value);
}

static void on_metric_observe(const struct troupe_host *h, uint32_t metric, uint64_t value_us)
{
	(void)h;
	metrics_observe(metric, value_us);
}

void obs_table_fill(struct troupe_host *table)
{
	table->log = on_log;
	table->log_wanted = on_log_wanted;
	table->metric = on_metric;
	table->metric_add = on_metric_add;
	table->metric_set = on_metric_set;
	table->metric_observe = on_metric_observe;
}
