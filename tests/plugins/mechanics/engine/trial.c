/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"
#include "rules/rules.h"
#include "worlds.h"

#define TICKS_MAX 400u
#define AVATARS 24u
#define SCRIPT_MAX 96u
#define HEARD_MAX 1024u
#define SEEN_MAX 1024u
#define CHECK_EVERY 3u /* ticks between two looks at all chunks */

static const struct engine_shape shape = { .size = 256, .region = 32, .map = "flat", .quarantine = 12, .max_entities = 125 };

/* --- numbers that follow from the seed -------------------------------------------------------------- */

static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static uint64_t hash(uint64_t a, uint64_t b)
{
	uint64_t state = a * 0x9E3779B97F4A7C15u ^ b;

	return next(&state);
}

static uint64_t hash_text(const char *text)
{
	uint64_t sum = 1;

	for (; text != NULL && *text != '\0'; text++) {
		sum = hash(sum, (unsigned char)*text);
	}
	return sum;
}

/* --- what players ask for --------------------------------------------------------------------------- */

struct script {
	Region__Input inputs[SCRIPT_MAX];
	const Region__Input *list[SCRIPT_MAX];
	char names[SCRIPT_MAX][16];
	char lines[2][400]; /* of operators */
	uint32_t len;
};

static Region__Input *add(struct script *s, Region__InputKind kind, uint64_t avatar)
{
	Region__Input *in = &s->inputs[s->len];

	region__input__init(in);
	in->has_kind = in->has_avatar = in->has_token = 1;
	in->kind = kind;
	in->avatar = avatar;
	in->token = avatar;
	snprintf(s->names[s->len], sizeof(s->names[0]), "a%u", (unsigned)avatar);
	in->name = s->names[s->len];
	s->list[s->len++] = in;
	return in;
}

/* add_line: of an operator, somewhere; some of them fail. */
static void add_line(struct script *s, char line[400], uint64_t unique, uint64_t random)
{
	static const char *const forms[] = {
		"for i = 0, 5 do set({ x = %d + i, y = %d, z = 30 + i %% 3 }, 'stone') end",
		"for _, o in ipairs(w:around({ x = %d, y = %d }, 12)) do o:hurt { amount = 1 } end",
		"set({ x = %d, y = %d }, 'dirt') error('not')",
		"w:spawn('mouse', { x = %d, y = %d }) return #find('mouse')",
		"for _, o in ipairs(find('mouse')) do o:say(#w:around({ x = %d, y = %d }, 9)) end",
		"local x = %d + %d while true do end",
	};
	Region__Input *in = add(s, REGION__INPUT_KIND__INPUT_WRITE, engine_line_id(unique, 1));
	int x = (int)(random % 240) - 120, y = (int)(random / 256 % 240) - 120;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(line, 400, forms[random / 65536 % (sizeof(forms) / sizeof(forms[0]))], x, y);
#pragma GCC diagnostic pop
	in->text = line;
	in->has_x = in->has_y = 1;
	in->x = x;
	in->y = y;
}

/* script_make: all of them come, walk, wave, talk; some leave and come back. */
static void script_make(struct script *s, uint64_t seed, uint64_t tick)
{
	uint64_t random = hash(seed, tick);

	s->len = 0;
	for (uint64_t avatar = 1; avatar <= AVATARS; avatar++) {
		uint64_t dice = next(&random) % 40, other = 1 + next(&random) % AVATARS, phase = (tick + avatar * 7) % 120;
		double x = (double)(next(&random) % 2480) / 10 - 124, y = (double)(next(&random) % 2480) / 10 - 124;
		Region__Input *in = NULL;

		if (phase == 3 || phase == 100 || phase == 85) {
			in = add(s, REGION__INPUT_KIND__INPUT_ENTER, avatar);
		} else if (phase == 80 || phase == 88 || phase == 92) {
			add(s, phase == 92 ? REGION__INPUT_KIND__INPUT_GONE : REGION__INPUT_KIND__INPUT_LEAVE, avatar);
		} else if (dice < 6) {
			in = add(s, REGION__INPUT_KIND__INPUT_MOVE, avatar);
		} else if (dice == 7) {
			in = add(s, REGION__INPUT_KIND__INPUT_ACT, avatar);
			in->name = (char *)(other % 2 == 0 ? "wave" : "dig");
			in->has_target = 1;
			in->target = other % 3 == 0 ? other : 0;
		} else if (dice >= 9 && dice < 12) { /* under one of two keys for a while, and sometimes twice at once */
			for (uint64_t n = 0; n <= other % 2; n++) {
				in = add(s, REGION__INPUT_KIND__INPUT_ACT, avatar);
				in->name = (char *)(tick / 40 % 2 == 0 ? "wave" : "dig");
				in->has_key = 1;
				in->key = 1 + tick / 40 * 2 + dice % 2;
			}
		} else if (dice == 8) {
			in = add(s, REGION__INPUT_KIND__INPUT_CHAT, avatar);
			in->text = (char *)"hello";
			in->channel = (char *)(other % 2 == 0 ? "near" : "all");
		}
		if (in != NULL) {
			in->has_x = in->has_y = 1;
			in->x = x;
			in->y = y;
		}
		if (phase == 3 && other % 2 == 0) { /* and at another place at once */
			in = add(s, REGION__INPUT_KIND__INPUT_ENTER, avatar);
			in->has_x = in->has_y = 1;
			in->x = y;
			in->y = -x;
		}
	}
	for (uint64_t i = 0; tick % 4 == 1 && i < 2; i++) {
		add_line(s, s->lines[i], tick * 2 + i, next(&random));
	}
}

/* --- edits and chases: what comes from C, whatever scripts can ------------------------------------------ */

/* evaluate: "row" puts a row of three blocks where there is air, "pit" takes four cells below its place; who wins is told. */
static void evaluate(void *arg, struct engine *e, struct claim *claim)
{
	const struct ask *ask = claim->ask;
	int dig = strcmp(ask->edit, "pit") == 0;
	struct wish *wish;

	(void)arg;
	if (!dig && strcmp(ask->edit, "row") != 0) {
		rules_edit(e->rules, claim); /* asked for by a script */
		return;
	}
	for (int32_t i = 0; i < (dig ? 4 : 3) && claim->refused == NULL; i++) {
		int32_t x = ask->x + (dig ? 0 : i), z = ask->z - (dig ? i : 0);

		if ((!dig && claim_block(e, claim, x, ask->y, z) != BLOCK_AIR) ||
		    claim_set(e, claim, x, ask->y, z, dig ? BLOCK_AIR : BLOCK_STONE + ask->number % 5) != 0) {
			claim->refused = "occupied";
		}
	}
	wish = claim_wish(e, claim, ask->actor, "tell");
	wish->text = dig ? "dug" : "built";
}

/* act: at the end of stage 1, what each avatar of ours builds and digs, and whom its hunters follow. */
static void act(struct engine *e)
{
	const struct entities *w = &e->all;

	for (uint32_t row = 0; row < w->count; row++) {
		uint64_t dice = hash(w->id[row], e->tick), id = w->id[row];
		const char *reason;
		struct ask *ask;

		if ((w->flags[row] & (ENTITY_GHOST | ENTITY_ASLEEP | ENTITY_LEAVES)) != 0) {
			continue;
		}
		if (w->kind[row] != 0) {
			if (dice % 64 == 0) {
				entity_chase(e, row, 1 + dice / 64 % AVATARS, 1.5);
			}
			continue;
		}
		/* now and then only: who builds all the time has walled itself in */
		for (uint64_t n = 0, asks = dice % 11 == 0 ? 1 + dice / 16 % 4 : 0; n < asks; n++) {
			dice = hash(dice, n);
			ask = ask_add(e, id, dice % 3 == 0 ? "pit" : "row", (int32_t)w->x[row] + (int32_t)(dice >> 8 & 7) - 3,
				      (int32_t)w->y[row] + (int32_t)(dice >> 16 & 7) - 3,
				      (int32_t)w->z[row] - (dice % 3 == 0) + (int32_t)(dice >> 24 & 1), &reason);
			if (ask != NULL) {
				ask->token = id;
				ask->priority = (int32_t)(dice >> 32 & 1);
			}
		}
	}
}

/* --- a tick of the one engine, as it must be in all others ------------------------------------------ */

struct heard {
	uint32_t chunk;
	uint64_t line;
};

struct past {
	uint64_t digest, told, answers;
	uint32_t entities, avatars;
	struct heard *heard;
	uint32_t heard_len;
	struct { uint64_t id; uint32_t number, kind; } aborts[8];
	uint32_t aborts_len;
};

struct run {
	const struct trial *trial;
	struct trial_figures *figures;
	struct worlds one, many;
	struct past past[TICKS_MAX + 1];
	uint64_t random;
	uint32_t generation; /* of the rules in the many */
	uint32_t reload;     /* the tick before which the rules change; 0 = never */
	struct { uint64_t id; uint32_t chunk; } seen[WORLDS_MAX][SEEN_MAX]; /* what the players of each engine were shown */
	uint32_t seen_len[WORLDS_MAX];
	uint8_t owners[WORLDS_REGIONS_MAX];
	char broken[256];
};

static void broken(struct run *r, const char *what, uint64_t a, uint64_t b)
{
	if (r->broken[0] == '\0') {
		snprintf(r->broken, sizeof(r->broken), "tick %llu of seed %llu, %u engines: %s (%llx, should be %llx)",
			 (unsigned long long)r->many.tick, (unsigned long long)r->trial->seed, r->many.len, what,
			 (unsigned long long)a, (unsigned long long)b);
	}
}

static uint64_t heard_line(const struct output *out)
{
	return hash(hash(out->id, hash_text(out->text)), hash(hash_text(out->name), hash_text(out->channel)));
}

/* outputs_sum: what was told to single players, and answers. */
static void outputs_sum(struct engine *e, uint64_t *told, uint64_t *answers)
{
	uint32_t len;
	const struct output *out = engine_outputs(e, &len);

	for (uint32_t i = 0; i < len; i++) {
		struct sight sight;

		/* who has come to another owner in this tick is told by that */
		if (out[i].kind == OUTPUT_TELL && out[i].id != 0 && engine_see(e, out[i].id, &sight) == 0 && sight.ours) {
			*told += hash(out[i].id, hash_text(out[i].text));
		} else if (out[i].kind == OUTPUT_ANSWER) {
			*answers += hash(hash(out[i].token, (uint64_t)out[i].status), hash_text(out[i].text));
		}
	}
}

static void past_outputs(struct run *r, struct past *past)
{
	uint32_t len;
	const struct output *out = engine_outputs(r->one.engines[0], &len);

	past->heard = calloc(HEARD_MAX, sizeof(*past->heard));
	for (uint32_t i = 0; i < len; i++) {
		if (out[i].kind == OUTPUT_HEARD || (out[i].kind == OUTPUT_TELL && out[i].id == 0)) {
			past->heard[past->heard_len++] = (struct heard){ out[i].chunk, heard_line(&out[i]) };
			r->figures->heard++;
		} else if (out[i].kind == OUTPUT_HEALTH) {
			r->figures->hurts++;
		} else if (out[i].kind == OUTPUT_ABORT && past->aborts_len < 8) {
			past->aborts[past->aborts_len].id = out[i].id;
			past->aborts[past->aborts_len].number = (uint32_t)out[i].key[0];
			past->aborts[past->aborts_len++].kind = (uint32_t)out[i].status;
			r->figures->aborts++;
		}
	}
}

static int ticks; /* the clock jumps in ticks alone: not while files are read */

/* flaky: a clock that jumps now and then: calls run out of time. */
static uint64_t flaky(void *arg)
{
	static uint64_t now, count;

	(void)arg;
	now += ticks && ++count % 613 == 0 ? 1000000000u : 10u;
	return now;
}

static void past_make(struct run *r, uint32_t tick)
{
	struct past *past = &r->past[tick];
	struct engine_figures figures;
	struct script script;

	if (tick == r->reload) {
		worlds_rules(&r->one, trial_rules[1], 2);
	}
	script_make(&script, r->trial->seed, tick);
	ticks = 1;
	worlds_tick(&r->one, script.list, script.len);
	ticks = 0;
	past->digest = worlds_digest(&r->one);
	outputs_sum(r->one.engines[0], &past->told, &past->answers);
	past_outputs(r, past);
	engine_figures(r->one.engines[0], &figures);
	past->entities = figures.entities;
	past->avatars = figures.avatars;
	r->figures->errors = figures.script_errors;
	r->figures->paused = figures.script_quarantined;
	r->figures->edits = figures.edits_won;
	r->figures->conflicts = figures.edits_lost;
}

/* --- what must hold in the many --------------------------------------------------------------------- */

static double chunk_x(const struct run *r, uint32_t chunk)
{
	uint32_t columns = r->many.settings.shape.size / 16;

	return ((chunk - 1) % columns + 0.5) * 16 - r->many.settings.shape.size / 2.0;
}

static double chunk_y(const struct run *r, uint32_t chunk)
{
	uint32_t columns = r->many.settings.shape.size / 16;

	return ((chunk - 1) / columns + 0.5) * 16 - r->many.settings.shape.size / 2.0;
}

static uint32_t chunk_owner(const struct run *r, uint32_t chunk)
{
	return r->many.owners[engine_region_at(r->many.engines[0], chunk_x(r, chunk), chunk_y(r, chunk))];
}

/* sees: 1 if players of this engine may see the chunk. */
static int sees(const struct run *r, uint32_t engine, uint32_t chunk)
{
	uint32_t around[9], n = engine_around(r->many.engines[0], chunk, around), found = 0;

	for (uint32_t i = 0; i < n; i++) {
		found |= chunk_owner(r, around[i]) == engine;
	}
	return found != 0;
}

static uint64_t sight_sum(const struct sight *sight)
{
	uint64_t bits[3], sum;

	memcpy(&bits[0], &sight->x, 8);
	memcpy(&bits[1], &sight->y, 8);
	memcpy(&bits[2], &sight->z, 8);
	sum = hash(hash(sight->id, bits[0]), hash(bits[1], bits[2]));
	sum = hash(sum, hash(hash_text(sight->kind), hash_text(sight->name)));
	return hash(sum, hash((uint64_t)sight->health << 32 | (uint32_t)sight->health_max, sight->walks));
}

/* chunk_sum: what an engine has in a chunk; in *ret_ours how much of it is its own. */
static uint64_t chunk_sum(struct engine *e, uint32_t chunk, uint32_t *ret_len, uint32_t *ret_ours)
{
	struct sight sights[SEEN_MAX];
	uint64_t sum = 0;

	*ret_len = engine_see_chunk(e, chunk, sights, SEEN_MAX);
	*ret_ours = 0;
	for (uint32_t i = 0; i < *ret_len; i++) {
		sum += sight_sum(&sights[i]);
		*ret_ours += sights[i].ours;
	}
	return sum;
}

/* chunks_check: every engine has in each chunk near it what the chunk's owner has, and nothing in others. */
static void chunks_check(struct run *r)
{
	r->figures->ghosts = 0;
	for (uint32_t chunk = 1; chunk <= engine_chunks(r->many.engines[0]); chunk++) {
		uint32_t owner = chunk_owner(r, chunk), len, ours, there;
		uint64_t sum = chunk_sum(r->many.engines[owner], chunk, &len, &ours);

		if (ours != len) {
			broken(r, "an owner has ghosts in a chunk of its own", ours, len);
		}
		for (uint32_t i = 0; i < r->many.len; i++) {
			uint64_t found = i != owner ? chunk_sum(r->many.engines[i], chunk, &there, &ours) : 0;

			if (i == owner) {
				continue;
			}
			r->figures->ghosts += there;
			if (ours != 0) {
				broken(r, "an entity is in a chunk of another owner", chunk, i);
			} else if (sees(r, i, chunk) ? found != sum : there != 0) {
				broken(r, "ghosts are not what their owner has", there, len);
			}
		}
	}
}

/* shown_by: what the outputs said is in which chunk. */
static void shown_by(struct run *r, uint32_t engine)
{
	uint32_t len, *seen_len = &r->seen_len[engine];
	const struct output *out = engine_outputs(r->many.engines[engine], &len);

	for (uint32_t i = 0; i < len; i++) {
		uint32_t at = 0;

		if (out[i].kind != OUTPUT_APPEARED && out[i].kind != OUTPUT_GONE && out[i].kind != OUTPUT_MOVED) {
			continue;
		}
		while (at < *seen_len && r->seen[engine][at].id != out[i].id) {
			at++;
		}
		if ((at < *seen_len) != (out[i].kind != OUTPUT_APPEARED) ||
		    (at < *seen_len && r->seen[engine][at].chunk != out[i].chunk)) {
			broken(r, out[i].kind == OUTPUT_APPEARED ? "shown twice" :
				  out[i].kind == OUTPUT_GONE	  ? "gone from where it was not" :
								    "moved where it was not", out[i].chunk,
			       at < *seen_len ? r->seen[engine][at].chunk : 0);
		} else if (out[i].kind == OUTPUT_APPEARED && *seen_len < SEEN_MAX) {
			r->seen[engine][at].id = out[i].id;
			r->seen[engine][(*seen_len)++].chunk = out[i].chunk;
		} else if (out[i].kind == OUTPUT_GONE) {
			r->seen[engine][at] = r->seen[engine][--*seen_len];
		}
	}
}

/* shown_all: what players of an engine see by now; compared with what is there, or begun with it. */
static void shown_all(struct run *r, uint32_t engine, int anew)
{
	struct engine *e = r->many.engines[engine];
	uint32_t all = 0;

	r->seen_len[engine] = anew ? 0 : r->seen_len[engine];
	for (uint32_t chunk = 1; chunk <= engine_chunks(e); chunk++) {
		struct sight sights[SEEN_MAX];
		uint32_t len = engine_see_chunk(e, chunk, sights, SEEN_MAX);

		all += len;
		for (uint32_t i = 0; i < len; i++) {
			uint32_t at = 0;

			if (anew) {
				r->seen[engine][r->seen_len[engine]].id = sights[i].id;
				r->seen[engine][r->seen_len[engine]++].chunk = chunk;
				continue;
			}
			while (at < r->seen_len[engine] && r->seen[engine][at].id != sights[i].id) {
				at++;
			}
			if (at == r->seen_len[engine] || r->seen[engine][at].chunk != chunk) {
				broken(r, "an entity is not shown where it is", chunk, sights[i].id);
			}
		}
	}
	if (all != r->seen_len[engine]) {
		broken(r, "shown is what is not there", r->seen_len[engine], all);
	}
}

static void heard_check(struct run *r, uint32_t engine, const struct past *past)
{
	uint32_t len;
	const struct output *out = engine_outputs(r->many.engines[engine], &len);
	uint64_t found = 0, wanted = 0;

	for (uint32_t i = 0; i < len; i++) {
		if ((out[i].kind == OUTPUT_HEARD && (out[i].chunk == 0 || sees(r, engine, out[i].chunk))) ||
		    (out[i].kind == OUTPUT_TELL && out[i].id == 0)) {
			found += hash(heard_line(&out[i]), out[i].chunk);
		}
	}
	for (uint32_t i = 0; i < past->heard_len; i++) {
		if (past->heard[i].chunk == 0 || sees(r, engine, past->heard[i].chunk)) {
			wanted += hash(past->heard[i].line, past->heard[i].chunk);
		}
	}
	if (found != wanted) {
		broken(r, "players hear something else", found, wanted);
	}
}

static int owner_check(void *arg, const struct sight *sight)
{
	struct run *r = arg;
	uint32_t region = engine_region_at(r->many.engines[0], sight->x, sight->y);

	for (uint32_t i = 0; sight->avatar && i < r->many.len; i++) {
		if (engine_owner_of(r->many.engines[i], sight->id) != r->many.owners[region]) {
			broken(r, "an avatar is not where all think it is", sight->id, r->many.owners[region]);
		}
	}
	return 0;
}

static void check(struct run *r)
{
	const struct past *past = &r->past[r->many.tick];
	uint64_t told = 0, answers = 0;
	uint32_t entities = 0, avatars = 0;

	for (uint32_t i = 0; i < r->many.len; i++) {
		struct engine_figures figures;
		uint32_t len;
		const struct output *out = engine_outputs(r->many.engines[i], &len);

		for (uint32_t n = 0; n < len; n++) {
			r->figures->handed += out[n].kind == OUTPUT_HANDED;
		}
		engine_figures(r->many.engines[i], &figures);
		entities += figures.entities;
		avatars += figures.avatars;
		outputs_sum(r->many.engines[i], &told, &answers);
		heard_check(r, i, past);
		shown_by(r, i);
		engine_each(r->many.engines[i], owner_check, r);
	}
	if (entities != past->entities || avatars != past->avatars) {
		broken(r, "somebody is in two engines, or in none", entities, past->entities);
	}
	if (told != past->told) {
		broken(r, "players are told something else", told, past->told);
	}
	if (answers != past->answers) {
		broken(r, "players are answered something else", answers, past->answers);
	}
	if (r->many.tick % CHECK_EVERY == 0) {
		chunks_check(r);
		for (uint32_t i = 0; i < r->many.len; i++) {
			shown_all(r, i, 0);
		}
	}
	if (worlds_digest(&r->many) != past->digest) {
		broken(r, "the digest differs", worlds_digest(&r->many), past->digest);
	}
	r->figures->entities = entities;
	r->figures->avatars = avatars;
}

/* --- what happens to them --------------------------------------------------------------------------- */

static uint32_t chance(struct run *r, uint32_t below)
{
	return (uint32_t)(next(&r->random) % below);
}

static const uint8_t *deal(struct run *r, uint32_t len)
{
	uint32_t columns = shape.size / shape.region;

	for (uint32_t region = 0; region < columns * columns; region++) {
		r->owners[region] = (uint8_t)chance(r, len);
	}
	return r->owners;
}

static uint32_t any_len(struct run *r)
{
	return r->trial->len != 0 ? r->trial->len : 1 + chance(r, 4);
}

static void shown_anew(struct run *r)
{
	for (uint32_t i = 0; i < r->many.len; i++) {
		shown_all(r, i, 1);
	}
}

static void script_of(struct run *r, struct script *script, uint32_t tick)
{
	const struct past *past = &r->past[tick];

	script_make(script, r->trial->seed, tick);
	for (uint32_t i = 0; i < past->aborts_len; i++) {
		Region__Input *in = add(script, REGION__INPUT_KIND__INPUT_ABORT, past->aborts[i].id);

		in->has_number = in->has_status = 1;
		in->number = past->aborts[i].number;
		in->status = (int32_t)past->aborts[i].kind;
	}
}

/* begin_again: all is lost but the checkpoint. */
static void begin_again(struct run *r)
{
	uint32_t len = any_len(r);
	const uint8_t *owners = deal(r, len);

	r->generation = r->reload != 0 && r->many.saved >= r->reload ? 2 : 1;
	r->figures->again += r->many.tick - r->many.saved;
	r->figures->crashes++;
	worlds_load(&r->many, len, owners, r->generation == 2 ? trial_rules[1] : trial_rules[0], r->generation);
	shown_anew(r);
	chunks_check(r);
}

static void many_tick(struct run *r)
{
	uint32_t tick = (uint32_t)r->many.tick + 1;
	struct script script;

	script_of(r, &script, tick);
	if (tick == r->reload) {
		worlds_rules(&r->many, trial_rules[1], 2);
		r->generation = 2;
	}
	if (r->trial->moves && chance(r, 12) == 0) {
		worlds_move(&r->many, deal(r, r->many.len));
		r->figures->moves++;
	}
	if (r->trial->crashes && chance(r, 25) == 0) {
		worlds_break(&r->many, script.list, script.len, 1 + chance(r, 3), chance(r, r->many.len + 1));
		begin_again(r);
		return;
	}
	worlds_tick(&r->many, script.list, script.len);
	r->figures->ticks++;
	check(r);
	if (r->trial->crashes && chance(r, 10) == 0) {
		worlds_save(&r->many);
	}
}

const char *trial_run(const struct trial *trial, struct trial_figures *ret_figures)
{
	static struct run run;
	struct run *r = &run;
	struct engine_settings settings = { .shape = shape };
	uint32_t len;

	memset(r, 0, sizeof(*r));
	memset(ret_figures, 0, sizeof(*ret_figures));
	r->trial = trial;
	r->figures = ret_figures;
	r->random = hash(trial->seed, 77);
	settings.shape.seed = trial->seed;
	strcpy(settings.shape.map, trial->seed % 3 == 0 ? "hills" : "flat");
	settings.clock_ns = trial->aborts ? flaky : NULL;
	r->reload = trial->reloads ? 20 + chance(r, trial->ticks - 20) : 0;
	worlds_open_as(&r->one, 1, &settings, NULL, trial_rules[0], 1);
	worlds_edits(&r->one, act, evaluate);
	for (uint32_t tick = 1; tick <= trial->ticks; tick++) {
		past_make(r, tick);
	}
	settings.clock_ns = NULL;
	settings.shape.lock = trial->seed % 2 == 0; /* the one has a queue: it comes to the same */
	r->generation = 1;
	len = any_len(r);
	worlds_open_as(&r->many, len, &settings, trial->deal ? deal(r, len) : NULL, trial_rules[0], 1);
	worlds_edits(&r->many, act, evaluate);
	r->many.shuffle = trial->shuffles ? trial->seed | 1 : 0;
	worlds_save(&r->many);
	while (r->many.tick < trial->ticks && r->broken[0] == '\0') {
		many_tick(r);
	}
	ret_figures->bytes = r->many.bytes;
	for (uint32_t tick = 1; tick <= trial->ticks; tick++) {
		free(r->past[tick].heard);
	}
	worlds_close(&r->one);
	worlds_close(&r->many);
	return r->broken;
}
