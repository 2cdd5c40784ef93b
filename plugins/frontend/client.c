/* SPDX-License-Identifier: MIT */
/* Connections of players: limits, states, and which message goes where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.pb-c.h"
#include "frontend.h"
#include "wire/rules.h"

#define WEIGHT_BYTES 4096u /* a message costs one, and one more for each so many bytes */
#define BURST_US 1000000u  /* a second's worth of messages may come at once */
#define FLOOD_US 4000000u  /* who goes on while refused until so much is owed has to go */
#define ANNOUNCE_S 30u
#define OWN_EVENTS 30u	   /* from here on messages go to other roles */
#define SPARE_CONNS 256u   /* connections that have not shown a ticket, beside max_clients */

/* --- life of a connection ------------------------------------------------------------------------- */

static int table_grow(struct frontend *fe)
{
	uint32_t size = fe->clients_size == 0 ? 64 : fe->clients_size * 2;
	struct client **clients = realloc(fe->clients, size * sizeof(*clients));
	uint32_t *free_indexes;

	if (clients == NULL) {
		return -1;
	}
	fe->clients = clients;
	free_indexes = realloc(fe->free_indexes, size * sizeof(*free_indexes));
	if (free_indexes == NULL) {
		return -1;
	}
	fe->free_indexes = free_indexes;
	fe->clients_size = size;
	return 0;
}

static struct client *client_new(struct frontend *fe)
{
	struct client *client;

	if (fe->free_len == 0 && fe->clients_top == fe->clients_size && table_grow(fe) != 0) {
		return NULL;
	}
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		return NULL;
	}
	client->index = fe->free_len > 0 ? fe->free_indexes[--fe->free_len] : fe->clients_top++;
	fe->clients[client->index] = client;
	return client;
}

static void client_free(struct frontend *fe, struct client *client)
{
	session_end(fe, client, SESSION_LOST);
	fe->clients[client->index] = NULL;
	fe->free_indexes[fe->free_len++] = client->index;
	free(client->name);
	free(client);
	fe->conn_count--;
	fe->h->metric_set(fe->h, fe->metrics[METRIC_CONNECTIONS], fe->conn_count);
}

static void *on_open(void *instance, void *arg, uint64_t conn, const char *peer_address, uint64_t network)
{
	struct frontend *fe = instance;
	struct client *client = fe->draining ? NULL : client_new(fe);

	(void)arg;
	(void)peer_address;
	(void)network;
	if (client == NULL) {
		fe->h->conn_close(fe->h, conn, 1);
		return NULL;
	}
	client->conn = conn;
	client->opened_us = client->seen_us = fe->h->now_us(fe->h);
	fe->conn_count++;
	fe->h->metric_set(fe->h, fe->metrics[METRIC_CONNECTIONS], fe->conn_count);
	return client;
}

static void on_close(void *instance, void *user, uint64_t conn, int32_t why)
{
	struct frontend *fe = instance;

	(void)conn;
	(void)why;
	if (user != NULL) {
		client_free(fe, user);
	}
	if (fe->draining && fe->conn_count == 0) {
		fe->h->drained(fe->h);
	}
}

void client_free_all(struct frontend *fe)
{
	for (uint32_t i = 0; i < fe->clients_top; i++) {
		if (fe->clients[i] != NULL) {
			client_free(fe, fe->clients[i]);
		}
	}
	free(fe->clients);
	free(fe->free_indexes);
}

struct client *client_by_session(const struct frontend *fe, uint64_t session)
{
	uint32_t index = (uint32_t)session - 1;

	if (session == 0 || index >= fe->clients_top || fe->clients[index] == NULL ||
	    fe->clients[index]->session != session) {
		return NULL;
	}
	return fe->clients[index];
}

void client_end(struct frontend *fe, struct client *client, const char *reason, int reconnect)
{
	session_end(fe, client, SESSION_LOST);
	client->state = CLIENT_CLOSING;
	wire_bye(fe->h, client->conn, reason, reconnect);
}

void client_refuse(struct frontend *fe, struct client *client, uint16_t event, uint16_t tag, int32_t status,
		   const char *reason)
{
	wire_error(fe->h, client->conn, event, tag, status, reason, NULL);
	client_end(fe, client, reason, 0);
}

/* session_tick: what others are told of a session now and then, spread over the seconds. */
static void session_tick(struct frontend *fe, struct client *client)
{
	uint32_t turn = client->index + fe->seconds;

	if (turn % ANNOUNCE_S == 0) {
		session_announce(fe, client); /* so that a master that was restarted learns it again */
	}
	if (turn % client->keep_s == 0) {
		session_keep(fe, client);
	}
}

void client_tick(struct frontend *fe)
{
	uint64_t now_us = fe->h->now_us(fe->h);
	uint64_t idle_us = (uint64_t)fe->options->idle_ms * 1000;
	uint64_t ticket_us = (uint64_t)fe->options->limits.ticket_ms * 1000;

	for (uint32_t i = 0; i < fe->clients_top; i++) {
		struct client *client = fe->clients[i];

		if (client == NULL || client->state == CLIENT_CLOSING) {
			continue;
		}
		if (client->state < CLIENT_ENTERING && now_us - client->opened_us > ticket_us) {
			count(fe, METRIC_NO_TICKET);
			client_end(fe, client, "frontend.no_ticket", 0);
		} else if (now_us - client->seen_us > idle_us) {
			count(fe, METRIC_IDLE);
			client_end(fe, client, "client.idle", 0);
		} else if (client->session != 0) {
			session_tick(fe, client);
		}
	}
}

/* --- messages that are ours ----------------------------------------------------------------------- */

#define IN(state) WIRE_IN(state)
#define ANY_STATE (uint16_t)(IN(CLIENT_CLOSING) - 1u)

static void on_hello(void *instance, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	struct frontend *fe = instance;
	struct client *client = conn;

	if (wire_hello(fe->h, client->conn, tag, message, "frontend") != 0) {
		client_end(fe, client, WIRE_WRONG_VERSION, 0);
	} else {
		client->state = CLIENT_TICKET;
	}
}

static void on_ping(void *instance, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	wire_ping(((struct frontend *)instance)->h, ((struct client *)conn)->conn, tag, message);
}

static void on_enter(void *instance, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	struct frontend *fe = instance;
	struct client *client = conn;
	const Client__Enter *body = (const Client__Enter *)message;

	if (body->has_resume) {
		enter_resume(fe, client, tag, body->account, body->resume.data, body->resume.len);
	} else {
		enter_ticket(fe, client, tag, body->ticket.data, body->has_ticket ? body->ticket.len : 0);
	}
}

static void on_select(void *instance, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	select_begin(instance, conn, tag, ((const Client__AvatarSelect *)message)->avatar);
}

static void on_leave(void *instance, void *conn, uint16_t tag, const ProtobufCMessage *message)
{
	(void)message;
	leave_begin(instance, conn, tag);
}

static const struct wire_rule rules[] = {
	{ WIRE_HELLO, IN(CLIENT_HELLO), &client__hello__descriptor, on_hello },
	{ WIRE_PING, ANY_STATE, &client__ping__descriptor, on_ping },
	{ WIRE_ENTER, IN(CLIENT_TICKET), &client__enter__descriptor, on_enter },
	{ WIRE_AVATAR_SELECT, IN(CLIENT_ENTERED) | IN(CLIENT_WAITING), &client__avatar_select__descriptor, on_select },
	{ WIRE_LEAVE_WORLD, IN(CLIENT_WORLD) | IN(CLIENT_WAITING), &client__leave_world__descriptor, on_leave },
};

static void on_own_frame(struct frontend *fe, struct client *client, const struct wire_frame *frame,
			 const struct wire_rule *rule)
{
	if (!(rule->states & IN(client->state))) {
		count(fe, METRIC_WRONG_STATE);
		client_refuse(fe, client, frame->event, frame->tag, TROUPE_FAILED_PRECONDITION, "client.wrong_state");
	} else if (wire_handle(rule, frame, fe, client) != 0) {
		count(fe, METRIC_BAD_MESSAGE);
		client_refuse(fe, client, frame->event, frame->tag, TROUPE_INVALID_ARGUMENT, "client.malformed");
	}
}

/* --- limits --------------------------------------------------------------------------------------- */

/*
 * paid: the token bucket, as the time at which all messages so far are paid for (the generic cell rate algorithm,
 * ITU-T I.371): a number a client, and no timer.
 */
static int paid(struct frontend *fe, struct client *client, const struct wire_frame *frame, uint64_t now_us)
{
	if (fe->cost_us == 0) {
		return 1;
	}
	if (client->rate_us < now_us) {
		client->rate_us = now_us;
	}
	client->rate_us += fe->cost_us * (1 + frame->len / WEIGHT_BYTES);
	if (client->rate_us - now_us <= BURST_US) {
		return 1;
	}
	if (client->rate_us - now_us > FLOOD_US) {
		count(fe, METRIC_FLOOD);
		client_refuse(fe, client, frame->event, frame->tag, TROUPE_RESOURCE_EXHAUSTED, "client.flood");
		return 0;
	}
	count(fe, METRIC_RATE);
	wire_error(fe->h, client->conn, frame->event, frame->tag, TROUPE_RESOURCE_EXHAUSTED, "client.rate", NULL);
	return 0;
}

static void on_routed_frame(struct frontend *fe, struct client *client, const struct wire_frame *frame)
{
	const struct route *route;

	if (client->state < CLIENT_ENTERED) {
		count(fe, METRIC_WRONG_STATE);
		client_refuse(fe, client, frame->event, frame->tag, TROUPE_UNAUTHENTICATED, "client.wrong_state");
		return;
	}
	route = route_of(fe, frame->event);
	if (route == NULL) {
		count(fe, METRIC_UNKNOWN_EVENT);
		client_refuse(fe, client, frame->event, frame->tag, TROUPE_UNIMPLEMENTED, "client.unknown_event");
		return;
	}
	if (route->to == TROUPE_ROUTE_AVATAR && client->state == CLIENT_WAITING) {
		wire_error(fe->h, client->conn, frame->event, frame->tag, TROUPE_FAILED_PRECONDITION, "world.paused",
			   NULL);
		return;
	}
	if (route->to == TROUPE_ROUTE_AVATAR && client->state != CLIENT_WORLD) {
		count(fe, METRIC_WRONG_STATE);
		wire_error(fe->h, client->conn, frame->event, frame->tag, TROUPE_FAILED_PRECONDITION,
			   "client.not_in_world", NULL);
		return;
	}
	if (client->in_flight >= fe->in_flight_max) {
		count(fe, METRIC_IN_FLIGHT);
		wire_error(fe->h, client->conn, frame->event, frame->tag, TROUPE_RESOURCE_EXHAUSTED,
			   "client.in_flight", NULL);
		return;
	}
	forward(fe, client, frame, route);
}

static size_t on_bytes(void *instance, void *user, uint64_t conn, const uint8_t *bytes, size_t len)
{
	struct frontend *fe = instance;
	struct client *client = user;
	struct wire_frame frame;
	uint64_t now_us = fe->h->now_us(fe->h);
	size_t used = 0;

	(void)conn;
	while (client != NULL && client->state != CLIENT_CLOSING) {
		uint32_t body_max = client->state < CLIENT_ENTERED ? WIRE_BEFORE_MAX : fe->frame_max;
		const struct wire_rule *rule;

		switch (wire_read(bytes + used, len - used, body_max, &frame)) {
		case WIRE_MORE:
			return used;
		case WIRE_TOO_LONG:
			count(fe, METRIC_BAD_FRAME);
			client_refuse(fe, client, frame.event, frame.tag, TROUPE_OUT_OF_RANGE, "client.frame_too_long");
			continue;
		case WIRE_FRAME:
			break;
		}
		used += WIRE_HEAD_SIZE + frame.len;
		client->seen_us = now_us;
		if (!paid(fe, client, &frame, now_us)) {
			continue;
		}
		rule = frame.event < OWN_EVENTS ? wire_rule(rules, sizeof(rules) / sizeof(rules[0]), frame.event) : NULL;
		if (rule != NULL) {
			on_own_frame(fe, client, &frame, rule);
		} else {
			on_routed_frame(fe, client, &frame);
		}
	}
	return len; /* whatever comes after the end is thrown away */
}

static void tell_port(const struct frontend *fe, const char *address, uint16_t port)
{
	char text[320];
	struct troupe_log line = { .size = sizeof(line), .level = TROUPE_LOG_INFO, .text = text };

	snprintf(text, sizeof(text), "players play at %s (port %u)", address, port);
	fe->h->log(fe->h, &line);
}

int32_t client_listen(struct frontend *fe, struct troupe_error *reterr)
{
	const struct frontend_options *options = fe->options;

	for (uint32_t i = 0; i < options->listen.count; i++) {
		struct troupe_listen listen = {
			.size = sizeof(listen),
			.address = options->listen.items[i],
			.conns_max = (uint32_t)options->max_clients + SPARE_CONNS,
			.per_network_max = (uint32_t)options->limits.per_network,
			.in_max = WIRE_HEAD_SIZE + WIRE_AFTER_MAX,
			.out_max = (uint32_t)options->limits.out_max,
			/* we say Bye first; this is for those who do not read it */
			.idle_ms = (uint32_t)options->limits.ticket_ms + 5000,
			.on_open = on_open,
			.on_bytes = on_bytes,
			.on_close = on_close,
		};
		uint16_t port;
		int32_t status = fe->h->listen(fe->h, &listen, &port, reterr);

		if (status != TROUPE_OK) {
			return status;
		}
		if (i == 0) {
			fe->port = port;
		}
		tell_port(fe, options->listen.items[i], port);
	}
	return TROUPE_OK;
}
