/* SPDX-License-Identifier: MIT */
/* The log. */
#include "host/obs/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/obs/log_limit.h"
#include "host/obs/text.h"

#define LINE_MAX_BYTES 4096u /* PIPE_BUF: what a pipe that polls writable takes without blocking (pipe(7)) */
#define TEXT_MAX_BYTES 2048u /* of a line's text, before quoting */
#define BACKLOG_MAX (256u * 1024u)
#define LINES_PER_SECOND 5000u
#define CLOSE_MS 1000

static struct {
	pthread_mutex_t mutex;
	bool json, socket;
	int fd;
	char host[64];
	struct limit_table limits;
	struct log_counts counts;
	char *backlog; /* while the reader does not read */
	size_t backlog_at, backlog_len;
	uint64_t dropped_untold;
	int64_t second; /* of the rate */
	uint32_t second_lines;
	uint32_t limit; /* lines above this level are left out; 0 = none */
	void (*tap)(void *arg, const struct log_line *line, uint64_t time_ms);
	void *tap_arg;
} state = { .mutex = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO };

static const char *const level_names[] = { "", "error", "warning", "notice", "info", "debug" };

const char *log_level_name(uint32_t level)
{
	return level_names[level <= TROUPE_LOG_DEBUG ? level : 0];
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* --- out ---------------------------------------------------------------------------------------- */

/* Writes what the reader takes without making us wait; returns how many bytes, 0 if none. */
static size_t try_write(const char *bytes, size_t len, int wait_ms)
{
	struct pollfd poll_fd = { .fd = state.fd, .events = POLLOUT };
	ssize_t done;

	if (poll(&poll_fd, 1, wait_ms) != 1 || !(poll_fd.revents & POLLOUT)) {
		/* a reader that is gone for ever takes everything */
		return poll_fd.revents & (POLLERR | POLLNVAL) ? len : 0;
	}
	if (state.socket) {
		done = send(state.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		done = write(state.fd, bytes, len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);
	}
	if (done < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : len;
	}
	return (size_t)done;
}

static void backlog_try(int wait_ms)
{
	while (state.backlog_len > 0) {
		size_t done = try_write(state.backlog + state.backlog_at, state.backlog_len, wait_ms);
		if (done == 0) {
			return;
		}
		state.backlog_at += done;
		state.backlog_len -= done;
	}
	free(state.backlog);
	state.backlog = NULL;
	state.backlog_at = 0;
}

static void backlog_keep(const char *bytes, size_t len)
{
	if (state.backlog == NULL) {
		state.backlog = malloc(BACKLOG_MAX);
		state.backlog_at = state.backlog_len = 0;
	}
	if (state.backlog == NULL || state.backlog_len + len > BACKLOG_MAX) {
		state.counts.dropped++;
		state.dropped_untold++;
		return;
	}
	if (state.backlog_at + state.backlog_len + len > BACKLOG_MAX) {
		memmove(state.backlog, state.backlog + state.backlog_at, state.backlog_len);
		state.backlog_at = 0;
	}
	memcpy(state.backlog + state.backlog_at + state.backlog_len, bytes, len);
	state.backlog_len += len;
}

static void emit(const char *bytes, size_t len)
{
	backlog_try(0);
	if (state.backlog_len > 0) {
		backlog_keep(bytes, len);
		return;
	}
	size_t done = try_write(bytes, len, 0);
	if (done < len) {
		backlog_keep(bytes + done, len - done);
	}
}

/* --- form --------------------------------------------------------------------------------------- */

static void format_json(struct text *out, const struct log_line *line, const char *stamp)
{
	text_put(out, "{");
	text_member(out, "ts", stamp);
	text_member(out, "level", log_level_name(line->level));
	const struct {
		const char *name, *value;
	} members[] = { { "host", state.host },	      { "part", line->part }, { "role", line->role },
			{ "instance", line->instance }, { "code", line->code }, { "order", line->order } };
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		if (members[i].value != NULL && members[i].value[0] != '\0') {
			text_format(out, ",\"%s\":", members[i].name);
			text_json(out, members[i].value, 96);
		}
	}
	if (line->account != 0) {
		/* a string: JavaScript's numbers end at 2^53 */
		text_format(out, ",\"account\":\"%llu\"", (unsigned long long)line->account);
	}
}

static void format_text(struct text *out, const struct log_line *line, const char *stamp)
{
	/* of the date and time only the time: a person watches */
	text_format(out, "%.12s %-7s %s: ", stamp + 11, log_level_name(line->level),
		    line->instance != NULL ? line->instance : "troupe");
	if (line->code != NULL && line->code[0] != '\0') {
		text_format(out, "[%.16s] ", line->code);
	}
	for (const char *p = line->text; *p != '\0' && (size_t)(p - line->text) < TEXT_MAX_BYTES; p++) {
		char c = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
		text_add(out, &c, 1);
	}
	if (line->account != 0) {
		text_format(out, " account=%llu", (unsigned long long)line->account);
	}
	if (line->order != NULL && line->order[0] != '\0') {
		text_format(out, " order=%.64s", line->order);
	}
}

static void format_trace(struct text *out, const uint8_t *trace)
{
	static const uint8_t none[TROUPE_TRACE_SIZE];

	if (trace == NULL || memcmp(trace, none, sizeof(none)) == 0) {
		return;
	}
	text_put(out, state.json ? ",\"trace\":\"" : " trace=");
	for (unsigned i = 0; i < TROUPE_TRACE_SIZE; i++) {
		text_format(out, "%02x", trace[i]);
	}
	text_put(out, state.json ? "\"" : "");
}

/* "2026-11-21T07:26:02.123Z" */
static uint64_t stamp_now(char stamp[64])
{
	struct timespec now;
	struct tm tm;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp, 64, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void line_emit(const struct log_line *line)
{
	char space[LINE_MAX_BYTES], stamp[64];
	struct text out;
	uint64_t time_ms = stamp_now(stamp);

	text_init_fixed(&out, space, sizeof(space) - 1);
	if (!state.json) {
		format_text(&out, line, stamp);
		format_trace(&out, line->trace);
	} else {
		size_t max = TEXT_MAX_BYTES;
		/* escapes can make it too long: then less of the text */
		do {
			text_init_fixed(&out, space, sizeof(space) - 1);
			format_json(&out, line, stamp);
			format_trace(&out, line->trace);
			text_put(&out, ",\"text\":");
			text_json(&out, line->text, max);
			text_put(&out, "}");
			max /= 2;
		} while (out.failed && max > 0);
	}
	space[out.len] = '\n';
	emit(space, out.len + 1);
	if (state.tap != NULL && !line->here && line->level < TROUPE_LOG_DEBUG) {
		state.tap(state.tap_arg, line, time_ms);
	}
	state.counts.written[line->level <= TROUPE_LOG_DEBUG ? line->level : 0]++;
}

static void told_emit(const struct limit_entry *told)
{
	char text[LIMIT_TEXT + 64];

	snprintf(text, sizeof(text), "%u more in 10 s: %s", told->repeats, told->text);
	line_emit(&(struct log_line){ .level = told->level, .instance = told->instance, .part = told->part,
				      .role = told->role, .code = told->code, .text = text });
}

static void dropped_emit(void)
{
	char text[96];

	if (state.dropped_untold == 0 || state.backlog_len > 0) {
		return;
	}
	snprintf(text, sizeof(text), "%llu lines of the log were dropped",
		 (unsigned long long)state.dropped_untold);
	state.dropped_untold = 0;
	line_emit(&(struct log_line){ .level = TROUPE_LOG_WARNING, .instance = "log", .text = text });
}

/* More lines in one second than anybody reads only help those who want to hide something. */
static bool rate_admit(const struct log_line *line, uint64_t now_ms)
{
	if (state.second != (int64_t)(now_ms / 1000)) {
		state.second = (int64_t)(now_ms / 1000);
		state.second_lines = 0;
	}
	if (line->always || ++state.second_lines <= LINES_PER_SECOND) {
		return true;
	}
	state.counts.dropped++;
	state.dropped_untold++;
	return false;
}

/* --- the functions -------------------------------------------------------------------------------- */

void log_limit(uint32_t level)
{
	pthread_mutex_lock(&state.mutex);
	state.limit = level;
	pthread_mutex_unlock(&state.mutex);
}

void log_tap(void (*fn)(void *arg, const struct log_line *line, uint64_t time_ms), void *arg)
{
	pthread_mutex_lock(&state.mutex);
	state.tap = fn;
	state.tap_arg = arg;
	pthread_mutex_unlock(&state.mutex);
}

void log_write(const struct log_line *line)
{
	uint64_t now_ms = monotonic_ms();
	struct limit_entry told;
	bool admitted = true;

	pthread_mutex_lock(&state.mutex);
	if (!line->always && state.limit != 0 && line->level > state.limit) {
		admitted = false;
	} else if (!line->always && line->level < TROUPE_LOG_DEBUG) {
		admitted = limit_admit(&state.limits, line, now_ms, &told);
		state.counts.suppressed += !admitted;
		if (told.repeats > 0) {
			told_emit(&told);
		}
	}
	if (admitted && rate_admit(line, now_ms)) {
		dropped_emit();
		line_emit(line);
	}
	pthread_mutex_unlock(&state.mutex);
}

void log_text(uint32_t level, const char *instance, const char *format, ...)
{
	char text[TEXT_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_write(&(struct log_line){ .level = level, .instance = instance, .text = text });
}

static void over_emit(uint64_t now_ms)
{
	struct limit_entry told;
	uint32_t at = 0;

	while (limit_over(&state.limits, now_ms, &at, &told)) {
		told_emit(&told);
	}
}

void log_tick(void)
{
	pthread_mutex_lock(&state.mutex);
	over_emit(monotonic_ms());
	backlog_try(0);
	dropped_emit();
	pthread_mutex_unlock(&state.mutex);
}

void log_open(const struct log_setup *setup)
{
	int type;
	socklen_t len = sizeof(type);

	pthread_mutex_lock(&state.mutex);
	state.fd = setup->fd;
	state.json = setup->form == LOG_JSON || (setup->form == LOG_AUTO && !isatty(setup->fd));
	state.socket = getsockopt(setup->fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
	snprintf(state.host, sizeof(state.host), "%s", setup->host != NULL ? setup->host : "");
	pthread_mutex_unlock(&state.mutex);
}

void log_close(void)
{
	uint64_t until_ms = monotonic_ms() + CLOSE_MS;

	pthread_mutex_lock(&state.mutex);
	over_emit(UINT64_MAX);
	while (state.backlog_len > 0 && monotonic_ms() < until_ms) {
		backlog_try(50);
	}
	dropped_emit();
	free(state.backlog);
	state.backlog = NULL;
	state.backlog_at = state.backlog_len = 0;
	state.dropped_untold = 0;
	memset(&state.limits, 0, sizeof(state.limits));
	state.json = state.socket = false;
	state.fd = STDERR_FILENO;
	pthread_mutex_unlock(&state.mutex);
}

void log_counts_read(struct log_counts *ret_counts)
{
	pthread_mutex_lock(&state.mutex);
	*ret_counts = state.counts;
	pthread_mutex_unlock(&state.mutex);
}
