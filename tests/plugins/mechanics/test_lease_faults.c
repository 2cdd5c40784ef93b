/* SPDX-License-Identifier: MIT */
/*
 * Who owns the world while messages are lost, commits end unknown, and mechanics, masters and the item store crash or sleep at
 * random: never two for longer than it takes to see it, and nothing that an earlier owner saves is kept. One avatar only
 * ever walks to the right, so its saved place must never go back. test_lease_faults [SEEDS [FIRST]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avatar.stub.h"
#include "frontend.stub.h"
#include "plugins/itemstore/record.pb-c.h"
#include "sim/sim.h"
#include "world.stub.h"

static const char text[] =
	"cluster \"t\" { }\n"
	"part \"base\"\n"
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
	"master \"a\" { database = \"base\" }\n"
	"master \"b\" { database = \"base\" }\n"
	"part \"shard:meadow\"\n"
	"database \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
	"itemstore { database = \"meadow\" }\n"
	"mechanics \"m1\" { lease = \"2s\", save = \"1s\", size = 10000 }\n"
	"mechanics \"m2\" { lease = \"2s\", save = \"1s\", size = 10000 }\n"
	"mechanics \"m3\" { lease = \"2s\", save = \"1s\", size = 10000 }\n";

static const char *const worlds[] = { "meadow/mechanics.m1", "meadow/mechanics.m2", "meadow/mechanics.m3" };
static const char *const others[] = { "base/master.a", "base/master.b", "meadow/itemstore" };

#define ACCOUNT 7u
#define SESSION 1000u
#define RUN_MS 60000u
#define TWO_OWNERS_MS 200u /* a few ticks: the time in which the earlier one sees the later */

struct run {
	struct sim *sim;
	const struct troupe_host *fe;
	uint64_t seed, avatar, seq, seen_version;
	double saved_x;
	int inside;	/* index of the world that the avatar is in; -1 = none that we know */
	int busy;	/* a question is under way */
	uint32_t two_ms, changes; /* changes: how often the world had another owner, or the same one anew */
	uint32_t loaded_at;
	int last_owner;
	uint32_t saves;
	char broken[160];
};

static void broken(struct run *run, const char *what)
{
	if (run->broken[0] == '\0') {
		snprintf(run->broken, sizeof(run->broken), "%s at %llu ms", what,
			 (unsigned long long)(sim_now_us(run->sim) / 1000));
	}
}

/* --- the player ----------------------------------------------------------------------------------- */

static void on_created(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__CreateReply *body)
{
	struct run *run = arg;

	(void)instance;
	run->busy = 0;
	if (reply->status == TROUPE_OK) {
		run->avatar = body->avatar->id;
	} else if (strcmp(reply->reason, "avatar.name_taken") == 0) {
		broken(run, "the avatar was made and not told"); /* never, without faults */
	}
}

static void on_entered(void *instance, void *arg, const struct troupe_reply *reply, const World__EnterReply *body)
{
	struct run *run = arg;

	(void)instance;
	(void)body;
	run->busy = 0;
	run->seq = 0;
	run->inside = -1;
	for (int i = 0; i < 3; i++) {
		if (reply->status == TROUPE_OK && reply->from == troupe_fnv64(worlds[i], strlen(worlds[i]))) {
			run->inside = i;
		}
	}
}

static void on_loaded(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__LoadReply *body)
{
	struct run *run = arg;
	World__EnterRequest request = WORLD__ENTER_REQUEST__INIT;
	struct proto_to to = { .account = ACCOUNT, .actor = run->avatar, .session = SESSION, .timeout_ms = 1000 };

	(void)instance;
	run->busy = 0;
	for (int i = 0; i < 3; i++) {
		if (sim_ready(run->sim, worlds[i])) {
			to.instance = troupe_fnv64(worlds[i], strlen(worlds[i]));
		}
	}
	if (reply->status != TROUPE_OK || to.instance == 0 || run->changes != run->loaded_at) {
		return; /* what another owner may have saved since is not in it */
	}
	run->busy = 1;
	request.has_avatar = request.has_x = request.has_epoch = 1;
	request.avatar = run->avatar;
	request.name = "Ann";
	request.x = body->avatar->x;
	request.epoch = 1;
	world_enter(run->fe, &request, &to, on_entered, run);
}

static void on_moved(void *instance, void *arg, const struct troupe_reply *reply, const World__MoveReply *body)
{
	struct run *run = arg;

	(void)instance;
	(void)body;
	run->busy = 0;
	if (reply->status != TROUPE_OK) {
		run->inside = -1;
	}
}

/* act: what a front-end does for its player: into the world that is ready, and then to the far right. */
static void act(struct run *run)
{
	Avatar__LoadRequest load = AVATAR__LOAD_REQUEST__INIT;
	World__MoveRequest move = WORLD__MOVE_REQUEST__INIT;
	struct proto_to to = { .account = ACCOUNT, .actor = run->avatar, .session = SESSION, .timeout_ms = 1000 };

	if (run->busy) {
		return;
	}
	run->busy = 1;
	if (run->inside >= 0 && sim_ready(run->sim, worlds[run->inside])) {
		move.has_seq = move.has_x = move.has_y = 1;
		move.seq = ++run->seq;
		move.x = 4900;
		to.instance = troupe_fnv64(worlds[run->inside], strlen(worlds[run->inside]));
		world_move(run->fe, &move, &to, on_moved, run);
		return;
	}
	run->loaded_at = run->changes;
	load.has_avatar = load.has_account = load.has_epoch = 1;
	load.avatar = run->avatar;
	load.account = ACCOUNT;
	load.epoch = 1;
	to.actor = 0;
	avatar_load(run->fe, &load, &to, on_loaded, run);
}

static void on_batch(void *instance, const struct troupe_request *request, const Frontend__Batch *body)
{
	(void)instance;
	(void)request;
	(void)body;
}

static const struct troupe_method fe_methods[] = { FRONTEND_BATCH(on_batch), { 0 } };

/* --- what must hold ------------------------------------------------------------------------------- */

static void look_at(void *arg, const struct troupe_db_value *value)
{
	struct run *run = arg;
	Itemdb__Avatar *avatar;

	if (value->version == run->seen_version) {
		return;
	}
	run->seen_version = value->version;
	avatar = itemdb__avatar__unpack(NULL, value->value_len, value->value);
	if (avatar == NULL) {
		broken(run, "the avatar's record is damaged");
		return;
	}
	if (avatar->x < run->saved_x) {
		broken(run, "the avatar was set back");
	}
	run->saves += avatar->x > run->saved_x;
	run->saved_x = avatar->x;
	itemdb__avatar__free_unpacked(avatar, NULL);
}

static void check(struct run *run, uint32_t ms)
{
	int ready = 0, who = -1;

	for (int i = 0; i < 3; i++) {
		if (sim_ready(run->sim, worlds[i])) {
			ready++;
			who = i;
		}
	}
	run->two_ms = ready > 1 ? run->two_ms + ms : 0;
	if (run->two_ms > TWO_OWNERS_MS) {
		broken(run, "two own the world");
	}
	if (who != run->last_owner) {
		run->last_owner = who;
		run->changes += who >= 0;
	}
	sim_db_each(run->sim, "meadow", "avatar/a/", look_at, run);
}

/* --- the run -------------------------------------------------------------------------------------- */

static void trouble(struct run *run)
{
	const char *name = sim_random(run->sim) % 3 == 0 ? others[sim_random(run->sim) % 3] : worlds[sim_random(run->sim) % 3];

	switch (sim_random(run->sim) % 400) {
	case 0:
		sim_crash(run->sim, name);
		break;
	case 1:
	case 2:
		sim_freeze(run->sim, name, 500 + sim_random(run->sim) % 7000);
		break;
	default:
		break;
	}
}

static void play(struct run *run, uint64_t ms, int faults)
{
	for (uint64_t at = 0; at < ms && run->broken[0] == '\0'; at += 20) {
		if (faults) {
			trouble(run);
		}
		if (at % 200 == 0) {
			act(run);
		}
		sim_run(run->sim, 20);
		check(run, 20);
	}
}

static int seed_run(const struct config *config, uint64_t seed, struct run *run)
{
	static const struct sim_faults faults = { .lost = 20000,
						  .late = 150000,
						  .late_us = 4500000,
						  .commit_unknown = 10000,
						  .commit_slow = 50000,
						  .restart_us = 700000 };
	Avatar__CreateRequest create = AVATAR__CREATE_REQUEST__INIT;
	struct proto_to to = { .account = ACCOUNT };

	memset(run, 0, sizeof(*run));
	run->seed = seed;
	run->inside = run->last_owner = -1;
	run->saved_x = -1;
	run->sim = sim_open(config, seed);
	run->fe = sim_actor(run->sim, "meadow/frontend.fe1", "shard:meadow", run, fe_methods);
	sim_run(run->sim, 1000);
	create.name = "Ann";
	run->busy = 1;
	avatar_create(run->fe, &create, &to, on_created, run);
	sim_run(run->sim, 1000);
	sim_faults(run->sim, &faults);
	play(run, RUN_MS, 1);
	sim_faults(run->sim, NULL);
	run->saves = 0;
	play(run, 20000, 0); /* time for the last sleeper to wake; then all is well again */
	if (run->broken[0] == '\0' && (run->saves == 0 || run->two_ms > 0 || run->inside < 0)) {
		broken(run, "the world does not go on");
	}
	sim_close(run->sim);
	return run->broken[0] != '\0';
}

int main(int argc, char **argv)
{
	unsigned long seeds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100, first = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	struct config *config = sim_config(text, NULL);
	unsigned long changes = 0, failed = 0;
	struct run run;

	if (config == NULL) {
		return 99;
	}
	for (unsigned long seed = first; seed < first + seeds; seed++) {
		if (seed_run(config, seed, &run)) {
			printf("# seed %lu: %s\n", seed, run.broken);
			failed++;
		}
		changes += run.changes;
	}
	config_free(config);
	printf("1..2\n%s 1 - %lu seeds: one owner, and nothing is set back\n", failed > 0 ? "not ok" : "ok", seeds);
	printf("%s 2 - the world changed hands %lu times\n", changes > seeds ? "ok" : "not ok", changes);
	return failed > 0 || changes <= seeds;
}
