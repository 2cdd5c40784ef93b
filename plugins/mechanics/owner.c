/* SPDX-License-Identifier: MIT */
/* Which regions are ours, what the scheduler hears of us, and how they are given up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.pb-c.h"
#include "mechanics.h"
#include "tick.stub.h"

#define EVENT_WORLD_STATE 32u
#define SILENT_US 5000000u	/* without a word of the scheduler the world is taken for paused */
#define JOIN_MS 1000u
#define DRAIN_MS 100u
#define DRAIN_HOPE_US 4000000u /* so long the scheduler may take to let us go */

/* --- assignments ---------------------------------------------------------------------------------- */

int assignment_read(const Region__Assignment *from, uint64_t self, uint32_t regions, struct assignment *ret_assignment)
{
	struct assignment to = { .version = from->version, .len = (uint32_t)from->n_owners, .self = UINT32_MAX };
	uint32_t given = 0;

	if (from->n_owners == 0 || from->n_owners > OWNERS_MAX) {
		return -1;
	}
	to.owner_of = malloc(regions);
	if (to.owner_of == NULL) {
		return -1;
	}
	memset(to.owner_of, 0xFF, regions);
	for (uint32_t i = 0; i < to.len; i++) {
		const Region__Owner *owner = from->owners[i];

		to.owners[i] = owner->instance;
		to.count[i] = (uint32_t)owner->n_regions;
		to.self = owner->instance == self ? i : to.self;
		for (size_t n = 0; n < owner->n_regions; n++) {
			if (owner->regions[n] >= regions || to.owner_of[owner->regions[n]] != 0xFF) {
				free(to.owner_of);
				return -1;
			}
			to.owner_of[owner->regions[n]] = (uint8_t)i;
			given++;
		}
	}
	if (given != regions || to.self == UINT32_MAX) {
		free(to.owner_of);
		return -1;
	}
	*ret_assignment = to;
	return 0;
}

void assignment_free(struct assignment *assignment)
{
	free(assignment->owner_of);
	memset(assignment, 0, sizeof(*assignment));
}

uint64_t owner_others(const struct mechanics *m)
{
	uint64_t others = 0;

	for (uint32_t i = 0; i < m->now.len; i++) {
		if (i != m->now.self && m->now.count[i] > 0) {
			others |= (uint64_t)1 << i;
		}
	}
	return others;
}

uint32_t owner_number(const struct mechanics *m, uint64_t instance)
{
	for (uint32_t i = 0; i < m->now.len; i++) {
		if (m->now.owners[i] == instance) {
			return i;
		}
	}
	return UINT32_MAX;
}

/* --- giving up ------------------------------------------------------------------------------------ */

void owner_forget(struct mechanics *m)
{
	m->phase = PHASE_OUTSIDE;
	m->paused[0] = '\0';
	stage_forget(m);
	exchange_forget(m);
	journal_forget(m);
	restore_forget(m);
	checkpoint_forget(m);
	bundle_forget(m);
	items_forget(m);
	ask_forget(m);
	serve_forget(m);
	pass_forget(m);
	players_forget(m);
	m->engine = engine_close(m->engine);
	assignment_free(&m->now);
	assignment_free(&m->next);
	m->adopting = 0;
}

void owner_let_go(struct mechanics *m, const char *why)
{
	if (m->phase == PHASE_OUTSIDE) {
		return;
	}
	log_line(m, TROUPE_LOG_WARNING, "S0401", "the regions of this instance are another's (%s): it asks for new ones", why);
	owner_forget(m);
	owner_state(m);
	owner_join(m);
}

/* --- what others see of us ------------------------------------------------------------------------ */

/* An owner is always ready for the scheduler; what it cannot do for players it refuses, and its load says that others are to
 * be asked first. */
void owner_state(struct mechanics *m)
{
	const char *why = NULL;
	char text[192];

	if (m->draining) {
		why = "draining";
	} else if (m->phase == PHASE_OUTSIDE) {
		why = "standing by: no region of the world is given to this instance yet";
	} else if (m->phase == PHASE_RESTORING || m->adopting) {
		why = "taking up its regions";
	} else if (m->paused[0] != '\0') {
		snprintf(text, sizeof(text), "paused: %s", m->paused);
		why = text;
	} else if (m->now.count[m->now.self] == 0) {
		why = "standing by: all regions are given to others";
	}
	m->h->state(m->h, 1, why == NULL ? m->players_len : UINT32_MAX, why);
}

const char *owner_refusal(const struct mechanics *m)
{
	return m->paused[0] != '\0' && m->paused_id[0] != '\0' ? m->paused_id : "world.paused";
}

/* tell_running: players see whether the world goes on. */
static void tell_running(struct mechanics *m)
{
	Client__WorldState state = CLIENT__WORLD_STATE__INIT;

	state.has_running = 1;
	state.running = m->paused[0] == '\0';
	state.reason = state.running ? NULL : (char *)owner_refusal(m);
	say_publish(m, 0, EVENT_WORLD_STATE, &state.base, 0);
	interest_flush(m);
}

/* pause: with a reason; "" = it goes on. id: for players, NULL = that it is paused. */
static void pause(struct mechanics *m, const char *reason, const char *id)
{
	int before = m->paused[0] != '\0';

	snprintf(m->paused, sizeof(m->paused), "%s", reason);
	snprintf(m->paused_id, sizeof(m->paused_id), "%s", id != NULL ? id : "");
	if (m->phase == PHASE_RUNNING && !m->adopting && before != (m->paused[0] != '\0')) {
		tell_running(m);
	}
	owner_state(m);
}

static void figures(struct mechanics *m)
{
	struct engine_figures now = { 0 };
	const struct engine_figures *before = &m->figures_before;

	if (m->engine != NULL) {
		engine_figures(m->engine, &now);
	} else {
		memset(&m->figures_before, 0, sizeof(m->figures_before));
	}
	m->h->metric_set(m->h, m->metrics[METRIC_ENTITIES], now.entities);
	m->h->metric_set(m->h, m->metrics[METRIC_AVATARS], now.avatars);
	m->h->metric_set(m->h, m->metrics[METRIC_REGIONS], m->engine != NULL ? m->now.count[m->now.self] : 0);
	if (now.script_errors > before->script_errors) {
		m->h->metric_add(m->h, m->metrics[METRIC_RULE_ERRORS], (int64_t)(now.script_errors - before->script_errors));
	}
	if (now.script_quarantined > before->script_quarantined) {
		m->h->metric_add(m->h, m->metrics[METRIC_QUARANTINED],
				 (int64_t)(now.script_quarantined - before->script_quarantined));
	}
	if (now.effects_full > before->effects_full) {
		m->h->metric_add(m->h, m->metrics[METRIC_EFFECTS_FULL], (int64_t)(now.effects_full - before->effects_full));
	}
	m->figures_before = now;
}

static void on_second(void *instance, void *arg)
{
	struct mechanics *m = instance;

	(void)arg;
	m->join_timer = 0;
	figures(m);
	ask_second(m);
	if (m->phase == PHASE_RUNNING && !m->adopting) {
		players_second(m);
		items_second(m);
		if (m->paused[0] == '\0' && m->h->now_us(m->h) - m->heard_us > SILENT_US) {
			pause(m, "the scheduler is not heard of", NULL);
			log_line(m, TROUPE_LOG_WARNING, "S0402", "the world pauses here: the scheduler is not heard of");
		}
	}
	owner_join(m);
}

void owner_join(struct mechanics *m)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t n = m->h->peers(m->h, "tick", peers, PEERS_MAX);
	Tick__Join join = TICK__JOIN__INIT;

	join.has_draining = join.has_epoch = join.has_tick = 1;
	join.draining = m->draining;
	join.epoch = m->phase == PHASE_OUTSIDE || m->now.len == 0 || m->now.count[m->now.self] == 0 ? 0 : m->epoch;
	join.tick = m->ticking.told ? m->ticking.tick : m->ticking.tick - 1;
	for (uint32_t i = 0; i < n && i < PEERS_MAX && !m->stopped; i++) {
		struct proto_to to = { .instance = peers[i].id };

		if (strcmp(peers[i].part, m->h->part) == 0) {
			tick_join(m->h, &join, &to);
		}
	}
	owner_state(m);
	if (m->join_timer == 0 && !m->stopped) {
		m->join_timer = m->h->timer_start(m->h, JOIN_MS, on_second, NULL);
	}
}

void owner_heard(struct mechanics *m)
{
	m->heard_us = m->h->now_us(m->h);
	if (m->paused[0] != '\0') {
		pause(m, "", NULL);
	}
}

void owner_on_paused(void *instance, const struct troupe_request *request, const Region__Paused *body)
{
	struct mechanics *m = instance;

	(void)request;
	if (m->phase == PHASE_OUTSIDE || body->epoch != m->epoch) {
		return;
	}
	m->heard_us = m->h->now_us(m->h);
	pause(m, body->reason != NULL && body->reason[0] != '\0' ? body->reason : "the scheduler stopped the world", body->id);
	owner_drain_go_on(m);
}

/* --- drain ---------------------------------------------------------------------------------------- */

static uint32_t schedulers(const struct mechanics *m)
{
	struct troupe_peer peers[PEERS_MAX];
	uint32_t found = m->h->peers(m->h, "tick", peers, PEERS_MAX), n = 0;

	for (uint32_t i = 0; i < found && i < PEERS_MAX; i++) {
		n += peers[i].ready && strcmp(peers[i].part, m->h->part) == 0;
	}
	return n;
}

static void on_drain(void *instance, void *arg)
{
	struct mechanics *m = instance;

	(void)arg;
	m->drain_timer = 0;
	owner_drain_go_on(m);
}

void owner_drain_go_on(struct mechanics *m)
{
	int waits;

	if (!m->draining || m->drained || m->stopped) {
		return;
	}
	if (m->phase != PHASE_RUNNING || m->now.count[m->now.self] == 0) {
		waits = m->saves > 0; /* nothing is ours any more */
	} else if (m->paused[0] == '\0' && schedulers(m) > 0 && m->h->now_us(m->h) - m->drain_us < DRAIN_HOPE_US) {
		waits = 1; /* until our regions are others', or, as the last, what is in them is in a checkpoint */
	} else {
		waits = save_all(m); /* the world itself is in the database: of a tick that runs nobody was told */
	}
	if (!waits) {
		m->drained = 1;
		m->h->drained(m->h);
	} else if (m->drain_timer == 0) {
		m->drain_timer = m->h->timer_start(m->h, DRAIN_MS, on_drain, NULL);
	}
}

void owner_drain(struct mechanics *m)
{
	m->draining = 1;
	m->drain_us = m->h->now_us(m->h);
	owner_join(m);
	owner_drain_go_on(m);
}
