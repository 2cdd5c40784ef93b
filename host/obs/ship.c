/* SPDX-License-Identifier: MIT */
/* Batches of lines to a log server. */
#include "host/obs/ship.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/core/buf.h"
#include "host/core/call.h"
#include "host/core/directory.h"
#include "host/obs/log.h"
#include "host/obs/ship_queue.h"
#include "host/paths.h"
#include "log.pb-c.h"

#define CALL_MS 10000u
#define RETRY_MIN_MS 200u
#define RETRY_MAX_MS 2000u
#define TELL_AFTER_MS 5000u /* a log server that starts with the host is not worth a line */

struct ship {
	struct core *core;
	struct ship_queue *queue;
	struct instance *server;
	struct loop_task task;	/* a batch is ready */
	struct loop_timer retry;
	struct ship_batch *batch; /* not yet answered */
	uint64_t retry_ms, away_since_ms;
	bool calling, greeted, told;
	uint32_t method;
	char host[101]; /* as much as a log server takes */
};

static void step(struct ship *ship);

/* --- the line that says so ------------------------------------------------------------------------ */

static void away(struct ship *ship, const char *why)
{
	uint64_t now_ms = loop_clock_us() / 1000;
	char text[320];

	if (ship->away_since_ms == 0) {
		ship->away_since_ms = now_ms;
	}
	if (!ship->told && now_ms - ship->away_since_ms >= TELL_AFTER_MS) {
		ship->told = true;
		snprintf(text, sizeof(text), "%s does not take lines (%s); they wait here", ship->server->host.name, why);
		log_write(&(struct log_line){ .level = TROUPE_LOG_WARNING, .here = 1, .instance = "log", .text = text });
	}
	loop_timer_start(core_main_loop(ship->core), &ship->retry, ship->retry_ms);
	ship->retry_ms = ship->retry_ms * 2 < RETRY_MAX_MS ? ship->retry_ms * 2 : RETRY_MAX_MS;
}

static void taken(struct ship *ship)
{
	if (ship->told) {
		log_text(TROUPE_LOG_NOTICE, "log", "%s takes lines again", ship->server->host.name);
	}
	ship->told = false;
	ship->away_since_ms = 0;
	ship->retry_ms = RETRY_MIN_MS;
}

/* --- calls ---------------------------------------------------------------------------------------- */

/* The server will never take this one. */
static void batch_refused(struct ship *ship, const struct troupe_reply *reply)
{
	char text[200];

	snprintf(text, sizeof(text), "%s refuses %u lines: %s; they are dropped", ship->server->host.name,
		 ship->batch->records, reply->reason);
	log_write(&(struct log_line){ .level = TROUPE_LOG_ERROR, .here = 1, .instance = "log", .text = text });
	ship_queue_lost(ship->queue, ship->batch->records);
	ship_queue_done(ship->queue, ship->batch->last, 0);
	free(ship->batch);
	ship->batch = NULL;
}

static void answered(struct ship *ship, const struct troupe_reply *reply)
{
	Log__AppendReply *body = log__append_reply__unpack(NULL, reply->body_len, reply->body);
	uint64_t durable = body != NULL ? body->durable : 0;

	if (body != NULL) {
		log__append_reply__free_unpacked(body, NULL);
	}
	taken(ship);
	ship_queue_done(ship->queue, durable, ship->batch != NULL ? ship->batch->records : 0);
	ship->greeted = true;
	free(ship->batch);
	ship->batch = NULL;
}

static void on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct ship *ship = arg;

	(void)instance, (void)typed;
	ship->calling = false;
	if (reply->status == TROUPE_OK) {
		answered(ship, reply);
		step(ship);
	} else if (reply->status == TROUPE_FAILED_PRECONDITION && ship->greeted) {
		/* it has started anew: where did we stand? */
		ship->greeted = false;
		free(ship->batch);
		ship->batch = NULL;
		step(ship);
	} else if (reply->status == TROUPE_INVALID_ARGUMENT && ship->batch != NULL) {
		batch_refused(ship, reply);
	} else {
		away(ship, reply->reason != NULL && reply->reason[0] != '\0' ? reply->reason : "no reason given");
	}
}

/* The body: a head packed here, and behind it the records as they were packed. */
static struct troupe_buf *body_make(const struct ship *ship)
{
	Log__AppendRequest head = LOG__APPEND_REQUEST__INIT;
	size_t len = ship->batch != NULL ? ship->batch->len : 0;
	struct troupe_buf *buf;
	struct timespec now;
	uint8_t *bytes;

	clock_gettime(CLOCK_REALTIME, &now);
	head.host = (char *)(uintptr_t)ship->host;
	head.has_spool = head.has_now_ms = 1;
	head.spool = ship_queue_id(ship->queue);
	head.now_ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
	buf = buf_new(log__append_request__get_packed_size(&head) + len, &bytes);
	if (buf != NULL) {
		bytes += log__append_request__pack(&head, bytes);
		if (len > 0) {
			memcpy(bytes, ship->batch->bytes, len);
		}
	}
	return buf;
}

/* Sends what is next, unless something is under way. */
static void step(struct ship *ship)
{
	struct troupe_call call = {
		.size = sizeof(call),
		.method = ship->method,
		.service = "log",
		.to = ship->server->host.id,
		.timeout_ms = CALL_MS,
		.on_reply = on_reply,
		.arg = ship,
	};

	if (ship->calling) {
		return;
	}
	if (ship->greeted && ship->batch == NULL) {
		ship->batch = ship_queue_take(ship->queue);
		if (ship->batch == NULL) {
			return;
		}
	}
	if (!directory_ready(ship->server)) {
		away(ship, "not ready");
		return;
	}
	call.body = body_make(ship);
	if (call.body == NULL) {
		away(ship, "no memory");
		return;
	}
	ship->calling = true;
	call_start(core_self(ship->core), &call);
}

static void on_retry(struct loop_timer *timer)
{
	step((struct ship *)(void *)((char *)timer - offsetof(struct ship, retry)));
}

static void on_task(struct loop_task *task)
{
	step((struct ship *)(void *)((char *)task - offsetof(struct ship, task)));
}

/* On the queue's thread. One batch is made at a time, and only when the one before it is answered: so the task is free. */
static void on_batch(void *arg)
{
	struct ship *ship = arg;

	loop_post(core_main_loop(ship->core), &ship->task);
}

/* --- opening -------------------------------------------------------------------------------------- */

/* The part of all instances of this host, "base" when they are of several. */
static const char *own_part(const struct config *config)
{
	const char *part = NULL;

	for (uint32_t i = 0; i < config->local_len; i++) {
		if (part != NULL && strcmp(part, config->local[i]->part) != 0) {
			return "base";
		}
		part = config->local[i]->part;
	}
	return part != NULL ? part : "base";
}

/* An isolated instance's process is a host of its own to the log server, as on the bus: it numbers its own lines. */
static void host_name(const struct config *config, char *name, size_t size)
{
	snprintf(name, size, "%s%s%s", config->host->name, config->isolated != NULL ? "~" : "",
		 config->isolated != NULL ? config->isolated->name : "");
}

static int queue_open(struct ship *ship, const struct config *config, char *folder, size_t size)
{
	uint64_t max = config->host->spool_max;
	int r;

	/* a tmpfs that the service manager empties comes second */
	snprintf(folder, size, "%s", config->spool);
	r = paths_make_folder(folder);
	if (r == 0) {
		r = ship_queue_open(folder, max, on_batch, ship, &ship->queue);
	}
	if (r < 0 && strncmp(config->run, config->state, strlen(config->state)) != 0) {
		snprintf(folder, size, "%s/spool", config->run);
		r = ship_queue_open(folder, max, on_batch, ship, &ship->queue);
	}
	return r;
}

int32_t ship_open(struct core *core, struct ship **ret_ship, struct troupe_error *reterr)
{
	const struct config *config = core_config(core);
	const struct service *service = directory_service(core_directory(core), "log");
	struct ship *ship;
	char folder[4200];
	int r = -ENOMEM;

	*ret_ship = NULL;
	if (service == NULL) {
		return TROUPE_OK;
	}
	ship = calloc(1, sizeof(*ship));
	folder[0] = '\0';
	if (ship != NULL) {
		ship->core = core;
		ship->retry_ms = RETRY_MIN_MS;
		ship->retry.expire = on_retry;
		ship->task.run = on_task;
		ship->method = troupe_fnv32("log.append", strlen("log.append"));
		host_name(config, ship->host, sizeof(ship->host));
		ship->server = directory_home(service, own_part(config), troupe_fnv64(ship->host, strlen(ship->host)));
		r = queue_open(ship, config, folder, sizeof(folder));
	}
	if (r < 0) {
		free(ship);
		reterr->status = TROUPE_PERMISSION_DENIED;
		snprintf(reterr->text, sizeof(reterr->text), "cannot keep lines for the log server in %.120s: %s", folder,
			 strerror(-r));
		snprintf(reterr->help, sizeof(reterr->help), "name another folder with --state DIR");
		return reterr->status;
	}
	log_tap(ship_queue_tap, ship->queue);
	loop_post(core_main_loop(core), &ship->task);
	*ret_ship = ship;
	return TROUPE_OK;
}

struct ship *ship_close(struct ship *ship)
{
	if (ship != NULL) {
		log_tap(NULL, NULL);
		ship_queue_close(ship->queue);
		free(ship->batch);
		free(ship);
	}
	return NULL;
}
