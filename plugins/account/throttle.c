/* SPDX-License-Identifier: MIT */
/* A table of fixed size: whoever fills it pushes out the entries that would have ended first. */
#include <stdlib.h>
#include <string.h>

#include "account.h"

int throttle_init(struct throttle *throttle, const uint8_t key[16], uint64_t first_ms, uint64_t max_ms)
{
	memcpy(throttle->key, key, sizeof(throttle->key));
	throttle->first_us = first_ms * 1000;
	throttle->max_us = max_ms * 1000;
	throttle->entries = calloc(THROTTLE_SETS * THROTTLE_WAYS, sizeof(*throttle->entries));
	return throttle->entries != NULL ? 0 : -1;
}

void throttle_free(struct throttle *throttle)
{
	free(throttle->entries);
	throttle->entries = NULL;
}

uint64_t throttle_key(const struct throttle *throttle, const char *user, uint64_t network)
{
	uint8_t bytes[USER_MAX + 1 + sizeof(network)] = { 0 };
	uint64_t key;

	memcpy(bytes, user, strnlen(user, USER_MAX));
	memcpy(bytes + USER_MAX + 1, &network, sizeof(network));
	key = secret_short(throttle->key, bytes, sizeof(bytes));
	return key != 0 ? key : 1;
}

static struct throttle_entry *set_of(const struct throttle *throttle, uint64_t key)
{
	return &throttle->entries[(key % THROTTLE_SETS) * THROTTLE_WAYS];
}

static struct throttle_entry *find(const struct throttle *throttle, uint64_t key)
{
	struct throttle_entry *set = set_of(throttle, key);

	for (uint32_t i = 0; i < THROTTLE_WAYS; i++) {
		if (set[i].key == key) {
			return &set[i];
		}
	}
	return NULL;
}

/* take: a place for a new key; busy entries stay, since their try will come back to them. */
static struct throttle_entry *take(struct throttle *throttle, uint64_t key, uint64_t now_us)
{
	struct throttle_entry *set = set_of(throttle, key), *best = NULL;

	for (uint32_t i = 0; i < THROTTLE_WAYS; i++) {
		if (set[i].key == 0) {
			best = &set[i];
			break;
		}
		if (!set[i].busy && (best == NULL || set[i].until_us < best->until_us)) {
			best = &set[i];
		}
	}
	if (best == NULL) {
		return NULL;
	}
	if (best->key != 0 && best->until_us > now_us) {
		throttle->evicted++;
	}
	*best = (struct throttle_entry){ .key = key };
	return best;
}

uint64_t throttle_enter(struct throttle *throttle, uint64_t key, uint64_t now_us)
{
	struct throttle_entry *entry = find(throttle, key);

	if (entry != NULL && entry->busy) {
		return 1000;
	}
	if (entry != NULL && entry->until_us > now_us) {
		return (entry->until_us - now_us + 999) / 1000;
	}
	/* as long again as the longest delay without a wrong try, and the count starts anew */
	if (entry != NULL && now_us - entry->until_us > throttle->max_us) {
		entry->failures = 0;
	}
	if (entry == NULL) {
		entry = take(throttle, key, now_us);
	}
	if (entry == NULL) {
		return 1000;
	}
	entry->busy = 1;
	return 0;
}

void throttle_leave(struct throttle *throttle, uint64_t key, uint64_t now_us, int outcome)
{
	struct throttle_entry *entry = find(throttle, key);
	uint64_t delay_us = throttle->first_us;

	if (entry == NULL) {
		return;
	}
	entry->busy = 0;
	if (outcome < 0) {
		if (entry->failures == 0) {
			entry->key = 0;
		}
		return;
	}
	if (outcome > 0) {
		*entry = (struct throttle_entry){ 0 };
		return;
	}
	for (uint32_t i = 0; i < entry->failures && delay_us < throttle->max_us; i++) {
		delay_us *= 2;
	}
	entry->failures++;
	entry->until_us = now_us + (delay_us < throttle->max_us ? delay_us : throttle->max_us);
}
