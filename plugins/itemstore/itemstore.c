/* SPDX-License-Identifier: MIT */
/* Avatars and items of a shard. The descriptor and the life of the role. */
#include "itemstore.h"

#include <stddef.h>
#include <stdio.h>

#include "secret/secret.h"

static uint32_t counter(const struct troupe_host *h, const char *name, const char *help)
{
	struct troupe_metric metric = { .size = sizeof(metric), .kind = TROUPE_COUNTER, .name = name, .help = help };

	return h->metric(h, &metric);
}

static int32_t itemstore_create(void *instance, const struct troupe_host *host, const void *options,
				struct troupe_error *reterr)
{
	struct itemstore *itemstore = instance;

	itemstore->h = host;
	itemstore->options = options;
	if (secret_init() != 0) {
		reterr->status = TROUPE_UNAVAILABLE;
		snprintf(reterr->text, sizeof(reterr->text), "the hash library does not start");
		return TROUPE_UNAVAILABLE;
	}
	itemstore->m_granted = counter(host, "troupe_item_granted_total", "Grants answered with done.");
	itemstore->m_refused = counter(host, "troupe_item_refused_total", "Grants refused.");
	itemstore->m_cancelled = counter(host, "troupe_item_cancelled_total", "Orders cancelled before their grant.");
	return TROUPE_OK;
}

static int32_t itemstore_start(void *instance, struct troupe_error *reterr)
{
	struct itemstore *itemstore = instance;

	return store_open(&itemstore->store, itemstore->h, itemstore, itemstore->options->database, reterr);
}

static int32_t itemstore_configure(void *instance, const void *options, struct troupe_error *reterr)
{
	(void)reterr;
	((struct itemstore *)instance)->options = options;
	return TROUPE_OK;
}

static void itemstore_drain(void *instance)
{
	store_drain(&((struct itemstore *)instance)->store);
}

static void itemstore_destroy(void *instance)
{
	store_close(&((struct itemstore *)instance)->store);
}

static const struct troupe_option itemstore_options[] = {
	{ .name = "database", .help = "The database that keeps the shard's avatars and items.", .type = TROUPE_OPTION_DATABASE,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct itemstore_options, database) },
	{ .name = "avatar_slots", .help = "Avatars that an account may have in this shard.", .fallback = "8",
	  .type = TROUPE_OPTION_INT, .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct itemstore_options, avatar_slots),
	  .min = 1, .max = AVATAR_SLOTS_MAX },
	{ .name = "bag_slots", .help = "Items that fit in an avatar's bag.", .fallback = "40", .type = TROUPE_OPTION_INT,
	  .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct itemstore_options, bag_slots), .min = 1,
	  .max = ITEM_BAG_MAX },
	{ 0 },
};

static const struct troupe_method methods[] = {
	AVATAR_CREATE(avatar_on_create), AVATAR_LIST(avatar_on_list),	   AVATAR_DELETE(avatar_on_delete),
	AVATAR_LOAD(avatar_on_load),	 AVATAR_SAVE(avatar_on_save), ITEM_GRANT(item_on_grant),
	ITEM_CANCEL(item_on_cancel),	 ITEM_INVENTORY(item_on_inventory), ITEM_TAKE(item_on_take),
	{ 0 },
};

static const struct troupe_role itemstore_role = {
	.size = sizeof(struct troupe_role),
	.instance_size = sizeof(struct itemstore),
	.options_size = sizeof(struct itemstore_options),
	.create = itemstore_create,
	.start = itemstore_start,
	.configure = itemstore_configure,
	.drain = itemstore_drain,
	.destroy = itemstore_destroy,
};

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "itemstore",
	.version = "0.1.0",
	.summary = "Keeps a shard's avatars and their items.",
	.parts = (const char *const[]){ "shard", NULL },
	.provides = (const char *const[]){ "avatar", "item", NULL },
	.options = itemstore_options,
	.commands = itemstore_commands,
	.methods = methods,
	.role = &itemstore_role,
};
