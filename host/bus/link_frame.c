/* SPDX-License-Identifier: MIT */
/* The head of a frame. */
#include "host/bus/link_frame.h"

#include <string.h>

#include "host/bus/link.h"
#include "host/core/le.h"

#define FLAG_UP 1u
#define FLAG_BYE 2u

void link_head_encode(const struct link_head *head, uint8_t *to)
{
	le_put(to, LINK_VERSION, 1);
	le_put(to + 1, (head->up ? FLAG_UP : 0) | (head->bye ? FLAG_BYE : 0), 1);
	le_put(to + 2, head->count, 2);
	le_put(to + 4, head->credit, 4);
	le_put(to + 8, head->incarnation, 8);
	le_put(to + 16, head->peer_incarnation, 8);
	le_put(to + 24, head->connection, 4);
	le_put(to + 28, head->peer_connection, 4);
	le_put(to + 32, head->number, 8);
	le_put(to + 40, head->first, 8);
	le_put(to + 48, head->next, 8);
	le_put(to + 56, head->gap, 4);
	le_put(to + 60, head->held, 4);
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
		.count = (uint16_t)le_get(bytes + 2, 2),
		.credit = (uint32_t)le_get(bytes + 4, 4),
		.incarnation = le_get(bytes + 8, 8),
		.peer_incarnation = le_get(bytes + 16, 8),
		.connection = (uint32_t)le_get(bytes + 24, 4),
		.peer_connection = (uint32_t)le_get(bytes + 28, 4),
		.number = le_get(bytes + 32, 8),
		.first = le_get(bytes + 40, 8),
		.next = le_get(bytes + 48, 8),
		.gap = (uint32_t)le_get(bytes + 56, 4),
		.held = (uint32_t)le_get(bytes + 60, 4),
	};
	if (head.incarnation == 0 || head.connection == 0) {
		return false;
	}
	*ret_head = head;
	return true;
}
