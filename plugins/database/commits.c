/* SPDX-License-Identifier: MIT */
/* Commits of instances on other hosts: in the order in which each made them, once. */
#include <stdlib.h>
#include <string.h>

#include "database.h"

/*
 * Commits of one instance take effect in the order in which it asked for them. Over the bus one may get lost and be
 * sent again when later ones have passed it, so the asker's host numbers them. What is newer than everything seen of
 * its stream is done. What is older is not done any more: by its idempotency key is found out whether it was, and if
 * not it ends ABORTED, so that it has a known outcome and cannot undo what came after it. A late first sending of what
 * was sent again in the meantime counts as older too.
 */
struct database_stream {
	uint64_t id, number;
	uint32_t attempt;
};

/* An older commit of which is asked whether it was done. */
struct probe {
	uint64_t request;
	struct troupe_buf *body;
	uint8_t key[TROUPE_KEY_SIZE];
};

static void answer(struct database *database, uint64_t request, const struct troupe_db_result *result)
{
	Database__CommitReply reply = DATABASE__COMMIT_REPLY__INIT;

	reply.has_status = reply.has_index = reply.has_known = reply.has_version = 1;
	reply.status = result->status;
	reply.index = result->index;
	reply.known = result->repeated != 0;
	reply.version = result->version;
	database_commit_reply(database->host, request, &reply);
	asked_end(database);
}

static void answer_undone(struct database *database, uint64_t request, int32_t status)
{
	struct troupe_db_result result = { .size = sizeof(result), .status = status, .index = UINT32_MAX };

	answer(database, request, &result);
}

static void on_committed(void *instance, void *arg, const struct troupe_db_result *result)
{
	answer(instance, (uint64_t)(uintptr_t)arg, result);
}

/* --- doing one ------------------------------------------------------------------------------------ */

/* The commit that a body describes, its arrays in one allocation at *ret_space. A fence with a NUL is malformed. */
static int32_t commit_read(const Database__CommitRequest *body, struct troupe_db_commit *ret_commit, void **ret_space)
{
	size_t checks_size = body->n_checks * sizeof(struct troupe_db_check);
	size_t ops_size = body->n_ops * sizeof(struct troupe_db_op);
	uint8_t *space = calloc(1, checks_size + ops_size + body->fence.len + 1);
	struct troupe_db_check *checks = (struct troupe_db_check *)(void *)space;
	struct troupe_db_op *ops = (struct troupe_db_op *)(void *)(space + checks_size);
	char *fence = (char *)space + checks_size + ops_size;

	if (space == NULL) {
		return TROUPE_RESOURCE_EXHAUSTED;
	}
	for (size_t i = 0; i < body->n_checks; i++) {
		checks[i].key = body->checks[i]->key.data;
		checks[i].key_len = (uint32_t)body->checks[i]->key.len;
		checks[i].version = body->checks[i]->version;
	}
	for (size_t i = 0; i < body->n_ops; i++) {
		const Database__Op *op = body->ops[i];

		ops[i].kind = op->kind;
		ops[i].key = op->key.data;
		ops[i].key_len = (uint32_t)op->key.len;
		ops[i].value = op->value.data;
		ops[i].value_len = (uint32_t)op->value.len;
		ops[i].delta = op->delta;
		ops[i].floor = op->floor;
	}
	if (body->fence.len > 0) {
		memcpy(fence, body->fence.data, body->fence.len);
	}
	if (strlen(fence) != body->fence.len) {
		free(space);
		return TROUPE_INVALID_ARGUMENT;
	}
	*ret_commit = (struct troupe_db_commit){
		.size = sizeof(*ret_commit),
		.checks = checks,
		.checks_len = (uint32_t)body->n_checks,
		.ops = ops,
		.ops_len = (uint32_t)body->n_ops,
		.fence = body->has_fence ? fence : NULL,
		.fence_epoch = body->fence_epoch,
	};
	*ret_space = space;
	return TROUPE_OK;
}

static void commit_do(struct database *database, uint64_t request, const uint8_t *key,
		      const Database__CommitRequest *body)
{
	struct troupe_db_commit commit;
	void *space;
	int32_t status = commit_read(body, &commit, &space);

	if (status != TROUPE_OK) {
		answer_undone(database, request, status);
		return;
	}
	commit.db = database->db;
	commit.key = key;
	commit.on_done = on_committed;
	commit.arg = (void *)(uintptr_t)request;
	database->host->db_commit(database->host, &commit);
	free(space);
}

/* --- an older one ---------------------------------------------------------------------------------- */

/* Its key is known: doing it now only finds out what it did. */
static void probe_known(struct database *database, const struct probe *probe)
{
	struct proto_arena arena;
	const Database__CommitRequest *body;

	proto_arena_init(&arena);
	body = (const Database__CommitRequest *)proto_unpack(&database__commit_request__descriptor, probe->body->data,
							     probe->body->len, &arena);
	if (body != NULL) {
		commit_do(database, probe->request, probe->key, body);
	} else {
		answer_undone(database, probe->request, TROUPE_UNKNOWN); /* no memory: it was read before */
	}
	proto_arena_free(&arena);
}

static void on_probed(void *instance, void *arg, const struct troupe_db_result *result)
{
	struct database *database = instance;
	struct probe *probe = arg;

	if (result->status == TROUPE_ALREADY_EXISTS) {
		probe_known(database, probe);
	} else {
		/* Not looked up is not known either. */
		answer_undone(database, probe->request,
			      result->status == TROUPE_ABORTED ? TROUPE_ABORTED : TROUPE_UNKNOWN);
	}
	database->host->buf_unref(database->host, probe->body);
	free(probe);
}

/* Asks whether the key is known by a commit that changes nothing and can never be done: with a key that is known it
 * ends ALREADY_EXISTS, since it is another commit, else ABORTED. */
static void probe_begin(struct database *database, const struct troupe_request *request)
{
	const struct troupe_host *h = database->host;
	struct troupe_db_check never = { .key = "\xff", .key_len = 1, .version = UINT64_MAX };
	struct troupe_db_commit commit = { .size = sizeof(commit), .db = database->db, .checks = &never, .checks_len = 1,
					   .on_done = on_probed };
	struct probe *probe = malloc(sizeof(*probe));

	if (probe == NULL || request->buf == NULL) {
		free(probe);
		answer_undone(database, request->id, TROUPE_UNKNOWN);
		return;
	}
	probe->request = request->id;
	probe->body = h->buf_ref(h, request->buf);
	memcpy(probe->key, request->key, sizeof(probe->key));
	commit.key = probe->key;
	commit.arg = probe;
	h->db_commit(h, &commit);
}

/* --- order ----------------------------------------------------------------------------------------- */

/* Is it newer than all that was seen of its asker? Then it is the newest now. -1: there is no room for its asker. */
static int stream_passes(struct database *database, uint64_t from, const Database__CommitRequest *body)
{
	struct database_stream *stream = map_get(&database->streams, from);

	if (stream == NULL) {
		stream = database->streams.count < DATABASE_STREAMS_MAX ? calloc(1, sizeof(*stream)) : NULL;
		if (stream == NULL || map_put(&database->streams, from, stream) < 0) {
			free(stream);
			return -1;
		}
	}
	if (stream->id == body->stream &&
	    (body->number < stream->number ||
	     (body->number == stream->number && body->attempt <= stream->attempt))) {
		return 0;
	}
	*stream = (struct database_stream){ .id = body->stream, .number = body->number, .attempt = body->attempt };
	return 1;
}

void commits_on_commit(void *instance, const struct troupe_request *request, const Database__CommitRequest *body)
{
	struct database *database = instance;
	int passes;

	if (!asked_begin(database, request)) {
		return;
	}
	passes = stream_passes(database, request->from, body);
	if (passes < 0) {
		database_count(database, METRIC_STREAMS_FULL, 1);
		answer_undone(database, request->id, TROUPE_RESOURCE_EXHAUSTED);
	} else if (passes > 0) {
		commit_do(database, request->id, request->key, body);
	} else {
		database_count(database, METRIC_PASSED, 1);
		if (request->key != NULL) {
			probe_begin(database, request);
		} else {
			answer_undone(database, request->id, TROUPE_ABORTED);
		}
	}
}

void commits_free(struct database *database)
{
	struct map_entry *entry;
	uint32_t at = 0;

	while ((entry = map_next(&database->streams, &at)) != NULL) {
		free(entry->value);
	}
	map_free(&database->streams);
}
