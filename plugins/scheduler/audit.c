/* SPDX-License-Identifier: MIT */
/* `world audit`: what the scheduler knows and what the database keeps, compared. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "findings/findings.h"

/* One audit under way. */
struct audit {
	struct scheduler *s;
	struct findings findings;
	uint64_t request, pages, entries;
	uint32_t overlaps; /* regions that more than one owner counts as its own */
	char last[128];
	uint32_t last_len;
};

static void audit_scan(struct audit *audit);

void command_free(struct scheduler *s)
{
	free(s->audit);
	s->audit = NULL;
}

static void audit_end(struct audit *audit)
{
	struct json json = { 0 };

	json_open(&json, '{');
	findings_write(&audit->findings, &json);
	command_put(&json, "tick", (int64_t)audit->s->beat.tick);
	command_put(&json, "epoch", (int64_t)audit->s->lease.epoch);
	command_put(&json, "regions", audit->s->regions);
	command_put(&json, "overlaps", audit->overlaps);
	command_put(&json, "entries", (int64_t)audit->entries);
	json_close(&json, '}');
	json_reply(&json, audit->s->h, audit->request);
	command_free(audit->s);
}

/* audit_memory: every region has one owner that takes part, and owners speak of the same epoch as we do. */
static void audit_memory(struct audit *audit)
{
	struct scheduler *s = audit->s;
	uint32_t counted = 0;

	for (uint32_t i = 0; i < s->regions && s->phase == PHASE_RUN; i++) {
		if (s->region_owner[i] == NULL || !s->region_owner[i]->in) {
			findings_add(&audit->findings, "region %u has no owner", i);
		}
	}
	for (uint32_t i = 0; i < s->owners_len; i++) {
		const struct owner *owner = s->owners[i];

		counted += owner->in ? owner->regions : 0;
		if (owner->in && owner->epoch > s->lease.epoch) {
			findings_add(&audit->findings, "%s holds regions with epoch %" PRIu64 ", the world has %" PRIu64,
				     owner->name, owner->epoch, s->lease.epoch);
		}
	}
	if (s->phase == PHASE_RUN && counted > s->regions) {
		audit->overlaps = counted - s->regions;
		findings_add(&audit->findings, "owners count %u regions, there are %u", counted, s->regions);
	}
}

/* audit_entry: nothing that is kept is of a tick that has not begun. */
static void audit_entry(struct audit *audit, const char *key, uint32_t len)
{
	uint32_t head = (uint32_t)strlen("world/j/");
	uint64_t tick = 0, begun = audit->s->beat.begun;
	int known = 0;

	audit->entries++;
	if (len >= head + 16 && (memcmp(key, "world/j/", head) == 0 || memcmp(key, "world/c/", head) == 0 ||
				memcmp(key, "world/d/", head) == 0)) {
		known = worldkey_number(key + head, 16, &tick) == 0;
	} else if (len > head + 16 && memcmp(key, "world/k/", head) == 0) {
		known = worldkey_number(key + len - 16, 16, &tick) == 0;
	} else if (len <= head || memcmp(key, "world/s/", head) == 0) {
		return;
	}
	if (known && tick > begun) {
		findings_add(&audit->findings, "%.*s is of a tick that has not begun", (int)len, key);
	}
}

static void on_audit(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct scheduler *s = instance;
	struct audit *audit = arg;

	(void)s;
	if (page->status != TROUPE_OK) {
		findings_add(&audit->findings, "the database does not answer (status %d)", (int)page->status);
		audit_end(audit);
		return;
	}
	for (uint32_t i = 0; i < page->count; i++) {
		audit_entry(audit, page->values[i].key, page->values[i].key_len);
	}
	if (page->more && page->count > 0 && page->values[page->count - 1].key_len < sizeof(audit->last)) {
		audit->last_len = page->values[page->count - 1].key_len;
		memcpy(audit->last, page->values[page->count - 1].key, audit->last_len);
		audit_scan(audit);
	} else {
		audit_end(audit);
	}
}

static void audit_scan(struct audit *audit)
{
	struct troupe_db_scan scan = { .size = sizeof(scan),
				       .db = audit->s->db,
				       .from = audit->last,
				       .from_len = audit->last_len,
				       .to = "world0",
				       .to_len = 6,
				       .limit = 500,
				       .after = audit->pages++ > 0,
				       .on_page = on_audit,
				       .arg = audit };

	audit->s->h->db_scan(audit->s->h, &scan);
}

void command_audit(void *instance, const struct troupe_request *request, const void *args)
{
	struct scheduler *s = instance;
	struct audit *audit;

	(void)args;
	if (command_refused(s, request)) {
		return;
	}
	audit = s->audit == NULL ? calloc(1, sizeof(*audit)) : NULL;
	if (audit == NULL) {
		proto_refuse(s->h, request->id, TROUPE_RESOURCE_EXHAUSTED, s->audit != NULL ? "world.auditing" : "world.no_memory");
		return;
	}
	s->audit = audit;
	audit->s = s;
	audit->request = request->id;
	audit->last_len = 6;
	memcpy(audit->last, "world/", 6);
	audit_memory(audit);
	audit_scan(audit);
}
