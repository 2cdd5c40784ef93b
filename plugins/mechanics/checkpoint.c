/* SPDX-License-Identifier: MIT */
/* Checkpoints: what is ours at the end of a tick, written beside the ticks that follow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"
#include "tick.stub.h"
#include "vec/vec.h"
#include "world/terrain.h"

#define RETRY_MS 200u
#define RETRIES_MAX 50u
#define VALUES_BYTES (128u * 1024u * 1024u) /* that may wait to be written */

/* One value that is to be written. */
struct value {
	struct value *next;
	struct checkpoint *checkpoint;
	struct worldkey key;
	uint32_t tries;
	uint8_t chunk;
	int32_t cx, cy;
	uint64_t edit;
	size_t len;
	uint8_t bytes[];
};

struct checkpoint {
	struct checkpoint *next;
	struct mechanics *m;
	uint64_t tick, epoch, bytes;
	struct value *first, **last, *busy; /* waiting; under way */
	uint32_t under_way, chunks, failed, forgotten;
};

static void go_on(struct mechanics *m, struct checkpoint *checkpoint);
static void value_commit(struct mechanics *m, struct value *value);

static void values_free(struct value *value)
{
	for (struct value *next; value != NULL; value = next) {
		next = value->next;
		free(value);
	}
}

static void checkpoint_end(struct mechanics *m, struct checkpoint *checkpoint)
{
	struct checkpoint **at = &m->checkpoint;

	while (*at != checkpoint) {
		at = &(*at)->next;
	}
	*at = checkpoint->next;
	values_free(checkpoint->first);
	values_free(checkpoint->busy);
	free(checkpoint);
}

/* --- writing -------------------------------------------------------------------------------------- */

static void busy_remove(struct checkpoint *checkpoint, struct value *value)
{
	struct value **at = &checkpoint->busy;

	while (*at != value) {
		at = &(*at)->next;
	}
	*at = value->next;
	checkpoint->under_way--;
}

static void on_retry(void *instance, void *arg)
{
	value_commit(instance, arg);
}

static void on_written(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct mechanics *m = instance;
	struct value *value = arg;
	struct checkpoint *checkpoint = value->checkpoint;

	STRIKE("checkpoint.page_written");
	if (result->status == TROUPE_FAILED_PRECONDITION && !checkpoint->forgotten) {
		owner_let_go(m, "the database knows a newer epoch"); /* marks it as forgotten */
	}
	if (result->status != TROUPE_OK && !checkpoint->forgotten && ++value->tries < RETRIES_MAX &&
	    m->h->timer_start(m->h, RETRY_MS, on_retry, value) != 0) {
		return; /* the same again: it may be written twice */
	}
	busy_remove(checkpoint, value);
	if (result->status == TROUPE_OK) {
		m->h->metric_add(m->h, m->metrics[METRIC_CHECKPOINT_BYTES], (int64_t)value->len);
		if (value->chunk && !checkpoint->forgotten) {
			terrain_saved(engine_terrain(m->engine), value->cx, value->cy, value->edit);
		}
	} else {
		checkpoint->failed = 1;
	}
	free(value);
	go_on(m, checkpoint);
}

static void value_commit(struct mechanics *m, struct value *value)
{
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT,
				   .key = value->key.text,
				   .key_len = value->key.len,
				   .value = value->bytes,
				   .value_len = (uint32_t)value->len };
	struct troupe_db_commit commit = { .size = sizeof(commit),
					   .db = m->db,
					   .ops = &op,
					   .ops_len = 1,
					   .fence = WORLD_FENCE,
					   .fence_epoch = value->checkpoint->epoch,
					   .on_done = on_written,
					   .arg = value };

	m->h->db_commit(m->h, &commit);
}

static void say_saved(struct mechanics *m, const struct checkpoint *checkpoint)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t n = m->h->peers(m->h, "tick", peers, PEERS_MAX);
	Tick__Saved saved = TICK__SAVED__INIT;

	saved.has_epoch = saved.has_tick = saved.has_chunks = saved.has_bytes = 1;
	saved.epoch = checkpoint->epoch;
	saved.tick = checkpoint->tick;
	saved.chunks = checkpoint->chunks;
	saved.bytes = checkpoint->bytes;
	for (uint32_t i = 0; i < n && i < PEERS_MAX; i++) {
		struct proto_to to = { .instance = peers[i].id };

		if (strcmp(peers[i].part, m->h->part) == 0) {
			tick_saved(m->h, &saved, &to);
		}
	}
}

static void go_on(struct mechanics *m, struct checkpoint *checkpoint)
{
	while (checkpoint->first != NULL && checkpoint->under_way < COMMITS_MAX && !checkpoint->failed &&
	       !checkpoint->forgotten) {
		struct value *value = checkpoint->first;

		checkpoint->first = value->next;
		value->next = checkpoint->busy;
		checkpoint->busy = value;
		checkpoint->under_way++;
		value_commit(m, value);
	}
	if (checkpoint->under_way > 0) {
		return;
	}
	if (checkpoint->failed && !checkpoint->forgotten) {
		log_line(m, TROUPE_LOG_ERROR, "S0408", "the checkpoint of tick %llu could not be written; the last one holds",
			 (unsigned long long)checkpoint->tick);
	} else if (!checkpoint->forgotten) {
		STRIKE("checkpoint.unsaid");
		say_saved(m, checkpoint);
		STRIKE("checkpoint.said");
	}
	checkpoint_end(m, checkpoint);
}

/* --- gathering ------------------------------------------------------------------------------------ */

/* add: one more value, copied; NULL if there is too much, and the checkpoint fails. */
static struct value *add(struct checkpoint *checkpoint, const void *bytes, size_t len)
{
	struct value *value = checkpoint->bytes + len <= VALUES_BYTES ? malloc(sizeof(*value) + len) : NULL;

	if (value == NULL) {
		count(checkpoint->m, METRIC_FULL);
		checkpoint->failed = 1;
		return NULL;
	}
	*value = (struct value){ .checkpoint = checkpoint, .len = len };
	memcpy(value->bytes, bytes, len);
	checkpoint->bytes += len;
	*checkpoint->last = value;
	checkpoint->last = &value->next;
	return value;
}

static void on_save(void *arg, uint32_t region, uint32_t number, const uint8_t *bytes, size_t len)
{
	struct checkpoint *checkpoint = arg;
	struct value *value = add(checkpoint, bytes, len);
	unsigned long long tick = checkpoint->tick;

	if (value != NULL && region == UINT32_MAX) {
		worldkey(&value->key, WORLD_KEY_PENDING, tick, (unsigned long long)checkpoint->m->h->id, number);
	} else if (value != NULL) {
		worldkey(&value->key, WORLD_KEY_REGION, tick, region, number);
	}
}

/* add_chunks: the chunks of our regions that have changed since they were last written. Others' are theirs to write: what
 * they could not, the checkpoint lacks and is not whole. */
static void add_chunks(struct mechanics *m, struct checkpoint *checkpoint)
{
	struct terrain *terrain = engine_terrain(m->engine);
	struct terrain_place place;
	uint32_t at = 0;

	while (terrain != NULL && terrain_next(terrain, TERRAIN_DIRTY, &at, &place) != 0) {
		double x = (double)place.cx * CHUNK_WIDTH, y = (double)place.cy * CHUNK_WIDTH;
		struct value *value;
		uint64_t edit;
		uint8_t *bytes;
		size_t len;

		if (m->now.owner_of[engine_region_at(m->engine, x, y)] != m->now.self) {
			continue; /* stays dirty here: we may be the one who has to write it next time */
		}
		if (terrain_pack(terrain, place.cx, place.cy, &bytes, &len, &edit) != 0) {
			checkpoint->failed = 1;
			continue;
		}
		value = add(checkpoint, bytes, len);
		free(bytes);
		if (value != NULL) {
			value->chunk = 1;
			value->cx = place.cx;
			value->cy = place.cy;
			value->edit = edit;
			worldkey(&value->key, WORLD_KEY_CHUNK, place.cx, place.cy, (unsigned long long)checkpoint->tick);
			checkpoint->chunks++;
		}
	}
}

static int under_way(const struct mechanics *m)
{
	for (const struct checkpoint *checkpoint = m->checkpoint; checkpoint != NULL; checkpoint = checkpoint->next) {
		if (!checkpoint->forgotten) {
			return 1;
		}
	}
	return 0;
}

void checkpoint_begin(struct mechanics *m)
{
	struct checkpoint *checkpoint = under_way(m) ? NULL : calloc(1, sizeof(*checkpoint));

	if (checkpoint == NULL) {
		log_line(m, TROUPE_LOG_WARNING, "S0409", "the checkpoint of tick %llu is left out: the one before is not written yet",
			 (unsigned long long)m->ticking.tick);
		return;
	}
	*checkpoint = (struct checkpoint){ .next = m->checkpoint, .m = m, .tick = m->ticking.tick, .epoch = m->epoch };
	checkpoint->last = &checkpoint->first;
	m->checkpoint = checkpoint;
	engine_save(m->engine, on_save, checkpoint);
	add_chunks(m, checkpoint);
	STRIKE("checkpoint.unwritten");
	go_on(m, checkpoint);
}

void checkpoint_forget(struct mechanics *m)
{
	for (struct checkpoint *checkpoint = m->checkpoint, *next; checkpoint != NULL; checkpoint = next) {
		next = checkpoint->next;
		checkpoint->forgotten = 1; /* ends with what is under way */
	}
}

void checkpoint_free(struct mechanics *m)
{
	while (m->checkpoint != NULL) {
		checkpoint_end(m, m->checkpoint);
	}
}
