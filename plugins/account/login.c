/* SPDX-License-Identifier: MIT */
/* Register and Login: read, hash in a job, write, answer. Known and unknown names go the same way. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "client.pb-c.h"
#include "proto/proto.h"

/* One Register or Login. The job reads and writes the members from `password` to `matched` and nothing else. */
struct attempt {
	struct account *account;
	struct conn *conn; /* NULL: the connection is gone */
	struct attempt *next;
	uint64_t throttle_key;
	uint64_t id, began_us;
	Accountdb__Record *record; /* Login: the account, NULL if there is none */
	uint32_t is_register;
	int32_t code;
	uint16_t tag;
	char user[USER_MAX + 1];
	char password[PASSWORD_MAX + 1];
	size_t password_len;
	char hash[SECRET_PASSWORD_MAX];	 /* Login: the stored one, "" if there is none */
	char fresh[SECRET_PASSWORD_MAX]; /* the new one, "" if none was needed */
	struct secret_cost cost;
	int matched; /* 1 yes, 0 no, -1 it could not be told */
};

int user_fold(const char *user, char ret_user[USER_MAX + 1])
{
	size_t len = strlen(user);

	memset(ret_user, 0, USER_MAX + 1);
	for (size_t i = 0; i < len && i < USER_MAX; i++) {
		char c = user[i];

		ret_user[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	if (len < USER_MIN || len > USER_MAX) {
		return -1;
	}
	return strspn(ret_user, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == len ? 0 : -1;
}

/* --- answers -------------------------------------------------------------------------------------- */

static void login_answer(struct account *account, struct conn *conn, uint16_t tag, int32_t code, uint64_t retry_ms,
			 const Accountdb__Record *record)
{
	Client__LoginResult result = CLIENT__LOGIN_RESULT__INIT;

	result.has_code = 1;
	result.code = (Client__LoginCode)code;
	if (retry_ms > 0) {
		result.has_retry_ms = 1;
		result.retry_ms = retry_ms;
	}
	if (record != NULL) {
		result.has_account = result.has_last_login_ms = 1;
		result.account = record->id;
		result.last_login_ms = record->last_login_ms;
	}
	wire_send(account->h, conn->id, WIRE_LOGIN_RESULT, tag, &result.base);
}

static void register_answer(struct account *account, struct conn *conn, uint16_t tag, int32_t code, uint64_t id)
{
	Client__RegisterResult result = CLIENT__REGISTER_RESULT__INIT;

	result.has_code = 1;
	result.code = (Client__LoginCode)code;
	if (id != 0) {
		result.has_account = 1;
		result.account = id;
	}
	wire_send(account->h, conn->id, WIRE_REGISTER_RESULT, tag, &result.base);
	count(account, code == CLIENT__LOGIN_CODE__LOGIN_SUCCESS ? METRIC_REGISTERED : METRIC_REGISTER_REFUSED);
}

static void login_count(const struct account *account, int32_t code)
{
	switch (code) {
	case CLIENT__LOGIN_CODE__LOGIN_SUCCESS:
		count(account, METRIC_LOGIN_OK);
		break;
	case CLIENT__LOGIN_CODE__WRONG_AUTH_INFO:
		count(account, METRIC_LOGIN_WRONG);
		break;
	case CLIENT__LOGIN_CODE__TRY_LATER:
		count(account, METRIC_LOGIN_LATER);
		break;
	case CLIENT__LOGIN_CODE__SERVER_IS_OVERLOADED:
		count(account, METRIC_LOGIN_OVERLOADED);
		break;
	case CLIENT__LOGIN_CODE__SERVER_ERROR:
		count(account, METRIC_LOGIN_ERROR);
		break;
	default:
		count(account, METRIC_LOGIN_BANNED);
		break;
	}
}

/* attempt_end: answers, if anybody still listens, and releases it. The password is wiped with the rest. */
static void attempt_end(struct attempt *attempt, int32_t code)
{
	struct account *account = attempt->account;
	struct conn *conn = attempt->conn;
	int success = code == CLIENT__LOGIN_CODE__LOGIN_SUCCESS;

	if (!attempt->is_register) {
		int wrong = code == CLIENT__LOGIN_CODE__WRONG_AUTH_INFO;

		throttle_leave(&account->throttle, attempt->throttle_key, account->h->now_us(account->h),
			       attempt->matched == 1 ? 1 : wrong ? 0 : -1);
		login_count(account, code);
	}
	if (conn != NULL) {
		conn->attempt = NULL;
		conn->state = success && !attempt->is_register ? CONN_IN : CONN_OPEN;
		conn->account = success && !attempt->is_register ? attempt->id : 0;
		conn->seen_us = account->h->now_us(account->h);
		if (attempt->is_register) {
			register_answer(account, conn, attempt->tag, code, success ? attempt->id : 0);
		} else {
			login_answer(account, conn, attempt->tag, code, 0, success ? attempt->record : NULL);
		}
	}
	if (attempt->record != NULL) {
		accountdb__record__free_unpacked(attempt->record, NULL);
	}
	secret_wipe(attempt, sizeof(*attempt));
	free(attempt);
}

void attempt_orphan(struct attempt *attempt)
{
	attempt->conn = NULL;
}

/* --- the hash ------------------------------------------------------------------------------------- */

static void attempt_run(void *arg)
{
	struct attempt *attempt = arg;

	attempt->matched = 0;
	if (attempt->is_register || attempt->hash[0] == '\0') {
		/* For an unknown name this makes a hash that nobody reads: it costs what checking one does. */
		if (secret_password_hash(&attempt->cost, attempt->password, attempt->password_len, attempt->fresh) != 0) {
			attempt->matched = -1;
		}
		return;
	}
	attempt->matched = secret_password_verify(attempt->hash, attempt->password, attempt->password_len);
	if (attempt->matched && secret_password_old(&attempt->cost, attempt->hash) &&
	    secret_password_hash(&attempt->cost, attempt->password, attempt->password_len, attempt->fresh) != 0) {
		attempt->fresh[0] = '\0'; /* the old one still does */
	}
}

static void login_save(struct attempt *attempt);
static void register_save(struct attempt *attempt);

static void hash_next(struct account *account);

static void on_hashed(void *instance, void *arg, int32_t status)
{
	struct account *account = instance;
	struct attempt *attempt = arg;

	account->hashing--;
	account->admitted--;
	account->h->metric_observe(account->h, account->metrics[METRIC_HASH_TIME],
				   account->h->now_us(account->h) - attempt->began_us);
	hash_next(account);
	if (status == TROUPE_RESOURCE_EXHAUSTED || attempt->matched < 0) {
		attempt->matched = -1;
		attempt_end(attempt, CLIENT__LOGIN_CODE__SERVER_IS_OVERLOADED);
	} else if (status != TROUPE_OK) {
		attempt->matched = -1;
		attempt_end(attempt, CLIENT__LOGIN_CODE__SERVER_ERROR);
	} else if (attempt->is_register) {
		register_save(attempt);
	} else if (!attempt->matched) {
		attempt_end(attempt, CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	} else if (strcmp(attempt->record->status, "active") != 0) {
		attempt_end(attempt, strcmp(attempt->record->status, "banned") == 0 ?
					     CLIENT__LOGIN_CODE__BANNED :
					     CLIENT__LOGIN_CODE__ACCOUNT_INACTIVE);
	} else {
		login_save(attempt);
	}
}

static void hash_next(struct account *account)
{
	while (account->waiting != NULL && account->hashing < (uint64_t)account->options->password.parallel) {
		struct attempt *attempt = account->waiting;
		struct troupe_job job = {
			.size = sizeof(job),
			.flags = TROUPE_JOB_BACKGROUND,
			.run = attempt_run,
			.on_done = on_hashed,
			.arg = attempt,
		};

		account->waiting = attempt->next;
		attempt->cost = account->cost;
		account->hashing++;
		account->h->job(account->h, &job);
	}
}

static void hash_begin(struct attempt *attempt)
{
	struct account *account = attempt->account;

	attempt->next = NULL;
	if (account->waiting == NULL) {
		account->waiting = attempt;
	} else {
		account->waiting_last->next = attempt;
	}
	account->waiting_last = attempt;
	hash_next(account);
}

void attempt_free_waiting(struct account *account)
{
	while (account->waiting != NULL) {
		struct attempt *attempt = account->waiting;

		account->waiting = attempt->next;
		if (attempt->record != NULL) {
			accountdb__record__free_unpacked(attempt->record, NULL);
		}
		secret_wipe(attempt, sizeof(*attempt));
		free(attempt);
	}
}

/* admit: a new attempt, or NULL if too many are under way: refusing at once is kinder than a long wait. */
static struct attempt *admit(struct account *account, struct conn *conn, uint16_t tag, const char *password)
{
	const struct account_password *limits = &account->options->password;
	struct attempt *attempt;

	if (account->draining || account->admitted >= (uint64_t)(limits->parallel + limits->queue)) {
		return NULL;
	}
	attempt = calloc(1, sizeof(*attempt));
	if (attempt == NULL) {
		return NULL;
	}
	account->admitted++;
	attempt->account = account;
	attempt->conn = conn;
	attempt->tag = tag;
	attempt->began_us = account->h->now_us(account->h);
	/* one that is too long is nobody's: it is not cut to what somebody's might be, and hashed all the same */
	attempt->password_len = strlen(password) <= PASSWORD_MAX ? strlen(password) : 0;
	memcpy(attempt->password, password, attempt->password_len);
	conn->attempt = attempt;
	conn->state = CONN_LOGIN;
	return attempt;
}

/* abandon: ends an attempt that has not come to its hash. */
static void abandon(struct attempt *attempt, int32_t code)
{
	attempt->account->admitted--;
	attempt->matched = -1;
	attempt_end(attempt, code);
}

/* --- login ---------------------------------------------------------------------------------------- */

/* record_copy: a copy that outlives the callback. */
static Accountdb__Record *record_copy(const Accountdb__Record *record)
{
	size_t len = accountdb__record__get_packed_size(record);
	uint8_t *bytes = malloc(len + 1);
	Accountdb__Record *copy = NULL;

	if (bytes != NULL) {
		accountdb__record__pack(record, bytes);
		copy = accountdb__record__unpack(NULL, len, bytes);
		secret_wipe(bytes, len);
		free(bytes);
	}
	return copy;
}

static enum store_next login_look(struct store_tx *tx, void *arg, const Accountdb__Record *record)
{
	(void)tx;
	(void)arg;
	(void)record;
	return STORE_DONE; /* an unknown name goes on like a known one */
}

static void on_login_loaded(struct account *account, void *arg, int32_t status, const char *reason,
			    const Accountdb__Record *record)
{
	struct attempt *attempt = arg;

	(void)account;
	(void)reason;
	if (status != TROUPE_OK) {
		abandon(attempt, CLIENT__LOGIN_CODE__SERVER_ERROR);
		return;
	}
	if (record != NULL) {
		attempt->record = record_copy(record);
		if (attempt->record == NULL) {
			abandon(attempt, CLIENT__LOGIN_CODE__SERVER_IS_OVERLOADED);
			return;
		}
		attempt->id = record->id;
		strncpy(attempt->hash, record->password, sizeof(attempt->hash) - 1);
	}
	hash_begin(attempt);
}

void login_begin(struct account *account, struct conn *conn, uint16_t tag, const char *user, const char *password)
{
	char folded[USER_MAX + 1];
	struct attempt *attempt;
	uint64_t key, retry_ms;

	/* A name against the rules is looked up like any other: it is only never found. */
	if (user_fold(user, folded) != 0) {
		folded[0] = '!'; /* no name begins so: what was cut off cannot make it another's */
	}
	key = throttle_key(&account->throttle, folded, conn->network);
	retry_ms = throttle_enter(&account->throttle, key, account->h->now_us(account->h));
	if (retry_ms > 0) {
		login_answer(account, conn, tag, CLIENT__LOGIN_CODE__TRY_LATER, retry_ms, NULL);
		login_count(account, CLIENT__LOGIN_CODE__TRY_LATER);
		return;
	}
	attempt = admit(account, conn, tag, password);
	if (attempt == NULL) {
		throttle_leave(&account->throttle, key, account->h->now_us(account->h), -1);
		login_answer(account, conn, tag, CLIENT__LOGIN_CODE__SERVER_IS_OVERLOADED, 0, NULL);
		login_count(account, CLIENT__LOGIN_CODE__SERVER_IS_OVERLOADED);
		return;
	}
	memcpy(attempt->user, folded, sizeof(folded));
	attempt->throttle_key = key;
	record_run(account, NULL, attempt->user, 0, login_look, on_login_loaded, attempt);
}

/* Nothing that a login needs is in this commit: the date and perhaps a newer hash come with the next one; a ban is
 * looked at again when the ticket is redeemed. */
static enum store_next login_decide(struct store_tx *tx, void *arg, const Accountdb__Record *record)
{
	struct attempt *attempt = arg;
	struct account *account = attempt->account;
	Accountdb__Record next;

	if (record == NULL || strcmp(record->password, attempt->record->password) != 0) {
		return STORE_DONE; /* it is not that of the login any more */
	}
	next = *record;
	next.has_last_login_ms = 1;
	next.last_login_ms = account->h->wall_ms(account->h);
	if (attempt->fresh[0] != '\0') {
		next.password = attempt->fresh;
	}
	record_put(tx, &next);
	return STORE_COMMIT;
}

static void on_login_saved(struct account *account, void *arg, int32_t status, const char *reason,
			   const Accountdb__Record *record)
{
	struct attempt *attempt = arg;

	(void)record;
	if (status != TROUPE_OK) {
		account_log(account, TROUPE_LOG_WARNING, "S0202", attempt->id,
			    "the date of a login was not saved (%s); the login goes on", reason);
	}
	attempt_end(attempt, CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
}

static void login_save(struct attempt *attempt)
{
	record_run(attempt->account, NULL, NULL, attempt->id, login_decide, on_login_saved, attempt);
}

/* --- registration --------------------------------------------------------------------------------- */

static void on_name_looked_up(struct account *account, void *arg, int32_t status, const char *reason,
			      const Accountdb__Record *record)
{
	struct attempt *attempt = arg;

	(void)account;
	(void)reason;
	(void)record;
	if (status == TROUPE_OK) {
		abandon(attempt, CLIENT__LOGIN_CODE__NAME_TAKEN); /* no hash for what cannot succeed */
	} else if (status != TROUPE_NOT_FOUND) {
		abandon(attempt, CLIENT__LOGIN_CODE__SERVER_ERROR);
	} else {
		hash_begin(attempt);
	}
}

void register_begin(struct account *account, struct conn *conn, uint16_t tag, const char *user, const char *password)
{
	char folded[USER_MAX + 1];
	size_t len = strlen(password);
	struct attempt *attempt;

	if (user_fold(user, folded) != 0) {
		register_answer(account, conn, tag, CLIENT__LOGIN_CODE__BAD_NAME, 0);
		return;
	}
	if (len < PASSWORD_MIN || len > PASSWORD_MAX) {
		register_answer(account, conn, tag, CLIENT__LOGIN_CODE__BAD_PASSWORD, 0);
		return;
	}
	attempt = admit(account, conn, tag, password);
	if (attempt == NULL) {
		register_answer(account, conn, tag, CLIENT__LOGIN_CODE__SERVER_IS_OVERLOADED, 0);
		return;
	}
	attempt->is_register = 1;
	memcpy(attempt->user, folded, sizeof(folded));
	record_run(account, NULL, attempt->user, 0, record_look, on_name_looked_up, attempt);
}

/* 63 random bits: ids tell nobody how many accounts there are, and fit signed numbers everywhere. */
static uint64_t id_draw(const struct troupe_host *h)
{
	uint64_t id;

	h->random_bytes(h, &id, sizeof(id));
	id &= INT64_MAX;
	return id + (id == 0);
}

static enum store_next register_decide(struct store_tx *tx, void *arg, const Accountdb__Record *nobody)
{
	struct attempt *attempt = arg;
	struct account *account = attempt->account;
	struct store_key key;
	const struct store_value *name = store_read(tx, record_key_name(&key, attempt->user));
	const struct store_value *other = store_read(tx, record_key_id(&key, attempt->id));
	Accountdb__Record record = ACCOUNTDB__RECORD__INIT;

	(void)nobody;
	if (name == NULL || other == NULL) {
		return STORE_READ;
	}
	if (name->version != 0) {
		return store_refuse(tx, TROUPE_ALREADY_EXISTS, "account.name_taken");
	}
	if (other->version != 0) {
		attempt->id = id_draw(account->h);
		return STORE_READ;
	}
	record.has_id = record.has_epoch = record.has_created_ms = 1;
	record.id = attempt->id;
	record.user = attempt->user;
	record.password = attempt->fresh;
	record.status = "active";
	record.created_ms = account->h->wall_ms(account->h);
	record_put_name(tx, attempt->user, attempt->id);
	record_put(tx, &record);
	return STORE_COMMIT;
}

static void on_registered(struct account *account, void *arg, int32_t status, const char *reason,
			  const Accountdb__Record *record)
{
	struct attempt *attempt = arg;

	(void)record;
	if (status == TROUPE_ALREADY_EXISTS) {
		attempt_end(attempt, CLIENT__LOGIN_CODE__NAME_TAKEN);
	} else if (status != TROUPE_OK) {
		account_log(account, TROUPE_LOG_WARNING, "S0203", 0,
			    "a registration was not saved (%s); the player was told to try again", reason);
		attempt_end(attempt, CLIENT__LOGIN_CODE__SERVER_ERROR);
	} else {
		attempt_end(attempt, CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	}
}

static void register_save(struct attempt *attempt)
{
	attempt->id = id_draw(attempt->account->h);
	record_run(attempt->account, NULL, NULL, 0, register_decide, on_registered, attempt);
}
