/* SPDX-License-Identifier: MIT */
/* Accounts: registration, login, tickets to the front-ends. The descriptor and the life of the role. */
#include "account.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "account.stub.h"
#include "proto/proto.h"

#define SWEEP_S 60u

void account_log(const struct account *account, uint32_t level, const char *code, uint64_t id, const char *format, ...)
{
	char text[512];
	struct troupe_log line = { .size = sizeof(line), .level = level, .text = text, .code = code, .account = id };
	va_list args;

	if (!account->h->log_wanted(account->h, level)) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	account->h->log(account->h, &line);
}

/* --- the service ---------------------------------------------------------------------------------- */

static void on_details_loaded(struct account *account, void *arg, int32_t status, const char *reason,
			      const Accountdb__Record *record)
{
	uint64_t request = (uint64_t)(uintptr_t)arg;
	Account__DetailsReply reply = ACCOUNT__DETAILS_REPLY__INIT;

	if (status != TROUPE_OK) {
		proto_refuse(account->h, request, status, reason);
		return;
	}
	reply.has_account = reply.has_epoch = reply.has_created_ms = reply.has_last_login_ms = 1;
	reply.account = record->id;
	reply.user = record->user;
	reply.status = record->status;
	reply.epoch = record->epoch;
	reply.created_ms = record->created_ms;
	reply.last_login_ms = record->last_login_ms;
	account_details_reply(account->h, request, &reply);
}

static void on_details(void *instance, const struct troupe_request *request, const Account__DetailsRequest *body)
{
	struct account *account = instance;
	char user[USER_MAX + 1];

	if (body->user != NULL && user_fold(body->user, user) != 0) {
		proto_refuse(account->h, request->id, TROUPE_NOT_FOUND, "account.no_user");
		return;
	}
	/* a request's id is all that the answer needs; it fits a pointer on the machines we run on */
	_Static_assert(sizeof(void *) == sizeof(uint64_t), "64-bit pointers");
	record_run(account, request, body->user != NULL ? user : NULL, body->account, record_look, on_details_loaded,
		   (void *)(uintptr_t)request->id);
}

/* --- life ----------------------------------------------------------------------------------------- */

static const struct troupe_metric metric_table[METRIC_COUNT] = {
#define METRIC_OF(type, text, what, label) \
	{ .size = sizeof(struct troupe_metric), .kind = type, .name = text, .help = what, .labels = label }
#define METRIC(id, ...) [id] = METRIC_OF(__VA_ARGS__)
#define LOGINS "troupe_logins_total", "Logins by result."
#define REFUSED "troupe_account_refused_total", "Connections of players that were ended, by reason."
#define TICKETS "troupe_account_tickets_total", "Tickets by what became of them."
	METRIC(METRIC_CONNECTIONS, TROUPE_GAUGE, "troupe_account_connections", "Open connections of players.", NULL),
	METRIC(METRIC_LOGIN_OK, TROUPE_COUNTER, LOGINS, "result=\"success\""),
	METRIC(METRIC_LOGIN_WRONG, TROUPE_COUNTER, LOGINS, "result=\"wrong\""),
	METRIC(METRIC_LOGIN_BANNED, TROUPE_COUNTER, LOGINS, "result=\"banned\""),
	METRIC(METRIC_LOGIN_LATER, TROUPE_COUNTER, LOGINS, "result=\"try_later\""),
	METRIC(METRIC_LOGIN_OVERLOADED, TROUPE_COUNTER, LOGINS, "result=\"overloaded\""),
	METRIC(METRIC_LOGIN_ERROR, TROUPE_COUNTER, LOGINS, "result=\"error\""),
	METRIC(METRIC_REGISTERED, TROUPE_COUNTER, "troupe_registrations_total", "Registrations by result.",
	       "result=\"success\""),
	METRIC(METRIC_REGISTER_REFUSED, TROUPE_COUNTER, "troupe_registrations_total", "Registrations by result.",
	       "result=\"refused\""),
	METRIC(METRIC_BAD_FRAME, TROUPE_COUNTER, REFUSED, "reason=\"frame_too_long\""),
	METRIC(METRIC_BAD_MESSAGE, TROUPE_COUNTER, REFUSED, "reason=\"malformed\""),
	METRIC(METRIC_WRONG_STATE, TROUPE_COUNTER, REFUSED, "reason=\"wrong_state\""),
	METRIC(METRIC_TIMED_OUT, TROUPE_COUNTER, REFUSED, "reason=\"timeout\""),
	METRIC(METRIC_HASH_TIME, TROUPE_HISTOGRAM, "troupe_account_hash_duration_seconds",
	       "From the admission of a login to the end of its password hash.", NULL),
	METRIC(METRIC_TICKETS, TROUPE_COUNTER, TICKETS, "result=\"made\""),
	METRIC(METRIC_TICKET_REDEEMED, TROUPE_COUNTER, TICKETS, "result=\"redeemed\""),
	METRIC(METRIC_TICKET_USED, TROUPE_COUNTER, TICKETS, "result=\"used_twice\""),
	METRIC(METRIC_TICKET_REFUSED, TROUPE_COUNTER, TICKETS, "result=\"refused\""),
	METRIC(METRIC_RESUMED, TROUPE_COUNTER, "troupe_account_resumes_total",
	       "Sessions that went on after a lost connection, by result.", "result=\"resumed\""),
	METRIC(METRIC_RESUME_REFUSED, TROUPE_COUNTER, "troupe_account_resumes_total",
	       "Sessions that went on after a lost connection, by result.", "result=\"refused\""),
	METRIC(METRIC_EVICTED, TROUPE_COUNTER, "troupe_account_delays_evicted_total",
	       "Delays after wrong passwords that were forgotten early for want of room.", NULL),
};

static int32_t fail(struct troupe_error *reterr, int32_t status, const char *text, const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "%s", text);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return status;
}

static int32_t account_create(void *instance, const struct troupe_host *host, const void *options,
			      struct troupe_error *reterr)
{
	struct account *account = instance;
	uint8_t key[16];

	account->h = host;
	account->options = options;
	account->cost.memory = (uint64_t)account->options->password.memory;
	account->cost.ops = (uint64_t)account->options->password.ops;
	if (secret_init() != 0) {
		return fail(reterr, TROUPE_INTERNAL, "the system gives no random bytes",
			    "is /dev/urandom there and readable?");
	}
	host->random_bytes(host, key, sizeof(key));
	if (throttle_init(&account->throttle, key, (uint64_t)account->options->limits.delay_first_ms,
			  (uint64_t)account->options->limits.delay_max_ms) != 0) {
		return fail(reterr, TROUPE_RESOURCE_EXHAUSTED, "no memory for the table of delays", "");
	}
	for (int i = 0; i < METRIC_COUNT; i++) {
		account->metrics[i] = host->metric(host, &metric_table[i]);
	}
	return TROUPE_OK;
}

static void on_second(void *instance, void *arg)
{
	struct account *account = instance;

	account->timer = account->h->timer_start(account->h, 1000, on_second, arg);
	conn_tick(account);
	if (account->throttle.evicted > 0) {
		account->h->metric_add(account->h, account->metrics[METRIC_EVICTED], account->throttle.evicted);
		account->throttle.evicted = 0;
	}
	if (account->sweep_in_s-- == 0) {
		account->sweep_in_s = SWEEP_S;
		ticket_sweep(account);
	}
}

static int32_t account_start(void *instance, struct troupe_error *reterr)
{
	struct account *account = instance;
	int32_t status = store_open(&account->store, account->h, account, account->options->database, reterr);

	if (status != TROUPE_OK) {
		return status;
	}
	status = conn_listen(account, reterr);
	if (status == TROUPE_OK) {
		account->sweep_in_s = SWEEP_S;
		account->timer = account->h->timer_start(account->h, 1000, on_second, NULL);
	}
	return status;
}

static void account_drain(void *instance)
{
	struct account *account = instance;

	account->draining = 1;
	account->h->state(account->h, 0, 0, "draining");
	conn_tick(account);
	if (account->conn_count == 0) {
		account->h->drained(account->h);
	}
}

static void account_stop(void *instance)
{
	struct account *account = instance;

	account->h->timer_stop(account->h, account->timer);
}

static void account_destroy(void *instance)
{
	struct account *account = instance;

	if (account->h == NULL) {
		return;
	}
	store_close(&account->store);
	conn_free_all(account);
	attempt_free_waiting(account);
	throttle_free(&account->throttle);
}

static const struct troupe_option password_options[] = {
	{ .name = "memory", .help = "Memory of one password hash (Argon2id).", .fallback = "19mb",
	  .type = TROUPE_OPTION_SIZE, .offset = offsetof(struct account_password, memory), .min = 8192,
	  .max = INT64_C(1) << 30 },
	{ .name = "ops", .help = "Passes over that memory.", .fallback = "2", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct account_password, ops), .min = 1, .max = 100 },
	{ .name = "parallel", .help = "Hashes that are made at once.", .fallback = "2", .type = TROUPE_OPTION_INT,
	  .offset = offsetof(struct account_password, parallel), .min = 1, .max = 64 },
	{ .name = "queue", .help = "More that may wait; above it logins end SERVER_IS_OVERLOADED at once.",
	  .fallback = "64", .type = TROUPE_OPTION_INT, .offset = offsetof(struct account_password, queue), .max = 4096 },
	{ 0 }
};

static const struct troupe_option limit_options[] = {
	{ .name = "connections", .help = "Connections of players at once.", .fallback = "10000",
	  .type = TROUPE_OPTION_INT, .offset = offsetof(struct account_limits, connections), .min = 1, .max = 1000000 },
	{ .name = "per_network", .help = "Connections from one IPv4 address or IPv6 /64; 0 = no bound.",
	  .fallback = "8", .type = TROUPE_OPTION_INT, .offset = offsetof(struct account_limits, per_network),
	  .max = 1000000 },
	{ .name = "idle", .help = "A connection that says nothing for so long is closed.", .fallback = "30s",
	  .type = TROUPE_OPTION_DURATION, .offset = offsetof(struct account_limits, idle_ms), .min = 100,
	  .max = 3600000 },
	{ .name = "login_timeout", .help = "Time from the connection to the login.", .fallback = "2m",
	  .type = TROUPE_OPTION_DURATION, .offset = offsetof(struct account_limits, login_ms), .min = 100,
	  .max = 3600000 },
	{ .name = "delay_first", .help = "Pause after the first wrong password; it doubles with each.",
	  .fallback = "1s", .type = TROUPE_OPTION_DURATION, .offset = offsetof(struct account_limits, delay_first_ms),
	  .min = 1, .max = 3600000 },
	{ .name = "delay_max", .help = "The longest such pause.", .fallback = "15m", .type = TROUPE_OPTION_DURATION,
	  .offset = offsetof(struct account_limits, delay_max_ms), .min = 1, .max = 86400000 },
	{ 0 }
};

static const struct troupe_option options[] = {
	{ .name = "database", .help = "Where accounts and tickets are kept.", .type = TROUPE_OPTION_DATABASE,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct account_options, database) },
	{ .name = "listen", .help = "Where players log in.", .type = TROUPE_OPTION_LISTEN,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct account_options, listen) },
	{ .name = "ticket_time", .help = "How long a ticket to a front-end is good.", .fallback = "30s",
	  .type = TROUPE_OPTION_DURATION, .offset = offsetof(struct account_options, ticket_ms), .min = 100,
	  .max = 30000 },
	{ .name = "resume", .help = "How long after its connection was lost a session may go on at another front-end.",
	  .fallback = "10m", .type = TROUPE_OPTION_DURATION, .offset = offsetof(struct account_options, resume_ms),
	  .min = 1000, .max = 86400000 },
	{ .name = "password", .help = "What a password hash costs, and how many at once.", .type = TROUPE_OPTION_BLOCK,
	  .offset = offsetof(struct account_options, password), .fields = password_options },
	{ .name = "limits", .help = "Bounds for connections of players.", .type = TROUPE_OPTION_BLOCK,
	  .offset = offsetof(struct account_options, limits), .fields = limit_options },
	{ 0 }
};

static const struct troupe_method methods[] = {
	ACCOUNT_REDEEM(ticket_on_redeem),
	ACCOUNT_KEEP(resume_on_keep),
	ACCOUNT_DETAILS(on_details),
	{ 0 }
};

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct account),
	.options_size = sizeof(struct account_options),
	.create = account_create,
	.start = account_start,
	.drain = account_drain,
	.stop = account_stop,
	.destroy = account_destroy,
};

static const char *const parts[] = { "base", NULL };
static const char *const provides[] = { "account", NULL };
static const char *const uses[] = { "master", "frontend", NULL };

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "account",
	.version = "0.1.0",
	.summary = "Accounts of players: registration, login and tickets to the front-ends.",
	.parts = parts,
	.provides = provides,
	.uses = uses,
	.options = options,
	.commands = account_commands,
	.methods = methods,
	.role = &role,
};
