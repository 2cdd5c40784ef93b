/* SPDX-License-Identifier: MIT */
#include "recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "secret/secret.h"
#include "tick.pb-c.h"
#include "worldkey/worldkey.h"

#define FIRST_WORDS "troupe recording "
#define HEAD_SIZE 12u
#define CHECK_SIZE 8u

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

static void check_make(const uint8_t *entry, size_t len, uint8_t ret_check[CHECK_SIZE])
{
	uint8_t hash[SECRET_HASH_SIZE];

	secret_hash(entry, len, hash);
	memcpy(ret_check, hash, CHECK_SIZE);
}

/* --- writing -------------------------------------------------------------------------------------- */

int recording_begin(struct recording_out *to)
{
	to->entries = 0;
	return fprintf(to->out, FIRST_WORDS "%d\n", RECORDING_VERSION) < 0 ? -1 : 0;
}

int recording_add(struct recording_out *to, const void *key, uint32_t key_len, const void *value, uint32_t value_len)
{
	size_t len = HEAD_SIZE + (size_t)key_len + value_len;
	uint8_t *entry = malloc(len + CHECK_SIZE);
	int written;

	if (entry == NULL) {
		return -1;
	}
	number_put(entry, key_len);
	number_put(entry + 4, value_len);
	number_put(entry + 8, to->entries);
	memcpy(entry + HEAD_SIZE, key, key_len);
	memcpy(entry + HEAD_SIZE + key_len, value, value_len);
	check_make(entry, len, entry + len);
	written = fwrite(entry, len + CHECK_SIZE, 1, to->out) == 1;
	free(entry);
	to->entries += written;
	return written ? 0 : -1;
}

int recording_end(struct recording_out *to)
{
	return recording_add(to, "", 0, "", 0);
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

/* What is known of the ticks while the file is read: see the order of entries in recording.h. */
struct progress {
	uint64_t told, told_before; /* in this pass, in the one before */
	uint64_t journal;	    /* the tick of the last entry of this pass's journal, 0 = none yet */
};

/* progress_take: one more entry was read whole. */
static void progress_take(struct progress *p, const struct recording_entry *entry)
{
	static const char journal[] = "world/j/";
	const uint32_t journal_len = sizeof(journal) - 1;
	Tick__Beat *beat;

	if (entry->key_len > journal_len && memcmp(entry->key, journal, journal_len) == 0) {
		worldkey_number(entry->key + journal_len, entry->key_len - journal_len, &p->journal);
	} else if (entry->key_len == strlen(WORLD_KEY_TICK) && memcmp(entry->key, WORLD_KEY_TICK, entry->key_len) == 0) {
		beat = tick__beat__unpack(NULL, entry->value_len, entry->value);
		*p = (struct progress){ .told = beat != NULL ? beat->told : p->told, .told_before = p->told };
		if (beat != NULL) {
			tick__beat__free_unpacked(beat, NULL);
		}
	}
}

/* progress_ready: the last tick of which nothing can be missing, if the next entry is lost and all behind it. */
static uint64_t progress_ready(const struct progress *p)
{
	uint64_t ready = p->journal > 0 ? p->journal - 1 : p->told_before;

	return ready < p->told ? ready : p->told;
}

/* entry_at: the one that begins at `at`, and where the next one does; 0, or -1 if it is not whole. */
static int entry_at(const struct recording *recording, size_t at, size_t len, uint32_t number, struct recording_entry *ret_entry,
		    size_t *ret_next)
{
	const uint8_t *bytes = recording->bytes + at;
	uint8_t check[CHECK_SIZE];
	uint64_t size;

	if (len - at < HEAD_SIZE + CHECK_SIZE) {
		return -1;
	}
	*ret_entry = (struct recording_entry){ .key_len = number_get(bytes), .value_len = number_get(bytes + 4) };
	size = (uint64_t)HEAD_SIZE + ret_entry->key_len + ret_entry->value_len;
	if (number_get(bytes + 8) != number || size + CHECK_SIZE > len - at) {
		return -1;
	}
	check_make(bytes, size, check);
	ret_entry->key = (const char *)bytes + HEAD_SIZE;
	ret_entry->value = bytes + HEAD_SIZE + ret_entry->key_len;
	*ret_next = at + size + CHECK_SIZE;
	return memcmp(check, bytes + size, CHECK_SIZE) == 0 ? 0 : -1;
}

static int entry_keep(struct recording *recording, uint32_t *size, const struct recording_entry *entry)
{
	if (recording->len == *size) {
		uint32_t more = *size == 0 ? 1024 : *size * 2;
		struct recording_entry *grown = realloc(recording->entries, more * sizeof(*grown));

		if (grown == NULL) {
			return -1;
		}
		recording->entries = grown;
		*size = more;
	}
	recording->entries[recording->len++] = *entry;
	return 0;
}

/* entries_read: those of the file, as they came, up to the end or the first that is not whole; -1 without memory. */
static int entries_read(struct recording *recording, size_t at, size_t len)
{
	struct progress progress = { 0 };
	struct recording_entry entry;
	uint32_t size = 0;
	size_t next;

	while (entry_at(recording, at, len, recording->len, &entry, &next) == 0) {
		if (entry.key_len == 0) {
			if (next != len) {
				snprintf(recording->damage, sizeof(recording->damage), "there are bytes behind its end, which is byte %zu", next);
			}
			recording->ready = progress.told;
			return 0;
		}
		if (entry_keep(recording, &size, &entry) != 0) {
			return -1;
		}
		progress_take(&progress, &entry);
		at = next;
	}
	recording->ready = progress_ready(&progress);
	if (at == len) {
		snprintf(recording->damage, sizeof(recording->damage), "it is cut off at byte %zu: its end is missing", at);
	} else {
		snprintf(recording->damage, sizeof(recording->damage), "it is damaged or cut off in the entry at byte %zu", at);
	}
	return 0;
}

/* first_line: how long it is, if it is that of a recording of our version; else 0 after printing why not. */
static size_t first_line(const uint8_t *bytes, size_t len, const char *path)
{
	static const char words[] = FIRST_WORDS;
	const uint8_t *end = memchr(bytes, '\n', len < 64 ? len : 64);
	int version;

	if (end == NULL || len < sizeof(words) || memcmp(bytes, words, sizeof(words) - 1) != 0) {
		fprintf(stderr, "%s: this is no recording: `troupe record` makes one\n", path);
		return 0;
	}
	version = atoi((const char *)bytes + sizeof(words) - 1); /* ends at the line's end */
	if (version < 1) {
		fprintf(stderr, "%s: damaged in its first line: it does not say which version it is\n", path);
		return 0;
	}
	if (version != RECORDING_VERSION) {
		fprintf(stderr, "%s: a recording of version %d, and this program reads version %d: replay it with the one that made it\n",
			path, version, RECORDING_VERSION);
		return 0;
	}
	return (size_t)(end - bytes) + 1;
}

int recording_read(struct recording *recording, const char *path)
{
	size_t len, at;
	uint32_t kept = 0;

	memset(recording, 0, sizeof(*recording));
	recording->bytes = file_read(path, &len);
	at = recording->bytes != NULL ? first_line(recording->bytes, len, path) : 0;
	if (at == 0) {
		return -1;
	}
	if (entries_read(recording, at, len) != 0) {
		fprintf(stderr, "%s: no memory for its entries\n", path);
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
