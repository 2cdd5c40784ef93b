/* SPDX-License-Identifier: MIT */
/* The databases of a host: what instances ask of them, and the stores behind `database` instances. */
#include "host/db/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/call.h"
#include "host/core/core.h"
#include "host/core/directory.h"
#include "host/db/remote.h"
#include "host/db/store.h"

/* A store and the instance that owns it. */
struct entry {
	struct store store;
	struct instance *instance;
	struct instance_hook hook; /* the instance stops: so does the store */
	void (*on_state)(void *instance, int32_t status, const char *text);
};

/* Numbers of databases: those of `entries` from 1 on (0 is what a zeroed struct holds), then those of `remotes`. */
struct db {
	uint32_t entries_len, remotes_len;
	unsigned ports_len;
	bool by_calls;
	struct entry *entries;
	struct remote_db *remotes; /* the ways by calls, to every database */
	struct port *ports;	   /* by loop index */
};

/* An instance that has had snapshots: they are closed when it stops. */
struct snapshots {
	struct instance_hook hook;
	struct instance *instance;
};

#define DB_ID 7 /* where in db_request.context the database is remembered */
_Static_assert(sizeof(struct core_context) <= DB_ID * sizeof(((struct db_request *)0)->context[0]),
	       "db_request has no room for a context");

/* --- making it ---------------------------------------------------------------------------------- */

static int remotes_init(struct db *db, struct instance *const *instances, uint32_t instances_len)
{
	struct core *core = instances_len > 0 ? instances[0]->core : NULL;
	const struct config *config = core != NULL ? core_config(core) : NULL;
	uint32_t len = config != NULL ? config->instances_len : 0;

	db->remotes = calloc(len + 1, sizeof(*db->remotes));
	if (db->remotes == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < len; i++) {
		const char *name = config->instances[i].name;
		struct instance *database = directory_instance(core_directory(core), troupe_fnv64(name, strlen(name)));

		if (config->instances[i].driver != NULL && database != NULL) {
			if (remote_init(&db->remotes[db->remotes_len], database, instances_len) < 0) {
				return -ENOMEM;
			}
			db->remotes_len++;
		}
	}
	return 0;
}

int db_new(struct loop *const *loops, unsigned loops_len, struct instance *const *instances, uint32_t instances_len,
	   struct db **ret_db)
{
	struct db *db = calloc(1, sizeof(*db));
	struct store **stores = calloc(instances_len + 1, sizeof(*stores));
	int r = 0;

	if (db != NULL) {
		db->entries = calloc(instances_len + 1, sizeof(*db->entries));
		db->ports = calloc(loops_len + 1, sizeof(*db->ports));
	}
	if (db == NULL || stores == NULL || db->entries == NULL || db->ports == NULL) {
		free(stores);
		db_free(db);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < instances_len; i++) {
		if (instances[i]->config->driver != NULL) {
			struct entry *entry = &db->entries[db->entries_len];
			const char *name = instances[i]->config->short_name;

			entry->instance = instances[i];
			store_init(&entry->store, name != NULL && name[0] != '\0' ? name : instances[i]->config->name);
			stores[db->entries_len++] = &entry->store;
		}
	}
	r = remotes_init(db, instances, instances_len);
	for (unsigned i = 0; i < loops_len && r == 0; i++) {
		r = port_init(&db->ports[i], loops[i], stores, db->entries_len);
		db->ports_len += r == 0;
	}
	free(stores);
	if (r < 0) {
		db_free(db);
		return r;
	}
	*ret_db = db;
	return 0;
}

struct db *db_free(struct db *db)
{
	if (db == NULL) {
		return NULL;
	}
	for (uint32_t i = 0; i < db->entries_len; i++) {
		store_fini(&db->entries[i].store);
	}
	for (uint32_t i = 0; i < db->remotes_len; i++) {
		remote_fini(&db->remotes[i]);
	}
	for (unsigned i = 0; i < db->ports_len; i++) {
		port_fini(&db->ports[i]);
	}
	free(db->remotes);
	free(db->entries);
	free(db->ports);
	free(db);
	return NULL;
}

/* --- asking ------------------------------------------------------------------------------------- */

void db_use_calls(struct db *db)
{
	db->by_calls = true;
}

/* How well a database fits a name: 0 = not at all. */
static int fitness(const struct instance *instance, const struct instance *database, const char *name)
{
	const struct config_instance *config = database->config;

	if (strcmp(config->name, name) == 0) {
		return 4;
	}
	if (config->short_name == NULL || strcmp(config->short_name, name) != 0) {
		return 0;
	}
	return strcmp(config->part, instance->config->part) == 0 ? 3 : strcmp(config->part, "base") == 0 ? 2 : 1;
}

/* The number by which `instance` uses a database; 0 = it is none. */
static uint32_t number_of(const struct db *db, const struct instance *instance, const struct instance *database)
{
	bool by_calls = database->remote != NULL || (db->by_calls && database != instance);

	for (uint32_t i = 0; !by_calls && i < db->entries_len; i++) {
		if (db->entries[i].instance == database) {
			return 1 + i;
		}
	}
	for (uint32_t i = 0; by_calls && i < db->remotes_len; i++) {
		if (db->remotes[i].database == database) {
			return 1 + db->entries_len + i;
		}
	}
	return 0;
}

int32_t db_find(struct instance *instance, const char *name, uint32_t *ret_id)
{
	const struct db *db = core_db(instance->core);
	uint32_t found = 0;
	int best = 0;

	for (uint32_t i = 0; i <= instance->databases_len; i++) {
		/* those that its configuration names, and last what it may be itself */
		const struct instance *one = i < instance->databases_len ? instance->databases[i] : instance;
		int fits = fitness(instance, one, name);
		uint32_t number = fits > best ? number_of(db, instance, one) : 0;

		if (number != 0) {
			best = fits;
			found = number;
		}
	}
	if (found == 0) {
		return TROUPE_NOT_FOUND;
	}
	*ret_id = found;
	return TROUPE_OK;
}

static const char *name_of(const struct db *db, uint64_t id)
{
	if (id - 1 < db->entries_len) {
		return db->entries[id - 1].store.name;
	}
	return id - 1 - db->entries_len < db->remotes_len ? db->remotes[id - 1 - db->entries_len].database->host.name
							  : "nothing";
}

/* Sends a request on its way, or, if `refused` is not OK, ends it so. */
static void submit(struct instance *instance, uint32_t id, struct db_request *request, int32_t refused,
		   void (*on_done)(struct db_request *request), void (*fn)(void), void *arg)
{
	struct db *db = core_db(instance->core);
	struct port *port = &db->ports[loop_index(instance->loop)];
	struct core_context context;

	request->owner = instance;
	request->on_done = on_done;
	request->fn = fn;
	request->arg = arg;
	call_context(instance, &context);
	memcpy(request->context, &context, sizeof(context));
	request->context[DB_ID] = id;
	instance_hold(instance);
	if (refused != TROUPE_OK) {
		port_refuse(port, request, refused);
	} else if (id > db->entries_len && id - 1 - db->entries_len < db->remotes_len) {
		remote_submit(&db->remotes[id - 1 - db->entries_len], port, request);
	} else {
		port_submit(port, id - 1, request);
	}
}

static struct instance *begin(struct db_request *request)
{
	struct instance *instance = (struct instance *)(uintptr_t)request->owner;
	struct core_context context;

	memcpy(&context, request->context, sizeof(context));
	instance_enter(instance, &context);
	return instance;
}

static void end(struct instance *instance, struct db_request *request)
{
	instance_leave(instance);
	db_request_free(request);
	instance_release(instance);
}

static void commit_done(struct db_request *request)
{
	struct instance *instance = begin(request);

	if (instance_debugs(instance)) {
		instance_debug(instance, "commit to %s ended with status %d, version %llu",
			       name_of(core_db(instance->core), request->context[DB_ID]),
			       (int)request->u.commit.result.status,
			       (unsigned long long)request->u.commit.result.version);
	}
	if (request->fn != NULL && instance_alive(instance)) {
		((troupe_db_done_fn)request->fn)(instance->self, request->arg, &request->u.commit.result);
	}
	end(instance, request);
}

/* Everything fits in a message, whether the database is here or elsewhere. */
static int32_t fits(size_t bytes)
{
	return bytes <= TROUPE_BODY_MAX ? TROUPE_OK : TROUPE_INVALID_ARGUMENT;
}

void db_commit(struct instance *instance, const struct troupe_db_commit *commit)
{
	struct db_request *request = db_request_commit(commit);
	size_t bytes = TROUPE_DB_HEAD + request->bytes + (commit->fence != NULL ? strlen(commit->fence) : 0) +
		       ((size_t)commit->checks_len + commit->ops_len) * TROUPE_DB_ENTRY;

	submit(instance, commit->db, request, fits(bytes), commit_done, (void (*)(void))commit->on_done, commit->arg);
}

static void page_done(struct db_request *request)
{
	struct instance *instance = begin(request);
	struct troupe_db_page page = { .size = sizeof(page), .status = request->status };

	if (request->status == TROUPE_OK) {
		page.values = request->u.read.page.values;
		page.count = request->u.read.page.count;
		page.more = request->u.read.page.more;
	}
	if (request->fn != NULL && instance_alive(instance)) {
		((troupe_db_page_fn)request->fn)(instance->self, request->arg, &page);
	}
	end(instance, request);
}

void db_get(struct instance *instance, const struct troupe_db_get *get)
{
	size_t longest = 0;

	for (uint32_t i = 0; i < get->keys_len; i++) {
		longest = get->keys[i].key_len > longest ? get->keys[i].key_len : longest;
	}
	submit(instance, get->db, db_request_get(get),
	       get->keys_len <= DB_READ_KEYS_MAX ? fits(TROUPE_DB_HEAD + longest) : TROUPE_INVALID_ARGUMENT, page_done,
	       (void (*)(void))get->on_page, get->arg);
}

void db_scan(struct instance *instance, const struct troupe_db_scan *scan)
{
	submit(instance, scan->db, db_request_scan(scan), fits(TROUPE_DB_HEAD + (size_t)scan->from_len + scan->to_len),
	       page_done, (void (*)(void))scan->on_page, scan->arg);
}

/* --- snapshots ---------------------------------------------------------------------------------- */

static void other_done(struct db_request *request)
{
	end(begin(request), request);
}

static void snapshots_stop(struct instance_hook *hook)
{
	struct snapshots *snapshots = (struct snapshots *)(void *)hook;
	struct instance *instance = snapshots->instance;
	struct db *db = core_db(instance->core);

	for (uint32_t i = 0; i < db->entries_len; i++) {
		submit(instance, 1 + i, db_request_other(DB_SNAPSHOT_DROP, 0), TROUPE_OK, other_done, NULL, NULL);
	}
	for (uint32_t i = 0; i < instance->databases_len; i++) {
		uint32_t id = number_of(db, instance, instance->databases[i]);

		if (id > db->entries_len) {
			submit(instance, id, db_request_other(DB_SNAPSHOT_DROP, 0), TROUPE_OK, other_done, NULL, NULL);
		}
	}
	free(snapshots);
}

static void snapshots_note(struct instance *instance)
{
	for (struct instance_hook *hook = instance->hooks; hook != NULL; hook = hook->next) {
		if (hook->stop == snapshots_stop) {
			return;
		}
	}
	struct snapshots *snapshots = calloc(1, sizeof(*snapshots));

	if (snapshots == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	snapshots->hook.stop = snapshots_stop;
	snapshots->instance = instance;
	instance_hook_add(instance, &snapshots->hook);
}

static void snapshot_done(struct db_request *request)
{
	struct instance *instance = begin(request);

	if (instance_alive(instance)) {
		((troupe_db_snapshot_fn)request->fn)(instance->self, request->arg, request->status,
						     request->u.read.snapshot);
	}
	end(instance, request);
}

void db_snapshot(struct instance *instance, uint32_t id, troupe_db_snapshot_fn on_open, void *arg)
{
	if (instance_stopping(instance)) {
		id = 0; /* nobody would close it */
	} else {
		snapshots_note(instance);
	}
	submit(instance, id, db_request_other(DB_SNAPSHOT_OPEN, 0), TROUPE_OK, snapshot_done, (void (*)(void))on_open, arg);
}

void db_snapshot_close(struct instance *instance, uint32_t id, uint64_t snapshot)
{
	submit(instance, id, db_request_other(DB_SNAPSHOT_CLOSE, snapshot), TROUPE_OK, other_done, NULL, NULL);
}

/* --- the store behind an instance ---------------------------------------------------------------- */

static struct entry *entry_of(struct instance *instance)
{
	struct db *db = core_db(instance->core);

	for (uint32_t i = 0; i < db->entries_len; i++) {
		if (db->entries[i].instance == instance) {
			return &db->entries[i];
		}
	}
	return NULL;
}

static void on_store_state(void *arg, int32_t status, const char *text)
{
	struct entry *entry = arg;
	struct instance *instance = entry->instance;

	if (entry->on_state != NULL && instance_alive(instance)) {
		instance_enter(instance, NULL);
		entry->on_state(instance->self, status, text);
		instance_leave(instance);
	}
}

static void on_store_closed(void *arg)
{
	struct entry *entry = arg;

	instance_hook_remove(entry->instance, &entry->hook);
	instance_release(entry->instance);
}

static void on_instance_stop(struct instance_hook *hook)
{
	store_stop(&((struct entry *)(void *)((char *)hook - offsetof(struct entry, hook)))->store);
}

static int provides_database(const struct instance *instance)
{
	const char *const *service = instance->config->plugin->provides;

	while (service != NULL && *service != NULL) {
		if (strcmp(*service++, "database") == 0) {
			return 1;
		}
	}
	return 0;
}

static int32_t refuse(struct troupe_error *reterr, int32_t status, const char *text, const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "%s", text);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return status;
}

int32_t db_store_open(struct instance *instance, const struct troupe_store_open *open, struct troupe_error *reterr)
{
	struct entry *entry = entry_of(instance);

	if (!provides_database(instance)) {
		return refuse(reterr, TROUPE_PERMISSION_DENIED, "only a role that provides `database` may open a store",
			      "name \"database\" among what the plugin provides");
	}
	if (instance_stopping(instance)) {
		return refuse(reterr, TROUPE_FAILED_PRECONDITION, "the instance is stopping", "");
	}
	if (entry == NULL) {
		return refuse(reterr, TROUPE_FAILED_PRECONDITION, "the instance's block names no driver",
			      "write driver = \"leveldb\" in it");
	}
	struct store_params params = {
		.driver = instance->config->driver->driver,
		.options = instance->config->driver_options,
		.queue_max = open->queue_max,
		.host = &instance->host,
		.loop = instance->loop,
		.on_state = on_store_state,
		.on_closed = on_store_closed,
		.arg = entry,
	};
	int32_t status = store_start(&entry->store, &params, reterr);

	if (status == TROUPE_OK) {
		entry->on_state = open->on_state;
		entry->hook.stop = on_instance_stop;
		instance_hook_add(instance, &entry->hook);
		instance_hold(instance);
	}
	return status;
}

int32_t db_store_stats(struct instance *instance, struct troupe_store_stats *ret_stats)
{
	struct entry *entry = entry_of(instance);

	if (entry == NULL || !provides_database(instance)) {
		return TROUPE_PERMISSION_DENIED;
	}
	store_stats(&entry->store, ret_stats);
	return TROUPE_OK;
}

void db_store_close(struct instance *instance)
{
	struct entry *entry = entry_of(instance);

	if (entry != NULL) {
		store_stop(&entry->store);
	}
}
