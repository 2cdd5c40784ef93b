/* SPDX-License-Identifier: MIT */
/* The inputs of each tick: queued, cut, written before the scheduler hears that the tick is over, and read again. */
#include <stdlib.h>
#include <string.h>

#include "mechanics.h"

#define INBOX_BYTES (32u * 1024u * 1024u)
#define RETRY_MS 100u
#define RETRIES_LOG 50u /* tries after which it is said that the database does not answer */

/* --- the inbox ------------------------------------------------------------------------------------ */

int journal_queue(struct mechanics *m, const Region__Input *input, uint64_t seq)
{
	size_t len = region__input__get_packed_size(input);
	struct queued *queued;
	uint8_t *bytes;

	if (m->inbox_len == m->inbox_size) {
		uint32_t size = m->inbox_size == 0 ? 256 : m->inbox_size * 2;
		struct queued *inbox = size <= INBOX_MAX ? realloc(m->inbox, size * sizeof(*inbox)) : NULL;

		if (inbox == NULL) {
			count(m, METRIC_INBOX_FULL);
			return -1;
		}
		m->inbox = inbox;
		m->inbox_size = size;
	}
	bytes = m->inbox_bytes + len <= INBOX_BYTES ? malloc(len + 1) : NULL;
	if (bytes == NULL) {
		count(m, METRIC_INBOX_FULL);
		return -1;
	}
	queued = &m->inbox[m->inbox_len];
	region__input__pack(input, bytes);
	*queued = (struct queued){ .input = region__input__unpack(NULL, len, bytes), .seq = seq, .bytes = (uint32_t)len };
	free(bytes);
	if (queued->input == NULL) {
		count(m, METRIC_FULL);
		return -1;
	}
	m->inbox_len++;
	m->inbox_bytes += len;
	return 0;
}

void journal_free_one(struct mechanics *m, struct queued *queued)
{
	m->inbox_bytes -= queued->bytes;
	region__input__free_unpacked(queued->input, NULL);
}

void journal_drop(struct mechanics *m, uint64_t avatar, Region__InputKind kind)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->inbox_len; i++) {
		if (m->inbox[i].input->avatar == avatar && m->inbox[i].input->kind == kind) {
			journal_free_one(m, &m->inbox[i]);
		} else {
			m->inbox[kept++] = m->inbox[i];
		}
	}
	m->inbox_len = kept;
}

/* --- writing -------------------------------------------------------------------------------------- */

/* One entry until it is durable. */
struct entry {
	struct entry *prev, *next;
	struct worldkey key;
	uint64_t epoch;
	uint32_t tries, forgotten; /* forgotten: nobody waits for it any more */
	size_t len;
	uint8_t bytes[];
};

static void entry_commit(struct mechanics *m, struct entry *entry);

static void entry_free(struct mechanics *m, struct entry *entry)
{
	if (entry->prev != NULL) {
		entry->prev->next = entry->next;
	} else {
		m->entries = entry->next;
	}
	if (entry->next != NULL) {
		entry->next->prev = entry->prev;
	}
	m->entries_len -= !entry->forgotten;
	free(entry);
}

static void on_retry(void *instance, void *arg)
{
	struct mechanics *m = instance;
	struct entry *entry = arg;

	if (entry->forgotten) {
		entry_free(m, entry);
	} else {
		entry_commit(m, entry);
	}
}

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct mechanics *m = instance;
	struct entry *entry = arg;

	STRIKE("journal.written");
	if (result->status == TROUPE_OK || entry->forgotten) {
		m->h->metric_add(m->h, m->metrics[METRIC_JOURNAL_BYTES], (int64_t)entry->len);
		entry_free(m, entry);
		stage_go_on(m);
	} else if (result->status == TROUPE_FAILED_PRECONDITION) {
		owner_let_go(m, "the database knows a newer epoch");
		entry_free(m, entry);
	} else if (m->h->timer_start(m->h, RETRY_MS, on_retry, entry) == 0) {
		owner_let_go(m, "there is no timer left");
		entry_free(m, entry);
	} else if (++entry->tries % RETRIES_LOG == 0) {
		log_line(m, TROUPE_LOG_ERROR, "S0404", "the journal cannot be written (status %d): the world waits",
			 (int)result->status);
	}
}

/* It may be asked for again without a key: the same bytes under the same key are the same, whichever comes first. */
static void entry_commit(struct mechanics *m, struct entry *entry)
{
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT,
				   .key = entry->key.text,
				   .key_len = entry->key.len,
				   .value = entry->bytes,
				   .value_len = (uint32_t)entry->len };
	struct troupe_db_commit commit = { .size = sizeof(commit),
					   .db = m->db,
					   .ops = &op,
					   .ops_len = 1,
					   .fence = WORLD_FENCE,
					   .fence_epoch = entry->epoch,
					   .on_done = on_committed,
					   .arg = entry };

	m->h->db_commit(m->h, &commit);
}

static void write_batch(struct mechanics *m, const struct worldkey *key, const Region__Batch *batch)
{
	size_t len = region__batch__get_packed_size(batch);
	struct entry *entry = malloc(sizeof(*entry) + len);

	if (entry == NULL) {
		/* The scheduler must not hear that this tick is durable: it never will. */
		count(m, METRIC_FULL);
		m->entries_len++;
		return;
	}
	*entry = (struct entry){ .next = m->entries, .key = *key, .epoch = m->epoch, .len = len };
	region__batch__pack(batch, entry->bytes);
	if (m->entries != NULL) {
		m->entries->prev = entry;
	}
	m->entries = entry;
	m->entries_len++;
	m->ticking.journal += len;
	STRIKE("journal.unwritten");
	if (!MUTANT("told_early") || m->h->timer_start(m->h, RETRY_MS, on_retry, entry) == 0) {
		entry_commit(m, entry);
	}
}

static void key_of(const struct mechanics *m, uint64_t tick, uint32_t page, struct worldkey *ret_key)
{
	unsigned long long owner = m->h->id;

	if (page == 0) {
		worldkey(ret_key, WORLD_KEY_JOURNAL, (unsigned long long)tick, owner);
	} else {
		worldkey(ret_key, WORLD_KEY_JOURNAL_MORE, (unsigned long long)tick, owner, page);
	}
}

/* turned_away: its avatar, or its place, is another owner's since it was queued; or there are too many. */
static void turned_away(struct mechanics *m, const Region__Input *input, int why)
{
	struct waiting *waiting = ask_take(m, input->token);

	if (why < 0) {
		count(m, METRIC_INBOX_FULL);
	}
	if (waiting != NULL) {
		ask_refuse(m, &waiting->ask, TROUPE_UNAVAILABLE, "world.busy");
	}
	free(waiting);
}

void journal_cut(struct mechanics *m, uint64_t tick)
{
	Region__Input **inputs = malloc((m->inbox_len + 1) * sizeof(Region__Input *));
	Region__Batch batch = REGION__BATCH__INIT;
	struct worldkey key;
	uint32_t page = 0;
	size_t bytes = 0;

	batch.has_tick = 1;
	batch.tick = tick;
	batch.inputs = inputs;
	for (uint32_t i = 0; i < m->inbox_len && inputs != NULL; i++) {
		int taken = engine_input(m->engine, m->inbox[i].input);

		if (taken != 0) {
			turned_away(m, m->inbox[i].input, taken);
			continue;
		}
		if (bytes > 0 && bytes + m->inbox[i].bytes > PAGE_BYTES) {
			key_of(m, tick, page++, &key);
			write_batch(m, &key, &batch);
			batch.n_inputs = bytes = 0;
		}
		batch.inputs[batch.n_inputs++] = m->inbox[i].input;
		bytes += m->inbox[i].bytes + 8;
		m->ticking.inputs++;
	}
	if (batch.n_inputs > 0) {
		key_of(m, tick, page, &key);
		write_batch(m, &key, &batch);
	}
	for (uint32_t i = 0; i < m->inbox_len && inputs != NULL; i++) {
		journal_free_one(m, &m->inbox[i]);
	}
	m->inbox_len = inputs != NULL ? 0 : m->inbox_len;
	free(inputs);
}

void journal_aborts(struct mechanics *m)
{
	uint32_t len, n = 0;
	const struct output *outputs = engine_outputs(m->engine, &len);
	Region__Batch batch = REGION__BATCH__INIT;
	Region__Input *inputs;
	struct worldkey key;

	for (uint32_t i = 0; i < len; i++) {
		n += outputs[i].kind == OUTPUT_ABORT;
	}
	if (n == 0 || m->ticking.again) {
		return;
	}
	inputs = calloc(n, sizeof(*inputs) + sizeof(Region__Input *));
	if (inputs == NULL) {
		count(m, METRIC_FULL);
		m->entries_len++;
		return;
	}
	batch.has_tick = 1;
	batch.tick = m->ticking.tick;
	batch.inputs = (Region__Input **)(void *)(inputs + n);
	for (uint32_t i = 0; i < len; i++) {
		Region__Input *input = &inputs[batch.n_inputs];

		if (outputs[i].kind != OUTPUT_ABORT) {
			continue;
		}
		region__input__init(input);
		input->has_kind = input->has_avatar = input->has_number = input->has_stage = input->has_status = 1;
		input->kind = REGION__INPUT_KIND__INPUT_ABORT;
		input->avatar = outputs[i].id;
		input->number = outputs[i].key[0];
		input->stage = outputs[i].count;
		input->status = outputs[i].status;
		batch.inputs[batch.n_inputs++] = input;
	}
	worldkey(&key, WORLD_KEY_ABORTS, (unsigned long long)m->ticking.tick, (unsigned long long)m->h->id);
	write_batch(m, &key, &batch);
	free(inputs);
}

int journal_durable(const struct mechanics *m)
{
	return m->entries_len == 0 || MUTANT("told_early");
}

/* --- reading again -------------------------------------------------------------------------------- */

int journal_read(struct mechanics *m, uint64_t tick, const void *bytes, size_t len)
{
	Region__Batch *batch = region__batch__unpack(NULL, len, bytes);
	struct replay *replay;

	if (batch == NULL || !batch->has_tick || batch->tick != tick) {
		if (batch != NULL) {
			region__batch__free_unpacked(batch, NULL);
		}
		return -1;
	}
	region__batch__free_unpacked(batch, NULL);
	if (m->replay_len == m->replay_size) {
		uint32_t size = m->replay_size == 0 ? 64 : m->replay_size * 2;
		struct replay *wider = realloc(m->replay, size * sizeof(*wider));

		if (wider == NULL) {
			return -1;
		}
		m->replay = wider;
		m->replay_size = size;
	}
	replay = &m->replay[m->replay_len];
	replay->bytes = m->replay_bytes + len <= REPLAY_BYTES ? malloc(len + 1) : NULL;
	if (replay->bytes == NULL) {
		return -1;
	}
	memcpy(replay->bytes, bytes, len);
	replay->tick = tick;
	replay->len = len;
	m->replay_len++;
	m->replay_bytes += len;
	return 0;
}

void journal_again(struct mechanics *m, uint64_t tick)
{
	for (; m->replay_at < m->replay_len && m->replay[m->replay_at].tick <= tick; m->replay_at++) {
		struct replay *replay = &m->replay[m->replay_at];
		Region__Batch *batch = replay->tick == tick ? region__batch__unpack(NULL, replay->len, replay->bytes) : NULL;

		if (replay->tick == tick && batch == NULL) {
			/* There is no memory for it, for it was read before. The scheduler must not hear of a tick without it. */
			count(m, METRIC_FULL);
			m->entries_len++;
		}
		for (size_t i = 0; batch != NULL && i < batch->n_inputs; i++) {
			m->ticking.inputs += engine_input(m->engine, batch->inputs[i]) == 0;
		}
		if (batch != NULL) {
			region__batch__free_unpacked(batch, NULL);
		}
		m->replay_bytes -= replay->len;
		free(replay->bytes);
		replay->bytes = NULL;
	}
}

void journal_forget(struct mechanics *m)
{
	for (uint32_t i = 0; i < m->inbox_len; i++) {
		journal_free_one(m, &m->inbox[i]);
	}
	m->inbox_len = 0;
	for (uint32_t i = m->replay_at; i < m->replay_len; i++) {
		free(m->replay[i].bytes);
	}
	m->replay_len = m->replay_at = 0;
	m->replay_bytes = 0;
	for (struct entry *entry = m->entries; entry != NULL; entry = entry->next) {
		entry->forgotten = 1; /* freed when it ends */
	}
	m->entries_len = 0;
}

void journal_free(struct mechanics *m)
{
	journal_forget(m);
	while (m->entries != NULL) {
		entry_free(m, m->entries);
	}
	free(m->inbox);
	free(m->replay);
}
