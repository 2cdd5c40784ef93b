/* SPDX-License-Identifier: MIT */
/* Log servers in a simulated host; the test plays the hosts that send and the console that asks. */
#ifndef TESTS_LOGSERVER_RIG_H
#define TESTS_LOGSERVER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "log.stub.h"
#include "plugins/lib/asker.h"
#include "sim/sim.h"

#define WALL_MS 1800000000000u /* of the simulator at its start */

struct world {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *host, *two; /* "one" and "two" */
	const struct troupe_host *console;
	struct answer answer;
	Log__Record records[256];
	Log__Record *pointers[256];
	char texts[256][64];
	uint64_t spool;
	uint64_t server; /* who takes what is sent; 0 = any */
};

/* setup: one server, "base/logserver", with a listener. setup_three: "base/logserver.l1" and "l2", which share a database,
 * and "meadow/logserver.l3". */
int setup(void **state);
int setup_three(void **state);
int teardown(void **state);

/* wall_ms: the clock of everybody. use: what is sent from now on goes to this server, from a new spool. */
uint64_t wall_ms(const struct world *w);
void use(struct world *w, const char *server);

/* make: `len` records of role mall, numbered from `seq`, one each ms up to now. */
void make(struct world *w, uint64_t seq, unsigned len);
/* ask_at, ship_batch: an append, of what `make` made; returns its status. durable: what it answered. put, hello: one that has to
 * succeed. */
int32_t ask_at(struct world *w, const struct troupe_host *from, const Log__AppendRequest *request);
int32_t ship_batch(struct world *w, const char *host, unsigned len);
uint64_t durable(const struct world *w);
void put(struct world *w, const char *host, unsigned len);
void hello(struct world *w, const char *host, uint64_t want);

/* on_appended: notes the answer to log_append in the struct answer that is its argument. */
void on_appended(void *instance, void *arg, const struct troupe_reply *reply, const Log__AppendReply *body);

/* how_many, find: asked as the console does. found_at, assert_found: the nth record of a page. */
uint64_t how_many(struct world *w, const char *query);
Log__QueryReply *find(struct world *w, const char *query, const Log__QueryReply *after);
Log__Record *found_at(const Log__QueryReply *reply, size_t at);
void assert_found(const Log__QueryReply *reply, size_t at, const char *want);

/* command: what a command of a server answers. assert_says, assert_silent: is this in it? */
const char *command(struct world *w, const char *server, const char *verb, const char *one, const char *two);
void assert_says(const char *answer, const char *part);
void assert_silent(const char *answer, const char *part);

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define T3(name) cmocka_unit_test_setup_teardown(name, setup_three, teardown)

#endif
