/* SPDX-License-Identifier: MIT */
/* Account records in the database: keys, commits that are repeated until they are decided, reads. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "proto/proto.h"

#define TRIES_MAX 10u
#define TRY_AGAIN_MS 200u

static struct store_key key_of(const char *prefix, const void *bytes, size_t len)
{
	struct store_key key;
	size_t prefix_len = strlen(prefix);

	memcpy(key.bytes, prefix, prefix_len);
	memcpy(key.bytes + prefix_len, bytes, len);
	key.len = (uint32_t)(prefix_len + len);
	return key;
}

struct store_key store_key_name(const char *user)
{
	return key_of("account:n:", user, strnlen(user, USER_MAX));
}

struct store_key store_key_id(uint64_t id)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++) {
		bytes[i] = (uint8_t)(id >> (56 - 8 * i)); /* big-endian: a scan goes in the order of ids */
	}
	return key_of("account:i:", bytes, sizeof(bytes));
}

struct store_key store_key_ticket(const uint8_t hash[SECRET_HASH_SIZE])
{
	return key_of("account:t:", hash, SECRET_HASH_SIZE);
}

/* --- commits -------------------------------------------------------------------------------------- */

struct store_write {
	struct account *account;
	store_done_fn done;
	void *arg;
	struct troupe_db_check checks[STORE_WRITE_MAX];
	struct troupe_db_op ops[STORE_WRITE_MAX];
	struct store_key keys[2 * STORE_WRITE_MAX];
	uint8_t *values[STORE_WRITE_MAX];
	uint32_t checks_len, ops_len, keys_len, tries, failed;
	uint8_t key[TROUPE_KEY_SIZE];
};

struct store_write *store_write_new(struct account *account)
{
	struct store_write *write = calloc(1, sizeof(*write));

	if (write != NULL) {
		write->account = account;
		account->h->random_bytes(account->h, write->key, sizeof(write->key));
	}
	return write;
}

static const struct store_key *keep(struct store_write *write, const struct store_key *key)
{
	if (write->keys_len == 2 * STORE_WRITE_MAX) {
		write->failed = 1;
		return &write->keys[0];
	}
	write->keys[write->keys_len] = *key;
	return &write->keys[write->keys_len++];
}

void store_check(struct store_write *write, const struct store_key *key, uint64_t version)
{
	if (write == NULL) {
		return;
	}
	if (write->checks_len == STORE_WRITE_MAX) {
		write->failed = 1; /* without its check it must not be written */
		return;
	}
	key = keep(write, key);
	write->checks[write->checks_len++] =
		(struct troupe_db_check){ .key = key->bytes, .key_len = key->len, .version = version };
}

static void put_bytes(struct store_write *write, const struct store_key *key, uint32_t kind, uint8_t *value, size_t len)
{
	if (write->ops_len == STORE_WRITE_MAX) {
		free(value);
		write->failed = 1;
		return;
	}
	key = keep(write, key);
	write->values[write->ops_len] = value;
	write->ops[write->ops_len++] = (struct troupe_db_op){
		.kind = kind, .key = key->bytes, .key_len = key->len, .value = value, .value_len = (uint32_t)len
	};
}

void store_put(struct store_write *write, const struct store_key *key, const ProtobufCMessage *message)
{
	size_t len = message != NULL ? protobuf_c_message_get_packed_size(message) : 0;
	uint8_t *value;

	if (write == NULL) {
		return;
	}
	if (message == NULL) {
		put_bytes(write, key, TROUPE_DB_DELETE, NULL, 0);
		return;
	}
	value = malloc(len + 1);
	if (value == NULL) {
		write->failed = 1;
		return;
	}
	protobuf_c_message_pack(message, value);
	put_bytes(write, key, TROUPE_DB_PUT, value, len);
}

void store_put_id(struct store_write *write, const struct store_key *key, uint64_t id)
{
	struct store_key bytes = store_key_id(id);
	uint8_t *value;

	if (write == NULL) {
		return;
	}
	value = malloc(8);
	if (value == NULL) {
		write->failed = 1;
		return;
	}
	memcpy(value, bytes.bytes + bytes.len - 8, 8);
	put_bytes(write, key, TROUPE_DB_PUT, value, 8);
}

static void write_end(struct store_write *write, int32_t status, uint32_t index)
{
	store_done_fn done = write->done;
	struct account *account = write->account;
	void *arg = write->arg;

	for (uint32_t i = 0; i < write->ops_len; i++) {
		if (write->values[i] != NULL) {
			secret_wipe(write->values[i], write->ops[i].value_len);
		}
		free(write->values[i]);
	}
	free(write);
	done(account, arg, status, index);
}

static void write_send(struct store_write *write);

static void on_again(void *instance, void *arg)
{
	(void)instance;
	write_send(arg);
}

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct account *account = instance;
	struct store_write *write = arg;

	if (troupe_outcome_of(result->status) == TROUPE_UNDECIDED && result->status != TROUPE_CANCELLED &&
	    ++write->tries < TRIES_MAX &&
	    account->h->timer_start(account->h, TRY_AGAIN_MS, on_again, write) != 0) {
		return;
	}
	write_end(write, result->status, result->index);
}

static void write_send(struct store_write *write)
{
	const struct troupe_host *h = write->account->h;
	struct troupe_db_commit commit = {
		.size = sizeof(commit),
		.db = write->account->db,
		.checks = write->checks,
		.checks_len = write->checks_len,
		.ops = write->ops,
		.ops_len = write->ops_len,
		.key = write->key,
		.on_done = on_committed,
		.arg = write,
	};

	h->db_commit(h, &commit);
}

static void on_failed(void *instance, void *arg)
{
	(void)instance;
	write_end(arg, TROUPE_RESOURCE_EXHAUSTED, 0);
}

void store_write_commit(struct account *account, struct store_write *write, store_done_fn done, void *arg)
{
	if (write == NULL) {
		done(account, arg, TROUPE_RESOURCE_EXHAUSTED, 0);
		return;
	}
	write->done = done;
	write->arg = arg;
	if (!write->failed) {
		write_send(write);
	} else if (account->h->timer_start(account->h, 0, on_failed, write) == 0) {
		write_end(write, TROUPE_RESOURCE_EXHAUSTED, 0);
	}
}

/* --- reads ---------------------------------------------------------------------------------------- */

struct load {
	store_loaded_fn done;
	void *arg;
	uint64_t id;
};

static void get(struct account *account, const struct store_key *key, troupe_db_page_fn on_page, void *arg)
{
	struct troupe_db_check keys = { .key = key->bytes, .key_len = key->len };
	struct troupe_db_get get = {
		.size = sizeof(get), .db = account->db, .keys = &keys, .keys_len = 1, .on_page = on_page, .arg = arg
	};

	account->h->db_get(account->h, &get);
}

static void load_end(struct account *account, struct load *load, int32_t status, const Accountdb__Record *record,
		     uint64_t version)
{
	struct load ended = *load;

	free(load);
	ended.done(account, ended.arg, status, record, version);
}

static void on_record(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct account *account = instance;
	struct load *load = arg;
	struct proto_arena arena;
	const Accountdb__Record *record;

	if (page->status != TROUPE_OK) {
		load_end(account, load, page->status, NULL, 0);
		return;
	}
	if (page->count == 0 || page->values[0].version == 0) {
		load_end(account, load, TROUPE_NOT_FOUND, NULL, 0);
		return;
	}
	proto_arena_init(&arena);
	record = (const Accountdb__Record *)proto_unpack(&accountdb__record__descriptor, page->values[0].value,
							 page->values[0].value_len, &arena);
	if (record == NULL || record->user == NULL || record->password == NULL || record->status == NULL) {
		account_log(account, TROUPE_LOG_ERROR, "S0201", load->id,
			    "the record of account %llu is damaged; restore it from a backup",
			    (unsigned long long)load->id);
		load_end(account, load, TROUPE_DATA_LOSS, NULL, 0);
	} else {
		load_end(account, load, TROUPE_OK, record, page->values[0].version);
	}
	secret_wipe(arena.first, sizeof(arena.first));
	proto_arena_free(&arena);
}

static void on_name(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct account *account = instance;
	struct load *load = arg;
	struct store_key key;

	if (page->status != TROUPE_OK) {
		load_end(account, load, page->status, NULL, 0);
		return;
	}
	/* A name without account goes on to id 0, which no account has: both take two reads. */
	load->id = 0;
	if (page->count == 1 && page->values[0].version != 0 && page->values[0].value_len == 8) {
		const uint8_t *p = page->values[0].value;

		for (int i = 0; i < 8; i++) {
			load->id = load->id << 8 | p[i];
		}
	}
	key = store_key_id(load->id);
	get(account, &key, on_record, load);
}

void store_load(struct account *account, const char *user, uint64_t id, store_loaded_fn done, void *arg)
{
	struct load *load = malloc(sizeof(*load));
	struct store_key key = user != NULL ? store_key_name(user) : store_key_id(id);

	if (load == NULL) {
		done(account, arg, TROUPE_RESOURCE_EXHAUSTED, NULL, 0);
		return;
	}
	*load = (struct load){ .done = done, .arg = arg, .id = id };
	get(account, &key, user != NULL ? on_name : on_record, load);
}
