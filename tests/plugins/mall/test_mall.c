/* SPDX-License-Identifier: MIT */
/* The shop, with the real billing and item store beside it: every order ends one way, and the books agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "avatar.stub.h"
#include "billing.stub.h"
#include "item.stub.h"
#include "mall.stub.h"
#include "plugins/lib/asker.h"

static const char config_text[] =
	"part \"base\"\n"
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
	"billing { database = \"base\", currencies = { gold = {}, gem = {} } }\n"
	"mall { database = \"base\", offers = {\n"
	"  lantern = { item = \"lantern\", currency = \"gold\", price = 30 },\n"
	"  hat = { item = \"hat\", currency = \"gold\", price = 10, stock = 3 },\n"
	"  iron = { item = \"bar\", currency = \"iron\", price = 10 } } }\n"
	"part \"shard:meadow\"\n"
	"database \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
	"itemstore { database = \"meadow\" }\n";

struct fixture {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *frontend, *console;
	uint64_t avatar; /* of account 7 */
	struct answer answer;
};

static void grant_start(struct fixture *f, uint8_t key, uint64_t account, int64_t amount, struct answer *answer)
{
	Billing__GrantRequest request = BILLING__GRANT_REQUEST__INIT;
	uint8_t bytes[16] = { key };

	request.has_key = request.has_account = request.has_amount = 1;
	request.key = (ProtobufCBinaryData){ .len = 16, .data = bytes };
	request.account = account;
	request.currency = (char *)"gold";
	request.amount = amount;
	request.reason = (char *)"test";
	ask_start(f->console, BILLING_GRANT_ID, "billing", &request, 0, answer);
}

static void grant(struct fixture *f, uint8_t key, uint64_t account, int64_t amount)
{
	grant_start(f, key, account, amount, &f->answer);
	assert_true(sim_run_until(f->sim, &f->answer.done, 20000));
	assert_int_equal(f->answer.status, TROUPE_OK);
}

static uint64_t avatar_make(struct fixture *f, uint64_t account, const char *name)
{
	Avatar__CreateRequest create = AVATAR__CREATE_REQUEST__INIT;
	Avatar__CreateReply *reply;
	uint64_t id;

	create.name = (char *)name;
	ask(f->sim, f->frontend, AVATAR_CREATE_ID, "avatar", &create, account, &f->answer);
	reply = ask_unpack(&f->answer, &avatar__create_reply__descriptor);
	id = reply->avatar->id;
	avatar__create_reply__free_unpacked(reply, NULL);
	return id;
}

static int setup_seed(void **state, uint64_t seed)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	f->config = sim_config(config_text, NULL);
	assert_non_null(f->config);
	f->sim = sim_open(f->config, seed);
	f->frontend = sim_actor(f->sim, "meadow/frontend", "shard:meadow", f, NULL);
	f->console = sim_actor(f->sim, "base/console", "base", f, NULL);
	sim_run(f->sim, 10);
	f->avatar = avatar_make(f, 7, "Ann");
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_seed(state, 1);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sim_close(f->sim);
	config_free(f->config);
	test_free(f);
	return 0;
}

static void buy_start(struct fixture *f, uint16_t key, const char *offer, int64_t price, struct answer *answer)
{
	Mall__BuyRequest request = MALL__BUY_REQUEST__INIT;
	uint8_t bytes[16] = { (uint8_t)key, (uint8_t)(key >> 8) };

	request.has_key = request.has_price = request.has_avatar = 1;
	request.key = (ProtobufCBinaryData){ .len = 16, .data = bytes };
	request.offer = (char *)offer;
	request.price = price;
	request.avatar = f->avatar;
	ask_start(f->frontend, MALL_BUY_ID, "mall", &request, 7, answer);
}

static int state_of(const struct answer *answer, char *ret_reason)
{
	Mall__BuyReply *reply = ask_unpack(answer, &mall__buy_reply__descriptor); /* all three replies look the same */
	int state = (int)reply->order->state;

	strcpy(ret_reason, reply->order->reason != NULL ? reply->order->reason : "");
	mall__buy_reply__free_unpacked(reply, NULL);
	return state;
}

static void expect(struct fixture *f, int state, const char *reason)
{
	char text[128];
	int got;

	assert_true(sim_run_until(f->sim, &f->answer.done, 20000));
	assert_string_equal(f->answer.reason, "");
	got = state_of(&f->answer, text);
	assert_string_equal(text, reason);
	assert_int_equal(got, state);
}

static void buy(struct fixture *f, uint16_t key, const char *offer, int64_t price)
{
	buy_start(f, key, offer, price, &f->answer);
	assert_true(sim_run_until(f->sim, &f->answer.done, 20000));
}

static void by_key(struct fixture *f, uint32_t method, uint16_t key, uint64_t account)
{
	Mall__OrderRequest look = MALL__ORDER_REQUEST__INIT;
	Mall__CancelRequest cancel = MALL__CANCEL_REQUEST__INIT;
	uint8_t bytes[16] = { (uint8_t)key, (uint8_t)(key >> 8) };

	look.has_key = cancel.has_key = 1;
	look.key = cancel.key = (ProtobufCBinaryData){ .len = 16, .data = bytes };
	ask(f->sim, f->frontend, method, "mall", method == MALL_ORDER_ID ? (void *)&look : (void *)&cancel, account,
	    &f->answer);
}

static void order_id(struct fixture *f, uint8_t *ret_id)
{
	Mall__OrderReply *reply = ask_unpack(&f->answer, &mall__order_reply__descriptor); /* a buy's looks the same */

	assert_int_equal(reply->order->id.len, 16);
	memcpy(ret_id, reply->order->id.data, 16);
	mall__order_reply__free_unpacked(reply, NULL);
}

static void expect_gold(struct fixture *f, int64_t posted, int64_t pending)
{
	static const Billing__BalanceRequest request = BILLING__BALANCE_REQUEST__INIT;
	Billing__BalanceReply *reply;

	ask(f->sim, f->frontend, BILLING_BALANCE_ID, "billing", &request, 7, &f->answer);
	reply = ask_unpack(&f->answer, &billing__balance_reply__descriptor);
	assert_int_equal(reply->balances[0]->posted, posted);
	assert_int_equal(reply->balances[0]->pending, pending);
	billing__balance_reply__free_unpacked(reply, NULL);
}

static size_t items(struct fixture *f)
{
	Item__InventoryRequest request = ITEM__INVENTORY_REQUEST__INIT;
	Item__InventoryReply *reply;
	size_t count;

	request.has_avatar = 1;
	request.avatar = f->avatar;
	ask(f->sim, f->frontend, ITEM_INVENTORY_ID, "item", &request, 7, &f->answer);
	reply = ask_unpack(&f->answer, &item__inventory_reply__descriptor);
	count = reply->n_items;
	item__inventory_reply__free_unpacked(reply, NULL);
	return count;
}

static void all_fine(struct fixture *f)
{
	ask_fine(f->sim, "base/billing", "verify");
	ask_fine(f->sim, "meadow/itemstore", "verify");
	ask_fine(f->sim, "base/mall", "audit");
}

/* --- one order ------------------------------------------------------------------------------------ */

static void test_buy(void **state)
{
	struct fixture *f = *state;
	uint8_t bought[16], looked[16];

	grant(f, 1, 7, 100);
	for (int again = 0; again < 3; again++) {
		buy(f, 1, "lantern", 30);
		order_id(f, bought);
		expect(f, again == 0 ? MALL__ORDER_STATE__GRANTED : MALL__ORDER_STATE__DONE, "");
		sim_run(f->sim, 10);
		expect_gold(f, 70, 0);
		assert_int_equal(items(f), 1);
	}
	by_key(f, MALL_CANCEL_ID, 1, 7);
	expect(f, MALL__ORDER_STATE__DONE, "");
	by_key(f, MALL_ORDER_ID, 1, 7);
	expect(f, MALL__ORDER_STATE__DONE, "");
	order_id(f, looked);
	assert_memory_equal(looked, bought, sizeof(looked));
	by_key(f, MALL_ORDER_ID, 1, 8); /* another's key names another order */
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "mall.no_order");
	all_fine(f);
}

static void test_no_money(void **state)
{
	struct fixture *f = *state;

	buy(f, 1, "hat", 10);
	expect(f, MALL__ORDER_STATE__REJECTED, "billing.insufficient");
	grant(f, 1, 7, 100);
	buy(f, 1, "hat", 10);
	expect(f, MALL__ORDER_STATE__REJECTED, "billing.insufficient");
	buy(f, 2, "iron", 10);
	expect(f, MALL__ORDER_STATE__REJECTED, "billing.currency");
	assert_int_equal(items(f), 0);
	all_fine(f);
}

static void test_not_your_avatar(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	f->avatar = avatar_make(f, 8, "Ben");
	buy(f, 1, "hat", 10);
	expect(f, MALL__ORDER_STATE__FAILED, "item.no_avatar");
	expect_gold(f, 100, 0);
	all_fine(f);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	buy(f, 1, "lantern", 29);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "mall.price");
	buy(f, 1, "lantern", -30);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "mall.price");
	buy(f, 1, "moon", 30);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "mall.offer");
	buy(f, 1, "lantern", 30);
	expect(f, MALL__ORDER_STATE__GRANTED, "");
	buy(f, 1, "hat", 10);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "mall.key_reused");
	f->avatar++;
	buy(f, 1, "lantern", 30);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "mall.key_reused");
	f->avatar = 0;
	buy(f, 3, "lantern", 30);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "mall.avatar");
	by_key(f, MALL_ORDER_ID, 1, 0);
	assert_refused(&f->answer, TROUPE_UNAUTHENTICATED, "mall.no_account");
	all_fine(f);
}

static void test_stock(void **state)
{
	struct fixture *f = *state;
	struct answer *answers = test_calloc(20, sizeof(*answers));
	char reason[128];
	int sold = 0;

	grant(f, 1, 7, 1000);
	for (uint16_t i = 0; i < 20; i++) {
		buy_start(f, (uint16_t)(i + 1), "hat", 10, &answers[i]);
	}
	for (int i = 0; i < 20; i++) {
		assert_true(sim_run_until(f->sim, &answers[i].done, 20000));
		if (state_of(&answers[i], reason) == MALL__ORDER_STATE__REJECTED) {
			assert_string_equal(reason, "mall.sold_out");
		} else {
			sold++;
		}
	}
	assert_int_equal(sold, 3);
	sim_run(f->sim, 100);
	expect_gold(f, 970, 0);
	assert_int_equal(items(f), 3);
	all_fine(f);
	test_free(answers);
}

/* --- cancels -------------------------------------------------------------------------------------- */

static void test_cancel_before_buy(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	by_key(f, MALL_CANCEL_ID, 1, 7);
	expect(f, MALL__ORDER_STATE__FAILED, "mall.cancelled");
	buy(f, 1, "lantern", 30);
	expect(f, MALL__ORDER_STATE__FAILED, "mall.cancelled");
	expect_gold(f, 100, 0);
	all_fine(f);
}

static void test_cancel_while_shard_is_away(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	sim_db_down(f->sim, "meadow", 1);
	buy(f, 1, "hat", 10);
	expect(f, MALL__ORDER_STATE__HELD, ""); /* after 4 s: not yours yet, ask again */
	expect_gold(f, 100, 10);
	by_key(f, MALL_CANCEL_ID, 1, 7);
	expect(f, MALL__ORDER_STATE__CANCELLING, "mall.cancelled");
	sim_db_down(f->sim, "meadow", 0);
	sim_run(f->sim, 30000);
	by_key(f, MALL_ORDER_ID, 1, 7);
	expect(f, MALL__ORDER_STATE__FAILED, "mall.cancelled");
	expect_gold(f, 100, 0);
	assert_int_equal(items(f), 0);
	all_fine(f);
}

static void test_outbox(void **state)
{
	static const struct sim_faults slow = { .restart_us = 3000000 };
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	sim_db_down(f->sim, "meadow", 1);
	buy(f, 1, "hat", 10);
	expect(f, MALL__ORDER_STATE__HELD, "");
	sim_faults(f->sim, &slow);
	sim_power(f->sim);
	sim_db_down(f->sim, "meadow", 0);
	sim_run(f->sim, 20000); /* nobody asks: the outbox alone brings it to its end */
	by_key(f, MALL_ORDER_ID, 1, 7);
	expect(f, MALL__ORDER_STATE__DONE, "");
	assert_int_equal(items(f), 1);
	all_fine(f);
}

/* --- everything goes wrong ------------------------------------------------------------------------ */

#define STORM_ORDERS 40
#define STORM_GRANTS 12 /* money comes late: a hold that was refused could succeed when it is repeated */

static void storm(uint64_t seed)
{
	static const struct sim_faults faults = {
		.lost = 50000, .repeated = 50000, .late = 100000, .late_us = 3000000, .commit_unknown = 50000,
		.commit_slow = 50000, .crash = 500, .power = 50, .restart_us = 200000,
	};
	struct fixture *f;
	struct answer *answers = test_calloc(STORM_ORDERS * 3, sizeof(*answers));
	struct answer *grants = test_calloc(STORM_GRANTS, sizeof(*grants));
	int64_t spent = 0;
	size_t bought = 0;
	char reason[128];

	setup_seed((void **)&f, seed);
	sim_faults(f->sim, &faults);
	for (int i = 0; i < STORM_ORDERS * 3; i++) {
		uint16_t key = (uint16_t)(1 + sim_random(f->sim) % STORM_ORDERS);

		if (sim_random(f->sim) % 4 == 0) {
			Mall__CancelRequest cancel = MALL__CANCEL_REQUEST__INIT;
			uint8_t bytes[16] = { (uint8_t)key };

			cancel.has_key = 1;
			cancel.key = (ProtobufCBinaryData){ .len = 16, .data = bytes };
			ask_start(f->frontend, MALL_CANCEL_ID, "mall", &cancel, 7, &answers[i]);
		} else {
			buy_start(f, key, key % 3 ? "lantern" : "hat", key % 3 ? 30 : 10, &answers[i]);
		}
		if (i % 10 == 9) {
			grant_start(f, (uint8_t)(i / 10), 7, 40, &grants[i / 10]);
		}
		sim_run(f->sim, sim_random(f->sim) % 500);
	}
	sim_faults(f->sim, NULL);
	for (uint8_t i = 0; i < STORM_GRANTS; i++) {
		sim_run_until(f->sim, &grants[i].done, 20000);
		grant(f, i, 7, 40);
	}
	sim_run(f->sim, 120000);
	for (uint16_t key = 1; key <= STORM_ORDERS; key++) {
		by_key(f, MALL_ORDER_ID, key, 7);
		if (f->answer.status == TROUPE_NOT_FOUND) {
			continue;
		}
		switch (state_of(&f->answer, reason)) {
		case MALL__ORDER_STATE__DONE:
			bought++;
			spent += key % 3 ? 30 : 10;
			break;
		case MALL__ORDER_STATE__FAILED:
		case MALL__ORDER_STATE__REJECTED:
			break;
		default:
			fail_msg("seed %d: order %d is still open", (int)seed, key);
		}
	}
	expect_gold(f, STORM_GRANTS * 40 - spent, 0);
	assert_int_equal(items(f), bought);
	all_fine(f);
	teardown((void **)&f);
	test_free(answers);
	test_free(grants);
}

static void test_storm(void **state)
{
	const char *text = getenv("STORM_SEEDS");
	uint64_t seeds = text != NULL ? strtoull(text, NULL, 10) : 100;

	(void)state;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		print_message("# seed %d\n", (int)seed);
		storm(seed);
	}
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(test_buy),
		CASE(test_no_money),
		CASE(test_not_your_avatar),
		CASE(test_refused),
		CASE(test_stock),
		CASE(test_cancel_before_buy),
		CASE(test_cancel_while_shard_is_away),
		CASE(test_outbox),
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
