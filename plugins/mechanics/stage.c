/* SPDX-License-Identifier: MIT */
/* The stages of a tick, as the scheduler asks for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"
#include "rules/rules.h"

#ifdef TROUPE_STRIKE
static const char *const asked[] = { "stage1.asked", "stage2.asked", "stage3.asked" };
static const char *const ran[] = { "stage1.ran", "stage2.ran", "stage3.ran" };
static const char *const sent[] = { "stage1.sent", "stage2.sent", "stage3.sent" };
#endif

#define PAUSED_MAX 32u	/* rules in one report */
#define LOADS_EVERY 20u /* ticks between two reports of what is in each region */

static void refuse(struct mechanics *m, uint64_t request, int32_t status, const char *reason)
{
	proto_refuse(m->h, request, status, reason);
}

/* --- answers -------------------------------------------------------------------------------------- */

struct loads {
	struct mechanics *m;
	uint32_t *entities, *avatars; /* by region */
};

static int count_one(void *arg, const struct sight *sight)
{
	struct loads *loads = arg;
	uint32_t region = engine_region_at(loads->m->engine, sight->x, sight->y);

	loads->entities[region]++;
	loads->avatars[region] += sight->avatar;
	return 0;
}

/* regions_fill: what is in each region of ours that is not empty; the arrays are the caller's to free. */
static void regions_fill(struct mechanics *m, Region__StageReply *reply, uint32_t **ret_counts, Region__RegionLoad **ret_loads)
{
	uint32_t regions = engine_regions(m->engine);
	struct loads loads = { .m = m };
	Region__RegionLoad *list = calloc(regions, sizeof(*list));

	*ret_loads = list;
	*ret_counts = calloc(regions, 2 * sizeof(uint32_t));
	reply->regions = calloc(regions, sizeof(*reply->regions));
	if (*ret_counts == NULL || list == NULL || reply->regions == NULL) {
		return;
	}
	loads.entities = *ret_counts;
	loads.avatars = *ret_counts + regions;
	engine_each(m->engine, count_one, &loads);
	for (uint32_t i = 0; i < regions; i++) {
		if (m->now.owner_of[i] != m->now.self || loads.entities[i] == 0) {
			continue;
		}
		region__region_load__init(&list[i]);
		list[i].has_region = list[i].has_entities = list[i].has_avatars = 1;
		list[i].region = i;
		list[i].entities = loads.entities[i];
		list[i].avatars = loads.avatars[i];
		reply->regions[reply->n_regions++] = &list[i];
	}
}

/* The rules that are paused, while the answer is made. */
struct paused {
	uint32_t len;
	Region__PausedRule rules[PAUSED_MAX], *list[PAUSED_MAX];
	char at[PAUSED_MAX][160];
};

static void paused_one(void *arg, const struct rule_figures *figures)
{
	struct paused *paused = arg;
	Region__PausedRule *rule = &paused->rules[paused->len];

	if (!figures->quarantined || paused->len == PAUSED_MAX) {
		return;
	}
	region__paused_rule__init(rule);
	snprintf(paused->at[paused->len], sizeof(paused->at[0]), "%.140s:%d", figures->file, figures->line);
	rule->rule = (char *)figures->what;
	rule->at = paused->at[paused->len];
	rule->has_errors = 1;
	rule->errors = figures->errors;
	paused->list[paused->len++] = rule;
}

static void answer(struct mechanics *m)
{
	struct ticking *t = &m->ticking;
	Region__StageReply *reply = &t->reply;
	Region__RegionLoad *loads = NULL;
	uint32_t *counts = NULL;
	struct engine_figures figures;
	struct paused paused = { .len = 0 };

	region__stage_reply__init(reply);
	reply->has_took_us = reply->has_inputs = reply->has_entities = reply->has_avatars = 1;
	engine_figures(m->engine, &figures);
	reply->took_us = t->took_us;
	reply->inputs = t->inputs;
	reply->has_journal = 1;
	reply->journal = t->journal;
	reply->entities = figures.entities;
	reply->avatars = figures.avatars;
	if (t->stage == 3 && t->digest) {
		reply->has_digest = 1;
		reply->digest = engine_digest(m->engine);
	}
	if (t->stage == 3 && t->tick % LOADS_EVERY == 0) {
		regions_fill(m, reply, &counts, &loads);
		engine_profile(m->engine, paused_one, &paused);
		reply->has_loads = reply->loads = 1;
		reply->paused = paused.list;
		reply->n_paused = paused.len;
	}
	STRIKE(t->stage == 3 ? "tick.unanswered" : "stage.unanswered");
	region_stage_reply(m->h, t->request, reply);
	STRIKE(t->stage == 3 ? "tick.answered" : "stage.answered");
	t->request = 0;
	t->answered = 1;
	free(reply->regions);
	free(loads);
	free(counts);
	reply->regions = NULL; /* asked for again it is without them: those of the next time will do */
	reply->paused = NULL;
	reply->n_regions = reply->n_paused = reply->has_loads = 0;
}

/* --- a stage -------------------------------------------------------------------------------------- */

/* tick_done: it is durable everywhere: players are told, and it is kept if that is wanted. */
static void tick_done(struct mechanics *m)
{
	tell_tick(m);
	if (m->ticking.save) {
		m->ticking.save = 0;
		checkpoint_begin(m);
	}
}

static void stage_begin_tick(struct mechanics *m, const Region__StageRequest *wanted)
{
	struct ticking *t = &m->ticking;

	tick_done(m); /* if nobody has said so of the one before: it is, or this one would not begin */
	if (!wanted->again && m->adopting) {
		pass_adopt(m);
	}
	if (wanted->has_rules) {
		engine_rules_take(m->engine);
		m->prepared_len = 0;
		log_line(m, TROUPE_LOG_INFO, NULL, "rules of generation %u are in force from tick %llu on", wanted->generation,
			 (unsigned long long)wanted->tick);
	}
	t->tick = wanted->tick;
	t->again = wanted->again != 0;
	t->ended = t->told = t->save = t->digest = 0;
	t->silent = t->again;
	t->took_us = t->inputs = 0;
	t->journal = 0;
	engine_begin(m->engine, t->tick);
	if (t->again) {
		journal_again(m, t->tick);
	} else {
		journal_cut(m, t->tick);
	}
}

static void stage_run(struct mechanics *m)
{
	struct ticking *t = &m->ticking;
	Region__StageRequest *wanted = t->wanted;
	uint64_t began_ns = clock_ns();

	t->wanted = NULL;
	if (wanted->stage == 1) {
		stage_begin_tick(m, wanted);
	}
	t->stage = wanted->stage;
	t->round = 0;
	t->answered = 0;
	if (t->stage == 3) {
		t->save = wanted->save != 0;
		t->digest = wanted->digest != 0;
		if (m->next.len != 0) {
			engine_own(m->engine, m->next.owner_of, (uint8_t)m->next.self);
		}
	}
	engine_stage(m->engine, t->stage);
	STRIKE(ran[t->stage - 1]);
	t->took_us += (uint32_t)((clock_ns() - began_ns) / 1000u);
	exchange_send(m);
	STRIKE(sent[t->stage - 1]);
	exchange_begin(m);
	region__stage_request__free_unpacked(wanted, NULL);
}

static void tick_end(struct mechanics *m)
{
	struct ticking *t = &m->ticking;

	engine_end(m->engine);
	t->ended = 1;
	journal_aborts(m);
	if (m->next.len != 0) {
		uint32_t before = m->now.count[m->now.self];

		STRIKE("move.taken");
		assignment_free(&m->now);
		m->now = m->next;
		memset(&m->next, 0, sizeof(m->next));
		if (before != m->now.count[m->now.self]) {
			log_line(m, TROUPE_LOG_NOTICE, NULL, "%u regions are this instance's from tick %llu on (%u before)",
				 m->now.count[m->now.self], (unsigned long long)t->tick + 1, before);
		}
	}
	m->times[m->times_len++ % TIMES_LEN] = t->took_us;
	m->h->metric_add(m->h, m->metrics[METRIC_TICKS], 1);
	m->h->metric_observe(m->h, m->metrics[METRIC_TICK_TIME], t->took_us);
}

/* --- waiting -------------------------------------------------------------------------------------- */

static void on_rules(struct mechanics *m, void *arg, int32_t status, const Region__PrepareReply *result)
{
	struct ticking *t = &m->ticking;

	(void)arg;
	if (t->wanted == NULL) {
		return;
	}
	if (status == TROUPE_OK && result->accepted) {
		stage_go_on(m);
		return;
	}
	refuse(m, t->request, status == TROUPE_OK ? TROUPE_FAILED_PRECONDITION : status, "region.no_rules");
	t->request = 0;
	region__stage_request__free_unpacked(t->wanted, NULL);
	t->wanted = NULL;
}

/* round_run: stage 2 once more: some edits wait for locks of others. */
static void round_run(struct mechanics *m)
{
	uint64_t began_ns = clock_ns();

	m->ticking.round++;
	engine_stage(m->engine, 2);
	m->ticking.took_us += (uint32_t)((clock_ns() - began_ns) / 1000u);
	exchange_send(m);
	exchange_begin(m);
}

/* can_run: 1 if all that the stage that is wanted needs is here. */
static int can_run(struct mechanics *m)
{
	struct ticking *t = &m->ticking;
	const Region__StageRequest *wanted = t->wanted;

	if (wanted->stage > 1) {
		while (!t->broken && exchange_all(m) && t->stage == 2 && engine_again(m->engine)) {
			round_run(m);
		}
		return exchange_all(m);
	}
	if (!wanted->has_rules ||
	    bundle_prepared(m, wanted->rules.data, wanted->rules.len, wanted->generation)) {
		return 1;
	}
	if (!bundle_loading(m)) { /* after a restore nobody has prepared them */
		bundle_load(m, wanted->rules.data, wanted->rules.len, wanted->generation, on_rules, NULL);
	}
	return 0;
}

void stage_go_on(struct mechanics *m)
{
	struct ticking *t = &m->ticking;

	if (m->phase != PHASE_RUNNING || t->broken) {
		return;
	}
	if (t->wanted != NULL && can_run(m) && !t->broken) {
		stage_run(m);
	}
	if (t->broken) {
		return;
	}
	if (t->stage == 3 && !t->ended && t->wanted == NULL && exchange_all(m)) {
		tick_end(m);
	}
	if (t->request != 0 && t->wanted == NULL && !t->answered &&
	    (t->stage != 3 || (t->ended && journal_durable(m)))) {
		answer(m);
	}
}

void stage_broken(struct mechanics *m)
{
	struct ticking *t = &m->ticking;

	t->broken = 1;
	if (t->request != 0) {
		refuse(m, t->request, TROUPE_FAILED_PRECONDITION, "region.bad_exchange");
		t->request = 0;
	}
	if (t->wanted != NULL) {
		region__stage_request__free_unpacked(t->wanted, NULL);
		t->wanted = NULL;
	}
}

void stage_forget(struct mechanics *m)
{
	struct ticking *t = &m->ticking;
	uint8_t *seen = t->seen;

	if (t->request != 0) {
		refuse(m, t->request, TROUPE_FAILED_PRECONDITION, "region.old_epoch");
	}
	if (t->wanted != NULL) {
		region__stage_request__free_unpacked(t->wanted, NULL);
	}
	memset(t, 0, sizeof(*t));
	t->seen = seen;
	t->ended = t->told = t->answered = 1;
}

/* wrong: why this stage cannot be the next, or NULL. */
static const char *wrong(const struct mechanics *m, const Region__StageRequest *body)
{
	const struct ticking *t = &m->ticking;

	if (body->stage < 1 || body->stage > 3) {
		return "region.no_stage";
	}
	if (body->stage == 1) {
		return (t->ended || t->stage == 0) && body->tick == engine_tick(m->engine) + 1 ? NULL : "region.wrong_tick";
	}
	return body->tick == t->tick && body->stage == t->stage + 1 ? NULL : "region.wrong_tick";
}

/* next_read: the assignment that is to be from the next tick on; 0, or -1 if it makes no sense. */
static int next_read(struct mechanics *m, const Region__StageRequest *body)
{
	assignment_free(&m->next);
	if (body->stage != 3 || body->next == NULL) {
		return 0;
	}
	return assignment_read(body->next, m->h->id, engine_regions(m->engine), &m->next);
}

void stage_on_stage(void *instance, const struct troupe_request *request, const Region__StageRequest *body)
{
	struct mechanics *m = instance;
	struct ticking *t = &m->ticking;
	const char *why;

	if (m->phase != PHASE_OUTSIDE && body->epoch < m->epoch) {
		refuse(m, request->id, TROUPE_FAILED_PRECONDITION, "region.old_epoch");
		return;
	}
	if (m->phase != PHASE_RUNNING || body->epoch != m->epoch) {
		refuse(m, request->id, TROUPE_FAILED_PRECONDITION, "region.not_restored");
		return;
	}
	owner_heard(m);
	if (t->broken) {
		refuse(m, request->id, TROUPE_FAILED_PRECONDITION, "region.bad_exchange");
		return;
	}
	if (t->wanted != NULL ? body->tick == t->wanted->tick && body->stage == t->wanted->stage
			      : t->stage != 0 && body->tick == t->tick && body->stage == t->stage) {
		/* asked again: its answer was lost, or is not there yet */
		t->request = request->id;
		if (t->wanted == NULL && t->answered) {
			region_stage_reply(m->h, request->id, &t->reply);
			t->request = 0;
		}
		return;
	}
	why = t->wanted != NULL ? "region.busy" : wrong(m, body);
	if (why == NULL && next_read(m, body) != 0) {
		why = "region.bad_assignment";
	}
	if (why != NULL) {
		refuse(m, request->id, TROUPE_FAILED_PRECONDITION, why);
		return;
	}
	t->wanted = region__stage_request__unpack(NULL, request->body_len, request->body);
	if (t->wanted == NULL) {
		refuse(m, request->id, TROUPE_RESOURCE_EXHAUSTED, "region.no_memory");
		return;
	}
	t->request = request->id;
	STRIKE(asked[t->wanted->stage - 1]);
	stage_go_on(m);
}

void stage_on_done(void *instance, const struct troupe_request *request, const Region__Done *body)
{
	struct mechanics *m = instance;
	struct ticking *t = &m->ticking;

	(void)request;
	if (m->phase != PHASE_RUNNING || body->epoch != m->epoch || body->tick != t->tick || !t->ended) {
		return;
	}
	owner_heard(m);
	if (body->late) {
		m->late++;
		count(m, METRIC_LATE);
	}
	tick_done(m);
	if (m->now.count[m->now.self] == 0) {
		owner_state(m);
		owner_drain_go_on(m);
	}
}
