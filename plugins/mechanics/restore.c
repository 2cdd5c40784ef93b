/* SPDX-License-Identifier: MIT */
/* Taking up regions: the checkpoint, the blocks and the journal, read from the shard's database page by page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"
#include "world/terrain.h"

#define RETRY_MS 200u
#define RETRIES_MAX 100u
#define LINK_MS 20u
#define LINK_WAIT_US 5000000u /* so long owners may take to find each other */

enum step { STEP_RULES, STEP_PAGES, STEP_CHUNKS, STEP_JOURNAL, STEP_OTHERS };

/* A restore under way, or one that was given up and waits for its last callback. */
struct restore {
	struct restore *next;
	uint64_t request, checkpoint, journal, began_us;
	uint8_t rules[WORLD_DIGEST_SIZE];
	uint32_t rules_len, generation, step, retries, pages, chunks;
	uint8_t forgotten;
	struct worldkey from, to;
	uint8_t after;
	/* of the chunk that is being read: its newest version so far that is not younger than the checkpoint */
	int x, y;
	uint8_t *bytes;
	size_t len;
};

static void scan(struct mechanics *m, struct restore *restore);

static void restore_end(struct mechanics *m, struct restore *restore)
{
	struct restore **at = &m->restore;

	while (*at != restore) {
		at = &(*at)->next;
	}
	*at = restore->next;
	free(restore->bytes);
	free(restore);
}

static void fail(struct mechanics *m, struct restore *restore, int32_t status, const char *reason)
{
	log_line(m, TROUPE_LOG_ERROR, "S0406", "the regions cannot be taken up (%s, status %d)", reason, (int)status);
	proto_refuse(m->h, restore->request, status, reason);
	restore->request = 0;
	owner_forget(m); /* marks it as given up */
	restore_end(m, restore);
	owner_state(m);
}

static void done(struct mechanics *m, struct restore *restore)
{
	static const Region__RestoreReply reply = REGION__RESTORE_REPLY__INIT;
	struct engine_figures figures;

	engine_loaded(m->engine, restore->checkpoint);
	m->ticking.tick = restore->checkpoint;
	m->phase = PHASE_RUNNING;
	m->adopting = 1;
	owner_heard(m);
	engine_figures(m->engine, &figures);
	log_line(m, TROUPE_LOG_NOTICE, NULL,
		 "%u of %u regions are this instance's, with epoch %llu: tick %llu, %u entities, %u changed chunks, "
		 "%u pages and %u entries of the journal read in %llu ms",
		 m->now.count[m->now.self], engine_regions(m->engine), (unsigned long long)m->epoch,
		 (unsigned long long)restore->checkpoint, figures.entities, restore->chunks, restore->pages, m->replay_len,
		 (unsigned long long)(m->h->now_us(m->h) - restore->began_us) / 1000);
	count(m, METRIC_RESTORES);
	STRIKE("restore.loaded");
	region_restore_reply(m->h, restore->request, &reply);
	restore_end(m, restore);
	owner_state(m);
}

/* --- what is read --------------------------------------------------------------------------------- */

static int read_page(struct mechanics *m, struct restore *restore, const struct troupe_db_value *value)
{
	Region__Page *page = region__page__unpack(NULL, value->value_len, value->value);
	int failed = page == NULL || engine_load(m->engine, page) != 0;

	if (page != NULL) {
		region__page__free_unpacked(page, NULL);
	}
	restore->pages++;
	return failed ? -1 : 0;
}

static int chunk_put(struct mechanics *m, struct restore *restore)
{
	struct terrain *terrain = engine_terrain(m->engine);
	int failed = 0;

	if (restore->bytes != NULL && terrain != NULL) {
		failed = terrain_put_packed(terrain, restore->x, restore->y, restore->bytes, restore->len) != 0;
		restore->chunks++;
	}
	free(restore->bytes);
	restore->bytes = NULL;
	return failed ? -1 : 0;
}

static int read_chunk(struct mechanics *m, struct restore *restore, const struct troupe_db_value *value)
{
	char key[sizeof(restore->from.text)];
	uint64_t tick;
	int x, y, end = 0;

	memcpy(key, value->key, value->key_len);
	key[value->key_len] = '\0';
	if (sscanf(key, "world/k/%d,%d/%n", &x, &y, &end) != 2 || end == 0 ||
	    worldkey_number(key + end, value->key_len - (uint32_t)end, &tick) != 0) {
		return -1;
	}
	if ((x != restore->x || y != restore->y) && chunk_put(m, restore) != 0) {
		return -1;
	}
	restore->x = x;
	restore->y = y;
	if (tick > restore->checkpoint) {
		return 0; /* of a checkpoint that was never whole */
	}
	free(restore->bytes);
	restore->bytes = malloc(value->value_len + 1);
	if (restore->bytes == NULL) {
		return -1;
	}
	memcpy(restore->bytes, value->value, value->value_len);
	restore->len = value->value_len;
	return 0;
}

static int read_journal(struct mechanics *m, const struct troupe_db_value *value)
{
	static const uint32_t head = sizeof("world/j/") - 1;
	const char *key = value->key;
	uint64_t tick;

	if (value->key_len < head + 18 || worldkey_number(key + head, value->key_len - head, &tick) != 0) {
		return -1;
	}
	return key[head + 17] == '!' ? 0 : journal_read(m, tick, value->value, value->value_len);
}

static int read_value(struct mechanics *m, struct restore *restore, const struct troupe_db_value *value)
{
	if (value->key_len >= sizeof(restore->from.text)) {
		return -1;
	}
	switch (restore->step) {
	case STEP_PAGES:
		return read_page(m, restore, value);
	case STEP_CHUNKS:
		return read_chunk(m, restore, value);
	default:
		return read_journal(m, value);
	}
}

/* --- step by step --------------------------------------------------------------------------------- */

/* in_reach: 1 if all other owners are: what one says to another that its host is not linked to yet is lost. */
static int in_reach(const struct mechanics *m)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t found = m->h->peers(m->h, "region", peers, PEERS_MAX), here = 0, wanted = 0;

	for (uint32_t owner = 0; owner < m->now.len; owner++) {
		if ((owner_others(m) >> owner & 1) == 0) {
			continue;
		}
		wanted++;
		for (uint32_t i = 0; i < found && i < PEERS_MAX; i++) {
			here += peers[i].id == m->now.owners[owner] && peers[i].ready;
		}
	}
	return here == wanted;
}

static void on_linked(void *instance, void *arg)
{
	struct mechanics *m = instance;
	struct restore *restore = arg;

	if (restore->forgotten) {
		restore_end(m, restore);
	} else if (in_reach(m) || m->h->now_us(m->h) - restore->began_us > LINK_WAIT_US ||
		   m->h->timer_start(m->h, LINK_MS, on_linked, restore) == 0) {
		done(m, restore);
	}
}

static void on_rules(struct mechanics *m, void *arg, int32_t status, const Region__PrepareReply *result);

static void step_begin(struct mechanics *m, struct restore *restore, enum step step)
{
	restore->step = step;
	restore->after = 0;
	restore->retries = 0;
	switch (step) {
	case STEP_RULES:
		if (restore->rules_len > 0) {
			bundle_load(m, restore->rules, restore->rules_len, restore->generation, on_rules, restore);
			return;
		}
		step_begin(m, restore, STEP_PAGES);
		return;
	case STEP_PAGES:
		worldkey(&restore->from, WORLD_KEY_CHECKPOINT_OF, (unsigned long long)restore->checkpoint);
		restore->to = restore->from;
		restore->to.text[restore->to.len - 1]++;
		break;
	case STEP_CHUNKS:
		worldkey(&restore->from, "world/k/");
		worldkey(&restore->to, "world/k0"); /* what follows '/' */
		break;
	case STEP_JOURNAL:
		worldkey(&restore->from, WORLD_KEY_JOURNAL_OF, (unsigned long long)restore->checkpoint + 1);
		worldkey(&restore->to, WORLD_KEY_JOURNAL_OF, (unsigned long long)restore->journal + 1);
		break;
	default:
		on_linked(m, restore);
		return;
	}
	scan(m, restore);
}

static void on_rules(struct mechanics *m, void *arg, int32_t status, const Region__PrepareReply *result)
{
	struct restore *restore = arg;

	if (restore->forgotten) {
		if (status == TROUPE_CANCELLED) {
			restore_end(m, restore);
		}
		return;
	}
	if (status != TROUPE_OK || !result->accepted) {
		/* They were in force once, so they are broken now: better no world than one without its rules. */
		fail(m, restore, status != TROUPE_OK ? status : TROUPE_DATA_LOSS, "region.no_rules");
		return;
	}
	engine_rules_take(m->engine);
	m->prepared_len = 0;
	step_begin(m, restore, STEP_PAGES);
}

static void on_retry(void *instance, void *arg)
{
	struct mechanics *m = instance;
	struct restore *restore = arg;

	if (restore->forgotten) {
		restore_end(m, restore);
	} else {
		scan(m, restore);
	}
}

static void on_page(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct mechanics *m = instance;
	struct restore *restore = arg;

	if (restore->forgotten) {
		restore_end(m, restore);
		return;
	}
	if (page->status != TROUPE_OK) {
		if (++restore->retries > RETRIES_MAX || m->h->timer_start(m->h, RETRY_MS, on_retry, restore) == 0) {
			fail(m, restore, TROUPE_UNAVAILABLE, "region.no_database");
		}
		return;
	}
	for (uint32_t i = 0; i < page->count; i++) {
		if (read_value(m, restore, &page->values[i]) != 0) {
			log_line(m, TROUPE_LOG_ERROR, "S0407", "%.*s in the database cannot be read",
				 (int)page->values[i].key_len, (const char *)page->values[i].key);
			fail(m, restore, TROUPE_DATA_LOSS, "region.damaged");
			return;
		}
	}
	if (page->more && page->count > 0) {
		const struct troupe_db_value *last = &page->values[page->count - 1];

		memcpy(restore->from.text, last->key, last->key_len);
		restore->from.len = last->key_len;
		restore->after = 1;
		scan(m, restore);
	} else if (restore->step == STEP_CHUNKS && chunk_put(m, restore) != 0) {
		fail(m, restore, TROUPE_DATA_LOSS, "region.damaged");
	} else {
		step_begin(m, restore, restore->step + 1);
	}
}

static void scan(struct mechanics *m, struct restore *restore)
{
	struct troupe_db_scan call = { .size = sizeof(call),
				       .db = m->db,
				       .from = restore->from.text,
				       .from_len = restore->from.len,
				       .to = restore->to.text,
				       .to_len = restore->to.len,
				       .after = restore->after,
				       .on_page = on_page,
				       .arg = restore };

	m->h->db_scan(m->h, &call);
}

void restore_forget(struct mechanics *m)
{
	for (struct restore *restore = m->restore; restore != NULL; restore = restore->next) {
		if (!restore->forgotten && restore->request != 0) {
			proto_refuse(m->h, restore->request, TROUPE_FAILED_PRECONDITION, "region.old_epoch");
		}
		restore->forgotten = 1; /* freed when what it waits for ends */
		restore->request = 0;
	}
}

void restore_free(struct mechanics *m)
{
	while (m->restore != NULL) {
		restore_end(m, m->restore);
	}
}

/* --- the scheduler asks --------------------------------------------------------------------------- */

/* A tick that is run again ends the calls that were ended then, and no others: its clock stands still. */
static uint64_t engine_clock(void *arg)
{
	const struct mechanics *m = arg;

	return m->ticking.again ? 0 : clock_ns();
}

static void engine_log(void *arg, uint32_t level, const char *code, const char *text)
{
	log_line(arg, level, code, "%s", text);
}

static struct engine *open_engine(struct mechanics *m, const Region__Shape *shape)
{
	struct engine_settings settings = { .memory = (size_t)m->options->memory,
					    .budget_ms = (uint32_t)m->options->budget_ms,
					    .arg = m,
					    .clock_ns = engine_clock,
					    .again = "troupe record REC && troupe replay REC",
					    .log = engine_log };

	if (shape == NULL) {
		return NULL;
	}
	settings.shape = engine_shape_of(shape);
	return engine_open(&settings);
}

void restore_on_restore(void *instance, const struct troupe_request *request, const Region__RestoreRequest *body)
{
	struct mechanics *m = instance;
	struct restore *restore;

	if (body->assignment == NULL || body->assignment->epoch < m->epoch) {
		proto_refuse(m->h, request->id, TROUPE_FAILED_PRECONDITION, "region.old_epoch");
		return;
	}
	if (m->draining && m->drained) {
		proto_refuse(m->h, request->id, TROUPE_UNAVAILABLE, "region.draining");
		return;
	}
	owner_forget(m);
	m->engine = open_engine(m, body->shape);
	restore = calloc(1, sizeof(*restore));
	if (m->engine == NULL || restore == NULL || body->rules.len > sizeof(restore->rules) ||
	    assignment_read(body->assignment, m->h->id, engine_regions(m->engine), &m->now) != 0) {
		m->engine = engine_close(m->engine);
		free(restore);
		proto_refuse(m->h, request->id, TROUPE_INVALID_ARGUMENT, "region.bad_world");
		return;
	}
	engine_own(m->engine, m->now.owner_of, (uint8_t)m->now.self);
	m->epoch = body->assignment->epoch;
	m->phase = PHASE_RESTORING;
	*restore = (struct restore){ .next = m->restore,
				     .request = request->id,
				     .checkpoint = body->checkpoint,
				     .journal = body->journal,
				     .began_us = m->h->now_us(m->h),
				     .generation = body->generation };
	if (body->has_rules && body->rules.len > 0) {
		memcpy(restore->rules, body->rules.data, body->rules.len);
		restore->rules_len = (uint32_t)body->rules.len;
	}
	m->restore = restore;
	owner_state(m);
	step_begin(m, restore, STEP_RULES);
}
