/* SPDX-License-Identifier: MIT */
/* A simulated wire between two seals. */
#include "seal_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "host/bus/cipher.h"

uint64_t pair_random(struct pair *pair)
{
	/* splitmix64 */
	uint64_t z = pair->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void pair_key(unsigned number, uint8_t ret_secret[SEAL_KEY], uint8_t ret_public[SEAL_KEY])
{
	uint8_t secret[SEAL_KEY];

	memset(secret, (int)number + 1, sizeof(secret));
	if (ret_secret != NULL) {
		memcpy(ret_secret, secret, sizeof(secret));
	}
	if (ret_public != NULL) {
		cipher_public(secret, ret_public);
	}
}

static void flight_add(struct pair *pair, unsigned to, const uint8_t *frame, size_t len)
{
	struct flight *flight = &pair->flights[pair->flights_len];

	if (pair->flights_len == FLIGHT_MAX || len > FLIGHT_SIZE) {
		pair->dropped_full++;
		return;
	}
	flight->due_us = pair->now_us + pair->trip_us + (pair->jitter_us > 0 ? pair_random(pair) % pair->jitter_us : 0);
	flight->order = pair->order++;
	flight->to = (uint8_t)to;
	flight->len = (uint16_t)len;
	memcpy(flight->bytes, frame, len);
	pair->flights_len++;
}

bool pair_put(struct pair *pair, unsigned to, const uint8_t *frame, size_t len)
{
	struct flight *kept = &pair->sent[!to][pair->sent_len[!to]++ % SENT_MAX];
	unsigned before = pair->flights_len;

	memcpy(kept->bytes, frame, len);
	kept->len = (uint16_t)len;
	kept->to = (uint8_t)to;
	if (pair_random(pair) % 1000 >= pair->lost && !pair->cut[to]) {
		flight_add(pair, to, frame, len);
	}
	if (pair_random(pair) % 1000 < pair->repeated && !pair->cut[to]) {
		flight_add(pair, to, frame, len);
	}
	return pair->flights_len > before;
}

static void side_send(void *arg, const uint8_t *frame, size_t len)
{
	struct side *side = arg;

	side->own++;
	pair_put(side->pair, !side->at, frame, len);
}

bool pair_give(struct pair *pair, unsigned to, const uint8_t *frame, size_t len)
{
	struct side *side = &pair->sides[to];
	uint8_t *copy = malloc(len > 0 ? len : 1), *data; /* of its own, so that a sanitizer sees a read too far */
	size_t data_len;
	uint32_t number;
	bool is_open;

	memcpy(copy, frame, len);
	is_open = seal_open(side->seal, copy, len, pair->now_us, &data, &data_len);
	if (is_open && data_len == sizeof(number)) {
		memcpy(&number, data, sizeof(number));
		if (number < side->seen_max) {
			side->arrived += side->seen[number] == 0;
			side->twice += side->seen[number] > 0;
			side->seen[number] = 1;
		}
	}
	free(copy);
	return is_open;
}

static void flights_land(struct pair *pair)
{
	for (;;) {
		unsigned best = FLIGHT_MAX;

		for (unsigned i = 0; i < pair->flights_len; i++) {
			const struct flight *flight = &pair->flights[i];

			if (flight->due_us <= pair->now_us &&
			    (best == FLIGHT_MAX || flight->due_us < pair->flights[best].due_us ||
			     (flight->due_us == pair->flights[best].due_us &&
			      flight->order < pair->flights[best].order))) {
				best = i;
			}
		}
		if (best == FLIGHT_MAX) {
			return;
		}
		struct flight flight = pair->flights[best];

		pair->flights[best] = pair->flights[--pair->flights_len];
		pair_give(pair, flight.to, flight.bytes, flight.len);
	}
}

void pair_run(struct pair *pair, uint64_t us)
{
	uint64_t end_us = pair->now_us + us;

	for (;;) {
		uint64_t next_us = end_us;

		flights_land(pair);
		for (unsigned i = 0; i < 2; i++) {
			struct side *side = &pair->sides[i];

			if (side->seal != NULL && side->tick_us <= pair->now_us) {
				side->tick_us = seal_tick(side->seal, pair->now_us);
			}
			if (side->seal != NULL && side->tick_us < next_us) {
				next_us = side->tick_us;
			}
		}
		for (unsigned i = 0; i < pair->flights_len; i++) {
			if (pair->flights[i].due_us < next_us) {
				next_us = pair->flights[i].due_us;
			}
		}
		if (next_us >= end_us) {
			break;
		}
		pair->now_us = next_us > pair->now_us ? next_us : pair->now_us;
	}
	pair->now_us = end_us;
}

bool pair_up(struct pair *pair, uint64_t max_us)
{
	for (uint64_t us = 0; us < max_us; us += 1000) {
		if (seal_up(pair->sides[0].seal) && seal_up(pair->sides[1].seal)) {
			return true;
		}
		pair_run(pair, 1000);
	}
	return false;
}

size_t pair_seal(struct pair *pair, unsigned from, uint32_t number, uint8_t *frame)
{
	memcpy(frame + SEAL_HEAD, &number, sizeof(number));
	return seal_close(pair->sides[from].seal, frame, sizeof(number), pair->now_us);
}

bool pair_send(struct pair *pair, unsigned from, uint32_t number)
{
	uint8_t frame[FLIGHT_SIZE];
	size_t len = pair_seal(pair, from, number, frame);

	if (len > 0) {
		pair->sides[!from].flew += pair_put(pair, !from, frame, len);
	}
	return len > 0;
}

void pair_restart(struct pair *pair, unsigned at)
{
	struct side *side = &pair->sides[at];

	seal_free(side->seal);
	side->seal = seal_new(&side->setup, pair->now_us);
	side->tick_us = pair->now_us;
}

struct pair *pair_new(uint64_t seed)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	pair->random = seed;
	pair->now_us = 1000000;
	pair->trip_us = 100;
	for (unsigned i = 0; i < 2; i++) {
		struct side *side = &pair->sides[i];

		side->pair = pair;
		side->at = i;
		side->id = 1000 + i;
		side->setup = (struct seal_setup){
			.self = 1000 + i, .peer = 1000 + !i, .secrets_len = 1, .peers_len = 1,
			.prologue = "test", .prologue_len = 4, .send = side_send, .arg = side,
		};
		pair_key(i, side->setup.secrets[0], NULL);
		pair_key(!i, NULL, side->setup.peers[0]);
		side->seen_max = 1u << 20;
		side->seen = calloc(1, side->seen_max);
		pair_restart(pair, i);
	}
	return pair;
}

void pair_free(struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		seal_free(pair->sides[i].seal);
		free(pair->sides[i].seen);
	}
	free(pair);
}

struct seal_counts pair_counts(const struct pair *pair, unsigned at)
{
	struct seal_counts counts;

	seal_counts(pair->sides[at].seal, &counts);
	return counts;
}
