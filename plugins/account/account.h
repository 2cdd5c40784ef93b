/* SPDX-License-Identifier: MIT */
/* The parts of the account role. Everything runs on the instance's loop unless it says otherwise. */
#ifndef ACCOUNT_ACCOUNT_H
#define ACCOUNT_ACCOUNT_H

#include "account.stub.h"
#include "record.pb-c.h"
#include "secret/secret.h"
#include "store/store.h"
#include "troupe/host.h"
#include "wire/wire.h"

#define USER_MIN 3u
#define USER_MAX 32u
#define PASSWORD_MIN 8u
#define PASSWORD_MAX 128u
#define TICKET_SIZE 32u
/*
 * Wall clocks jump. A clock set forward ends a ticket early: the player logs in again. One set back would keep it
 * alive: a ticket from further in the future than this is taken as expired.
 */
#define SKEW_MS 5000

struct account_options {
	const char *database;
	struct troupe_strings listen;
	int64_t ticket_ms, resume_ms;
	struct account_password {
		int64_t memory, ops;
		int64_t parallel; /* hashes being made at once */
		int64_t queue;	  /* more that may wait; above it: SERVER_IS_OVERLOADED */
	} password;
	struct account_limits {
		int64_t connections, per_network;
		int64_t idle_ms, login_ms;
		int64_t delay_first_ms, delay_max_ms;
	} limits;
};

enum account_metric {
	METRIC_CONNECTIONS,
	METRIC_LOGIN_OK,
	METRIC_LOGIN_WRONG,
	METRIC_LOGIN_BANNED,
	METRIC_LOGIN_LATER,
	METRIC_LOGIN_OVERLOADED,
	METRIC_LOGIN_ERROR,
	METRIC_REGISTERED,
	METRIC_REGISTER_REFUSED,
	METRIC_BAD_FRAME,
	METRIC_BAD_MESSAGE,
	METRIC_WRONG_STATE,
	METRIC_TIMED_OUT,
	METRIC_HASH_TIME,
	METRIC_TICKETS,
	METRIC_TICKET_REDEEMED,
	METRIC_TICKET_USED,
	METRIC_TICKET_REFUSED,
	METRIC_RESUMED,
	METRIC_RESUME_REFUSED,
	METRIC_EVICTED,
	METRIC_COUNT
};

/* --- throttle.c: growing delays after wrong passwords --------------------------------------------- */

struct throttle_entry {
	uint64_t key; /* 0 = free */
	uint64_t until_us;
	uint32_t failures;
	uint32_t busy; /* a try is under way: no second one beside it */
};

#define THROTTLE_SETS 8192u
#define THROTTLE_WAYS 4u

struct throttle {
	uint8_t key[16]; /* of the keyed hash: strangers choose names */
	struct throttle_entry *entries;
	uint64_t first_us, max_us;
	uint32_t evicted;
};

/* throttle_init: 0, or -1 without memory. throttle_free accepts a zeroed one. */
int throttle_init(struct throttle *throttle, const uint8_t key[16], uint64_t first_ms, uint64_t max_ms);
void throttle_free(struct throttle *throttle);
/* throttle_key: of one name as tried from one network. The name need not exist. */
uint64_t throttle_key(const struct throttle *throttle, const char *user, uint64_t network);
/* throttle_enter: 0 = try now, and call throttle_leave when it ended; else how many ms to wait. */
uint64_t throttle_enter(struct throttle *throttle, uint64_t key, uint64_t now_us);
/* throttle_leave: how the try ended: 1 right, 0 wrong, -1 it was not decided. */
void throttle_leave(struct throttle *throttle, uint64_t key, uint64_t now_us, int outcome);

/* --- instance ------------------------------------------------------------------------------------- */

struct attempt;
struct ask;

enum conn_state {
	CONN_HELLO,   /* nothing but Hello */
	CONN_OPEN,    /* Register or Login */
	CONN_LOGIN,   /* one of them is being worked on */
	CONN_IN,      /* logged in */
	CONN_ASKING,  /* ShardListRequest or ChooseShard is being worked on */
	CONN_CLOSING  /* whatever still comes is thrown away */
};

struct conn {
	struct conn *prev, *next;
	uint64_t id;
	uint64_t network;
	uint64_t account;
	uint64_t opened_us, seen_us;
	struct attempt *attempt;
	struct ask *ask;
	uint32_t state; /* enum conn_state */
};

struct account {
	const struct troupe_host *h;
	const struct account_options *options;
	struct secret_cost cost;
	struct conn *conns;
	struct attempt *waiting, *waiting_last; /* for a place among the hashes */
	struct throttle throttle;
	struct store store;
	uint64_t timer;
	uint32_t admitted; /* attempts between admission and end of their hash */
	uint32_t hashing;
	uint32_t sweep_in_s, sweeping;
	uint32_t conn_count, draining;
	uint32_t metrics[METRIC_COUNT];
};

static inline void count(const struct account *account, enum account_metric metric)
{
	account->h->metric_add(account->h, account->metrics[metric], 1);
}

/* say: one line of the log. */
void account_log(const struct account *account, uint32_t level, const char *code, uint64_t id, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* --- conn.c: the listener ------------------------------------------------------------------------- */

int32_t conn_listen(struct account *account, struct troupe_error *reterr);
/* conn_tick: once a second: who was silent for too long goes. */
void conn_tick(struct account *account);
/* conn_refuse: Error, Bye, close. */
void conn_refuse(struct account *account, struct conn *conn, uint16_t event, uint16_t tag, int32_t status,
		 const char *reason);
void conn_free_all(struct account *account);

/* --- login.c: Register and Login ------------------------------------------------------------------ */

/* Both answer on the connection, now or later, which is in CONN_LOGIN until then. */
void login_begin(struct account *account, struct conn *conn, uint16_t tag, const char *user, const char *password);
void register_begin(struct account *account, struct conn *conn, uint16_t tag, const char *user, const char *password);
/* attempt_orphan: the connection is gone; the attempt ends without an answer. */
void attempt_orphan(struct attempt *attempt);
void attempt_free_waiting(struct account *account);
/* user_fold: lower case into ret_user; 0 if the name follows the rules, else -1. */
int user_fold(const char *user, char ret_user[USER_MAX + 1]);

/* --- ticket.c: from the login to the front-end ---------------------------------------------------- */

void shards_begin(struct account *account, struct conn *conn, uint16_t tag);
void choose_begin(struct account *account, struct conn *conn, uint16_t tag, const char *shard);
/* resume_begin: as choose_begin, for the shard of a session whose token this is. */
void resume_begin(struct account *account, struct conn *conn, uint16_t tag, uint64_t id, const uint8_t *token, size_t len);
void ask_orphan(struct ask *ask);

/* --- redeem.c -------------------------------------------------------------------------------------- */

/* ticket_on_redeem: account.redeem. */
void ticket_on_redeem(void *instance, const struct troupe_request *request, const Account__RedeemRequest *body);
/* ticket_sweep: removes some of the tickets that are long past. */
void ticket_sweep(struct account *account);

/* --- resume.c: after a lost connection ------------------------------------------------------------ */

#define SHARD_MAX 64u

struct resume_token {
	uint8_t bytes[TICKET_SIZE], hash[SECRET_HASH_SIZE];
	char shard[SHARD_MAX];
};

/* resume_fresh: a new token for token->shard goes into `next`, which borrows it. */
void resume_fresh(struct account *account, Accountdb__Record *next, struct resume_token *token);
/* resume_judge: OK if the token of this hash is the account's last one and still good; else the status and reason. */
int32_t resume_judge(const struct account *account, const Accountdb__Record *record, const uint8_t hash[SECRET_HASH_SIZE],
		     const char **ret_reason);
/* resume_on_keep: account.keep. */
void resume_on_keep(void *instance, const struct troupe_request *request, const Account__KeepRequest *body);

/* --- records.c: accounts in the database ----------------------------------------------------------- */

/* The keys of an account's record, of its name, of a ticket; as store_key. */
struct store_key *record_key_id(struct store_key *key, uint64_t id);
struct store_key *record_key_name(struct store_key *key, const char *user);
struct store_key *record_key_ticket(struct store_key *key, const uint8_t hash[SECRET_HASH_SIZE]);

/* record_get: the record of an account, NULL if there is none. Returns 0 until it is known: as store_read. */
int record_get(struct store_tx *tx, uint64_t id, const Accountdb__Record **ret_record);
/* record_put, record_put_name: as store_put. */
void record_put(struct store_tx *tx, const Accountdb__Record *record);
void record_put_name(struct store_tx *tx, const char *user, uint64_t id);

/* A record_decide_fn is a store_kind's decide with the account's record, NULL if there is none; a record_done_fn its
 * done, after OK with the record as last read. Both borrow it. */
typedef enum store_next (*record_decide_fn)(struct store_tx *tx, void *arg, const Accountdb__Record *record);
typedef void (*record_done_fn)(struct account *account, void *arg, int32_t status, const char *reason,
			       const Accountdb__Record *record);

/*
 * record_run: a transaction about the account of this id (0 = nobody's, nothing is read), or if user is not NULL of
 * this name. An unknown name takes the reads of a known one. `request` gives its patience (NULL = 5 s) and is not
 * answered. `done` may run inside.
 */
void record_run(struct account *account, const struct troupe_request *request, const char *user, uint64_t id,
		record_decide_fn decide, record_done_fn done, void *arg);
/* record_look: a record_decide_fn that only looks; NOT_FOUND "account.no_user". */
enum store_next record_look(struct store_tx *tx, void *arg, const Accountdb__Record *record);

extern const struct troupe_command account_commands[];

#endif
