/* SPDX-License-Identifier: MIT */
#include "recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char first_line[] = "troupe recording 1\n";

int recording_begin(FILE *out)
{
	return fputs(first_line, out) < 0 ? -1 : 0;
}

static void number_put(uint8_t *at, uint32_t number)
{
	for (int i = 0; i < 4; i++) {
		at[i] = (uint8_t)(number >> (8 * i));
	}
}

static uint32_t number_get(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

int recording_add(FILE *out, const void *key, uint32_t key_len, const void *value, uint32_t value_len)
{
	uint8_t head[8];

	number_put(head, key_len);
	number_put(head + 4, value_len);
	return fwrite(head, sizeof(head), 1, out) == 1 && fwrite(key, 1, key_len, out) == key_len &&
			       fwrite(value, 1, value_len, out) == value_len
		       ? 0
		       : -1;
}

/* --- reading -------------------------------------------------------------------------------------- */

static uint8_t *file_read(const char *path, size_t *ret_len)
{
	FILE *in = fopen(path, "rb");
	uint8_t *bytes = NULL;
	long len;

	if (in == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return NULL;
	}
	if (fseek(in, 0, SEEK_END) != 0 || (len = ftell(in)) < 0 || fseek(in, 0, SEEK_SET) != 0 ||
	    (bytes = malloc((size_t)len + 1)) == NULL || fread(bytes, 1, (size_t)len, in) != (size_t)len) {
		fprintf(stderr, "%s: it cannot be read\n", path);
		free(bytes);
		fclose(in);
		return NULL;
	}
	fclose(in);
	*ret_len = (size_t)len;
	return bytes;
}

static int key_order(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int entry_order(const void *a, const void *b)
{
	const struct recording_entry *x = a, *y = b;
	int order = key_order(x->key, x->key_len, y->key, y->key_len);

	return order != 0 ? order : (x->value > y->value) - (x->value < y->value); /* as they came */
}

/* entries_read: those of the file, as they came; -1 if it ends within one. */
static int entries_read(struct recording *recording, size_t len)
{
	size_t at = sizeof(first_line) - 1;
	uint32_t size = 0;

	while (at < len) {
		struct recording_entry *entry;
		uint32_t key_len, value_len;

		if (len - at < 8) {
			return -1;
		}
		key_len = number_get(recording->bytes + at);
		value_len = number_get(recording->bytes + at + 4);
		at += 8;
		if (key_len > len - at || value_len > len - at - key_len) {
			return -1;
		}
		if (recording->len == size) {
			size = size == 0 ? 1024 : size * 2;
			entry = realloc(recording->entries, size * sizeof(*entry));
			if (entry == NULL) {
				return -1;
			}
			recording->entries = entry;
		}
		recording->entries[recording->len++] =
			(struct recording_entry){ .key = (const char *)recording->bytes + at,
						  .value = recording->bytes + at + key_len,
						  .key_len = key_len,
						  .value_len = value_len };
		at += (size_t)key_len + value_len;
	}
	return 0;
}

int recording_read(struct recording *recording, const char *path)
{
	size_t len;
	uint32_t kept = 0;

	memset(recording, 0, sizeof(*recording));
	recording->bytes = file_read(path, &len);
	if (recording->bytes == NULL) {
		return -1;
	}
	if (len < sizeof(first_line) - 1 || memcmp(recording->bytes, first_line, sizeof(first_line) - 1) != 0) {
		fprintf(stderr, "%s: this is no recording: `troupe record` makes one\n", path);
		return -1;
	}
	if (entries_read(recording, len) != 0) {
		fprintf(stderr, "%s: the recording is cut off: its last entry is not whole\n", path);
		return -1;
	}
	if (recording->len > 1) {
		qsort(recording->entries, recording->len, sizeof(*recording->entries), entry_order);
	}
	for (uint32_t i = 0; i < recording->len; i++) {
		const struct recording_entry *entry = &recording->entries[i];

		if (i + 1 < recording->len && key_order(entry->key, entry->key_len, entry[1].key, entry[1].key_len) == 0) {
			continue; /* a later one replaces it */
		}
		recording->entries[kept++] = *entry;
	}
	recording->len = kept;
	return 0;
}

void recording_free(struct recording *recording)
{
	free(recording->entries);
	free(recording->bytes);
	memset(recording, 0, sizeof(*recording));
}

/* --- looking -------------------------------------------------------------------------------------- */

uint32_t recording_find(const struct recording *recording, const char *prefix)
{
	uint32_t from = 0, to = recording->len, len = (uint32_t)strlen(prefix);

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		const struct recording_entry *entry = &recording->entries[middle];

		if (key_order(entry->key, entry->key_len, prefix, len) < 0) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from;
}

int recording_under(const struct recording *recording, uint32_t index, const char *prefix)
{
	uint32_t len = (uint32_t)strlen(prefix);

	return index < recording->len && recording->entries[index].key_len >= len &&
	       memcmp(recording->entries[index].key, prefix, len) == 0;
}

const struct recording_entry *recording_get(const struct recording *recording, const char *key)
{
	uint32_t at = recording_find(recording, key);

	return recording_under(recording, at, key) && recording->entries[at].key_len == strlen(key) ? &recording->entries[at]
												     : NULL;
}
