/* SPDX-License-Identifier: MIT */
/* Databases on other hosts: questions go there over a link, answers come back; either may get lost when a link ends. */
#include <stdlib.h>
#include <string.h>

#include "sim_db.h"

#define HEAD 40u /* bytes of a question or answer beside its keys and values */

int sim_db_away(const struct sim_instance *instance, const struct sim_db *db)
{
	return instance->node != db->node;
}

/* question_post sends a question to the database's host; false: it cannot go. `lost_arg` is freed in any case. */
static int question_post(struct sim *sim, struct sim_instance *instance, struct sim_db *db, struct sim_remote *remote,
			 struct sim_parcel *parcel, void (*lost)(struct sim *, struct sim_ask *), void *lost_arg)
{
	remote->ask = parcel->ask = sim->next_id++;
	parcel->to = db->node;
	if (sim_post(sim, instance->node, parcel) < 0) {
		remote->ask = 0;
		free(lost_arg);
		return 0;
	}
	sim_ask_add(sim, &(struct sim_ask){ .id = parcel->ask, .asker = instance, .to = db->node, .lost = lost, .arg = lost_arg,
					    .via = parcel->through != NULL ? parcel->through : db->node });
	return 1;
}

/* answer_post sends the answer back by the way that the question came; if it cannot go the asker learns of a link's end. */
static void answer_post(struct sim *sim, const struct sim_instance *instance, const struct sim_db *db,
			const struct sim_remote *remote, struct sim_parcel *parcel)
{
	parcel->to = instance->node;
	parcel->through = remote->through;
	parcel->ask = remote->ask;
	parcel->answer = 1;
	if (!db->node->alive || db->node->incarnation != remote->incarnation || sim_post(sim, db->node, parcel) < 0) {
		parcel->drop(parcel->payload);
	}
}

static void remote_arrived(struct sim_remote *remote, const struct sim_parcel *parcel)
{
	remote->through = parcel->through;
	remote->incarnation = parcel->to->incarnation;
}

/* --- commits ------------------------------------------------------------------------------------------------------- */

static void tx_drop(void *payload)
{
	sim_tx_free(payload);
}

/* commit_undecided answers a commit of which nothing is known. */
static void commit_undecided(struct sim *sim, struct sim_instance *instance, const struct troupe_db_commit *in, int32_t status)
{
	struct tx *tx = calloc(1, sizeof(*tx));

	tx->in.on_done = in->on_done;
	tx->in.arg = in->arg;
	tx->instance = instance;
	tx->incarnation = instance->incarnation;
	tx->result = (struct troupe_db_result){ .size = sizeof(tx->result), .status = status };
	sim_tx_done(sim, tx);
}

static void commit_lost(struct sim *sim, struct sim_ask *ask)
{
	commit_undecided(sim, ask->asker, ask->arg, TROUPE_UNKNOWN);
}

static void commit_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	struct tx *tx = parcel->payload;

	parcel->payload = NULL;
	remote_arrived(&tx->remote, parcel);
	sim_tx_begin(sim, tx, SIM_COMMIT_US);
}

static uint32_t tx_size(const struct tx *tx)
{
	uint32_t size = HEAD;

	for (uint32_t i = 0; i < tx->in.checks_len; i++) {
		size += tx->checks[i].key_len;
	}
	for (uint32_t i = 0; i < tx->in.ops_len; i++) {
		size += tx->ops[i].key_len + tx->ops[i].value_len;
	}
	return size;
}

void sim_away_commit(struct sim *sim, struct tx *tx)
{
	struct sim_parcel parcel = { .len = tx_size(tx), .payload = tx, .arrive = commit_arrive, .drop = tx_drop };
	struct troupe_db_commit *in = malloc(sizeof(*in));

	*in = tx->in;
	if (!question_post(sim, tx->instance, tx->db, &tx->remote, &parcel, commit_lost, in)) {
		commit_undecided(sim, tx->instance, &tx->in, TROUPE_UNAVAILABLE);
		sim_tx_free(tx);
	}
}

static void committed_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	struct tx *tx = parcel->payload;

	if (sim_ask_end(sim, parcel->ask)) {
		parcel->payload = NULL;
		sim_tx_done(sim, tx);
	}
}

void sim_away_committed(struct sim *sim, struct tx *tx)
{
	struct sim_parcel parcel = { .len = HEAD, .payload = tx, .arrive = committed_arrive, .drop = tx_drop };

	answer_post(sim, tx->instance, tx->db, &tx->remote, &parcel);
}

/* --- reads --------------------------------------------------------------------------------------------------------- */

/* A page on its way, with copies of all bytes. */
struct paged {
	troupe_db_page_fn on_page;
	void *arg;
	struct sim_instance *instance;
	struct troupe_db_page page;
};

static void *copy(const void *bytes, uint32_t len)
{
	void *to = bytes != NULL ? malloc(len + 1u) : NULL;

	if (to != NULL && len > 0) {
		memcpy(to, bytes, len);
	}
	return to;
}

static void paged_free(void *payload)
{
	struct paged *paged = payload;

	for (uint32_t i = 0; i < paged->page.count; i++) {
		free((void *)paged->page.values[i].key);
		free((void *)paged->page.values[i].value);
	}
	free((void *)paged->page.values);
	free(paged);
}

static void paged_drop(struct sim_event *event)
{
	paged_free(event->payload);
}

static void paged_run(struct sim *sim, struct sim_event *event)
{
	struct paged *paged = event->payload;

	(void)sim;
	paged->on_page(event->instance->self, paged->arg, &paged->page);
}

static void paged_deliver(struct sim *sim, struct paged *paged)
{
	sim_schedule(sim, paged->instance, SIM_READ_US, SIM_READ, paged_run, paged)->drop = paged_drop;
}

static struct paged *paged_new(const struct read *read, int32_t status)
{
	struct paged *paged = calloc(1, sizeof(*paged));

	paged->on_page = read->is_scan ? read->scan.on_page : read->get.on_page;
	paged->arg = read->is_scan ? read->scan.arg : read->get.arg;
	paged->instance = read->instance;
	paged->page = (struct troupe_db_page){ .size = sizeof(paged->page), .status = status };
	return paged;
}

static void read_lost(struct sim *sim, struct sim_ask *ask)
{
	paged_deliver(sim, paged_new(ask->arg, TROUPE_UNAVAILABLE));
}

static void paged_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	if (sim_ask_end(sim, parcel->ask)) {
		paged_deliver(sim, parcel->payload);
		parcel->payload = NULL;
	}
}

static void read_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	struct read *read = parcel->payload; /* dropped by the caller */
	struct paged *paged = paged_new(read, TROUPE_OK);
	struct sim_parcel back = { .len = HEAD, .payload = paged, .arrive = paged_arrive, .drop = paged_free };
	struct troupe_db_value *values;

	remote_arrived(&read->remote, parcel);
	sim_read_page(read, &paged->page);
	values = (struct troupe_db_value *)paged->page.values;
	for (uint32_t i = 0; i < paged->page.count; i++) {
		values[i].key = copy(values[i].key, values[i].key_len);
		values[i].value = copy(values[i].value, values[i].value_len);
		back.len += values[i].key_len + values[i].value_len;
	}
	back.len = back.len < TROUPE_BODY_MAX ? back.len : TROUPE_BODY_MAX;
	answer_post(sim, read->instance, read->db, &read->remote, &back);
}

static void read_drop(void *payload)
{
	sim_read_free(payload);
}

void sim_away_read(struct sim *sim, struct read *read)
{
	struct sim_parcel parcel = { .len = HEAD, .payload = read, .arrive = read_arrive, .drop = read_drop };
	struct read *shell = malloc(sizeof(*shell));

	*shell = *read; /* only its on_page and arg are looked at */
	if (!question_post(sim, read->instance, read->db, &read->remote, &parcel, read_lost, shell)) {
		paged_deliver(sim, paged_new(read, TROUPE_UNAVAILABLE));
		sim_read_free(read);
	}
}

/* --- snapshots ----------------------------------------------------------------------------------------------------- */

static void opened_run(struct sim *sim, struct sim_event *event)
{
	struct opening *opening = event->payload;

	(void)sim;
	opening->on_open(event->instance->self, opening->arg, opening->status, opening->snapshot);
}

static void opened_deliver(struct sim *sim, const struct opening *in, int32_t status)
{
	struct opening *opening = malloc(sizeof(*opening));

	*opening = *in;
	opening->status = status;
	sim_schedule(sim, opening->instance, 1, SIM_READ, opened_run, opening);
}

static void opening_lost(struct sim *sim, struct sim_ask *ask)
{
	opened_deliver(sim, ask->arg, TROUPE_UNAVAILABLE);
}

static void opened_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	const struct opening *opening = parcel->payload;

	if (sim_ask_end(sim, parcel->ask)) {
		opened_deliver(sim, opening, opening->status);
	}
}

static void opening_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	struct opening *opening = parcel->payload;
	struct sim_parcel back = { .len = HEAD, .payload = opening, .arrive = opened_arrive, .drop = free };

	parcel->payload = NULL;
	remote_arrived(&opening->remote, parcel);
	opening->status = TROUPE_OK;
	opening->snapshot = sim_snapshot_open(opening->db);
	answer_post(sim, opening->instance, opening->db, &opening->remote, &back);
}

void sim_away_snapshot(struct sim *sim, struct opening *opening)
{
	struct sim_parcel parcel = { .len = HEAD, .payload = opening, .arrive = opening_arrive, .drop = free };
	struct opening *shell = malloc(sizeof(*shell));

	*shell = *opening;
	if (!question_post(sim, opening->instance, opening->db, &opening->remote, &parcel, opening_lost, shell)) {
		opened_deliver(sim, opening, TROUPE_UNAVAILABLE);
		free(opening);
	}
}

struct closing {
	struct sim_db *db;
	uint64_t snapshot;
};

static void closing_arrive(struct sim *sim, struct sim_parcel *parcel)
{
	const struct closing *closing = parcel->payload;

	(void)sim;
	sim_snapshot_close(closing->db, closing->snapshot);
}

void sim_away_snapshot_close(struct sim *sim, struct sim_instance *instance, struct sim_db *db, uint64_t snapshot)
{
	struct closing *closing = malloc(sizeof(*closing));
	struct sim_parcel parcel = { .to = db->node, .len = HEAD, .payload = closing, .arrive = closing_arrive, .drop = free };

	*closing = (struct closing){ db, snapshot };
	if (sim_post(sim, instance->node, &parcel) < 0) {
		free(closing);
	}
}
