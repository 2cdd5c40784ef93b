/* SPDX-License-Identifier: MIT */
/* How two seals come to a session: who starts, what is repeated, and what a stranger may cost. */
#include "host/bus/seal_state.h"

#include <string.h>

/*
 * Every handshake frame ends with a code (keyed BLAKE2b) whose key only the two hosts can compute, from their static
 * keys, so that a stranger costs one hash and never a curve operation. What a listener replays passes that; against it
 * message 1 carries a challenge which the responder takes once: without it the answer is a poke that names the next.
 * The one after that comes encrypted in message 2, so that a renewal takes one round trip.
 */
#define HANDSHAKE_US 125000u /* between handshakes, on the average, and how many at once */
#define HANDSHAKE_BURST 16u
#define ANSWER_US 1000u /* between answers to message 1 that cost no curve operation */
#define ANSWER_BURST 64u
#define POKE_US 1000000u /* between pokes that are heeded without having been asked for: they may be replays */
#define ANSWERED 4u	 /* repeats with a pair of keys that the peer has shown to know */
#define RETRY_QUICK 8u	 /* repeats after SEAL_RETRY_US; the others after SEAL_RETRY_MAX_US */

static bool bucket_take(seal_bucket *bucket, uint64_t every_us, unsigned burst, uint64_t now_us)
{
	uint64_t full_us = *bucket > now_us ? *bucket : now_us;

	if (full_us - now_us > every_us * (burst - 1) && !MUTANT("no_bound")) {
		return false;
	}
	*bucket = full_us + every_us;
	return true;
}

static uint64_t random_number(void)
{
	uint64_t number = 0;

	while (number == 0) {
		cipher_random(&number, sizeof(number));
	}
	return number;
}

static void mac_make(const struct seal_pair *pair, const uint8_t *frame, size_t len, uint8_t ret_mac[SEAL_MAC])
{
	cipher_hash(ret_mac, SEAL_MAC, pair->mac, CIPHER_KEY, &(struct cipher_bytes){ frame, len }, 1);
}

/* Puts the code at the end of a frame of `len` bytes with it, and sends it. */
static void mac_send(struct seal *seal, const struct seal_pair *pair, uint8_t *frame, size_t len)
{
	mac_make(pair, frame, len - SEAL_MAC, frame + len - SEAL_MAC);
	seal->setup.send(seal->setup.arg, frame, len);
}

static bool mac_fits(const struct seal_pair *pair, const uint8_t *frame, size_t len)
{
	uint8_t mac[SEAL_MAC];

	mac_make(pair, frame, len - SEAL_MAC, mac);
	return cipher_same(mac, frame + len - SEAL_MAC, SEAL_MAC) || MUTANT("no_code");
}

/* The pair of keys that a frame was made with; pairs_len if none. */
static unsigned mac_pair(const struct seal *seal, const uint8_t *frame, size_t len)
{
	for (unsigned i = 0; i < seal->pairs_len; i++) {
		unsigned at = (seal->pair + i) % seal->pairs_len;

		if (mac_fits(&seal->pairs[at], frame, len)) {
			return at;
		}
	}
	return seal->pairs_len;
}

static void pairs_make(struct seal *seal)
{
	static const char label[] = "troupe seal: handshake frames";
	const struct seal_setup *setup = &seal->setup;
	uint8_t shared[CIPHER_KEY];

	seal->pairs_len = seal->pair = 0;
	for (unsigned i = 0; i < setup->secrets_len; i++) {
		for (unsigned j = 0; j < setup->peers_len; j++) {
			struct seal_pair *pair = &seal->pairs[seal->pairs_len];

			if (!cipher_dh(setup->secrets[i], setup->peers[j], shared)) {
				continue;
			}
			pair->own = (uint8_t)i;
			pair->peer = (uint8_t)j;
			cipher_hash(pair->mac, CIPHER_KEY, shared, CIPHER_KEY,
				    (struct cipher_bytes[]){ { label, sizeof(label) },
							     { seal->context, CIPHER_HASH } }, 2);
			seal->pairs_len++;
		}
	}
	cipher_wipe(shared, sizeof(shared));
}

bool handshake_keys(struct seal *seal, const struct seal_setup *setup)
{
	uint64_t low = seal->starts ? seal->setup.self : seal->setup.peer;
	uint64_t high = seal->starts ? seal->setup.peer : seal->setup.self;
	struct seal_pair before[SEAL_KEYS_MAX * SEAL_KEYS_MAX];
	unsigned before_len = seal->pairs_len;
	uint8_t head[SEAL_HEAD];
	bool is_other;

	/* the same bytes on both sides, so with the lower id first */
	seal_head_put(head, &(struct seal_head){ .session = low, .sender = high });
	cipher_hash(seal->context, CIPHER_HASH, NULL, 0,
		    (struct cipher_bytes[]){ { head, SEAL_HEAD },
					     { setup->prologue, MUTANT("no_prologue") ? 0 : setup->prologue_len } }, 2);
	memcpy(before, seal->pairs, sizeof(before));
	memcpy(seal->setup.secrets, setup->secrets, sizeof(setup->secrets));
	memcpy(seal->setup.peers, setup->peers, sizeof(setup->peers));
	seal->setup.secrets_len = setup->secrets_len < SEAL_KEYS_MAX ? setup->secrets_len : SEAL_KEYS_MAX;
	seal->setup.peers_len = setup->peers_len < SEAL_KEYS_MAX ? setup->peers_len : SEAL_KEYS_MAX;
	pairs_make(seal);
	is_other = seal->pairs_len != before_len || memcmp(before, seal->pairs, before_len * sizeof(before[0])) != 0;
	cipher_wipe(before, sizeof(before));
	if (is_other) {
		cipher_wipe(&seal->noise, sizeof(seal->noise));
		seal->attempt = 0;
		seal->tries = 0;
		seal->due_us = 0;
	}
	return is_other;
}

/* Begins the handshake of a message 1; the head is part of what both sides agree on. */
static void noise_start(struct seal *seal, struct noise *noise, const struct seal_pair *pair, const uint8_t *head)
{
	uint8_t ephemeral[NOISE_KEY], prologue[CIPHER_HASH + SEAL_HEAD];

	memcpy(prologue, seal->context, CIPHER_HASH);
	memcpy(prologue + CIPHER_HASH, head, SEAL_HEAD);
	cipher_random(ephemeral, sizeof(ephemeral));
	noise_begin(noise, seal->starts, seal->setup.secrets[pair->own], ephemeral, seal->setup.peers[pair->peer],
		    prologue, sizeof(prologue));
	cipher_wipe(ephemeral, sizeof(ephemeral));
}

/* Makes and sends another message 1, with the pair and the challenge that are set; too often: later. */
static void attempt_start(struct seal *seal, uint64_t now_us)
{
	const struct seal_pair *pair = &seal->pairs[seal->pair];

	seal->due_us = now_us + SEAL_RETRY_US;
	seal->attempt = 0;
	if (!bucket_take(&seal->handshakes, HANDSHAKE_US, HANDSHAKE_BURST, now_us)) {
		seal->counts.throttled++;
		return;
	}
	seal->attempt = random_number();
	seal_head_put(seal->first, &(struct seal_head){ SEAL_FIRST, seal->attempt, seal->setup.self, seal->challenge });
	noise_start(seal, &seal->noise, pair, seal->first);
	if (!noise_write(&seal->noise, NULL, 0, seal->first + SEAL_HEAD)) {
		seal->attempt = 0; /* cannot be: the pair's keys have shared something before */
		return;
	}
	mac_send(seal, pair, seal->first, SEAL_FIRST_LEN);
}

static void poke_send(struct seal *seal, unsigned pair, uint64_t echo)
{
	uint8_t frame[SEAL_POKE_LEN];

	seal_head_put(frame, &(struct seal_head){ SEAL_POKE, echo, seal->setup.self, seal->challenge });
	mac_send(seal, &seal->pairs[pair], frame, sizeof(frame));
}

static bool session_wanted(const struct seal *seal, uint64_t now_us)
{
	const struct session *session = &seal->current;

	if (session->id == 0 || seal->renew ||
	    (seal->unanswered_us != 0 && now_us - seal->unanswered_us >= SEAL_QUIET_US && !MUTANT("no_quiet"))) {
		return true;
	}
	return seal->starts && (now_us - session->born_us >= SEAL_REKEY_US || session->sent >= SEAL_REKEY_FRAMES ||
				(session->top >= SEAL_REKEY_FRAMES && !MUTANT("own_frames_only")));
}

/* The lower id repeats message 1, the higher one asks for it; which pair the peer knows is found out by turns. */
void handshake_tick(struct seal *seal, uint64_t now_us)
{
	bool is_under_way = seal->starts && seal->attempt != 0;
	bool is_pending = seal->next.id != 0 && now_us - seal->next.born_us < SEAL_QUIET_US;

	if (seal->pairs_len == 0 || is_pending || (!is_under_way && !session_wanted(seal, now_us))) {
		seal->tries = 0;
		seal->due_us = 0;
		return;
	}
	if (now_us < seal->due_us) {
		return;
	}
	bool is_next = seal->tries > 0 && seal->answered == 0 && seal->pairs_len > 1 && !MUTANT("one_pair");

	if (is_next) {
		seal->pair = (seal->pair + 1) % seal->pairs_len;
	}
	if (!seal->starts) {
		if (!MUTANT("no_poke")) {
			poke_send(seal, seal->pair, 0);
		}
	} else if (seal->attempt == 0 || is_next) {
		attempt_start(seal, now_us);
	} else if (!MUTANT("no_repeat")) {
		seal->setup.send(seal->setup.arg, seal->first, SEAL_FIRST_LEN);
	}
	seal->answered -= seal->answered > 0;
	seal->tries++;
	seal->due_us = now_us + (seal->tries < RETRY_QUICK ? SEAL_RETRY_US : SEAL_RETRY_MAX_US);
}

/* May this message 1 cost curve operations: has the peer made it, and now? Else answers it as far as it needs that. */
static bool first_is_due(struct seal *seal, const struct seal_head *head, unsigned pair, uint64_t now_us)
{
	if (head->session == 0 || head->session == seal->current.id || head->session == seal->former.id) {
		seal->counts.replayed++;
		return false;
	}
	if (head->session == seal->next.id || (head->counter != seal->challenge && !MUTANT("any_challenge"))) {
		if (!bucket_take(&seal->answers, ANSWER_US, ANSWER_BURST, now_us)) {
			seal->counts.throttled++;
		} else if (head->session == seal->next.id) {
			seal->counts.replayed++;
			seal->setup.send(seal->setup.arg, seal->second, SEAL_SECOND_LEN);
		} else {
			seal->counts.stale += head->counter != 0;
			poke_send(seal, pair, head->session);
		}
		return false;
	}
	if (!bucket_take(&seal->handshakes, HANDSHAKE_US, HANDSHAKE_BURST, now_us)) {
		seal->counts.throttled++;
		return false;
	}
	return true;
}

void handshake_first(struct seal *seal, const struct seal_head *head, uint8_t *frame, uint64_t now_us)
{
	unsigned pair = mac_pair(seal, frame, SEAL_FIRST_LEN);
	uint8_t challenge[8];
	struct noise noise;

	if (pair == seal->pairs_len) {
		seal->counts.forged++;
		return;
	}
	if (!first_is_due(seal, head, pair, now_us)) {
		return;
	}
	noise_start(seal, &noise, &seal->pairs[pair], frame);
	seal->challenge = random_number();
	bytes_put(challenge, seal->challenge);
	seal_head_put(seal->second, &(struct seal_head){ SEAL_SECOND, head->session, seal->setup.self, 0 });
	if (!noise_read(&noise, frame + SEAL_HEAD, NOISE_OVERHEAD) ||
	    !noise_write(&noise, challenge, sizeof(challenge), seal->second + SEAL_HEAD)) {
		cipher_wipe(&noise, sizeof(noise));
		seal->counts.forged++;
		return;
	}
	cipher_wipe(&seal->next, sizeof(seal->next));
	seal->next.id = head->session;
	seal->next.born_us = now_us;
	noise_split(&noise, seal->next.send, seal->next.receive);
	if (MUTANT("switch_at_once")) {
		seal_session(seal, &seal->next);
	}
	seal->pair = pair;
	mac_send(seal, &seal->pairs[pair], seal->second, SEAL_SECOND_LEN);
}

void handshake_second(struct seal *seal, const struct seal_head *head, uint8_t *frame, uint64_t now_us)
{
	struct session session = { .id = head->session, .born_us = now_us };
	struct noise noise;

	if (seal->attempt == 0 || head->session != seal->attempt) {
		seal->counts.stale++;
		return;
	}
	if (!mac_fits(&seal->pairs[seal->pair], frame, SEAL_SECOND_LEN)) {
		seal->counts.forged++;
		return;
	}
	if (!bucket_take(&seal->handshakes, HANDSHAKE_US, HANDSHAKE_BURST, now_us)) {
		seal->counts.throttled++;
		return;
	}
	noise = seal->noise; /* so that a message that does not fit leaves the attempt as it was */
	if (!noise_read(&noise, frame + SEAL_HEAD, NOISE_OVERHEAD + 8)) {
		cipher_wipe(&noise, sizeof(noise));
		seal->counts.forged++;
		return;
	}
	seal->challenge = bytes_get(frame + SEAL_HEAD + NOISE_KEY);
	noise_split(&noise, session.send, session.receive);
	cipher_wipe(&seal->noise, sizeof(seal->noise));
	seal->attempt = 0;
	seal_session(seal, &session);
	cipher_wipe(&session, sizeof(session));
	if (!MUTANT("no_probe")) { /* only a frame under the session proves it to the peer */
		seal_empty(seal, SEAL_PROBE, now_us);
	}
}

void handshake_poke(struct seal *seal, const struct seal_head *head, const uint8_t *frame, uint64_t now_us)
{
	bool is_asked = head->session != 0;
	unsigned pair = seal->pair;

	if (is_asked && head->session != seal->attempt) {
		seal->counts.stale++;
		return;
	}
	if (!is_asked) {
		pair = mac_pair(seal, frame, SEAL_POKE_LEN);
	}
	if (pair == seal->pairs_len || (is_asked && !mac_fits(&seal->pairs[pair], frame, SEAL_POKE_LEN))) {
		seal->counts.forged++;
		return;
	}
	if (!is_asked && seal->attempt != 0 && seal->challenge == head->counter && seal->pair == pair) {
		seal->counts.replayed++; /* it is being done */
		return;
	}
	if (!is_asked && !bucket_take(&seal->pokes, POKE_US, 1, now_us)) {
		seal->counts.throttled++;
		return;
	}
	seal->pair = pair;
	seal->answered = ANSWERED;
	seal->challenge = head->counter;
	attempt_start(seal, now_us);
}
