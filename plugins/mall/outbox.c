/* SPDX-License-Identifier: MIT */
/* The outbox: every open order is asked about until it ends, whoever dies meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "billing.stub.h"
#include "item.stub.h"
#include "mall.h"

#define TICK_MS 1000u
#define WALK_MAX 2048u	/* open orders looked up in one tick */
#define RESEND_MAX 2048u /* orders asked about in one tick */
#define BACKOFF_MIN_MS 250u
#define BACKOFF_MAX_MS 5000u
#define PEERS_MAX 64u

/* --- orders looked after -------------------------------------------------------------------------- */

static struct mall_work **bucket(struct mall *mall, const uint8_t *id)
{
	/* ids are hashes already */
	return &mall->buckets[(id[0] | (uint32_t)id[1] << 8) % MALL_BUCKETS];
}

static struct mall_work *work_find(struct mall *mall, const uint8_t *id)
{
	struct mall_work *work = *bucket(mall, id);

	while (work != NULL && memcmp(work->id, id, MALL_ID_SIZE) != 0) {
		work = work->next;
	}
	return work;
}

struct mall_work *mall_work(struct mall *mall, const uint8_t *id)
{
	struct mall_work *work = work_find(mall, id);

	if (work != NULL) {
		return work;
	}
	if (mall->works == MALL_WORKS_MAX || (work = calloc(1, sizeof(*work))) == NULL) {
		mall->h->metric_add(mall->h, mall->m_full, 1);
		return NULL;
	}
	work->mall = mall;
	memcpy(work->id, id, MALL_ID_SIZE);
	work->next = *bucket(mall, id);
	*bucket(mall, id) = work;
	mall->works++;
	return work;
}

static void work_free(struct mall_work *work)
{
	struct mall_work **at = bucket(work->mall, work->id);

	while (*at != work) {
		at = &(*at)->next;
	}
	*at = work->next;
	work->mall->works--;
	free(work);
}

void mall_work_learn(struct mall_work *work, const struct mall_order *order, uint64_t version)
{
	if (work->known && version < work->version) {
		return;
	}
	if (!work->known || order->state != work->order.state) {
		work->attempts = 0;
		work->due_us = 0;
	}
	work->known = 1;
	work->order = *order;
	work->version = version;
	if (work->call != 0 && work->call_state != order->state) {
		work->mall->h->cancel(work->mall->h, work->call); /* asked in a state that is over */
		work->call = 0;
	}
}

void mall_work_failed(struct mall_work *work)
{
	const struct troupe_host *h = work->mall->h;
	uint64_t ms = BACKOFF_MIN_MS << (work->attempts < 8 ? work->attempts : 8);
	uint16_t random;

	h->random_bytes(h, &random, sizeof(random));
	ms = ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms;
	work->attempts++;
	work->known = 0; /* look again first: another mall may have gone on with it */
	work->due_us = h->now_us(h) + (ms / 2 + random % (ms / 2 + 1)) * 1000u;
}

/* --- waiting -------------------------------------------------------------------------------------- */

static void waiter_end(struct mall_waiter *waiter)
{
	struct mall_waiter **at = &waiter->work->waiters;

	while (*at != waiter) {
		at = &(*at)->next;
	}
	*at = waiter->next;
	waiter->mall->h->timer_stop(waiter->mall->h, waiter->timer);
	mall_answer(waiter->mall, waiter->request, waiter->method, &waiter->work->order);
	free(waiter);
}

static void on_waited(void *instance, void *arg)
{
	(void)instance;
	waiter_end(arg);
}

void mall_work_wait(struct mall_work *work, uint64_t request, uint32_t method)
{
	struct mall *mall = work->mall;
	struct mall_waiter *waiter = calloc(1, sizeof(*waiter));

	if (waiter != NULL) {
		waiter->timer = mall->h->timer_start(mall->h, MALL_WAIT_MS, on_waited, waiter);
	}
	if (waiter == NULL || waiter->timer == 0) {
		free(waiter);
		mall_answer(mall, request, method, &work->order);
		return;
	}
	waiter->mall = mall;
	waiter->work = work;
	waiter->request = request;
	waiter->method = method;
	waiter->next = work->waiters;
	work->waiters = waiter;
}

void mall_order_reached(struct mall *mall, uint64_t request, uint32_t method, const struct mall_order *order,
			uint64_t version)
{
	struct mall_work *work = work_find(mall, order->id);

	if (work == NULL && mall_order_open(order->state)) {
		work = mall_work(mall, order->id);
	}
	if (work == NULL || mall_order_settled(order->state)) {
		mall_answer(mall, request, method, order);
	}
	if (work == NULL) {
		return;
	}
	mall_work_learn(work, order, version);
	if (!mall_order_settled(order->state)) {
		mall_work_wait(work, request, method);
	}
	mall_work_act(work);
}

/* --- asking --------------------------------------------------------------------------------------- */

/* final: 1 if the other side has refused for ever: it says so itself, not its host, and not for want of room or time. */
static int final(const struct troupe_reply *reply, const char *prefix)
{
	return (reply->status == TROUPE_FAILED_PRECONDITION || reply->status == TROUPE_INVALID_ARGUMENT) &&
	       strncmp(reply->reason, prefix, strlen(prefix)) == 0;
}

static void not_answered(struct mall_work *work, const char *what, const struct troupe_reply *reply)
{
	const struct troupe_host *h = work->mall->h;
	char text[200];
	struct troupe_log line = { .size = sizeof(line), .level = TROUPE_LOG_INFO, .text = text };

	if (troupe_outcome_of(reply->status) == TROUPE_REFUSED && reply->status != TROUPE_RESOURCE_EXHAUSTED &&
	    reply->status != TROUPE_ABORTED) {
		line.level = TROUPE_LOG_WARNING;
	}
	snprintf(text, sizeof(text), "%s of an order was not done (%s, status %d): it is asked again", what,
		 reply->reason[0] != '\0' ? reply->reason : "no answer", (int)reply->status);
	h->log(h, &line);
	mall_work_failed(work);
}

static void on_hold(void *instance, void *arg, const struct troupe_reply *reply, const Billing__HoldReply *body)
{
	struct mall_work *work = arg;

	(void)instance;
	(void)body;
	work->call = 0;
	if (reply->status == TROUPE_OK) {
		mall_event_post(work, MALL_HELD, "");
	} else if (final(reply, "billing.")) {
		mall_event_post(work, MALL_HOLD_REFUSED, reply->reason);
	} else {
		not_answered(work, "the hold", reply);
	}
}

static void on_grant(void *instance, void *arg, const struct troupe_reply *reply, const Item__GrantReply *body)
{
	struct mall_work *work = arg;

	(void)instance;
	(void)body;
	work->call = 0;
	if (reply->status == TROUPE_OK) {
		mall_event_post(work, MALL_GRANTED, "");
	} else if (final(reply, "item.")) {
		mall_event_post(work, MALL_GRANT_REFUSED, reply->reason);
	} else {
		not_answered(work, "the grant", reply);
	}
}

static void on_cancel(void *instance, void *arg, const struct troupe_reply *reply, const Item__CancelReply *body)
{
	struct mall_work *work = arg;

	(void)instance;
	work->call = 0;
	if (reply->status == TROUPE_OK) {
		mall_event_post(work, body->granted ? MALL_CANCEL_TOO_LATE : MALL_CANCEL_DONE, "");
	} else {
		not_answered(work, "the cancelling", reply);
	}
}

static void on_post(void *instance, void *arg, const struct troupe_reply *reply, const Billing__PostReply *body)
{
	struct mall_work *work = arg;

	(void)instance;
	(void)body;
	work->call = 0;
	if (reply->status == TROUPE_OK) {
		mall_event_post(work, MALL_POSTED, "");
	} else {
		not_answered(work, "the payment", reply);
	}
}

static void on_void(void *instance, void *arg, const struct troupe_reply *reply, const Billing__VoidReply *body)
{
	struct mall_work *work = arg;

	(void)instance;
	(void)body;
	work->call = 0;
	if (reply->status == TROUPE_OK) {
		mall_event_post(work, MALL_VOIDED, "");
	} else {
		not_answered(work, "the void", reply);
	}
}

/* item_store: where an order's items go: the item store of the buyer's shard. -1: it is not there now. */
static int item_store(const struct mall *mall, const struct mall_order *order, struct proto_to *ret_to)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t count;

	*ret_to = (struct proto_to){ 0 };
	if (order->part[0] == '\0') {
		return 0;
	}
	count = mall->h->peers(mall->h, "item", peers, PEERS_MAX);
	for (uint32_t i = 0; i < count && i < PEERS_MAX; i++) {
		if (peers[i].ready && strcmp(peers[i].part, order->part) == 0) {
			ret_to->instance = peers[i].id;
			return 0;
		}
	}
	return -1;
}

static uint64_t ask_grant(struct mall_work *work, const struct proto_to *to)
{
	struct mall_order *order = &work->order;
	Item__GrantRequest request = ITEM__GRANT_REQUEST__INIT;

	request.has_order = request.has_account = request.has_avatar = request.has_count = 1;
	request.order.data = work->id;
	request.order.len = MALL_ID_SIZE;
	request.account = order->account;
	request.avatar = order->avatar;
	request.kind = order->item;
	request.count = order->count;
	return item_grant(work->mall->h, &request, to, on_grant, work);
}

static uint64_t ask_hold(struct mall_work *work)
{
	struct mall_order *order = &work->order;
	Billing__HoldRequest request = BILLING__HOLD_REQUEST__INIT;

	request.has_order = request.has_account = request.has_amount = 1;
	request.order.data = work->id;
	request.order.len = MALL_ID_SIZE;
	request.account = order->account;
	request.currency = order->currency;
	request.amount = order->price;
	return billing_hold(work->mall->h, &request, NULL, on_hold, work);
}

/* ask: what the order's state wants of others. */
static void ask(struct mall_work *work)
{
	const struct troupe_host *h = work->mall->h;
	ProtobufCBinaryData id = { .len = MALL_ID_SIZE, .data = work->id };
	Billing__PostRequest post = BILLING__POST_REQUEST__INIT;
	Billing__VoidRequest undo = BILLING__VOID_REQUEST__INIT;
	Item__CancelRequest cancel = ITEM__CANCEL_REQUEST__INIT;
	struct proto_to to;

	work->call_state = work->order.state;
	switch (work->order.state) {
	case MALLDB__STATE__NEW:
		work->call = ask_hold(work);
		return;
	case MALLDB__STATE__HELD:
	case MALLDB__STATE__CANCELLING:
		if (item_store(work->mall, &work->order, &to) != 0) {
			mall_work_failed(work);
			return;
		}
		if (work->order.state == MALLDB__STATE__HELD) {
			work->call = ask_grant(work, &to);
			return;
		}
		cancel.has_order = 1;
		cancel.order = id;
		work->call = item_cancel(h, &cancel, &to, on_cancel, work);
		return;
	case MALLDB__STATE__GRANTED:
		post.has_order = 1;
		post.order = id;
		work->call = billing_post(h, &post, NULL, on_post, work);
		return;
	case MALLDB__STATE__VOIDING:
		undo.has_order = 1;
		undo.order = id;
		work->call = billing_void(h, &undo, NULL, on_void, work);
		return;
	default:
		return;
	}
}

void mall_work_act(struct mall_work *work)
{
	if (!work->known) {
		return;
	}
	while (work->waiters != NULL && mall_order_settled(work->order.state)) {
		waiter_end(work->waiters);
	}
	if (work->call != 0 || work->txs > 0) {
		return; /* what comes back leads here again */
	}
	if (mall_order_open(work->order.state)) {
		ask(work);
	} else {
		work_free(work);
	}
}

/* --- the walk ------------------------------------------------------------------------------------- */

static int walk_each(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct mall *mall = walk->store->instance;
	const uint8_t *id = (const uint8_t *)value->key + strlen("mall/p/");
	struct mall_work *work;

	if (value->key_len != strlen("mall/p/") + MALL_ID_SIZE || work_find(mall, id) != NULL) {
		return 0;
	}
	work = mall_work(mall, id);
	if (work == NULL) {
		return 1;
	}
	mall_event_post(work, MALL_LOOK, "");
	return 0;
}

static void walk_end(struct store_walk *walk, int32_t status)
{
	struct mall *mall = walk->store->instance;

	mall->walking = 0;
	/* The whole range was seen if the bound was not reached: then begin anew. */
	mall->cursor.len = 0;
	if (status == TROUPE_OK && walk->seen >= WALK_MAX) {
		mall->cursor = walk->from;
	}
}

static void walk_start(struct mall *mall)
{
	struct store_walk *walk;

	if (mall->walking || (walk = store_walk_new(&mall->store, sizeof(*walk))) == NULL) {
		return;
	}
	mall->walking = 1;
	walk->max = WALK_MAX;
	walk->each = walk_each;
	walk->end = walk_end;
	store_key(&walk->from, "mall/p/");
	store_key_end(&walk->from, &walk->to);
	if (mall->cursor.len > 0) {
		walk->from = mall->cursor;
		walk->after = 1;
	}
	store_walk_run(walk, NULL);
}

/* resend: asks again about those whose time has come. */
static void resend(struct mall *mall)
{
	uint64_t now_us = mall->h->now_us(mall->h);
	uint32_t sent = 0;

	for (uint32_t i = 0; i < MALL_BUCKETS && sent < RESEND_MAX; i++) {
		struct mall_work *work = mall->buckets[i], *next;

		for (; work != NULL; work = next) {
			next = work->next;
			if (work->call != 0 || work->txs > 0 || now_us < work->due_us) {
				continue;
			}
			mall->h->metric_add(mall->h, mall->m_resent, 1);
			sent++;
			mall_event_post(work, MALL_LOOK, "");
		}
	}
}

static void on_tick(void *instance, void *arg)
{
	struct mall *mall = instance;
	uint8_t random;

	(void)arg;
	mall->h->random_bytes(mall->h, &random, sizeof(random));
	mall->timer = mall->h->timer_start(mall->h, TICK_MS - 128 + random, on_tick, NULL);
	resend(mall);
	walk_start(mall);
}

int32_t mall_outbox_start(struct mall *mall, struct troupe_error *reterr)
{
	mall->timer = mall->h->timer_start(mall->h, TICK_MS, on_tick, NULL);
	if (mall->timer == 0) {
		reterr->status = TROUPE_RESOURCE_EXHAUSTED;
		snprintf(reterr->text, sizeof(reterr->text), "no timer for the outbox");
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	walk_start(mall);
	return TROUPE_OK;
}

void mall_outbox_stop(struct mall *mall)
{
	for (uint32_t i = 0; i < MALL_BUCKETS; i++) {
		while (mall->buckets[i] != NULL) {
			struct mall_work *work = mall->buckets[i];

			while (work->waiters != NULL) {
				struct mall_waiter *waiter = work->waiters;

				work->waiters = waiter->next;
				free(waiter);
			}
			work_free(work);
		}
	}
}
