/* SPDX-License-Identifier: MIT */
/* Metrics of the links to other hosts. */
#include <stddef.h>
#include <stdlib.h>

#include "host/bus/bus.h"
#include "host/obs/metrics.h"
#include "host/obs/page.h"
#include "troupe/host.h"

#define LINKS_MAX 256u

static const struct link_metric {
	uint32_t kind;
	const char *name, *help, *label; /* label: a second one beside peer="..." */
	size_t offset; /* of a uint64_t in struct bus_link */
} link_metrics[] = {
#define FIELD(field) offsetof(struct bus_link, field)
	{ TROUPE_COUNTER, "troupe_bus_messages_total", "Messages of roles to and from another host.", "way=\"sent\"",
	  FIELD(messages_sent) },
	{ TROUPE_COUNTER, "troupe_bus_messages_total", NULL, "way=\"received\"", FIELD(messages_received) },
	{ TROUPE_COUNTER, "troupe_bus_bytes_total", "Their bytes.", "way=\"sent\"", FIELD(bytes_sent) },
	{ TROUPE_COUNTER, "troupe_bus_bytes_total", NULL, "way=\"received\"", FIELD(bytes_received) },
	{ TROUPE_COUNTER, "troupe_bus_frames_total", "Frames that carried them.", "way=\"sent\"", FIELD(frames_sent) },
	{ TROUPE_COUNTER, "troupe_bus_frames_total", NULL, "way=\"received\"", FIELD(frames_received) },
	{ TROUPE_GAUGE, "troupe_bus_queue_messages", "Messages the other host has not acknowledged.", NULL, FIELD(waiting) },
	{ TROUPE_GAUGE, "troupe_bus_queue_bytes", "Their bytes.", NULL, FIELD(waiting_bytes) },
	{ TROUPE_COUNTER, "troupe_bus_full_total", "Messages refused because that queue was full.", NULL, FIELD(full) },
	{ TROUPE_COUNTER, "troupe_bus_resent_total", "Messages sent again because a frame was lost or late.", NULL,
	  FIELD(resent) },
	{ TROUPE_COUNTER, "troupe_bus_lost_total", "Times the link to the other host ended.", NULL, FIELD(downs) },
	{ TROUPE_COUNTER, "troupe_bus_dropped_frames_total", "Frames that were none of the other host's.",
	  "why=\"forged\"", FIELD(forged) },
	{ TROUPE_COUNTER, "troupe_bus_dropped_frames_total", NULL, "why=\"replayed\"", FIELD(replayed) },
	{ TROUPE_COUNTER, "troupe_bus_dropped_frames_total", NULL, "why=\"stale\"", FIELD(stale) },
	{ TROUPE_COUNTER, "troupe_bus_dropped_frames_total", NULL, "why=\"malformed\"", FIELD(malformed) },
	{ TROUPE_COUNTER, "troupe_bus_dropped_frames_total", NULL, "why=\"throttled\"", FIELD(throttled) },
	{ TROUPE_COUNTER, "troupe_bus_sessions_total",
	  "Sessions of sealed frames that began: one every two minutes, more after restarts.", NULL, FIELD(sessions) },
	{ TROUPE_COUNTER, "troupe_bus_refused_total", "Messages in the name of an instance that the other host does not run.",
	  NULL, FIELD(refused) },
	{ TROUPE_COUNTER, "troupe_bus_forwarded_total", "Messages of the other host passed on to a third.", NULL,
	  FIELD(forwarded) },
#undef FIELD
};

#define LINK_METRICS (sizeof(link_metrics) / sizeof(*link_metrics))
#define UP_NAME "troupe_bus_up"
#define UP_HELP "1 while the other host is linked."
#define STRANGERS_NAME "troupe_bus_strangers_total"
#define STRANGERS_HELP "Frames that name no host of the cluster."
#define INBOUND_NAME "troupe_bus_inbound_full_total"
#define INBOUND_HELP "Calls of other hosts refused because too many waited for an answer."

void page_links_write(struct text *out, struct bus *bus)
{
	struct bus_link *links;
	struct bus_totals totals;
	uint32_t len;

	if (bus == NULL || (links = calloc(LINKS_MAX, sizeof(*links))) == NULL) {
		return;
	}
	len = bus_links(bus, links, LINKS_MAX);
	len = len < LINKS_MAX ? len : LINKS_MAX;
	metrics_family(out, UP_NAME, UP_HELP, TROUPE_GAUGE);
	for (uint32_t i = 0; i < len; i++) {
		text_format(out, UP_NAME "{peer=\"%s\"} %d\n", links[i].name, links[i].up);
	}
	for (size_t m = 0; m < LINK_METRICS; m++) {
		const struct link_metric *metric = &link_metrics[m];
		if (metric->help != NULL) {
			metrics_family(out, metric->name, metric->help, metric->kind);
		}
		for (uint32_t i = 0; i < len; i++) {
			uint64_t value = *(const uint64_t *)(const void *)((const char *)&links[i] + metric->offset);
			text_format(out, "%s{peer=\"%s\"%s%s} %llu\n", metric->name, links[i].name,
				    metric->label != NULL ? "," : "", metric->label != NULL ? metric->label : "",
				    (unsigned long long)value);
		}
	}
	bus_totals(bus, &totals);
	metrics_family(out, STRANGERS_NAME, STRANGERS_HELP, TROUPE_COUNTER);
	text_format(out, STRANGERS_NAME " %llu\n", (unsigned long long)totals.strangers);
	metrics_family(out, INBOUND_NAME, INBOUND_HELP, TROUPE_COUNTER);
	text_format(out, INBOUND_NAME " %llu\n", (unsigned long long)totals.inbound_full);
	free(links);
}

static void row(struct text *out, const char *name, const char *kind, const char *labels, const char *help)
{
	text_format(out, "| `%s` | %s | %s | %s |\n", name, kind, labels, help);
}

void page_links_page(struct text *out)
{
	text_put(out, "\n## Every link to another host\n\nOf a host in a cluster of several.\n\n"
		      "| name | kind | labels | what |\n|---|---|---|---|\n");
	row(out, UP_NAME, "gauge", "peer", UP_HELP);
	for (size_t m = 0; m < LINK_METRICS; m++) {
		const struct link_metric *metric = &link_metrics[m];
		if (metric->help != NULL) {
			const char *labels = metric->label == NULL ? "peer" : metric->label[1] == 'a' ? "peer, way" : "peer, why";
			row(out, metric->name, metric->kind == TROUPE_COUNTER ? "counter" : "gauge", labels, metric->help);
		}
	}
	row(out, STRANGERS_NAME, "counter", "", STRANGERS_HELP);
	row(out, INBOUND_NAME, "counter", "", INBOUND_HELP);
}
