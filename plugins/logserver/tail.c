/* SPDX-License-Identifier: MIT */
/* Records as they arrive, for those who follow. */
#include <stdlib.h>
#include <string.h>

#include "logserver.h"
#include "proto/proto.h"

#define RING 2048u
#define RING_BYTES (1024u * 1024u)
#define IDLE_US 60000000u /* nobody has asked for so long: nobody follows */

/* The newest records; made when somebody begins to follow. */
struct tail {
	uint64_t asked_us;
	uint64_t first; /* arrival of the oldest; the newest is ls->arrivals */
	uint32_t len;
	size_t bytes;
	struct found entries[RING]; /* the one with arrival a at a % RING */
};

static void oldest_drop(struct tail *tail)
{
	struct found *oldest = &tail->entries[tail->first % RING];

	tail->bytes -= oldest->len;
	free(oldest->record);
	tail->first++;
	tail->len--;
}

void tail_free(struct logserver *ls)
{
	while (ls->tail != NULL && ls->tail->len > 0) {
		oldest_drop(ls->tail);
	}
	free(ls->tail);
	ls->tail = NULL;
}

void tail_add(struct logserver *ls, const uint8_t *place, const void *record, uint32_t len)
{
	struct tail *tail = ls->tail;
	struct found *entry;

	ls->arrivals++;
	if (tail == NULL) {
		return;
	}
	if (ls->h->now_us(ls->h) - tail->asked_us > IDLE_US) {
		tail_free(ls);
		return;
	}
	while (tail->len > 0 && (tail->len == RING || tail->bytes + len > RING_BYTES)) {
		oldest_drop(tail);
	}
	entry = &tail->entries[ls->arrivals % RING];
	*entry = (struct found){ .len = len, .record = malloc(len + 1) };
	if (entry->record == NULL) {
		tail_free(ls);
		return;
	}
	memcpy(entry->place, place, PLACE_SIZE);
	memcpy(entry->record, record, len);
	tail->first = tail->len == 0 ? ls->arrivals : tail->first;
	tail->len++;
	tail->bytes += len;
}

static int wanted(const struct query *query, const struct found *entry)
{
	struct proto_arena arena;
	const Log__Record *record;
	int match;

	proto_arena_init(&arena);
	record = (const Log__Record *)proto_unpack(&log__record__descriptor, entry->record, entry->len, &arena);
	match = record != NULL && query_match_undated(query, record);
	proto_arena_free(&arena);
	return match;
}

uint32_t tail_follow(struct logserver *ls, const struct query *query, uint64_t *arrival, uint64_t *passed,
		     struct found *found, uint32_t max)
{
	struct tail *tail = ls->tail;
	uint64_t next = *arrival + 1;
	uint32_t len = 0;
	size_t bytes = 0;

	if (tail == NULL) {
		tail = ls->tail = calloc(1, sizeof(*tail));
	}
	if (tail == NULL || *arrival == 0) {
		*arrival = ls->arrivals;
	}
	if (tail == NULL) {
		return 0;
	}
	tail->asked_us = ls->h->now_us(ls->h);
	if (next > ls->arrivals || *arrival == ls->arrivals) {
		return 0;
	}
	uint64_t first = tail->len > 0 ? tail->first : ls->arrivals + 1;
	if (next < first) {
		/* of another life of this server nobody knows how many there were */
		*passed += next >= ls->started ? first - next : 0;
		next = first;
	}
	for (; next <= ls->arrivals && len < max && bytes < FOUND_BYTES_MAX; next++) {
		const struct found *entry = &tail->entries[next % RING];

		if (wanted(query, entry)) {
			found[len] = *entry;
			found[len].record = malloc(entry->len + 1);
			if (found[len].record == NULL) {
				break;
			}
			memcpy(found[len].record, entry->record, entry->len);
			bytes += entry->len + PLACE_SIZE + 8;
			len++;
		}
	}
	*arrival = next - 1;
	return len;
}
