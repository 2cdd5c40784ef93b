/* SPDX-License-Identifier: MIT */
/* A hierarchical timing wheel. */
#include "host/core/wheel.h"

#include <stddef.h>

#define SPAN 0xffffffffu /* the farthest distance that the levels can tell apart */

static void list_init(struct wheel_node *head)
{
	head->next = head->prev = head;
}

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
	*wheel = (struct wheel){ .now_ms = now_ms };
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++) {
			list_init(&wheel->slots[level][slot]);
		}
	}
}

static void wheel_put(struct wheel *wheel, struct wheel_node *node)
{
	uint64_t at = node->at_ms > wheel->now_ms ? node->at_ms : wheel->now_ms;
	uint64_t far = at - wheel->now_ms;
	unsigned level = far < 1u << 8 ? 0 : far < 1u << 16 ? 1 : far < 1u << 24 ? 2 : 3;

	if (far > SPAN) {
		at = wheel->now_ms + SPAN;
	}
	unsigned slot = (at >> (8 * level)) & 255;
	struct wheel_node *head = &wheel->slots[level][slot];
	node->next = head;
	node->prev = head->prev;
	head->prev->next = node;
	head->prev = node;
	wheel->used[level][slot / 64] |= (uint64_t)1 << (slot % 64);
}

void wheel_start(struct wheel *wheel, struct wheel_node *node, uint64_t at_ms)
{
	node->at_ms = at_ms;
	wheel->count++;
	wheel_put(wheel, node);
}

void wheel_stop(struct wheel *wheel, struct wheel_node *node)
{
	if (node->next == NULL) {
		return;
	}
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = NULL;
	wheel->count--;
}

/* The distance from slot `from` to the first used slot at or after it, going round; WHEEL_SLOTS if there is none. */
static unsigned wheel_scan(struct wheel *wheel, unsigned level, unsigned from)
{
	for (unsigned k = 0; k < WHEEL_SLOTS;) {
		unsigned slot = (from + k) & 255;
		uint64_t word = wheel->used[level][slot / 64] >> (slot % 64);
		if (word == 0) {
			k += 64 - slot % 64;
			continue;
		}
		k += (unsigned)__builtin_ctzll(word);
		if (k >= WHEEL_SLOTS) {
			break;
		}
		slot = (from + k) & 255;
		if (wheel->slots[level][slot].next != &wheel->slots[level][slot]) {
			return k;
		}
		wheel->used[level][slot / 64] &= ~((uint64_t)1 << (slot % 64));
		k++;
	}
	return WHEEL_SLOTS;
}

uint64_t wheel_next(struct wheel *wheel)
{
	uint64_t now = wheel->now_ms, best = UINT64_MAX;

	if (wheel->count == 0) {
		return UINT64_MAX;
	}
	unsigned near = wheel_scan(wheel, 0, now & 255);
	if (near < WHEEL_SLOTS) {
		best = now + near;
	}
	for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
		unsigned shift = 8 * level;
		/* the slot of this very moment still has to move down if the moment is its first */
		uint64_t first = (now >> shift) + ((now & (((uint64_t)1 << shift) - 1)) != 0);
		unsigned away = wheel_scan(wheel, level, first & 255);
		if (away < WHEEL_SLOTS && (first + away) << shift < best) {
			best = (first + away) << shift;
		}
	}
	return best;
}

/* Moves a slot's nodes to where they belong now. */
static void wheel_cascade(struct wheel *wheel, unsigned level)
{
	unsigned slot = (wheel->now_ms >> (8 * level)) & 255;
	struct wheel_node *head = &wheel->slots[level][slot];
	struct wheel_node *node = head->next;

	if (slot == 0 && level + 1 < WHEEL_LEVELS) {
		wheel_cascade(wheel, level + 1);
		node = head->next;
	}
	list_init(head);
	while (node != head) {
		struct wheel_node *next = node->next;
		wheel_put(wheel, node);
		node = next;
	}
}

unsigned wheel_advance(struct wheel *wheel, uint64_t now_ms)
{
	unsigned expired = 0;

	while (wheel->now_ms <= now_ms) {
		uint64_t next = wheel_next(wheel);
		if (next > now_ms) {
			wheel->now_ms = now_ms + 1;
			/* a boundary that lies behind us held nothing, so nothing needs to move down */
			break;
		}
		wheel->now_ms = next;
		if ((next & 255) == 0) {
			wheel_cascade(wheel, 1);
		}
		struct wheel_node due;
		struct wheel_node *head = &wheel->slots[0][next & 255];
		list_init(&due);
		if (head->next != head) {
			due = *head;
			due.next->prev = due.prev->next = &due;
			list_init(head);
		}
		wheel->now_ms = next + 1;
		while (due.next != &due) {
			struct wheel_node *node = due.next;
			wheel_stop(wheel, node);
			expired++;
			node->expire(node);
		}
	}
	return expired;
}
