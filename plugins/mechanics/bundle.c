/* SPDX-License-Identifier: MIT */
/* Rules: read from the shard's database by digest, and tried beside those in force. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"
#include "tick.pb-c.h"

#define REPORT_SIZE 16384u
#define RETRY_MS 200u
#define RETRIES_MAX 100u /* 20 s: less than a scheduler waits */

/* A bundle that is being read. */
struct bundle {
	struct bundle *next;
	uint8_t forgotten; /* nobody wants it any more */
	uint8_t digest[WORLD_DIGEST_SIZE];
	uint32_t len, generation, files_len, retries;
	size_t bytes;
	struct worldkey from, to;
	uint8_t after; /* `from` has been read */
	struct engine_file files[WORLD_RULES_FILES_MAX];
	bundle_fn done;
	void *arg;
};

static void bundle_end(struct mechanics *m, struct bundle *bundle)
{
	struct bundle **at = &m->bundles;

	while (*at != bundle) {
		at = &(*at)->next;
	}
	*at = bundle->next;
	for (uint32_t i = 0; i < bundle->files_len; i++) {
		free((void *)bundle->files[i].name);
		free((void *)bundle->files[i].text);
	}
	free(bundle);
}

/* --- trying --------------------------------------------------------------------------------------- */

/* show: how it begins, in one line, for `status` and the log; the scheduler shows all of it. */
static void show(struct mechanics *m, uint32_t generation, const char *report)
{
	snprintf(m->problem, sizeof(m->problem), "%s", report);
	for (char *at = m->problem; *at != '\0'; at++) {
		*at = *at == '\n' ? ' ' : *at;
	}
	log_line(m, TROUPE_LOG_INFO, NULL, "the rules of generation %u are not accepted: %s", generation, m->problem);
}

static void finish(struct mechanics *m, struct bundle *bundle, int32_t status)
{
	Region__PrepareReply reply = REGION__PREPARE_REPLY__INIT;
	char *report = calloc(1, REPORT_SIZE);
	bundle_fn done = bundle->done;
	void *arg = bundle->arg;

	if (status == TROUPE_OK && report == NULL) {
		status = TROUPE_RESOURCE_EXHAUSTED;
	}
	if (status == TROUPE_OK) {
		m->prepared_len = 0; /* what was tried before can be taken no more */
		reply.has_accepted = reply.has_files = reply.has_failed = 1;
		int result = engine_rules_try(m->engine, bundle->generation, bundle->files, bundle->files_len, report, REPORT_SIZE);

		reply.accepted = result == 1;
		reply.files = bundle->files_len;
		reply.failed = result < 0 ? (uint32_t)-result : 0;
		reply.problem = reply.accepted ? NULL : report;
		count(m, reply.accepted ? METRIC_RULES_ACCEPTED : METRIC_RULES_REFUSED);
	}
	if (status == TROUPE_OK && reply.accepted) {
		memcpy(m->prepared, bundle->digest, bundle->len);
		m->prepared_len = bundle->len;
		m->prepared_generation = bundle->generation;
		m->problem[0] = '\0';
	} else if (status == TROUPE_OK) {
		show(m, bundle->generation, report);
	}
	bundle_end(m, bundle);
	done(m, arg, status, &reply);
	free(report);
	stage_go_on(m);
}

/* --- reading -------------------------------------------------------------------------------------- */

static int add_file(struct bundle *bundle, const Tick__File *file)
{
	struct engine_file *to = &bundle->files[bundle->files_len];
	char *text;

	if (bundle->files_len == WORLD_RULES_FILES_MAX || bundle->bytes + file->text.len > BUNDLE_BYTES || file->name == NULL) {
		return -1;
	}
	text = malloc(file->text.len + 1);
	to->name = strdup(file->name);
	to->text = text;
	to->len = file->text.len;
	bundle->files_len++; /* from here on freed with the others */
	if (text == NULL || to->name == NULL) {
		return -1;
	}
	if (file->text.len > 0) {
		memcpy(text, file->text.data, file->text.len);
	}
	text[file->text.len] = '\0';
	bundle->bytes += file->text.len;
	return 0;
}

static int32_t add_page(struct bundle *bundle, const struct troupe_db_value *value)
{
	struct proto_arena arena;
	const Tick__Bundle *page;
	int failed;

	proto_arena_init(&arena);
	page = (const Tick__Bundle *)proto_unpack(&tick__bundle__descriptor, value->value, value->value_len, &arena);
	failed = page == NULL;
	for (size_t i = 0; !failed && i < page->n_files; i++) {
		failed = add_file(bundle, page->files[i]) != 0;
	}
	proto_arena_free(&arena);
	return failed ? TROUPE_DATA_LOSS : TROUPE_OK;
}

static void scan(struct mechanics *m, struct bundle *bundle);

static void on_retry(void *instance, void *arg)
{
	struct mechanics *m = instance;
	struct bundle *bundle = arg;

	if (bundle->forgotten) {
		bundle_end(m, bundle);
	} else {
		scan(m, bundle);
	}
}

/* read_later: the database did not answer. This instance is well, so in the end its answer is never UNAVAILABLE, which says that it
 * is gone. */
static void read_later(struct mechanics *m, struct bundle *bundle, int32_t status)
{
	if (++bundle->retries <= RETRIES_MAX && m->h->timer_start(m->h, RETRY_MS, on_retry, bundle) != 0) {
		return;
	}
	log_line(m, TROUPE_LOG_ERROR, "R0004", "rules of generation %u cannot be read: the database does not answer (status %d)",
		 bundle->generation, (int)status);
	finish(m, bundle, TROUPE_FAILED_PRECONDITION);
}

static void on_page(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct bundle *bundle = arg;
	int32_t status = TROUPE_OK;

	if (bundle->forgotten) {
		bundle_end(instance, bundle);
		return;
	}
	if (page->status != TROUPE_OK) {
		read_later(instance, bundle, page->status);
		return;
	}
	bundle->retries = 0;
	for (uint32_t i = 0; status == TROUPE_OK && i < page->count; i++) {
		const struct troupe_db_value *value = &page->values[i];

		status = value->key_len < sizeof(bundle->from.text) ? add_page(bundle, value) : TROUPE_DATA_LOSS;
		if (status == TROUPE_OK) {
			memcpy(bundle->from.text, value->key, value->key_len);
			bundle->from.len = value->key_len;
			bundle->after = 1;
		}
	}
	if (status == TROUPE_OK && page->more && page->count > 0) {
		scan(instance, bundle);
		return;
	}
	if (status == TROUPE_OK && !bundle->after) {
		status = TROUPE_NOT_FOUND; /* not one page */
	}
	if (status != TROUPE_OK) {
		log_line(instance, TROUPE_LOG_ERROR, "R0004", "rules of generation %u cannot be read from the database (status %d)",
			 bundle->generation, (int)status);
	}
	finish(instance, bundle, status);
}

static void scan(struct mechanics *m, struct bundle *bundle)
{
	struct troupe_db_scan call = { .size = sizeof(call),
				       .db = m->db,
				       .from = bundle->from.text,
				       .from_len = bundle->from.len,
				       .to = bundle->to.text,
				       .to_len = bundle->to.len,
				       .after = bundle->after,
				       .on_page = on_page,
				       .arg = bundle };

	m->h->db_scan(m->h, &call);
}

void bundle_load(struct mechanics *m, const uint8_t *digest, size_t len, uint32_t generation, bundle_fn done, void *arg)
{
	struct bundle *bundle = len == WORLD_DIGEST_SIZE ? calloc(1, sizeof(*bundle)) : NULL;
	char hex[2 * WORLD_DIGEST_SIZE + 1];
	Region__PrepareReply nothing = REGION__PREPARE_REPLY__INIT;

	if (bundle == NULL) {
		done(m, arg, len == WORLD_DIGEST_SIZE ? TROUPE_RESOURCE_EXHAUSTED : TROUPE_INVALID_ARGUMENT, &nothing);
		return;
	}
	*bundle = (struct bundle){ .next = m->bundles, .generation = generation, .done = done, .arg = arg };
	m->bundles = bundle;
	bundle->len = (uint32_t)len;
	memcpy(bundle->digest, digest, len);
	worldkey_hex(bundle->digest, hex);
	worldkey(&bundle->from, WORLD_KEY_BUNDLE_OF, hex);
	bundle->to = bundle->from;
	bundle->to.text[bundle->to.len - 1]++; /* behind all that begin so */
	scan(m, bundle);
}

int bundle_loading(const struct mechanics *m)
{
	for (const struct bundle *bundle = m->bundles; bundle != NULL; bundle = bundle->next) {
		if (!bundle->forgotten) {
			return 1;
		}
	}
	return 0;
}

int bundle_prepared(const struct mechanics *m, const uint8_t *digest, size_t len, uint32_t generation)
{
	return m->prepared_len == len && len > 0 && memcmp(m->prepared, digest, len) == 0 &&
	       m->prepared_generation == generation;
}

void bundle_forget(struct mechanics *m)
{
	for (struct bundle *bundle = m->bundles; bundle != NULL; bundle = bundle->next) {
		Region__PrepareReply nothing = REGION__PREPARE_REPLY__INIT;

		if (!bundle->forgotten) {
			bundle->forgotten = 1; /* freed when the scan ends */
			bundle->done(m, bundle->arg, TROUPE_CANCELLED, &nothing);
		}
	}
	m->prepared_len = 0;
}

void bundle_free(struct mechanics *m)
{
	while (m->bundles != NULL) {
		bundle_end(m, m->bundles);
	}
}

/* --- the scheduler asks --------------------------------------------------------------------------- */

static void on_prepared(struct mechanics *m, void *arg, int32_t status, const Region__PrepareReply *result)
{
	uint64_t request = (uint64_t)(uintptr_t)arg;

	if (status == TROUPE_OK) {
		region_prepare_reply(m->h, request, result);
	} else {
		proto_refuse(m->h, request, status, "region.no_rules");
	}
}

void bundle_on_prepare(void *instance, const struct troupe_request *request, const Region__PrepareRequest *body)
{
	struct mechanics *m = instance;

	if (m->phase != PHASE_RUNNING) {
		proto_refuse(m->h, request->id, TROUPE_FAILED_PRECONDITION, "region.not_restored");
		return;
	}
	bundle_load(m, body->rules.data, body->rules.len, body->generation, on_prepared, (void *)(uintptr_t)request->id);
}
