/* SPDX-License-Identifier: MIT */
/* Names and passwords: who may register and log in, and how often one may try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/account/rig.h"

#define USER_LONGEST 32
#define PASSWORD_LONGEST 128

static void test_registration_rules(void **state)
{
	static const struct {
		const char *user, *password;
		Client__LoginCode code;
	} cases[] = {
		{ "Ann", "12345678", CLIENT__LOGIN_CODE__LOGIN_SUCCESS },
		{ "aNN", "12345678", CLIENT__LOGIN_CODE__NAME_TAKEN },
		{ "al", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "a b", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "an\xc3\xa9", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "a23456789012345678901234567890123", "12345678", CLIENT__LOGIN_CODE__BAD_NAME },
		{ "a2345678901234567890123456789012", "12345678", CLIENT__LOGIN_CODE__LOGIN_SUCCESS },
		{ "bob", "1234567", CLIENT__LOGIN_CODE__BAD_PASSWORD },
		{ "bob", "", CLIENT__LOGIN_CODE__BAD_PASSWORD },
	};
	struct world *w = *state;
	struct player p;
	char long_password[130];

	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Client__LoginCode code = try_register(&p, cases[i].user, cases[i].password);

		if (code != cases[i].code) {
			fail_msg("case %zu: code %d", i, (int)code);
		}
	}
	memset(long_password, 'x', 129);
	long_password[129] = '\0';
	assert_int_equal(try_register(&p, "carl", long_password), CLIENT__LOGIN_CODE__BAD_PASSWORD);
	long_password[128] = '\0';
	assert_int_equal(try_register(&p, "carl", long_password), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
}

static void test_two_register_one_name(void **state)
{
	struct world *w = *state;
	struct player a, b;
	Client__Register message = CLIENT__REGISTER__INIT;
	Client__LoginCode first, second;

	player_hello(&a, w->sim, "base/account", "10.0.0.1:1");
	player_hello(&b, w->sim, "base/account", "10.0.0.2:1");
	message.user = "twin";
	message.password = "12345678";
	player_send(&a, WIRE_REGISTER, 2, &message.base);
	player_send(&b, WIRE_REGISTER, 2, &message.base);
	first = ((Client__RegisterResult *)player_expect(&a, WIRE_REGISTER_RESULT, &client__register_result__descriptor,
							 2))
			->code;
	second = ((Client__RegisterResult *)player_expect(&b, WIRE_REGISTER_RESULT,
							  &client__register_result__descriptor, 2))
			 ->code;
	assert_int_equal(first + second, CLIENT__LOGIN_CODE__LOGIN_SUCCESS + CLIENT__LOGIN_CODE__NAME_TAKEN);
	player_done(&a);
	player_done(&b);
}

static void test_wrong_and_unknown_are_equal(void **state)
{
	struct world *w = *state;
	struct player p;
	uint64_t began, wrong_us, unknown_us;

	register_ann(w);
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	began = sim_now_us(w->sim);
	assert_int_equal(try_login(&p, "ann", "wrong password"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	wrong_us = sim_now_us(w->sim) - began;
	began = sim_now_us(w->sim);
	assert_int_equal(try_login(&p, "nobody", "wrong password"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	unknown_us = sim_now_us(w->sim) - began;
	assert_int_equal(wrong_us, unknown_us);
	player_done(&p);
}

/* What is too long is not cut to what another has. */
static void test_too_long_is_wrong(void **state)
{
	struct world *w = *state;
	char name[USER_LONGEST + 2], password[PASSWORD_LONGEST + 2];
	struct player p;

	memset(name, 'n', sizeof(name));
	memset(password, 'p', sizeof(password));
	name[USER_LONGEST] = password[PASSWORD_LONGEST] = '\0';
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	assert_int_equal(try_register(&p, name, password), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	name[USER_LONGEST] = 'n';
	name[USER_LONGEST + 1] = '\0';
	assert_int_equal(try_login(&p, name, password), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	name[USER_LONGEST] = '\0';
	password[PASSWORD_LONGEST] = 'p';
	password[PASSWORD_LONGEST + 1] = '\0';
	assert_int_equal(try_login(&p, name, password), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	password[PASSWORD_LONGEST] = '\0';
	sim_run(w->sim, 5000);
	assert_int_equal(try_login(&p, name, password), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
}

static void test_delay_after_wrong(void **state)
{
	struct world *w = *state;
	struct player p, other;
	const Client__LoginResult *result;

	register_ann(w);
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	assert_int_equal(try_login(&p, "ann", "wrong password"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	send_login(&p, "ann", "correct horse");
	result = login_result(&p);
	assert_int_equal(result->code, CLIENT__LOGIN_CODE__TRY_LATER);
	assert_in_range(result->retry_ms, 900, 1000);
	player_hello(&other, w->sim, "base/account", "10.0.0.2:1"); /* another network may */
	assert_int_equal(try_login(&other, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	sim_run(w->sim, 1000);
	assert_int_equal(try_login(&p, "ann", "wrong again"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	send_login(&p, "ann", "correct horse");
	assert_in_range(login_result(&p)->retry_ms, 1900, 2000);
	sim_run(w->sim, 2000);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	player_done(&p);
	player_done(&other);
}

static void test_overload(void **state)
{
	struct world *w = *state;
	struct player p[10];
	unsigned refused = 0, wrong = 0;

	for (int i = 0; i < 10; i++) {
		char peer[32];

		snprintf(peer, sizeof(peer), "10.0.1.%d:1", i);
		player_hello(&p[i], w->sim, "base/account", peer);
	}
	for (int i = 0; i < 10; i++) {
		send_login(&p[i], "nobody", "wrong password");
	}
	for (int i = 0; i < 10; i++) {
		Client__LoginCode code = login_result(&p[i])->code;

		refused += code == CLIENT__LOGIN_CODE__SERVER_IS_OVERLOADED;
		wrong += code == CLIENT__LOGIN_CODE__WRONG_AUTH_INFO;
		player_done(&p[i]);
	}
	assert_int_equal(wrong, 6); /* 2 at once and 4 that wait */
	assert_int_equal(refused, 4);
}

static void test_ban(void **state)
{
	struct world *w = *state;
	struct user_args ann = { "Ann", "cheats" }, nobody = { "nobody", "x" };
	struct player p;
	uint8_t ticket[32];

	register_ann(w);
	login_and_choose(w, "10.0.0.1:1", ticket);
	sim_command(w->sim, "base/account", "ban", &ann, on_command, w);
	w->answered = 0;
	assert_true(sim_run_until(w->sim, &w->answered, 10000));
	assert_int_equal(w->status, TROUPE_OK);
	redeem(w, w->fe1, ticket, 32);
	assert_string_equal(w->reason, "account.banned");
	player_hello(&p, w->sim, "base/account", "10.0.0.1:1");
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__BANNED);
	assert_int_equal(try_login(&p, "ann", "wrong password"), CLIENT__LOGIN_CODE__WRONG_AUTH_INFO);
	sim_command(w->sim, "base/account", "unban", &ann, on_command, w);
	sim_run(w->sim, 2000);
	assert_int_equal(try_login(&p, "ann", "correct horse"), CLIENT__LOGIN_CODE__LOGIN_SUCCESS);
	w->answered = 0;
	sim_command(w->sim, "base/account", "show", &nobody, on_command, w);
	assert_true(sim_run_until(w->sim, &w->answered, 1000));
	assert_int_equal(w->status, TROUPE_NOT_FOUND);
	player_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_registration_rules),
		CASE(test_two_register_one_name),
		CASE(test_wrong_and_unknown_are_equal),
		CASE(test_too_long_is_wrong),
		CASE(test_delay_after_wrong),
		CASE(test_overload),
		CASE(test_ban),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
