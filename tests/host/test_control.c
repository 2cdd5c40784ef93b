/* SPDX-License-Identifier: MIT */
/* The control socket of a running host: what operators ask, and what they must not be able to break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/control.h"
#include "host/control/json.h"
#include "host/control/order.h"
#include "host/control/socket.h"
#include "host/obs/log.h"
#include "test_core.h"

struct grant_args {
	const char *user;
	int64_t amount;
};

static void answer_bytes(struct actor *actor, const struct troupe_request *request, int32_t status, const char *text, size_t len)
{
	uint8_t *bytes;
	struct troupe_buf *body = actor->host->buf_new(actor->host, len, &bytes);

	memcpy(bytes, text, len);
	actor->host->reply(actor->host, request->id, status, body);
}

static void answer(struct actor *actor, const struct troupe_request *request, int32_t status, const char *text)
{
	answer_bytes(actor, request, status, text, strlen(text));
}

static void run_grant(void *instance, const struct troupe_request *request, const void *args)
{
	const struct grant_args *grant = args;
	char text[256];

	snprintf(text, sizeof(text), "{\n \"user\": \"%s\",\r\n \"amount\": \"%lld\", \"by\": \"%s\"}\n", grant->user,
		 (long long)grant->amount, request->operator_name);
	answer(instance, request, TROUPE_OK, text);
}

static void run_refuse(void *instance, const struct troupe_request *request, const void *args)
{
	(void)args;
	answer(instance, request, TROUPE_FAILED_PRECONDITION, "billing.insufficient");
}

static void run_explain(void *instance, const struct troupe_request *request, const void *args)
{
	static const char text[] = "billing.broken\0error[B0001]: it is broken\n  --> here:1\n";

	(void)args;
	answer_bytes(instance, request, TROUPE_FAILED_PRECONDITION, text, sizeof(text) - 1);
}

static void run_deny(void *instance, const struct troupe_request *request, const void *args)
{
	(void)args;
	answer(instance, request, TROUPE_PERMISSION_DENIED, "billing.right");
}

static void run_nonsense(void *instance, const struct troupe_request *request, const void *args)
{
	(void)args;
	answer(instance, request, TROUPE_OK, "this is\nno \"JSON\"");
}

static void run_lost(void *instance, const struct troupe_request *request, const void *args)
{
	(void)args;
	answer(instance, request, TROUPE_UNAVAILABLE, "bus.lost");
}

static const struct troupe_option grant_options[] = {
	{ .name = "user", .help = "Who.", .type = TROUPE_OPTION_STRING, .flags = TROUPE_OPTION_REQUIRED,
	  .offset = offsetof(struct grant_args, user), .max = 32 },
	{ .name = "amount", .help = "How much.", .type = TROUPE_OPTION_INT, .fallback = "1",
	  .offset = offsetof(struct grant_args, amount), .min = 1, .max = 1000 },
	{ .name = NULL },
};

static const struct troupe_command verbs[] = {
	{ .verb = "grant", .help = "Gives money", .right = "money", .args = grant_options,
	  .args_size = sizeof(struct grant_args), .flags = TROUPE_COMMAND_CHANGES, .run = run_grant },
	{ .verb = "wipe", .help = "Takes all", .right = "money", .flags = TROUPE_COMMAND_CHANGES | TROUPE_COMMAND_DANGEROUS,
	  .run = run_nonsense },
	{ .verb = "refuse", .help = "Refuses", .right = "read", .run = run_refuse },
	{ .verb = "explain", .help = "Refuses with a text", .right = "read", .flags = TROUPE_COMMAND_CHANGES, .run = run_explain },
	{ .verb = "deny", .help = "Denies", .right = "read", .run = run_deny },
	{ .verb = "nonsense", .help = "No JSON", .right = "read", .run = run_nonsense },
	{ .verb = "lost", .help = "Is lost", .right = "read", .run = run_lost },
	{ .verb = NULL },
};

static void run_world(void *instance, const struct troupe_request *request, const void *args)
{
	const struct grant_args *grant = args;
	struct actor *actor = instance;
	char text[256];

	snprintf(text, sizeof(text), "{\"by\": \"%s\", \"user\": \"%s\"}", actor->host->name,
		 grant != NULL ? grant->user : "");
	answer(actor, request, TROUPE_OK, text);
}

/* What several roles have about the same thing. */
static const struct troupe_command clock_verbs[] = {
	{ .verb = "world pause", .help = "Stops the world", .right = "operate", .flags = TROUPE_COMMAND_CHANGES,
	  .args = grant_options, .args_size = sizeof(struct grant_args), .run = run_world },
	{ .verb = "sectors", .help = "Lists sectors", .right = "read", .flags = TROUPE_COMMAND_NOUN, .run = run_world },
	{ .verb = "time", .help = "Says the time", .right = "read", .run = run_world },
	{ .verb = NULL },
};

static const struct troupe_command rule_verbs[] = {
	{ .verb = "world rules", .help = "Lists rules", .right = "read", .run = run_world },
	{ .verb = NULL },
};

/* --- a host ------------------------------------------------------------------------------------- */

static struct {
	struct core *core;
	struct control *control;
	char state[256];
	struct config config, reloaded;
	struct config_host host;
	pthread_t thread;
	int exit;
	bool load_fails;
	int log[2], lock;
} world;

static const struct config *load(void *arg, struct diag_list *diags)
{
	(void)arg;
	if (world.load_fails) {
		diag_add(diags, DIAG_ERROR, "C0103", "unknown option `tik`");
		return NULL;
	}
	world.reloaded = world.config;
	return &world.reloaded;
}

static const struct config_instance *before(void *arg, const char *name)
{
	(void)arg;
	return config_instance_find(&world.config, name);
}

static void *run_core(void *arg)
{
	world.exit = core_run(world.core);
	control_close(world.control);
	return arg;
}

static const struct actor_script plain;
static const struct troupe_plugin billing = ACTOR_PLUGIN("billing", .commands = verbs);
static const struct troupe_plugin twin = ACTOR_PLUGIN("twin", .commands = verbs);
static const struct troupe_plugin ticker = ACTOR_PLUGIN("ticker", .commands = clock_verbs);
static const struct troupe_plugin rules = ACTOR_PLUGIN("rules", .commands = rule_verbs);

static int32_t start_standby(struct actor *actor)
{
	actor->host->state(actor->host, TROUPE_STANDBY, 0, "another one ticks");
	return TROUPE_OK;
}

static const struct actor_script standby = { .start = start_standby };
static const struct config_instance instances[] = {
	{ .name = "base/billing", .part = "base", .role = "billing", .plugin = &billing, .options = &plain },
	{ .name = "base/twin.a", .part = "base", .role = "twin", .plugin = &twin, .options = &plain },
	{ .name = "base/twin.b", .part = "base", .role = "twin", .plugin = &twin, .options = &plain },
	{ .name = "dale/ticker.a", .part = "shard:dale", .role = "ticker", .plugin = &ticker, .options = &standby },
	{ .name = "dale/ticker.b", .part = "shard:dale", .role = "ticker", .plugin = &ticker, .options = &plain },
	{ .name = "dale/rules", .part = "shard:dale", .role = "rules", .plugin = &rules, .options = &plain },
	{ .name = "hill/rules", .part = "shard:hill", .role = "rules", .plugin = &rules, .options = &plain },
};

static int setup(void **state)
{
	static const struct config_instance *local[7];
	struct troupe_error error = { .size = sizeof(error) };
	const char *folder = getenv("TMPDIR");

	(void)state;
	snprintf(world.state, sizeof(world.state), "%s/troupe-control-XXXXXX", folder != NULL ? folder : "/tmp");
	assert_non_null(mkdtemp(world.state));
	assert_int_equal(pipe(world.log), 0);
	log_open(&(struct log_setup){ .host = "one", .form = LOG_TEXT, .fd = world.log[1] });
	world.core = actor_core(&world.config, &world.host, instances, 7, local, 1);
	assert_non_null(world.core);
	const struct reload_source source = { .core = world.core, .load = load, .before = before };
	assert_int_equal(control_lock(world.state, &world.lock, &error), TROUPE_OK);
	if (control_open(world.core, world.state, &source, &world.control, &error) != TROUPE_OK) {
		fail_msg("%s", error.text);
	}
	assert_int_equal(pthread_create(&world.thread, NULL, run_core, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	char path[300];

	(void)state;
	core_drain(world.core);
	pthread_join(world.thread, NULL);
	core_free(world.core);
	log_close();
	close(world.lock);
	close(world.log[0]);
	close(world.log[1]);
	/* the socket is gone with the host */
	snprintf(path, sizeof(path), "%s/control.sock", world.state);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/host.lock", world.state);
	unlink(path);
	rmdir(world.state);
	return 0;
}

static int dial(void)
{
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket_connect(world.state);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static char *line_read(int fd)
{
	static char line[1 << 16];
	size_t len = 0;

	while (len < sizeof(line) - 1 && recv(fd, line + len, 1, 0) == 1 && line[len] != '\n') {
		len++;
	}
	line[len] = '\0';
	return line;
}

/* Sends one request of these words ("a b c") and returns the answer's line. */
static char *ask_as(const char *words, bool confirmed)
{
	static char *line;
	struct control_request request = { .id = 7, .operator_name = "anna", .confirmed = confirmed };
	char copy[8192], *list[CONTROL_WORDS_MAX], *save = NULL;
	struct text out;
	int fd = dial();

	snprintf(copy, sizeof(copy), "%s", words);
	request.words = list;
	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		list[request.words_len++] = word;
	}
	text_init(&out, CONTROL_LINE_MAX);
	control_request_write(&out, &request);
	assert_int_equal(send(fd, out.bytes, out.len, MSG_NOSIGNAL), out.len);
	text_clear(&out);
	line = line_read(fd);
	close(fd);
	return line;
}

struct ask_case {
	const char *words;
	int exit;
	const char *parts[3]; /* of the answer */
	bool confirmed;
};

static const struct ask_case ask_cases[] = {
	{ "status", 0, { "\"cluster\":\"test\"", "\"instance\":\"base/twin.b\",\"state\":\"ready\"", "\"loops\":[" }, false },
	{ "status more", 2, { "too many" }, false },
	{ "stauts", 2, { "\"known\":[\"status\"", "\"billing\"" }, false },
	{ "help", 0, { "\"command\":\"billing grant user [amount]\"", "\"command\":\"stop [--now]\"" }, false },
	{ "help billing", 0, { "\"command\":\"billing wipe\"" }, false },
	{ "help nobody", 2, { "nobody" }, false },
	{ "billing", 0, { "Gives money" }, false },
	{ "billing grant anna 5", 0, { "\"user\": \"anna\"", "\"amount\": \"5\"", "\"by\": \"anna\"" }, false },
	{ "billing grant anna", 0, { "\"amount\": \"1\"" }, false },
	{ "billing grant --amount=7 --user bob", 0, { "\"user\": \"bob\"", "\"amount\": \"7\"" }, false },
	{ "base/billing grant anna 5", 0, { "\"amount\": \"5\"" }, false },
	{ "billing grant", 2, { "user" }, false },
	{ "billing grant anna 1001", 2, { "1000" }, false },
	{ "billing grant anna many", 2, { "amount" }, false },
	{ "billing grant anna 5 6", 2, { "error" }, false },
	{ "billing grant --usr anna", 2, { "usr" }, false },
	{ "billing gratn anna", 2, { "\"word\":\"gratn\"", "\"known\":[\"grant\",\"wipe\"" }, false },
	{ "billing wipe", 2, { "\"confirm\":\"base/billing\"", "Takes all" }, false },
	{ "billing wipe", 0, { "\"body\":\"this is\\nno \\\"JSON\\\"\"" }, true },
	{ "billing nonsense", 0, { "this is\\nno" }, false },
	{ "billing refuse", 1, { "billing.insufficient", "nothing was done" }, false },
	{ "billing deny", 5, { "billing.right" }, false },
	{ "billing lost", 1, { "bus.lost", "may have been done" }, false },
	{ "twin grant anna", 2, { "base/twin.a, base/twin.b" }, false },
	{ "base/twin.b grant anna", 0, { "\"amount\": \"1\"" }, false },
	{ "world pause anna", 0, { "\"by\": \"dale/ticker.b\", \"user\": \"anna\"" }, false },
	{ "dale world pause --user anna", 0, { "\"by\": \"dale/ticker.b\", \"user\": \"anna\"" }, false },
	{ "dale/ticker.b world pause anna", 0, { "dale/ticker.b" }, false },
	{ "dale/ticker.a world pause anna", 0, { "dale/ticker.a" }, false },
	{ "world pause", 2, { "world pause", "user" }, false },
	{ "hill world pause anna", 2, { "no command of world 'pause'", "\"known\":[\"rules\"]" }, false },
	{ "world paues anna", 2, { "no command of world 'paues'", "\"known\":[\"pause\",\"rules\"]" }, false },
	{ "world", 0, { "\"command\":\"world pause user [amount]\"", "\"command\":\"world rules\"" }, false },
	{ "world help", 0, { "\"command\":\"world rules\"" }, false },
	{ "dale help", 0, { "\"command\":\"sectors\"" }, false },
	{ "help world", 0, { "\"command\":\"world rules\"" }, false },
	{ "help dale", 0, { "\"command\":\"sectors\"", "\"command\":\"ticker time\"" }, false },
	{ "hill", 0, { "\"command\":\"world rules\"" }, false },
	{ "world rules", 2, { "several parts", "troupe dale world rules, troupe hill world rules" }, false },
	{ "hill world rules", 0, { "\"by\": \"hill/rules\"" }, false },
	{ "hill rules world rules", 0, { "\"by\": \"hill/rules\"" }, false },
	{ "sectors", 0, { "\"by\": \"dale/ticker.b\"" }, false },
	{ "dale sectors", 0, { "\"by\": \"dale/ticker.b\"" }, false },
	{ "sectors more", 2, { "more" }, false },
	{ "time", 2, { "no command or role 'time'" }, false },
	{ "dale/ticker.b time", 0, { "dale/ticker.b" }, false },
	{ "wolrd pause", 2, { "no command or role 'wolrd'", "\"world\"" }, false },
	{ "hill nobody", 2, { "no command or role 'nobody'" }, false },
	{ "nobody grant", 2, { "no command or role 'nobody'" }, false },
	{ "drain base/twin.x", 2, { "base/twin.b" }, false },
	{ "drain base/twin.b", 2, { "\"confirm\":\"base/twin.b\"" }, false },
	{ "drain base/twin.b", 0, { "stopped" }, true },
	{ "base/twin.b refuse", 1, { "error" }, false },
	{ "stop", 2, { "\"confirm\":\"test\"" }, false },
	{ "stop --later", 2, { "--now" }, false },
	{ "reload", 0, { "\"instance\":\"base/billing\",\"result\":\"reloaded\"" }, false },
	{ "reload base/billing", 0, { "base/billing" }, false },
	{ "reload base/bling", 2, { "base/billing" }, false },
	{ "metrics", 0, { "troupe_requests_total{part=\\\"base\\\"" }, false },
	{ "metrics --page", 0, { "| `troupe_requests_total` | counter |" }, false },
};

static void test_ask(void **state)
{
	(void)state;
	for (int i = 0; i < 500 && strstr(ask_as("status", false), "\"ready\":true") == NULL; i++) {
		usleep(10000);
	}
	for (size_t i = 0; i < sizeof(ask_cases) / sizeof(*ask_cases); i++) {
		const struct ask_case *c = &ask_cases[i];
		char begin[64];
		char *line = ask_as(c->words, c->confirmed);
		print_message("# %s: %.100s\n", c->words, line);
		snprintf(begin, sizeof(begin), "{\"id\":7,\"exit\":%d", c->exit);
		assert_memory_equal(line, begin, strlen(begin));
		assert_int_equal(line[strlen(line) - 1], '}');
		for (int part = 0; part < 3 && c->parts[part] != NULL; part++) {
			if (strstr(line, c->parts[part]) == NULL) {
				fail_msg("%s is not in %s", c->parts[part], line);
			}
		}
	}
}

static void test_reload_refused(void **state)
{
	(void)state;
	world.load_fails = true;
	char *line = ask_as("reload", false);
	assert_non_null(strstr(line, "\"exit\":3"));
	assert_non_null(strstr(line, "C0103: unknown option `tik`"));
	world.load_fails = false;
}

static void test_audit(void **state)
{
	char bytes[65536];

	(void)state;
	ask_as("billing grant anna 5", false);
	ask_as("billing grant anna 5000", false);
	ask_as("billing grant anna 5", false); /* the same again is written again */
	ask_as("billing refuse", false);
	ssize_t got = read(world.log[0], bytes, sizeof(bytes) - 1);
	assert_true(got > 0);
	bytes[got] = '\0';
	char *begun = strstr(bytes, "base/billing: [A0001] operator anna: billing grant anna 5: begun");
	assert_non_null(begun);
	char *first = strstr(bytes, "base/billing: [A0001] operator anna: billing grant anna 5: done");
	assert_non_null(first);
	assert_true(begun < first);
	assert_non_null(strstr(first + 1, "base/billing: [A0001] operator anna: billing grant anna 5: done"));
	assert_non_null(strstr(bytes, "operator anna: billing grant anna 5000: refused, "));
	assert_null(strstr(bytes, "billing refuse")); /* it changes nothing */
	ask_as("billing explain", false);
	ask_as("dale world pause anna", false);
	got = read(world.log[0], bytes, sizeof(bytes) - 1);
	assert_true(got > 0);
	bytes[got] = '\0';
	assert_non_null(strstr(bytes, "billing explain: refused, billing.broken: refused, nothing was done: error[B0001]: it is broken\n"));
	assert_non_null(strstr(bytes, "dale/ticker.b: [A0001] operator anna: world pause anna: done"));
}

/* A long command is in the audit whole, in lines before the one that says what became of it; this one is refused. */
static void test_audit_long(void **state)
{
	static char words[6000], bytes[65536], joined[65536];
	size_t len = (size_t)snprintf(words, sizeof(words), "dale world pause ");

	(void)state;
	for (int i = 0; len < 5000; i++) {
		len += (size_t)snprintf(words + len, sizeof(words) - len, "\xc3\xa4%d", i);
	}
	ask_as(words, false);
	ssize_t got = read(world.log[0], bytes, sizeof(bytes) - 1);
	assert_true(got > 0);
	bytes[got] = '\0';
	char *ended = strstr(bytes, "bytes, told before): refused, ");
	assert_non_null(ended);
	joined[0] = '\0';
	for (char *at = bytes; (at = strstr(at, "operator anna: bytes ")) != NULL && at < ended;) {
		at = strstr(at + strlen("operator anna: "), ": ") + 2;
		assert_int_not_equal((unsigned char)at[0] & 0xC0, 0x80); /* no character is cut */
		strncat(joined, at, strcspn(at, "\n"));
	}
	assert_string_equal(joined, words + strlen("dale "));
}

/* The kernel says who asks. Root may say for whom: that is how sudo works. */
/* What the host says of itself is known not to have happened; a role that passes such a reason on has acted perhaps. */
static void test_undecided(void **state)
{
	static const struct {
		int32_t status;
		const char *reason;
		bool by_host, undecided;
	} cases[] = {
		{ TROUPE_UNAVAILABLE, "host.not_ready", true, false },
		{ TROUPE_UNAVAILABLE, "host.unreachable", true, false },
		{ TROUPE_UNAVAILABLE, "host.not_ready", false, true },
		{ TROUPE_UNAVAILABLE, "host.lost", true, true },
		{ TROUPE_UNAVAILABLE, "host.stopped", true, true },
		{ TROUPE_DEADLINE_EXCEEDED, "host.timeout", true, true },
		{ TROUPE_PERMISSION_DENIED, "host.not_allowed", true, false },
		{ TROUPE_FAILED_PRECONDITION, "billing.insufficient", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct troupe_reply reply = { .status = cases[i].status, .reason = cases[i].reason };
		print_message("# %s\n", cases[i].reason);
		assert_int_equal(order_undecided(&reply, cases[i].by_host), cases[i].undecided);
	}
}

static void test_operator(void **state)
{
	char name[64], own[64], wanted[96];
	const struct passwd *user = getpwuid(geteuid());

	(void)state;
	socket_user(own, sizeof(own));
	if (user != NULL) {
		assert_string_equal(own, user->pw_name);
	}
	socket_operator(0, "anna", own, name, sizeof(name));
	assert_string_equal(name, "anna");
	socket_operator(0, "", "root", name, sizeof(name));
	assert_string_equal(name, "root");
	socket_operator(4000123, "anna", own, name, sizeof(name));
	assert_string_equal(name, "uid 4000123");
	socket_operator(geteuid(), "anna", own, name, sizeof(name));
	snprintf(wanted, sizeof(wanted), "\"by\": \"%s\"", name);
	assert_non_null(strstr(ask_as("billing grant anna 5", false), wanted));
}

static const char *const malformed[] = {
	"x", "{}", "[]", "null", "{\"id\":1}", "{\"id\":1,\"operator\":\"a\",\"words\":[]}",
	"{\"id\":1,\"operator\":\"a\",\"words\":[1]}", "{\"id\":1,\"operator\":\"a\",\"words\":\"status\"}",
	"{\"id\":1,\"operator\":\"\",\"words\":[\"status\"]}", "{\"id\":1,\"words\":[\"status\"]}",
	"{\"id\":1,\"operator\":\"a\",\"words\":[\"sta\\u0000tus\"]}", "{\"id\":1,\"operator\":\"a\",\"words\":[\"\xff\"]}",
	"{\"id\":1,\"id\":2,\"operator\":\"a\",\"words\":[\"status\"]}",
};

static void test_malformed(void **state)
{
	(void)state;
	int fd = dial();
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		send(fd, malformed[i], strlen(malformed[i]), MSG_NOSIGNAL);
		send(fd, "\n", 1, MSG_NOSIGNAL);
		char *line = line_read(fd);
		print_message("# %s: %s\n", malformed[i], line);
		assert_non_null(strstr(line, "\"exit\":2"));
	}
	/* many words */
	char many[4096] = "{\"id\":1,\"operator\":\"a\",\"words\":[\"a\"";
	for (unsigned i = 0; i < CONTROL_WORDS_MAX; i++) {
		strcat(many, ",\"a\"");
	}
	strcat(many, "]}\n");
	send(fd, many, strlen(many), MSG_NOSIGNAL);
	assert_non_null(strstr(line_read(fd), "\"exit\":2"));
	/* an empty line is nothing; the same connection still works, in pieces */
	static const char good[] = "\n\n{\"id\":9,\"operator\":\"a\",\"words\":[\"status\"]}\n";
	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		send(fd, good + i, 1, MSG_NOSIGNAL);
	}
	assert_non_null(strstr(line_read(fd), "{\"id\":9,\"exit\":0"));
	/* a line without an end is cut off */
	static char flood[CONTROL_LINE_MAX * 4];
	memset(flood, ' ', sizeof(flood));
	send(fd, flood, sizeof(flood), MSG_NOSIGNAL);
	char byte;
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
	/* half a request, and away */
	fd = dial();
	send(fd, good, 20, MSG_NOSIGNAL);
	close(fd);
	/* away before the answer */
	for (int i = 0; i < 50; i++) {
		fd = dial();
		send(fd, good, sizeof(good) - 1, MSG_NOSIGNAL);
		close(fd);
	}
	assert_non_null(strstr(ask_as("status", false), "\"exit\":0"));
}

/* More commands at once than a host takes: the one too many is refused, and the others are answered. */
static void test_many(void **state)
{
	static const char one[] = "{\"id\":7,\"operator\":\"a\",\"words\":[\"billing\",\"refuse\"]}\n";
	static char all[65 * sizeof(one)];
	unsigned refused = 0;

	(void)state;
	for (unsigned i = 0; i < 65; i++) {
		strcat(all, one);
	}
	int fd = dial();
	assert_int_equal(send(fd, all, strlen(all), MSG_NOSIGNAL), (ssize_t)strlen(all));
	for (unsigned i = 0; i < 65; i++) {
		char *line = line_read(fd);
		assert_non_null(strstr(line, "{\"id\":7,\"exit\":"));
		refused += strstr(line, "64 commands are under way") != NULL;
	}
	close(fd);
	assert_int_equal(refused, 1);
	assert_non_null(strstr(ask_as("status", false), "\"exit\":0"));
}

static void test_owner(void **state)
{
	struct stat st;
	char path[300];
	pid_t owner = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s/control.sock", world.state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* another process is refused and told who has it */
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		int r = socket_lock(world.state, &owner);
		_exit(r == -EBUSY && owner == getppid() ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_stale(void **state)
{
	char folder[256], deep[1024];
	const char *temp = getenv("TMPDIR");
	pid_t owner;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/troupe-stale-XXXXXX", temp != NULL ? temp : "/tmp");
	assert_non_null(mkdtemp(folder));
	/* deeper than a socket's address is long */
	snprintf(deep, sizeof(deep), "%s/%0120d", folder, 0);
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_int_equal(socket_connect(deep), -ENOENT);
	int lock = socket_lock(deep, &owner);
	assert_true(lock >= 0);
	int fd = socket_listen(deep);
	assert_true(fd >= 0);
	close(fd); /* as if it had crashed: the name stays */
	assert_int_equal(socket_connect(deep), -ECONNREFUSED);
	fd = socket_listen(deep);
	assert_true(fd >= 0);
	int client = socket_connect(deep);
	assert_true(client >= 0);
	close(client);
	/* one that is stopped accepts nobody: who asks does not wait for ever */
	for (int i = 0; client >= 0 && i < 100; i++) {
		client = socket_connect(deep);
		if (client >= 0) {
			close(client);
		}
	}
	assert_int_equal(client, -EAGAIN);
	close(fd);
	close(lock);
	socket_remove(deep);
	snprintf(folder, sizeof(folder), "%.240s", deep);
	strcat(deep, "/host.lock");
	unlink(deep);
	*strrchr(deep, '/') = '\0';
	assert_int_equal(rmdir(deep), 0);
	*strrchr(deep, '/') = '\0';
	assert_int_equal(rmdir(deep), 0);
}

static char *shown(const char *line)
{
	static char text[4096];
	struct control_answer *parsed = control_answer_parse(line, strlen(line));
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(parsed);
	text[0] = '\0';
	control_answer_show(parsed, out);
	fclose(out);
	control_answer_free(parsed);
	return text;
}

static void test_show(void **state)
{
	(void)state;
	assert_string_equal(shown("{\"exit\":0,\"body\":[{\"a\":\"x\",\"n\":5},{\"a\":\"longer\",\"n\":123,\"z\":true}]}"),
			    "a         n  z\n"
			    "x         5\n"
			    "longer  123  yes\n");
	assert_string_equal(shown("{\"exit\":0,\"body\":{\"user\":\"anna\",\"ok\":true,\"items\":[{\"id\":\"1\"}]}}"),
			    "user: anna\nok: yes\n\nitems:\nid\n 1\n");
	assert_string_equal(shown("{\"exit\":0,\"body\":[]}"), "none\n");
	assert_string_equal(shown("{\"exit\":0,\"body\":\"a\\u001b[2J\\nb\"}"), "a [2J b\n");
	assert_string_equal(shown("{\"exit\":0,\"body\":[{\"\xc3\xa4\":\"\xc3\xb6\xc3\xb6\"},{\"\xc3\xa4\":\"b\"}]}"),
			    "\xc3\xa4\n\xc3\xb6\xc3\xb6\nb\n");
	assert_string_equal(shown("{\"exit\":0,\"text\":\"plain\\n\"}"), "plain\n");
	assert_string_equal(shown("{\"exit\":0}"), "");
	assert_null(control_answer_parse("{}", 2));
	assert_null(control_answer_parse("nonsense", 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undecided), cmocka_unit_test(test_ask),	  cmocka_unit_test(test_reload_refused), cmocka_unit_test(test_audit), cmocka_unit_test(test_audit_long),
		cmocka_unit_test(test_malformed), cmocka_unit_test(test_owner),	 cmocka_unit_test(test_stale),
		cmocka_unit_test(test_show),	  cmocka_unit_test(test_operator),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("control", tests, setup, teardown);
}
