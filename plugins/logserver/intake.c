/* SPDX-License-Identifier: MIT */
/* Records of programs outside the cluster: connections, batches, answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "logserver.h"

#define CONNS_MAX 1000u
#define LINGER_MS 20u
#define BATCH_BYTES (512u * 1024u)

/* Who sends. */
struct client {
	struct client *prev, *next;
	uint64_t conn;
	uint64_t acked, stored; /* of their own numbers: told, and to be told */
	char name[80]; /* "client:127.0.0.1" */
};

/* Records that go into the database together. */
struct intake_batch {
	struct batch batch;
	uint32_t acks_len;
	struct {
		uint64_t conn, seq;
	} acks[BATCH_MAX];
};

static void begin(void *instance, void *arg);

/* --- batches -------------------------------------------------------------------------------------- */

static struct client *client_of(const struct logserver *ls, uint64_t conn)
{
	struct client *client = ls->clients;

	while (client != NULL && client->conn != conn) {
		client = client->next;
	}
	return client;
}

static void ack(struct logserver *ls, const struct client *client, uint64_t seq)
{
	char frame[64];
	int len = snprintf(frame + FRAME_HEAD, sizeof(frame) - FRAME_HEAD, "{\"Ack\":%llu}", (unsigned long long)seq);

	memset(frame, 0, FRAME_HEAD);
	frame[0] = (char)len;
	ls->h->conn_send(ls->h, client->conn, frame, FRAME_HEAD + (size_t)len, NULL);
}

static void acks_send(struct logserver *ls, const struct intake_batch *intake)
{
	for (uint32_t i = 0; i < intake->acks_len; i++) {
		struct client *client = client_of(ls, intake->acks[i].conn);

		/* the last of each is enough */
		if (client != NULL && intake->acks[i].seq > client->stored) {
			client->stored = intake->acks[i].seq;
		}
	}
	for (struct client *client = ls->clients; client != NULL; client = client->next) {
		if (client->stored > client->acked) {
			client->acked = client->stored;
			ack(ls, client, client->acked);
		}
	}
}

static void on_stored(struct batch *batch, int32_t status, uint64_t version)
{
	struct intake_batch *intake = (struct intake_batch *)batch;
	struct logserver *ls = batch->ls;

	(void)version;
	ls->intake_busy = 0;
	if (status == TROUPE_OK) {
		acks_send(ls, intake);
	}
	for (uint32_t i = 0; status != TROUPE_OK && i < intake->acks_len; i++) {
		/* whoever wants to know, connects and sends it again */
		ls->h->conn_close(ls->h, intake->acks[i].conn, 1);
	}
	if (ls->intake != NULL) {
		begin(ls, NULL);
	}
}

static void begin(void *instance, void *arg)
{
	struct logserver *ls = instance;
	struct intake_batch *intake = ls->intake;

	(void)arg;
	if (intake != NULL && !ls->intake_busy) {
		ls->intake = NULL;
		ls->intake_busy = 1;
		batch_commit(&intake->batch, NULL, on_stored);
	}
}

static struct intake_batch *batch_of(struct logserver *ls)
{
	if (ls->intake == NULL) {
		ls->intake = batch_new(ls, sizeof(*ls->intake), BATCH_BYTES, BATCH_MAX);
		ls->h->timer_start(ls->h, LINGER_MS, begin, NULL);
	}
	return ls->intake;
}

/* Adds a record to the batch that is being filled; 0, or -1 when there is no room. */
static int add(struct logserver *ls, const struct client *client, struct frame *frame)
{
	struct intake_batch *intake = batch_of(ls);

	if (intake == NULL || intake->acks_len == BATCH_MAX || batch_add(&intake->batch, &frame->record) != 0) {
		return -1;
	}
	if (frame->seq != 0) {
		intake->acks[intake->acks_len].conn = client->conn;
		intake->acks[intake->acks_len++].seq = frame->seq;
	}
	return 0;
}

static int take(struct logserver *ls, struct client *client, struct frame *frame)
{
	Log__Record *record = &frame->record;

	record->part = (char *)ls->h->part;
	record->role = (char *)"client";
	record->instance = client->name;
	record->has_seq = 1;
	record->seq = 1ull << 63 | ++ls->client_seq; /* no host's spool comes that far */
	if (add(ls, client, frame) == 0) {
		return 0;
	}
	begin(ls, NULL); /* full: unless the one before it is under way, the next one can begin */
	return ls->intake == NULL ? add(ls, client, frame) : -1;
}

/* --- connections ---------------------------------------------------------------------------------- */

static void *on_open(void *instance, void *arg, uint64_t conn, const char *peer_address, uint64_t network)
{
	struct logserver *ls = instance;
	struct client *client = calloc(1, sizeof(*client));
	const char *port = strrchr(peer_address, ':');

	(void)arg;
	(void)network;
	if (client == NULL || !ls->loaded) {
		free(client);
		ls->h->conn_close(ls->h, conn, 1);
		return NULL;
	}
	client->conn = conn;
	snprintf(client->name, sizeof(client->name), "client:%.*s",
		 port != NULL ? (int)(port - peer_address) : (int)strlen(peer_address), peer_address);
	client->next = ls->clients;
	if (client->next != NULL) {
		client->next->prev = client;
	}
	ls->clients = client;
	return client;
}

static void on_close(void *instance, void *user, uint64_t conn, int32_t why)
{
	struct logserver *ls = instance;
	struct client *client = user;

	(void)conn;
	(void)why;
	if (client == NULL) {
		return;
	}
	if (client->prev != NULL) {
		client->prev->next = client->next;
	} else {
		ls->clients = client->next;
	}
	if (client->next != NULL) {
		client->next->prev = client->prev;
	}
	free(client);
}

static void drop(struct logserver *ls, uint64_t conn, enum log_metric why)
{
	count(ls, why, 1);
	ls->h->conn_close(ls->h, conn, 1);
}

static size_t on_bytes(void *instance, void *user, uint64_t conn, const uint8_t *bytes, size_t len)
{
	struct logserver *ls = instance;
	size_t at = 0;

	while (user != NULL && len - at >= FRAME_HEAD) {
		size_t text_len = frame_len(bytes + at);
		struct frame frame;
		int taken;

		if (text_len == 0) {
			drop(ls, conn, METRIC_CLIENTS_MALFORMED);
			return len;
		}
		if (len - at < FRAME_HEAD + text_len) {
			break;
		}
		if (frame_parse((const char *)bytes + at + FRAME_HEAD, text_len, &frame) != 0) {
			drop(ls, conn, METRIC_CLIENTS_MALFORMED);
			return len;
		}
		taken = take(ls, user, &frame);
		frame_clear(&frame);
		if (taken != 0) {
			drop(ls, conn, METRIC_CLIENTS_FLOOD);
			return len;
		}
		at += FRAME_HEAD + text_len;
	}
	return at;
}

int32_t intake_listen(struct logserver *ls, struct troupe_error *reterr)
{
	for (uint32_t i = 0; i < ls->options->listen.count; i++) {
		struct troupe_listen listen = { .size = sizeof(listen), .conns_max = CONNS_MAX,
						.address = ls->options->listen.items[i], .in_max = FRAME_HEAD + FRAME_MAX,
						.on_open = on_open, .on_bytes = on_bytes, .on_close = on_close };
		struct troupe_log line = { .size = sizeof(line), .level = TROUPE_LOG_INFO };
		uint16_t port;
		char text[200];
		int32_t status = ls->h->listen(ls->h, &listen, &port, reterr);

		if (status != TROUPE_OK) {
			return status;
		}
		snprintf(text, sizeof(text), "programs send records to %s (port %u)", listen.address, (unsigned)port);
		line.text = text;
		ls->h->log(ls->h, &line);
	}
	ls->client_seq = (uint64_t)ls->h->wall_ms(ls->h) * 1000;
	return TROUPE_OK;
}

void intake_free(struct logserver *ls)
{
	while (ls->clients != NULL) {
		on_close(ls, ls->clients, 0, TROUPE_END_HOST);
	}
}
