/* SPDX-License-Identifier: MIT */
/* The scheduler role in a simulated host: owners of regions are played by the test, and watch what they are told. */
#include "plugins/scheduler/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define JOIN_MS 1000u
#define JOURNAL_EVERY 3u

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	return (x ^ x >> 27) * 0x94d049bb133111ebu;
}

/* --- an owner ------------------------------------------------------------------------------------- */

static void join(struct fake *fake)
{
	struct troupe_peer peers[16];
	uint32_t len = fake->h->peers(fake->h, "tick", peers, 16);
	Tick__Join event = TICK__JOIN__INIT;

	event.has_draining = event.has_epoch = event.has_tick = 1;
	event.draining = fake->draining;
	event.epoch = fake->in ? fake->epoch : 0;
	event.tick = fake->told;
	for (uint32_t i = 0; i < len && !fake->dead; i++) {
		struct proto_to to = { .instance = peers[i].id };

		tick_join(fake->h, &event, &to);
	}
}

static void on_timer(void *instance, void *arg)
{
	struct fake *fake = instance;

	(void)arg;
	join(fake);
	fake->timer = fake->h->timer_start(fake->h, JOIN_MS, on_timer, NULL);
}

static void answer_stage(struct fake *fake)
{
	Region__StageReply reply = REGION__STAGE_REPLY__INIT;
	Region__RegionLoad loads[RIG_REGIONS], *list[RIG_REGIONS];
	static Region__PausedRule rule = REGION__PAUSED_RULE__INIT;
	Region__PausedRule *paused = &rule;
	uint64_t request = fake->request;

	rule.rule = (char *)"monster slime.think";
	rule.at = (char *)"meadow/rules.lua:9";
	rule.has_errors = 1;
	rule.errors = 10;
	if (request == 0 || (fake->stage == 3 && !fake->durable)) {
		return;
	}
	fake->request = 0;
	reply.has_entities = reply.has_digest = reply.has_journal = 1;
	reply.journal = fake->stage == 3 ? fake->journal : 0;
	if (fake->stage == 3) {
		fake->tick++;
		fake->stage = 0;
		fake->wants_done = 1;
		reply.digest = fake->regions * mix(fake->tick);
		for (uint32_t i = 0; i < RIG_REGIONS; i++) {
			if (fake->mine[i] && fake->rig->owners[0].load[i] > 0) {
				region__region_load__init(&loads[i]);
				loads[i].has_region = loads[i].has_entities = 1;
				loads[i].region = i;
				loads[i].entities = fake->rig->owners[0].load[i];
				reply.entities += loads[i].entities;
				list[reply.n_regions++] = &loads[i];
			}
		}
		reply.regions = list;
		reply.has_loads = reply.loads = fake->tick % 20 == 0;
		reply.n_regions = reply.loads ? reply.n_regions : 0;
		reply.paused = &paused;
		reply.n_paused = reply.loads && fake->pauses_rule;
	}
	region_stage_reply(fake->h, request, &reply);
}

/* answer_again: its answer was lost on the way. */
static void answer_again(struct fake *fake, uint64_t request)
{
	Region__StageReply reply = REGION__STAGE_REPLY__INIT;

	reply.has_digest = 1;
	reply.digest = fake->asked_stage == 3 ? fake->regions * mix(fake->asked_tick) : 0;
	region_stage_reply(fake->h, request, &reply);
}

static void journal(struct fake *fake, uint64_t tick);

static void on_journaled(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct fake *fake = instance;

	if (fake->dead || (uint64_t)(uintptr_t)arg != fake->tick + 1) {
		return;
	}
	if (result->status == TROUPE_OK) {
		fake->durable = 1;
		fake->rig->journaled[(fake->tick + 1) % RIG_TICKS] |= (uint8_t)(1u << (fake - fake->rig->owners));
		if (fake->stage == 3) {
			answer_stage(fake);
		}
	} else if (troupe_outcome_of(result->status) == TROUPE_UNDECIDED) {
		journal(fake, fake->tick + 1);
	} else {
		assert_int_equal(result->status, TROUPE_FAILED_PRECONDITION); /* of an epoch that is over */
	}
}

static void on_put(void *instance, void *arg, const struct troupe_db_result *result)
{
	(void)instance;
	(void)arg;
	(void)result;
}

static void put(struct fake *fake, const char *key, uint32_t key_len, uint64_t number, troupe_db_done_fn done, uint64_t arg)
{
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key, .key_len = key_len, .value = &number, .value_len = 8 };
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = fake->db, .ops = &op, .ops_len = 1,
					   .fence = WORLD_FENCE, .fence_epoch = fake->epoch, .on_done = done,
					   .arg = (void *)(uintptr_t)arg };

	fake->h->db_commit(fake->h, &commit);
}

static void journal(struct fake *fake, uint64_t tick)
{
	struct worldkey key;

	worldkey(&key, WORLD_KEY_JOURNAL, (unsigned long long)tick, (unsigned long long)fake->h->id);
	put(fake, key.text, key.len, tick, on_journaled, tick);
}

static void take_assignment(struct fake *fake, const Region__Assignment *assignment)
{
	uint8_t owned[RIG_REGIONS] = { 0 };

	memset(fake->mine, 0, sizeof(fake->mine));
	fake->regions = 0;
	fake->version = assignment->version;
	fake->in = 0;
	for (size_t i = 0; i < assignment->n_owners; i++) {
		const Region__Owner *owner = assignment->owners[i];

		assert_true(i < 4 && (assignment->version == 1 || owner->instance == fake->places[i])); /* they keep their numbers */
		fake->places[i] = owner->instance;

		fake->in |= owner->instance == fake->h->id;
		for (size_t n = 0; n < owner->n_regions; n++) {
			assert_true(owner->regions[n] < RIG_REGIONS);
			owned[owner->regions[n]]++;
			if (owner->instance == fake->h->id) {
				fake->mine[owner->regions[n]] = 1;
				fake->regions++;
			}
		}
	}
	for (uint32_t i = 0; i < RIG_REGIONS; i++) {
		assert_int_equal(owned[i], 1); /* each region has one owner, never two */
	}
}

static void on_restore(void *instance, const struct troupe_request *request, const Region__RestoreRequest *body)
{
	static const Region__RestoreReply reply = REGION__RESTORE_REPLY__INIT;
	struct fake *fake = instance;

	if (fake->dead) {
		fake->unanswered = request->id;
		return;
	}
	if (body->assignment->epoch <= fake->epoch) {
		fake->rig->stale++;
		proto_refuse(fake->h, request->id, TROUPE_FAILED_PRECONDITION, "region.stale");
		return;
	}
	if (fake->hangs_restore) {
		fake->dead = 1;
		fake->unanswered = request->id;
		return;
	}
	if (fake->refuses_restore) {
		proto_refuse(fake->h, request->id, TROUPE_INTERNAL, "region.broken");
		return;
	}
	assert_int_equal(body->shape->size, 256);
	assert_int_equal(body->shape->region, 64);
	assert_true(body->journal >= fake->rig->told); /* what players know is run again, all of it */
	assert_true(body->told <= body->journal);
	assert_true(body->told + 2 >= fake->rig->told); /* at most the last two are told twice */
	assert_true(body->checkpoint <= body->journal);
	fake->epoch = body->assignment->epoch;
	fake->tick = body->checkpoint;
	fake->last = body->journal;
	fake->stage = 0;
	fake->asked_tick = 0;
	fake->request = 0;
	fake->saving = 0;
	fake->wants_done = 0;
	fake->restores++;
	fake->speed = body->shape->speed;
	fake->speed_again = body->journal > body->checkpoint ? fake->speed : fake->speed_again;
	fake->generation = body->generation;
	memset(fake->rules, 0, sizeof(fake->rules));
	if (body->has_rules) {
		memcpy(fake->rules, body->rules.data, WORLD_DIGEST_SIZE);
	}
	fake->prepared_generation = 0;
	take_assignment(fake, body->assignment);
	assert_true(fake->in);
	region_restore_reply(fake->h, request->id, &reply);
}

static int dies_now(struct fake *fake, uint64_t tick, unsigned stage)
{
	if (fake->die_tick != 0 && tick >= fake->die_tick && stage == fake->die_stage) {
		fake->dead = 1;
		fake->die_tick = 0;
	}
	return fake->dead;
}

static void take_rules(struct fake *fake, const Region__StageRequest *body)
{
	if (body->generation != 0) {
		assert_int_equal(body->stage, 1);
		assert_int_equal(body->generation, fake->prepared_generation); /* nothing that was not tried before */
		assert_memory_equal(body->rules.data, fake->prepared, WORLD_DIGEST_SIZE);
		fake->generation = body->generation;
		memcpy(fake->rules, fake->prepared, WORLD_DIGEST_SIZE);
	}
}

/* check_journal: what was written of this tick is still there when it is run again. */
static void check_journal(struct fake *fake, uint64_t tick)
{
	struct worldkey key;

	for (uint32_t i = 0; i < fake->rig->owners_len; i++) {
		if (fake->rig->journaled[tick % RIG_TICKS] & 1u << i) {
			worldkey(&key, WORLD_KEY_JOURNAL, (unsigned long long)tick,
				 (unsigned long long)fake->rig->owners[i].h->id);
			assert_int_equal(rig_keys(fake->rig, key.text), 1);
		}
	}
}

static void tick_told(struct fake *fake);

static void on_slow(void *instance, void *arg)
{
	(void)arg;
	answer_stage(instance);
}

static void on_stage(void *instance, const struct troupe_request *request, const Region__StageRequest *body)
{
	struct fake *fake = instance;

	if (dies_now(fake, body->tick, body->stage)) {
		fake->unanswered = request->id;
		return;
	}
	if (body->epoch != fake->epoch || fake->tick > RIG_TICKS) {
		fake->rig->stale++;
		proto_refuse(fake->h, request->id, TROUPE_FAILED_PRECONDITION, "region.stale");
		return;
	}
	assert_true(fake->regions > 0);
	if (body->tick == fake->asked_tick && body->stage == fake->asked_stage) { /* once more */
		fake->rig->repeated++;
		if (fake->request != 0) {
			fake->request = request->id; /* it has not been answered: it waits for the database */
		} else {
			answer_again(fake, request->id);
		}
		return;
	}
	fake->asked_tick = body->tick;
	fake->asked_stage = body->stage;
	assert_int_equal(body->tick, fake->tick + 1);
	assert_int_equal(body->stage, fake->stage + 1);
	assert_int_equal(body->again, body->tick <= fake->last);
	if (fake->wants_done) {
		assert_true(fake->rig->hosts); /* that word can only be lost on its way between hosts; it is clear now */
		tick_told(fake);
	}
	fake->stage = body->stage;
	fake->request = request->id;
	take_rules(fake, body);
	if (body->stage == 1) {
		fake->durable = body->again || body->tick % JOURNAL_EVERY != 0;
		if (body->again) {
			check_journal(fake, body->tick);
		}
		if (!fake->durable) {
			journal(fake, body->tick);
		}
		if (!body->again && body->tick < RIG_TICKS && fake->rig->began_us[body->tick] == 0) {
			fake->rig->began_us[body->tick] = sim_now_us(fake->rig->sim);
		}
	}
	fake->agains += body->stage == 3 && body->again;
	if (body->save) {
		assert_false(body->again);
		fake->saving = body->tick;
	}
	if (body->next != NULL) {
		assert_int_equal(body->stage, 3);
		assert_int_equal(body->next->version, fake->version + 1);
		assert_int_equal(body->next->epoch, fake->epoch);
		take_assignment(fake, body->next);
	}
	if (fake->slow_ms > 0 && body->stage == 1) {
		fake->h->timer_start(fake->h, fake->slow_ms, on_slow, NULL);
	} else {
		answer_stage(fake);
	}
}

static void save(struct fake *fake, uint64_t tick);

static void on_page(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct fake *fake = instance;
	Tick__Saved event = TICK__SAVED__INIT;
	struct troupe_peer peers[16];
	uint32_t len = fake->h->peers(fake->h, "tick", peers, 16);

	if (fake->dead || result->status == TROUPE_FAILED_PRECONDITION || fake->never_saves) {
		return;
	}
	if (result->status != TROUPE_OK) {
		save(fake, (uint64_t)(uintptr_t)arg);
		return;
	}
	event.has_epoch = event.has_tick = event.has_chunks = 1;
	event.epoch = fake->epoch;
	event.tick = (uint64_t)(uintptr_t)arg;
	event.chunks = 1;
	for (uint32_t i = 0; i < len; i++) {
		struct proto_to to = { .instance = peers[i].id };

		tick_saved(fake->h, &event, &to);
	}
}

static void save(struct fake *fake, uint64_t tick)
{
	struct worldkey key;

	worldkey(&key, WORLD_KEY_CHUNK, 3, -2, (unsigned long long)tick);
	put(fake, key.text, key.len, tick, on_put, 0);
	worldkey(&key, WORLD_KEY_PENDING, (unsigned long long)tick, (unsigned long long)fake->h->id, 0u);
	put(fake, key.text, key.len, tick, on_page, tick);
}

static void read_tick(void *arg, const struct troupe_db_value *value)
{
	Tick__Beat *beat = tick__beat__unpack(NULL, value->value_len, value->value);

	assert_non_null(beat);
	*(uint64_t *)arg = beat->tick;
	tick__beat__free_unpacked(beat, NULL);
}

/* tick_told: players know the tick that has ended. */
static void tick_told(struct fake *fake)
{
	struct rig *rig = fake->rig;
	uint64_t kept = 0, tick = fake->tick;

	sim_db_each(rig->sim, "meadow", WORLD_KEY_TICK, read_tick, &kept);
	assert_true(kept >= tick || tick <= fake->last); /* what is told is durable, here or in the journal */
	fake->wants_done = 0;
	fake->told = tick;
	if (tick > rig->told) {
		assert_true(rig->told == 0 || tick == rig->told + 1); /* no gap */
		rig->told = tick;
	}
	if (tick > fake->last && tick < RIG_TICKS) {
		if (rig->epochs[tick] == 0) {
			rig->epochs[tick] = fake->epoch;
		}
		assert_int_equal(rig->epochs[tick], fake->epoch); /* what players know does not happen anew */
	}
	if (fake->saving == tick) {
		fake->saving = 0;
		save(fake, tick);
	}
}

static void on_done(void *instance, const struct troupe_request *request, const Region__Done *body)
{
	struct fake *fake = instance;

	(void)request;
	if (fake->dead || body->epoch != fake->epoch || fake->tick > RIG_TICKS || (body->tick == fake->tick && !fake->wants_done)) {
		return;
	}
	assert_int_equal(body->tick, fake->tick);
	assert_int_equal(fake->stage, 0);
	fake->lates += body->late != 0;
	tick_told(fake);
	dies_now(fake, body->tick, 4);
}

static void on_paused(void *instance, const struct troupe_request *request, const Region__Paused *body)
{
	struct fake *fake = instance;

	(void)request;
	fake->paused++;
	snprintf(fake->reason, sizeof(fake->reason), "%s", body->reason);
	snprintf(fake->refusal, sizeof(fake->refusal), "%s", body->id != NULL ? body->id : "world.paused");
}

static void on_prepare(void *instance, const struct troupe_request *request, const Region__PrepareRequest *body)
{
	struct fake *fake = instance;
	Region__PrepareReply reply = REGION__PREPARE_REPLY__INIT;

	if (fake->dead) {
		return;
	}
	fake->prepares++;
	if (fake->no_memory) {
		proto_refuse(fake->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "region.no_memory");
		return;
	}
	if (fake->unread > 0) {
		fake->unread--;
		proto_refuse(fake->h, request->id, TROUPE_FAILED_PRECONDITION, "region.no_rules");
		return;
	}
	reply.has_accepted = reply.has_files = reply.has_failed = 1;
	reply.accepted = !fake->refuses_rules;
	reply.files = 2;
	if (fake->refuses_rules) {
		reply.failed = 1;
		reply.problem = "error[S0102]: unexpected symbol\n  --> meadow/rules.lua:3\n";
	} else {
		memcpy(fake->prepared, body->rules.data, WORLD_DIGEST_SIZE);
		fake->prepared_generation = body->generation;
	}
	region_prepare_reply(fake->h, request->id, &reply);
}

static const struct troupe_method methods[] = { REGION_RESTORE(on_restore), REGION_STAGE(on_stage), REGION_DONE(on_done),
						REGION_PAUSED(on_paused), REGION_PREPARE(on_prepare), { 0 } };

struct fake *rig_owner(struct rig *rig, const char *name)
{
	struct fake *fake = &rig->owners[rig->owners_len++];

	fake->rig = rig;
	snprintf(fake->name, sizeof(fake->name), "%s", name);
	fake->h = sim_actor(rig->sim, fake->name, "shard:meadow", fake, methods);
	assert_int_equal(fake->h->db_find(fake->h, "meadow", &fake->db), TROUPE_OK);
	on_timer(fake, NULL);
	return fake;
}

/* --- life ----------------------------------------------------------------------------------------- */

void rig_script(struct rig *rig, const char *name, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", rig->scripts, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

void rig_open(struct rig *rig, const char *more, int two, uint32_t owners)
{
	char text[2048], options[512], name[64];

	memset(rig, 0, sizeof(*rig));
	strcpy(rig->scripts, "/tmp/scheduler-XXXXXX");
	assert_non_null(mkdtemp(rig->scripts));
	if (strstr(more, "SCRIPTS") != NULL) {
		snprintf(options, sizeof(options), "scripts = \"%s\"%s", rig->scripts, strstr(more, "SCRIPTS") + 7);
		rig_script(rig, "rules.lua", "-- 1");
	} else {
		snprintf(options, sizeof(options), "%s", more);
	}
	snprintf(text, sizeof(text),
		 "cluster \"t\" { }\npart \"shard:meadow\"\ndatabase \"meadow\" { driver = \"leveldb\", path = \"meadow\" }\n"
		 "scheduler \"a\" { database = \"meadow\"%s%s }\n", options[0] != '\0' ? ", " : "", options);
	if (two) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "scheduler \"b\" { database = \"meadow\"%s%s }\n",
			 options[0] != '\0' ? ", " : "", options);
	}
	if (two > 1) {
		rig->hosts = 1;
		strcat(text, "host \"d\" { run = { \"meadow/database\" } }\nhost \"a\" { run = { \"meadow/scheduler.a\" } }\n"
			     "host \"b\" { run = { \"meadow/scheduler.b\" } }\n");
	}
	rig->config = sim_config(text, NULL);
	assert_non_null(rig->config);
	rig->sim = sim_open(rig->config, 1);
	for (uint32_t i = 0; i < owners; i++) {
		snprintf(name, sizeof(name), "meadow/mechanics.m%u", i + 1);
		rig_owner(rig, name);
	}
}

void rig_close(struct rig *rig)
{
	char command[128];

	if (rig->sim != NULL) {
		sim_close(rig->sim);
	}
	config_free(rig->config);
	snprintf(command, sizeof(command), "rm -rf '%s'", rig->scripts);
	assert_int_equal(system(command), 0);
}

const char *rig_active(struct rig *rig)
{
	return sim_ready(rig->sim, RIG_A) ? RIG_A : RIG_B;
}

void rig_drain(struct fake *fake)
{
	fake->draining = 1;
	join(fake);
}

void rig_alive(struct fake *fake)
{
	if (fake->unanswered != 0 || fake->request != 0) { /* what a process owed when it fell, its host says */
		proto_refuse(fake->h, fake->unanswered != 0 ? fake->unanswered : fake->request, TROUPE_UNAVAILABLE, "host.lost");
	}
	fake->unanswered = 0;
	fake->dead = fake->in = fake->draining = 0;
	fake->request = fake->saving = 0;
	fake->told = 0;
	fake->stage = 0;
	fake->tick = UINT64_MAX - 1; /* it holds nothing: whatever comes but a restore is wrong */
	join(fake);
}

void rig_run(struct rig *rig, uint64_t ms)
{
	for (uint64_t at = 0; at < ms; at += 5) {
		sim_run(rig->sim, 5);
	}
}

uint64_t rig_until(struct rig *rig, uint64_t tick, uint64_t ms)
{
	uint64_t at = 0;

	for (; at < ms && rig->told < tick; at += 5) {
		sim_run(rig->sim, 5);
	}
	if (rig->told < tick) {
		fail_msg("tick %llu is not there after %llu ms: %llu", (unsigned long long)tick, (unsigned long long)ms,
			 (unsigned long long)rig->told);
	}
	return at;
}

int32_t rig_command(struct rig *rig, const char *verb, const void *args)
{
	return ask_command(rig->sim, rig_active(rig), verb, args, &rig->answer);
}

int rig_says(struct rig *rig, const char *text)
{
	return strstr((const char *)rig->answer.body, text) != NULL;
}

int64_t rig_number(struct rig *rig, const char *key)
{
	char name[64];
	const char *at;

	snprintf(name, sizeof(name), "\"%s\":", key);
	at = strstr((const char *)rig->answer.body, name);
	assert_non_null(at);
	return strtoll(at + strlen(name), NULL, 10);
}

static void count_key(void *arg, const struct troupe_db_value *value)
{
	(void)value;
	++*(uint32_t *)arg;
}

static void on_put_done(void *instance, void *arg, const struct troupe_db_result *result)
{
	(void)instance;
	*(int32_t *)arg = result->status;
}

int32_t rig_put(struct fake *fake, const char *key, uint64_t epoch)
{
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key, .key_len = (uint32_t)strlen(key), .value = "", .value_len = 0 };
	int32_t status = -1;
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = fake->db, .ops = &op, .ops_len = 1,
					   .fence = WORLD_FENCE, .fence_epoch = epoch, .on_done = on_put_done, .arg = &status };

	fake->h->db_commit(fake->h, &commit);
	rig_run(fake->rig, 5);
	return status;
}

uint32_t rig_keys(struct rig *rig, const char *prefix)
{
	uint32_t n = 0;

	sim_db_each(rig->sim, "meadow", prefix, count_key, &n);
	return n;
}
