/* SPDX-License-Identifier: MIT */
/* The control socket: lines in, answers out, the audit of what changes something. */
#include "host/control/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/order.h"
#include "host/control/socket.h"
#include "host/core/buf.h"
#include "host/core/call.h"
#include "host/obs/log.h"

#define CONNS_MAX 64u
#define AUDIT_PART 500u /* bytes of a command in a line of the log, which has room for each of them quoted */
#define IDLE_MS 120000u

/* --- answers -------------------------------------------------------------------------------------- */

static void audit_write(const struct order *order, const char *text)
{
	log_write(&(struct log_line){ .level = TROUPE_LOG_NOTICE,
				      .always = 1,
				      .instance = order->target[0] != '\0' ? order->target : "control",
				      .code = "A0001",
				      .text = text });
}

/* audit_part: how many bytes of `from` go into a line, without cutting a character of UTF-8. */
static size_t audit_part(const char *from)
{
	size_t len = strnlen(from, AUDIT_PART + 1);

	if (len > AUDIT_PART) {
		for (len = AUDIT_PART; len > AUDIT_PART - 4 && ((unsigned char)from[len] & 0xC0) == 0x80; len--) {
		}
	}
	return len;
}

/* audit_parts: what is too long for a line of the log comes whole before it, once, in lines of its own. */
static void audit_parts(struct order *order)
{
	char text[AUDIT_PART + 320];

	for (const char *at = order->audit; *at != '\0' && !order->audit_told;) {
		size_t len = audit_part(at);

		snprintf(text, sizeof(text), "operator %.200s: bytes %zu to %zu of %zu: %.*s", order->request.operator_name,
			 (size_t)(at - order->audit) + 1, (size_t)(at - order->audit) + len, strlen(order->audit), (int)len, at);
		audit_write(order, text);
		at += len;
	}
	order->audit_told = true;
}

static void order_audit(struct order *order, const char *outcome)
{
	char text[AUDIT_PART + 320 + 1400], cut[64] = "";
	size_t len = order->audit != NULL ? audit_part(order->audit) : 0;

	if (order->audit == NULL) {
		return;
	}
	if (order->audit[len] != '\0') {
		audit_parts(order);
		snprintf(cut, sizeof(cut), "... (%zu bytes, told before)", strlen(order->audit));
	}
	snprintf(text, sizeof(text), "operator %.200s: %.*s%s: %s", order->request.operator_name, (int)len, order->audit, cut, outcome);
	audit_write(order, text);
}

void order_begun(struct order *order)
{
	order_audit(order, "begun");
}

void order_release(void *arg)
{
	struct order *order = arg;

	order->holds--;
	if (order->link == NULL && order->holds == 0) {
		order_free(order);
	}
}

void order_free(struct order *order)
{
	if (order->link != NULL) {
		*order->link = order->next;
		if (order->next != NULL) {
			order->next->link = order->link;
		}
		order->link = NULL;
		order->control->orders_len--;
	}
	if (order->holds > 0) {
		return;
	}
	control_request_clear(&order->request);
	arena_free(order->arena);
	free(order);
}

static void answer_begin(struct text *out, const struct order *order, int exit)
{
	text_init(out, CONTROL_ANSWER_MAX);
	text_put(out, "{");
	text_member_number(out, "id", order->request.id);
	text_member_number(out, "exit", (uint64_t)exit);
}

/* Ends the line, sends it, and drops the order. */
static void answer_send(struct text *out, struct order *order)
{
	struct control *control = order->control;
	static const char failed[] = "{\"exit\":1,\"error\":\"the answer is too long\"}\n";

	text_put(out, "}\n");
	if (order->request_id == 0) {
		net_send(control->net, &control->owner, order->conn, out->failed ? failed : out->bytes,
			 out->failed ? strlen(failed) : out->len, NULL);
	} else {
		bool fits = !out->failed && out->len <= TROUPE_BODY_MAX;
		call_reply(core_self(control->core), order->request_id, TROUPE_OK,
			   buf_copy(fits ? out->bytes : failed, fits ? out->len : strlen(failed)));
	}
	text_clear(out);
	order_free(order);
}

void order_answered(struct order *order, const char *line, size_t len)
{
	order_audit(order, "answered");
	net_send(order->control->net, &order->control->owner, order->conn, line, len, NULL);
	order_free(order);
}

void order_done(struct order *order, const char *body, size_t len)
{
	struct text out;

	order_audit(order, "done");
	answer_begin(&out, order, EXIT_DONE);
	if (body != NULL && len > 0 && control_json_valid(body, len)) {
		text_put(&out, ",\"body\":");
		for (size_t i = 0; i < len; i++) {
			/* between values a line break is a space; in strings it cannot stand */
			text_add(&out, body[i] == '\n' || body[i] == '\r' ? " " : body + i, 1);
		}
	} else if (body != NULL && len > 0) {
		text_put(&out, ",\"body\":");
		text_json(&out, body, len);
	}
	answer_send(&out, order);
}

void order_waits(struct order *order, const char *body)
{
	struct text out;

	order_audit(order, "begun");
	answer_begin(&out, order, EXIT_DONE);
	text_format(&out, ",\"wait\":true,\"body\":%s", body);
	answer_send(&out, order);
}

void order_text(struct order *order, const struct text *text)
{
	struct text out;

	answer_begin(&out, order, EXIT_DONE);
	text_member(&out, "text", text->bytes != NULL ? text->bytes : "");
	out.failed |= text->failed;
	answer_send(&out, order);
}

void order_refused(struct order *order, int exit, const char *help, const char *format, ...)
{
	char error[1024], outcome[1400];
	struct text out;
	va_list args;

	va_start(args, format);
	vsnprintf(error, sizeof(error), format, args);
	va_end(args);
	size_t first = 0;
	while (first < order->detail_len && order->detail[first] != '\n' && order->detail[first] != '\0') {
		first++;
	}
	snprintf(outcome, sizeof(outcome), "refused, %s%s%.*s", error, first > 0 ? ": " : "", (int)(first < 256 ? first : 256),
		 first > 0 ? order->detail : "");
	order_audit(order, outcome);
	answer_begin(&out, order, exit);
	text_member(&out, "error", error);
	text_member(&out, "help", help);
	if (order->detail_len > 0) {
		text_put(&out, ",\"detail\":");
		text_json(&out, order->detail, order->detail_len);
	}
	answer_send(&out, order);
}

void order_confirm(struct order *order, const char *name, const char *what)
{
	struct text out;

	answer_begin(&out, order, EXIT_USAGE);
	text_member(&out, "confirm", name);
	text_member(&out, "what", what);
	answer_send(&out, order);
}

void order_unknown(struct order *order, const char *what, const char *word, const char *const *known, unsigned len)
{
	char error[256], outcome[300];
	struct text out;

	snprintf(error, sizeof(error), "no %s '%.100s'", what, word);
	snprintf(outcome, sizeof(outcome), "refused, %s", error);
	order_audit(order, outcome);
	answer_begin(&out, order, EXIT_USAGE);
	text_member(&out, "error", error);
	text_member(&out, "word", word);
	text_put(&out, ",\"known\":[");
	for (unsigned i = 0; i < len; i++) {
		text_put(&out, i > 0 ? "," : "");
		text_json(&out, known[i], 0);
	}
	text_put(&out, "]");
	answer_send(&out, order);
}

/* --- requests ------------------------------------------------------------------------------------- */

static void malformed(struct control *control, uint64_t conn, const char *why)
{
	struct text out;

	text_init(&out, CONTROL_LINE_MAX);
	text_format(&out, "{\"exit\":%d,", EXIT_USAGE);
	text_put(&out, "\"error\":");
	text_json(&out, why, 0);
	text_put(&out, "}\n");
	net_send(control->net, &control->owner, conn, out.bytes, out.len, NULL);
	text_clear(&out);
}

/* Who asks is what the kernel says, not what the peer does. */
static void operator_set(struct order *order)
{
	char claimed[sizeof(order->request.operator_name)];
	uid_t uid;

	if (net_peer_uid(order->control->net, &order->control->owner, order->conn, &uid) < 0) {
		snprintf(order->request.operator_name, sizeof(order->request.operator_name), "unknown");
		return;
	}
	memcpy(claimed, order->request.operator_name, sizeof(claimed));
	socket_operator(uid, claimed, order->control->user, order->request.operator_name,
			sizeof(order->request.operator_name));
}

bool order_take(struct order *order)
{
	struct control *control = order->control;

	if (control->orders_len >= ORDERS_MAX) {
		order_refused(order, EXIT_FAILED, "try again later", "%u commands are under way already", ORDERS_MAX);
		return false;
	}
	order->next = control->orders;
	order->link = &control->orders;
	if (order->next != NULL) {
		order->next->link = &order->next;
	}
	control->orders = order;
	control->orders_len++;
	return true;
}

static void serve(struct control *control, uint64_t conn, const char *line, size_t len)
{
	struct order *order = calloc(1, sizeof(*order));
	const char *why = "no memory";

	if (order == NULL || control_request_parse(line, len, &order->request, &why) < 0) {
		malformed(control, conn, why);
		free(order);
		return;
	}
	order->control = control;
	order->conn = conn;
	operator_set(order);
	if (order_take(order) && !order_host(order)) {
		order_role(order);
	}
}

static size_t on_bytes(void *instance, void *user, uint64_t conn, const uint8_t *bytes, size_t len)
{
	size_t at = 0;
	const uint8_t *end;

	(void)user;
	while ((end = memchr(bytes + at, '\n', len - at)) != NULL) {
		size_t line_len = (size_t)(end - bytes) - at;
		if (line_len > 0) {
			serve(instance, conn, (const char *)bytes + at, line_len);
		}
		at += line_len + 1;
	}
	return at;
}

static void *on_open(void *instance, void *arg, uint64_t conn, const char *peer, uint64_t network)
{
	(void)instance, (void)arg, (void)conn, (void)peer, (void)network;
	return NULL;
}

static void on_close(void *instance, void *user, uint64_t conn, int32_t why)
{
	(void)instance, (void)user, (void)conn, (void)why;
}

/* --- life ----------------------------------------------------------------------------------------- */

static int32_t refused(struct troupe_error *reterr, int32_t status, const char *state, const char *why, const char *help)
{
	reterr->status = status;
	snprintf(reterr->text, sizeof(reterr->text), "cannot use the state folder %.120s: %s", state, why);
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return status;
}

int32_t control_lock(const char *folder, int *ret_fd, struct troupe_error *reterr)
{
	char why[64];
	pid_t pid;
	int fd = socket_lock(folder, &pid);

	if (fd == -EBUSY) {
		snprintf(why, sizeof(why), "the host with pid %ld runs with it", (long)pid);
		return refused(reterr, TROUPE_ALREADY_EXISTS, folder, why,
			       "`troupe status` shows that host, `troupe stop` ends it; or name another folder with --state DIR");
	}
	if (fd < 0) {
		return refused(reterr, TROUPE_PERMISSION_DENIED, folder, strerror(-fd), "name another folder with --state DIR");
	}
	*ret_fd = fd;
	return TROUPE_OK;
}

static int32_t begin_listen(struct control *control, struct troupe_error *reterr)
{
	const struct troupe_listen listen = {
		.size = sizeof(listen),
		.conns_max = CONNS_MAX,
		.address = "control.sock",
		.in_max = CONTROL_LINE_MAX,
		.out_max = 2 * CONTROL_ANSWER_MAX,
		.idle_ms = IDLE_MS,
		.on_open = on_open,
		.on_bytes = on_bytes,
		.on_close = on_close,
	};
	int fd = socket_listen(control->state);

	if (fd < 0) {
		return refused(reterr, TROUPE_PERMISSION_DENIED, control->state, strerror(-fd),
			       "the control socket needs a folder where sockets can be made");
	}
	return net_listen_fd(control->net, &control->owner, &listen, fd, reterr);
}

int32_t control_open(struct core *core, const char *state, const struct reload_source *source,
		     struct control **ret_control, struct troupe_error *reterr)
{
	struct control *control = calloc(1, sizeof(*control));
	int32_t status;

	if (control == NULL || (control->state = strdup(state)) == NULL) {
		free(control);
		return refused(reterr, TROUPE_RESOURCE_EXHAUSTED, state, "no memory", "");
	}
	control->core = core;
	control->source = *source;
	socket_user(control->user, sizeof(control->user));
	control->started_ms = loop_clock_us() / 1000;
	control->net = core_net(core, loop_index(core_main_loop(core)));
	control->owner = (struct net_owner){ .instance = control, .name = "control", .stats = &control->stats };
	status = begin_listen(control, reterr);
	if (status != TROUPE_OK) {
		free(control->state);
		free(control);
		return status;
	}
	core_on_order(core, remote_order, control);
	*ret_control = control;
	return TROUPE_OK;
}

struct control *control_close(struct control *control)
{
	if (control == NULL) {
		return NULL;
	}
	core_on_order(control->core, NULL, NULL);
	while (control->orders != NULL) {
		order_refused(control->orders, EXIT_FAILED, "", "the host has ended; the outcome is unknown");
	}
	net_owner_stop(control->net, &control->owner);
	socket_remove(control->state);
	free(control->state);
	free(control);
	return NULL;
}
