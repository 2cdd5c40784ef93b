/* SPDX-License-Identifier: MIT */
/* The beat of the world: one tick at a time, its three stages, and what is told after it. */
#include "mechanics.h"

static void on_tick(void *instance, void *arg);

static void schedule(struct mechanics *m)
{
	uint64_t now_us = m->h->now_us(m->h), tick_us = (uint64_t)m->options->tick_ms * 1000u;

	m->due_us += tick_us;
	if (now_us >= m->due_us + tick_us) {
		/* Too late to catch up: the world goes on from here, slower than it should, never two ticks at once. */
		uint64_t missed = (now_us - m->due_us) / tick_us;

		m->late += missed;
		m->h->metric_add(m->h, m->metrics[METRIC_LATE], (int64_t)missed);
		m->due_us += missed * tick_us;
	}
	m->timer = m->h->timer_start(m->h, now_us < m->due_us ? (m->due_us - now_us + 999) / 1000 : 0, on_tick, NULL);
}

/* stage_entities: rules run; what they want of others is done when they have ended. */
static void stage_entities(struct mechanics *m)
{
	rules_tick(m->rules);
}

/* stage_edits: changes of the world itself. A flat one has nothing to change. */
static void stage_edits(struct mechanics *m)
{
	(void)m;
}

/* stage_movement: wishes become positions, and those who crossed into another cell see others. */
static void stage_movement(struct mechanics *m)
{
	struct world *w = &m->world;

	world_step(w);
	for (uint32_t n = 0, crossed = 0; n < w->moved_len; n++) {
		uint32_t row = w->moved[n] & ~WORLD_ARRIVED;
		struct player *player;

		if (crossed == w->crossed_len || w->crossed[crossed] != row) {
			interest_moved(m, w->id[row], w->cell_of[row], (w->moved[n] & WORLD_ARRIVED) != 0);
			continue;
		}
		interest_gone(m, w->id[row], w->crossed_from[crossed++]);
		interest_appeared(m, w->id[row], w->cell_of[row]);
		player = w->kind[row] == 0 ? map_get(&m->by_avatar, w->id[row]) : NULL;
		if (player != NULL) {
			interest_view(m, player, w->cell_of[row]);
		}
	}
}

static void on_tick(void *instance, void *arg)
{
	struct mechanics *m = instance;
	uint64_t began_ns = clock_ns(), took_us;

	(void)arg;
	m->timer = 0;
	if (!lease_holds(m)) {
		m->paused = 1;
		log_line(m, TROUPE_LOG_WARNING, "S0402", "the world pauses: its lease has run out and is not renewed yet");
		m->h->state(m->h, 0, m->players_len, "paused: the world's lease has run out");
		return;
	}
	m->tick++;
	stage_entities(m);
	stage_edits(m);
	stage_movement(m);
	players_tick(m);
	interest_flush(m);
	if (m->h->now_us(m->h) >= m->second_us) {
		m->second_us = m->h->now_us(m->h) + 1000000u;
		players_second(m);
		m->h->metric_set(m->h, m->metrics[METRIC_ENTITIES], m->world.count);
		m->h->metric_set(m->h, m->metrics[METRIC_AVATARS], m->players_len);
		m->h->state(m->h, 1, m->players_len, NULL);
	}
	took_us = (clock_ns() - began_ns) / 1000u;
	m->times[m->tick % TIMES_LEN] = took_us > UINT32_MAX ? UINT32_MAX : (uint32_t)took_us;
	m->h->metric_add(m->h, m->metrics[METRIC_TICKS], 1);
	m->h->metric_observe(m->h, m->metrics[METRIC_TICK_TIME], took_us);
	schedule(m);
}

void tick_begin(struct mechanics *m)
{
	m->due_us = m->h->now_us(m->h);
	schedule(m);
}

void tick_end(struct mechanics *m)
{
	if (m->timer != 0) {
		m->h->timer_stop(m->h, m->timer);
		m->timer = 0;
	}
}
