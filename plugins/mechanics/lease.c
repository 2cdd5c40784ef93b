/* SPDX-License-Identifier: MIT */
/* Which of a shard's mechanics instances owns its world. */
#include "lease.h"

#include <stdio.h>
#include <string.h>

#include "avatar.stub.h"
#include "master.stub.h"
#include "mechanics.h"

#define ASK_MIN_MS 50u

static void ask(struct mechanics *m);

/* others: how many other instances this shard has; *ret_ready is the one that takes calls, NULL = none. */
static uint32_t others(const struct mechanics *m, struct troupe_peer peers[PEERS_MAX], const struct troupe_peer **ret_ready)
{
	uint32_t found = m->h->peers(m->h, "world", peers, PEERS_MAX), n = 0;

	*ret_ready = NULL;
	for (uint32_t i = 0; i < found && i < PEERS_MAX; i++) {
		if (peers[i].id == m->h->id || strcmp(peers[i].part, m->h->part) != 0) {
			continue;
		}
		n++;
		*ret_ready = peers[i].ready ? &peers[i] : *ret_ready;
	}
	return n;
}

static void tell_standby(struct mechanics *m)
{
	struct troupe_peer peers[PEERS_MAX];
	const struct troupe_peer *owner;
	char why[192];

	others(m, peers, &owner);
	if (owner != NULL) {
		snprintf(why, sizeof(why), "standing by: %s owns the world", owner->name);
	} else {
		snprintf(why, sizeof(why), "standing by: the world's lease is not free");
	}
	m->h->state(m->h, TROUPE_STANDBY, 0, why);
}

static void name_of(const struct mechanics *m, char ret_name[64])
{
	const char *shard = strchr(m->h->part, ':');

	snprintf(ret_name, 64, "world/%s", shard != NULL ? shard + 1 : m->h->part);
}

static void on_timer(void *instance, void *arg)
{
	struct mechanics *m = instance;

	(void)arg;
	m->lease.timer = 0;
	ask(m);
}

/* ask_in: asks again after this part of the lease's time. */
static void ask_in(struct mechanics *m, uint32_t part)
{
	uint64_t ms = (uint64_t)m->options->lease_ms / part;

	if (m->lease.timer != 0) {
		m->h->timer_stop(m->h, m->lease.timer);
	}
	m->lease.timer = m->h->timer_start(m->h, ms > ASK_MIN_MS ? ms : ASK_MIN_MS, on_timer, NULL);
}

/* --- the item store ------------------------------------------------------------------------------- */

static void on_told(void *instance, void *arg, const struct troupe_reply *reply, const Avatar__OwnReply *body)
{
	struct mechanics *m = instance;
	struct lease *lease = &m->lease;

	(void)arg;
	(void)body;
	lease->telling = 0;
	if (lease->state != LEASE_TAKEN) {
		return;
	}
	if (reply->status == TROUPE_OK) {
		lease->state = LEASE_OWNER;
		log_line(m, TROUPE_LOG_NOTICE, NULL, "owns the world, with epoch %llu", (unsigned long long)lease->epoch);
		owner_begin(m);
	} else if (reply->status == TROUPE_FAILED_PRECONDITION) {
		lease_lost(m, "the item store knows a newer owner");
	} /* else with the next renewal */
}

static void tell(struct mechanics *m)
{
	Avatar__OwnRequest request = AVATAR__OWN_REQUEST__INIT;
	struct proto_to to = { .timeout_ms = (uint32_t)m->options->lease_ms };

	if (m->lease.telling) {
		return;
	}
	m->lease.telling = 1;
	request.has_world_epoch = 1;
	request.world_epoch = m->lease.epoch;
	avatar_own(m->h, &request, &to, on_told, NULL);
}

/* --- the masters ---------------------------------------------------------------------------------- */

static void renewed(struct mechanics *m, uint64_t asked_us, uint64_t epoch)
{
	struct lease *lease = &m->lease;

	lease->until_us = asked_us + (uint64_t)m->options->lease_ms * 1000u;
	if (lease->state == LEASE_STANDBY) {
		lease->state = LEASE_TAKEN;
		lease->epoch = epoch;
	}
	if (lease->state == LEASE_TAKEN) {
		tell(m);
	} else if (m->paused) {
		owner_goes_on(m);
	}
	ask_in(m, 3);
}

static void on_leased(void *instance, void *arg, const struct troupe_reply *reply, const Master__LeaseReply *body)
{
	struct mechanics *m = instance;
	struct lease *lease = &m->lease;
	uint64_t asked_us = lease->asked_us;

	(void)arg;
	lease->asked_us = 0;
	if (lease->state == LEASE_NONE) {
		return;
	}
	lease->unreachable_us = 0;
	if (reply->status == TROUPE_OK) {
		renewed(m, asked_us, body->epoch);
		return;
	}
	if (lease->state == LEASE_STANDBY) {
		tell_standby(m);
		if (reply->status == TROUPE_UNAVAILABLE && reply->from == 0) {
			ask_in(m, 30); /* there is no master yet */
			return;
		}
	} else if (reply->status == TROUPE_FAILED_PRECONDITION) {
		lease_lost(m, reply->reason);
		return;
	} else if (reply->status == TROUPE_NOT_FOUND || reply->from == 0) {
		lease->unreachable_us = asked_us; /* the host answered for those who are not there */
		if (m->paused && lease_holds(m)) {
			owner_goes_on(m);
		}
	}
	ask_in(m, 6);
}

static void ask(struct mechanics *m)
{
	Master__LeaseRequest request = MASTER__LEASE_REQUEST__INIT;
	struct proto_to to = { .timeout_ms = (uint32_t)m->options->lease_ms / 3 };
	struct lease *lease = &m->lease;
	char name[64];

	if (lease->asked_us != 0 || lease->state == LEASE_NONE || lease->state == LEASE_ALONE) {
		return;
	}
	name_of(m, name);
	request.name = name;
	request.has_ttl_ms = request.has_epoch = 1;
	request.ttl_ms = (uint64_t)m->options->lease_ms;
	request.epoch = lease->state == LEASE_STANDBY ? 0 : lease->epoch;
	lease->asked_us = m->h->now_us(m->h);
	master_lease(m->h, &request, &to, on_leased, NULL);
}

/* --- the owner ------------------------------------------------------------------------------------ */

void lease_begin(struct mechanics *m)
{
	struct troupe_peer peers[PEERS_MAX];
	const struct troupe_peer *owner;

	if (m->stopped || m->draining) {
		return;
	}
	if (others(m, peers, &owner) == 0) {
		m->lease.state = LEASE_ALONE;
		owner_begin(m);
		return;
	}
	m->lease.state = LEASE_STANDBY;
	tell_standby(m);
	ask(m);
}

int lease_holds(struct mechanics *m)
{
	struct lease *lease = &m->lease;
	struct troupe_peer peers[PEERS_MAX];
	const struct troupe_peer *owner;
	uint64_t now_us = m->h->now_us(m->h);

	if (lease->state == LEASE_ALONE || (lease->state == LEASE_OWNER && now_us < lease->until_us)) {
		return 1;
	}
	if (lease->state != LEASE_OWNER || lease->unreachable_us == 0 ||
	    now_us - lease->unreachable_us > (uint64_t)m->options->lease_ms * 1000u) {
		return 0; /* we do not know: we may have slept */
	}
	others(m, peers, &owner);
	return owner == NULL;
}

void lease_lost(struct mechanics *m, const char *why)
{
	if (m->lease.state != LEASE_OWNER && m->lease.state != LEASE_TAKEN) {
		return;
	}
	log_line(m, TROUPE_LOG_WARNING, "S0401", "the world is another's (%s): this instance stands by from now on", why);
	m->lease.epoch = 0;
	m->lease.state = LEASE_STANDBY;
	owner_end(m);
	tell_standby(m);
	ask_in(m, 3);
}

static void on_released(void *instance, void *arg, const struct troupe_reply *reply, const Master__LeaseReply *body)
{
	struct mechanics *m = instance;

	(void)arg;
	(void)reply; /* if nobody heard it, the next waits until it has run out */
	(void)body;
	m->h->drained(m->h);
}

void lease_release(struct mechanics *m)
{
	Master__LeaseRequest request = MASTER__LEASE_REQUEST__INIT;
	struct proto_to to = { .timeout_ms = 1000 };
	struct lease *lease = &m->lease;
	enum lease_state state = lease->state;
	char name[64];

	lease_stop(m);
	if (state != LEASE_TAKEN && state != LEASE_OWNER) {
		m->h->drained(m->h);
		return;
	}
	name_of(m, name);
	request.name = name;
	request.has_ttl_ms = request.has_epoch = request.has_release = 1;
	request.ttl_ms = (uint64_t)m->options->lease_ms;
	request.epoch = lease->epoch;
	request.release = 1;
	master_lease(m->h, &request, &to, on_released, NULL);
}

void lease_stop(struct mechanics *m)
{
	if (m->lease.timer != 0) {
		m->h->timer_stop(m->h, m->lease.timer);
		m->lease.timer = 0;
	}
	m->lease.state = LEASE_NONE;
}

const char *lease_state_name(const struct mechanics *m)
{
	static const char *const names[] = { "starting", "alone", "standby", "taking", "owner" };

	return names[m->lease.state];
}
