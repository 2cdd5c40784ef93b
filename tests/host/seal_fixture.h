/* SPDX-License-Identifier: MIT */
/* Two seals and a wire between them that loses, repeats, delays and reorders frames as the seed says. */
#ifndef TESTS_HOST_SEAL_FIXTURE_H
#define TESTS_HOST_SEAL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/bus/seal.h"

#define FLIGHT_MAX 4096u
#define FLIGHT_SIZE 256u
#define SENT_MAX 64u

struct flight {
	uint64_t due_us, order;
	uint8_t to, bytes[FLIGHT_SIZE];
	uint16_t len;
};

struct pair;
struct side {
	struct pair *pair;
	unsigned at;
	uint64_t id;
	struct seal *seal;
	struct seal_setup setup;
	uint64_t tick_us;
	/* data that opened: how often each number came, and how many numbers */
	uint8_t *seen;
	uint32_t seen_max, arrived, twice;
	uint32_t flew; /* numbers of which the wire carried a copy to this side */
	uint64_t own;  /* frames of the seal's own that it sent */
};

struct pair {
	struct side sides[2];
	uint64_t now_us, order, random;
	/* of a thousand frames; and how long one travels */
	unsigned lost, repeated;
	bool cut[2]; /* nothing arrives at that side */
	uint64_t trip_us, jitter_us;
	struct flight flights[FLIGHT_MAX];
	unsigned flights_len;
	uint64_t dropped_full;
	struct flight sent[2][SENT_MAX]; /* the last frames of each side, to be replayed */
	unsigned sent_len[2];
};

/* pair_new: sides[0] has the lower id; both have one key of their own and the other's. pair_free frees both. */
struct pair *pair_new(uint64_t seed);
void pair_free(struct pair *pair);
/* pair_restart: as if the side's process had ended and begun again; its keys stay. */
void pair_restart(struct pair *pair, unsigned at);
/* pair_key makes a key pair from a number; either may be NULL. */
void pair_key(unsigned number, uint8_t ret_secret[SEAL_KEY], uint8_t ret_public[SEAL_KEY]);
uint64_t pair_random(struct pair *pair);

/* pair_run lets time pass: frames arrive, ticks happen. pair_up runs until both can send; false after `max_us`. */
void pair_run(struct pair *pair, uint64_t us);
bool pair_up(struct pair *pair, uint64_t max_us);
/* pair_put puts a frame on the wire to `to`; false: the wire lost it. */
bool pair_put(struct pair *pair, unsigned to, const uint8_t *frame, size_t len);
/* pair_send seals a number, each once, and puts it on the wire; false: no session. */
bool pair_send(struct pair *pair, unsigned from, uint32_t number);
/* pair_seal makes the frame only. */
size_t pair_seal(struct pair *pair, unsigned from, uint32_t number, uint8_t *frame);
/* pair_give hands a copy of a frame to a side at once: does it open? */
bool pair_give(struct pair *pair, unsigned to, const uint8_t *frame, size_t len);
struct seal_counts pair_counts(const struct pair *pair, unsigned at);

#endif
