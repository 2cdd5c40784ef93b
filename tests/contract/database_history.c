/* SPDX-License-Identifier: MIT */
/* A long row of commits, and whether what was told of each is what is stored. */
#include "tests/contract/database_history.h"

#include <stdio.h>
#include <unistd.h>

#define BURST 16u /* asked for in one turn */

static void ask_burst(struct history *history);

static void on_item(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct item *item = arg;
	struct history *history = item->history;

	(void)instance;
	item->answers++;
	item->result = *result;
	if (atomic_fetch_add(&history->ended, 1) + 1 + BURST > atomic_load(&history->asked)) {
		ask_burst(history);
	}
}

static void ask_item(struct history *history, struct item *item)
{
	char own[16], count[16], last[16], number[16];
	uint8_t key[TROUPE_KEY_SIZE] = { (uint8_t)history->name, (uint8_t)item->number, (uint8_t)(item->number >> 8),
					 (uint8_t)(item->number >> 16) };
	struct troupe_db_op ops[] = {
		{ .kind = TROUPE_DB_PUT, .key = own,
		  .key_len = (uint32_t)snprintf(own, sizeof(own), "%c:%06u", history->name, item->number) },
		{ .kind = TROUPE_DB_ADD, .key = count,
		  .key_len = (uint32_t)snprintf(count, sizeof(count), "count:%c", history->name), .delta = 1 },
		{ .kind = TROUPE_DB_PUT, .key = last,
		  .key_len = (uint32_t)snprintf(last, sizeof(last), "last:%c", history->name), .value = number,
		  .value_len = (uint32_t)snprintf(number, sizeof(number), "%u", item->number) },
	};
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = history->user->db, .ops = ops, .ops_len = 3,
					   .key = item->has_key ? key : NULL, .on_done = on_item, .arg = item };

	history->user->h->db_commit(history->user->h, &commit);
}

static void ask_burst(struct history *history)
{
	for (unsigned i = 0; i < BURST && atomic_load(&history->asked) < atomic_load(&history->len); i++) {
		ask_item(history, &history->items[atomic_fetch_add(&history->asked, 1)]);
	}
}

void history_init(struct history *history, struct rig_user *user, char name, unsigned len)
{
	memset(history, 0, sizeof(*history));
	history->user = user;
	history->name = name;
	atomic_store(&history->len, len);
	for (unsigned i = 0; i < len; i++) {
		history->items[i] = (struct item){ .history = history, .number = i, .has_key = i % 5 != 0 };
	}
}

static void ask_first(struct rig_user *user, void *arg)
{
	ask_burst(arg);
	user->in_function = 0;
	rig_done(user->rig);
}

void history_begin(struct history *history)
{
	struct rig *rig = history->user->rig;

	rig_run(rig, (unsigned)(history->user - rig->users), ask_first, history, 1);
}

void history_wait(const struct history *history, unsigned count)
{
	while (atomic_load(&history->ended) < count) {
		usleep(1000);
	}
}

void history_stop(struct history *history)
{
	unsigned len = atomic_load(&history->ended) + 10 * BURST; /* more than are under way */

	atomic_store(&history->len, len < ITEMS_MAX ? len : ITEMS_MAX);
	while (atomic_load(&history->ended) < atomic_load(&history->len)) {
		usleep(1000);
	}
}

/* --- judging ------------------------------------------------------------------------------------------- */

/* Finds what there is of it. */
static void history_read(struct history *history)
{
	char from[16], to[16];
	uint32_t more = 1, after = 0;

	snprintf(from, sizeof(from), "%c:", history->name);
	snprintf(to, sizeof(to), "%c;", history->name);
	while (more) {
		struct got got = rig_scan(history->user->rig, 0,
					  (struct troupe_db_scan){ .from = from, .to = to, .after = after, .limit = 1000,
								   .from_len = (uint32_t)strlen(from),
								   .to_len = (uint32_t)strlen(to) });

		assert_int_equal(got.status, TROUPE_OK);
		for (uint32_t i = 0; i < got.count; i++) {
			history->items[atoi((const char *)got.values[i].key + 2)].stored = got.values[i].version;
			snprintf(from, sizeof(from), "%s", (const char *)got.values[i].key);
			after = 1;
		}
		more = got.more;
		got_free(&got);
	}
}

static void item_judge(const struct item *item)
{
	assert_int_equal(item->answers, 1);
	switch (item->result.status) {
	case TROUPE_OK:
		assert_int_equal(item->stored, item->result.version);
		break;
	case TROUPE_ABORTED:
		assert_int_equal(item->result.index, UINT32_MAX);
		assert_int_equal(item->stored, 0);
		break;
	case TROUPE_RESOURCE_EXHAUSTED:
		assert_int_equal(item->stored, 0);
		break;
	case TROUPE_UNKNOWN:
		assert_int_equal(item->has_key, 0); /* the others are found out */
		break;
	default:
		fail_msg("status %d", (int)item->result.status);
	}
}

/* How many the database has counted, and which was the last. */
static void sums_judge(struct history *history, unsigned present, int newest)
{
	char key[16], text[64];
	struct troupe_db_check wanted = { .key = key };

	snprintf(key, sizeof(key), "last:%c", history->name);
	rig_read(history->user->rig, 0, key, text);
	assert_int_equal(atoi(text), newest);
	wanted.key_len = (uint32_t)snprintf(key, sizeof(key), "count:%c", history->name);
	struct got got = rig_get(history->user->rig, 0, (struct troupe_db_get){ .keys = &wanted, .keys_len = 1 });
	const uint8_t *count = got.values[0].value;

	assert_int_equal(count[0] | count[1] << 8 | count[2] << 16, present); /* each added one, once */
	got_free(&got);
}

void history_judge(struct history *history, struct verdict *verdict)
{
	unsigned present = 0;
	uint64_t before = 0;
	int newest = -1;

	history_read(history);
	for (unsigned i = 0; i < history->len; i++) {
		const struct item *item = &history->items[i];

		item_judge(item);
		verdict->ended[item->result.status]++;
		verdict->repeated += item->result.repeated;
		if (item->stored != 0) {
			assert_true(item->stored > before);
			before = item->stored;
			newest = (int)i;
			present++;
		}
	}
	verdict->present += present;
	sums_judge(history, present, newest);
}
