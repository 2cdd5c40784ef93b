/* SPDX-License-Identifier: MIT */
/* The books of `bounce` instances. */
#include "tests/bus/books.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "troupe/status.h"

/* What both sides wrote about one call. */
struct books_call {
	uint64_t key; /* 0 = free */
	uint64_t sent_us;
	uint8_t sent, ended, cancelled, executed, status, away;
};

static void violation(struct books *books, const char *format, ...)
{
	va_list args;

	if (books->violations++ == 0) {
		va_start(args, format);
		vsnprintf(books->first, sizeof(books->first), format, args);
		va_end(args);
	}
}

static struct books_call *find(struct books *books, uint64_t key)
{
	uint64_t at = (key * 0x9e3779b97f4a7c15u >> 20) % books->calls_size;

	while (books->calls[at].key != 0 && books->calls[at].key != key) {
		at = (at + 1) % books->calls_size;
	}
	return &books->calls[at];
}

static void grow(struct books *books)
{
	struct books_call *old = books->calls;
	uint64_t old_size = books->calls_size;

	books->calls_size = old_size == 0 ? 1u << 16 : 2 * old_size;
	books->calls = calloc(books->calls_size, sizeof(*books->calls));
	if (books->calls == NULL) {
		abort();
	}
	for (uint64_t i = 0; i < old_size; i++) {
		if (old[i].key != 0) {
			*find(books, old[i].key) = old[i];
		}
	}
	free(old);
}

static struct books_call *call_of(struct books *books, uint64_t key)
{
	if (2 * books->calls_len >= books->calls_size) {
		grow(books);
	}
	struct books_call *call = find(books, key);
	books->calls_len += call->key == 0;
	call->key = key;
	return call;
}

#define NAME "call %u>%u life %u number %u"
#define NAME_OF(key) \
	bounce_caller(key), bounce_callee(key), (unsigned)bounce_life(key), (unsigned)((key) & 0xffffffff)

static void end_note(struct books *books, struct books_call *call, const struct bounce_record *record)
{
	uint64_t took_us = record->time_us - call->sent_us;

	if (!call->sent || call->ended || call->cancelled) {
		violation(books, NAME " ended, %s", NAME_OF(record->key),
			  !call->sent ? "which was never sent" : call->ended ? "again" : "after it was cancelled");
	}
	if (took_us > BOOKS_OPEN_MAX_US) {
		violation(books, NAME " took %u ms", NAME_OF(record->key), (unsigned)(took_us / 1000));
	}
	if (took_us > books->longest_us) {
		books->longest_us = took_us;
	}
	call->ended = 1;
	call->status = record->status;
	call->away = record->away;
	if (record->status == TROUPE_OK) {
		uint64_t *ok_us = &books->ok_us[bounce_caller(record->key)][bounce_callee(record->key)];
		*ok_us = call->sent_us > *ok_us ? call->sent_us : *ok_us;
	}
}

static void record_take(struct books *books, unsigned writer, const struct bounce_record *record)
{
	struct books_call *call;

	books->quiet[writer] = record->kind == BOUNCE_QUIET || (books->quiet[writer] && record->kind == BOUNCE_EXECUTED);
	switch (record->kind) {
	case BOUNCE_BEGIN:
		books->lives[writer] = (uint32_t)record->key;
		break;
	case BOUNCE_SENT:
		call = call_of(books, record->key);
		call->sent = 1;
		call->sent_us = record->time_us;
		break;
	case BOUNCE_ENDED:
		end_note(books, call_of(books, record->key), record);
		break;
	case BOUNCE_CANCELLED:
		call_of(books, record->key)->cancelled = 1;
		break;
	case BOUNCE_EXECUTED:
		call_of(books, record->key)->executed++;
		break;
	case BOUNCE_DISORDER:
		violation(books, NAME " came out of order or again", NAME_OF(record->key));
		break;
	default:
		break;
	}
}

void books_read(struct books *books)
{
	struct bounce_record records[512];

	for (unsigned i = 0; i < books->instances_len; i++) {
		ssize_t n;
		while ((n = read(books->logs[i], records, sizeof(records))) > 0) {
			size_t part = (size_t)n % sizeof(records[0]);
			for (size_t r = 0; r < (size_t)n / sizeof(records[0]); r++) {
				record_take(books, i, &records[r]);
			}
			if (part > 0) {
				lseek(books->logs[i], -(off_t)part, SEEK_CUR);
				break;
			}
		}
	}
}

static void judge(struct books *books, const struct books_call *call)
{
	const bool alive = bounce_life(call->key) == books->lives[bounce_caller(call->key) % BOUNCE_INSTANCES];

	if (!call->sent) {
		violation(books, NAME " was executed and never sent", NAME_OF(call->key));
	}
	if (call->executed > 1) {
		violation(books, NAME " was executed %u times", NAME_OF(call->key), call->executed);
	}
	if (call->cancelled) {
		books->cancelled++;
	} else if (!call->ended) {
		books->cut_off++;
		if (alive) {
			violation(books, NAME " never ended", NAME_OF(call->key));
		}
	} else if (call->status == TROUPE_OK) {
		books->done++;
		if (!call->executed) {
			violation(books, NAME " was answered OK and not executed", NAME_OF(call->key));
		}
	} else if (call->away || troupe_outcome_of(call->status) == TROUPE_REFUSED) {
		books->refused += !call->away;
		books->away += call->away;
		if (call->executed) {
			violation(books, NAME " was refused with status %u and executed", NAME_OF(call->key), call->status);
		}
	} else {
		books->unknown++;
	}
}

void books_judge(struct books *books)
{
	for (uint64_t i = 0; i < books->calls_size; i++) {
		if (books->calls[i].key != 0) {
			books->sent += books->calls[i].sent;
			books->executed += books->calls[i].executed;
			judge(books, &books->calls[i]);
		}
	}
}

void books_open(struct books *books, const char *folder, unsigned instances_len)
{
	char path[256];

	*books = (struct books){ .instances_len = instances_len };
	grow(books);
	for (unsigned i = 0; i < instances_len; i++) {
		snprintf(path, sizeof(path), "%s/%u.log", folder, i);
		books->logs[i] = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
		if (books->logs[i] < 0) {
			perror(path);
			exit(1);
		}
	}
}

void books_close(struct books *books)
{
	for (unsigned i = 0; i < books->instances_len; i++) {
		close(books->logs[i]);
	}
	free(books->calls);
}
