/* SPDX-License-Identifier: MIT */
/* A bundle of rules: files in pages, under their digest in the database. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secret/secret.h"
#include "scheduler.h"

#define PAGE_BYTES 200000u /* of a bundle, in one record */
#define RETRY_MS 100u

static void store_next(struct scheduler *s);

void bundle_free(struct rules *r)
{
	for (uint32_t i = 0; i < r->pages_len; i++) {
		free(r->pages[i].bytes);
	}
	free(r->pages);
	r->pages = NULL;
	r->pages_len = 0;
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

	STRIKE("rules.page_written");
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
		bundle_free(r);
		r->state = RULES_WAITING;
		rules_try(s);
		return;
	}
	STRIKE("rules.page_unwritten");
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

void bundle_store(struct scheduler *s)
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

void bundle_digest(const struct troupe_file *files, uint32_t len, uint8_t ret_digest[WORLD_DIGEST_SIZE])
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
		r->pages = calloc(WORLD_RULES_PAGES_MAX, sizeof(*r->pages));
	}
	if (all != NULL && list != NULL && labels != NULL && r->pages != NULL && r->pages_len < WORLD_RULES_PAGES_MAX) {
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

int bundle_make(struct scheduler *s, const struct troupe_file *files, uint32_t len, char *ret_problem, size_t size)
{
	uint32_t first = 0;
	size_t bytes = 0;

	bundle_free(&s->rules);
	if (len > WORLD_RULES_FILES_MAX) {
		snprintf(ret_problem, size, "there are %u files of rules; at most %u are possible", len, WORLD_RULES_FILES_MAX);
		return -1;
	}
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
		snprintf(ret_problem, size, "the files together are more than %u MB", WORLD_RULES_PAGES_MAX * PAGE_BYTES / 1000000u);
		return -1;
	}
	return 0;
}
