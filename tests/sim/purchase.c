/* SPDX-License-Identifier: MIT */
/* Purchases under faults: the players. */
#include "purchase.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avatar.stub.h"
#include "billing.stub.h"
#include "mall.stub.h"

#define BASE \
	"cluster \"sim\" {}\n" \
	"part \"base\"\n" \
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n" \
	"billing { database = \"base\", currencies = { gold = { title = \"Gold\" } } }\n" \
	"mall { database = \"base\", offers = {\n" \
	"  apple = { item = \"apple\", currency = \"gold\", price = 30 },\n" \
	"  rare = { item = \"rare\", count = 2, currency = \"gold\", price = 10, stock = 4 } } }\n"
#define MASTER(name) "master" name " { database = \"base\" }\n"
#define SHARD(name) \
	"part \"shard:" name "\"\n" \
	"database \"" name "\" { driver = \"leveldb\", path = \"" name "\" }\n" \
	"itemstore { database = \"" name "\" }\n"
#define HOST(name, what) "host \"" name "\" { run = \"" what "\" }\n"

const struct topology topologies[] = {
	{ "one", "everything in one host, where each message may get lost", { "meadow" }, BASE SHARD("meadow") },
	{ "shards", "a host for the base, and one for each of two shards", { "meadow", "forest" },
	  BASE MASTER("") SHARD("meadow") SHARD("forest")
	  HOST("base", "base/*") HOST("meadow", "meadow/*") HOST("forest", "forest/*") },
	{ "each", "a host for each instance, two of them with a master", { "meadow" },
	  BASE MASTER(" \"first\"") MASTER(" \"second\"") SHARD("meadow")
	  HOST("data", "base/database") HOST("master1", "base/master.first") HOST("master2", "base/master.second")
	  HOST("billing", "base/billing") HOST("mall", "base/mall")
	  HOST("meadow", "meadow/database") HOST("items", "meadow/itemstore") },
	{ 0 },
};

void broken(struct purchase *run, const char *format, ...)
{
	va_list args;

	if (run->broken[0] == '\0') {
		va_start(args, format);
		vsnprintf(run->broken, sizeof(run->broken), format, args);
		va_end(args);
	}
}

static void settle(struct wish *wish, enum told told)
{
	if (!wish->settled) {
		wish->settled = 1;
		wish->told = told;
		wish->player->settled++;
	} else if (wish->told != told && told != TOLD_NOTHING) {
		broken(wish->player->run, "I8: one key was answered %s and later %s",
		       wish->told == TOLD_YOURS ? "yes" : "no", told == TOLD_YOURS ? "yes" : "no");
	}
}

/* --- what players send ---------------------------------------------------------------------------- */

static void try(struct wish *wish, uint64_t after_us);

/* order_told: what an order's state tells its buyer. After an answer that settles it he asks once more, to see that
 * the answer stays. */
static void order_told(struct wish *wish, const Mall__Order *order)
{
	switch (order->has_state ? order->state : MALL__ORDER_STATE__NEW) {
	case MALL__ORDER_STATE__GRANTED:
	case MALL__ORDER_STATE__DONE:
		settle(wish, TOLD_YOURS);
		break;
	case MALL__ORDER_STATE__FAILED:
	case MALL__ORDER_STATE__REJECTED:
		settle(wish, TOLD_NO);
		break;
	default:
		break;
	}
}

static void on_buy(void *instance, void *arg, const struct troupe_reply *reply, const Mall__BuyReply *body)
{
	struct wish *wish = arg;
	int was_settled = wish->settled;

	(void)instance;
	if (body != NULL && body->order != NULL) {
		order_told(wish, body->order);
	} else if (reply->status != TROUPE_OK && troupe_outcome_of(reply->status) == TROUPE_REFUSED &&
		   reply->status != TROUPE_RESOURCE_EXHAUSTED && reply->status != TROUPE_ABORTED) {
		settle(wish, TOLD_NO);
	}
	if (!was_settled) {
		try(wish, 200000);
	}
}

static void on_cancel(void *instance, void *arg, const struct troupe_reply *reply, const Mall__CancelReply *body)
{
	(void)instance;
	(void)reply;
	if (body != NULL && body->order != NULL) {
		order_told(arg, body->order);
	}
}

static void on_grant(void *instance, void *arg, const struct troupe_reply *reply, const Billing__GrantReply *body)
{
	struct wish *wish = arg;
	int was_settled = wish->settled;

	(void)instance;
	(void)body;
	if (reply->status == TROUPE_OK) {
		settle(wish, TOLD_YOURS);
	}
	if (!was_settled) {
		try(wish, 300000);
	}
}

static void send_buy(struct wish *wish)
{
	struct player *player = wish->player;
	const struct troupe_host *h = player->frontend;
	struct proto_to to = { .account = player->account, .actor = player->avatar, .session = 1, .timeout_ms = 2000 };
	Mall__BuyRequest request = MALL__BUY_REQUEST__INIT;
	Mall__CancelRequest cancel = MALL__CANCEL_REQUEST__INIT;

	if (wish->cancel && (wish->sent_cancel || wish->tries >= (unsigned)wish->cancel)) {
		wish->sent_cancel = 1;
		cancel.has_key = 1;
		cancel.key = (ProtobufCBinaryData){ 16, wish->key };
		mall_cancel(h, &cancel, &to, on_cancel, wish);
	}
	request.has_key = request.has_price = request.has_avatar = 1;
	request.key = (ProtobufCBinaryData){ 16, wish->key };
	request.offer = (char *)wish->offer;
	request.price = wish->price;
	request.avatar = player->avatar;
	mall_buy(h, &request, &to, on_buy, wish);
}

static void send_grant(struct wish *wish)
{
	struct proto_to to = { .timeout_ms = 1000 };
	Billing__GrantRequest request = BILLING__GRANT_REQUEST__INIT;

	request.has_key = request.has_account = request.has_amount = 1;
	request.key = (ProtobufCBinaryData){ 16, wish->key };
	request.account = wish->player->account;
	request.amount = wish->price;
	request.currency = CURRENCY;
	request.reason = "sim";
	billing_grant(wish->player->run->console, &request, &to, on_grant, wish);
}

static void due(void *instance, void *arg)
{
	struct wish *wish = arg;

	(void)instance;
	wish->tries++;
	if (wish->is_grant) {
		send_grant(wish);
	} else {
		send_buy(wish);
	}
}

static void try(struct wish *wish, uint64_t after_us)
{
	const struct troupe_host *h = wish->player->frontend;

	h->timer_start(h, after_us / 1000 + 1, due, wish);
}

/* --- one seed ------------------------------------------------------------------------------------- */

static void on_avatar(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__CreateReply *body)
{
	struct player *player = arg;

	(void)instance;
	if (body == NULL || body->avatar == NULL) {
		broken(player->run, "preparation: no avatar: %s", reply->reason);
		return;
	}
	player->avatar = body->avatar->id;
	player->run->prepared++;
}

static void prepare(struct purchase *run)
{
	static const char *const names[PLAYERS] = { "Ann", "Ben", "Cat" };

	for (unsigned i = 0; i < PLAYERS; i++) {
		struct player *player = &run->players[i];
		struct proto_to to = { .account = i + 1 };
		Avatar__CreateRequest request = AVATAR__CREATE_REQUEST__INIT;

		player->run = run;
		player->frontend = run->frontends[run->frontends[1] != NULL ? i % 2 : 0];
		player->account = i + 1;
		request.name = (char *)names[i];
		avatar_create(player->frontend, &request, &to, on_avatar, player);
	}
	sim_run(run->sim, 1000);
	if (run->prepared != PLAYERS) {
		broken(run, "preparation: %u of %u avatars", run->prepared, PLAYERS);
	}
}

static uint32_t below(struct sim *sim, uint32_t bound)
{
	return (uint32_t)(sim_random(sim) % bound);
}

static void wishes_make(struct purchase *run)
{
	for (unsigned i = 0; i < PLAYERS; i++) {
		struct player *player = &run->players[i];
		unsigned count = 4 + below(run->sim, WISHES_MAX - 4);

		for (unsigned n = 0; n < count; n++) {
			struct wish *wish = &player->wishes[player->wishes_len++];
			int rare = below(run->sim, 2) == 0;

			wish->player = player;
			wish->is_grant = n == 0 || below(run->sim, 4) == 0;
			wish->offer = rare ? "rare" : "apple";
			wish->price = wish->is_grant ? GRANT_AMOUNT : rare ? 10 : 30;
			wish->cancel = below(run->sim, 3) == 0 ? 1 + (int)below(run->sim, 3) : 0;
			for (unsigned b = 0; b < 16; b++) {
				wish->key[b] = (uint8_t)sim_random(run->sim);
			}
			try(wish, below(run->sim, 4000000));
		}
	}
}

static void faults_draw(struct sim *sim, struct sim_faults *faults, int several)
{
	memset(faults, 0, sizeof(*faults));
	faults->lost = below(sim, 300000);
	faults->repeated = below(sim, 300000);
	faults->late = below(sim, 300000);
	faults->late_us = 1000 + below(sim, 4000000);
	faults->commit_unknown = below(sim, 60000);
	faults->commit_slow = below(sim, 200000);
	faults->crash = below(sim, 8000);
	faults->power = below(sim, 800);
	faults->restart_us = 1000 + below(sim, 1000000);
	if (several) {
		faults->cut = below(sim, 60000);
		faults->stop = below(sim, 8000);
		faults->cut_us = 1000 + below(sim, 6000000);
	}
}

static int all_settled(const struct purchase *run)
{
	for (unsigned i = 0; i < PLAYERS; i++) {
		if (run->players[i].settled < run->players[i].wishes_len) {
			return 0;
		}
	}
	return 1;
}

/* As a front-end it is found, though nobody calls it. */
static const struct troupe_method frontend_methods[] = { { .name = "frontend.none", .id = 1 }, { 0 } };

static const struct troupe_host *frontend_new(struct purchase *run, const char *shard)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/frontend.sim", shard);
	snprintf(run->parts[run->parts_len], sizeof(run->parts[0]), "shard:%s", shard);
	return sim_actor(run->sim, name, run->parts[run->parts_len++], run, frontend_methods);
}

int purchase_run(struct purchase *run, const struct topology *topology, const struct config *config, uint64_t seed)
{
	struct sim_faults faults;

	memset(run, 0, sizeof(*run));
	run->sim = sim_open(config, seed);
	for (unsigned i = 0; i < SHARDS_MAX && topology->shards[i] != NULL; i++) {
		run->frontends[i] = frontend_new(run, topology->shards[i]);
	}
	run->console = sim_actor(run->sim, "base/console.sim", "base", run, NULL);
	if (config->hosts_len > 1) {
		sim_run(run->sim, 1000); /* the links come up */
	}
	prepare(run);
	faults_draw(run->sim, &faults, config->hosts_len > 1);
	sim_faults(run->sim, &faults);
	wishes_make(run);
	for (int s = 0; s < 30 && run->broken[0] == '\0'; s++) {
		sim_run(run->sim, 1000);
		books_check(run, 0);
	}
	/* then nothing goes wrong any more, and everything must end */
	sim_faults(run->sim, NULL);
	for (int s = 0; s < 120 && run->broken[0] == '\0'; s++) {
		sim_run(run->sim, 1000);
		if (s >= 30 && all_settled(run)) {
			break;
		}
	}
	if (!all_settled(run)) {
		broken(run, "liveness: a player still waits for an answer two minutes after the last fault");
	}
	books_check(run, 1);
	return run->broken[0] != '\0';
}
