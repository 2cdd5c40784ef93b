/* SPDX-License-Identifier: MIT */
/* A database and instances that use it, driven from a test's thread as if calls were blocking. */
#include "tests/contract/database_rig.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/db/db.h"
#include "tests/support/driver_load.h"

static const struct database_options {
	const char *driver;
	int64_t queue;
} database_options = { "leveldb", 4096 };

/* --- life ----------------------------------------------------------------------------------------- */

static int32_t user_start(struct actor *actor)
{
	struct rig_user *user = (struct rig_user *)(uintptr_t)((const char *)actor->script -
							       offsetof(struct rig_user, script));

	user->h = actor->host;
	if (user->h->db_find(user->h, "base", &user->db) != TROUPE_OK) {
		user->db = 0;
	}
	pthread_mutex_lock(&user->rig->mutex);
	user->rig->started++;
	pthread_cond_broadcast(&user->rig->cond);
	pthread_mutex_unlock(&user->rig->mutex);
	return TROUPE_OK;
}

static void user_stop(struct actor *actor)
{
	struct rig_user *user = (struct rig_user *)(uintptr_t)((const char *)actor->script -
							       offsetof(struct rig_user, script));

	if (user->rig->user_stop != NULL) {
		user->rig->user_stop(user);
	}
}

/* Fills what every process of the rig knows. */
static void rig_fill(struct rig *rig, const char *dir)
{
	static const struct troupe_plugin user_plugin = ACTOR_PLUGIN("user", .flags = 0);
	static const char *const names[] = { "base/user.one", "base/user.two", "base/user.stranger" };
	static const uint32_t first = 0;
	static char path[300];
	const struct troupe_plugin *driver = driver_load(NULL, "driver_leveldb"), *database = driver_load(NULL, "database");

	memset(rig, 0, sizeof(*rig));
	snprintf(rig->dir, sizeof(rig->dir), "%s", dir);
	if (driver == NULL || database == NULL) {
		abort();
	}
	rig->database = *database;
	snprintf(path, sizeof(path), "path=%.250s/store", dir);
	rig->driver_options = driver_options(driver, path, "write_buffer=64kb", "reserve=256kb", NULL);
	rig->instances[0] = (struct config_instance){
		.name = "base/database.base", .part = "base", .role = "database", .short_name = "base", .placed = 1,
		.plugin = &rig->database, .options = &database_options, .driver = driver,
		.driver_options = rig->driver_options,
	};
	for (unsigned i = 0; i < RIG_USERS; i++) {
		rig->users[i] = (struct rig_user){ .rig = rig, .script = { .start = user_start, .stop = user_stop } };
		rig->instances[1 + i] = (struct config_instance){
			.name = names[i], .part = "base", .role = "user", .short_name = strchr(names[i], '.') + 1,
			.plugin = &user_plugin, .options = &rig->users[i].script, .loop = i % 2, .placed = 1,
			.databases = &first, .databases_len = i == STRANGER ? 0 : 1,
		};
	}
	pthread_mutex_init(&rig->mutex, NULL);
	pthread_cond_init(&rig->cond, NULL);
}

/* Makes host `own` of `hosts`; the database is on the last of them. */
static void rig_core(struct rig *rig, uint32_t own, uint32_t hosts)
{
	static const char *const names[] = { "users", "data" };
	struct troupe_error error = { .size = sizeof(error) };
	uint32_t local = 0;

	for (uint32_t i = 0; i < hosts; i++) {
		rig->hosts[i] = (struct config_host){ .name = names[i], .address = "127.0.0.1", .loops = 2, .workers = 1 };
		if (rig->reach[i].address != NULL) {
			rig->reach[i].host = 1 - i;
			rig->hosts[i].reach = &rig->reach[i];
			rig->hosts[i].reach_len = 1;
		}
	}
	rig->instances[0].host = hosts - 1;
	for (uint32_t i = 0; i < 1 + RIG_USERS; i++) {
		if (rig->instances[i].host == own) {
			rig->local[local++] = &rig->instances[i];
		}
	}
	rig->config = (struct config){
		.cluster = "test", .drain_ms = 1000, .state = rig->dir, .sockets = rig->dir, .hosts = rig->hosts,
		.host = &rig->hosts[own], .hosts_len = hosts, .instances = rig->instances,
		.instances_len = 1 + RIG_USERS, .local = rig->local, .local_len = local,
	};
	if (core_new(&rig->config, &rig->core, &error) < 0) {
		fprintf(stderr, "%s; %s\n", error.text, error.help);
		abort();
	}
}

void rig_init(struct rig *rig)
{
	const char *tmp = getenv("TMPDIR");
	char dir[256];

	snprintf(dir, sizeof(dir), "%s/database.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	rig_fill(rig, dir);
}

static void *rig_thread(void *arg)
{
	struct rig *rig = arg;

	rig->exit_code = core_run(rig->core);
	return NULL;
}

void rig_open(struct rig *rig, enum rig_mode mode)
{
	if (mode == RIG_HOSTS) {
		rig_host_start(rig);
	}
	rig_core(rig, 0, mode == RIG_HOSTS ? 2 : 1);
	if (mode == RIG_CALLS) {
		db_use_calls(core_db(rig->core));
	}
	rig->started = 0;
	assert_int_equal(pthread_create(&rig->thread, NULL, rig_thread, rig), 0);
	pthread_mutex_lock(&rig->mutex);
	while (rig->started < RIG_USERS) {
		pthread_cond_wait(&rig->cond, &rig->mutex);
	}
	pthread_mutex_unlock(&rig->mutex);
}

void rig_close(struct rig *rig)
{
	core_drain(rig->core);
	pthread_join(rig->thread, NULL);
	assert_int_equal(rig->exit_code, 0);
	rig->core = core_free(rig->core);
	assert_int_equal(rig->inside, 0);
	if (rig->pid != 0) {
		rig_host_signal(rig, SIGTERM);
	}
}

void rig_fini(struct rig *rig)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", rig->dir);
	assert_int_equal(system(command), 0);
	free(rig->driver_options);
	pthread_cond_destroy(&rig->cond);
	pthread_mutex_destroy(&rig->mutex);
}

/* --- the database's host ---------------------------------------------------------------------------- */

#define HOST_WORD "--database-host"

int rig_host_main(int argc, char **argv)
{
	struct rig rig;

	if (argc != 4 || strcmp(argv[1], HOST_WORD) != 0) {
		return -1;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing behind */
	rig_fill(&rig, argv[2]);
	rig.reach[1].address = argv[3][0] != '\0' ? argv[3] : NULL;
	rig_core(&rig, 1, 2);
	rig.exit_code = core_run(rig.core);
	core_free(rig.core);
	free(rig.driver_options);
	return rig.exit_code;
}

void rig_host_start(struct rig *rig)
{
	const char *reach = rig->reach[1].address != NULL ? rig->reach[1].address : "";
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *const argv[] = { "database", HOST_WORD, rig->dir, (char *)(uintptr_t)reach, NULL };
	posix_spawn_file_actions_t actions;

	assert_true(len > 0);
	self[len] = '\0';
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, 2, 1); /* standard output is the test's */
	assert_int_equal(posix_spawn(&rig->pid, self, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
}

void rig_host_signal(struct rig *rig, int signal)
{
	int status = 0;

	assert_int_equal(kill(rig->pid, signal), 0);
	if (signal == SIGTERM || signal == SIGKILL) {
		assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
		assert_true(signal == SIGKILL || status == 0);
		rig->pid = 0;
	}
}

/* --- the end of one user ------------------------------------------------------------------------------- */

struct end {
	struct loop_task task;
	struct rig *rig;
	unsigned user;
	int done;
};

static void on_ended(void *arg, int32_t status, const char *text)
{
	struct end *end = arg;

	(void)status;
	(void)text;
	pthread_mutex_lock(&end->rig->mutex);
	end->done = 1;
	pthread_cond_broadcast(&end->rig->cond);
	pthread_mutex_unlock(&end->rig->mutex);
}

static void on_end_task(struct loop_task *task)
{
	struct end *end = (struct end *)(void *)task;

	core_end(end->rig->core, instance_of(end->rig->users[end->user].h), 1000, on_ended, end);
}

void rig_end(struct rig *rig, unsigned user)
{
	struct end end = { .task.run = on_end_task, .rig = rig, .user = user };

	loop_post(core_main_loop(rig->core), &end.task);
	pthread_mutex_lock(&rig->mutex);
	while (!end.done) {
		pthread_cond_wait(&rig->cond, &rig->mutex);
	}
	pthread_mutex_unlock(&rig->mutex);
}

/* --- running -------------------------------------------------------------------------------------- */

struct run {
	struct loop_task task;
	struct rig_user *user;
	void (*fn)(struct rig_user *user, void *arg);
	void *arg;
	unsigned done;
};

static struct run *running;

static void on_task(struct loop_task *task)
{
	struct run *run = (struct run *)(void *)task;
	struct rig_user *user = run->user; /* the run may end in its function */
	struct instance *instance = instance_of(user->h);

	instance_enter(instance, NULL);
	user->in_function = 1;
	run->fn(user, run->arg);
	user->in_function = 0;
	instance_leave(instance);
}

void rig_run(struct rig *rig, unsigned user, void (*fn)(struct rig_user *user, void *arg), void *arg, unsigned times)
{
	struct run run = { .task.run = on_task, .user = &rig->users[user], .fn = fn, .arg = arg };

	running = &run;
	loop_post(instance_of(run.user->h)->loop, &run.task);
	pthread_mutex_lock(&rig->mutex);
	while (run.done < times) {
		pthread_cond_wait(&rig->cond, &rig->mutex);
	}
	pthread_mutex_unlock(&rig->mutex);
}

void rig_done(struct rig *rig)
{
	pthread_mutex_lock(&rig->mutex);
	rig->inside += running->user->in_function != 0;
	running->done++;
	pthread_cond_broadcast(&rig->cond);
	pthread_mutex_unlock(&rig->mutex);
}

/* --- asking --------------------------------------------------------------------------------------- */

struct ask {
	struct rig *rig;
	struct troupe_db_commit commit;
	struct troupe_db_get get;
	struct troupe_db_scan scan;
	struct troupe_db_result result;
	struct got got;
	int32_t status;
	uint64_t snapshot;
};

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct ask *ask = arg;

	(void)instance;
	ask->result = *result;
	rig_done(ask->rig);
}

static void ask_commit(struct rig_user *user, void *arg)
{
	struct ask *ask = arg;

	user->h->db_commit(user->h, &ask->commit);
}

struct troupe_db_result rig_commit(struct rig *rig, unsigned user, struct troupe_db_commit commit)
{
	struct ask ask = { .rig = rig, .commit = commit };

	ask.commit.size = sizeof(commit);
	ask.commit.db = commit.db != 0 ? commit.db : rig->users[user].db;
	ask.commit.on_done = on_committed;
	ask.commit.arg = &ask;
	rig_run(rig, user, ask_commit, &ask, 1);
	assert_int_equal(ask.result.size, sizeof(ask.result));
	return ask.result;
}

static void *bytes_copy(const void *bytes, size_t len)
{
	void *copied = malloc(len + 1);

	if (len > 0) {
		memcpy(copied, bytes, len);
	}
	((char *)copied)[len] = '\0';
	return copied;
}

static void on_page(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct ask *ask = arg;

	(void)instance;
	ask->got = (struct got){ .status = page->status, .count = page->count, .more = page->more };
	ask->got.values = calloc(page->count + 1, sizeof(*page->values));
	for (uint32_t i = 0; i < page->count; i++) {
		ask->got.values[i] = page->values[i];
		ask->got.values[i].key = bytes_copy(page->values[i].key, page->values[i].key_len);
		ask->got.values[i].value = bytes_copy(page->values[i].value, page->values[i].value_len);
	}
	rig_done(ask->rig);
}

void got_free(struct got *got)
{
	for (uint32_t i = 0; i < got->count; i++) {
		free((void *)(uintptr_t)got->values[i].key);
		free((void *)(uintptr_t)got->values[i].value);
	}
	free(got->values);
}

static void ask_get(struct rig_user *user, void *arg)
{
	struct ask *ask = arg;

	user->h->db_get(user->h, &ask->get);
}

struct got rig_get(struct rig *rig, unsigned user, struct troupe_db_get get)
{
	struct ask ask = { .rig = rig, .get = get };

	ask.get.size = sizeof(get);
	ask.get.db = get.db != 0 ? get.db : rig->users[user].db;
	ask.get.on_page = on_page;
	ask.get.arg = &ask;
	rig_run(rig, user, ask_get, &ask, 1);
	return ask.got;
}

static void ask_scan(struct rig_user *user, void *arg)
{
	struct ask *ask = arg;

	user->h->db_scan(user->h, &ask->scan);
}

struct got rig_scan(struct rig *rig, unsigned user, struct troupe_db_scan scan)
{
	struct ask ask = { .rig = rig, .scan = scan };

	ask.scan.size = sizeof(scan);
	ask.scan.db = scan.db != 0 ? scan.db : rig->users[user].db;
	ask.scan.on_page = on_page;
	ask.scan.arg = &ask;
	rig_run(rig, user, ask_scan, &ask, 1);
	return ask.got;
}

static void on_snapshot(void *instance, void *arg, int32_t status, uint64_t snapshot)
{
	struct ask *ask = arg;

	(void)instance;
	ask->status = status;
	ask->snapshot = snapshot;
	rig_done(ask->rig);
}

static void ask_snapshot(struct rig_user *user, void *arg)
{
	user->h->db_snapshot(user->h, user->db, on_snapshot, arg);
}

int32_t rig_snapshot(struct rig *rig, unsigned user, uint64_t *ret_snapshot)
{
	struct ask ask = { .rig = rig };

	rig_run(rig, user, ask_snapshot, &ask, 1);
	*ret_snapshot = ask.snapshot;
	return ask.status;
}

static void ask_close(struct rig_user *user, void *arg)
{
	struct ask *ask = arg;

	user->h->db_snapshot_close(user->h, user->db, ask->snapshot);
	user->in_function = 0;
	rig_done(ask->rig);
}

void rig_snapshot_close(struct rig *rig, unsigned user, uint64_t snapshot)
{
	struct ask ask = { .rig = rig, .snapshot = snapshot };

	rig_run(rig, user, ask_close, &ask, 1);
}

struct troupe_db_result rig_put(struct rig *rig, unsigned user, const char *key, const char *value)
{
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key, .key_len = (uint32_t)strlen(key), .value = value,
				   .value_len = (uint32_t)strlen(value) };

	return rig_commit(rig, user, (struct troupe_db_commit){ .ops = &op, .ops_len = 1 });
}

uint64_t rig_read(struct rig *rig, unsigned user, const char *key, char *ret_text)
{
	struct troupe_db_check wanted = { .key = key, .key_len = (uint32_t)strlen(key) };
	struct got got = rig_get(rig, user, (struct troupe_db_get){ .keys = &wanted, .keys_len = 1 });
	uint64_t version;

	assert_int_equal(got.status, TROUPE_OK);
	assert_int_equal(got.count, 1);
	version = got.values[0].version;
	snprintf(ret_text, 64, "%s", (const char *)got.values[0].value);
	got_free(&got);
	return version;
}
