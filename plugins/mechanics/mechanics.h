/* SPDX-License-Identifier: MIT */
/* The mechanics role: an owner of regions of a shard's world, around the engine that is the world. */
#ifndef MECHANICS_MECHANICS_H
#define MECHANICS_MECHANICS_H

#include <stdint.h>

#include "engine/engine.h"
#include "map/map.h"
#include "proto/proto.h"
#include "region.stub.h"
#include "strike/strike.h"
#include "world.stub.h"
#include "worldkey/worldkey.h"

/*
 * Conventions
 * 1. The scheduler decides which regions are ours and when each stage of a tick runs (region.proto); the engine decides what
 *    happens in it (engine/engine.h). What is here carries players, the journal and checkpoints between the two.
 * 2. What players want is an input of the next tick. It is journaled before the scheduler hears that the tick is over, and
 *    players are told what came of it once the scheduler says that the tick is durable everywhere (region.done).
 * 3. Nothing here decides about the world: clocks are for pacing, limits of players, and figures.
 * 4. A cell that players see is a chunk, by the engine's number, in messages and as a channel; 0 is everywhere.
 * 5. What is said about an engine holds until the next restore: then it is another one.
 */

#define FRONTENDS_MAX 1024u
#define OWNERS_MAX 64u
#define PEERS_MAX 512u	     /* instances of one role in all shards together */
#define AVATAR_NAME_MAX 63u
#define CHAT_MAX 256u	     /* characters */
#define TEXT_MAX 512u	     /* bytes of a line that players or rules say */
#define STATE_MAX 65536u     /* bytes of what an avatar carries */
#define LINE_SHOWN 129u	     /* of an operator's line whose outcome is logged */
#define LOOK_MAX 500u	     /* entities in one answer, and in one CellSeen or Delta */
#define SAVES_MAX 64u	     /* saves under way at once, beside those of leaving players */
#define TIMES_LEN 256u	     /* durations of ticks that are remembered */
#define SAY_BYTES 96000u     /* a message to a front-end is sent when it has grown to this */
#define PAGE_BYTES 200000u   /* of a page of the journal */
#define INBOX_MAX 65536u     /* inputs that wait for the next tick */
#define WAITING_MAX 65536u   /* requests that wait for the end of a tick */
#define EARLY_MAX 4096u	     /* exchanges that came before their stage */
#define EARLY_BYTES (64u * 1024u * 1024u)
#define PARTS_MAX 512u	     /* of one owner's exchange after one stage */
#define REPLAY_BYTES WORLD_JOURNAL_BYTES /* of the journal that a restore takes up */
#define BUNDLE_BYTES (16u * 1024u * 1024u)
#define COMMITS_MAX 8u	     /* of a checkpoint, under way at once */
#define PASSES_MAX 4096u     /* avatars that went to another owner and are remembered for it */
#define GRANTS_MAX 4096u     /* wishes to the item store that are under way */

struct mechanics_options {
	const char *database;
	int64_t save_ms, max_avatars, linger_ms, memory, budget_ms;
};

enum metric {
	METRIC_TICKS,
	METRIC_LATE,
	METRIC_TICK_TIME,
	METRIC_ENTITIES,
	METRIC_AVATARS,
	METRIC_REGIONS,
	METRIC_MOVE_REFUSED,
	METRIC_CHAT_REFUSED,
	METRIC_ENTER_REFUSED,
	METRIC_PAUSED_REFUSED,
	METRIC_SAVED,
	METRIC_SAVE_FAILED,
	METRIC_FENCED,
	METRIC_RULE_ERRORS,
	METRIC_QUARANTINED,
	METRIC_RULES_ACCEPTED,
	METRIC_RULES_REFUSED,
	METRIC_EFFECTS_FULL,
	METRIC_FULL,
	METRIC_INBOX_FULL,
	METRIC_WAITING_FULL,
	METRIC_EARLY_FULL,
	METRIC_GRANTS_FULL,
	METRIC_EXCHANGES,
	METRIC_EXCHANGE_REFUSED,
	METRIC_JOURNAL_BYTES,
	METRIC_CHECKPOINT_BYTES,
	METRIC_HANDED,
	METRIC_TAKEN,
	METRIC_PASSED,
	METRIC_RESTORES,
	METRIC_COUNT
};

/* --- who owns what -------------------------------------------------------------------------------- */

/* The scheduler's assignment. An owner's number is its place in `owners`. */
struct assignment {
	uint32_t version, len, self; /* self: our number; UINT32_MAX = we are none of them */
	uint64_t owners[OWNERS_MAX]; /* instances */
	uint32_t count[OWNERS_MAX];  /* of regions */
	uint8_t *owner_of;	     /* by region */
};

enum phase {
	PHASE_OUTSIDE,	 /* nothing is ours: we ask the schedulers for regions */
	PHASE_RESTORING, /* we read what is ours from the database */
	PHASE_RUNNING	 /* ready for the next stage */
};

/* --- players -------------------------------------------------------------------------------------- */

/* On whose behalf something is asked, and how it is answered. */
struct ask {
	uint64_t request;
	uint64_t account, actor, session;
	uint64_t frontend;
	uint8_t passed; /* it came by region.pass: the answer goes back as PassReply */
};

enum player_state {
	PLAYER_HERE,
	PLAYER_LEAVING, /* the input is on its way */
	PLAYER_ASLEEP,	/* it left: its last save is to be made */
	PLAYER_GOING	/* that is durable, and the input that removes it on its way */
};

/* Who plays an avatar that is ours. Lives as long as the avatar is here, and as long as a save is under way. */
struct player {
	uint64_t avatar, account, session, epoch;
	uint64_t seq;		   /* of the last move */
	uint64_t chat_us, move_us; /* when the next would be free of charge: a leaky bucket in time */
	uint64_t saved, saving_hash; /* digests of the record: as it was saved, and as the save under way has it */
	uint8_t *last;		   /* asleep: its record as it was saved */
	size_t last_len;
	uint32_t tries;		   /* saves that failed since the last that did not */
	struct ask leave;	   /* answered when the last save has ended; request 0 = nobody waits */
	struct frontend *frontend; /* NULL: its connection is lost, and it waits for a session that resumes */
	uint64_t lost_us;	   /* since then */
	uint64_t lost_from;	   /* with this front-end, if it is to be told: 0 = it has said so itself, or was told */
	uint32_t at;		   /* place in mechanics.players */
	uint32_t cell;		   /* around which it sees; 0 = nothing yet */
	uint8_t state;		   /* enum player_state */
	uint8_t saving;		   /* a save is under way */
	uint8_t stale;		   /* a newer session owns it: it is not saved */
	uint8_t last_saved;	   /* while we drain: once is enough */
	uint8_t forgotten;	   /* it is not ours any more: freed when the save ends */
	struct player *forgotten_next;
};

/* One front-end: whom of its players sees which cell, and what it will be told after this tick. */
struct frontend {
	uint64_t id; /* 0 = free place */
	uint32_t players, missed;
	uint32_t entering; /* players that wait to be let in: the place is kept for them */
	uint16_t *watch; /* for each cell: sessions that see it */
	struct say *say;
};

struct change {
	uint64_t id;
	uint32_t cell;
	uint8_t kind; /* enum change_kind, interest.c */
};

/* A cell whose block changed in this tick. */
struct block_change {
	uint32_t chunk;
	uint32_t cell; /* its number in the chunk */
	uint16_t block;
};

/* A request whose answer is in what a tick brings. */
enum waiting_kind { WAITING_ENTER, WAITING_ACT, WAITING_CHAT, WAITING_LINE };
struct waiting {
	struct ask ask;
	uint64_t token, avatar, epoch, at_us;
	struct frontend *frontend; /* WAITING_ENTER: through which it will look */
	uint8_t kind;
	struct waiting *next; /* of mechanics.lines */
	char line[]; /* WAITING_LINE: its beginning, LINE_SHOWN bytes with the 0 */
};

/* A move that was taken: answered with what the tick brings, so that a client gets both in one write. */
struct moved {
	struct ask ask;
	uint64_t seq;
	double x, y;
};

/* An input that waits for the next tick. */
struct queued {
	Region__Input *input; /* ours, made by protobuf-c */
	uint64_t seq;	      /* of a move */
	uint32_t bytes;
};

/* A page of the journal as a restore has read it. */
struct replay {
	uint64_t tick;
	uint8_t *bytes;
	size_t len;
};

/* An exchange that came before its stage. */
struct early {
	uint64_t from, tick;
	uint32_t stage, round;
	struct troupe_buf *buf;
	const uint8_t *body;
	uint32_t len;
};

/* The tick that runs, or the last that ran. */
struct ticking {
	uint64_t tick;
	uint32_t stage;	 /* the last that ran; 0 = none yet */
	uint8_t broken;	 /* something that it needs will never come: see stage_broken */
	uint8_t ended;	 /* engine_end has run */
	uint8_t told;	 /* and players were told */
	uint8_t silent;	 /* nobody is told: they were, before a restore */
	uint8_t again, save, digest;
	uint8_t answered; /* the last stage was */
	uint64_t request; /* of the stage that ran and waits for its answer; or of `wanted` */
	Region__StageRequest *wanted; /* not run yet: something it needs is missing */
	uint32_t round;	  /* of stage 2: edits that wait for locks take several */
	uint64_t got;	  /* owners whose exchange of this stage is here, a bit for each number */
	uint32_t parts[OWNERS_MAX]; /* how many of them came; `parts_all`: how many there are, 0 = not known */
	uint32_t parts_all[OWNERS_MAX];
	uint8_t *seen;	  /* OWNERS_MAX * PARTS_MAX bits */
	uint32_t took_us, inputs;
	uint64_t journal; /* bytes that it has added to the journal */
	Region__StageReply reply; /* of the last stage that was answered */
};

struct mechanics {
	const struct troupe_host *h;
	const struct mechanics_options *options;
	uint32_t metrics[METRIC_COUNT];
	uint32_t db;

	struct engine *engine; /* NULL unless RUNNING or RESTORING */
	enum phase phase;
	uint64_t epoch;
	struct assignment now, next; /* next.len != 0: from the end of this tick on */
	struct ticking ticking;
	char paused[128]; /* why; "" = not */
	char paused_id[TROUPE_REASON_MAX + 1]; /* what players are told */
	uint64_t heard_us; /* when the scheduler was last heard of */
	int draining, drained, stopped, adopting;
	uint64_t join_timer, drain_timer, drain_us;

	struct early early[EARLY_MAX];
	uint32_t early_len;
	size_t early_bytes;

	struct queued *inbox;
	uint32_t inbox_len, inbox_size;
	size_t inbox_bytes;
	struct entry *entries; /* of the journal, being committed: journal.c */
	uint32_t entries_len;
	struct replay *replay;
	uint32_t replay_len, replay_size, replay_at;
	size_t replay_bytes;

	struct restore *restore;       /* under way, or NULL */
	struct checkpoint *checkpoint; /* likewise */
	struct bundle *bundles;	       /* being read: bundle.c */
	uint8_t prepared[64];	       /* the digest of the rules that were tried last and can be taken */
	uint32_t prepared_len, prepared_generation;
	char problem[256]; /* the first line about the last rules that were not accepted */

	struct map by_avatar;	 /* avatar -> struct player */
	struct player **players; /* all that are not forgotten */
	uint32_t players_len, players_size, save_cursor, saves;
	struct player *forgotten; /* those of them whose save has not ended */
	uint32_t lost;		 /* of them wait for a session that resumes */
	uint32_t asleep;
	struct map waiting; /* token -> struct waiting */
	uint64_t token;
	uint32_t entering;
	struct waiting *lines; /* of operators, that a restore met: told of when they run again */
	struct moved *moved; /* ask.c */
	uint32_t moved_len, moved_size;
	struct deferred *deferred, **deferred_last; /* serve.c */
	uint32_t deferred_len;
	struct map passes; /* avatar -> struct passage; pass.c */
	uint64_t pass_ring[PASSES_MAX];
	uint32_t pass_at;
	struct passed *passed;
	struct grant *grants; /* items.c */
	uint32_t grants_len;
	uint8_t grants_wait; /* some were too many to be asked for */

	struct frontend frontends[FRONTENDS_MAX];
	uint32_t frontends_len; /* places that were ever taken */
	struct change *changes;
	uint32_t changes_len, changes_size;
	struct block_change *blocks;
	uint32_t blocks_len, blocks_size;
	struct sight *sights; /* scratch */
	uint32_t sights_size;

	uint32_t times[TIMES_LEN];
	uint32_t times_len;
	uint64_t late, second_us;
	struct engine_figures figures_before;
};

/* --- mechanics.c ---------------------------------------------------------------------------------- */

void count(struct mechanics *m, enum metric metric);
/* clock_ns: monotonic, for figures and the last limit of scripts; never for what happens in the world. */
uint64_t clock_ns(void);
void log_line(struct mechanics *m, uint32_t level, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* --- owner.c -------------------------------------------------------------------------------------- */

/* assignment_read: 0, or -1 if it makes no sense for `regions` regions; the result is freed with assignment_free. */
int assignment_read(const Region__Assignment *from, uint64_t self, uint32_t regions, struct assignment *ret_assignment);
void assignment_free(struct assignment *assignment);
/* owner_others: a bit for each other owner that takes part in a tick. owner_number: UINT32_MAX if it is none. */
uint64_t owner_others(const struct mechanics *m);
uint32_t owner_number(const struct mechanics *m, uint64_t instance);
/* owner_let_go: nothing is ours any more: not a word of it is written, players are brought back by whoever owns it now. */
void owner_let_go(struct mechanics *m, const char *why);
/* owner_forget: the same without a word about it. */
void owner_forget(struct mechanics *m);
/* owner_state: tells the host whether we take calls. owner_join: tells the schedulers that we are here, and again each
 * second. */
void owner_state(struct mechanics *m);
void owner_join(struct mechanics *m);
/* owner_refusal: the reason id for players of a world that does not go on here. */
const char *owner_refusal(const struct mechanics *m);
void owner_on_paused(void *instance, const struct troupe_request *request, const Region__Paused *body);
/* owner_heard: the scheduler lives. */
void owner_heard(struct mechanics *m);
void owner_drain(struct mechanics *m);
/* owner_drain_go_on: drained, if there is nothing left to do. */
void owner_drain_go_on(struct mechanics *m);

/* --- stage.c -------------------------------------------------------------------------------------- */

void stage_on_stage(void *instance, const struct troupe_request *request, const Region__StageRequest *body);
void stage_on_done(void *instance, const struct troupe_request *request, const Region__Done *body);
/* stage_go_on: runs what waited, or answers, if what it waited for is here now. */
void stage_go_on(struct mechanics *m);
/* stage_broken: this tick cannot end, nor can any after it until the world is restored: the scheduler's call, and each that follows,
 * is refused. */
void stage_broken(struct mechanics *m);
/* stage_forget: what waits is refused. */
void stage_forget(struct mechanics *m);

/* --- exchange.c ----------------------------------------------------------------------------------- */

void exchange_on_exchange(void *instance, const struct troupe_request *request, const Region__Exchange *body);
/* exchange_send: what the stage that ran has for the others. exchange_begin: now those of this stage are taken, the early
 * ones at once. exchange_all: 1 if all are here. */
void exchange_send(struct mechanics *m);
void exchange_begin(struct mechanics *m);
int exchange_all(const struct mechanics *m);
void exchange_forget(struct mechanics *m);

/* --- journal.c ------------------------------------------------------------------------------------ */

/* journal_queue: an input for the next tick, copied. 0, or -1 if too many wait. */
int journal_queue(struct mechanics *m, const Region__Input *input, uint64_t seq);
/* journal_drop: takes back what is queued of this kind about an avatar. */
void journal_drop(struct mechanics *m, uint64_t avatar, Region__InputKind kind);
void journal_free_one(struct mechanics *m, struct queued *queued);
/* journal_cut: what is queued becomes the tick's: the engine gets it, and it is written. journal_again: the same from what a
 * restore has read. */
void journal_cut(struct mechanics *m, uint64_t tick);
void journal_again(struct mechanics *m, uint64_t tick);
/* journal_aborts: writes which calls the clock or memory ended. */
void journal_aborts(struct mechanics *m);
/* journal_durable: 1 if nothing is being written. */
int journal_durable(const struct mechanics *m);
/* journal_read: keeps a page that a restore has read; -1 if there is too much, or it is none of that tick. */
int journal_read(struct mechanics *m, uint64_t tick, const void *bytes, size_t len);
/* journal_forget: nothing is queued, kept or answered for any more. */
void journal_forget(struct mechanics *m);
void journal_free(struct mechanics *m);

/* --- bundle.c: rules ------------------------------------------------------------------------------ */

/* bundle_load: reads these rules from the database and tries them; then `done` with "" or what is wrong with them. */
typedef void (*bundle_fn)(struct mechanics *m, void *arg, int32_t status, const Region__PrepareReply *result);
void bundle_load(struct mechanics *m, const uint8_t *digest, size_t len, uint32_t generation, bundle_fn done, void *arg);
int bundle_prepared(const struct mechanics *m, const uint8_t *digest, size_t len, uint32_t generation);
void bundle_on_prepare(void *instance, const struct troupe_request *request, const Region__PrepareRequest *body);
/* bundle_loading: 1 if any are being read. bundle_forget: nothing that is being read is of use any more. */
int bundle_loading(const struct mechanics *m);
void bundle_forget(struct mechanics *m);
void bundle_free(struct mechanics *m);

/* --- restore.c, checkpoint.c ---------------------------------------------------------------------- */

void restore_on_restore(void *instance, const struct troupe_request *request, const Region__RestoreRequest *body);
void restore_forget(struct mechanics *m);
void restore_free(struct mechanics *m);
/* checkpoint_begin: writes what is ours as it is at the end of this tick. */
void checkpoint_begin(struct mechanics *m);
void checkpoint_forget(struct mechanics *m);
void checkpoint_free(struct mechanics *m);

/* --- tell.c --------------------------------------------------------------------------------------- */

/* tell_tick: what the tick brought goes to players, once; `silent`: only to our own books. */
void tell_tick(struct mechanics *m);

/* --- players.c ------------------------------------------------------------------------------------ */

void players_enter(struct mechanics *m, const struct ask *ask, const World__EnterRequest *body);
void players_leave(struct mechanics *m, const struct ask *ask, const World__LeaveRequest *body);
/* players_entered ... : what a tick brought. */
void players_entered(struct mechanics *m, uint64_t avatar, uint64_t token);
void players_left(struct mechanics *m, uint64_t avatar);
void players_removed(struct mechanics *m, uint64_t avatar);
/* players_saved: it sleeps, and its last save is durable (or must not be made): it is removed. */
void players_saved(struct mechanics *m, struct player *player);
/* players_second: players of front-ends that are gone are lost; those who were lost for too long leave. */
void players_second(struct mechanics *m);
/* players_forget: none of them is ours any more. */
void players_forget(struct mechanics *m);
void players_free(struct mechanics *m);
/* player_of: who plays the actor of a request; NULL if nobody does from there. */
struct player *player_of(struct mechanics *m, const struct ask *ask);

/* --- roster.c: the list of players, and the front-ends through which they look ----------------------- */

struct player *roster_add(struct mechanics *m, uint64_t avatar);
/* roster_remove: it is freed, now or when its save ends. */
void roster_remove(struct mechanics *m, struct player *player);
/* frontend_get: the front-end with this id, in a new place if need be; NULL if there is none, no memory, or the id is 0. */
struct frontend *frontend_get(struct mechanics *m, uint64_t id);
/* frontend_join: the player sees the world through this front-end. frontend_leave: nobody looks through its eyes; it is
 * gone, or lost from now on. */
void frontend_join(struct mechanics *m, struct player *player, struct frontend *frontend, uint32_t cell);
void frontend_leave(struct mechanics *m, struct player *player);
/* roster_lose: its connection is lost; it stays where it is, and for how long is looked at each second. `from`: a front-end
 * that is to be told when it is in reach, or 0. */
void roster_lose(struct mechanics *m, struct player *player, uint64_t from);
/* roster_watch: front-ends that are gone, or in reach again. */
void roster_watch(struct mechanics *m);
void roster_free(struct mechanics *m);

/* --- save.c --------------------------------------------------------------------------------------- */

/* save_begin: makes a save if there is anything to save; 1 if one is under way now. */
int save_begin(struct mechanics *m, struct player *player);
/* save_tick: those whose turn it is. save_asleep: those who left and are not saved yet. */
void save_tick(struct mechanics *m);
void save_asleep(struct mechanics *m);
/* save_asleep_one: it has just left. */
void save_asleep_one(struct mechanics *m, struct player *player);
/* save_all: begins saves; 1 while there is anything to wait for. */
int save_all(struct mechanics *m);

/* --- pass.c: avatars that go to another owner and come from one -------------------------------------- */

void pass_handed(struct mechanics *m, uint64_t avatar);
void pass_taken(struct mechanics *m, uint64_t avatar, const Region__Session *session);
/* pass_adopt: after a restore: the avatars that are ours have players again, who are asked to come in. */
void pass_adopt(struct mechanics *m);
void pass_adopt_one(struct mechanics *m, const struct sight *sight);
/* pass_on: the request goes to the owner that has the avatar now: 1, or 0 if we do not know one. */
int pass_on(struct mechanics *m, const struct ask *ask, uint32_t method, const ProtobufCMessage *body);
void pass_forget(struct mechanics *m);
void pass_free(struct mechanics *m);

/* --- ask.c ---------------------------------------------------------------------------------------- */

struct ask ask_of(const struct troupe_request *request);
void ask_reply(struct mechanics *m, const struct ask *ask, const ProtobufCMessage *message);
void ask_refuse(struct mechanics *m, const struct ask *ask, int32_t status, const char *reason);
/* ask_busy: 1 (and refused) while the world is paused or not here. */
int ask_busy(struct mechanics *m, const struct ask *ask);
/* ask_wait: remembers a request under a new token; NULL (refused) if too many wait. ask_take: NULL if there is none; free it. */
struct waiting *ask_wait(struct mechanics *m, const struct ask *ask, enum waiting_kind kind, uint64_t avatar);
struct waiting *ask_take(struct mechanics *m, uint64_t token);
/* ask_moved: the move was taken; ask_moved_tell answers all such. */
void ask_moved(struct mechanics *m, const struct ask *ask, const World__MoveRequest *body);
void ask_moved_tell(struct mechanics *m);
/* ask_free: lines of operators that a restore met are of no interest any more. */
void ask_free(struct mechanics *m);
/* ask_second: forgets those whose caller waits no more. ask_forget: refuses all. */
void ask_second(struct mechanics *m);
void ask_forget(struct mechanics *m);

/* --- methods.c ------------------------------------------------------------------------------------ */

/* ask_line: of an operator: an input of the next tick at a place of ours. line_answer: what became of it. */
void ask_line(struct mechanics *m, const struct ask *ask, const char *line, double x, double y);
/* line_again: what came of a line in a tick that runs again. */
void line_again(struct mechanics *m, const struct output *output);
void line_answer(struct mechanics *m, uint64_t request, int failed, const char *text);
void ask_look(struct mechanics *m, const struct ask *ask, const World__LookRequest *body);
void ask_move(struct mechanics *m, const struct ask *ask, const World__MoveRequest *body);
void ask_act(struct mechanics *m, const struct ask *ask, const World__ActRequest *body);
void ask_echo(struct mechanics *m, const struct ask *ask, const World__EchoRequest *body);
void ask_chat(struct mechanics *m, const struct ask *ask, const World__ChatRequest *body);
/* method_answer: what the rules answered to an act or a chat. */
void method_answer(struct mechanics *m, const struct output *output);

/* --- serve.c -------------------------------------------------------------------------------------- */

void serve_enter(void *instance, const struct troupe_request *request, const World__EnterRequest *body);
void serve_leave(void *instance, const struct troupe_request *request, const World__LeaveRequest *body);
void serve_look(void *instance, const struct troupe_request *request, const World__LookRequest *body);
void serve_move(void *instance, const struct troupe_request *request, const World__MoveRequest *body);
void serve_act(void *instance, const struct troupe_request *request, const World__ActRequest *body);
void serve_echo(void *instance, const struct troupe_request *request, const World__EchoRequest *body);
void serve_chat(void *instance, const struct troupe_request *request, const World__ChatRequest *body);
void serve_pass(void *instance, const struct troupe_request *request, const Region__PassRequest *body);
/* serve_deferred: runs what came between a tick's end and its outcome. serve_forget: refuses it. */
void serve_deferred(struct mechanics *m);
void serve_forget(struct mechanics *m);

/* --- interest.c ----------------------------------------------------------------------------------- */

/* interest_appeared, interest_gone, interest_moved, interest_health: notes for the messages after this tick. `ended`: it stands now. */
void interest_appeared(struct mechanics *m, uint64_t id, uint32_t cell);
void interest_gone(struct mechanics *m, uint64_t id, uint32_t cell);
void interest_moved(struct mechanics *m, uint64_t id, uint32_t cell, int ended);
void interest_health(struct mechanics *m, uint64_t id, uint32_t cell);
/* interest_view: lets the player see the cells around `cell` (0 = none), told after this tick. */
void interest_view(struct mechanics *m, struct player *player, uint32_t cell);
/* interest_flush: tells each front-end what there is to tell. */
void interest_flush(struct mechanics *m);
/* interest_entity: fills a message; the names are borrowed from the engine. */
void interest_entity(const struct sight *sight, World__Entity *ret_entity);
/* interest_sights: who is in a cell; borrowed until the next call. */
const struct sight *interest_sights(struct mechanics *m, uint32_t cell, uint32_t *ret_len);

/* --- say.c: what front-ends are told, gathered over a tick --------------------------------------- */

int say_open(const struct troupe_host *h, struct frontend *frontend);
/* say_free: what was not sent is let go. */
void say_free(const struct troupe_host *h, struct frontend *frontend);
void say_subscribe(struct mechanics *m, const struct player *player, uint64_t channel, int add);
void say_send(struct mechanics *m, const struct player *player, uint32_t event, const ProtobufCMessage *message);
/* say_publish: to those who listen to the channel, on front-ends where anybody does. */
void say_publish(struct mechanics *m, uint32_t channel, uint32_t event, const ProtobufCMessage *message, int droppable);
/* The same with a payload that is packed already and taken over; NULL = there was no memory for it. */
void say_send_buf(struct mechanics *m, const struct player *player, uint32_t event, struct troupe_buf *payload);
void say_publish_buf(struct mechanics *m, uint32_t channel, uint32_t event, struct troupe_buf *payload, int droppable);
/* say_wanted: 1 if anybody listens to the channel. */
int say_wanted(const struct mechanics *m, uint32_t channel);
void say_flush(struct mechanics *m, struct frontend *frontend);

/* --- blocks.c: blocks as players see them ----------------------------------------------------------- */

/* blocks_place: where a cell is, in chunks, by its number. */
void blocks_place(const struct mechanics *m, uint32_t cell, int32_t *ret_cx, int32_t *ret_cy);
/* blocks_seen: all of a cell's, to one player. */
void blocks_seen(struct mechanics *m, const struct player *player, uint32_t cell);
/* blocks_changed: notes one for the messages after this tick. blocks_flush: makes them. */
void blocks_changed(struct mechanics *m, uint32_t cell, int32_t x, int32_t y, int32_t z);
void blocks_flush(struct mechanics *m);

/* --- items.c -------------------------------------------------------------------------------------- */

/* items_owed: asks the item store for what it owes to an avatar of ours, unless that is asked already, until it has answered; the
 * answer is an input. items_second: asks again where there was no answer. */
void items_owed(struct mechanics *m, uint64_t avatar);
void items_second(struct mechanics *m);
void items_forget(struct mechanics *m);
void items_free(struct mechanics *m);

/* --- command.c ------------------------------------------------------------------------------------ */

extern const struct troupe_command mechanics_commands[];

#endif
