/* SPDX-License-Identifier: MIT */
/* Frames of JSON. */
#include "frame.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "troupe/host.h"

#define HOST_MAX 100u
#define NAME_MAX_BYTES 64u

size_t frame_len(const uint8_t head[FRAME_HEAD])
{
	uint64_t len = 0;

	for (unsigned i = 0; i < FRAME_HEAD; i++) {
		len |= (uint64_t)head[i] << (8 * i);
	}
	return len <= FRAME_MAX ? (size_t)len : 0;
}

/* The text of a value; what is no string is written out and lives in the frame. */
static char *value_text(struct frame *frame, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		return (char *)json_string_value(value);
	}
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text != NULL) {
		frame->texts[frame->texts_len++] = text;
	}
	return text;
}

static void field_add(struct frame *frame, const char *name, const json_t *value)
{
	size_t at = frame->record.n_fields;
	char *text;

	if (value == NULL || json_is_null(value) || at > FRAME_FIELDS_MAX || strlen(name) > NAME_MAX_BYTES) {
		return;
	}
	text = value_text(frame, value);
	if (text == NULL) {
		return;
	}
	log__field__init(&frame->fields[at]);
	frame->fields[at].name = (char *)name;
	frame->fields[at].value = text;
	frame->pointers[at] = &frame->fields[at];
	frame->record.fields = frame->pointers;
	frame->record.n_fields = at + 1;
}

/* 0, or -1: it is no level. */
static int level_read(struct frame *frame, const json_t *value)
{
	static const uint32_t levels[] = { TROUPE_LOG_DEBUG, TROUPE_LOG_INFO, TROUPE_LOG_WARNING, TROUPE_LOG_ERROR,
					   TROUPE_LOG_ERROR };
	json_int_t level = json_integer_value(value);

	if (value != NULL && (!json_is_integer(value) || level < -1 || level > 3)) {
		return -1;
	}
	frame->record.has_level = 1;
	frame->record.level = levels[level + 1];
	if (level == 3) {
		frame->record.code = (char *)"FATAL";
	}
	return 0;
}

static int time_read(struct frame *frame, const json_t *value)
{
	int64_t ms = -1;

	if (value == NULL) {
		return 0;
	}
	if (json_is_string(value)) {
		ms = date_rfc3339(json_string_value(value));
	} else if (json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) < 1e11) {
		ms = (int64_t)(json_number_value(value) * 1000);
	}
	frame->record.has_time_ms = 1;
	frame->record.time_ms = (uint64_t)ms;
	return ms < 0 ? -1 : 0;
}

static int members_read(struct frame *frame, const json_t *root)
{
	const json_t *text = json_object_get(root, "Msg"), *host = json_object_get(root, "Host");
	const json_t *seq = json_object_get(root, "Seq"), *data = json_object_get(root, "Data");
	const char *name;
	json_t *value;

	if (!json_is_string(text) || (host != NULL && (!json_is_string(host) || json_string_length(host) > HOST_MAX)) ||
	    (seq != NULL && (!json_is_integer(seq) || json_integer_value(seq) < 1)) ||
	    level_read(frame, json_object_get(root, "Lvl")) != 0 || time_read(frame, json_object_get(root, "Timestamp")) != 0) {
		return -1;
	}
	frame->record.text = (char *)json_string_value(text);
	frame->record.host = (char *)(host != NULL ? json_string_value(host) : "");
	frame->seq = (uint64_t)json_integer_value(seq);
	field_add(frame, "error", json_object_get(root, "Error"));
	if (!json_is_object(data)) {
		field_add(frame, "data", data);
		return 0;
	}
	json_object_foreach((json_t *)data, name, value) {
		field_add(frame, name, value);
	}
	return 0;
}

int frame_parse(const char *text, size_t len, struct frame *ret_frame)
{
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	memset(ret_frame, 0, sizeof(*ret_frame));
	log__record__init(&ret_frame->record);
	ret_frame->root = root;
	if (!json_is_object(root) || members_read(ret_frame, root) != 0) {
		frame_clear(ret_frame);
		return -1;
	}
	return 0;
}

void frame_clear(struct frame *frame)
{
	for (uint32_t i = 0; i < frame->texts_len; i++) {
		free(frame->texts[i]);
	}
	json_decref(frame->root);
	frame->root = NULL;
	frame->texts_len = 0;
}
