/* SPDX-License-Identifier: MIT */
/* A query over what this server holds, in bounded steps: a page of keys or records, then the loop's other work. */
#include <stdlib.h>
#include <string.h>

#include "logserver.h"
#include "proto/proto.h"

#define SEARCHES_MAX 64u
#define STREAMS_MAX (QUERY_GROUPS_MAX * 3u)
#define PAGE 256u /* entries of a scan */
#define GETS 100u /* records read at once */

/* Index entries of one value, newest first. */
struct stream {
	struct store_key base, from, to;
	uint8_t (*places)[PLACE_SIZE]; /* PAGE of them, read and not yet looked at */
	uint32_t at, len;
	uint32_t after; /* `from` itself has been read */
	uint32_t ended;
};

/* How the records are found: through streams of index entries, or all records of a time when there is none. */
struct search_plan {
	struct stream *streams;
	uint32_t streams_len;
	uint32_t filling; /* the stream that a page is on its way for */
	uint8_t gets[GETS][PLACE_SIZE];
	uint32_t gets_len;
};

/* --- the plan ------------------------------------------------------------------------------------- */

static void stream_add(struct search *search, const struct store_key *base, const struct query_group *group)
{
	struct stream *stream = &search->plan->streams[search->plan->streams_len++];

	stream->base = *base;
	keys_range(base, group->from_ms, group->to_ms, &stream->from, &stream->to);
	stream->ended = group->from_ms >= group->to_ms;
}

/* How much an index narrows; 0 = there is none for this comparison. */
static int pred_rank(const struct query_pred *pred)
{
	if (pred->op != OP_EQUAL) {
		return 0;
	}
	switch (pred->field) {
	case FIELD_TRACE: return 6;
	case FIELD_ORDER: return pred->text[0] != '\0' ? 5 : 0;
	case FIELD_ACCOUNT: return pred->number != 0 ? 4 : 0;
	case FIELD_ROLE: return pred->text[0] != '\0' ? 2 : 0;
	case FIELD_PART: return pred->text[0] != '\0' ? 1 : 0;
	default: return 0;
	}
}

static void pred_key(const struct search *search, const struct query_pred *pred, struct store_key *ret_key)
{
	const struct keys *keys = &search->ls->keys;

	switch (pred->field) {
	case FIELD_TRACE: keys_index(keys, INDEX_TRACE, pred->text, 0, ret_key); break;
	case FIELD_ORDER: keys_index(keys, INDEX_ORDER, pred->text, 0, ret_key); break;
	case FIELD_ACCOUNT: keys_index(keys, INDEX_ACCOUNT, NULL, pred->number, ret_key); break;
	case FIELD_ROLE: keys_index(keys, INDEX_ROLE, pred->text, 0, ret_key); break;
	default: keys_index(keys, INDEX_PART, pred->text, 0, ret_key); break;
	}
}

/* The levels that a group leaves, as bits. */
static unsigned group_levels(const struct query *query, const struct query_group *group)
{
	unsigned levels = 0;

	for (uint32_t level = TROUPE_LOG_ERROR; level <= TROUPE_LOG_DEBUG; level++) {
		int left = 1;

		for (uint32_t i = group->first; i < group->first + group->len; i++) {
			const struct query_pred *pred = &query->preds[i];
			uint64_t than = pred->number;

			if (pred->field != FIELD_LEVEL) {
				continue;
			}
			/* a higher number is of less weight */
			switch (pred->op) {
			case OP_LESS: left &= level > than; break;
			case OP_LESS_EQUAL: left &= level >= than; break;
			case OP_MORE: left &= level < than; break;
			case OP_MORE_EQUAL: left &= level <= than; break;
			case OP_EQUAL: left &= level == than; break;
			default: left &= level != than; break;
			}
		}
		levels |= left ? 1u << level : 0;
	}
	return levels;
}

/* Streams for one group; 0 if it has to look at all records of its time. */
static int group_plan(struct search *search, const struct query_group *group)
{
	const struct query *query = &search->query;
	const struct query_pred *best = NULL;
	unsigned levels = group_levels(query, group);
	const unsigned many = 1u << TROUPE_LOG_INFO | 1u << TROUPE_LOG_DEBUG;
	struct store_key key;

	for (uint32_t i = group->first; i < group->first + group->len; i++) {
		if (pred_rank(&query->preds[i]) > (best != NULL ? pred_rank(best) : 0)) {
			best = &query->preds[i];
		}
	}
	if ((levels & many) == 0 && (best == NULL || pred_rank(best) < 4)) {
		for (uint32_t level = TROUPE_LOG_ERROR; level < TROUPE_LOG_INFO; level++) {
			if (levels & 1u << level) {
				keys_index(&search->ls->keys, INDEX_LEVEL, NULL, level, &key);
				stream_add(search, &key, group);
			}
		}
		return 1;
	}
	if (best == NULL) {
		return 0;
	}
	pred_key(search, best, &key);
	stream_add(search, &key, group);
	return 1;
}

static void plan_make(struct search *search)
{
	const struct query *query = &search->query;
	struct search_plan *plan = search->plan;
	struct query_group all = { .from_ms = UINT64_MAX };
	struct store_key key;

	for (uint32_t i = 0; i < query->groups_len; i++) {
		if (!group_plan(search, &query->groups[i])) {
			/* one has to look at all records: then that is enough for the others too */
			plan->streams_len = 0;
			break;
		}
	}
	if (plan->streams_len > 0) {
		return;
	}
	for (uint32_t i = 0; i < query->groups_len; i++) {
		const struct query_group *group = &query->groups[i];

		all.from_ms = group->from_ms < all.from_ms ? group->from_ms : all.from_ms;
		all.to_ms = group->to_ms > all.to_ms ? group->to_ms : all.to_ms;
	}
	keys_records(&search->ls->keys, &key);
	stream_add(search, &key, &all);
}

static int is_records(const struct search *search)
{
	const struct stream *first = &search->plan->streams[0];

	return first->base.len == search->ls->keys.prefix.len + 1;
}

/* --- what is found -------------------------------------------------------------------------------- */

static void add(struct search *search, const uint8_t *place, const struct troupe_db_value *value)
{
	struct found *found = &search->found[search->found_len];

	found->record = malloc(value->value_len + 1);
	if (found->record == NULL) {
		search->more = 1;
		search->status = TROUPE_RESOURCE_EXHAUSTED;
		return;
	}
	memcpy(found->record, value->value, value->value_len);
	memcpy(found->place, place, PLACE_SIZE);
	found->len = value->value_len;
	search->found_bytes += value->value_len + PLACE_SIZE + 8;
	search->found_len++;
}

/* One record. Without room for it `more` is set, and it has not been looked at. */
static void judge(struct search *search, const uint8_t *place, const struct troupe_db_value *value)
{
	struct proto_arena arena;
	const Log__Record *record;
	int wanted;

	proto_arena_init(&arena);
	record = (const Log__Record *)proto_unpack(&log__record__descriptor, value->value, value->value_len, &arena);
	wanted = record != NULL && query_match(&search->query, record);
	proto_arena_free(&arena);
	if (wanted && search->found_max > 0) {
		if (search->found_len == search->found_max ||
		    (search->found_len > 0 && search->found_bytes + value->value_len > FOUND_BYTES_MAX)) {
			search->more = 1;
			return;
		}
		add(search, place, value);
	}
	search->counted += (uint64_t)wanted;
	memcpy(search->reached, place, PLACE_SIZE);
}

/* The stream goes on behind the last key of a page. */
static void go_on(struct stream *stream, const struct troupe_db_page *page)
{
	stream->ended = !page->more;
	if (page->count > 0 && page->values[page->count - 1].key_len <= STORE_KEY_MAX) {
		stream->from.len = 0;
		store_key_bytes(&stream->from, page->values[page->count - 1].key, page->values[page->count - 1].key_len);
		stream->after = 1;
	}
}

/* --- steps ---------------------------------------------------------------------------------------- */

static void step(struct search *search);

static void finish(struct search *search)
{
	search->ls->searches--;
	search->done(search, search->arg);
}

static void fail(struct search *search, int32_t status)
{
	search->status = status;
	search->more = 1;
	finish(search);
}

static void on_records(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct search *search = arg;
	struct stream *stream = &search->plan->streams[0];

	(void)instance;
	if (page->status != TROUPE_OK) {
		fail(search, page->status);
		return;
	}
	for (uint32_t i = 0; i < page->count && !search->more; i++) {
		const struct troupe_db_value *value = &page->values[i];

		if (value->key_len == stream->base.len + PLACE_SIZE) {
			judge(search, (const uint8_t *)value->key + stream->base.len, value);
		}
	}
	go_on(stream, page);
	step(search);
}

static void on_entries(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct search *search = arg;
	struct stream *stream = &search->plan->streams[search->plan->filling];

	(void)instance;
	if (page->status != TROUPE_OK) {
		fail(search, page->status);
		return;
	}
	stream->at = stream->len = 0;
	for (uint32_t i = 0; i < page->count && i < PAGE; i++) {
		const struct troupe_db_value *value = &page->values[i];

		if (value->key_len == stream->base.len + PLACE_SIZE) {
			memcpy(stream->places[stream->len++], (const uint8_t *)value->key + stream->base.len, PLACE_SIZE);
		}
	}
	go_on(stream, page);
	step(search);
}

static void scan(struct search *search, struct stream *stream, troupe_db_page_fn on_page)
{
	const struct troupe_host *h = search->ls->h;
	struct troupe_db_scan scan = {
		.size = sizeof(scan),
		.db = search->ls->store.db,
		.from = stream->from.bytes,
		.from_len = stream->from.len,
		.to = stream->to.bytes,
		.to_len = stream->to.len,
		.limit = PAGE,
		.after = stream->after,
		.on_page = on_page,
		.arg = search,
	};

	h->db_scan(h, &scan);
}

static void on_gotten(void *instance, void *arg, const struct troupe_db_page *page)
{
	struct search *search = arg;
	struct search_plan *plan = search->plan;

	(void)instance;
	if (page->status != TROUPE_OK) {
		fail(search, page->status);
		return;
	}
	for (uint32_t i = 0; i < page->count && i < plan->gets_len && !search->more; i++) {
		/* version 0: it has expired since its index entry was read */
		if (page->values[i].version != 0) {
			judge(search, plan->gets[i], &page->values[i]);
		}
	}
	if (!search->more) {
		memcpy(search->reached, plan->gets[plan->gets_len - 1], PLACE_SIZE);
	}
	step(search);
}

static void get(struct search *search)
{
	struct search_plan *plan = search->plan;
	const struct troupe_host *h = search->ls->h;
	struct store_key keys[GETS];
	struct troupe_db_check checks[GETS];
	struct troupe_db_get get = { .size = sizeof(get), .db = search->ls->store.db, .keys = checks,
				     .keys_len = plan->gets_len, .on_page = on_gotten, .arg = search };

	for (uint32_t i = 0; i < plan->gets_len; i++) {
		keys_record(&search->ls->keys, plan->gets[i], &keys[i]);
		checks[i] = (struct troupe_db_check){ .key = keys[i].bytes, .key_len = keys[i].len };
	}
	h->db_get(h, &get);
}

/* The next place over all streams, each once; 0 if there is none, or a stream has to be filled before it is known. */
static int next_place(struct search_plan *plan, uint8_t *ret_place)
{
	const uint8_t *best = NULL;

	for (uint32_t i = 0; i < plan->streams_len; i++) {
		struct stream *stream = &plan->streams[i];

		if (stream->at == stream->len) {
			if (!stream->ended) {
				return 0;
			}
		} else if (best == NULL || memcmp(stream->places[stream->at], best, PLACE_SIZE) < 0) {
			best = stream->places[stream->at];
		}
	}
	if (best == NULL) {
		return 0;
	}
	memcpy(ret_place, best, PLACE_SIZE);
	for (uint32_t i = 0; i < plan->streams_len; i++) {
		struct stream *stream = &plan->streams[i];

		stream->at += stream->at < stream->len && memcmp(stream->places[stream->at], ret_place, PLACE_SIZE) == 0;
	}
	return 1;
}

static void step_entries(struct search *search)
{
	struct search_plan *plan = search->plan;

	for (uint32_t i = 0; i < plan->streams_len; i++) {
		struct stream *stream = &plan->streams[i];

		if (stream->at == stream->len && !stream->ended) {
			if (stream->places == NULL && (stream->places = malloc(PAGE * PLACE_SIZE)) == NULL) {
				fail(search, TROUPE_RESOURCE_EXHAUSTED);
				return;
			}
			plan->filling = i;
			scan(search, stream, on_entries);
			return;
		}
	}
	plan->gets_len = 0;
	while (plan->gets_len < GETS && next_place(plan, plan->gets[plan->gets_len])) {
		plan->gets_len++;
	}
	if (plan->gets_len > 0) {
		get(search);
	} else {
		finish(search);
	}
}

static void step(struct search *search)
{
	const struct troupe_host *h = search->ls->h;
	struct search_plan *plan = search->plan;

	if (!search->more && h->now_us(h) >= search->deadline_us) {
		search->more = 1;
	}
	if (search->more) {
		finish(search);
	} else if (!is_records(search)) {
		step_entries(search);
	} else if (plan->streams[0].ended) {
		finish(search);
	} else {
		scan(search, &plan->streams[0], on_records);
	}
}

/* --- life ----------------------------------------------------------------------------------------- */

static void search_release(struct task *task)
{
	struct search *search = (struct search *)task;

	for (uint32_t i = 0; i < search->found_len; i++) {
		free(search->found[i].record);
	}
	for (uint32_t i = 0; search->plan != NULL && i < search->plan->streams_len; i++) {
		free(search->plan->streams[i].places);
	}
	free(search->plan != NULL ? search->plan->streams : NULL);
	free(search->plan);
	free(search->found);
}

struct search *search_new(struct logserver *ls)
{
	struct search *search = ls->searches < SEARCHES_MAX ? task_new(ls, sizeof(*search), search_release) : NULL;

	if (search == NULL) {
		return NULL;
	}
	search->ls = ls;
	search->plan = calloc(1, sizeof(*search->plan));
	if (search->plan != NULL) {
		search->plan->streams = calloc(STREAMS_MAX, sizeof(*search->plan->streams));
	}
	if (search->plan == NULL || search->plan->streams == NULL) {
		task_end(ls, &search->task);
		return NULL;
	}
	return search;
}

static void on_begin(void *instance, void *arg)
{
	(void)instance;
	step(arg);
}

void search_run(struct search *search, const uint8_t *after)
{
	struct logserver *ls = search->ls;

	ls->searches++;
	search->found = calloc(search->found_max + 1, sizeof(*search->found));
	plan_make(search);
	if (after != NULL) {
		memcpy(search->reached, after, PLACE_SIZE);
		for (uint32_t i = 0; i < search->plan->streams_len; i++) {
			struct stream *stream = &search->plan->streams[i];
			struct store_key from = stream->base;

			store_key_bytes(&from, after, PLACE_SIZE);
			/* what is newer has been looked at */
			if (memcmp(from.bytes, stream->from.bytes, stream->from.len) >= 0) {
				stream->from = from;
				stream->after = 1;
			}
		}
	}
	if (search->found == NULL) {
		search->status = TROUPE_RESOURCE_EXHAUSTED;
		search->more = 1;
	}
	/* not inside: whoever begins it may still be at work */
	ls->h->timer_start(ls->h, 0, on_begin, search);
}

void search_end(struct search *search)
{
	task_end(search->ls, &search->task);
}
