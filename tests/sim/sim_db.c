/* SPDX-License-Identifier: MIT */
/* The simulator's databases: in memory, with the commit semantics of host.h, slow, unknown and cut off as the faults say. */
#include "sim_db.h"

#include <stdlib.h>
#include <string.h>

/* --- a view --------------------------------------------------------------------------------------- */

static int key_order(const void *a, uint32_t a_len, const void *b, uint32_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* view_at: where the key is or would be; *ret_found says which. */
static size_t view_at(const struct view *view, const void *key, uint32_t key_len, int *ret_found)
{
	size_t low = 0, high = view->len;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (key_order(view->entries[middle].key, view->entries[middle].key_len, key, key_len) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	*ret_found = low < view->len &&
		     key_order(view->entries[low].key, view->entries[low].key_len, key, key_len) == 0;
	return low;
}

static const struct entry *view_find(const struct view *view, const void *key, uint32_t key_len)
{
	int found;
	size_t at = view_at(view, key, key_len, &found);

	return found ? &view->entries[at] : NULL;
}

static void *copy(const void *bytes, size_t len)
{
	void *to = malloc(len + 1);

	if (len > 0) {
		memcpy(to, bytes, len);
	}
	return to;
}

static void view_put(struct view *view, const void *key, uint32_t key_len, const void *value, uint32_t value_len,
		     uint64_t version)
{
	int found;
	size_t at = view_at(view, key, key_len, &found);
	struct entry *entry;

	if (!found) {
		if (view->len == view->cap) {
			view->cap = view->cap ? view->cap * 2 : 64;
			view->entries = realloc(view->entries, view->cap * sizeof(*view->entries));
		}
		memmove(view->entries + at + 1, view->entries + at, (view->len - at) * sizeof(*view->entries));
		view->len++;
		view->entries[at] = (struct entry){ .key = copy(key, key_len), .key_len = key_len };
	}
	entry = &view->entries[at];
	free(entry->value);
	entry->value = copy(value, value_len);
	entry->value_len = value_len;
	entry->version = version;
}

static void view_delete(struct view *view, const void *key, uint32_t key_len)
{
	int found;
	size_t at = view_at(view, key, key_len, &found);

	if (found) {
		free(view->entries[at].key);
		free(view->entries[at].value);
		memmove(view->entries + at, view->entries + at + 1, (view->len - at - 1) * sizeof(*view->entries));
		view->len--;
	}
}

static void view_clear(struct view *view)
{
	for (size_t i = 0; i < view->len; i++) {
		free(view->entries[i].key);
		free(view->entries[i].value);
	}
	free(view->entries);
	*view = (struct view){ 0 };
}

/* --- commits -------------------------------------------------------------------------------------- */

void sim_tx_free(struct tx *tx)
{
	for (uint32_t i = 0; i < tx->in.checks_len; i++) {
		free((void *)tx->checks[i].key);
	}
	for (uint32_t i = 0; i < tx->in.ops_len; i++) {
		free((void *)tx->ops[i].key);
		free((void *)tx->ops[i].value);
	}
	free(tx->checks);
	free(tx->ops);
	free(tx->fence);
	free(tx);
}

static void tx_drop(struct sim_event *event)
{
	if (event->payload != NULL) {
		sim_tx_free(event->payload);
	}
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ p[i]) * 1099511628211u;
	}
	return (hash ^ len) * 1099511628211u;
}

static uint64_t tx_fingerprint(const struct tx *tx)
{
	uint64_t hash = 14695981039346656037u;

	for (uint32_t i = 0; i < tx->in.checks_len; i++) {
		hash = mix(hash, tx->checks[i].key, tx->checks[i].key_len);
		hash = mix(hash, &tx->checks[i].version, sizeof(uint64_t));
	}
	for (uint32_t i = 0; i < tx->in.ops_len; i++) {
		const struct troupe_db_op *op = &tx->ops[i];

		hash = mix(hash, &op->kind, sizeof(op->kind));
		hash = mix(hash, op->key, op->key_len);
		hash = mix(hash, op->value, op->value_len);
		hash = mix(hash, &op->delta, sizeof(op->delta));
	}
	return hash;
}

static int64_t number_at(const struct view *view, const struct troupe_db_op *op)
{
	const struct entry *entry = view_find(view, op->key, op->key_len);
	uint64_t number = 0;

	for (unsigned i = 0; entry != NULL && i < 8 && i < entry->value_len; i++) {
		number |= (uint64_t)entry->value[i] << (8 * i);
	}
	return (int64_t)number;
}

static int add_fits(const struct view *view, const struct troupe_db_op *op, int64_t *ret_sum)
{
	return !__builtin_add_overflow(number_at(view, op), op->delta, ret_sum) && *ret_sum >= op->floor;
}

/* tx_bytes: what host.h bounds. */
static size_t tx_bytes(const struct tx *tx)
{
	size_t bytes = TROUPE_DB_HEAD + (tx->fence != NULL ? strlen(tx->fence) : 0) +
		       ((size_t)tx->in.checks_len + tx->in.ops_len) * TROUPE_DB_ENTRY;

	for (uint32_t i = 0; i < tx->in.checks_len; i++) {
		bytes += tx->checks[i].key_len;
	}
	for (uint32_t i = 0; i < tx->in.ops_len; i++) {
		bytes += tx->ops[i].key_len + (tx->ops[i].kind == TROUPE_DB_PUT ? tx->ops[i].value_len : 0);
	}
	return bytes;
}

/* tx_refusal: 0 if every condition holds. Two ADDs on one key in one commit count together only on apply; roles
 * do not do that. */
static int32_t tx_refusal(const struct tx *tx, uint32_t *ret_index)
{
	const struct sim_db *db = tx->db;
	int64_t sum;

	*ret_index = UINT32_MAX;
	if (tx_bytes(tx) > TROUPE_BODY_MAX) {
		return TROUPE_INVALID_ARGUMENT;
	}
	for (size_t i = 0; tx->fence != NULL && i < db->fences_len; i++) {
		if (strcmp(db->fences[i].name, tx->fence) == 0 && tx->in.fence_epoch < db->fences[i].epoch) {
			return TROUPE_FAILED_PRECONDITION;
		}
	}
	for (uint32_t i = 0; i < tx->in.checks_len; i++) {
		const struct entry *entry = view_find(&db->now, tx->checks[i].key, tx->checks[i].key_len);

		*ret_index = i;
		if ((entry != NULL ? entry->version : 0) != tx->checks[i].version) {
			return TROUPE_ABORTED;
		}
	}
	for (uint32_t i = 0; i < tx->in.ops_len; i++) {
		*ret_index = i;
		if (tx->ops[i].key_len == 0 || *(const uint8_t *)tx->ops[i].key == 0) {
			return TROUPE_INVALID_ARGUMENT;
		}
		if (tx->ops[i].kind == TROUPE_DB_ADD && !add_fits(&db->now, &tx->ops[i], &sum)) {
			return TROUPE_OUT_OF_RANGE;
		}
	}
	return TROUPE_OK;
}

static void fence_raise(struct sim_db *db, const char *name, uint64_t epoch)
{
	for (size_t i = 0; i < db->fences_len; i++) {
		if (strcmp(db->fences[i].name, name) == 0) {
			db->fences[i].epoch = epoch;
			return;
		}
	}
	db->fences = realloc(db->fences, (db->fences_len + 1) * sizeof(*db->fences));
	db->fences[db->fences_len++] = (struct fence){ strdup(name), epoch };
}

static void tx_apply(struct tx *tx)
{
	struct sim_db *db = tx->db;

	for (uint32_t i = 0; i < tx->in.ops_len; i++) {
		const struct troupe_db_op *op = &tx->ops[i];
		int64_t sum;
		uint8_t bytes[8];

		if (op->kind == TROUPE_DB_PUT) {
			view_put(&db->now, op->key, op->key_len, op->value, op->value_len, db->version);
		} else if (op->kind == TROUPE_DB_DELETE) {
			view_delete(&db->now, op->key, op->key_len);
		} else if (add_fits(&db->now, op, &sum)) {
			for (unsigned b = 0; b < 8; b++) {
				bytes[b] = (uint8_t)((uint64_t)sum >> (8 * b));
			}
			view_put(&db->now, op->key, op->key_len, bytes, 8, db->version);
		}
	}
	if (tx->fence != NULL) {
		fence_raise(db, tx->fence, tx->in.fence_epoch);
	}
	if (tx->in.key != NULL) {
		db->keys = realloc(db->keys, (db->keys_len + 1) * sizeof(*db->keys));
		memcpy(db->keys[db->keys_len].key, tx->key, TROUPE_KEY_SIZE);
		db->keys[db->keys_len].fingerprint = tx_fingerprint(tx);
		db->keys[db->keys_len++].version = db->version;
	}
}

static struct troupe_db_result tx_decide(struct tx *tx)
{
	struct troupe_db_result result = { .size = sizeof(result) };
	struct sim_db *db = tx->db;

	for (size_t i = 0; tx->in.key != NULL && i < db->keys_len; i++) {
		if (memcmp(db->keys[i].key, tx->key, TROUPE_KEY_SIZE) == 0) {
			int same = db->keys[i].fingerprint == tx_fingerprint(tx);

			result.status = same ? TROUPE_OK : TROUPE_ALREADY_EXISTS;
			result.repeated = (uint32_t)same;
			result.version = same ? db->keys[i].version : 0;
			return result;
		}
	}
	result.status = tx_refusal(tx, &result.index);
	if (result.status == TROUPE_OK) {
		result.version = ++db->version;
		tx_apply(tx);
	}
	return result;
}

static void committed_run(struct sim *sim, struct sim_event *event)
{
	struct tx *tx = event->payload;

	sim_mix(sim, &tx->result.status, sizeof(tx->result.status));
	tx->in.on_done(event->instance->self, tx->in.arg, &tx->result);
}

void sim_tx_done(struct sim *sim, struct tx *tx)
{
	struct sim_event *after = sim_schedule(sim, tx->instance, 1, SIM_COMMITTED, committed_run, tx);

	after->incarnation = tx->incarnation;
	after->drop = tx_drop;
}

/* process_died: the one that the write was made by; that of another host when it came from there. */
static int process_died(const struct tx *tx)
{
	return tx->remote.ask != 0 ? tx->db->node->incarnation != tx->remote.incarnation
				   : tx->instance->incarnation != tx->incarnation;
}

/* What is on its way to the disk is nobody's any more: the role may be dead when it is decided. */
static void commit_run(struct sim *sim, struct sim_event *event)
{
	struct tx *tx = event->payload;

	if (tx->db->down) {
		tx->result = (struct troupe_db_result){ .size = sizeof(tx->result), .status = TROUPE_UNAVAILABLE };
	} else if (sim_chance(sim, sim->faults.commit_unknown)) {
		if (sim_chance(sim, 500000)) {
			tx_decide(tx);
		}
		tx->result = (struct troupe_db_result){ .size = sizeof(tx->result), .status = TROUPE_UNKNOWN };
	} else if (process_died(tx) && sim_chance(sim, 500000)) {
		return; /* its process died before the write reached the store */
	} else {
		tx->result = tx_decide(tx);
	}
	event->payload = NULL;
	if (tx->remote.ask != 0) {
		sim_away_committed(sim, tx);
	} else {
		sim_tx_done(sim, tx);
	}
}

void sim_tx_begin(struct sim *sim, struct tx *tx, uint64_t delay_us)
{
	if (sim_chance(sim, sim->faults.commit_slow)) {
		delay_us += sim_below(sim, sim->faults.late_us);
	}
	sim_schedule(sim, NULL, delay_us, SIM_COMMIT, commit_run, tx)->drop = tx_drop;
}

static struct sim_db *db_of(struct sim *sim, uint32_t handle)
{
	return handle >= 1 && handle <= sim->dbs_len ? sim->dbs[handle - 1] : NULL;
}

static void host_db_commit(const struct troupe_host *h, const struct troupe_db_commit *in)
{
	struct sim_instance *instance = sim_of(h);
	struct sim *sim = instance->sim;
	struct tx *tx;

	if (instance->ending) {
		return;
	}
	tx = calloc(1, sizeof(*tx));
	tx->db = db_of(sim, in->db);
	tx->in = *in;
	tx->checks = copy(in->checks, in->checks_len * sizeof(*in->checks));
	tx->ops = copy(in->ops, in->ops_len * sizeof(*in->ops));
	for (uint32_t i = 0; i < in->checks_len; i++) {
		tx->checks[i].key = copy(in->checks[i].key, in->checks[i].key_len);
	}
	for (uint32_t i = 0; i < in->ops_len; i++) {
		tx->ops[i].key = copy(in->ops[i].key, in->ops[i].key_len);
		tx->ops[i].value = copy(in->ops[i].value, in->ops[i].value_len);
	}
	tx->fence = in->fence != NULL ? strdup(in->fence) : NULL;
	if (in->key != NULL) {
		memcpy(tx->key, in->key, TROUPE_KEY_SIZE);
	}
	tx->instance = instance;
	tx->incarnation = instance->incarnation;
	if (sim_db_away(instance, tx->db)) {
		sim_away_commit(sim, tx);
	} else {
		sim_tx_begin(sim, tx, SIM_COMMIT_US);
	}
}

/* --- reads ---------------------------------------------------------------------------------------- */

void sim_read_free(struct read *read)
{
	for (uint32_t i = 0; read->keys != NULL && i < read->get.keys_len; i++) {
		free((void *)read->keys[i].key);
	}
	free(read->keys);
	free(read->from);
	free(read->to);
	free(read);
}

static void read_drop(struct sim_event *event)
{
	sim_read_free(event->payload);
}

static struct view *snapshot_view(struct sim_db *db, uint64_t snapshot)
{
	for (unsigned i = 0; i < SNAPSHOTS_MAX && snapshot != 0; i++) {
		if (db->snapshot_ids[i] == snapshot) {
			return &db->snapshots[i];
		}
	}
	return NULL;
}

/* read_view: what a read sees; NULL after the snapshot was closed */
static const struct view *read_view(struct sim_db *db, uint64_t snapshot)
{
	return snapshot == 0 ? &db->now : snapshot_view(db, snapshot);
}

static struct troupe_db_value value_of(const struct entry *entry)
{
	return (struct troupe_db_value){ entry->key, entry->value, entry->key_len, entry->value_len,
					 entry->version };
}

static void get_page(const struct read *read, const struct view *view, struct troupe_db_page *page,
		     struct troupe_db_value *values)
{
	for (uint32_t i = 0; i < read->get.keys_len; i++) {
		const struct entry *entry = view_find(view, read->keys[i].key, read->keys[i].key_len);

		values[i] = entry != NULL ? value_of(entry)
					  : (struct troupe_db_value){ .key = read->keys[i].key,
								      .key_len = read->keys[i].key_len };
		page->count = i + 1;
	}
}

static uint32_t scan_limit(const struct troupe_db_scan *scan)
{
	return scan->limit == 0 ? 100 : scan->limit > 1000 ? 1000 : scan->limit;
}

static void scan_page(const struct read *read, const struct view *view, struct troupe_db_page *page,
		      struct troupe_db_value *values)
{
	const struct troupe_db_scan *scan = &read->scan;
	int found;
	size_t at = view_at(view, read->from, scan->from_len, &found);

	for (at += scan->after && found; at < view->len; at++) {
		const struct entry *entry = &view->entries[at];

		if (scan->to_len > 0 && key_order(entry->key, entry->key_len, read->to, scan->to_len) >= 0) {
			break;
		}
		if (page->count == scan_limit(scan)) {
			page->more = 1;
			break;
		}
		values[page->count++] = value_of(entry);
	}
}

void sim_read_page(const struct read *read, struct troupe_db_page *page)
{
	const struct view *view = read_view(read->db, read->is_scan ? read->scan.snapshot : read->get.snapshot);
	struct troupe_db_value *values =
		calloc(read->is_scan ? scan_limit(&read->scan) : read->get.keys_len + 1, sizeof(*values));

	*page = (struct troupe_db_page){ .size = sizeof(*page), .values = values };
	page->status = read->db->down ? TROUPE_UNAVAILABLE : view == NULL ? TROUPE_ABORTED : TROUPE_OK;
	if (page->status == TROUPE_OK) {
		(read->is_scan ? scan_page : get_page)(read, view, page, values);
	}
}

static void read_run(struct sim *sim, struct sim_event *event)
{
	struct read *read = event->payload;
	struct troupe_db_page page;

	(void)sim;
	sim_read_page(read, &page);
	(read->is_scan ? read->scan.on_page : read->get.on_page)(event->instance->self,
								  read->is_scan ? read->scan.arg : read->get.arg, &page);
	free((void *)page.values);
}

static void read_begin(struct sim_instance *instance, struct read *read)
{
	read->instance = instance;
	if (sim_db_away(instance, read->db)) {
		sim_away_read(instance->sim, read);
	} else {
		sim_schedule(instance->sim, instance, SIM_READ_US, SIM_READ, read_run, read)->drop = read_drop;
	}
}

static void host_db_get(const struct troupe_host *h, const struct troupe_db_get *get)
{
	struct sim_instance *instance = sim_of(h);
	struct read *read;

	if (instance->ending) {
		return;
	}
	read = calloc(1, sizeof(*read));
	read->db = db_of(instance->sim, get->db);
	read->get = *get;
	read->keys = copy(get->keys, get->keys_len * sizeof(*get->keys));
	for (uint32_t i = 0; i < get->keys_len; i++) {
		read->keys[i].key = copy(get->keys[i].key, get->keys[i].key_len);
	}
	read_begin(instance, read);
}

static void host_db_scan(const struct troupe_host *h, const struct troupe_db_scan *scan)
{
	struct sim_instance *instance = sim_of(h);
	struct read *read;

	if (instance->ending) {
		return;
	}
	read = calloc(1, sizeof(*read));
	read->db = db_of(instance->sim, scan->db);
	read->is_scan = 1;
	read->scan = *scan;
	read->from = copy(scan->from, scan->from_len);
	read->to = copy(scan->to, scan->to_len);
	read_begin(instance, read);
}

/* --- snapshots ------------------------------------------------------------------------------------ */

uint64_t sim_snapshot_open(struct sim_db *db)
{
	unsigned at = 0;

	for (unsigned i = 1; i < SNAPSHOTS_MAX; i++) {
		at = db->snapshot_ids[i] < db->snapshot_ids[at] ? i : at;
	}
	view_clear(&db->snapshots[at]);
	db->snapshot_ids[at] = ++db->snapshots_made;
	for (size_t i = 0; i < db->now.len; i++) {
		const struct entry *entry = &db->now.entries[i];

		view_put(&db->snapshots[at], entry->key, entry->key_len, entry->value, entry->value_len,
			 entry->version);
	}
	return db->snapshot_ids[at];
}

void sim_snapshot_close(struct sim_db *db, uint64_t snapshot)
{
	struct view *view = snapshot_view(db, snapshot);

	if (view != NULL) {
		view_clear(view);
		db->snapshot_ids[view - db->snapshots] = 0;
	}
}

static void snapshot_run(struct sim *sim, struct sim_event *event)
{
	struct opening *opening = event->payload;

	(void)sim;
	opening->on_open(event->instance->self, opening->arg, TROUPE_OK, sim_snapshot_open(opening->db));
}

static void host_db_snapshot(const struct troupe_host *h, uint32_t db, troupe_db_snapshot_fn on_open, void *arg)
{
	struct sim_instance *instance = sim_of(h);
	struct opening *opening;

	if (instance->ending) {
		return;
	}
	opening = calloc(1, sizeof(*opening));
	*opening = (struct opening){ .db = db_of(instance->sim, db), .on_open = on_open, .arg = arg, .instance = instance };
	if (sim_db_away(instance, opening->db)) {
		sim_away_snapshot(instance->sim, opening);
	} else {
		sim_schedule(instance->sim, instance, SIM_READ_US, SIM_READ, snapshot_run, opening);
	}
}

static void host_db_snapshot_close(const struct troupe_host *h, uint32_t handle, uint64_t snapshot)
{
	struct sim_instance *instance = sim_of(h);
	struct sim_db *db = db_of(instance->sim, handle);

	if (db != NULL && sim_db_away(instance, db)) {
		sim_away_snapshot_close(instance->sim, instance, db, snapshot);
	} else if (db != NULL) {
		sim_snapshot_close(db, snapshot);
	}
}

/* --- which databases there are -------------------------------------------------------------------- */

static struct sim_db *db_named(struct sim *sim, const char *name, uint32_t *ret_handle)
{
	for (unsigned i = 0; i < sim->dbs_len; i++) {
		if (strcmp(sim->dbs[i]->name, name) == 0) {
			*ret_handle = i + 1;
			return sim->dbs[i];
		}
	}
	return NULL;
}

static int32_t host_db_find(const struct troupe_host *h, const char *name, uint32_t *ret_db)
{
	return db_named(sim_of(h)->sim, name, ret_db) != NULL ? TROUPE_OK : TROUPE_NOT_FOUND;
}

static int32_t host_store_open(const struct troupe_host *h, const struct troupe_store_open *open,
			       struct troupe_error *reterr)
{
	(void)h;
	(void)open;
	(void)reterr;
	return TROUPE_PERMISSION_DENIED; /* no `database` role runs here */
}

static int32_t host_store_stats(const struct troupe_host *h, struct troupe_store_stats *ret_stats)
{
	(void)h;
	(void)ret_stats;
	return TROUPE_PERMISSION_DENIED;
}

static void host_store_close(const struct troupe_host *h)
{
	(void)h;
}

void sim_db_each(struct sim *sim, const char *name, const char *prefix,
		 void (*each)(void *arg, const struct troupe_db_value *value), void *arg)
{
	uint32_t handle;
	struct sim_db *db = db_named(sim, name, &handle);
	int found;

	for (size_t at = db != NULL ? view_at(&db->now, prefix, (uint32_t)strlen(prefix), &found) : 0;
	     db != NULL && at < db->now.len; at++) {
		struct troupe_db_value value = value_of(&db->now.entries[at]);

		if (value.key_len < strlen(prefix) || memcmp(value.key, prefix, strlen(prefix)) != 0) {
			return;
		}
		each(arg, &value);
	}
}

void sim_db_down(struct sim *sim, const char *name, int down)
{
	uint32_t handle;
	struct sim_db *db = db_named(sim, name, &handle);

	if (db != NULL) {
		db->down = down;
	}
}

void sim_db_open_all(struct sim *sim)
{
	for (unsigned i = 0; i < sim->config->instances_len && sim->dbs_len < SIM_DBS_MAX; i++) {
		const struct config_instance *config = &sim->config->instances[i];

		if (strcmp(config->role, "database") == 0) {
			struct sim_db *db = calloc(1, sizeof(*db));

			db->name = config->short_name;
			db->node = sim->nodes_len > 0 ? sim->nodes[config->host] : NULL;
			sim->dbs[sim->dbs_len++] = db;
		}
	}
}

/* sim_db_crashed: with its host its snapshots are gone. */
void sim_db_crashed(struct sim *sim, const struct sim_node *node)
{
	for (unsigned i = 0; i < sim->dbs_len; i++) {
		for (unsigned at = 0; sim->dbs[i]->node == node && at < SNAPSHOTS_MAX; at++) {
			sim_snapshot_close(sim->dbs[i], sim->dbs[i]->snapshot_ids[at]);
		}
	}
}

void sim_db_close_all(struct sim *sim)
{
	for (unsigned i = 0; i < sim->dbs_len; i++) {
		struct sim_db *db = sim->dbs[i];

		view_clear(&db->now);
		for (unsigned s = 0; s < SNAPSHOTS_MAX; s++) {
			view_clear(&db->snapshots[s]);
		}
		for (size_t f = 0; f < db->fences_len; f++) {
			free(db->fences[f].name);
		}
		free(db->fences);
		free(db->keys);
		free(db);
	}
}

void sim_db_fill(struct troupe_host *table)
{
	table->db_find = host_db_find;
	table->db_commit = host_db_commit;
	table->db_get = host_db_get;
	table->db_scan = host_db_scan;
	table->db_snapshot = host_db_snapshot;
	table->db_snapshot_close = host_db_snapshot_close;
	table->store_open = host_store_open;
	table->store_stats = host_store_stats;
	table->store_close = host_store_close;
}
