/* SPDX-License-Identifier: MIT */
/* The scheduler role: who owns which region of a world, its ticks, its rules, its checkpoints. */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include <stdint.h>

#include "json/json.h"
#include "proto/proto.h"
#include "region.stub.h"
#include "strike/strike.h"
#include "tick.stub.h"
#include "worldkey/worldkey.h"

/*
 * Conventions
 *  1. One reign lasts from taking the lease (lease.c) to losing it. Within it every restore has an epoch of its own, and
 *     whatever is written carries that epoch as a fence: what somebody of an earlier one still writes is refused.
 *  2. There is one way to come to a running world, whatever happened before: a restore (restore.c). It runs the ticks of the
 *     journal again and then goes on.
 *  3. `turn` grows when what is under way is given up. Callbacks carry the turn in which they were begun; one of an earlier
 *     turn does nothing.
 *  4. All functions are [loop].
 */

#define OWNERS_MAX 64u
#define PEERS_MAX 512u	    /* instances of one role in all parts together */
#define REGIONS_MAX 16384u
#define NAME_LEN 96u
#define TEXT_LEN 512u
#define STAGES 3u
#define TIMES_LEN 256u	    /* durations of ticks that are remembered */
#define JOURNAL_STOP (WORLD_JOURNAL_BYTES / 4 * 3)
#define CONTROLS_MAX 256u   /* changes of rules between two checkpoints */
#define HISTORY_MAX 64u	    /* generations that are remembered */
#define PAUSED_MAX 32u	    /* rules that failed too often, and are shown */
#define FAILURES_MAX 16u    /* errors of a reload that are remembered */

struct balance_options {
	int64_t threshold, every_ms;
};

struct scheduler_options {
	int64_t tick_ms, size, height, seed, region, watch, budget, quarantine, max_entities, speed;
	int64_t checkpoint_ms, lease_ms, keep;
	struct balance_options balance;
	const char *database, *map, *commit, *scripts;
};

enum metric {
	METRIC_STAGE_1,
	METRIC_STAGE_2,
	METRIC_STAGE_3,
	METRIC_LAG,
	METRIC_OVERRUNS,
	METRIC_TICKS,
	METRIC_AGAIN,
	METRIC_OWNERS,
	METRIC_ENTITIES,
	METRIC_AVATARS,
	METRIC_PAUSED,
	METRIC_RESTORES,
	METRIC_RESTORE_TIME,
	METRIC_TAKEOVERS,
	METRIC_MOVES,
	METRIC_CHECKPOINTS,
	METRIC_CHECKPOINT_TIME,
	METRIC_GENERATION,
	METRIC_RELOADED,
	METRIC_RELOAD_REFUSED,
	METRIC_FULL,
	METRIC_COUNT
};

struct scheduler;

/* A point in time for durations that are shown. The host's clock stands still through one turn of its loop, and much can
 * happen in one; the machine's clock means nothing where time is simulated. What has passed is the longer of both. */
struct moment {
	uint64_t host_us, machine_us;
};

/* What may change in the life of a world, between two ticks that are not run again. */
struct settings {
	uint32_t tick_ms, quarantine, max_entities, speed;
	uint64_t budget;
	char commit[16];
};

/* --- options.c ----------------------------------------------------------------------------------- */

extern const struct troupe_option scheduler_option_table[];
/* options_check: the role's check. options_side: regions in a row. options_fail: fills in the error and returns its status. */
int32_t options_check(const struct troupe_check_in *in, struct troupe_error *reterr);
uint32_t options_side(const struct scheduler_options *options);
int32_t options_fail(struct troupe_error *reterr, int32_t status, const char *text, const char *help);

/* --- lease.c, lease_write.c: who runs the world -------------------------------------------------- */

#define WRITE_OPS_MAX 8u
#define LEASE_WAITING_MAX 4u /* a tick, an epoch, a pause, the lease given back */

struct write_op {
	char key[96];
	uint8_t *value;
	uint32_t value_len;
};

typedef void (*write_done_fn)(struct scheduler *s, uint64_t turn);
typedef void (*lease_fn)(struct scheduler *s);

enum lease_state { LEASE_OFF, LEASE_STANDBY, LEASE_TAKING, LEASE_HELD, LEASE_REFUSED };

struct lease {
	enum lease_state state;
	uint64_t epoch;	     /* ours while it is held, else the one last seen */
	uint64_t version;    /* of the record as last known */
	uint64_t beat;	     /* counts what we have written, so that a record can be told to be ours */
	uint64_t seen_us;    /* standing by: since when it has this version; 0 = not seen yet */
	uint64_t renewed_us; /* held: when the last write was asked for that is durable */
	uint64_t timer, reading;
	char owner[NAME_LEN];
	char refused[TEXT_LEN]; /* REFUSED: why the world is not run with this configuration */
	int shape_there;
	/* the write under way: one at a time */
	struct {
		int active, release;
		uint64_t number, epoch, turn, asked_us, timer;
		uint32_t tries, waits; /* whose outcome was not known; until the database was asked again */
		struct write_op ops[WRITE_OPS_MAX];
		uint32_t ops_len;
		write_done_fn done;
	} write;
	lease_fn waiting[LEASE_WAITING_MAX]; /* for its end */
	uint32_t waiting_len;
};

/* lease_begin: looks at the database until it answers, checks the world's shape, then takes the lease or stands by. */
void lease_begin(struct scheduler *s);
/* lease_stop: neither reads nor writes any more. */
void lease_stop(struct scheduler *s);
/* lease_release: gives it back so that another may take it at once; drain_done follows in any case. */
void lease_release(struct scheduler *s);
/* lease_shape: fills in the world's shape with the settings in force; it borrows from `s`. */
void lease_shape(struct scheduler *s, Region__Shape *ret_shape);
int lease_held(const struct scheduler *s);
int lease_busy(const struct scheduler *s);
/* lease_wait: `then` runs when the write under way has ended, unless the lease is lost by then; once, however often it is asked for.
 * One before it may have begun another write: `then` asks again, and waits again. */
void lease_wait(struct scheduler *s, lease_fn then);
/*
 * lease_op: adds a value to the next write; `value` is copied. lease_write: writes them with the renewed lease under `epoch`, all or
 * nothing, again and again until it is known; `done` (may be NULL) runs once it is durable, never if the lease is lost
 * meanwhile. Only while it is not busy.
 */
void lease_op(struct scheduler *s, const char *key, const ProtobufCMessage *message);
void lease_write(struct scheduler *s, uint64_t epoch, write_done_fn done);
/* lease_write_begin: likewise; with `release` the record names nobody. lease_write_drop: what is under way is forgotten. */
void lease_write_begin(struct scheduler *s, uint64_t epoch, write_done_fn done, int release);
void lease_write_drop(struct scheduler *s);
/* lease_look: reads the record, and takes the lease if it is free. */
void lease_look(struct scheduler *s);
/* lease_waits: says in the instance's state that there is no world without the database, which ended a try like this. */
void lease_waits(struct scheduler *s, int32_t status);
/* lease_lost: another runs the world: everything under way ends, and it stands by. */
void lease_lost(struct scheduler *s, const char *why);

/* --- owners.c: who owns what --------------------------------------------------------------------- */

struct owner {
	uint64_t id;
	char name[NAME_LEN];
	uint64_t heard_us;
	uint64_t call, trial; /* under way: of a stage or a restore; of rules to try */
	uint64_t epoch, tick; /* as its last word said */
	uint32_t entities, avatars, regions, took_us;
	uint8_t listed;	      /* has a place in the assignment of this epoch */
	uint8_t in;	      /* has regions, and so takes part in ticks */
	uint8_t draining;
	uint8_t saved;	      /* its part of the checkpoint under way is durable */
};

/* owners_begin: who is there; the first restore follows. owners_end: everybody is forgotten. */
void owners_begin(struct scheduler *s);
void owners_end(struct scheduler *s);
void owners_on_join(void *instance, const struct troupe_request *request, const Tick__Join *body);
struct owner *owner_find(const struct scheduler *s, uint64_t id);
/* owner_lost: it is taken for dead and forgotten until it joins again; no call to it is under way. */
void owner_lost(struct scheduler *s, struct owner *owner, const char *why);
/* owner_speaks: it has been heard of not long ago, whatever it works on. */
int owner_speaks(const struct scheduler *s, const struct owner *owner);
/* owners_joined: whoever has joined since the last restore is taken in by another, soon. */
void owners_joined(struct scheduler *s);
/* owners_cancel: calls under way are forgotten. owners_tell_paused: to all; players are told `id`, NULL = "world.paused". */
void owners_cancel(struct scheduler *s);
void owners_tell_paused(struct scheduler *s, const char *reason, const char *id);
void owners_count(struct scheduler *s);
/* owners_staying: how many there are that do not drain. */
uint32_t owners_staying(const struct scheduler *s);

/* --- regions.c ----------------------------------------------------------------------------------- */

/* owners_share: all owners that are not draining take part, each with a run of regions of about equal weight; returns how
 * many there are. */
uint32_t owners_share(struct scheduler *s);
/* owners_assignment: the one in force, or the next; owners_assignment_free releases what it points to. */
void owners_assignment(const struct scheduler *s, int next, Region__Assignment *ret_assignment);
void owners_assignment_free(Region__Assignment *assignment);
/* owners_next: where draining owners or the balance want something else: prepares the next assignment; 1 = there is one.
 * owners_moved: it is in force. */
int owners_next(struct scheduler *s);
void owners_moved(struct scheduler *s);

/* --- restore.c ----------------------------------------------------------------------------------- */

struct control {
	uint64_t tick;
	uint32_t generation;
	uint8_t rules[WORLD_DIGEST_SIZE];
	uint8_t has_rules;
};

/* restore_begin: gives up what is under way and brings the world to the last tick of its journal with the owners that there are. */
void restore_begin(struct scheduler *s, const char *why);
/* world_rests: there is nobody to run it; as soon as there is, a restore follows. */
void world_rests(struct scheduler *s);
/* restore_control: the change of rules that came with this tick, NULL = none. */
const struct control *restore_control(const struct scheduler *s, uint64_t tick);
/* restore_settings: if the configuration has changed, it is taken over after a checkpoint. */
void restore_settings(struct scheduler *s);
/* restore_ended: the last tick of the journal has been run again. */
void restore_ended(struct scheduler *s);

/* --- beat.c, stage.c ----------------------------------------------------------------------------- */

struct beat {
	uint64_t tick;	    /* the last that has ended */
	uint64_t told;	    /* the last that was told */
	uint64_t begun;	    /* the last that was begun */
	uint64_t last;	    /* up to here ticks are run again */
	uint64_t due_us, timer;
	struct moment began, stage_began;
	unsigned stage;	    /* of the tick under way; 0 = none is */
	uint32_t missing;   /* answers */
	int again, save, digest, moves, rules, durable, answered;
	uint64_t digest_sum, slow_until;
	uint32_t entities, avatars;
	uint32_t times[STAGES + 1][TIMES_LEN]; /* [0]: the whole tick */
	uint64_t counted, overruns;
	uint64_t window_us, window_sum, window_max, warned_us; /* T0020 */
	uint32_t window_ticks;
	uint64_t second_us, second_tick;
	uint32_t rate; /* ticks of the last second, times 100 */
};

/* beat_go: does what is next: a tick, or nothing while the world stands. */
void beat_go(struct scheduler *s);
/* beat_restart: the next tick is due now. beat_end: no tick is under way any more. */
void beat_restart(struct scheduler *s);
void beat_end(struct scheduler *s);
/* beat_pause: from the end of the tick under way no tick begins until beat_resume; `reason` is kept in the database. */
void beat_pause(struct scheduler *s, const char *reason);
void beat_resume(struct scheduler *s);
/* beat_stands: why no tick runs, NULL if they do. */
const char *beat_stands(const struct scheduler *s);
/* beat_record: adds what the database must know of the beat to the next write. */
void beat_record(struct scheduler *s, uint64_t tick);
/* beat_maybe_end: the tick under way ends if its last stage is answered and it is durable. */
void beat_maybe_end(struct scheduler *s);
/* stage_send: asks all owners for the stage of the tick under way; the next follows when all have answered, and after the last
 * beat_maybe_end. */
void stage_send(struct scheduler *s);

/* --- rules.c, refused.c, read.c, bundle.c, history.c -------------------------------------------------------- */

struct generation {
	uint32_t number, files;
	uint8_t digest[WORLD_DIGEST_SIZE];
	int64_t since_ms;
	char who[NAME_LEN];
	char problem[TEXT_LEN]; /* refused: why; "" = accepted */
};

/* What was wrong with one file, or with a rule in it. */
struct failure {
	char at[128];	 /* "meadow/rules.lua:3" */
	char error[200]; /* "error[S0102]: ..." */
};

struct paused_rule {
	char rule[96], at[160];
	uint32_t errors;
};

struct bundle_page {
	uint8_t *bytes;
	uint32_t len;
};

struct rules {
	struct generation history[HISTORY_MAX]; /* the oldest first */
	uint32_t history_len, last_number;
	uint8_t now[WORLD_DIGEST_SIZE];	   /* in force, if now_number is not 0 */
	uint32_t now_number;
	uint8_t folder[WORLD_DIGEST_SIZE]; /* as last read */
	int folder_known, tried, inherited, needed; /* needed: there is a folder, and no tick without rules from it */
	/* reading */
	uint64_t watch, settle, request;
	int reading, again, forced, canary, trim;
	char who[NAME_LEN];
	/* the candidate */
	enum { RULES_IDLE, RULES_STORING, RULES_WAITING, RULES_TRYING, RULES_READY, RULES_TAKEN } state;
	struct generation next;
	struct bundle_page *pages;
	uint32_t pages_len, page;
	uint32_t missing, refused, turn;
	uint64_t timer;
	char *report;	     /* what those said that refused it */
	/* the newest that was refused */
	struct failure failures[FAILURES_MAX];
	uint32_t failures_len;
	int wrong;	     /* the folder is what was refused last */
	char *told;	     /* what people were told of it; may be NULL */
	char none[TEXT_LEN]; /* why the world has never had rules; "" = it is not known yet */
	uint64_t retry;
	int retrying;	     /* what is being read is so because the world has none */
	struct paused_rule paused[PAUSED_MAX];
	uint32_t paused_len;
	uint64_t prepared;   /* the tick of the journal whose rules the owners have ready */
};

/* rules_begin: reads the scripts; rules_end: gives up what is under way; rules_stop: likewise, for good. */
void rules_begin(struct scheduler *s);
void rules_end(struct scheduler *s);
void rules_stop(struct scheduler *s);
void rules_load(struct scheduler *s, const Tick__Generations *kept);
/* rules_read: now; request: a command to answer, 0 = none. */
void rules_read(struct scheduler *s, uint64_t request, const char *who, int canary);
void rules_rollback(struct scheduler *s, uint64_t request, const char *who, uint32_t number);
/* rules_read_now: the folder, or once more when what is under way has ended. */
void rules_read_now(struct scheduler *s);
/* rules_try: has the candidate tried as soon as the world has owners. rules_refuse: it is not taken, and the log says why.
 * rules_mended: nothing is wrong any more, if the folder is what is in force; the log says so if `tell`.
 * rules_finished: nothing is under way any more. */
void rules_try(struct scheduler *s);
void rules_refuse(struct scheduler *s, const char *problem, const char *block);
void rules_mended(struct scheduler *s, int tell);
void rules_finished(struct scheduler *s, int accepted);
/* rules_interrupted: the calls to owners are given up. rules_restored: the owners are new: what was prepared is prepared again. */
void rules_interrupted(struct scheduler *s);
void rules_restored(struct scheduler *s);
/* rules_any: the world has had rules. rules_waits: its next tick waits for its first ones. rules_wait: it goes on waiting, and
 * says so; rules_waited: it waits no more. */
int rules_any(const struct scheduler *s);
int rules_waits(const struct scheduler *s);
void rules_wait(struct scheduler *s);
void rules_waited(struct scheduler *s);
/* rules_paused: what an owner said of rules that failed too often. */
void rules_paused(struct scheduler *s, const Region__StageReply *reply);
/* rules_take: adds the candidate, if it is ready, to the tick that begins; 1 = it is. rules_taken: that tick has ended.
 * rules_again: a tick run again has changed them. */
int rules_take(struct scheduler *s, uint64_t tick);
void rules_taken(struct scheduler *s);
void rules_again(struct scheduler *s, const struct control *control);
/* rules_stand: while the world is paused no tick takes a candidate that is ready: who asked for it hears that it is accepted.
 * rules_give_way: such a candidate gives way to another; 1 = nothing is under way. */
void rules_stand(struct scheduler *s);
int rules_give_way(struct scheduler *s);
/* rules_prepare: has the owners load what comes with a tick of the journal; beat_go follows. 1 = they have it. */
int rules_prepare(struct scheduler *s, const struct control *control);
/* rules_keeps: the bundle with this digest may still be asked for. */
int rules_keeps(const struct scheduler *s, const char *hex);

/* bundle_digest: of files. bundle_make: the pages of the candidate, whole files in each; -1: *ret_problem says why there are none.
 * bundle_store: writes them unless they are there; rules_try follows. bundle_free: forgets them. */
void bundle_digest(const struct troupe_file *files, uint32_t len, uint8_t ret_digest[WORLD_DIGEST_SIZE]);
int bundle_make(struct scheduler *s, const struct troupe_file *files, uint32_t len, char *ret_problem, size_t size);
void bundle_store(struct scheduler *s);
void bundle_free(struct rules *r);

/* history_newest: what is in force at the end of the journal; NULL = no rules. history_find: an accepted one by its number.
 * history_from: the first that is kept for a rollback. history_record: what will have been in force once the candidate is, into
 * the next write. */
const struct generation *history_newest(const struct rules *r);
const struct generation *history_find(const struct rules *r, uint32_t number);
uint32_t history_from(const struct scheduler *s);
void history_add(struct scheduler *s, const struct generation *generation);
void history_record(struct scheduler *s);

/* --- checkpoint.c -------------------------------------------------------------------------------- */

struct checkpoint {
	uint64_t tick, at_us; /* the last one; at_us 0 = of an earlier reign */
	uint8_t rules[WORLD_DIGEST_SIZE];
	uint32_t generation;
	uint64_t due_us, saving, began_us; /* saving: the tick of the one under way; 0 = none */
	int wanted;
	struct control mark;		   /* rules at the end of `saving` */
	struct control writing;		   /* the record under way; tick 0 = none */
	uint64_t journal;		   /* bytes of the journal up to `saving` */
	uint64_t chunks, bytes;
	uint64_t request;
	void (*then[4])(struct scheduler *s); /* when the next one is there, or will not be */
	uint32_t then_len;
	/* deleting what it replaced */
	int step, deleting;
	char cursor[128], previous[128], chunks_at[128];
	uint32_t cursor_len, previous_len, chunks_at_len, pages;
};

/* checkpoint_ask: 1 = the tick that is about to end is to be one; words of its parts count from now on. */
int checkpoint_ask(struct scheduler *s);
/* checkpoint_mark: the tick that ends now is one. */
void checkpoint_mark(struct scheduler *s, uint64_t tick);
void checkpoint_on_saved(void *instance, const struct troupe_request *request, const Tick__Saved *body);
/* checkpoint_check: commits it if all parts are there. checkpoint_drop: the one under way will not come to its end. */
void checkpoint_check(struct scheduler *s);
void checkpoint_drop(struct scheduler *s);
/* checkpoint_now: with the next tick; `then` runs once, when it is there or cannot be. */
void checkpoint_now(struct scheduler *s, void (*then)(struct scheduler *s));

/* --- balance.c ----------------------------------------------------------------------------------- */

struct move {
	uint32_t region;
	struct owner *from, *to;
};

/* balance_loads: what an owner said of its regions. */
void balance_loads(struct scheduler *s, const struct owner *owner, const Region__StageReply *reply);
/* balance_find: the region to move now; threshold in percent. 1 = there is one. */
int balance_find(const struct scheduler *s, int64_t threshold, struct move *ret_move);
/* balance_tick: moves one if it is time. */
void balance_tick(struct scheduler *s);

/* --- command.c ----------------------------------------------------------------------------------- */

extern const struct troupe_command scheduler_commands[];
void command_paused(struct scheduler *s);
void command_digest(struct scheduler *s, uint64_t tick, uint64_t digest);
void command_reloaded(struct scheduler *s, uint64_t request, int accepted);
/* command_drop: those who wait are told that it will not be. */
void command_drop(struct scheduler *s);
void command_free(struct scheduler *s);

/* --- the role ------------------------------------------------------------------------------------ */

enum phase {
	PHASE_NONE,    /* does not run the world */
	PHASE_LOAD,    /* reads what the database knows */
	PHASE_GATHER,  /* waits for owners */
	PHASE_RESTORE, /* brings them to the state of the last checkpoint */
	PHASE_RUN
};

struct scheduler {
	const struct troupe_host *h;
	const struct scheduler_options *options;
	uint32_t metrics[METRIC_COUNT];
	uint32_t db;
	int stopped, draining, drained;
	enum phase phase;
	uint64_t turn;
	struct lease lease;

	struct owner *owners[OWNERS_MAX];
	uint32_t owners_len;
	uint64_t owners_timer, gather_us, looked_us;
	int joined;		     /* somebody new waits for a restore */
	uint64_t places[OWNERS_MAX]; /* who was told of this epoch: their numbers do not change within it */
	uint32_t places_len;
	struct owner *region_owner[REGIONS_MAX], *region_next[REGIONS_MAX];
	uint32_t region_load[REGIONS_MAX], region_avatars[REGIONS_MAX];
	uint32_t regions, side;	     /* side: regions in a row */
	uint32_t version;	     /* of the assignment within the epoch */
	struct move move;	     /* wanted: from == NULL = none */
	uint64_t balanced_us;

	struct beat beat;
	struct rules rules;
	struct checkpoint checkpoint;

	/* restore */
	uint64_t restore_us, restore_timer; /* restore_us: since when the world is being restored; 0 = it is not */
	struct moment restore_began;
	uint32_t restore_missing, restores, failures;
	struct control controls[CONTROLS_MAX];
	uint32_t controls_len;
	char restore_why[TEXT_LEN];
	char damaged[TEXT_LEN]; /* why the world cannot be restored; "" = nothing is known to be wrong */
	int epoch_used, restored; /* something ran under this epoch; the world has run in this reign */

	struct settings settings;    /* in force */
	int settings_new;	     /* they are not in the database yet */
	int hold;		     /* no tick follows the one of the next checkpoint */

	uint64_t journal_bytes; /* of the journal since the last checkpoint */

	/* pause */
	int pause_wanted, paused;
	char reason[TEXT_LEN];
	enum away { AWAY_NOT, AWAY_SILENT, AWAY_FULL } db_away; /* what the last commit said of the database */

	/* commands that wait */
	uint64_t pause_request, digest_request, digest_tick, digest;
	int has_digest;
	struct audit *audit; /* under way; NULL = none */
};

void metric_add(struct scheduler *s, enum metric metric, int64_t delta);
void metric_set(struct scheduler *s, enum metric metric, int64_t value);
void metric_time(struct scheduler *s, enum metric metric, uint64_t us);
__attribute__((format(printf, 4, 5))) void log_line(struct scheduler *s, uint32_t level, const char *code,
						    const char *format, ...);
struct moment moment_now(const struct scheduler *s);
/* moment_us: how long ago that was, in microseconds. */
uint64_t moment_us(const struct scheduler *s, const struct moment *from);
/* timer_clear: stops *timer if it runs. */
void timer_clear(struct scheduler *s, uint64_t *timer);
/* reign_begin (reign.c): the lease is ours. reign_end: it is no more. */
void reign_begin(struct scheduler *s);
void reign_end(struct scheduler *s);
/* drain_done: nothing is left to be finished. */
void drain_done(struct scheduler *s);
/* tell_state: what operators are shown beside the instance. */
void tell_state(struct scheduler *s);

#endif
