/* SPDX-License-Identifier: MIT */
/* Transactions: read, decide, commit; again after a lost race; the same commit again while its outcome is unknown. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MAX_MS 500u

static void tx_decide(struct store_tx *tx);
static void tx_commit(struct store_tx *tx);

/* --- the store ------------------------------------------------------------------------------------ */

static uint32_t counter(const struct troupe_host *h, const char *name, const char *help)
{
	struct troupe_metric metric = { .size = sizeof(metric), .kind = TROUPE_COUNTER, .name = name, .help = help };

	return h->metric(h, &metric);
}

int32_t store_open(struct store *store, const struct troupe_host *h, void *instance, const char *database,
		   struct troupe_error *reterr)
{
	int32_t status;

	store->h = h;
	store->instance = instance;
	status = h->db_find(h, database, &store->db);
	if (status != TROUPE_OK) {
		reterr->status = status;
		snprintf(reterr->text, sizeof(reterr->text), "there is no database \"%s\"", database);
		snprintf(reterr->help, sizeof(reterr->help), "name a database of this part, or of the base");
		return status;
	}
	store->m_aborted = counter(h, "troupe_store_aborted_total", "Transactions tried again after a lost race.");
	store->m_undecided = counter(h, "troupe_store_undecided_total", "Commits sent again, their outcome being unknown.");
	store->m_busy = counter(h, "troupe_store_busy_total", "Transactions refused, too many being under way.");
	store->m_failed = counter(h, "troupe_store_failed_total", "Transactions that ended without a known outcome.");
	return TROUPE_OK;
}

void store_drain(struct store *store)
{
	store->draining = 1;
	if (store->active == 0) {
		store->h->drained(store->h);
	}
}

void store_close(struct store *store)
{
	while (store->txs != NULL) {
		struct store_tx *tx = store->txs;

		store->txs = tx->next;
		proto_arena_free(&tx->arena);
		free(tx->reads);
		free(tx);
	}
	while (store->walks != NULL) {
		struct store_walk *walk = store->walks;

		store->walks = walk->next;
		if (walk->release != NULL) {
			walk->release(walk);
		}
		free(walk);
	}
}

/* --- life of a transaction ------------------------------------------------------------------------ */

void *store_new(struct store *store, const struct store_kind *kind, const struct troupe_request *request,
		uint32_t timeout_ms)
{
	const struct troupe_host *h = store->h;
	struct store_tx *tx = NULL;

	if (store->active < STORE_ACTIVE_MAX && !store->draining) {
		tx = calloc(1, kind->size);
	}
	if (tx == NULL) {
		h->metric_add(h, store->m_busy, 1);
		if (request != NULL) {
			proto_refuse(h, request->id, TROUPE_RESOURCE_EXHAUSTED,
				     store->draining ? "store.draining" : "store.busy");
		}
		return NULL;
	}
	if (request != NULL && request->timeout_ms > 0) {
		timeout_ms = request->timeout_ms;
	}
	tx->store = store;
	tx->kind = kind;
	tx->request = request != NULL ? request->id : 0;
	tx->deadline_us = h->now_us(h) + (uint64_t)timeout_ms * 1000u;
	tx->lane = STORE_LANES;
	proto_arena_init(&tx->arena);
	tx->next = store->txs;
	if (tx->next != NULL) {
		tx->next->prev = tx;
	}
	store->txs = tx;
	store->active++;
	return tx;
}

void store_run(void *arg, uint64_t lane)
{
	struct store_tx *tx = arg;
	struct store *store = tx->store;

	if (lane != 0) {
		tx->lane = (uint32_t)((lane * 0x9E3779B97F4A7C15u) >> 54); /* Knuth's multiplicative hash, 10 bits */
		if (store->lanes[tx->lane].first != NULL) {
			store->lanes[tx->lane].last->lane_next = tx;
			store->lanes[tx->lane].last = tx;
			return;
		}
		store->lanes[tx->lane].first = store->lanes[tx->lane].last = tx;
	}
	tx_decide(tx);
}

static void tx_done(struct store_tx *tx)
{
	struct store *store = tx->store;
	struct store_tx *next_in_lane = NULL;

	if (tx->status != TROUPE_OK && troupe_outcome_of(tx->status) == TROUPE_UNDECIDED) {
		store->h->metric_add(store->h, store->m_failed, 1);
	}
	tx->kind->done(tx);
	if (tx->lane < STORE_LANES) {
		next_in_lane = tx->lane_next;
		store->lanes[tx->lane].first = next_in_lane;
	}
	if (tx->prev != NULL) {
		tx->prev->next = tx->next;
	} else {
		store->txs = tx->next;
	}
	if (tx->next != NULL) {
		tx->next->prev = tx->prev;
	}
	store->active--;
	proto_arena_free(&tx->arena);
	free(tx->reads);
	free(tx);
	if (next_in_lane != NULL) {
		tx_decide(next_in_lane);
	} else if (store->draining && store->active == 0) {
		store->h->drained(store->h);
	}
}

static void tx_fail(struct store_tx *tx, int32_t status, const char *reason)
{
	tx->status = status;
	tx->reason = reason;
	tx_done(tx);
}

/* tx_reset: back to the start: nothing is read, nothing decided. */
static void tx_reset(struct store_tx *tx)
{
	proto_arena_free(&tx->arena);
	proto_arena_init(&tx->arena);
	tx->status = TROUPE_OK;
	tx->reason = "";
	tx->reads_len = tx->ops_len = tx->broken = tx->undecided = 0;
}

/* tx_wait: goes on with `fn` a little later, longer each time, at random so that rivals part. Ends tx if its time is up. */
static void tx_wait(struct store_tx *tx, troupe_timer_fn fn, int32_t status, const char *reason)
{
	const struct troupe_host *h = tx->store->h;
	uint32_t most = tx->waits < 9 ? 1u << tx->waits : WAIT_MAX_MS;
	uint16_t random;

	h->random_bytes(h, &random, sizeof(random));
	tx->waits++;
	if (h->now_us(h) >= tx->deadline_us || h->timer_start(h, 1 + random % most, fn, tx) == 0) {
		tx_fail(tx, status, reason);
	}
}

static void on_again(void *instance, void *arg)
{
	struct store_tx *tx = arg;

	(void)instance;
	tx_reset(tx);
	tx_decide(tx);
}

static void on_commit_again(void *instance, void *arg)
{
	(void)instance;
	tx_commit(arg);
}

/* --- reading -------------------------------------------------------------------------------------- */

static void on_got(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct store_tx *tx = arg;
	uint32_t at = 0;

	(void)instance;
	if (page->status != TROUPE_OK) {
		tx_wait(tx, on_again, TROUPE_UNAVAILABLE, "store.not_read");
		return;
	}
	for (uint32_t i = 0; i < tx->reads_len; i++) {
		struct store_value *read = &tx->reads[i];
		const struct troupe_db_value *value;
		void *copy;

		if (read->known) {
			continue;
		}
		if (at >= page->count) {
			tx_fail(tx, TROUPE_INTERNAL, "store.short_page");
			return;
		}
		value = &page->values[at++];
		read->known = 1;
		read->version = value->version;
		read->len = value->version != 0 ? value->value_len : 0;
		copy = store_alloc(tx, read->len + 1);
		if (copy != NULL && read->len > 0) {
			memcpy(copy, value->value, read->len);
		}
		read->value = copy;
	}
	tx_decide(tx);
}

static void tx_fetch(struct store_tx *tx)
{
	struct troupe_db_check keys[STORE_READS_MAX];
	struct troupe_db_get get = {
		.size = sizeof(get),
		.db = tx->store->db,
		.keys = keys,
		.on_page = on_got,
		.arg = tx,
	};

	for (uint32_t i = 0; i < tx->reads_len; i++) {
		if (!tx->reads[i].known) {
			keys[get.keys_len++] = (struct troupe_db_check){ .key = tx->reads[i].key.bytes,
									 .key_len = tx->reads[i].key.len };
		}
	}
	if (get.keys_len == 0) {
		tx_fail(tx, TROUPE_INTERNAL, "store.no_read");
		return;
	}
	tx->store->h->db_get(tx->store->h, &get);
}

const struct store_value *store_read(struct store_tx *tx, const struct store_key *key)
{
	for (uint32_t i = 0; i < tx->reads_len; i++) {
		if (tx->reads[i].key.len == key->len && memcmp(tx->reads[i].key.bytes, key->bytes, key->len) == 0) {
			return tx->reads[i].known ? &tx->reads[i] : NULL;
		}
	}
	if (tx->reads == NULL) {
		tx->reads = calloc(STORE_READS_MAX, sizeof(*tx->reads));
	}
	if (tx->reads == NULL || tx->reads_len == STORE_READS_MAX) {
		tx->broken = 1;
		return NULL;
	}
	tx->reads[tx->reads_len++] = (struct store_value){ .key = *key };
	return NULL;
}

void *store_unpack(struct store_tx *tx, const struct store_value *value, const ProtobufCMessageDescriptor *type)
{
	void *message;

	if (value->version == 0) {
		return NULL;
	}
	message = proto_unpack(type, value->value, value->len, &tx->arena);
	if (message == NULL) {
		tx->broken = 1;
	}
	return message;
}

/* --- deciding ------------------------------------------------------------------------------------- */

void *store_alloc(struct store_tx *tx, size_t size)
{
	void *bytes = tx->arena.allocator.alloc(&tx->arena, size);

	if (bytes == NULL) {
		tx->broken = 1;
	}
	return bytes;
}

static struct troupe_db_op *op_new(struct store_tx *tx, uint32_t kind, const struct store_key *key)
{
	void *copy = store_alloc(tx, key->len);

	if (copy == NULL || tx->ops_len == STORE_OPS_MAX) {
		tx->broken = 1;
		return NULL;
	}
	memcpy(copy, key->bytes, key->len);
	tx->ops[tx->ops_len] = (struct troupe_db_op){ .kind = kind, .key = copy, .key_len = key->len };
	return &tx->ops[tx->ops_len++];
}

void store_put_bytes(struct store_tx *tx, const struct store_key *key, const void *bytes, uint32_t len)
{
	struct troupe_db_op *op = op_new(tx, TROUPE_DB_PUT, key);
	void *copy = store_alloc(tx, len + 1);

	if (op == NULL || copy == NULL) {
		return;
	}
	if (len > 0) {
		memcpy(copy, bytes, len);
	}
	op->value = copy;
	op->value_len = len;
}

void store_put(struct store_tx *tx, const struct store_key *key, const ProtobufCMessage *record)
{
	struct troupe_db_op *op = op_new(tx, TROUPE_DB_PUT, key);
	size_t len = protobuf_c_message_get_packed_size(record);
	void *bytes = store_alloc(tx, len + 1);

	if (op == NULL || bytes == NULL) {
		return;
	}
	protobuf_c_message_pack(record, bytes);
	op->value = bytes;
	op->value_len = (uint32_t)len;
}

void store_delete(struct store_tx *tx, const struct store_key *key)
{
	op_new(tx, TROUPE_DB_DELETE, key);
}

void store_add(struct store_tx *tx, const struct store_key *key, int64_t delta, int64_t floor)
{
	struct troupe_db_op *op = op_new(tx, TROUPE_DB_ADD, key);

	if (op != NULL) {
		op->delta = delta;
		op->floor = floor;
	}
}

enum store_next store_refuse(struct store_tx *tx, int32_t status, const char *reason)
{
	tx->status = status;
	tx->reason = reason;
	return STORE_DONE;
}

static void tx_broken(struct store_tx *tx)
{
	struct troupe_log line = {
		.size = sizeof(line),
		.level = TROUPE_LOG_ERROR,
		.text = "a record in the database cannot be read, or asks for too much: the request ends, nothing is changed",
	};

	tx->store->h->log(tx->store->h, &line);
	tx_fail(tx, TROUPE_DATA_LOSS, "store.damaged");
}

static void tx_decide(struct store_tx *tx)
{
	enum store_next next;

	if (tx->store->h->now_us(tx->store->h) >= tx->deadline_us) {
		/* Nothing is under way here: a try with an unknown outcome never comes back to this point. */
		tx_fail(tx, TROUPE_RESOURCE_EXHAUSTED, "store.too_late");
		return;
	}
	tx->status = TROUPE_OK;
	tx->reason = "";
	tx->ops_len = 0;
	next = tx->kind->decide(tx);
	if (tx->broken) {
		tx_broken(tx);
	} else if (next == STORE_READ) {
		tx_fetch(tx);
	} else if (next == STORE_DONE || tx->ops_len == 0) {
		tx_done(tx);
	} else {
		/* A key for each decision: repeated while its outcome is unknown, never for another one. */
		tx->store->h->random_bytes(tx->store->h, tx->key, sizeof(tx->key));
		tx_commit(tx);
	}
}

/* --- committing ----------------------------------------------------------------------------------- */

static void on_lost_race(struct store_tx *tx)
{
	const struct troupe_host *h = tx->store->h;

	h->metric_add(h, tx->store->m_aborted, 1);
	if (++tx->attempts >= STORE_ATTEMPTS_MAX) {
		tx_fail(tx, TROUPE_ABORTED, "store.contended");
	} else if (tx->attempts < 3) {
		tx_reset(tx);
		tx_decide(tx);
	} else {
		tx_wait(tx, on_again, TROUPE_ABORTED, "store.contended");
	}
}

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct store_tx *tx = arg;
	const struct troupe_host *h = tx->store->h;

	(void)instance;
	switch (result->status) {
	case TROUPE_OK:
		tx->version = result->version;
		tx_done(tx);
		return;
	case TROUPE_ABORTED:
		on_lost_race(tx);
		return;
	case TROUPE_OUT_OF_RANGE:
		if (tx->floored++ > 0) {
			tx_fail(tx, TROUPE_OUT_OF_RANGE, "store.floor");
			return;
		}
		tx_reset(tx);
		tx_decide(tx);
		return;
	case TROUPE_FAILED_PRECONDITION:
		tx_fail(tx, TROUPE_FAILED_PRECONDITION, "store.fenced");
		return;
	case TROUPE_RESOURCE_EXHAUSTED:
		/* Refused before it was tried, so what an earlier sending did is as unknown as before. */
		tx_wait(tx, on_commit_again, tx->undecided ? TROUPE_UNKNOWN : TROUPE_RESOURCE_EXHAUSTED, "store.full");
		return;
	default:
		break;
	}
	if (troupe_outcome_of(result->status) == TROUPE_REFUSED) {
		tx_fail(tx, TROUPE_INTERNAL, "store.refused");
		return;
	}
	tx->undecided = 1;
	h->metric_add(h, tx->store->m_undecided, 1);
	tx_wait(tx, on_commit_again, TROUPE_UNKNOWN, "store.unknown");
}

static void tx_commit(struct store_tx *tx)
{
	struct troupe_db_check checks[STORE_READS_MAX];
	struct troupe_db_commit commit = {
		.size = sizeof(commit),
		.db = tx->store->db,
		.checks = checks,
		.checks_len = tx->reads_len,
		.ops = tx->ops,
		.ops_len = tx->ops_len,
		.fence = tx->fence,
		.fence_epoch = tx->fence_epoch,
		.key = tx->key,
		.on_done = on_committed,
		.arg = tx,
	};

	for (uint32_t i = 0; i < tx->reads_len; i++) {
		checks[i] = (struct troupe_db_check){ .key = tx->reads[i].key.bytes,
						      .key_len = tx->reads[i].key.len,
						      .version = tx->reads[i].version };
	}
	tx->store->h->db_commit(tx->store->h, &commit);
}
