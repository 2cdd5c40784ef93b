/* SPDX-License-Identifier: MIT */
/* The ledger: what it refuses, what it remembers, and that it always adds up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "billing.stub.h"
#include "plugins/lib/asker.h"

static const char config_text[] = "part \"base\"\n"
				  "database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
				  "billing { database = \"base\", currencies = { gold = {}, gem = {} } }\n";

struct fixture {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *mall, *console, *frontend;
	struct answer answer;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	f->config = sim_config(config_text, NULL);
	assert_non_null(f->config);
	f->sim = sim_open(f->config, 1);
	f->mall = sim_actor(f->sim, "base/mall", "base", f, NULL);
	f->console = sim_actor(f->sim, "base/console", "base", f, NULL);
	f->frontend = sim_actor(f->sim, "meadow/frontend", "shard:meadow", f, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sim_close(f->sim);
	config_free(f->config);
	test_free(f);
	return 0;
}

static int32_t grant(struct fixture *f, uint8_t key, uint64_t account, int64_t amount)
{
	Billing__GrantRequest request = BILLING__GRANT_REQUEST__INIT;
	uint8_t bytes[16] = { key };

	request.has_key = request.has_account = request.has_amount = 1;
	request.key = (ProtobufCBinaryData){ .len = 16, .data = bytes };
	request.account = account;
	request.currency = (char *)"gold";
	request.amount = amount;
	request.reason = (char *)"test";
	return ask(f->sim, f->console, BILLING_GRANT_ID, "billing", &request, 0, &f->answer);
}

static void hold_fill(Billing__HoldRequest *request, uint8_t *bytes, uint64_t account, int64_t amount)
{
	billing__hold_request__init(request);
	request->has_order = request->has_account = request->has_amount = 1;
	request->order = (ProtobufCBinaryData){ .len = 16, .data = bytes };
	request->account = account;
	request->currency = (char *)"gold";
	request->amount = amount;
}

static int32_t hold(struct fixture *f, uint8_t order, uint64_t account, int64_t amount)
{
	Billing__HoldRequest request;
	uint8_t bytes[16] = { order };

	hold_fill(&request, bytes, account, amount);
	return ask(f->sim, f->mall, BILLING_HOLD_ID, "billing", &request, 0, &f->answer);
}

static int32_t end(struct fixture *f, uint32_t method, uint8_t order)
{
	Billing__PostRequest request = BILLING__POST_REQUEST__INIT; /* a void looks the same */
	uint8_t bytes[16] = { order };

	request.has_order = 1;
	request.order = (ProtobufCBinaryData){ .len = 16, .data = bytes };
	if (method == BILLING_POST_ID) {
		return ask(f->sim, f->mall, method, "billing", &request, 0, &f->answer);
	} else {
		Billing__VoidRequest undo = BILLING__VOID_REQUEST__INIT;

		undo.has_order = 1;
		undo.order = request.order;
		return ask(f->sim, f->mall, method, "billing", &undo, 0, &f->answer);
	}
}

static void expect_gold(struct fixture *f, uint64_t account, int64_t posted, int64_t pending)
{
	static const Billing__BalanceRequest request = BILLING__BALANCE_REQUEST__INIT;
	Billing__BalanceReply *reply;

	ask(f->sim, f->frontend, BILLING_BALANCE_ID, "billing", &request, account, &f->answer);
	reply = ask_unpack(&f->answer, &billing__balance_reply__descriptor);
	assert_int_equal(reply->n_balances, 2);
	assert_string_equal(reply->balances[0]->currency, "gold");
	assert_int_equal(reply->balances[0]->posted, posted);
	assert_int_equal(reply->balances[0]->pending, pending);
	billing__balance_reply__free_unpacked(reply, NULL);
}

/* --- the straight way ----------------------------------------------------------------------------- */

static void test_hold_post(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(grant(f, 1, 7, 100), TROUPE_OK);
	for (int again = 0; again < 3; again++) {
		assert_int_equal(hold(f, 2, 7, 40), TROUPE_OK);
		expect_gold(f, 7, 100, 40);
	}
	for (int again = 0; again < 3; again++) {
		assert_int_equal(end(f, BILLING_POST_ID, 2), TROUPE_OK);
		expect_gold(f, 7, 60, 0);
	}
	assert_int_equal(hold(f, 2, 7, 40), TROUPE_OK); /* late: held earlier, and paid */
	assert_refused(&f->answer, TROUPE_OK, "");
	end(f, BILLING_VOID_ID, 2);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.posted");
	expect_gold(f, 7, 60, 0);
	ask_fine(f->sim, "base/billing", "verify");
}

static void test_void(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	hold(f, 2, 7, 40);
	for (int again = 0; again < 3; again++) {
		assert_int_equal(end(f, BILLING_VOID_ID, 2), TROUPE_OK);
		expect_gold(f, 7, 100, 0);
	}
	hold(f, 2, 7, 40);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.voided");
	end(f, BILLING_POST_ID, 2);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.voided");
	expect_gold(f, 7, 100, 0);
	ask_fine(f->sim, "base/billing", "verify");
}

/* --- what is remembered --------------------------------------------------------------------------- */

static void test_void_before_hold(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	assert_int_equal(end(f, BILLING_VOID_ID, 2), TROUPE_OK);
	hold(f, 2, 7, 40);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.voided");
	expect_gold(f, 7, 100, 0);
}

static void test_refusal_is_for_ever(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 30);
	hold(f, 2, 7, 40);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.insufficient");
	grant(f, 3, 7, 1000);
	hold(f, 2, 7, 40);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.insufficient");
	end(f, BILLING_POST_ID, 2);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.not_held");
	assert_int_equal(end(f, BILLING_VOID_ID, 2), TROUPE_OK);
	end(f, BILLING_POST_ID, 99);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.not_held");
	expect_gold(f, 7, 1030, 0);
}

static void test_holds_do_not_expire(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	hold(f, 2, 7, 40);
	sim_run(f->sim, 400ull * 24 * 3600 * 1000);
	expect_gold(f, 7, 100, 40);
	assert_int_equal(end(f, BILLING_POST_ID, 2), TROUPE_OK);
}

static void test_other_parameters(void **state)
{
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	grant(f, 1, 7, 101);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "billing.key_reused");
	grant(f, 1, 8, 100);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "billing.key_reused");
	assert_int_equal(grant(f, 1, 7, 100), TROUPE_OK);
	expect_gold(f, 7, 100, 0);
	hold(f, 2, 7, 40);
	hold(f, 2, 7, 41);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "billing.key_reused");
	hold(f, 2, 8, 40);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "billing.key_reused");
	expect_gold(f, 7, 100, 40);
}

/* --- bad input ------------------------------------------------------------------------------------ */

static void test_bad_holds(void **state)
{
	static const struct {
		const char *name;
		size_t order_len;
		uint64_t account;
		const char *currency;
		int64_t amount;
		int32_t status;
		const char *reason;
	} cases[] = {
		{ "nothing", 16, 7, "gold", 0, TROUPE_INVALID_ARGUMENT, "billing.amount" },
		{ "negative", 16, 7, "gold", -5, TROUPE_INVALID_ARGUMENT, "billing.amount" },
		{ "least", 16, 7, "gold", INT64_MIN, TROUPE_INVALID_ARGUMENT, "billing.amount" },
		{ "most", 16, 7, "gold", INT64_MAX, TROUPE_FAILED_PRECONDITION, "billing.insufficient" },
		{ "nobody", 16, 0, "gold", 5, TROUPE_INVALID_ARGUMENT, "billing.account" },
		{ "no order", 0, 7, "gold", 5, TROUPE_INVALID_ARGUMENT, "billing.order" },
		{ "short order", 15, 7, "gold", 5, TROUPE_INVALID_ARGUMENT, "billing.order" },
		{ "long order", 17, 7, "gold", 5, TROUPE_INVALID_ARGUMENT, "billing.order" },
		{ "no currency", 16, 7, NULL, 5, TROUPE_INVALID_ARGUMENT, "billing.currency" },
		{ "long currency", 16, 7, "goldgoldgoldgoldgold", 5, TROUPE_INVALID_ARGUMENT, "billing.currency" },
		{ "other currency", 16, 7, "Gold", 5, TROUPE_FAILED_PRECONDITION, "billing.currency" },
	};
	struct fixture *f = *state;

	grant(f, 1, 7, 100);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Billing__HoldRequest request;
		uint8_t bytes[32] = { (uint8_t)(i + 2) };

		print_message("# %s\n", cases[i].name);
		hold_fill(&request, bytes, cases[i].account, cases[i].amount);
		request.order.len = cases[i].order_len;
		request.currency = (char *)cases[i].currency;
		ask(f->sim, f->mall, BILLING_HOLD_ID, "billing", &request, 0, &f->answer);
		assert_refused(&f->answer, cases[i].status, cases[i].reason);
	}
	expect_gold(f, 7, 100, 0);
	ask_fine(f->sim, "base/billing", "verify");
}

static void test_overflow(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(grant(f, 1, 7, INT64_MAX - 5), TROUPE_OK);
	grant(f, 2, 7, 6);
	assert_refused(&f->answer, TROUPE_OUT_OF_RANGE, "billing.overflow");
	expect_gold(f, 7, INT64_MAX - 5, 0);
	assert_int_equal(hold(f, 3, 7, INT64_MAX - 10), TROUPE_OK);
	hold(f, 4, 7, 6);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "billing.insufficient");
	grant(f, 5, 7, -1);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "billing.amount");
	grant(f, 5, 7, 0);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "billing.amount");
	expect_gold(f, 7, INT64_MAX - 5, INT64_MAX - 10);
}

static void test_rights(void **state)
{
	static const Billing__BalanceRequest balance = BILLING__BALANCE_REQUEST__INIT;
	struct fixture *f = *state;
	Billing__HoldRequest request;
	uint8_t bytes[16] = { 1 };

	hold_fill(&request, bytes, 7, 5);
	ask(f->sim, f->frontend, BILLING_HOLD_ID, "billing", &request, 7, &f->answer);
	assert_int_equal(f->answer.status, TROUPE_PERMISSION_DENIED);
	ask(f->sim, f->frontend, BILLING_BALANCE_ID, "billing", &balance, 0, &f->answer);
	assert_refused(&f->answer, TROUPE_UNAUTHENTICATED, "billing.no_account");
}

/* --- many at once --------------------------------------------------------------------------------- */

#define RIVALS 200

static void test_rivals(void **state)
{
	struct fixture *f = *state;
	struct answer *answers = test_calloc(RIVALS, sizeof(*answers));
	int held = 0;

	grant(f, 1, 7, 100);
	for (int i = 0; i < RIVALS; i++) {
		Billing__HoldRequest request;
		uint8_t bytes[16] = { (uint8_t)i, 1 };

		hold_fill(&request, bytes, 7, 3);
		ask_start(f->mall, BILLING_HOLD_ID, "billing", &request, 0, &answers[i]);
	}
	for (int i = 0; i < RIVALS; i++) {
		assert_true(sim_run_until(f->sim, &answers[i].done, 20000));
		if (answers[i].status != TROUPE_OK) {
			assert_refused(&answers[i], TROUPE_FAILED_PRECONDITION, "billing.insufficient");
		}
		held += answers[i].status == TROUPE_OK;
	}
	assert_int_equal(held, 33);
	expect_gold(f, 7, 100, 99);
	ask_fine(f->sim, "base/billing", "verify");
	test_free(answers);
}

/* Posts and voids of one account meet without a common lane: each race is lost by all but one, and tried again. */
static void test_rivals_end(void **state)
{
	struct fixture *f = *state;
	struct answer *answers = test_calloc(32, sizeof(*answers));

	grant(f, 1, 7, 1000);
	for (uint8_t i = 0; i < 32; i++) {
		assert_int_equal(hold(f, (uint8_t)(100 + i), 7, 10), TROUPE_OK);
	}
	for (uint8_t i = 0; i < 32; i++) {
		Billing__PostRequest post = BILLING__POST_REQUEST__INIT;
		Billing__VoidRequest undo = BILLING__VOID_REQUEST__INIT;
		uint8_t bytes[16] = { (uint8_t)(100 + i) };

		post.has_order = undo.has_order = 1;
		post.order = undo.order = (ProtobufCBinaryData){ .len = 16, .data = bytes };
		ask_start(f->mall, i % 2 ? BILLING_POST_ID : BILLING_VOID_ID, "billing", i % 2 ? (void *)&post : (void *)&undo,
			  0, &answers[i]);
	}
	for (int i = 0; i < 32; i++) {
		assert_true(sim_run_until(f->sim, &answers[i].done, 20000));
		assert_int_equal(answers[i].status, TROUPE_OK);
	}
	expect_gold(f, 7, 840, 0);
	ask_fine(f->sim, "base/billing", "verify");
	test_free(answers);
}

/* Commits whose outcome is not known: each request is still done once. */
static void test_unknown(void **state)
{
	static const struct sim_faults faults = { .commit_unknown = 500000 };
	struct fixture *f = *state;

	sim_faults(f->sim, &faults);
	assert_int_equal(grant(f, 1, 7, 1000), TROUPE_OK);
	for (uint8_t i = 0; i < 50; i++) {
		assert_int_equal(hold(f, (uint8_t)(2 + i), 7, 10), TROUPE_OK);
		assert_int_equal(end(f, BILLING_POST_ID, (uint8_t)(2 + i)), TROUPE_OK);
	}
	sim_faults(f->sim, NULL);
	expect_gold(f, 7, 500, 0);
	ask_fine(f->sim, "base/billing", "verify");
}

/* --- operators ------------------------------------------------------------------------------------ */

static void test_commands(void **state)
{
	struct {
		int64_t account;
		const char *currency;
		int64_t amount;
		const char *reason, *key;
	} grant_args = { 7, "gold", 25, "for the \"helper\"", "intent 1" };
	struct {
		int64_t account;
		const char *currency;
		int64_t after, limit;
	} history_args = { 7, "gold", 0, 100 };
	struct fixture *f = *state;

	assert_int_equal(ask_command(f->sim, "base/billing", "grant", &grant_args, &f->answer), TROUPE_OK);
	assert_non_null(strstr((char *)f->answer.body, "\"again\":false"));
	assert_int_equal(ask_command(f->sim, "base/billing", "grant", &grant_args, &f->answer), TROUPE_OK);
	assert_non_null(strstr((char *)f->answer.body, "\"again\":true"));
	grant_args.amount = 26;
	ask_command(f->sim, "base/billing", "grant", &grant_args, &f->answer);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "billing.key_reused");
	expect_gold(f, 7, 25, 0);
	assert_int_equal(ask_command(f->sim, "base/billing", "history", &history_args, &f->answer), TROUPE_OK);
	assert_non_null(strstr((char *)f->answer.body, "\"type\":\"GRANT\",\"debit\":\"source:operator\",\"credit\":\"account:7\""));
	assert_non_null(strstr((char *)f->answer.body, "\"by\":\"test\""));
	history_args.currency = "iron";
	ask_command(f->sim, "base/billing", "history", &history_args, &f->answer);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "billing.currency");
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(test_hold_post),	    CASE(test_void),		   CASE(test_void_before_hold),
		CASE(test_refusal_is_for_ever), CASE(test_holds_do_not_expire), CASE(test_other_parameters),
		CASE(test_bad_holds),	    CASE(test_overflow),	   CASE(test_rights),
		CASE(test_rivals),	    CASE(test_rivals_end),	   CASE(test_unknown),
		CASE(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
