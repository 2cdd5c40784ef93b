/* SPDX-License-Identifier: MIT */
/* Money: a double-entry ledger with holds. The descriptor and the life of the role. */
#include "billing.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "secret/secret.h"

const struct billing_currency *billing_currency(const struct billing *billing, const char *name)
{
	const struct billing_currency *items = billing->options->currencies.items;

	for (uint32_t i = 0; i < billing->options->currencies.count; i++) {
		if (strcmp(items[i].name, name) == 0) {
			return &items[i];
		}
	}
	return NULL;
}

static int32_t fail(struct troupe_error *reterr, const char *name, const char *text, const char *help)
{
	reterr->status = TROUPE_INVALID_ARGUMENT;
	snprintf(reterr->text, sizeof(reterr->text), "currencies: %s%s", name, text);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return TROUPE_INVALID_ARGUMENT;
}

static int32_t billing_check(const struct troupe_check_in *in, struct troupe_error *reterr)
{
	const struct billing_options *options = in->options;
	const struct billing_currency *items = options->currencies.items;

	if (options->currencies.count == 0) {
		return fail(reterr, "", "there is none", "add one, such as currencies = { gold = { title = \"Gold\" } }");
	}
	if (options->currencies.count > BILLING_CURRENCIES_MAX) {
		return fail(reterr, "", "there are more than 16", "leave some out");
	}
	for (uint32_t i = 0; i < options->currencies.count; i++) {
		if (strlen(items[i].name) > BILLING_NAME_MAX) {
			return fail(reterr, items[i].name, " is longer than 16 letters",
				    "give it a short name, and the long one as its title");
		}
	}
	return TROUPE_OK;
}

static uint32_t counter(const struct troupe_host *h, const char *name, const char *help)
{
	struct troupe_metric metric = { .size = sizeof(metric), .kind = TROUPE_COUNTER, .name = name, .help = help };

	return h->metric(h, &metric);
}

static int32_t billing_create(void *instance, const struct troupe_host *host, const void *options,
			      struct troupe_error *reterr)
{
	struct billing *billing = instance;

	billing->h = host;
	billing->options = options;
	if (secret_init() != 0) {
		reterr->status = TROUPE_UNAVAILABLE;
		snprintf(reterr->text, sizeof(reterr->text), "the hash library does not start");
		return TROUPE_UNAVAILABLE;
	}
	billing->m_held = counter(host, "troupe_billing_held_total", "Holds answered with done.");
	billing->m_refused = counter(host, "troupe_billing_refused_total", "Holds refused.");
	billing->m_posted = counter(host, "troupe_billing_posted_total", "Posts answered with done.");
	billing->m_voided = counter(host, "troupe_billing_voided_total", "Voids answered with done.");
	billing->m_granted = counter(host, "troupe_billing_granted_total", "Grants made.");
	return TROUPE_OK;
}

static int32_t billing_start(void *instance, struct troupe_error *reterr)
{
	struct billing *billing = instance;

	return store_open(&billing->store, billing->h, billing, billing->options->database, reterr);
}

/* Currencies may be added and renamed in title while running; money in one that is taken away stays where it is. */
static int32_t billing_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	struct billing *billing = instance;
	struct troupe_check_in in = { .size = sizeof(in), .options = options };
	int32_t status = billing_check(&in, reterr);

	if (status == TROUPE_OK) {
		billing->options = options;
	}
	return status;
}

static void billing_drain(void *instance)
{
	store_drain(&((struct billing *)instance)->store);
}

static void billing_destroy(void *instance)
{
	store_close(&((struct billing *)instance)->store);
}

static const struct troupe_option currency_fields[] = {
	{ .name = "title", .help = "What players read.", .fallback = "", .type = TROUPE_OPTION_STRING,
	  .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct billing_currency, title), .max = 64 },
	{ .name = "decimals", .help = "Digits after the point when it is shown; amounts are kept in the smallest unit.",
	  .fallback = "0", .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE,
	  .offset = offsetof(struct billing_currency, decimals), .max = 6 },
	{ 0 },
};

static const struct troupe_option billing_options[] = {
	{ .name = "database", .help = "The database that keeps the ledger.", .type = TROUPE_OPTION_DATABASE,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct billing_options, database) },
	{ .name = "currencies", .help = "The currencies there are, by their short names.", .type = TROUPE_OPTION_MAP,
	  .flags = TROUPE_OPTION_REQUIRED | TROUPE_OPTION_LIVE, .offset = offsetof(struct billing_options, currencies),
	  .item_size = sizeof(struct billing_currency), .fields = currency_fields },
	{ 0 },
};

static const struct troupe_method billing_methods[] = {
	BILLING_BALANCE(billing_on_balance), BILLING_HOLD(billing_on_hold),   BILLING_POST(billing_on_post),
	BILLING_VOID(billing_on_void),	     BILLING_GRANT(billing_on_grant), { 0 },
};

static const struct troupe_role billing_role = {
	.size = sizeof(struct troupe_role),
	.instance_size = sizeof(struct billing),
	.options_size = sizeof(struct billing_options),
	.check = billing_check,
	.create = billing_create,
	.start = billing_start,
	.configure = billing_configure,
	.drain = billing_drain,
	.destroy = billing_destroy,
};

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "billing",
	.version = "0.1.0",
	.summary = "Keeps players' money in a double-entry ledger with holds.",
	.parts = (const char *const[]){ "base", NULL },
	.provides = (const char *const[]){ "billing", NULL },
	.options = billing_options,
	.commands = billing_commands,
	.methods = billing_methods,
	.role = &billing_role,
};
