/* SPDX-License-Identifier: MIT */
/* What the host measures of itself, and the pages of all metrics. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "host/core/core.h"
#include "host/core/directory.h"
#include "host/obs/log.h"
#include "host/obs/metrics.h"
#include "host/obs/page.h"
#include "host/obs/obs.h"
#include "host/obs/ship_queue.h"

#define LOOPS_MAX 64u

/* A figure of every instance. */
struct instance_metric {
	uint32_t kind;
	const char *name, *help, *labels;
	size_t offset; /* of an atomic_uint_fast64_t in struct instance; SIZE_MAX = `read` tells */
	uint64_t (*read)(const struct instance *instance);
};

static uint64_t count_at(const struct instance *instance, size_t offset)
{
	const char *base = (const char *)instance;

	return atomic_load_explicit((atomic_uint_fast64_t *)(void *)(uintptr_t)(base + offset), memory_order_relaxed);
}

static uint64_t read_ready(const struct instance *instance)
{
	return atomic_load(&((struct instance *)(uintptr_t)instance)->state) == INSTANCE_RUNNING &&
	       atomic_load(&((struct instance *)(uintptr_t)instance)->ready);
}

static uint64_t read_load(const struct instance *instance)
{
	return atomic_load(&((struct instance *)(uintptr_t)instance)->load);
}

static uint64_t read_connections(const struct instance *instance)
{
	uint64_t closed = 0;

	for (int why = 1; why <= TROUPE_END_FLOOD; why++) {
		closed += count_at(instance, offsetof(struct instance, net_stats.closed) +
						     (size_t)why * sizeof(atomic_uint_fast64_t));
	}
	uint64_t opened = count_at(instance, offsetof(struct instance, net_stats.opened));
	return opened > closed ? opened - closed : 0;
}

#define COUNT(member) .offset = offsetof(struct instance, member)
#define CLOSED(why) \
	.offset = offsetof(struct instance, net_stats.closed) + (size_t)(why) * sizeof(atomic_uint_fast64_t)
#define CLOSED_NAME "troupe_net_closed_total"
#define CLOSED_HELP "Connections that ended, by the reason."
#define REFUSED_NAME "troupe_net_refused_total"
#define REFUSED_HELP "Newcomers that were turned away, by the reason."

/* Those of one name stand together. */
static const struct instance_metric instance_metrics[] = {
	{ TROUPE_GAUGE, "troupe_instance_ready", "1 if the instance takes work.", NULL, SIZE_MAX, read_ready },
	{ TROUPE_GAUGE, "troupe_instance_load", "The load that the role reports; placement prefers lower.", NULL,
	  SIZE_MAX, read_load },
	{ TROUPE_COUNTER, "troupe_requests_total", "Messages delivered to the instance.", NULL, COUNT(counts.requests),
	  NULL },
	{ TROUPE_COUNTER, "troupe_calls_total", "Messages sent by the instance.", NULL, COUNT(counts.calls), NULL },
	{ TROUPE_COUNTER, "troupe_call_timeouts_total", "Calls of the instance that got no answer in time.", NULL,
	  COUNT(counts.timeouts), NULL },
	{ TROUPE_COUNTER, "troupe_refused_messages_total", "Messages to the instance that the host refused.", NULL,
	  COUNT(counts.refused), NULL },
	{ TROUPE_COUNTER, "troupe_mailbox_overflows_total", "Messages refused because the mailbox was full.", NULL,
	  COUNT(counts.overflows), NULL },
	{ TROUPE_GAUGE, "troupe_mailbox_messages", "Messages that wait in the mailbox.", NULL, COUNT(counts.queued),
	  NULL },
	{ TROUPE_GAUGE, "troupe_open_requests", "Requests that the instance has not answered yet.", NULL,
	  COUNT(counts.open), NULL },
	{ TROUPE_GAUGE, "troupe_pending_calls", "Calls of the instance that have not ended yet.", NULL,
	  COUNT(counts.pending), NULL },
	{ TROUPE_GAUGE, "troupe_net_connections", "Connections that are open.", NULL, SIZE_MAX, read_connections },
	{ TROUPE_COUNTER, "troupe_net_accepted_total", "Connections that were let in.", NULL, COUNT(net_stats.opened),
	  NULL },
	{ TROUPE_COUNTER, CLOSED_NAME, CLOSED_HELP, "why=\"peer\"", CLOSED(TROUPE_END_PEER), NULL },
	{ TROUPE_COUNTER, CLOSED_NAME, CLOSED_HELP, "why=\"local\"", CLOSED(TROUPE_END_LOCAL), NULL },
	{ TROUPE_COUNTER, CLOSED_NAME, CLOSED_HELP, "why=\"idle\"", CLOSED(TROUPE_END_IDLE), NULL },
	{ TROUPE_COUNTER, CLOSED_NAME, CLOSED_HELP, "why=\"slow\"", CLOSED(TROUPE_END_SLOW), NULL },
	{ TROUPE_COUNTER, CLOSED_NAME, CLOSED_HELP, "why=\"host\"", CLOSED(TROUPE_END_HOST), NULL },
	{ TROUPE_COUNTER, CLOSED_NAME, CLOSED_HELP, "why=\"flood\"", CLOSED(TROUPE_END_FLOOD), NULL },
	{ TROUPE_COUNTER, REFUSED_NAME, REFUSED_HELP, "reason=\"full\"", COUNT(net_stats.refused_full), NULL },
	{ TROUPE_COUNTER, REFUSED_NAME, REFUSED_HELP, "reason=\"network\"", COUNT(net_stats.refused_network), NULL },
	{ TROUPE_COUNTER, REFUSED_NAME, REFUSED_HELP, "reason=\"files\"", COUNT(net_stats.refused_files), NULL },
	{ TROUPE_COUNTER, "troupe_net_received_bytes_total", "Bytes read from connections.", NULL,
	  COUNT(net_stats.received_bytes), NULL },
	{ TROUPE_COUNTER, "troupe_net_sent_bytes_total", "Bytes written to connections.", NULL,
	  COUNT(net_stats.sent_bytes), NULL },
};

#define INSTANCE_METRICS (sizeof(instance_metrics) / sizeof(*instance_metrics))

static void instances_write(struct text *out, struct core *core)
{
	uint32_t len;
	struct instance *const *instances = core_instances(core, &len);

	for (size_t m = 0; m < INSTANCE_METRICS; m++) {
		const struct instance_metric *metric = &instance_metrics[m];
		if (m == 0 || strcmp(metric->name, metric[-1].name) != 0) {
			metrics_family(out, metric->name, metric->help, metric->kind);
		}
		for (uint32_t i = 0; i < len; i++) {
			const struct metrics_spec spec = { .labels = metric->labels,
							   .part = instances[i]->host.part,
							   .role = instances[i]->role_class->plugin->name,
							   .instance = instances[i]->host.name };
			uint64_t value = metric->read != NULL ? metric->read(instances[i]) :
								count_at(instances[i], metric->offset);
			text_put(out, metric->name);
			metrics_labels(out, &spec, NULL);
			text_format(out, " %llu\n", (unsigned long long)value);
		}
	}
}

/* --- the host ------------------------------------------------------------------------------------- */

/* A figure of the process. The samples are written by the functions below. */
struct host_metric {
	uint32_t kind;
	const char *name, *help, *label; /* label: the name of its one label, NULL = none */
};

enum host_metric_id {
	BUILD_INFO,
	LOOP_TURNS,
	LOOP_STALLS,
	LOOP_OVERFLOWS,
	CHILD_RESTARTS,
	LOG_LINES,
	LOG_SUPPRESSED,
	LOG_DROPPED,
	LOG_SPOOLED,
	LOG_SHIPPED,
	LOG_SPOOL_DROPPED,
	LOG_SPOOL_BYTES,
	METRICS_REFUSED,
	PROCESS_CPU,
	PROCESS_MEMORY,
	PROCESS_FDS,
	PROCESS_MAX_FDS,
	PROCESS_START,
	HOST_METRICS
};

static const struct host_metric host_metrics[HOST_METRICS] = {
	[BUILD_INFO] = { TROUPE_GAUGE, "troupe_build_info", "Always 1; the labels say what runs.", "version, abi" },
	[LOOP_TURNS] = { TROUPE_COUNTER, "troupe_loop_turns_total", "Turns of a loop.", "loop" },
	[LOOP_STALLS] = { TROUPE_COUNTER, "troupe_loop_stalls_total",
			  "Callbacks that held a loop longer than the limit.", "loop" },
	[LOOP_OVERFLOWS] = { TROUPE_COUNTER, "troupe_loop_inbox_overflows_total",
			     "Messages from other loops refused because a loop's inbox was full.", "loop" },
	[CHILD_RESTARTS] = { TROUPE_COUNTER, "troupe_child_restarts_total",
			     "Starts of an isolated instance's process after it had died.", "instance" },
	[LOG_LINES] = { TROUPE_COUNTER, "troupe_log_lines_total", "Lines written to the log.", "level" },
	[LOG_SUPPRESSED] = { TROUPE_COUNTER, "troupe_log_suppressed_total",
			     "Lines not written because the same one was within 10 s.", NULL },
	[LOG_DROPPED] = { TROUPE_COUNTER, "troupe_log_dropped_total",
			  "Lines lost because nobody read the log, or there were too many.", NULL },
	[LOG_SPOOLED] = { TROUPE_COUNTER, "troupe_log_spooled_total", "Lines put into the spool for a log server.", NULL },
	[LOG_SHIPPED] = { TROUPE_COUNTER, "troupe_log_shipped_total", "Lines that a log server has stored.", NULL },
	[LOG_SPOOL_DROPPED] = { TROUPE_COUNTER, "troupe_log_spool_dropped_total",
				"Lines for the log server lost: the spool was full, or could not be written.", NULL },
	[LOG_SPOOL_BYTES] = { TROUPE_GAUGE, "troupe_log_spool_bytes", "The spool while lines wait in it.", NULL },
	[METRICS_REFUSED] = { TROUPE_COUNTER, "troupe_metrics_refused_total", "Metrics that found no slot.", NULL },
	[PROCESS_CPU] = { TROUPE_COUNTER, "process_cpu_seconds_total", "User and system CPU time.", NULL },
	[PROCESS_MEMORY] = { TROUPE_GAUGE, "process_resident_memory_bytes", "Resident memory.", NULL },
	[PROCESS_FDS] = { TROUPE_GAUGE, "process_open_fds", "Open file descriptors.", NULL },
	[PROCESS_MAX_FDS] = { TROUPE_GAUGE, "process_max_fds", "The limit of open file descriptors.", NULL },
	[PROCESS_START] = { TROUPE_GAUGE, "process_start_time_seconds", "When the process began, since 1970.", NULL },
};

static void family(struct text *out, enum host_metric_id id)
{
	metrics_family(out, host_metrics[id].name, host_metrics[id].help, host_metrics[id].kind);
}

static void plain(struct text *out, enum host_metric_id id, uint64_t value)
{
	family(out, id);
	text_format(out, "%s %llu\n", host_metrics[id].name, (unsigned long long)value);
}

static void loops_write(struct text *out, struct core *core)
{
	struct core_loop loops[LOOPS_MAX];
	uint32_t len = core_loops(core, loops, LOOPS_MAX);

	len = len < LOOPS_MAX ? len : LOOPS_MAX;
	for (enum host_metric_id id = LOOP_TURNS; id <= LOOP_OVERFLOWS; id++) {
		family(out, id);
		for (uint32_t i = 0; i < len; i++) {
			uint64_t value = id == LOOP_TURNS  ? loops[i].turns :
					 id == LOOP_STALLS ? loops[i].stalls :
							     loops[i].inbox_overflows;
			text_format(out, "%s{loop=\"%s\"} %llu\n", host_metrics[id].name, loops[i].name,
				    (unsigned long long)value);
		}
	}
}

static void children_write(struct text *out, struct core *core)
{
	uint32_t len, local_len;
	struct instance *const *own = core_own(core, &len);

	core_instances(core, &local_len);
	family(out, CHILD_RESTARTS);
	for (uint32_t i = local_len; i < len; i++) {
		text_format(out, "%s{instance=\"%s\"} %llu\n", host_metrics[CHILD_RESTARTS].name, own[i]->host.name,
			    (unsigned long long)atomic_load(&own[i]->restarts));
	}
}

static void log_page_write(struct text *out)
{
	struct log_counts counts;

	log_counts_read(&counts);
	family(out, LOG_LINES);
	for (uint32_t level = TROUPE_LOG_ERROR; level <= TROUPE_LOG_DEBUG; level++) {
		text_format(out, "%s{level=\"%s\"} %llu\n", host_metrics[LOG_LINES].name, log_level_name(level),
			    (unsigned long long)counts.written[level]);
	}
	plain(out, LOG_SUPPRESSED, counts.suppressed);
	plain(out, LOG_DROPPED, counts.dropped);
	struct ship_counts ship;
	ship_counts_read(&ship);
	plain(out, LOG_SPOOLED, ship.spooled);
	plain(out, LOG_SHIPPED, ship.shipped);
	plain(out, LOG_SPOOL_DROPPED, ship.dropped);
	plain(out, LOG_SPOOL_BYTES, ship.waiting_bytes);
}

static uint64_t fds_count(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (folder == NULL) {
		return 0;
	}
	while (readdir(folder) != NULL) {
		count++;
	}
	closedir(folder);
	return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

/* starttime and rss of /proc/self/stat (proc(5)): fields 22 and 24, counted behind the name in brackets. */
static void stat_read(uint64_t *ret_start_ticks, uint64_t *ret_pages)
{
	FILE *file = fopen("/proc/self/stat", "re");
	char line[1024];
	unsigned long long start = 0, pages = 0;

	if (file != NULL && fgets(line, sizeof(line), file) != NULL && strrchr(line, ')') != NULL) {
		sscanf(strrchr(line, ')') + 1,
		       " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %*u %llu",
		       &start, &pages);
	}
	if (file != NULL) {
		fclose(file);
	}
	*ret_start_ticks = start;
	*ret_pages = pages;
}

static void process_write(struct text *out)
{
	uint64_t start_ticks, pages;
	struct rusage usage = { 0 };
	struct rlimit files = { 0 };
	struct timespec boot, now;

	stat_read(&start_ticks, &pages);
	getrusage(RUSAGE_SELF, &usage);
	getrlimit(RLIMIT_NOFILE, &files);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &now);
	family(out, PROCESS_CPU);
	text_format(out, "%s %.6f\n", host_metrics[PROCESS_CPU].name,
		    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	plain(out, PROCESS_MEMORY, pages * (uint64_t)sysconf(_SC_PAGESIZE));
	plain(out, PROCESS_FDS, fds_count());
	plain(out, PROCESS_MAX_FDS, files.rlim_cur);
	plain(out, PROCESS_START,
	      (uint64_t)(now.tv_sec - boot.tv_sec) + start_ticks / (uint64_t)sysconf(_SC_CLK_TCK));
}

void obs_metrics_write(struct text *out, struct core *core)
{
	family(out, BUILD_INFO);
	text_format(out, "%s{version=\"%s\",abi=\"%d.%d\"} 1\n", host_metrics[BUILD_INFO].name, PACKAGE_VERSION,
		    TROUPE_ABI_MAJOR, TROUPE_ABI_MINOR);
	process_write(out);
	loops_write(out, core);
	children_write(out, core);
	log_page_write(out);
	plain(out, METRICS_REFUSED, metrics_refused());
	instances_write(out, core);
	page_links_write(out, core_bus(core));
	metrics_write(out);
}

bool obs_ready_write(struct text *out, struct core *core)
{
	uint32_t len = 0;
	struct core_instance *all = core_snapshot(core, &len);
	bool ready = all != NULL;

	for (uint32_t i = 0; all != NULL && i < len; i++) {
		if (!all[i].ready) {
			text_format(out, "%s: %s%s%s\n", all[i].name, all[i].state, all[i].why[0] != '\0' ? ", " : "",
				    all[i].why);
			ready = false;
		}
	}
	free(all);
	if (ready) {
		text_put(out, "ready\n");
	}
	return ready;
}

/* --- the reference page ---------------------------------------------------------------------------- */

static const char *const kinds[] = { "", "counter", "gauge", "histogram" };

/* The names of the labels in `name="value",...`. */
static void label_names(struct text *out, const char *labels)
{
	bool first = true;

	for (const char *p = labels; p != NULL && *p != '\0'; first = false) {
		size_t len = strcspn(p, "=");
		text_format(out, "%s%.*s", first ? "" : ", ", (int)len, p);
		p += len;
		p = strchr(p, '"') != NULL ? strchr(strchr(p, '"') + 1, '"') : NULL;
		p = p != NULL ? p + 1 + (p[1] == ',') : NULL;
	}
}

static void page_row(struct text *out, const char *name, uint32_t kind, const char *labels, const char *help)
{
	text_format(out, "| `%s` | %s | ", name, kinds[kind]);
	label_names(out, labels);
	text_format(out, " | %s |\n", help);
}

struct page {
	struct text *out;
	struct metrics_spec rows[METRICS_MAX];
	size_t len;
};

static void page_collect(void *arg, const struct metrics_spec *spec)
{
	struct page *page = arg;

	for (size_t i = 0; i < page->len; i++) {
		if (strcmp(page->rows[i].name, spec->name) == 0) {
			/* several roles have it: under the first of them by name, whoever started first */
			if (strcmp(spec->role, page->rows[i].role) < 0) {
				page->rows[i] = *spec;
			}
			return;
		}
	}
	page->rows[page->len++] = *spec;
}

static int row_compare(const void *a, const void *b)
{
	const struct metrics_spec *one = a, *other = b;
	int by_role = strcmp(one->role, other->role);

	return by_role != 0 ? by_role : strcmp(one->name, other->name);
}

static void page_roles(struct text *out)
{
	struct page *page = calloc(1, sizeof(*page));
	const char *role = "";

	if (page == NULL) {
		return;
	}
	metrics_each(page_collect, page);
	qsort(page->rows, page->len, sizeof(*page->rows), row_compare);
	for (size_t i = 0; i < page->len; i++) {
		const struct metrics_spec *row = &page->rows[i];
		if (strcmp(role, row->role) != 0) {
			role = row->role;
			text_format(out, "\n## %s\n\n| name | kind | labels | what |\n|---|---|---|---|\n", role);
		}
		page_row(out, row->name, row->kind, row->labels, row->help);
	}
	free(page);
}

void obs_metrics_page(struct text *out)
{
	text_put(out, "# Metrics\n\n"
		      "Every host shows its metrics as Prometheus text on `http://127.0.0.1:PORT/metrics`, when its `host` block\n"
		      "sets a `metrics` port; `/live` answers while the process runs, `/ready` says whether every instance takes\n"
		      "work, and what each of the others waits for. `troupe metrics` prints the same without a port.\n\n"
		      "This page is made by `troupe metrics --page` from what a host has registered.\n\n"
		      "## The host\n\n| name | kind | labels | what |\n|---|---|---|---|\n");
	for (unsigned i = 0; i < HOST_METRICS; i++) {
		text_format(out, "| `%s` | %s | %s | %s |\n", host_metrics[i].name, kinds[host_metrics[i].kind],
			    host_metrics[i].label != NULL ? host_metrics[i].label : "", host_metrics[i].help);
	}
	text_put(out, "\n## Every instance\n\nAll metrics of instances carry the labels `part`, `role` and `instance`.\n\n"
		      "| name | kind | labels | what |\n|---|---|---|---|\n");
	for (size_t i = 0; i < INSTANCE_METRICS; i++) {
		if (i == 0 || strcmp(instance_metrics[i].name, instance_metrics[i - 1].name) != 0) {
			page_row(out, instance_metrics[i].name, instance_metrics[i].kind, instance_metrics[i].labels,
				 instance_metrics[i].help);
		}
	}
	page_links_page(out);
	page_roles(out);
}
