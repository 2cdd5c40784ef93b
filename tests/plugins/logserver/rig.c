/* SPDX-License-Identifier: MIT */
/* Log servers in a simulated host. */
#include "rig.h"

#include <inttypes.h>

static const char text[] = "cluster \"t\" { }\n"
			   "database \"log\" { driver = \"leveldb\", path = \"log\" }\n"
			   "logserver { database = \"log\", listen = \"tcp://127.0.0.1:0\" }\n";
/* Two that share a database, and one elsewhere. */
static const char three[] = "cluster \"t\" { }\n"
			    "database \"log\" { driver = \"leveldb\", path = \"log\" }\n"
			    "logserver \"l1\" { database = \"log\", quota = 100 }\n"
			    "logserver \"l2\" { database = \"log\", keep = \"1h\" }\n"
			    "part \"shard:meadow\"\n"
			    "database \"other\" { driver = \"leveldb\", path = \"other\" }\n"
			    "logserver \"l3\" { database = \"other\", keep_bytes = \"1mb\" }\n";


static int setup_with(void **state, const char *config)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.config = sim_config(config, NULL);
	assert_non_null(w.config);
	w.sim = sim_open(w.config, 1);
	w.host = sim_actor(w.sim, "host.one", "base", &w, NULL);
	w.two = sim_actor(w.sim, "host.two", "base", &w, NULL);
	w.console = sim_actor(w.sim, "base/console", "base", &w, NULL);
	w.spool = 77;
	sim_run(w.sim, 100);
	*state = &w;
	return 0;
}

int setup(void **state)
{
	setup_with(state, text);
	assert_true(sim_ready(((struct world *)*state)->sim, "base/logserver"));
	return 0;
}

int setup_three(void **state)
{
	return setup_with(state, three);
}

int teardown(void **state)
{
	struct world *w = *state;

	sim_close(w->sim);
	config_free(w->config);
	return 0;
}

uint64_t wall_ms(const struct world *w)
{
	return WALL_MS + sim_now_us(w->sim) / 1000;
}

/* Makes `len` records, numbered from `seq`, one each ms. */
void make(struct world *w, uint64_t seq, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		Log__Record *record = &w->records[i];

		log__record__init(record);
		record->has_time_ms = record->has_seq = record->has_level = 1;
		record->time_ms = wall_ms(w) - len + i;
		record->seq = seq + i;
		record->level = TROUPE_LOG_INFO;
		record->part = "base";
		record->role = "mall";
		record->instance = "base/mall";
		snprintf(w->texts[i], sizeof(w->texts[i]), "line %" PRIu64, seq + i);
		record->text = w->texts[i];
		w->pointers[i] = record;
	}
}

void on_appended(void *instance, void *arg, const struct troupe_reply *reply, const Log__AppendReply *body)
{
	struct answer *answer = arg;

	(void)instance;
	answer->status = reply->status;
	snprintf(answer->reason, sizeof(answer->reason), "%s", reply->reason != NULL ? reply->reason : "");
	answer->len = body != NULL ? (uint32_t)log__append_reply__pack(body, answer->body) : 0;
	answer->done = 1;
}

int32_t ask_at(struct world *w, const struct troupe_host *from, const Log__AppendRequest *request)
{
	struct proto_to to = { .instance = w->server };

	w->answer.done = 0;
	log_append(from, request, &to, on_appended, &w->answer);
	assert_true(sim_run_until(w->sim, &w->answer.done, 20000));
	return w->answer.status;
}

int32_t ship_batch(struct world *w, const char *host, unsigned len)
{
	Log__AppendRequest request = LOG__APPEND_REQUEST__INIT;

	request.host = (char *)host;
	request.has_spool = request.has_now_ms = 1;
	request.spool = w->spool;
	request.now_ms = wall_ms(w);
	request.records = w->pointers;
	request.n_records = len;
	return ask_at(w, strcmp(host, "two") == 0 ? w->two : w->host, &request);
}

uint64_t durable(const struct world *w)
{
	Log__AppendReply *reply = ask_unpack(&w->answer, &log__append_reply__descriptor);
	uint64_t seq = reply->durable;

	log__append_reply__free_unpacked(reply, NULL);
	return seq;
}

void put(struct world *w, const char *host, unsigned len)
{
	assert_int_equal(ship_batch(w, host, len), TROUPE_OK);
	assert_int_equal(durable(w), w->records[len - 1].seq);
}

void hello(struct world *w, const char *host, uint64_t want)
{
	assert_int_equal(ship_batch(w, host, 0), TROUPE_OK);
	assert_int_equal(durable(w), want);
}

uint64_t how_many(struct world *w, const char *query)
{
	Log__QueryRequest request = LOG__QUERY_REQUEST__INIT;
	uint64_t count;

	request.query = (char *)query;
	assert_int_equal(ask(w->sim, w->console, LOG_COUNT_ID, "log", &request, 0, &w->answer), TROUPE_OK);
	Log__CountReply *reply = ask_unpack(&w->answer, &log__count_reply__descriptor);
	assert_null(reply->fault);
	assert_false(reply->more);
	count = reply->count;
	log__count_reply__free_unpacked(reply, NULL);
	return count;
}

Log__QueryReply *find(struct world *w, const char *query, const Log__QueryReply *after)
{
	Log__QueryRequest request = LOG__QUERY_REQUEST__INIT;

	request.query = (char *)query;
	if (after != NULL) {
		request.has_after = request.has_now_ms = 1;
		request.after = after->reached;
		request.now_ms = after->now_ms;
	}
	assert_int_equal(ask(w->sim, w->console, LOG_QUERY_ID, "log", &request, 0, &w->answer), TROUPE_OK);
	return ask_unpack(&w->answer, &log__query_reply__descriptor);
}

Log__Record *found_at(const Log__QueryReply *reply, size_t at)
{
	Log__Record *record;

	assert_true(at < reply->n_found);
	record = log__record__unpack(NULL, reply->found[at]->record.len, reply->found[at]->record.data);
	assert_non_null(record);
	return record;
}

void assert_found(const Log__QueryReply *reply, size_t at, const char *want)
{
	Log__Record *record = found_at(reply, at);

	assert_string_equal(record->text, want);
	log__record__free_unpacked(record, NULL);
}

void use(struct world *w, const char *server)
{
	w->server = troupe_fnv64(server, strlen(server));
	w->spool++;
}

/* What a command of a server says. */
const char *command(struct world *w, const char *server, const char *verb, const char *one, const char *two)
{
	const char *args[2] = { one, two };

	assert_int_equal(ask_command(w->sim, server, verb, args, &w->answer), TROUPE_OK);
	return (const char *)w->answer.body;
}

void assert_says(const char *answer, const char *part)
{
	if (strstr(answer, part) == NULL) {
		fail_msg("no %s in %s", part, answer);
	}
}

void assert_silent(const char *answer, const char *part)
{
	if (strstr(answer, part) != NULL) {
		fail_msg("%s in %s", part, answer);
	}
}
