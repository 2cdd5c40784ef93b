/* SPDX-License-Identifier: MIT */
/* The shop: offers, and orders that end exactly one way. The descriptor and the life of the role. */
#include "mall.h"

#include <stddef.h>
#include <stdio.h>

#include "secret/secret.h"

static uint32_t counter(const struct troupe_host *h, const char *name, const char *help)
{
	struct troupe_metric metric = { .size = sizeof(metric), .kind = TROUPE_COUNTER, .name = name, .help = help };

	return h->metric(h, &metric);
}

static int32_t mall_check(const struct troupe_check_in *in, struct troupe_error *reterr)
{
	return mall_offers_check(in->options, reterr);
}

static int32_t mall_create(void *instance, const struct troupe_host *host, const void *options,
			   struct troupe_error *reterr)
{
	struct mall *mall = instance;

	mall->h = host;
	mall->options = options;
	if (secret_init() != 0) {
		reterr->status = TROUPE_UNAVAILABLE;
		snprintf(reterr->text, sizeof(reterr->text), "the hash library does not start");
		return TROUPE_UNAVAILABLE;
	}
	mall->m_orders = counter(host, "troupe_mall_orders_total", "Orders taken.");
	mall->m_done = counter(host, "troupe_mall_done_total", "Orders that were delivered and paid.");
	mall->m_failed = counter(host, "troupe_mall_failed_total", "Orders that were rejected or failed.");
	mall->m_resent = counter(host, "troupe_mall_resent_total", "Orders that were asked about again.");
	mall->m_full = counter(host, "troupe_mall_full_total", "Orders that had to wait for their turn, too many being open.");
	return TROUPE_OK;
}

static int32_t mall_start(void *instance, struct troupe_error *reterr)
{
	struct mall *mall = instance;
	int32_t status = store_open(&mall->store, mall->h, mall, mall->options->database, reterr);

	if (status == TROUPE_OK) {
		mall_stock_apply(mall);
		status = mall_outbox_start(mall, reterr);
	}
	return status;
}

static int32_t mall_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	struct mall *mall = instance;
	int32_t status = mall_offers_check(options, reterr);

	if (status == TROUPE_OK) {
		mall->options = options;
		mall_stock_apply(mall);
	}
	return status;
}

/* Orders that are open stay so: the outbox goes on with them at the next start. */
static void mall_drain(void *instance)
{
	struct mall *mall = instance;

	mall->h->timer_stop(mall->h, mall->timer);
	store_drain(&mall->store);
}

static void mall_destroy(void *instance)
{
	struct mall *mall = instance;

	mall_outbox_stop(mall);
	store_close(&mall->store);
}

static const struct troupe_option offer_fields[] = {
	{ .name = "item", .help = "The kind of item.", .type = TROUPE_OPTION_STRING,
	  .flags = TROUPE_OPTION_REQUIRED | TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct mall_offer, item), .min = 1, .max = MALL_OFFER_MAX },
	{ .name = "count", .help = "How many of it.", .fallback = "1", .type = TROUPE_OPTION_INT,
	  .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct mall_offer, count), .min = 1, .max = 1000000 },
	{ .name = "currency", .help = "What it is paid in.", .type = TROUPE_OPTION_STRING,
	  .flags = TROUPE_OPTION_REQUIRED | TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct mall_offer, currency), .min = 1, .max = MALL_CURRENCY_MAX },
	{ .name = "price", .help = "In the currency's smallest unit.", .type = TROUPE_OPTION_INT,
	  .flags = TROUPE_OPTION_REQUIRED | TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct mall_offer, price), .min = 1, .max = INT64_MAX },
	{ .name = "stock", .help = "How often it is sold in all; -1 = without end. More is added by a larger number.",
	  .fallback = "-1", .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct mall_offer, stock), .min = -1, .max = INT32_MAX },
	{ 0 },
};

static const struct troupe_option mall_options[] = {
	{ .name = "database", .help = "The database that keeps the orders.", .type = TROUPE_OPTION_DATABASE,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct mall_options, database) },
	{ .name = "offers", .help = "What is sold, by the offer's name.", .type = TROUPE_OPTION_MAP,
	  .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct mall_options, offers),
	  .item_size = sizeof(struct mall_offer), .fields = offer_fields },
	{ 0 },
};

static const struct troupe_method mall_methods[] = {
	MALL_OFFERS(mall_on_offers), MALL_BUY(mall_on_buy), MALL_ORDER(mall_on_order), MALL_CANCEL(mall_on_cancel), { 0 },
};

static const struct troupe_role mall_role = {
	.size = sizeof(struct troupe_role),
	.instance_size = sizeof(struct mall),
	.options_size = sizeof(struct mall_options),
	.check = mall_check,
	.create = mall_create,
	.start = mall_start,
	.configure = mall_configure,
	.drain = mall_drain,
	.destroy = mall_destroy,
};

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "mall",
	.version = "0.1.0",
	.summary = "Sells items for money: each order ends exactly one way.",
	.parts = (const char *const[]){ "base", NULL },
	.provides = (const char *const[]){ "mall", NULL },
	.needs = (const char *const[]){ "billing", NULL },
	.uses = (const char *const[]){ "item", NULL },
	.options = mall_options,
	.commands = mall_commands,
	.methods = mall_methods,
	.role = &mall_role,
};
