/* SPDX-License-Identifier: MIT */
/* Two seals between which anything happens: only what the one has sealed opens at the other, once, and they heal. */
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/seal_state.h"

#define FRAME_MAX 192u
#define KEPT 16u
#define NUMBERS 4096u

/* One end, and the frames that it has sent last. */
struct end {
	struct seal *seal;
	struct seal_setup setup;
	uint8_t frames[KEPT][FRAME_MAX];
	size_t lens[KEPT];
	unsigned frames_len, handed; /* sent so far; of these, handed to the other by the wire */
	bool opened[NUMBERS];
	uint32_t arrived;
};

static struct end ends[2];
static uint64_t now_us, random_state;
static uint32_t number; /* the next number to send; each is sent once */

/* Runs are the same each time. */
static const char *random_name(void)
{
	return "fuzz";
}

static uint32_t random_word(void)
{
	/* splitmix64 */
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)(z ^ z >> 31);
}

static void random_buf(void *bytes, const size_t len)
{
	for (size_t i = 0; i < len; i++) {
		((uint8_t *)bytes)[i] = (uint8_t)random_word();
	}
}

static void keep(struct end *end, const uint8_t *frame, size_t len)
{
	unsigned at = end->frames_len++ % KEPT;

	if (len > FRAME_MAX) {
		abort();
	}
	memcpy(end->frames[at], frame, len);
	end->lens[at] = len;
}

static void on_send(void *arg, const uint8_t *frame, size_t len)
{
	keep(arg, frame, len);
}

static void end_open(unsigned at)
{
	struct end *end = &ends[at];

	seal_free(end->seal);
	end->seal = seal_new(&end->setup, now_us);
	if (end->seal == NULL) {
		abort();
	}
}

/* Hands over a copy of its own, so that a sanitizer sees a read too far. */
static void give(unsigned to, const uint8_t *frame, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1), *data;
	size_t data_len;
	uint32_t came;

	memcpy(copy, frame, len);
	seal_sender(copy, len);
	if (seal_open(ends[to].seal, copy, len, now_us, &data, &data_len)) {
		if (data_len != sizeof(came) || data < copy || data + data_len > copy + len) {
			abort();
		}
		memcpy(&came, data, sizeof(came));
		if (came >= number || came % 2 == to || ends[to].opened[came % NUMBERS]) {
			abort();
		}
		ends[to].opened[came % NUMBERS] = true;
		ends[to].arrived++;
	}
	free(copy);
}

/* As somebody would make it who knows the keys for the codes of handshake frames, and what is in clear. */
static void mend(unsigned to, uint8_t *frame, size_t len)
{
	static const size_t lens[] = { 0, SEAL_FIRST_LEN, SEAL_SECOND_LEN, SEAL_POKE_LEN };
	struct seal *seal = ends[to].seal;
	uint8_t type = frame[0] % 7;

	if (len < SEAL_HEAD + SEAL_MAC) {
		return;
	}
	memset(frame, 0, 8);
	frame[0] = type;
	frame[1] = SEAL_VERSION;
	bytes_put(frame + 16, ends[!to].setup.self);
	if (frame[8] % 2 == 0) {
		bytes_put(frame + 8, seal->attempt != 0 ? seal->attempt : seal->current.id);
	}
	if (frame[24] % 2 == 0) {
		bytes_put(frame + 24, seal->challenge);
	}
	if (type >= SEAL_FIRST && type <= SEAL_POKE && len >= lens[type]) {
		struct cipher_bytes part = { frame, lens[type] - SEAL_MAC };

		cipher_hash(frame + lens[type] - SEAL_MAC, SEAL_MAC, seal->pairs[0].mac, CIPHER_KEY, &part, 1);
		give(to, frame, lens[type]);
	} else {
		give(to, frame, len);
	}
}

static void send_number(unsigned from)
{
	uint8_t frame[FRAME_MAX];
	size_t len;

	number += number % 2 != from; /* even ones from the first, odd ones from the second */
	memcpy(frame + SEAL_HEAD, &number, sizeof(number));
	len = number < NUMBERS ? seal_close(ends[from].seal, frame, sizeof(number), now_us) : 0;
	if (len > 0) {
		keep(&ends[from], frame, len);
		number++;
	}
}

static void tick(uint64_t us)
{
	now_us += us;
	for (unsigned i = 0; i < 2; i++) {
		if (seal_tick(ends[i].seal, now_us) <= now_us) {
			abort();
		}
	}
}

/* What was sent and not yet handed over arrives, if it is still kept. */
static void hand_over(unsigned from)
{
	struct end *end = &ends[from];

	if (end->frames_len - end->handed > KEPT) {
		end->handed = end->frames_len - KEPT;
	}
	for (unsigned stop = end->frames_len; end->handed != stop; end->handed++) {
		unsigned at = end->handed % KEPT;
		uint8_t frame[FRAME_MAX];

		memcpy(frame, end->frames[at], end->lens[at]);
		give(!from, frame, end->lens[at]);
	}
}

/* Whatever has happened: over a good wire numbers soon go both ways. */
static void check_heals(void)
{
	uint32_t arrived[2] = { 0, 0 };

	for (unsigned i = 0; i < 2; i++) {
		ends[i].handed = ends[i].frames_len;
	}
	number = number < NUMBERS - 1024 ? number : NUMBERS - 1024;
	for (unsigned i = 0; i < 2; i++) {
		memset(ends[i].opened + NUMBERS - 1024, 0, 1024);
	}
	for (unsigned i = 0; i < 210; i++) {
		send_number(0);
		send_number(1);
		hand_over(0);
		hand_over(1);
		tick(100000);
		if (i == 200) {
			arrived[0] = ends[0].arrived;
			arrived[1] = ends[1].arrived;
		}
	}
	hand_over(0);
	hand_over(1);
	if (ends[0].arrived != arrived[0] + 9 || ends[1].arrived != arrived[1] + 9) {
		abort();
	}
}

static void ends_init(void)
{
	memset(ends, 0, sizeof(ends));
	random_state = 1;
	now_us = 1000000;
	number = 0;
	for (unsigned i = 0; i < 2; i++) {
		struct seal_setup *setup = &ends[i].setup;

		*setup = (struct seal_setup){ .self = 10 + i, .peer = 11 - i, .secrets_len = 2, .peers_len = 2,
					      .prologue = "fuzz", .prologue_len = 4, .send = on_send, .arg = &ends[i] };
		for (unsigned k = 0; k < 2; k++) {
			uint8_t peer[SEAL_KEY];

			memset(setup->secrets[k], (int)(1 + i + 2 * k), SEAL_KEY);
			memset(peer, (int)(1 + !i + 2 * k), SEAL_KEY);
			cipher_public(peer, setup->peers[k]);
		}
		end_open(i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Steps of three bytes: what, to whom, and a number for it; bytes follow where they are needed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const randombytes_implementation implementation = { .implementation_name = random_name, .random = random_word,
								   .buf = random_buf };
	uint8_t frame[FRAME_MAX];

	randombytes_set_implementation((randombytes_implementation *)(uintptr_t)&implementation);
	ends_init();
	for (size_t at = 0; at + 3 <= size;) {
		unsigned what = data[at] % 9, to = data[at + 1] & 1, value = data[at + 2];
		struct end *from = &ends[!to];
		size_t len = value < size - at - 3 ? value : size - at - 3;

		len = len < FRAME_MAX ? len : FRAME_MAX;
		at += 3;
		if (what <= 1 && from->frames_len > 0) {
			/* a frame that was sent lately, as it was or changed */
			unsigned old = (from->frames_len - 1 - data[at - 2] / 2 % KEPT) % KEPT;
			size_t frame_len = from->lens[old];

			memcpy(frame, from->frames[old], FRAME_MAX);
			if (what == 1 && frame_len > 0) {
				frame[value % frame_len] ^= at < size ? data[at] : 1;
			}
			give(to, frame, frame_len);
		} else if (what == 2) {
			give(to, data + at, len);
			at += len;
		} else if (what == 3) {
			memcpy(frame, data + at, len);
			mend(to, frame, len);
			at += len;
		} else if (what == 4) {
			send_number(!to);
		} else if (what == 5) {
			end_open(to);
		} else if (what == 6) {
			ends[to].setup.secrets_len = 1 + (value & 1);
			ends[to].setup.peers_len = 1 + (value >> 1 & 1);
			seal_keys(ends[to].seal, &ends[to].setup, now_us);
		} else if (what == 7) {
			hand_over(!to);
		} else {
			tick((uint64_t)value * value * 4096); /* up to four minutes */
		}
	}
	check_heals();
	for (unsigned i = 0; i < 2; i++) {
		ends[i].seal = seal_free(ends[i].seal);
	}
	return 0;
}
