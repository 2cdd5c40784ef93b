/* SPDX-License-Identifier: MIT */
/* The rules of the world: read from a folder, kept in the database by digest, tried by all owners, and in force from one
 * tick on for all of them, or not at all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secret/secret.h"
#include "scheduler.h"

#define SETTLE_MS 30u	       /* after a change: an editor may write several files, or one in several steps */
#define PAGE_BYTES 200000u     /* of a bundle, in one record */
#define PAGES_MAX 32u
#define TRY_MS 30000u	       /* how long owners may take to compile and try */
#define RETRY_MS 100u
#define REPORT_BYTES 8192u

static void store_next(struct scheduler *s);
static void read_now(struct scheduler *s);

/* --- what was in force ---------------------------------------------------------------------------- */

static struct generation *generation_find(struct rules *r, uint32_t number)
{
	for (uint32_t i = 0; i < r->history_len; i++) {
		if (r->history[i].number == number && r->history[i].problem[0] == '\0') {
			return &r->history[i];
		}
	}
	return NULL;
}

static void history_add(struct scheduler *s, const struct generation *generation)
{
	struct rules *r = &s->rules;

	if (r->history_len == HISTORY_MAX) {
		memmove(&r->history[0], &r->history[1], (HISTORY_MAX - 1) * sizeof(r->history[0]));
		r->history_len--;
	}
	r->history[r->history_len++] = *generation;
	r->trim = 1;
}

/* kept_from: the first of the history that is kept for a rollback. */
static uint32_t kept_from(const struct scheduler *s)
{
	const struct rules *r = &s->rules;
	uint32_t at = r->history_len;
	int64_t kept = 0;

	while (at > 0 && kept < s->options->keep) {
		at--;
		kept += r->history[at].problem[0] == '\0';
	}
	return at;
}

int rules_keeps(const struct scheduler *s, const char *hex)
{
	const struct rules *r = &s->rules;
	char mine[2 * WORLD_DIGEST_SIZE + 1];

	for (uint32_t i = kept_from(s); i < r->history_len; i++) {
		worldkey_hex(r->history[i].digest, mine);
		if (strcmp(mine, hex) == 0) {
			return 1;
		}
	}
	worldkey_hex(s->checkpoint.rules, mine);
	if (strcmp(mine, hex) == 0) {
		return 1;
	}
	worldkey_hex(r->next.digest, mine);
	if (r->state != RULES_IDLE && strcmp(mine, hex) == 0) {
		return 1;
	}
	worldkey_hex(r->now, mine);
	return strcmp(mine, hex) == 0;
}

void rules_load(struct scheduler *s, const Tick__Generations *kept)
{
	struct rules *r = &s->rules;

	r->history_len = 0;
	r->last_number = s->checkpoint.generation;
	for (size_t i = 0; kept != NULL && i < kept->n_generations; i++) {
		const Tick__Generation *from = kept->generations[i];
		struct generation to = { .number = from->generation, .files = from->files, .since_ms = from->since_ms };

		if (from->rules.len == WORLD_DIGEST_SIZE) {
			memcpy(to.digest, from->rules.data, WORLD_DIGEST_SIZE);
			snprintf(to.who, sizeof(to.who), "%s", from->who != NULL ? from->who : "");
			history_add(s, &to);
			r->last_number = to.number > r->last_number ? to.number : r->last_number;
		}
	}
	r->folder_known = kept != NULL && kept->has_folder && kept->folder.len == WORLD_DIGEST_SIZE;
	if (r->folder_known) {
		memcpy(r->folder, kept->folder.data, WORLD_DIGEST_SIZE);
	}
}

/* history_record: what will be in force when the candidate is, into the next write. */
static void history_record(struct scheduler *s)
{
	struct rules *r = &s->rules;
	Tick__Generations record = TICK__GENERATIONS__INIT;
	Tick__Generation all[HISTORY_MAX + 1], *list[HISTORY_MAX + 1];
	uint32_t from = kept_from(s);

	for (uint32_t i = from; i <= r->history_len; i++) {
		struct generation *one = i < r->history_len ? &r->history[i] : &r->next;
		Tick__Generation *to = &all[record.n_generations];

		if (one->problem[0] != '\0') {
			continue;
		}
		tick__generation__init(to);
		to->has_generation = to->has_rules = to->has_since_ms = to->has_files = 1;
		to->generation = one->number;
		to->rules.data = one->digest;
		to->rules.len = WORLD_DIGEST_SIZE;
		to->since_ms = one->since_ms;
		to->files = one->files;
		to->who = one->who;
		list[record.n_generations++] = to;
	}
	record.generations = list;
	record.has_folder = r->folder_known;
	record.folder.data = r->folder;
	record.folder.len = WORLD_DIGEST_SIZE;
	lease_op(s, WORLD_KEY_RULES, &record.base);
}

/* --- the end of a candidate ----------------------------------------------------------------------- */

static void pages_free(struct rules *r)
{
	for (uint32_t i = 0; i < r->pages_len; i++) {
		free(r->pages[i].bytes);
	}
	free(r->pages);
	r->pages = NULL;
	r->pages_len = 0;
}

static void finished(struct scheduler *s, int accepted)
{
	struct rules *r = &s->rules;
	uint64_t request = r->request;
	int waited = !r->tried;

	pages_free(r);
	free(r->report);
	r->report = NULL;
	r->state = RULES_IDLE;
	r->request = 0;
	r->turn++;
	r->forced = 0;
	r->tried = 1;
	if (request != 0) {
		command_reloaded(s, request, accepted);
	}
	if (r->again && !r->reading) {
		read_now(s);
	}
	if (waited && s->phase == PHASE_RUN) {
		beat_restart(s);
		metric_set(s, METRIC_PAUSED, beat_stands(s) != NULL);
		tell_state(s);
		beat_go(s);
	}
}

/* log_block: a message of several lines, line by line. */
static void log_block(struct scheduler *s, const char *block)
{
	while (*block != '\0') {
		size_t len = strcspn(block, "\n");

		if (len > 0) {
			log_line(s, TROUPE_LOG_ERROR, NULL, "%.*s", (int)len, block);
		}
		block += len + (block[len] == '\n');
	}
}

static void refuse(struct scheduler *s, const char *problem, const char *block)
{
	struct rules *r = &s->rules;

	if (problem != r->next.problem) {
		snprintf(r->next.problem, sizeof(r->next.problem), "%s", problem);
	}
	metric_add(s, METRIC_RELOAD_REFUSED, 1);
	log_line(s, TROUPE_LOG_ERROR, "R0003", "reload refused, generation %u keeps running", r->now_number);
	log_line(s, TROUPE_LOG_ERROR, NULL, "  = note: %s", r->next.problem);
	log_block(s, block);
	log_line(s, TROUPE_LOG_ERROR, NULL, "  = help: fix and save; nothing was changed");
	r->next.number = 0;
	r->next.since_ms = s->h->wall_ms(s->h);
	history_add(s, &r->next);
	finished(s, 0);
}

/* --- trying --------------------------------------------------------------------------------------- */

static void try_rest(struct scheduler *s);

static void judged(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->refused > 0) {
		refuse(s, r->next.problem, r->report != NULL ? r->report : "");
	} else if (r->canary) {
		r->canary = 0;
		try_rest(s);
	} else {
		r->state = RULES_READY; /* the next tick takes it */
		beat_go(s);
	}
}

static void on_prepared(void *instance, void *arg, const struct troupe_reply *reply, const Region__PrepareReply *body)
{
	struct scheduler *s = instance;
	struct owner *owner = arg;
	struct rules *r = &s->rules;

	owner->trial = 0;
	if (s->stopped || r->state != RULES_TRYING) {
		return;
	}
	if (reply->status == TROUPE_UNAVAILABLE) {
		owner_lost(s, owner, "it went while it tried new rules");
		return;
	}
	if (reply->status != TROUPE_OK || !body->accepted) {
		r->refused++;
		if (reply->status != TROUPE_OK) {
			snprintf(r->next.problem, sizeof(r->next.problem), "%s did not try them: status %d %s", owner->name,
				 (int)reply->status, reply->reason);
		} else if (r->report == NULL) {
			snprintf(r->next.problem, sizeof(r->next.problem), "%u of %u files failed", body->failed, body->files);
			r->report = strndup(body->problem != NULL ? body->problem : "", REPORT_BYTES);
		}
	}
	if (--r->missing == 0) {
		judged(s);
	}
}

static void try_one(struct scheduler *s, struct owner *owner)
{
	Region__PrepareRequest request = REGION__PREPARE_REQUEST__INIT;
	struct proto_to to = { .instance = owner->id, .timeout_ms = TRY_MS };
	struct rules *r = &s->rules;

	request.has_rules = request.has_generation = 1;
	request.rules.data = r->next.digest;
	request.rules.len = WORLD_DIGEST_SIZE;
	request.generation = r->next.number;
	r->missing++;
	owner->trial = region_prepare(s->h, &request, &to, on_prepared, owner);
}

static void try_rest(struct scheduler *s)
{
	s->rules.missing = 0;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		if (s->owners[i]->in) {
			try_one(s, s->owners[i]);
		}
	}
}

/* try_now: the bundle is in the database; as soon as the world has owners they try it. */
static void try_now(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->state != RULES_WAITING || s->phase != PHASE_RUN || s->restore_us != 0) {
		return;
	}
	r->state = RULES_TRYING;
	r->refused = r->missing = 0;
	r->next.number = r->last_number + 1;
	for (uint32_t i = 0; r->canary && i < s->owners_len; i++) {
		if (s->owners[i]->in) {
			try_one(s, s->owners[i]);
			return;
		}
	}
	try_rest(s);
}

void rules_interrupted(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->state == RULES_TRYING || r->state == RULES_READY) {
		r->state = RULES_WAITING;
	}
	r->prepared = 0;
}

void rules_restored(struct scheduler *s)
{
	struct rules *r = &s->rules;

	if (r->state == RULES_TAKEN && r->now_number == r->next.number) {
		rules_taken(s);
	} else if (r->state == RULES_TAKEN) {
		r->state = RULES_WAITING; /* that tick never was */
	}
	try_now(s);
}

/* --- taking over ---------------------------------------------------------------------------------- */

int rules_waits(const struct scheduler *s)
{
	return !s->rules.tried && s->beat.last == 0 && s->beat.tick == 0 && s->rules.state != RULES_READY;
}

int rules_take(struct scheduler *s, uint64_t tick)
{
	Tick__Control control = TICK__CONTROL__INIT;
	struct rules *r = &s->rules;
	struct worldkey key;

	if (r->state != RULES_READY || s->controls_len == CONTROLS_MAX) {
		return 0;
	}
	r->state = RULES_TAKEN;
	r->next.since_ms = s->h->wall_ms(s->h);
	control.has_rules = control.has_generation = 1;
	control.rules.data = r->next.digest;
	control.rules.len = WORLD_DIGEST_SIZE;
	control.generation = r->next.number;
	worldkey(&key, WORLD_KEY_CONTROL, (unsigned long long)tick);
	lease_op(s, key.text, &control.base);
	history_record(s);
	return 1;
}

static void in_force(struct scheduler *s, uint32_t number, const uint8_t digest[WORLD_DIGEST_SIZE])
{
	struct rules *r = &s->rules;

	memcpy(r->now, digest, WORLD_DIGEST_SIZE);
	r->now_number = number;
	r->last_number = number > r->last_number ? number : r->last_number;
	metric_set(s, METRIC_GENERATION, number);
}

void rules_taken(struct scheduler *s)
{
	struct rules *r = &s->rules;

	in_force(s, r->next.number, r->next.digest);
	history_add(s, &r->next);
	metric_add(s, METRIC_RELOADED, 1);
	log_line(s, TROUPE_LOG_NOTICE, NULL, "rules: generation %u runs, %u files, by %s", r->next.number, r->next.files,
		 r->next.who);
	if (s->controls_len < CONTROLS_MAX) { /* journaled: what is kept in mind until the next checkpoint */
		s->controls[s->controls_len] = (struct control){ .tick = s->beat.tick, .generation = r->next.number };
		s->controls_len++;
	}
	finished(s, 1);
}

void rules_again(struct scheduler *s, const struct control *control)
{
	if (control == NULL) {
		in_force(s, s->checkpoint.generation, s->checkpoint.rules);
	} else {
		in_force(s, control->generation, control->rules);
	}
}

static void on_again_prepared(void *instance, void *arg, const struct troupe_reply *reply, const Region__PrepareReply *body)
{
	struct scheduler *s = instance;
	struct owner *owner = arg;
	char why[TEXT_LEN];

	owner->trial = 0;
	if (s->stopped || s->phase != PHASE_RUN) {
		return;
	}
	if (reply->status != TROUPE_OK || !body->accepted) {
		snprintf(why, sizeof(why), "it does not take rules that were in force: %s",
			 reply->status != TROUPE_OK ? reply->reason : "refused");
		owner_lost(s, owner, why);
	} else if (--s->rules.missing == 0) {
		s->rules.prepared = s->beat.tick + 1;
		beat_go(s);
	}
}

int rules_prepare(struct scheduler *s, const struct control *control)
{
	Region__PrepareRequest request = REGION__PREPARE_REQUEST__INIT;

	if (control == NULL || s->rules.prepared == control->tick) {
		return 1;
	}
	request.has_rules = request.has_generation = 1;
	request.rules.data = (uint8_t *)control->rules;
	request.rules.len = WORLD_DIGEST_SIZE;
	request.generation = control->generation;
	s->rules.missing = 0;
	for (uint32_t i = 0; i < s->owners_len; i++) {
		struct owner *owner = s->owners[i];
		struct proto_to to = { .instance = owner->id, .timeout_ms = TRY_MS };

		if (owner->in) {
			s->rules.missing++;
			owner->trial = region_prepare(s->h, &request, &to, on_again_prepared, owner);
		}
	}
	return 0;
}

/* --- storing -------------------------------------------------------------------------------------- */

static void on_retry(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->rules.timer = 0;
	store_next(s);
}

static int is_stale(const struct scheduler *s, const void *arg)
{
	return s->stopped || s->rules.state != RULES_STORING || s->rules.turn != (uint32_t)(uintptr_t)arg;
}

static void on_stored(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct scheduler *s = instance;
	struct rules *r = &s->rules;

	if (is_stale(s, arg)) {
		return;
	}
	if (result->status != TROUPE_OK) {
		timer_clear(s, &r->timer);
		r->timer = s->h->timer_start(s->h, RETRY_MS, on_retry, NULL);
		return;
	}
	r->page--;
	store_next(s);
}

/* store_next: the first page last, so that where it is the others are. */
static void store_next(struct scheduler *s)
{
	struct rules *r = &s->rules;
	char hex[2 * WORLD_DIGEST_SIZE + 1];
	struct worldkey key;
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = key.text };
	struct troupe_db_commit commit = { .size = sizeof(commit),
					   .db = s->db,
					   .ops = &op,
					   .ops_len = 1,
					   .fence = WORLD_FENCE,
					   .fence_epoch = s->lease.epoch,
					   .on_done = on_stored,
					   .arg = (void *)(uintptr_t)r->turn };

	if (r->page == 0) {
		pages_free(r);
		r->state = RULES_WAITING;
		try_now(s);
		return;
	}
	worldkey_hex(r->next.digest, hex);
	worldkey(&key, WORLD_KEY_BUNDLE, hex, r->page - 1);
	op.key_len = key.len;
	op.value = r->pages[r->page - 1].bytes;
	op.value_len = r->pages[r->page - 1].len;
	s->h->db_commit(s->h, &commit);
}

static void on_known(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct scheduler *s = instance;

	if (is_stale(s, arg)) {
		return;
	}
	s->rules.page = page->status == TROUPE_OK && page->count == 1 && page->values[0].version != 0 ? 0 : s->rules.pages_len;
	store_next(s);
}

static void store(struct scheduler *s)
{
	struct rules *r = &s->rules;
	char hex[2 * WORLD_DIGEST_SIZE + 1];
	struct worldkey key;
	struct troupe_db_check check = { .key = key.text };
	struct troupe_db_get get = { .size = sizeof(get), .db = s->db, .keys = &check, .keys_len = 1, .on_page = on_known,
				     .arg = (void *)(uintptr_t)++r->turn };

	r->state = RULES_STORING;
	worldkey_hex(r->next.digest, hex);
	worldkey(&key, WORLD_KEY_BUNDLE, hex, 0u);
	check.key_len = key.len;
	s->h->db_get(s->h, &get);
}

/* --- a bundle from files -------------------------------------------------------------------------- */

/* file_label: what messages call a file: its folder's name and its own. */
static void file_label(const struct scheduler *s, const char *name, char *ret_label, size_t size)
{
	const char *folder = s->options->scripts;
	size_t len = strlen(folder), from;

	while (len > 0 && folder[len - 1] == '/') {
		len--;
	}
	for (from = len; from > 0 && folder[from - 1] != '/'; from--) {
	}
	snprintf(ret_label, size, "%.*s/%s", (int)(len - from), folder + from, name);
}

static void digest_of(const struct troupe_file *files, uint32_t len, uint8_t ret_digest[WORLD_DIGEST_SIZE])
{
	uint8_t (*hashes)[2][SECRET_HASH_SIZE] = calloc(len + 1, sizeof(*hashes)), whole[SECRET_HASH_SIZE];

	if (hashes == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	for (uint32_t i = 0; i < len; i++) {
		secret_hash(files[i].name, strlen(files[i].name), hashes[i][0]);
		secret_hash(files[i].bytes, files[i].len, hashes[i][1]);
	}
	secret_hash(hashes, len * sizeof(*hashes), whole);
	memcpy(ret_digest, whole, WORLD_DIGEST_SIZE);
	free(hashes);
}

/* page_add: a bundle of these files; 0, or -1 if there are too many pages. */
static int page_add(struct scheduler *s, const struct troupe_file *files, uint32_t len)
{
	struct rules *r = &s->rules;
	Tick__Bundle bundle = TICK__BUNDLE__INIT;
	Tick__File *all = calloc(len + 1, sizeof(*all)), **list = calloc(len + 1, sizeof(*list));
	char (*labels)[TEXT_LEN] = calloc(len + 1, sizeof(*labels));
	struct bundle_page *page;
	int r_page = -1;

	if (r->pages == NULL) {
		r->pages = calloc(PAGES_MAX, sizeof(*r->pages));
	}
	if (all != NULL && list != NULL && labels != NULL && r->pages != NULL && r->pages_len < PAGES_MAX) {
		for (uint32_t i = 0; i < len; i++) {
			tick__file__init(&all[i]);
			file_label(s, files[i].name, labels[i], sizeof(labels[i]));
			all[i].name = labels[i];
			all[i].has_text = 1;
			all[i].text.data = (uint8_t *)files[i].bytes;
			all[i].text.len = files[i].len;
			list[i] = &all[i];
		}
		bundle.files = list;
		bundle.n_files = len;
		bundle.has_made_ms = 1;
		bundle.made_ms = s->h->wall_ms(s->h);
		page = &r->pages[r->pages_len];
		page->bytes = malloc(tick__bundle__get_packed_size(&bundle));
		if (page->bytes != NULL) {
			page->len = (uint32_t)tick__bundle__pack(&bundle, page->bytes);
			r->pages_len++;
			r_page = 0;
		}
	}
	free(all);
	free(list);
	free(labels);
	return r_page;
}

/* pages_make: whole files in each page; *ret_problem says why there are none. */
static int pages_make(struct scheduler *s, const struct troupe_file *files, uint32_t len, char *ret_problem, size_t size)
{
	uint32_t first = 0;
	size_t bytes = 0;

	pages_free(&s->rules);
	for (uint32_t i = 0; i < len; i++) {
		size_t one = files[i].len + strlen(files[i].name) + strlen(s->options->scripts) + 32;

		if (one > PAGE_BYTES) {
			snprintf(ret_problem, size, "%s has %u bytes; a file of rules has at most %u", files[i].name, files[i].len,
				 PAGE_BYTES - 1000);
			return -1;
		}
		if (bytes + one > PAGE_BYTES) {
			if (page_add(s, &files[first], i - first) != 0) {
				break;
			}
			first = i;
			bytes = 0;
		}
		bytes += one;
	}
	if (page_add(s, &files[first], len - first) != 0) {
		snprintf(ret_problem, size, "the files together are more than %u MB", PAGES_MAX * PAGE_BYTES / 1000000u);
		return -1;
	}
	return 0;
}

/* --- reading -------------------------------------------------------------------------------------- */

static const struct generation *newest(const struct rules *r)
{
	uint32_t at = r->history_len;

	while (at > 0 && r->history[at - 1].problem[0] != '\0') {
		at--;
	}
	return at > 0 ? &r->history[at - 1] : NULL;
}

/*
 * wanted: whether what was read is to be tried. After the start of a reign what was in force stays, if the folder has not
 * changed since (a rollback lasts), or if another scheduler ran the world and our folder is only older than its. What is in
 * force is known from the history: the journal may not have been run again yet.
 */
static int wanted(struct scheduler *s, const uint8_t digest[WORLD_DIGEST_SIZE])
{
	struct rules *r = &s->rules;
	const struct generation *now = newest(r);
	int changed = !r->folder_known || memcmp(r->folder, digest, WORLD_DIGEST_SIZE) != 0;
	int first = !r->tried;

	if (r->forced || (first && now == NULL)) {
		return 1;
	}
	if (!changed || (now != NULL && memcmp(now->digest, digest, WORLD_DIGEST_SIZE) == 0)) {
		return 0;
	}
	for (uint32_t i = 0; first && r->inherited && i < r->history_len; i++) {
		if (memcmp(r->history[i].digest, digest, WORLD_DIGEST_SIZE) == 0) {
			log_line(s, TROUPE_LOG_WARNING, NULL, "the scripts in %s are older than generation %u, which stays in force; "
				 "a reload takes them", s->options->scripts, now->number);
			return 0;
		}
	}
	return 1;
}

static void on_files(void *instance, void *arg, int32_t status, const struct troupe_file *files, uint32_t len,
		     const char *text)
{
	struct scheduler *s = instance;
	struct rules *r = &s->rules;
	uint8_t digest[WORLD_DIGEST_SIZE];
	char problem[TEXT_LEN] = "";
	int take;

	(void)arg;
	r->reading = 0;
	if (s->stopped || !lease_held(s) || r->state != RULES_IDLE) {
		return;
	}
	r->next = (struct generation){ .files = len };
	snprintf(r->next.who, sizeof(r->next.who), "%s", r->who[0] != '\0' ? r->who : "a change of the folder");
	r->who[0] = '\0';
	if (status != TROUPE_OK) {
		snprintf(problem, sizeof(problem), "the scripts in %s cannot be read (%s)", s->options->scripts,
			 text != NULL ? text : "no reason given");
		refuse(s, problem, "");
		return;
	}
	digest_of(files, len, digest);
	take = wanted(s, digest);
	memcpy(r->folder, digest, WORLD_DIGEST_SIZE);
	r->folder_known = 1;
	if (!take) {
		finished(s, 1);
		return;
	}
	memcpy(r->next.digest, digest, WORLD_DIGEST_SIZE);
	if (pages_make(s, files, len, problem, sizeof(problem)) != 0) {
		refuse(s, problem, "");
		return;
	}
	store(s);
}

static void read_now(struct scheduler *s)
{
	struct troupe_files files = { .size = sizeof(files),
				      .path = s->options->scripts,
				      .suffix = ".lua",
				      .on_files = on_files };
	struct rules *r = &s->rules;

	r->again = r->reading || r->state != RULES_IDLE;
	if (!r->again) {
		r->reading = 1;
		s->h->files(s->h, &files);
	}
}

static void on_settled(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	s->rules.settle = 0;
	if (lease_held(s) && s->phase != PHASE_LOAD) {
		read_now(s);
	}
}

static void on_change(void *instance, void *arg)
{
	struct scheduler *s = instance;

	(void)arg;
	if (s->rules.settle == 0 && lease_held(s)) {
		s->rules.settle = s->h->timer_start(s->h, SETTLE_MS, on_settled, NULL);
	}
}

static int has_scripts(const struct scheduler *s)
{
	return s->options->scripts != NULL && s->options->scripts[0] != '\0';
}

void rules_begin(struct scheduler *s)
{
	struct rules *r = &s->rules;

	r->tried = !has_scripts(s);
	r->inherited = s->lease.owner[0] != '\0' && strcmp(s->lease.owner, s->h->name) != 0;
	if (r->tried) {
		return;
	}
	if (s->options->watch && r->watch == 0) {
		r->watch = s->h->watch(s->h, s->options->scripts, on_change, NULL);
	}
	snprintf(r->who, sizeof(r->who), "the start");
	read_now(s);
}

static int may_begin(struct scheduler *s, uint64_t request)
{
	struct rules *r = &s->rules;
	const char *reason = !lease_held(s) || s->phase == PHASE_LOAD ? "world.not_here"
			     : !has_scripts(s)			      ? "world.no_scripts"
			     : r->state != RULES_IDLE || r->reading   ? "world.reloading"
								      : NULL;

	if (reason != NULL && request != 0) {
		proto_refuse(s->h, request, TROUPE_FAILED_PRECONDITION, reason);
	}
	return reason == NULL;
}

void rules_read(struct scheduler *s, uint64_t request, const char *who, int canary)
{
	struct rules *r = &s->rules;

	if (may_begin(s, request)) {
		r->request = request;
		r->forced = 1;
		r->canary = canary;
		snprintf(r->who, sizeof(r->who), "%s", who);
		read_now(s);
	}
}

void rules_rollback(struct scheduler *s, uint64_t request, const char *who, uint32_t number)
{
	struct rules *r = &s->rules;
	const struct generation *to = NULL;

	if (!may_begin(s, request)) {
		return;
	}
	for (uint32_t i = kept_from(s); number == 0 && i < r->history_len; i++) { /* the last that is another one */
		if (r->history[i].problem[0] == '\0' && memcmp(r->history[i].digest, r->now, WORLD_DIGEST_SIZE) != 0) {
			to = &r->history[i];
		}
	}
	to = number != 0 ? generation_find(r, number) : to;
	if (to == NULL || to < &r->history[kept_from(s)]) {
		proto_refuse(s->h, request, TROUPE_NOT_FOUND, "world.no_generation");
		return;
	}
	r->request = request;
	r->canary = 0;
	r->next = (struct generation){ .files = to->files };
	memcpy(r->next.digest, to->digest, WORLD_DIGEST_SIZE);
	snprintf(r->next.who, sizeof(r->next.who), "%.60s, back to %u", who, to->number);
	r->state = RULES_WAITING;
	r->turn++;
	try_now(s);
}

void rules_end(struct scheduler *s)
{
	struct rules *r = &s->rules;
	uint64_t request = r->request;

	pages_free(r);
	free(r->report);
	r->report = NULL;
	timer_clear(s, &r->settle);
	timer_clear(s, &r->timer);
	r->state = RULES_IDLE;
	r->request = 0;
	r->turn++;
	r->again = r->forced = r->tried = 0;
	if (request != 0 && !s->stopped) {
		proto_refuse(s->h, request, TROUPE_FAILED_PRECONDITION, "world.not_here");
	}
}

void rules_stop(struct scheduler *s)
{
	rules_end(s);
	if (s->rules.watch != 0) {
		s->h->watch_stop(s->h, s->rules.watch);
		s->rules.watch = 0;
	}
}
