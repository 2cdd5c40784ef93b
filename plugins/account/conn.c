/* SPDX-License-Identifier: MIT */
/* Connections of players who log in: limits, states, and which message goes where. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "client.pb-c.h"
#include "wire/rules.h"

/* --- life of a connection ------------------------------------------------------------------------- */

static void *on_open(void *instance, void *arg, uint64_t id, const char *peer_address, uint64_t network)
{
	struct account *account = instance;
	struct conn *conn = calloc(1, sizeof(*conn));

	(void)arg;
	(void)peer_address;
	if (conn == NULL || account->draining) {
		free(conn);
		account->h->conn_close(account->h, id, 1);
		return NULL;
	}
	conn->id = id;
	conn->network = network;
	conn->opened_us = conn->seen_us = account->h->now_us(account->h);
	conn->next = account->conns;
	if (conn->next != NULL) {
		conn->next->prev = conn;
	}
	account->conns = conn;
	account->conn_count++;
	account->h->metric_add(account->h, account->metrics[METRIC_CONNECTIONS], 1);
	return conn;
}

/* abandon: what it asked for goes on without it. */
static void abandon(struct conn *conn)
{
	if (conn->attempt != NULL) {
		attempt_orphan(conn->attempt);
		conn->attempt = NULL;
	}
	if (conn->ask != NULL) {
		ask_orphan(conn->ask);
		conn->ask = NULL;
	}
}

static void conn_free(struct account *account, struct conn *conn)
{
	abandon(conn);
	if (conn->prev != NULL) {
		conn->prev->next = conn->next;
	} else {
		account->conns = conn->next;
	}
	if (conn->next != NULL) {
		conn->next->prev = conn->prev;
	}
	account->conn_count--;
	account->h->metric_add(account->h, account->metrics[METRIC_CONNECTIONS], -1);
	free(conn);
}

static void on_close(void *instance, void *user, uint64_t id, int32_t why)
{
	struct account *account = instance;

	(void)id;
	(void)why;
	if (user != NULL) {
		conn_free(account, user);
	}
	if (account->draining && account->conn_count == 0) {
		account->h->drained(account->h);
	}
}

void conn_free_all(struct account *account)
{
	while (account->conns != NULL) {
		conn_free(account, account->conns);
	}
}

static void conn_end(struct account *account, struct conn *conn, const char *reason, int reconnect)
{
	abandon(conn);
	conn->state = CONN_CLOSING;
	wire_bye(account->h, conn->id, reason, reconnect);
}

void conn_refuse(struct account *account, struct conn *conn, uint16_t event, uint16_t tag, int32_t status,
		 const char *reason)
{
	wire_error(account->h, conn->id, event, tag, status, reason, NULL);
	conn_end(account, conn, reason, 0);
}

void conn_tick(struct account *account)
{
	const struct account_limits *limits = &account->options->limits;
	uint64_t now_us = account->h->now_us(account->h);

	for (struct conn *conn = account->conns, *next; conn != NULL; conn = next) {
		next = conn->next;
		if (conn->state == CONN_CLOSING || conn->state == CONN_LOGIN || conn->state == CONN_ASKING) {
			continue;
		}
		if (account->draining) {
			conn_end(account, conn, "account.draining", 1);
		} else if (conn->state < CONN_IN && now_us - conn->opened_us > (uint64_t)limits->login_ms * 1000) {
			Client__LoginResult result = CLIENT__LOGIN_RESULT__INIT;

			result.has_code = 1;
			result.code = CLIENT__LOGIN_CODE__TIMEOUT;
			wire_send(account->h, conn->id, WIRE_LOGIN_RESULT, 0, &result.base);
			count(account, METRIC_TIMED_OUT);
			conn_end(account, conn, "account.login_timeout", 0);
		} else if (now_us - conn->seen_us > (uint64_t)limits->idle_ms * 1000) {
			count(account, METRIC_TIMED_OUT);
			conn_end(account, conn, "account.idle", 0);
		}
	}
}

/* --- messages ------------------------------------------------------------------------------------- */

static void on_hello(void *instance, void *arg, uint16_t tag, const ProtobufCMessage *message)
{
	struct account *account = instance;
	struct conn *conn = arg;

	if (wire_hello(account->h, conn->id, tag, message, "account") != 0) {
		conn_end(account, conn, WIRE_WRONG_VERSION, 0);
	} else {
		conn->state = CONN_OPEN;
	}
}

static void on_ping(void *instance, void *arg, uint16_t tag, const ProtobufCMessage *message)
{
	wire_ping(((struct account *)instance)->h, ((struct conn *)arg)->id, tag, message);
}

static void on_register(void *account, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	const Client__Register *body = (const Client__Register *)message;

	register_begin(account, conn, tag, body->user != NULL ? body->user : "",
		       body->password != NULL ? body->password : "");
}

static void on_login(void *account, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	const Client__Login *body = (const Client__Login *)message;

	login_begin(account, conn, tag, body->user != NULL ? body->user : "",
		    body->password != NULL ? body->password : "");
}

static void on_shard_list(void *account, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	(void)message;
	shards_begin(account, conn, tag);
}

static void on_choose(void *account, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	const Client__ChooseShard *body = (const Client__ChooseShard *)message;

	choose_begin(account, conn, tag, body->name != NULL ? body->name : "");
}

static void on_resume(void *account, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	const Client__Resume *body = (const Client__Resume *)message;

	resume_begin(account, conn, tag, body->account, body->token.data, body->has_token ? body->token.len : 0);
}

#define IN(state) WIRE_IN(state)
#define ANY_STATE (uint16_t)(IN(CONN_HELLO) | IN(CONN_OPEN) | IN(CONN_LOGIN) | IN(CONN_IN) | IN(CONN_ASKING))

static const struct wire_rule rules[] = {
	{ WIRE_HELLO, IN(CONN_HELLO), &client__hello__descriptor, on_hello },
	{ WIRE_PING, ANY_STATE, &client__ping__descriptor, on_ping },
	{ WIRE_REGISTER, IN(CONN_OPEN), &client__register__descriptor, on_register },
	{ WIRE_LOGIN, IN(CONN_OPEN), &client__login__descriptor, on_login },
	{ WIRE_SHARD_LIST_REQUEST, IN(CONN_IN), &client__shard_list_request__descriptor, on_shard_list },
	{ WIRE_CHOOSE_SHARD, IN(CONN_IN), &client__choose_shard__descriptor, on_choose },
	{ WIRE_RESUME, IN(CONN_OPEN), &client__resume__descriptor, on_resume },
};

static void on_frame(struct account *account, struct conn *conn, const struct wire_frame *frame)
{
	const struct wire_rule *rule = wire_rule(rules, sizeof(rules) / sizeof(rules[0]), frame->event);

	if (rule == NULL) {
		count(account, METRIC_WRONG_STATE);
		conn_refuse(account, conn, frame->event, frame->tag, TROUPE_UNIMPLEMENTED, "client.unknown_event");
		return;
	}
	if (!(rule->states & IN(conn->state))) {
		count(account, METRIC_WRONG_STATE);
		conn_refuse(account, conn, frame->event, frame->tag, TROUPE_FAILED_PRECONDITION,
			    conn->state == CONN_LOGIN || conn->state == CONN_ASKING ? "client.busy" :
										      "client.wrong_state");
		return;
	}
	conn->seen_us = account->h->now_us(account->h);
	if (wire_handle(rule, frame, account, conn) != 0) {
		count(account, METRIC_BAD_MESSAGE);
		conn_refuse(account, conn, frame->event, frame->tag, TROUPE_INVALID_ARGUMENT, "client.malformed");
	}
}

static size_t on_bytes(void *instance, void *user, uint64_t id, const uint8_t *bytes, size_t len)
{
	struct account *account = instance;
	struct conn *conn = user;
	struct wire_frame frame;
	size_t used = 0;

	(void)id;
	while (conn != NULL && conn->state != CONN_CLOSING) {
		switch (wire_read(bytes + used, len - used, WIRE_BEFORE_MAX, &frame)) {
		case WIRE_MORE:
			return used;
		case WIRE_TOO_LONG:
			count(account, METRIC_BAD_FRAME);
			conn_refuse(account, conn, frame.event, frame.tag, TROUPE_OUT_OF_RANGE, "client.frame_too_long");
			break;
		case WIRE_FRAME:
			used += WIRE_HEAD_SIZE + frame.len;
			on_frame(account, conn, &frame);
			break;
		}
	}
	return len; /* whatever comes after the end is thrown away */
}

int32_t conn_listen(struct account *account, struct troupe_error *reterr)
{
	const struct account_options *options = account->options;

	for (uint32_t i = 0; i < options->listen.count; i++) {
		struct troupe_listen listen = {
			.size = sizeof(listen),
			.address = options->listen.items[i],
			.conns_max = (uint32_t)options->limits.connections,
			.per_network_max = (uint32_t)options->limits.per_network,
			.in_max = WIRE_HEAD_SIZE + WIRE_BEFORE_MAX,
			.out_max = 64 * 1024,
			/* we say Bye first; this is for those who do not read it */
			.idle_ms = (uint32_t)options->limits.idle_ms + 5000,
			.on_open = on_open,
			.on_bytes = on_bytes,
			.on_close = on_close,
		};
		uint16_t port;
		int32_t status = account->h->listen(account->h, &listen, &port, reterr);

		if (status != TROUPE_OK) {
			return status;
		}
		account_log(account, TROUPE_LOG_INFO, NULL, 0, "players log in at %s (port %u)",
			    options->listen.items[i], port);
	}
	return TROUPE_OK;
}
