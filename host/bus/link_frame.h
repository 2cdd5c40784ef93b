/* SPDX-License-Identifier: MIT */
/* What stands before the messages of a frame between two hosts. */
#ifndef HOST_BUS_LINK_FRAME_H
#define HOST_BUS_LINK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_VERSION 1u

/*
 * LINK_HEAD bytes, every number little-endian, then `count` messages as troupe/message.h lays them out:
 *
 *   0 u8  version (1)      1 u8  flags: 1 = up, 2 = bye         2 u16 count     4 u32 credit
 *   8 u64 incarnation     16 u64 the peer's incarnation        24 u32 connection  28 u32 the peer's connection
 *  32 u64 number          40 u64 first                         48 u64 next        56 u32 gap        60 u32 held
 */
struct link_head {
	bool up;	  /* the sender's connection is up: without it only who speaks to whom counts */
	bool bye;	  /* the sender's process ends */
	uint16_t count;	  /* messages that follow */
	uint32_t credit;  /* bytes from `next` on that the sender takes */
	uint64_t incarnation, peer_incarnation; /* 0 = not known */
	uint32_t connection, peer_connection;	/* 0 = not known */
	uint64_t number;  /* of the frame within the sender's connection, from 1 */
	uint64_t first;	  /* sequence number of the first message, from 1 */
	uint64_t next;	  /* sequence number that the sender expects: all before it have arrived */
	uint32_t held;	  /* microseconds since the message before `next` arrived: no part of the trip */
	uint32_t gap;	  /* messages missing from `next` on, before one that has arrived; 0 = none known */
};

/* link_head_encode writes LINK_HEAD bytes. [any] */
void link_head_encode(const struct link_head *head, uint8_t *ret_bytes);

/* link_head_decode reads a head; false when it is cut, of another version, or has no sender. [any] */
bool link_head_decode(const uint8_t *bytes, size_t len, struct link_head *ret_head);

#endif
