/* SPDX-License-Identifier: MIT */
/* The front-end: where players' clients connect. The descriptor and the life of the role. */
#include "frontend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master.stub.h"
#include "secret/secret.h"

#define DRAIN_ROUND 200u
#define DRAIN_MS 20u
#define WATCH_MS 250u /* between looks at the worlds */
#define MASTERS_MAX 8u

static const struct troupe_metric metric_table[METRIC_COUNT] = {
#define METRIC_OF(type, text, what, label) \
	{ .size = sizeof(struct troupe_metric), .kind = type, .name = text, .help = what, .labels = label }
#define METRIC(id, ...) [id] = METRIC_OF(__VA_ARGS__)
#define LIMIT "troupe_frontend_limits_total", "Times that a client reached a limit, by limit."
	METRIC(METRIC_SESSIONS, TROUPE_GAUGE, "troupe_sessions", "Players with a session.", NULL),
	METRIC(METRIC_CONNECTIONS, TROUPE_GAUGE, "troupe_frontend_connections", "Open connections of players.", NULL),
	METRIC(METRIC_FORWARDED, TROUPE_COUNTER, "troupe_frontend_forwarded_total", "Messages passed on to roles.", NULL),
	METRIC(METRIC_ANSWERED_ERROR, TROUPE_COUNTER, "troupe_frontend_errors_total",
	       "Messages whose answer was a refusal or an unknown outcome.", NULL),
	METRIC(METRIC_BAD_FRAME, TROUPE_COUNTER, LIMIT, "limit=\"frame\""),
	METRIC(METRIC_BAD_MESSAGE, TROUPE_COUNTER, LIMIT, "limit=\"malformed\""),
	METRIC(METRIC_UNKNOWN_EVENT, TROUPE_COUNTER, LIMIT, "limit=\"unknown_event\""),
	METRIC(METRIC_WRONG_STATE, TROUPE_COUNTER, LIMIT, "limit=\"wrong_state\""),
	METRIC(METRIC_RATE, TROUPE_COUNTER, LIMIT, "limit=\"rate\""),
	METRIC(METRIC_FLOOD, TROUPE_COUNTER, LIMIT, "limit=\"flood\""),
	METRIC(METRIC_IN_FLIGHT, TROUPE_COUNTER, LIMIT, "limit=\"in_flight\""),
	METRIC(METRIC_IDLE, TROUPE_COUNTER, LIMIT, "limit=\"idle\""),
	METRIC(METRIC_NO_TICKET, TROUPE_COUNTER, LIMIT, "limit=\"ticket_timeout\""),
	METRIC(METRIC_TICKET_REFUSED, TROUPE_COUNTER, LIMIT, "limit=\"ticket\""),
	METRIC(METRIC_FULL, TROUPE_COUNTER, LIMIT, "limit=\"max_clients\""),
	METRIC(METRIC_KICKED, TROUPE_COUNTER, "troupe_frontend_kicks_total", "Sessions ended from elsewhere.", NULL),
	METRIC(METRIC_SLOW, TROUPE_COUNTER, "troupe_frontend_slow_total",
	       "Times that a client read so slowly that droppable messages were held back.", NULL),
	METRIC(METRIC_COALESCED, TROUPE_COUNTER, "troupe_frontend_coalesced_total",
	       "Droppable messages that a newer one replaced.", NULL),
	METRIC(METRIC_PUBLISHED, TROUPE_COUNTER, "troupe_frontend_published_total", "Messages to a channel.", NULL),
	METRIC(METRIC_DELIVERED, TROUPE_COUNTER, "troupe_frontend_delivered_total",
	       "Messages to a channel, times those who listen.", NULL),
	METRIC(METRIC_MEMBERS, TROUPE_COUNTER, LIMIT, "limit=\"channels\""),
	METRIC(METRIC_STALE, TROUPE_COUNTER, "troupe_frontend_stale_total",
	       "Messages to sessions that had ended, or of an instance that their avatar had left.", NULL),
	METRIC(METRIC_RESUMED, TROUPE_COUNTER, "troupe_frontend_resumes_total",
	       "Sessions that went on here with their token, without a ticket.", NULL),
	METRIC(METRIC_WORLD_GONE, TROUPE_COUNTER, "troupe_frontend_world_gone_total",
	       "Players whose world stopped while they were in it.", NULL),
};

static int32_t fail(struct troupe_error *reterr, int32_t status, const char *text, const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "%s", text);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return status;
}

/* address_split: "tcp://host:port", "host:port", "[::1]:port" or "host". 0, or -1 if it is none of these. */
static int address_split(const char *address, char *ret_host, size_t size, uint32_t *ret_port)
{
	const char *scheme = strstr(address, "://");
	const char *start = scheme != NULL ? scheme + 3 : address, *colon = strrchr(start, ':');
	const char *bracket = strrchr(start, ']');
	size_t len;
	char *end;
	unsigned long port = 0;

	if (colon != NULL && bracket != NULL && colon < bracket) {
		colon = NULL;
	}
	if (colon != NULL) {
		port = strtoul(colon + 1, &end, 10);
		if (end == colon + 1 || *end != '\0' || port > 65535) {
			return -1;
		}
	}
	len = colon != NULL ? (size_t)(colon - start) : strlen(start);
	if (len >= 2 && start[0] == '[' && start[len - 1] == ']') {
		start++;
		len -= 2;
	}
	if (len >= size) {
		return -1;
	}
	memcpy(ret_host, start, len);
	ret_host[len] = '\0';
	*ret_port = (uint32_t)port;
	return 0;
}

static int32_t frontend_check(const struct troupe_check_in *in, struct troupe_error *reterr)
{
	const struct frontend_options *options = in->options;
	char host[256];
	uint32_t port;

	if (options->external != NULL && options->external[0] != '\0' &&
	    (address_split(options->external, host, sizeof(host), &port) != 0 || host[0] == '\0')) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "`external` is no address",
			    "write it as players reach it: external = \"play.example.org:9322\"");
	}
	if (options->limits.out_max < options->limits.frame) {
		return fail(reterr, TROUPE_INVALID_ARGUMENT, "`limits.out_max` is smaller than `limits.frame`",
			    "make out_max at least as large as one frame");
	}
	return TROUPE_OK;
}

static void limits_set(struct frontend *fe)
{
	const struct frontend_limits *limits = &fe->options->limits;

	fe->frame_max = (uint32_t)limits->frame;
	fe->in_flight_max = (uint32_t)limits->in_flight;
	fe->out_soft = (uint32_t)limits->out_max / 2 < HOLD_BYTES ? (uint32_t)limits->out_max / 2 : HOLD_BYTES;
	fe->cost_us = limits->rate > 0 ? 1000000u / (uint64_t)limits->rate : 0;
}

static int32_t frontend_create(void *instance, const struct troupe_host *host, const void *options,
			       struct troupe_error *reterr)
{
	struct frontend *fe = instance;
	const char *shard = strchr(host->part, ':');

	fe->h = host;
	fe->options = options;
	snprintf(fe->shard, sizeof(fe->shard), "%s", shard != NULL ? shard + 1 : host->part);
	limits_set(fe);
	if (secret_init() != 0) {
		return fail(reterr, TROUPE_INTERNAL, "the system gives no random bytes",
			    "is /dev/urandom there and readable?");
	}
	fe->publishers = calloc(PUBLISHERS_MAX, sizeof(*fe->publishers));
	if (fe->publishers == NULL) {
		return fail(reterr, TROUPE_RESOURCE_EXHAUSTED, "no memory for the table of publishers", "");
	}
	for (int i = 0; i < METRIC_COUNT; i++) {
		fe->metrics[i] = host->metric(host, &metric_table[i]);
	}
	return TROUPE_OK;
}

#define HURRY_MS 20 /* between looks for the first master */

/* register_self: every master hears of us each second; three missed words and we are gone for it. Returns how many. */
static uint32_t register_self(struct frontend *fe)
{
	uint64_t ids[MASTERS_MAX];
	uint32_t n = masters(fe, ids, MASTERS_MAX);
	Master__Register event = MASTER__REGISTER__INIT;

	event.shard = fe->shard;
	event.host = fe->host;
	event.has_port = event.has_clients = event.has_clients_max = event.has_draining = 1;
	event.port = fe->port;
	event.clients = fe->entered + fe->expected.count;
	event.clients_max = (uint32_t)fe->options->max_clients;
	event.draining = fe->draining != 0;
	for (uint32_t i = 0; i < n; i++) {
		struct proto_to to = { .instance = ids[i] };

		master_register(fe->h, &event, &to);
	}
	return n;
}

/* on_hurry: whoever is ready says so at once; a second is long for players who wait to come back. */
static void on_hurry(void *instance, void *arg)
{
	struct frontend *fe = instance;

	if (register_self(fe) == 0) {
		fe->hurry = fe->h->timer_start(fe->h, HURRY_MS, on_hurry, arg);
	}
}

static void on_second(void *instance, void *arg)
{
	struct frontend *fe = instance;

	fe->timer = fe->h->timer_start(fe->h, 1000, on_second, arg);
	fe->seconds++;
	client_tick(fe);
	expected_sweep(fe);
	if (!fe->draining) {
		fe->h->state(fe->h, 1, fe->entered, NULL);
	}
	register_self(fe);
}

static void on_watch(void *instance, void *arg)
{
	struct frontend *fe = instance;

	fe->watch_timer = fe->h->timer_start(fe->h, WATCH_MS, on_watch, arg);
	world_watch(fe);
}

static int32_t frontend_start(void *instance, struct troupe_error *reterr)
{
	struct frontend *fe = instance;
	const char *external = fe->options->external;
	uint32_t port = 0;
	int32_t status = client_listen(fe, reterr);

	if (status != TROUPE_OK) {
		return status;
	}
	if (external != NULL && external[0] != '\0') {
		address_split(external, fe->host, sizeof(fe->host), &port);
	} else {
		address_split(fe->options->listen.items[0], fe->host, sizeof(fe->host), &port);
		port = 0; /* the one that was bound */
		if (fe->host[0] == '\0' || strcmp(fe->host, "0.0.0.0") == 0 || strcmp(fe->host, "::") == 0) {
			strcpy(fe->host, "127.0.0.1");
		}
	}
	if (port != 0) {
		fe->port = (uint16_t)port;
	}
	on_hurry(fe, NULL);
	fe->timer = fe->h->timer_start(fe->h, 1000, on_second, NULL);
	fe->watch_timer = fe->h->timer_start(fe->h, WATCH_MS, on_watch, NULL);
	return TROUPE_OK;
}

static int32_t frontend_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	struct frontend *fe = instance;

	(void)reterr;
	fe->options = options;
	limits_set(fe);
	return TROUPE_OK;
}

static void on_drain(void *instance, void *arg)
{
	struct frontend *fe = instance;
	uint32_t ended = 0;

	fe->drain_timer = 0;
	for (uint32_t i = 0; i < fe->clients_top && ended < DRAIN_ROUND; i++) {
		if (fe->clients[i] != NULL && fe->clients[i]->state != CLIENT_CLOSING) {
			client_end(fe, fe->clients[i], "frontend.draining", 1);
			ended++;
		}
	}
	if (fe->conn_count == 0) {
		fe->h->drained(fe->h);
	} else {
		fe->drain_timer = fe->h->timer_start(fe->h, DRAIN_MS, on_drain, arg);
	}
}

static void frontend_drain(void *instance)
{
	struct frontend *fe = instance;

	fe->draining = 1;
	fe->h->state(fe->h, 0, fe->entered, "draining");
	register_self(fe);
	on_drain(fe, NULL);
}

static void frontend_stop(void *instance)
{
	struct frontend *fe = instance;

	fe->h->timer_stop(fe->h, fe->timer);
	fe->h->timer_stop(fe->h, fe->watch_timer);
	fe->h->timer_stop(fe->h, fe->slow_timer);
	fe->h->timer_stop(fe->h, fe->drain_timer);
	fe->h->timer_stop(fe->h, fe->hurry);
	for (uint32_t i = 0; i < fe->clients_top; i++) {
		if (fe->clients[i] != NULL) {
			session_end(fe, fe->clients[i], SESSION_LOST); /* while there are others to hear of it */
		}
	}
}

static void frontend_destroy(void *instance)
{
	struct frontend *fe = instance;

	if (fe->h == NULL) {
		return;
	}
	client_free_all(fe);
	map_free(&fe->by_account);
	expected_free(fe);
	fanout_free(fe);
	forward_free(fe);
}

static const struct troupe_option limit_options[] = {
	{ .name = "rate", .help = "Messages a second from one client, one more counted for each 4 KiB; 0 = no limit.",
	  .fallback = "60", .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct frontend_limits, rate), .max = 1000000 },
	{ .name = "in_flight", .help = "Messages of one client that roles work on at once.", .fallback = "64",
	  .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct frontend_limits, in_flight),
	  .min = 1, .max = 4096 },
	{ .name = "frame", .help = "The longest message of a client.", .fallback = "64kb", .type = TROUPE_OPTION_SIZE,
	  .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct frontend_limits, frame), .min = 4096,
	  .max = WIRE_AFTER_MAX },
	{ .name = "out_max", .help = "Bytes that may wait for a client; above it, it is disconnected.",
	  .fallback = "256kb", .type = TROUPE_OPTION_SIZE, .offset = offsetof(struct frontend_limits, out_max),
	  .min = 65536, .max = 64 * 1024 * 1024 },
	{ .name = "per_network", .help = "Connections from one IPv4 address or IPv6 /64; 0 = no bound.",
	  .fallback = "0", .type = TROUPE_OPTION_INT, .offset = offsetof(struct frontend_limits, per_network),
	  .max = 1000000 },
	{ .name = "ticket_timeout", .help = "Time from the connection to the ticket.", .fallback = "10s",
	  .type = TROUPE_OPTION_DURATION, .flags = TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct frontend_limits, ticket_ms), .min = 100, .max = 600000 },
	{ 0 }
};

static const struct troupe_option options[] = {
	{ .name = "listen", .help = "Where players' clients connect.", .type = TROUPE_OPTION_LISTEN,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct frontend_options, listen) },
	{ .name = "external", .help = "The address that players are told, if it differs from `listen`.",
	  .type = TROUPE_OPTION_STRING, .offset = offsetof(struct frontend_options, external), .max = 255 },
	{ .name = "max_clients", .help = "Players at once.", .fallback = "5000", .type = TROUPE_OPTION_INT,
	  .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct frontend_options, max_clients), .min = 1,
	  .max = 100000 },
	{ .name = "idle", .help = "A client that says nothing for so long is disconnected.", .fallback = "60s",
	  .type = TROUPE_OPTION_DURATION, .flags = TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct frontend_options, idle_ms), .min = 100, .max = 3600000 },
	{ .name = "world_wait", .help = "How long players whose world has stopped wait for another before they are out of it.",
	  .fallback = "60s", .type = TROUPE_OPTION_DURATION, .flags = TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct frontend_options, world_wait_ms), .min = 100, .max = 3600000 },
	{ .name = "limits", .help = "Bounds for each client.", .type = TROUPE_OPTION_BLOCK,
	  .offset = offsetof(struct frontend_options, limits), .fields = limit_options },
	{ 0 }
};

static const struct troupe_method methods[] = {
	FRONTEND_EXPECT(enter_on_expect),
	FRONTEND_KICK(enter_on_kick),
	FRONTEND_ANNOUNCE(enter_on_announce),
	FRONTEND_SEND(fanout_on_send),
	FRONTEND_BATCH(fanout_on_batch),
	FRONTEND_REENTER(world_on_reenter),
	FRONTEND_MOVED(moved_on_moved),
	{ 0 }
};

static const struct troupe_role role = {
	.size = sizeof(role),
	.instance_size = sizeof(struct frontend),
	.options_size = sizeof(struct frontend_options),
	.check = frontend_check,
	.create = frontend_create,
	.start = frontend_start,
	.configure = frontend_configure,
	.drain = frontend_drain,
	.stop = frontend_stop,
	.destroy = frontend_destroy,
};

static const char *const parts[] = { "shard", NULL };
static const char *const provides[] = { "frontend", NULL };
static const char *const uses[] = { "account", "master", "avatar", "world", NULL };

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "frontend",
	.version = "0.1.0",
	.summary = "Where players' clients connect: sessions, limits, and messages passed on unopened.",
	.parts = parts,
	.provides = provides,
	.uses = uses,
	.options = options,
	.methods = methods,
	.role = &role,
};
