/* SPDX-License-Identifier: MIT */
/* Avatars and items: names, owners, fences; and orders that are decided once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "avatar.stub.h"
#include "item.stub.h"
#include "plugins/lib/asker.h"

static const char config_text[] = "part \"shard:meadow\"\n"
				  "database \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
				  "itemstore { database = \"meadow\", avatar_slots = 3, bag_slots = 2 }\n";

struct fixture {
	struct config *config;
	struct sim *sim;
	const struct troupe_host *frontend, *mechanics, *mall;
	struct answer answer;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	f->config = sim_config(config_text, NULL);
	assert_non_null(f->config);
	f->sim = sim_open(f->config, 1);
	f->frontend = sim_actor(f->sim, "meadow/frontend", "shard:meadow", f, NULL);
	f->mechanics = sim_actor(f->sim, "meadow/mechanics", "shard:meadow", f, NULL);
	f->mall = sim_actor(f->sim, "base/mall", "base", f, NULL);
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

/* --- avatars -------------------------------------------------------------------------------------- */

static int32_t create(struct fixture *f, uint64_t account, const char *name)
{
	Avatar__CreateRequest request = AVATAR__CREATE_REQUEST__INIT;

	request.name = (char *)name;
	return ask(f->sim, f->frontend, AVATAR_CREATE_ID, "avatar", &request, account, &f->answer);
}

static uint64_t make(struct fixture *f, uint64_t account, const char *name)
{
	Avatar__CreateReply *reply;
	uint64_t id;

	create(f, account, name);
	reply = ask_unpack(&f->answer, &avatar__create_reply__descriptor);
	assert_string_equal(reply->avatar->name, name);
	assert_int_equal(reply->avatar->account, account);
	id = reply->avatar->id;
	avatar__create_reply__free_unpacked(reply, NULL);
	return id;
}

static size_t list(struct fixture *f, uint64_t account)
{
	static const Avatar__ListRequest request = AVATAR__LIST_REQUEST__INIT;
	Avatar__ListReply *reply;
	size_t count;

	ask(f->sim, f->frontend, AVATAR_LIST_ID, "avatar", &request, account, &f->answer);
	reply = ask_unpack(&f->answer, &avatar__list_reply__descriptor);
	assert_int_equal(reply->slots, 3);
	count = reply->n_avatars;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(reply->avatars[i]->account, account);
	}
	avatar__list_reply__free_unpacked(reply, NULL);
	return count;
}

static int32_t delete(struct fixture *f, uint64_t account, uint64_t avatar)
{
	Avatar__DeleteRequest request = AVATAR__DELETE_REQUEST__INIT;

	request.has_avatar = 1;
	request.avatar = avatar;
	return ask(f->sim, f->frontend, AVATAR_DELETE_ID, "avatar", &request, account, &f->answer);
}

static int32_t load(struct fixture *f, uint64_t account, uint64_t avatar, uint64_t epoch)
{
	Avatar__LoadRequest request = AVATAR__LOAD_REQUEST__INIT;

	request.has_avatar = request.has_account = request.has_epoch = 1;
	request.avatar = avatar;
	request.account = account;
	request.epoch = epoch;
	return ask(f->sim, f->frontend, AVATAR_LOAD_ID, "avatar", &request, account, &f->answer);
}

static int32_t save(struct fixture *f, uint64_t avatar, uint64_t epoch, double x)
{
	Avatar__SaveRequest request = AVATAR__SAVE_REQUEST__INIT;

	request.has_avatar = request.has_epoch = request.has_x = request.has_y = request.has_z = 1;
	request.avatar = avatar;
	request.epoch = epoch;
	request.x = x;
	return ask(f->sim, f->mechanics, AVATAR_SAVE_ID, "avatar", &request, 0, &f->answer);
}

static void expect_x(struct fixture *f, uint64_t account, uint64_t avatar, uint64_t epoch, double x)
{
	Avatar__LoadReply *reply;

	load(f, account, avatar, epoch);
	reply = ask_unpack(&f->answer, &avatar__load_reply__descriptor);
	assert_true(reply->avatar->x == x);
	avatar__load_reply__free_unpacked(reply, NULL);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", "A", "Abcdefghijklmnopq", "An n", "Ann1", "Ann_", "\xC3\x84nne", "Ann\n" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		print_message("# name %d\n", (int)i);
		create(f, 7, bad[i]);
		assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "avatar.name");
	}
	create(f, 7, NULL);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "avatar.name");
	create(f, 0, "Ann");
	assert_refused(&f->answer, TROUPE_UNAUTHENTICATED, "avatar.no_account");
	make(f, 7, "Ann");
	create(f, 8, "aNN");
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "avatar.name_taken");
	make(f, 8, "Abcdefghijklmnop");
	assert_int_equal(list(f, 7), 1);
	assert_int_equal(list(f, 8), 1);
	assert_int_equal(list(f, 9), 0);
}

static void test_slots_and_deletes(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann");

	make(f, 7, "Bea");
	make(f, 7, "Cat");
	create(f, 7, "Dot");
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "avatar.slots");
	delete (f, 8, ann);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "avatar.no_avatar");
	delete (f, 7, ann + 1);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "avatar.no_avatar");
	assert_int_equal(delete (f, 7, ann), TROUPE_OK);
	assert_int_equal(delete (f, 7, ann), TROUPE_OK);
	assert_int_equal(list(f, 7), 2);
	load(f, 7, ann, 1);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "avatar.no_avatar");
	create(f, 8, "Ann");
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "avatar.name_taken");
	make(f, 7, "Dot");
	sim_run(f->sim, 7ull * 24 * 3600 * 1000);
	make(f, 8, "Ann");
	assert_int_equal(list(f, 7), 3);
}

/* Two ask for one name, or for the last slot, at once: one gets it. */
static void test_create_race(void **state)
{
	struct fixture *f = *state;
	struct answer *answers = test_calloc(8, sizeof(*answers));
	int made = 0;

	for (uint64_t i = 0; i < 8; i++) {
		Avatar__CreateRequest request = AVATAR__CREATE_REQUEST__INIT;

		request.name = (char *)"Ann";
		ask_start(f->frontend, AVATAR_CREATE_ID, "avatar", &request, 10 + i, &answers[i]);
	}
	for (int i = 0; i < 8; i++) {
		assert_true(sim_run_until(f->sim, &answers[i].done, 20000));
		made += answers[i].status == TROUPE_OK;
	}
	assert_int_equal(made, 1);
	made = 0;
	for (uint64_t i = 0; i < 8; i++) {
		Avatar__CreateRequest request = AVATAR__CREATE_REQUEST__INIT;
		char name[] = { 'B', 'o', (char)('a' + i), '\0' };

		request.name = name;
		ask_start(f->frontend, AVATAR_CREATE_ID, "avatar", &request, 7, &answers[i]);
	}
	for (int i = 0; i < 8; i++) {
		assert_true(sim_run_until(f->sim, &answers[i].done, 20000));
		made += answers[i].status == TROUPE_OK;
	}
	assert_int_equal(made, 3);
	assert_int_equal(list(f, 7), 3);
	test_free(answers);
}

static void test_fence(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann");

	assert_int_equal(load(f, 7, ann, 5), TROUPE_OK);
	assert_int_equal(load(f, 7, ann, 5), TROUPE_OK);
	assert_int_equal(save(f, ann, 5, 1.5), TROUPE_OK);
	expect_x(f, 7, ann, 6, 1.5);
	save(f, ann, 5, 9);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "avatar.stale");
	load(f, 7, ann, 5);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "avatar.stale");
	expect_x(f, 7, ann, 6, 1.5);
	load(f, 8, ann, 7);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "avatar.no_avatar");
	save(f, ann + 1, 7, 1);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "avatar.no_avatar");
}

static void test_positions(void **state)
{
	static const double bad[] = { NAN, INFINITY, -INFINITY, 1.1e9, -1e300 };
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann");

	load(f, 7, ann, 1);
	assert_int_equal(save(f, ann, 1, -3), TROUPE_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		save(f, ann, 1, bad[i]);
		assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "avatar.position");
	}
	expect_x(f, 7, ann, 1, -3);
}

static int32_t save_state(struct fixture *f, uint64_t avatar, uint64_t world_epoch, const void *bytes, size_t len)
{
	Avatar__SaveRequest request = AVATAR__SAVE_REQUEST__INIT;

	request.has_avatar = request.has_epoch = request.has_world_epoch = 1;
	request.avatar = avatar;
	request.epoch = 1;
	request.world_epoch = world_epoch;
	request.has_state = bytes != NULL;
	request.state.data = (uint8_t *)bytes;
	request.state.len = len;
	return ask(f->sim, f->mechanics, AVATAR_SAVE_ID, "avatar", &request, 0, &f->answer);
}

static void expect_state(struct fixture *f, uint64_t avatar, const void *bytes, size_t len)
{
	Avatar__LoadReply *reply;

	load(f, 7, avatar, 1);
	reply = ask_unpack(&f->answer, &avatar__load_reply__descriptor);
	assert_int_equal(reply->avatar->has_state, bytes != NULL);
	assert_int_equal(reply->avatar->state.len, len);
	if (len > 0) {
		assert_memory_equal(reply->avatar->state.data, bytes, len);
	}
	avatar__load_reply__free_unpacked(reply, NULL);
}

/* What an avatar carries, of every size; a save without it leaves it as it is. */
static void test_state(void **state)
{
	static const size_t sizes[] = { 1, 1024, 1025, 8192, 8193, 65535, 65536 };
	static uint8_t bytes[65537];
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann"), bea = make(f, 7, "Bea");

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	}
	expect_state(f, ann, NULL, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		print_message("# %zu bytes\n", sizes[i]);
		assert_int_equal(save_state(f, ann, 0, bytes, sizes[i]), TROUPE_OK);
		expect_state(f, ann, bytes, sizes[i]);
	}
	save_state(f, ann, 0, bytes, 65537);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "avatar.state_too_long");
	assert_int_equal(save(f, ann, 1, 4), TROUPE_OK);
	expect_state(f, ann, bytes, 65536);
	expect_x(f, 7, ann, 1, 4);
	expect_state(f, bea, NULL, 0);
	assert_int_equal(save_state(f, ann, 0, "", 0), TROUPE_OK);
	expect_state(f, ann, "", 0);
	assert_int_equal(list(f, 7), 2);
}

/* Owners of one reign save side by side; the first save of a later one ends the earlier. */
static void test_owners_of_one_epoch(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann"), bea = make(f, 7, "Bea");

	assert_int_equal(load(f, 7, ann, 1), TROUPE_OK);
	assert_int_equal(load(f, 7, bea, 1), TROUPE_OK);
	assert_int_equal(save_state(f, ann, 3, "a", 1), TROUPE_OK);
	assert_int_equal(save_state(f, bea, 3, "b", 1), TROUPE_OK);
	assert_int_equal(save_state(f, ann, 3, "c", 1), TROUPE_OK);
	assert_int_equal(save_state(f, bea, 4, "d", 1), TROUPE_OK);
	save_state(f, ann, 3, "e", 1);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "store.fenced");
	expect_state(f, ann, "c", 1);
	assert_int_equal(save_state(f, ann, 4, "f", 1), TROUPE_OK);
	expect_state(f, ann, "f", 1);
	expect_state(f, bea, "d", 1);
}

/* --- items ---------------------------------------------------------------------------------------- */

static int32_t grant(struct fixture *f, uint16_t order, uint64_t account, uint64_t avatar, const char *kind,
		     uint32_t count)
{
	Item__GrantRequest request = ITEM__GRANT_REQUEST__INIT;
	uint8_t bytes[16] = { (uint8_t)order, (uint8_t)(order >> 8) };

	request.has_order = request.has_account = request.has_avatar = request.has_count = 1;
	request.order = (ProtobufCBinaryData){ .len = order != 0 ? 16 : 3, .data = bytes };
	request.account = account;
	request.avatar = avatar;
	request.kind = (char *)kind;
	request.count = count;
	return ask(f->sim, f->mall, ITEM_GRANT_ID, "item", &request, 0, &f->answer);
}

/* cancel: 1 if the order was granted before. */
static int cancel(struct fixture *f, uint16_t order)
{
	Item__CancelRequest request = ITEM__CANCEL_REQUEST__INIT;
	Item__CancelReply *reply;
	uint8_t bytes[16] = { (uint8_t)order, (uint8_t)(order >> 8) };
	int granted;

	request.has_order = 1;
	request.order = (ProtobufCBinaryData){ .len = 16, .data = bytes };
	ask(f->sim, f->mall, ITEM_CANCEL_ID, "item", &request, 0, &f->answer);
	reply = ask_unpack(&f->answer, &item__cancel_reply__descriptor);
	granted = reply->granted;
	item__cancel_reply__free_unpacked(reply, NULL);
	return granted;
}

static int32_t look(struct fixture *f, uint64_t account, uint64_t avatar)
{
	Item__InventoryRequest request = ITEM__INVENTORY_REQUEST__INIT;

	request.has_avatar = 1;
	request.avatar = avatar;
	return ask(f->sim, f->frontend, ITEM_INVENTORY_ID, "item", &request, account, &f->answer);
}

static size_t count(struct fixture *f, uint64_t account, uint64_t avatar, const char *bag)
{
	Item__InventoryReply *reply;
	size_t found = 0;

	look(f, account, avatar);
	reply = ask_unpack(&f->answer, &item__inventory_reply__descriptor);
	for (size_t i = 0; i < reply->n_items; i++) {
		found += strcmp(reply->items[i]->bag, bag) == 0;
	}
	item__inventory_reply__free_unpacked(reply, NULL);
	return found;
}

static uint64_t item_of(const struct answer *answer)
{
	Item__GrantReply *reply = ask_unpack(answer, &item__grant_reply__descriptor);
	uint64_t id = reply->item;

	item__grant_reply__free_unpacked(reply, NULL);
	return id;
}

static int32_t take(struct fixture *f, uint64_t account, uint64_t avatar, uint64_t item)
{
	Item__TakeRequest request = ITEM__TAKE_REQUEST__INIT;

	request.has_avatar = request.has_item = 1;
	request.avatar = avatar;
	request.item = item;
	return ask(f->sim, f->frontend, ITEM_TAKE_ID, "item", &request, account, &f->answer);
}

static void test_grant(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann"), item;

	assert_int_equal(grant(f, 1, 7, ann, "hat", 2), TROUPE_OK);
	item = item_of(&f->answer);
	assert_int_equal(grant(f, 1, 7, ann, "hat", 2), TROUPE_OK);
	assert_true(item_of(&f->answer) == item);
	grant(f, 1, 7, ann, "hat", 3);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "item.key_reused");
	grant(f, 1, 7, ann, "cap", 2);
	assert_refused(&f->answer, TROUPE_ALREADY_EXISTS, "item.key_reused");
	assert_int_equal(count(f, 7, ann, "mail"), 1);
	assert_int_equal(cancel(f, 1), 1);
	assert_int_equal(take(f, 7, ann, item), TROUPE_OK);
	assert_int_equal(grant(f, 1, 7, ann, "hat", 2), TROUPE_OK); /* late: it stays where it is */
	assert_int_equal(count(f, 7, ann, "mail"), 0);
	assert_int_equal(count(f, 7, ann, "bag"), 1);
	ask_fine(f->sim, "meadow/itemstore", "verify");
}

static void test_cancel_first(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann");

	assert_int_equal(cancel(f, 1), 0);
	grant(f, 1, 7, ann, "hat", 1);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "item.cancelled");
	assert_int_equal(cancel(f, 1), 0);
	assert_int_equal(count(f, 7, ann, "mail"), 0);
	ask_fine(f->sim, "meadow/itemstore", "verify");
}

static void test_bad_grants(void **state)
{
	char long_kind[80];
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann"), ben = make(f, 8, "Ben");

	memset(long_kind, 'k', sizeof(long_kind) - 1);
	long_kind[sizeof(long_kind) - 1] = '\0';
	grant(f, 1, 7, ben, "hat", 1);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "item.no_avatar");
	grant(f, 2, 7, 12345, "hat", 1);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "item.no_avatar");
	delete (f, 7, ann);
	grant(f, 3, 7, ann, "hat", 1);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "item.no_avatar");
	assert_int_equal(cancel(f, 3), 0);
	grant(f, 4, 8, ben, "hat", 0);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "item.count");
	grant(f, 4, 8, ben, "hat", UINT32_MAX);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "item.count");
	grant(f, 4, 8, ben, "", 1);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "item.kind");
	grant(f, 4, 8, ben, long_kind, 1);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "item.kind");
	grant(f, 0, 8, ben, "hat", 1);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "item.order");
	grant(f, 4, 0, ben, "hat", 1);
	assert_refused(&f->answer, TROUPE_INVALID_ARGUMENT, "item.no_avatar");
	assert_int_equal(count(f, 8, ben, "mail"), 0);
	assert_int_equal(grant(f, 4, 8, ben, "hat", 1), TROUPE_OK); /* nothing of that was recorded */
	ask_fine(f->sim, "meadow/itemstore", "verify");
}

static void test_take(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann"), ben = make(f, 8, "Ben"), items[3];

	for (uint16_t i = 0; i < 3; i++) {
		grant(f, (uint16_t)(i + 1), 7, ann, "hat", 1);
		items[i] = item_of(&f->answer);
	}
	look(f, 8, ann);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "item.no_avatar");
	look(f, 0, ann);
	assert_refused(&f->answer, TROUPE_UNAUTHENTICATED, "item.no_account");
	take(f, 8, ann, items[0]);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "item.no_avatar");
	take(f, 8, ben, items[0]);
	assert_refused(&f->answer, TROUPE_NOT_FOUND, "item.no_item");
	take(f, 0, ann, items[0]);
	assert_refused(&f->answer, TROUPE_UNAUTHENTICATED, "item.no_account");
	for (int again = 0; again < 3; again++) {
		assert_int_equal(take(f, 7, ann, items[0]), TROUPE_OK);
	}
	assert_int_equal(take(f, 7, ann, items[1]), TROUPE_OK);
	take(f, 7, ann, items[2]);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "item.bag_full");
	assert_int_equal(count(f, 7, ann, "bag"), 2);
	assert_int_equal(count(f, 7, ann, "mail"), 1);
	ask_fine(f->sim, "meadow/itemstore", "verify");
}

static void test_mail_full(void **state)
{
	struct fixture *f = *state;
	uint64_t ann = make(f, 7, "Ann");

	for (uint16_t i = 0; i < 500; i++) {
		assert_int_equal(grant(f, (uint16_t)(i + 1), 7, ann, "hat", 1), TROUPE_OK);
	}
	grant(f, 501, 7, ann, "hat", 1);
	assert_refused(&f->answer, TROUPE_FAILED_PRECONDITION, "item.mail_full");
	assert_int_equal(count(f, 7, ann, "mail"), 500);
	ask_fine(f->sim, "meadow/itemstore", "verify");
}

static void test_rights(void **state)
{
	struct fixture *f = *state;
	Item__GrantRequest request = ITEM__GRANT_REQUEST__INIT;
	Avatar__SaveRequest move = AVATAR__SAVE_REQUEST__INIT;

	ask(f->sim, f->frontend, ITEM_GRANT_ID, "item", &request, 7, &f->answer);
	assert_int_equal(f->answer.status, TROUPE_PERMISSION_DENIED);
	ask(f->sim, f->frontend, AVATAR_SAVE_ID, "avatar", &move, 7, &f->answer);
	assert_int_equal(f->answer.status, TROUPE_PERMISSION_DENIED);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(test_names),	CASE(test_slots_and_deletes), CASE(test_create_race), CASE(test_fence),
		CASE(test_positions),	CASE(test_state),	      CASE(test_owners_of_one_epoch),
		CASE(test_grant),	      CASE(test_cancel_first), CASE(test_bad_grants),
		CASE(test_take),	CASE(test_mail_full),	      CASE(test_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
