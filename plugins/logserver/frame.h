/* SPDX-License-Identifier: MIT */
/* Records that programs outside the cluster send: frames of JSON. The wrapper of jansson for this plugin. */
#ifndef LOGSERVER_FRAME_H
#define LOGSERVER_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "log.pb-c.h"

/*
 * A frame is the length of its text (eight bytes, little-endian), then a JSON object:
 *   {"Lvl":1,"Msg":"...","Host":"...","Timestamp":"2026-11-21T07:26:02.123Z","Error":...,"Data":...,"Seq":7}
 * Lvl: -1 debug, 0 info, 1 warning, 2 error, 3 fatal. Timestamp: RFC 3339, or seconds since 1970. Error and each member
 * of Data are shown beside the text. All may be missing but Msg. Who sends Seq gets a frame {"Ack":7} when the record,
 * and all before it, are stored.
 */
#define FRAME_HEAD 8u
#define FRAME_MAX (64u * 1024u) /* of the text */
#define FRAME_FIELDS_MAX 16u

/* A frame that was read; its record borrows from it. Zeroed = empty. */
struct frame {
	Log__Record record;
	Log__Field fields[FRAME_FIELDS_MAX + 1];
	Log__Field *pointers[FRAME_FIELDS_MAX + 1];
	uint64_t seq; /* 0 = none */
	void *root;	   /* of jansson */
	char *texts[FRAME_FIELDS_MAX + 1]; /* values that had to be written out */
	uint32_t texts_len;
};

/* frame_len: the length of the text behind a head, 0 if it is above FRAME_MAX or nothing. */
size_t frame_len(const uint8_t head[FRAME_HEAD]);
/* frame_parse: 0, to be released with frame_clear; -1 if it is no such object. The record has no time if none was sent. */
int frame_parse(const char *text, size_t len, struct frame *ret_frame);
void frame_clear(struct frame *frame);

#endif
