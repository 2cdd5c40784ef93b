/* SPDX-License-Identifier: MIT */
/* Decides a group of transactions and turns what holds into one batch. */
#include "group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tests build this file with a MUTANT that plants mistakes which they must find. */
#ifndef MUTANT
#define MUTANT(name) 0
#endif

#define NO_INDEX UINT32_MAX

static int32_t refuse(struct troupe_db_result *result, int32_t status, uint32_t index)
{
	result->status = status;
	result->index = index;
	return TROUPE_OK;
}

int32_t group_state(struct group *group, enum record_kind kind, const void *key, uint32_t key_len,
		    uint32_t *ret_entry, struct overlay_state *ret_state, struct troupe_error *reterr)
{
	uint32_t at = overlay_at(&group->overlay, kind, key, key_len);
	struct overlay_entry *entry = &group->overlay.entries[at];
	uint8_t own[RECORD_OWN_KEY_MAX];

	*ret_entry = at;
	if (entry->state.known) {
		*ret_state = entry->state;
		return TROUPE_OK;
	}
	const void *stored = key;
	size_t stored_len = key_len, len;
	char *bytes;

	if (kind != RECORD_PLAIN) {
		stored_len = record_own_key(own, kind, key, key_len);
		stored = own;
	}
	int32_t status = engine_get(group->engine, NULL, stored, stored_len, &bytes, &len, reterr);

	if (status != TROUPE_OK) {
		return status;
	}
	struct overlay_state state = { .known = 1 };

	if (bytes != NULL) {
		const uint8_t *value;
		size_t value_len;

		if (record_read(bytes, len, &state.version, &value, &value_len) < 0) {
			engine_free(bytes);
			reterr->status = TROUPE_DATA_LOSS;
			snprintf(reterr->text, sizeof(reterr->text), "a stored record of %zu bytes has no version", len);
			return TROUPE_DATA_LOSS;
		}
		state.is_number = record_number(value, value_len, &state.number) == 0;
		engine_free(bytes);
	}
	entry->state = state; /* read, not changed: a rollback keeps it */
	*ret_state = state;
	return TROUPE_OK;
}

/* Finds what is wrong with the transaction itself: *ret_wrong = 1 and where. */
static void tx_validate(const struct troupe_driver_tx *tx, int *ret_wrong, uint32_t *ret_index)
{
	*ret_wrong = 1;
	*ret_index = NO_INDEX;
	if ((uint64_t)tx->checks_len + tx->ops_len > OPS_MAX ||
	    (tx->fence != NULL && (tx->fence[0] == '\0' || strlen(tx->fence) > RECORD_NAME_MAX))) {
		return;
	}
	for (uint32_t i = 0; i < tx->checks_len; i++) {
		const struct troupe_db_check *check = &tx->checks[i];

		if (check->key_len < 1 || check->key_len > KEY_MAX || *(const uint8_t *)check->key == 0) {
			*ret_index = i;
			return;
		}
	}
	for (uint32_t i = 0; i < tx->ops_len; i++) {
		const struct troupe_db_op *op = &tx->ops[i];

		if (op->key_len < 1 || op->key_len > KEY_MAX || *(const uint8_t *)op->key == 0 ||
		    op->kind < TROUPE_DB_PUT || op->kind > TROUPE_DB_ADD ||
		    (op->kind == TROUPE_DB_PUT && op->value_len > VALUE_MAX)) {
			*ret_index = i;
			return;
		}
	}
	*ret_wrong = 0;
}

/* The idempotency key and the fence. *ret_go = 0: the result is final. */
static int32_t tx_admit(struct group *group, const struct troupe_driver_tx *tx, uint64_t version,
			struct troupe_db_result *result, int *ret_go, struct troupe_error *reterr)
{
	struct overlay_state state;
	uint32_t entry;
	int32_t status;

	*ret_go = 0;
	if (tx->key != NULL && !MUTANT("no_dedupe")) {
		status = group_state(group, RECORD_KEY, tx->key, TROUPE_KEY_SIZE, &entry, &state, reterr);
		if (status != TROUPE_OK) {
			return status;
		}
		if (state.version != 0) {
			if ((uint64_t)state.number != tx->fingerprint) {
				return refuse(result, TROUPE_ALREADY_EXISTS, NO_INDEX);
			}
			result->status = TROUPE_OK;
			result->repeated = 1;
			result->version = state.version;
			return TROUPE_OK;
		}
		state = (struct overlay_state){ .version = version, .number = (int64_t)tx->fingerprint,
						.is_number = 1, .known = 1 };
		overlay_set(&group->overlay, entry, &state);
	}
	if (tx->fence != NULL) {
		status = group_state(group, RECORD_FENCE, tx->fence, (uint32_t)strlen(tx->fence), &entry, &state, reterr);
		if (status != TROUPE_OK) {
			return status;
		}
		if (state.version != 0 && (uint64_t)state.number > tx->fence_epoch) {
			return refuse(result, TROUPE_FAILED_PRECONDITION, NO_INDEX);
		}
		state = (struct overlay_state){ .version = version, .number = (int64_t)tx->fence_epoch,
						.is_number = 1, .known = 1 };
		overlay_set(&group->overlay, entry, &state);
	}
	*ret_go = 1;
	return TROUPE_OK;
}

static int32_t tx_checks(struct group *group, const struct troupe_driver_tx *tx, struct troupe_db_result *result,
			 int *ret_go, struct troupe_error *reterr)
{
	struct overlay_state state;
	uint32_t entry;

	for (uint32_t i = 0; i < tx->checks_len; i++) {
		const struct troupe_db_check *check = &tx->checks[i];
		int32_t status = group_state(group, RECORD_PLAIN, check->key, check->key_len, &entry, &state, reterr);

		if (status != TROUPE_OK) {
			return status;
		}
		if (state.version != check->version) {
			*ret_go = 0;
			return refuse(result, TROUPE_ABORTED, i);
		}
	}
	return TROUPE_OK;
}

static int32_t tx_add(struct group *group, const struct troupe_db_op *op, uint32_t index,
		      struct overlay_state *ret_state, struct troupe_db_result *result, int *ret_go,
		      struct troupe_error *reterr)
{
	struct overlay_state state;
	uint32_t entry;
	int32_t status = group_state(group, RECORD_PLAIN, op->key, op->key_len, &entry, &state, reterr);
	int64_t sum;

	if (status != TROUPE_OK) {
		return status;
	}
	*ret_go = 0;
	if (state.version != 0 && !state.is_number) {
		return refuse(result, TROUPE_INVALID_ARGUMENT, index);
	}
	if (__builtin_add_overflow(state.version != 0 ? state.number : 0, op->delta, &sum) || sum < op->floor) {
		return refuse(result, TROUPE_OUT_OF_RANGE, index);
	}
	ret_state->number = sum;
	ret_state->is_number = 1;
	group->sums[index] = sum;
	*ret_go = 1;
	return TROUPE_OK;
}

/* Plays the ops in the overlay, so that each sees those before it; the sums of ADDs are kept for the batch. */
static int32_t tx_ops(struct group *group, const struct troupe_driver_tx *tx, uint64_t version,
		      struct troupe_db_result *result, int *ret_go, struct troupe_error *reterr)
{
	if (tx->ops_len > group->sums_size) {
		free(group->sums);
		group->sums = malloc(OPS_MAX * sizeof(*group->sums));
		group->sums_size = group->sums != NULL ? OPS_MAX : 0;
		if (group->sums == NULL) {
			abort();
		}
	}
	for (uint32_t i = 0; i < tx->ops_len; i++) {
		const struct troupe_db_op *op = &tx->ops[i];
		struct overlay_state state = { .version = version, .known = 1 };

		if (op->kind == TROUPE_DB_DELETE) {
			state.version = 0;
		} else if (op->kind == TROUPE_DB_PUT) {
			state.is_number = record_number(op->value, op->value_len, &state.number) == 0;
		} else {
			int32_t status = tx_add(group, op, i, &state, result, ret_go, reterr);

			if (status != TROUPE_OK || !*ret_go) {
				return status;
			}
		}
		overlay_set(&group->overlay, overlay_at(&group->overlay, RECORD_PLAIN, op->key, op->key_len), &state);
	}
	return TROUPE_OK;
}

static void tx_write(struct group *group, const struct troupe_driver_tx *tx, uint64_t version)
{
	uint8_t own[RECORD_OWN_KEY_MAX], number[RECORD_NUMBER_SIZE];

	for (uint32_t i = 0; i < tx->ops_len; i++) {
		const struct troupe_db_op *op = &tx->ops[i];

		if (op->kind == TROUPE_DB_DELETE) {
			engine_delete(group->engine, op->key, op->key_len);
		} else if (op->kind == TROUPE_DB_PUT) {
			engine_put(group->engine, op->key, op->key_len, version, op->value, op->value_len);
		} else {
			record_put64(number, (uint64_t)group->sums[i]);
			engine_put(group->engine, op->key, op->key_len, version, number, sizeof(number));
		}
	}
	if (tx->key != NULL) {
		record_put64(number, tx->fingerprint);
		engine_put(group->engine, own, record_own_key(own, RECORD_KEY, tx->key, TROUPE_KEY_SIZE), version,
			   number, sizeof(number));
	}
	if (tx->fence != NULL) {
		record_put64(number, tx->fence_epoch);
		engine_put(group->engine, own, record_own_key(own, RECORD_FENCE, tx->fence, strlen(tx->fence)),
			   version, number, sizeof(number));
	}
}

/* Decides one transaction and adds it to the batch if it holds; `plain`: no transaction of the group looks at
 * anything, so the overlay is not needed. */
static int32_t tx_decide(struct group *group, const struct troupe_driver_tx *tx, int plain, uint64_t version,
			 struct troupe_db_result *result, struct troupe_error *reterr)
{
	uint32_t index;
	int wrong, go = 1;
	int32_t status = TROUPE_OK;

	*result = (struct troupe_db_result){ .size = sizeof(*result), .index = NO_INDEX };
	tx_validate(tx, &wrong, &index);
	if (wrong) {
		return refuse(result, TROUPE_INVALID_ARGUMENT, index);
	}
	if (!plain) {
		overlay_mark(&group->overlay);
		status = tx_admit(group, tx, version, result, &go, reterr);
		if (status == TROUPE_OK && go) {
			status = tx_checks(group, tx, result, &go, reterr);
		}
		if (status == TROUPE_OK && go) {
			status = tx_ops(group, tx, version, result, &go, reterr);
		}
		if (status != TROUPE_OK || !go) {
			overlay_rollback(&group->overlay);
			return status;
		}
	}
	tx_write(group, tx, version);
	result->status = TROUPE_OK;
	result->version = version;
	return TROUPE_OK;
}

static int group_is_plain(const struct troupe_driver_tx *txs, uint32_t count, uint32_t *ret_keys)
{
	int plain = 1;

	*ret_keys = 0;
	for (uint32_t i = 0; i < count; i++) {
		plain &= txs[i].checks_len == 0 && txs[i].key == NULL && txs[i].fence == NULL;
		for (uint32_t op = 0; plain && op < txs[i].ops_len; op++) {
			plain &= txs[i].ops[op].kind != TROUPE_DB_ADD;
		}
		*ret_keys += txs[i].checks_len + txs[i].ops_len + 2;
	}
	return plain;
}

int32_t group_commit(struct group *group, const struct troupe_driver_tx *txs, uint32_t count,
		     struct troupe_db_result *results, struct troupe_error *reterr)
{
	uint32_t keys;
	int plain = group_is_plain(txs, count, &keys);
	uint64_t version = group->version;
	uint8_t own[RECORD_OWN_KEY_MAX];

	if (!MUTANT("ack_early") || group->version % 8 >= 4) {
		engine_clear(group->engine);
	}
	if (!plain) {
		overlay_reset(&group->overlay, keys);
	}
	for (uint32_t i = 0; i < count; i++) {
		int32_t status = tx_decide(group, &txs[i], plain, version + 1, &results[i], reterr);

		if (status != TROUPE_OK) {
			return status;
		}
		version += results[i].status == TROUPE_OK && !results[i].repeated;
	}
	if (version == group->version) {
		return TROUPE_OK; /* everything was refused or known: there is nothing to write */
	}
	engine_put(group->engine, own, record_own_key(own, RECORD_COUNTER, NULL, 0), version, NULL, 0);
	/* the planted mistake keeps some groups back until the next */
	int32_t status = MUTANT("ack_early") && version % 8 < 4 ? TROUPE_OK : engine_write(group->engine, reterr);

	if (status == TROUPE_OK) {
		group->version = version;
	}
	return status;
}

void group_free(struct group *group)
{
	overlay_free(&group->overlay);
	free(group->sums);
	group->sums = NULL;
	group->sums_size = 0;
}
