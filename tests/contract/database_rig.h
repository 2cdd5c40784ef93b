/* SPDX-License-Identifier: MIT */
/* A database and instances that use it, driven from a test's thread as if calls were blocking. */
#ifndef TESTS_CONTRACT_DATABASE_RIG_H
#define TESTS_CONTRACT_DATABASE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "tests/host/test_core.h"

#define RIG_USERS 3 /* of them the last is configured with no database */
#define STRANGER (RIG_USERS - 1)

/* Where the database is: on the users' host, reached as such; there, but reached by calls; in a process of its own. */
enum rig_mode { RIG_LOCAL, RIG_CALLS, RIG_HOSTS };

struct rig_user {
	struct rig *rig;
	struct actor_script script;
	const struct troupe_host *h; /* set when it has started */
	uint32_t db;
	int in_function; /* a function that begins something runs */
};

struct rig {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_t thread;
	struct core *core;
	struct config config;
	struct config_host hosts[2]; /* the users', and that of the database, if it has one */
	struct config_reach reach[2]; /* how each finds the other one; address NULL = as usual */
	pid_t pid; /* of the database's host; 0 = it does not run */
	struct config_instance instances[1 + RIG_USERS];
	const struct config_instance *local[1 + RIG_USERS];
	struct troupe_plugin database; /* as loaded, but for what the test changes before rig_open */
	struct rig_user users[RIG_USERS];
	void *driver_options;
	char dir[256];
	unsigned started, inside; /* inside: how often a callback came inside the function that began it */
	int32_t (*user_stop)(struct rig_user *user); /* a user's `stop`; may be NULL */
	int exit_code;
};

/* rig_init loads the plugins and makes the folder. rig_open starts everything and waits until the users have started;
 * rig_close ends it and keeps the store; rig_fini removes the folder. */
void rig_init(struct rig *rig);
void rig_open(struct rig *rig, enum rig_mode mode);
void rig_close(struct rig *rig);
void rig_fini(struct rig *rig);

/* rig_host_main is the database's host when the program was started for that, else it returns -1: the first thing that
 * main does. rig_host_start starts it, rig_host_signal sends it a signal and, if that ends it, waits for that. */
int rig_host_main(int argc, char **argv);
void rig_host_start(struct rig *rig);
void rig_host_signal(struct rig *rig, int signal);

/* rig_end stops one user and waits until it is gone. */
void rig_end(struct rig *rig, unsigned user);

/* rig_run calls fn(user, arg) on the user's loop as a callback of it, and returns after rig_done was called as often
 * as `times` says since. */
void rig_run(struct rig *rig, unsigned user, void (*fn)(struct rig_user *user, void *arg), void *arg, unsigned times);
void rig_done(struct rig *rig);

/* What a read brought, copied; released with got_free. */
struct got {
	int32_t status;
	uint32_t count, more;
	struct troupe_db_value *values;
};
void got_free(struct got *got);

/* Each asks as `user`; commit->db and the like are set. */
struct troupe_db_result rig_commit(struct rig *rig, unsigned user, struct troupe_db_commit commit);
struct got rig_get(struct rig *rig, unsigned user, struct troupe_db_get get);
struct got rig_scan(struct rig *rig, unsigned user, struct troupe_db_scan scan);
int32_t rig_snapshot(struct rig *rig, unsigned user, uint64_t *ret_snapshot);
void rig_snapshot_close(struct rig *rig, unsigned user, uint64_t snapshot);

/* rig_put, rig_read: one entry of text; rig_read fills 64 bytes, "" if there is none, and returns its version. */
struct troupe_db_result rig_put(struct rig *rig, unsigned user, const char *key, const char *value);
uint64_t rig_read(struct rig *rig, unsigned user, const char *key, char *ret_text);

#define OP_PUT(k, v) \
	{ .kind = TROUPE_DB_PUT, .key = (k), .key_len = sizeof(k) - 1, .value = (v), .value_len = sizeof(v) - 1 }
#define OP_DELETE(k) { .kind = TROUPE_DB_DELETE, .key = (k), .key_len = sizeof(k) - 1 }
#define OP_ADD(k, d, f) { .kind = TROUPE_DB_ADD, .key = (k), .key_len = sizeof(k) - 1, .delta = (d), .floor = (f) }
#define CHECK(k, v) { .key = (k), .key_len = sizeof(k) - 1, .version = (v) }

#endif
