/* SPDX-License-Identifier: MIT */
/* What the parts of the mall share. */
#ifndef MALL_MALL_H
#define MALL_MALL_H

#include "mall.stub.h"
#include "plugins/mall/record.pb-c.h"
#include "store/store.h"

/*
 * Keys in the database, all under "mall/":
 *   o/ ORDER(16)                        Order
 *   p/ ORDER(16)                        present while the order is open: what the outbox walks over
 *   s/ OFFER\0                          a counter of TROUPE_DB_ADD: what is left of a limited offer
 *   t/ OFFER\0                          Stock
 *   u/ ACCOUNT(8) TIME(8) ORDER(16)     an account's orders
 */
#define MALL_OFFER_MAX 64u	/* bytes of an offer's id, and of an item's kind */
#define MALL_OFFERS_MAX 1000u
#define MALL_CURRENCY_MAX 16u
#define MALL_PART_MAX 48u
#define MALL_ID_SIZE TROUPE_KEY_SIZE
#define MALL_WORKS_MAX 16384u /* orders that are looked after at once; more wait for their turn, and are counted */
#define MALL_BUCKETS 4096u
#define MALL_WAIT_MS 4000u    /* a buyer waits this long for the end of an order */
#define MALL_REASON_SIZE 65u

struct mall_offer {
	const char *name; /* the offer's id */
	const char *item, *currency;
	int64_t count, price, stock;
};

struct mall_options {
	const char *database;
	struct troupe_map offers;
};

/* An order as the mall acts on it: the record, with its texts beside it. */
struct mall_order {
	uint8_t id[MALL_ID_SIZE];
	Malldb__State state;
	uint64_t account, avatar;
	int64_t price, created_ms, changed_ms;
	uint32_t count, stocked;
	char offer[MALL_OFFER_MAX + 1], item[MALL_OFFER_MAX + 1], currency[MALL_CURRENCY_MAX + 1];
	char part[MALL_PART_MAX + 1], reason[MALL_REASON_SIZE];
};

/* A request that waits for the end of an order. */
struct mall_waiter {
	struct mall_waiter *next;
	struct mall *mall;
	struct mall_work *work;
	uint64_t request, timer;
	uint32_t method; /* how it is answered: MALL_BUY_ID, MALL_CANCEL_ID */
};

/* An order that is being looked after. */
struct mall_work {
	struct mall_work *next; /* in its bucket */
	struct mall *mall;
	uint8_t id[MALL_ID_SIZE];
	uint64_t call;	   /* what was asked and is not answered; 0 = nothing */
	Malldb__State call_state; /* the state that asked for it */
	uint32_t txs;	   /* transactions of it under way */
	uint32_t known;	   /* `order` is what the database holds, as far as we know */
	uint32_t attempts; /* without progress */
	uint64_t due_us;   /* not asked again before */
	uint64_t version;  /* of `order` */
	struct mall_order order;
	struct mall_waiter *waiters;
};

struct mall {
	const struct troupe_host *h;
	const struct mall_options *options;
	struct store store;
	struct mall_work *buckets[MALL_BUCKETS];
	uint32_t works, walking;
	uint64_t timer;
	struct store_key cursor; /* where the outbox goes on walking; len 0 = at the start */
	uint32_t m_orders, m_done, m_failed, m_resent, m_full;
};

/* What may happen to an order. */
enum mall_event {
	MALL_HELD,
	MALL_HOLD_REFUSED,
	MALL_GRANTED,
	MALL_GRANT_REFUSED,
	MALL_POSTED,
	MALL_VOIDED,
	MALL_CANCEL_WISH,    /* the buyer's wish */
	MALL_CANCEL_TOO_LATE, /* the item store: it was granted */
	MALL_CANCEL_DONE,     /* the item store: it never will be */
	MALL_LOOK	     /* nothing: read it again, and act */
};

/* Mistakes that the simulator must find; see tests/sim. Each is one macro here and its use in one place. */
#ifdef MUTANT_VOID_WITHOUT_STORE
#define CANCEL_STATE MALLDB__STATE__VOIDING
#else
#define CANCEL_STATE MALLDB__STATE__CANCELLING
#endif

/* offer.c */
const struct mall_offer *mall_offer(const struct mall *mall, const char *id);
struct store_key *mall_key_stock(struct store_key *key, const char *offer);
void mall_on_offers(void *instance, const struct troupe_request *request, const Mall__OffersRequest *body);
/* mall_offers_check: an offer that cannot be; 0 if there is none. mall_stock_apply: brings the counters of stock to
 * what the configuration says; what was sold stays sold. */
int32_t mall_offers_check(const struct mall_options *options, struct troupe_error *reterr);
void mall_stock_apply(struct mall *mall);

/* order.c: records and states. */
void mall_order_id(uint64_t account, const uint8_t *key, uint8_t ret_id[MALL_ID_SIZE]);
struct store_key *mall_key_order(struct store_key *key, const uint8_t *id);
struct store_key *mall_key_open(struct store_key *key, const uint8_t *id);
/* mall_order_load: what is in a record; -1: it is damaged. */
int mall_order_load(const Malldb__Order *record, const uint8_t *id, struct mall_order *ret_order);
/* mall_order_put: writes the order, and its place in or out of the outbox. */
void mall_order_put(struct store_tx *tx, const struct mall_order *order, int created);
/* mall_order_open: 1 while something is still to be done. mall_order_settled: 1 once a buyer knows what is his. */
int mall_order_open(Malldb__State state);
int mall_order_settled(Malldb__State state);
const char *mall_state_name(Malldb__State state);
/* mall_order_step: the state that follows; the same if the event means nothing in this state. */
Malldb__State mall_order_step(Malldb__State state, enum mall_event event);
/* mall_event_post: lets the event happen to the order, durably, and goes on from there. */
void mall_event_post(struct mall_work *work, enum mall_event event, const char *reason);
/* mall_cancel_post: the buyer's wish; an order that was never seen is cancelled before it comes. */
void mall_cancel_post(struct mall *mall, const struct troupe_request *request, const uint8_t *id);

/* outbox.c */
/* mall_work: the order's place among those looked after; NULL if there are too many. */
struct mall_work *mall_work(struct mall *mall, const uint8_t *id);
/* mall_work_learn: what a transaction found the order to be, as of `version`. */
void mall_work_learn(struct mall_work *work, const struct mall_order *order, uint64_t version);
/* mall_work_act: tells those who wait, asks others for what the order's state wants, forgets it if nothing is left.
 * `work` may be gone after it. */
void mall_work_act(struct mall_work *work);
/* mall_work_failed: nothing was learned; the outbox comes back to it later. */
void mall_work_failed(struct mall_work *work);
/* mall_work_wait: answers the request at the order's end, or after a while with what it has reached. */
void mall_work_wait(struct mall_work *work, uint64_t request, uint32_t method);
/* mall_order_reached: a request's transaction found this: answers it now if the order is settled, else at its end. */
void mall_order_reached(struct mall *mall, uint64_t request, uint32_t method, const struct mall_order *order,
			uint64_t version);
int32_t mall_outbox_start(struct mall *mall, struct troupe_error *reterr);
void mall_outbox_stop(struct mall *mall);

/* buy.c */
void mall_answer(const struct mall *mall, uint64_t request, uint32_t method, const struct mall_order *order);
void mall_on_buy(void *instance, const struct troupe_request *request, const Mall__BuyRequest *body);
void mall_on_order(void *instance, const struct troupe_request *request, const Mall__OrderRequest *body);
void mall_on_cancel(void *instance, const struct troupe_request *request, const Mall__CancelRequest *body);

/* command.c */
extern const struct troupe_command mall_commands[];

#endif
