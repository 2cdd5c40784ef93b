/* SPDX-License-Identifier: MIT */
/* The seal: which session a frame belongs to, and how long sessions live. */
#include "host/bus/seal.h"

#include "host/bus/seal_state.h"

#define PENDING_US (10u * 1000000ull) /* how long a session waits for its first frame */

static void session_end(struct session *session)
{
	cipher_wipe(session, sizeof(*session));
}

static bool session_lives(const struct session *session, uint64_t now_us)
{
	return session->id != 0 && (now_us - session->born_us < SEAL_DEAD_US || MUTANT("never_dead"));
}

struct seal *seal_new(const struct seal_setup *setup, uint64_t now_us)
{
	struct seal *seal = setup->self != setup->peer ? cipher_alloc((sizeof(*seal) + 15) / 16 * 16) : NULL;

	(void)now_us;
	if (seal == NULL) {
		return NULL;
	}
	seal->setup = *setup;
	seal->setup.prologue = NULL;
	seal->starts = setup->self < setup->peer;
	handshake_keys(seal, setup);
	if (!seal->starts) {
		cipher_random(&seal->challenge, sizeof(seal->challenge));
	}
	return seal;
}

struct seal *seal_free(struct seal *seal)
{
	return cipher_free(seal);
}

void seal_keys(struct seal *seal, const struct seal_setup *setup, uint64_t now_us)
{
	(void)now_us;
	if (handshake_keys(seal, setup) ? !MUTANT("keys_later") : MUTANT("keys_always")) {
		seal->renew = true;
	}
}

uint64_t seal_sender(const uint8_t *frame, size_t len)
{
	struct seal_head head;

	return seal_head_get(frame, len, &head) ? head.sender : 0;
}

void seal_session(struct seal *seal, struct session *session)
{
	if (!MUTANT("no_former")) {
		seal->former = seal->current;
	}
	seal->current = *session;
	session_end(session);
	seal->renew = false;
	seal->unanswered_us = 0;
	seal->counts.sessions++;
}

/* A frame leaves: from now on one is expected. */
static void unanswered(struct seal *seal, uint64_t now_us)
{
	if (seal->unanswered_us == 0) {
		seal->unanswered_us = now_us > 0 ? now_us : 1;
		seal->probe_us = now_us + SEAL_RETRY_US;
	}
}

void seal_empty(struct seal *seal, enum seal_type type, uint64_t now_us)
{
	uint8_t frame[SEAL_EMPTY_LEN];

	if (type == SEAL_PROBE) {
		unanswered(seal, now_us);
	}
	seal->setup.send(seal->setup.arg, frame, session_close(&seal->current, type, seal->setup.self, frame, 0));
}

size_t seal_close(struct seal *seal, uint8_t *frame, size_t len, uint64_t now_us)
{
	if (!session_lives(&seal->current, now_us)) {
		return 0;
	}
	unanswered(seal, now_us);
	seal->counts.sealed++;
	return session_close(&seal->current, SEAL_DATA, seal->setup.self, frame, len);
}

static struct session *session_find(struct seal *seal, uint64_t id, uint64_t now_us)
{
	struct session *sessions[] = { &seal->current, &seal->former, &seal->next };

	for (unsigned i = 0; i < 3; i++) {
		if (sessions[i]->id == id && session_lives(sessions[i], now_us)) {
			return sessions[i];
		}
	}
	return NULL;
}

static bool sealed_open(struct seal *seal, const struct seal_head *head, uint8_t *frame, size_t len, uint64_t now_us)
{
	struct session *session = session_find(seal, head->session, now_us);
	enum session_fault fault;

	if (session == NULL) {
		seal->counts.stale++;
		return false;
	}
	fault = session_open(session, head->counter, frame, len);
	if (fault != SESSION_FINE) {
		seal->counts.replayed += fault == SESSION_REPLAYED;
		seal->counts.forged += fault == SESSION_FORGED;
		return false;
	}
	if (session == &seal->next) {
		seal_session(seal, &seal->next);
	}
	if (session != &seal->former) {
		seal->unanswered_us = 0;
	}
	if (head->type == SEAL_PROBE) {
		seal_empty(seal, SEAL_ANSWER, now_us);
	}
	return head->type == SEAL_DATA;
}

bool seal_open(struct seal *seal, uint8_t *frame, size_t len, uint64_t now_us, uint8_t **ret_data, size_t *ret_len)
{
	static const struct {
		size_t len; /* 0 = any */
		bool to_starter, to_other;
	} types[] = {
		[SEAL_FIRST] = { SEAL_FIRST_LEN, false, true }, [SEAL_SECOND] = { SEAL_SECOND_LEN, true, false },
		[SEAL_POKE] = { SEAL_POKE_LEN, true, false },	[SEAL_DATA] = { 0, true, true },
		[SEAL_PROBE] = { SEAL_EMPTY_LEN, true, true },	[SEAL_ANSWER] = { SEAL_EMPTY_LEN, true, true },
	};
	struct seal_head head;

	if (!seal_head_get(frame, len, &head) || head.sender != seal->setup.peer ||
	    !(seal->starts ? types[head.type].to_starter : types[head.type].to_other) ||
	    (types[head.type].len != 0 && types[head.type].len != len)) {
		seal->counts.malformed++;
		return false;
	}
	switch (head.type) {
	case SEAL_FIRST:
		handshake_first(seal, &head, frame, now_us);
		return false;
	case SEAL_SECOND:
		handshake_second(seal, &head, frame, now_us);
		return false;
	case SEAL_POKE:
		handshake_poke(seal, &head, frame, now_us);
		return false;
	default:
		break;
	}
	if (!sealed_open(seal, &head, frame, len, now_us)) {
		return false;
	}
	seal->counts.opened++;
	*ret_data = frame + SEAL_HEAD;
	*ret_len = len - SEAL_HEAD - SEAL_TAIL;
	return true;
}

uint64_t seal_tick(struct seal *seal, uint64_t now_us)
{
	uint64_t next_us = now_us + SEAL_RETRY_US;

	if (seal->current.id != 0 && !session_lives(&seal->current, now_us)) {
		session_end(&seal->current);
		seal->unanswered_us = 0;
	}
	if (seal->former.id != 0 && !session_lives(&seal->former, now_us)) {
		session_end(&seal->former);
	}
	if (seal->next.id != 0 && now_us - seal->next.born_us >= PENDING_US) {
		session_end(&seal->next);
	}
	handshake_tick(seal, now_us);
	if (seal->current.id != 0 && seal->unanswered_us != 0 && now_us >= seal->probe_us) {
		seal->probe_us = now_us + SEAL_RETRY_US;
		seal_empty(seal, SEAL_PROBE, now_us);
	}
	return seal->due_us > now_us && seal->due_us < next_us ? seal->due_us : next_us;
}

bool seal_up(const struct seal *seal)
{
	return seal->current.id != 0;
}

void seal_counts(const struct seal *seal, struct seal_counts *ret_counts)
{
	*ret_counts = seal->counts;
}
