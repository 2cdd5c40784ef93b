/* SPDX-License-Identifier: MIT */
/* The head of a frame. */
#include "host/bus/link_frame.h"

#include <string.h>

#include "host/bus/link.h"

#define FLAG_UP 1u
#define FLAG_BYE 2u

static void put(uint8_t *to, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		to[i] = (uint8_t)(value >> (8 * i));
	}
}

static uint64_t get(const uint8_t *from, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		value |= (uint64_t)from[i] << (8 * i);
	}
	return value;
}

void link_head_encode(const struct link_head *head, uint8_t *to)
{
	put(to, LINK_VERSION, 1);
	put(to + 1, (head->up ? FLAG_UP : 0) | (head->bye ? FLAG_BYE : 0), 1);
	put(to + 2, head->count, 2);
	put(to + 4, head->credit, 4);
	put(to + 8, head->incarnation, 8);
	put(to + 16, head->peer_incarnation, 8);
	put(to + 24, head->connection, 4);
	put(to + 28, head->peer_connection, 4);
	put(to + 32, head->number, 8);
	put(to + 40, head->first, 8);
	put(to + 48, head->next, 8);
	put(to + 56, head->gap, 4);
	put(to + 60, head->held, 4);
}

bool link_head_decode(const uint8_t *bytes, size_t len, struct link_head *ret_head)
{
	struct link_head head;

	if (len < LINK_HEAD || bytes[0] != LINK_VERSION) {
		return false;
	}
	head = (struct link_head){
		.up = bytes[1] & FLAG_UP,
		.bye = bytes[1] & FLAG_BYE,
		.count = (uint16_t)get(bytes + 2, 2),
		.credit = (uint32_t)get(bytes + 4, 4),
		.incarnation = get(bytes + 8, 8),
		.peer_incarnation = get(bytes + 16, 8),
		.connection = (uint32_t)get(bytes + 24, 4),
		.peer_connection = (uint32_t)get(bytes + 28, 4),
		.number = get(bytes + 32, 8),
		.first = get(bytes + 40, 8),
		.next = get(bytes + 48, 8),
		.gap = (uint32_t)get(bytes + 56, 4),
		.held = (uint32_t)get(bytes + 60, 4),
	};
	if (head.incarnation == 0 || head.connection == 0) {
		return false;
	}
	*ret_head = head;
	return true;
}
