/* SPDX-License-Identifier: MIT */
/* Databases on other hosts: requests become calls of service `database`, with the outcomes that a local one has. */
#include "host/db/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/buf.h"
#include "host/core/call.h"
#include "host/core/directory.h"
#include "host/db/pack.h"

#define METHOD(name) troupe_fnv32("database." name, sizeof("database." name) - 1)

/* One instance that uses the database. Everything is of its loop. */
struct asker {
	struct remote_db *remote;
	struct instance *instance;
	struct port *port;
	uint64_t stream, number;      /* of its run; of its last request */
	uint32_t count;		      /* requests that have not ended */
	size_t bytes;
	struct db_request *waiting;   /* to be sent again, or behind such, in their order */
	struct db_request **waiting_tail;
	struct loop_timer again, keep;
	uint32_t wait_ms;
	uint64_t snapshots[STORE_SNAPSHOTS_MAX]; /* open ones; 0 = none */
	uint32_t m_again, m_unknown, m_full, m_waiting;
};

static void asker_send(struct asker *asker, struct db_request *request);

/* --- askers --------------------------------------------------------------------------------------- */

static struct asker *asker_of(struct loop_timer *timer, size_t offset)
{
	return (struct asker *)(void *)((char *)timer - offset);
}

static void on_again(struct loop_timer *timer);
static void on_keep(struct loop_timer *timer);

static uint32_t metric(const struct troupe_host *h, uint32_t kind, const char *name, const char *help)
{
	struct troupe_metric wanted = { .size = sizeof(wanted), .kind = kind, .name = name, .help = help };

	return h->metric(h, &wanted);
}

static struct asker *asker_get(struct remote_db *remote, struct port *port, struct instance *instance)
{
	const struct troupe_host *h = &instance->host;
	struct asker *asker = remote->askers[instance->index];

	if (asker != NULL) {
		return asker;
	}
	asker = calloc(1, sizeof(*asker));
	if (asker == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	remote->askers[instance->index] = asker;
	asker->remote = remote;
	asker->instance = instance;
	asker->port = port;
	asker->waiting_tail = &asker->waiting;
	asker->wait_ms = REMOTE_WAIT_MIN_MS;
	asker->again.expire = on_again;
	asker->keep.expire = on_keep;
	h->random_bytes(h, &asker->stream, sizeof(asker->stream));
	asker->m_again = metric(h, TROUPE_COUNTER, "troupe_db_remote_again_total",
				"Requests to databases on other hosts that were sent again.");
	asker->m_unknown = metric(h, TROUPE_COUNTER, "troupe_db_remote_unknown_total",
				  "Commits to databases on other hosts that ended unknown.");
	asker->m_full = metric(h, TROUPE_COUNTER, "troupe_db_remote_full_total",
			       "Requests to databases on other hosts refused because too many were under way.");
	asker->m_waiting = metric(h, TROUPE_GAUGE, "troupe_db_remote_waiting",
				  "Requests to databases on other hosts that have not ended.");
	return asker;
}

int remote_init(struct remote_db *remote, struct instance *database, uint32_t instances_len)
{
	remote->database = database;
	remote->askers = calloc(instances_len + 1, sizeof(struct asker *));
	remote->askers_len = instances_len + 1; /* with the host's own */
	return remote->askers != NULL ? 0 : -ENOMEM;
}

void remote_fini(struct remote_db *remote)
{
	for (uint32_t i = 0; i < remote->askers_len; i++) {
		free(remote->askers[i]); /* what it asked has ended: it held the instance */
	}
	free(remote->askers);
	remote->askers = NULL;
	remote->askers_len = 0;
}

static void asker_count(const struct asker *asker, uint32_t what, int64_t delta)
{
	asker->instance->host.metric_add(&asker->instance->host, what, delta);
}

/* --- the end of a request ------------------------------------------------------------------------- */

static struct asker *request_take(struct db_request *request)
{
	struct asker *asker = request->sent.asker;

	asker->count--;
	asker->bytes -= request->bytes;
	asker_count(asker, asker->m_waiting, -1);
	return asker;
}

/* A request that ends where it is: with what has been written into it. */
static void request_end(struct db_request *request)
{
	request_take(request);
	request->on_done(request);
}

static void request_refuse(struct db_request *request, int32_t status)
{
	struct asker *asker = request->sent.asker;

	if (request->kind == DB_COMMIT && troupe_outcome_of(status) == TROUPE_UNDECIDED) {
		asker_count(asker, asker->m_unknown, 1);
	}
	if (request->kind == DB_GET || request->kind == DB_SCAN) {
		request->u.read.page.count = 0;
	}
	db_request_refuse(request, status);
	request_end(request);
}

/* What it ends with when there is no more time. */
static int32_t status_at_last(const struct db_request *request)
{
	if (request->kind != DB_COMMIT) {
		return TROUPE_UNAVAILABLE;
	}
	return request->sent.unknown ? TROUPE_UNKNOWN : TROUPE_ABORTED;
}

/* --- sending again -------------------------------------------------------------------------------- */

static uint64_t asker_now(const struct asker *asker)
{
	return loop_now_us(asker->instance->loop);
}

/* Puts it among those that wait, in order. */
static void asker_wait(struct asker *asker, struct db_request *request)
{
	struct db_request **link = &asker->waiting;

	if (request->sent.give_up_us == 0) {
		request->sent.give_up_us = asker_now(asker) + REMOTE_RESOLVE_US;
	}
	if (asker->waiting == NULL) {
		loop_timer_start(asker->instance->loop, &asker->again, asker->wait_ms);
		asker->wait_ms = asker->wait_ms * 2 < REMOTE_WAIT_MAX_MS ? asker->wait_ms * 2 : REMOTE_WAIT_MAX_MS;
		asker->waiting_tail = &asker->waiting;
	}
	/* answers come in order: nearly always it is the last */
	if (asker->waiting != NULL) {
		struct db_request *last = (struct db_request *)(void *)((char *)asker->waiting_tail -
									offsetof(struct db_request, next));

		if (last->sent.number < request->sent.number) {
			link = asker->waiting_tail;
		}
	}
	while (*link != NULL && (*link)->sent.number < request->sent.number) {
		link = &(*link)->next;
	}
	request->next = *link;
	*link = request;
	if (request->next == NULL) {
		asker->waiting_tail = &request->next;
	}
}

/* One attempt failed: again if there is time. */
static void request_again(struct db_request *request)
{
	struct asker *asker = request->sent.asker;

	if (request->sent.give_up_us != 0 && asker_now(asker) >= request->sent.give_up_us) {
		request_refuse(request, status_at_last(request));
		return;
	}
	asker_wait(asker, request);
}

static void on_again(struct loop_timer *timer)
{
	struct asker *asker = asker_of(timer, offsetof(struct asker, again));
	struct db_request *request = asker->waiting;
	bool ready = directory_ready(asker->remote->database);

	asker->waiting = NULL;
	asker->waiting_tail = &asker->waiting;
	while (request != NULL) {
		struct db_request *next = request->next;

		if (ready) {
			asker_send(asker, request);
		} else {
			request_again(request);
		}
		request = next;
	}
}

/* --- answers -------------------------------------------------------------------------------------- */

/* Does this refusal of a call say that the callee has done nothing? */
static bool nothing_done(const struct troupe_reply *reply)
{
	static const char *const reasons[] = { "host.not_ready", "host.unreachable", "database.closing" };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reply->reason, reasons[i]) == 0) {
			return true;
		}
	}
	return troupe_outcome_of(reply->status) == TROUPE_REFUSED;
}

/* A commit's call has failed. */
static void commit_failed(struct db_request *request, const struct troupe_reply *reply)
{
	bool undone = nothing_done(reply);

	request->sent.unknown |= !undone;
	if (undone && !request->sent.unknown && troupe_outcome_of(reply->status) == TROUPE_REFUSED) {
		request_refuse(request, reply->status); /* it will not go better in a while */
	} else if (!undone && request->u.commit.tx.key == NULL) {
		request_refuse(request, TROUPE_UNKNOWN);
	} else {
		request_again(request);
	}
}

static void on_committed(void *self, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct db_request *request = arg;
	struct troupe_db_result result;
	struct troupe_reply broken = { .size = sizeof(broken), .status = TROUPE_INTERNAL, .reason = "host.malformed" };

	(void)self;
	(void)typed;
	if (reply->status == TROUPE_OK && unpack_commit(reply, &result) < 0) {
		reply = &broken;
	}
	if (reply->status != TROUPE_OK) {
		commit_failed(request, reply);
		return;
	}
	if (request->sent.unknown && result.status == TROUPE_RESOURCE_EXHAUSTED) {
		request_again(request); /* its key was not looked up, so an earlier attempt may still have done it */
		return;
	}
	((struct asker *)request->sent.asker)->wait_ms = REMOTE_WAIT_MIN_MS;
	request->u.commit.result = result;
	request_end(request);
}

/* A get goes on until it has all values. */
static void page_came(struct db_request *request, int32_t status)
{
	struct db_page *page = &request->u.read.page;
	struct asker *asker = request->sent.asker;

	if (status == TROUPE_OK && request->kind == DB_GET && page->bytes_len > DB_GET_BYTES) {
		status = TROUPE_RESOURCE_EXHAUSTED;
	}
	if (status != TROUPE_OK) {
		request_refuse(request, status);
		return;
	}
	if (request->kind == DB_GET && page->count < request->u.read.keys_len) {
		request->sent.give_up_us = request->sent.attempt = 0;
		asker_send(asker, request);
		return;
	}
	db_page_close(page);
	request->status = TROUPE_OK;
	request_end(request);
}

static void on_page(void *self, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct db_request *request = arg;
	uint32_t before = request->u.read.page.count;
	int32_t status = TROUPE_OK;

	(void)self;
	(void)typed;
	if (reply->status != TROUPE_OK) {
		if (troupe_outcome_of(reply->status) == TROUPE_REFUSED) {
			request_refuse(request, reply->status);
		} else {
			request_again(request);
		}
		return;
	}
	if (unpack_page(reply, request, &status) < 0 ||
	    (request->kind == DB_GET && status == TROUPE_OK && request->u.read.page.count == before &&
	     before < request->u.read.keys_len)) {
		request_refuse(request, TROUPE_INTERNAL);
		return;
	}
	((struct asker *)request->sent.asker)->wait_ms = REMOTE_WAIT_MIN_MS;
	page_came(request, status);
}

/* --- snapshots ------------------------------------------------------------------------------------ */

static void relay(struct asker *asker, uint32_t method, struct troupe_buf *body, struct db_request *request,
		  troupe_reply_fn on_reply)
{
	struct call_relay call = {
		.from = asker->instance,
		.to = asker->remote->database,
		.method = method,
		.timeout_ms = REMOTE_CALL_MS,
		.body = body,
		.on_reply = on_reply,
		.arg = request,
	};

	if (request != NULL) {
		memcpy(&call.context, request->context, sizeof(call.context));
		call.key = request->kind == DB_COMMIT ? request->u.commit.tx.key : NULL;
	}
	call_relay(&call);
}

static void snapshot_tell(struct asker *asker, uint32_t method, uint64_t snapshot)
{
	struct troupe_buf *body = pack_snapshot(snapshot);

	if (body != NULL) {
		relay(asker, method, body, NULL, NULL);
	}
}

static uint64_t *snapshot_find(struct asker *asker, uint64_t snapshot)
{
	for (uint32_t i = 0; i < STORE_SNAPSHOTS_MAX; i++) {
		if (asker->snapshots[i] == snapshot) {
			return &asker->snapshots[i];
		}
	}
	return NULL;
}

static void on_keep(struct loop_timer *timer)
{
	struct asker *asker = asker_of(timer, offsetof(struct asker, keep));
	bool any = false;

	for (uint32_t i = 0; i < STORE_SNAPSHOTS_MAX; i++) {
		if (asker->snapshots[i] != 0) {
			snapshot_tell(asker, METHOD("snapshot_keep"), asker->snapshots[i]);
			any = true;
		}
	}
	if (any) {
		loop_timer_start(asker->instance->loop, &asker->keep, REMOTE_KEEP_MS);
	}
}

static void on_snapshot(void *self, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct db_request *request = arg;
	struct asker *asker = request->sent.asker;
	uint64_t snapshot = 0, *place = snapshot_find(asker, 0);
	int32_t status = reply->status;

	(void)self;
	(void)typed;
	if (status != TROUPE_OK && troupe_outcome_of(status) == TROUPE_UNDECIDED) {
		request_again(request);
		return;
	}
	if (status == TROUPE_OK && unpack_snapshot(reply, &snapshot, &status) < 0) {
		status = TROUPE_INTERNAL;
	}
	if (status == TROUPE_OK && (place == NULL || instance_stopping(asker->instance))) {
		snapshot_tell(asker, METHOD("snapshot_close"), snapshot); /* nobody would close it */
		status = TROUPE_RESOURCE_EXHAUSTED;
	}
	if (status != TROUPE_OK) {
		request_refuse(request, status);
		return;
	}
	*place = snapshot;
	loop_timer_start(asker->instance->loop, &asker->keep, REMOTE_KEEP_MS);
	request->u.read.snapshot = snapshot;
	request->status = TROUPE_OK;
	request_end(request);
}

static void snapshots_close(struct asker *asker, uint64_t snapshot)
{
	for (uint32_t i = 0; i < STORE_SNAPSHOTS_MAX; i++) {
		if (asker->snapshots[i] != 0 && (snapshot == 0 || asker->snapshots[i] == snapshot)) {
			snapshot_tell(asker, METHOD("snapshot_close"), asker->snapshots[i]);
			asker->snapshots[i] = 0;
		}
	}
	if (snapshot == 0) {
		loop_timer_stop(&asker->keep);
	}
}

/* --- sending -------------------------------------------------------------------------------------- */

static struct troupe_buf *request_pack(struct db_request *request)
{
	switch (request->kind) {
	case DB_COMMIT:
		return pack_commit(request);
	case DB_GET:
		return pack_get(request, request->u.read.page.count);
	case DB_SCAN:
		return pack_scan(request);
	default:
		return pack_snapshot(0);
	}
}

static void asker_send(struct asker *asker, struct db_request *request)
{
	static const struct {
		const char *name;
		troupe_reply_fn on_reply;
	} methods[] = {
		[DB_COMMIT] = { "database.commit", on_committed },
		[DB_GET] = { "database.get", on_page },
		[DB_SCAN] = { "database.scan", on_page },
		[DB_SNAPSHOT_OPEN] = { "database.snapshot", on_snapshot },
	};
	const char *name = methods[request->kind].name;
	struct troupe_buf *body;

	request->sent.attempt++;
	body = request_pack(request);
	if (body == NULL) {
		request_again(request); /* no memory: its size has been looked at */
		return;
	}
	if (request->sent.attempt > 1) {
		asker_count(asker, asker->m_again, 1);
	}
	relay(asker, troupe_fnv32(name, strlen(name)), body, request, methods[request->kind].on_reply);
}

void remote_submit(struct remote_db *remote, struct port *port, struct db_request *request)
{
	struct instance *instance = (struct instance *)(uintptr_t)request->owner;
	struct asker *asker = asker_get(remote, port, instance);

	if (request->kind == DB_SNAPSHOT_CLOSE || request->kind == DB_SNAPSHOT_DROP) {
		snapshots_close(asker, request->kind == DB_SNAPSHOT_DROP ? 0 : request->u.read.snapshot);
		port_refuse(port, request, TROUPE_OK);
		return;
	}
	if (asker->count >= REMOTE_WAITING_MAX || asker->bytes + request->bytes > REMOTE_BYTES_MAX) {
		asker_count(asker, asker->m_full, 1);
		port_refuse(port, request, TROUPE_RESOURCE_EXHAUSTED);
		return;
	}
	asker->count++;
	asker->bytes += request->bytes;
	asker_count(asker, asker->m_waiting, 1);
	request->sent.asker = asker;
	request->sent.stream = asker->stream;
	request->sent.number = ++asker->number;
	if (asker->waiting != NULL || !directory_ready(remote->database)) {
		asker_wait(asker, request);
	} else {
		asker_send(asker, request);
	}
}
