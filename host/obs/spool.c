/* SPDX-License-Identifier: MIT */
/* The spool. */
#include "host/obs/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/core/le.h"
#include "troupe/message.h"

#define HEAD 24u
#define RECORD_HEAD 16u
#define SEGMENTS_MAX 64u
#define SEGMENT_BYTES (1u << 20)
#define KEEP_BYTES 65536u /* a segment that is done with goes on being filled up to this */
#define CHUNK (2u * (SPOOL_RECORD_MAX + RECORD_HEAD))

static const char magic[8] = { 'T', 'R', 'S', 'P', 'O', 'O', 'L', '1' };

struct segment {
	uint64_t first; /* its name */
	uint64_t last;	/* number of its newest record, 0 = empty */
	uint64_t bytes;
};

struct spool {
	int folder;
	int fd; /* of the newest segment; -1 = none is open */
	uint64_t id, last, trimmed, bytes, max;
	struct segment segments[SEGMENTS_MAX]; /* by `first` */
	unsigned segments_len, cut;
	/* where the last spool_read ended: after this number, at that place in that segment */
	uint64_t read_after, read_first, read_at;
	uint8_t chunk[CHUNK];
};

/* --- numbers and names ---------------------------------------------------------------------------- */

/* The sum over number and bytes, which lie behind each other. */
static uint32_t sum_of(const uint8_t *record, size_t len)
{
	return troupe_fnv32(record + 8, 8 + len);
}

static void name_of(uint64_t first, char ret_name[32])
{
	snprintf(ret_name, 32, "%016llx.log", (unsigned long long)first);
}

static int segment_open(const struct spool *spool, const struct segment *segment, int flags)
{
	char name[32];
	int fd;

	name_of(segment->first, name);
	fd = openat(spool->folder, name, flags | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

/* --- records of a segment ------------------------------------------------------------------------- */

/*
 * Calls `each` for the whole records of a segment from *at on, and moves *at behind the last that was taken. 0 at the end
 * or when `each` has enough, -EBADMSG at something that is no record.
 */
static int records_walk(struct spool *spool, int fd, uint64_t *at, spool_each_fn each, void *arg)
{
	for (;;) {
		ssize_t got = pread(fd, spool->chunk, CHUNK, (off_t)*at);
		size_t done = 0, have = got > 0 ? (size_t)got : 0;

		while (have - done >= RECORD_HEAD) {
			const uint8_t *record = spool->chunk + done;
			size_t len = le_get(record, 4);

			if (len == 0 || len > SPOOL_RECORD_MAX) {
				return -EBADMSG;
			}
			if (have - done < RECORD_HEAD + len) {
				break;
			}
			if (le_get(record + 4, 4) != sum_of(record, len)) {
				return -EBADMSG;
			}
			if (!each(arg, le_get(record + 8, 8), record + RECORD_HEAD, len)) {
				return 0;
			}
			done += RECORD_HEAD + len;
			*at += RECORD_HEAD + len;
		}
		if (have < CHUNK) {
			return done < have ? -EBADMSG : 0;
		}
		if (done == 0) {
			return -EBADMSG;
		}
	}
}

/* --- opening -------------------------------------------------------------------------------------- */

static int segment_order(const void *a, const void *b)
{
	uint64_t x = ((const struct segment *)a)->first, y = ((const struct segment *)b)->first;

	return x < y ? -1 : x > y;
}

static bool note_last(void *arg, uint64_t number, const uint8_t *bytes, size_t len)
{
	struct segment *segment = arg;

	(void)bytes, (void)len;
	segment->last = number;
	return true;
}

/* Reads a segment through, and cuts off what is not whole. False: it is none of this spool, and is removed. */
static bool segment_recover(struct spool *spool, struct segment *segment)
{
	uint8_t head[HEAD];
	uint64_t at = HEAD;
	struct stat st;
	int fd = segment_open(spool, segment, O_RDWR);
	bool fine = fd >= 0 && pread(fd, head, HEAD, 0) == HEAD && memcmp(head, magic, 8) == 0 &&
		    le_get(head + 16, 8) == segment->first && (spool->id == 0 || le_get(head + 8, 8) == spool->id) &&
		    fstat(fd, &st) == 0;

	if (fine) {
		spool->id = le_get(head + 8, 8);
		records_walk(spool, fd, &at, note_last, segment);
		if ((uint64_t)st.st_size > at) {
			spool->cut++;
			fine = ftruncate(fd, (off_t)at) == 0;
		}
		segment->bytes = at;
	}
	if (fd >= 0) {
		close(fd);
	}
	return fine && segment->last != 0;
}

static void segment_remove(struct spool *spool, unsigned at)
{
	char name[32];

	name_of(spool->segments[at].first, name);
	unlinkat(spool->folder, name, 0);
	spool->bytes -= spool->segments[at].bytes;
	spool->segments_len--;
	memmove(spool->segments + at, spool->segments + at + 1, (spool->segments_len - at) * sizeof(*spool->segments));
	if (at == spool->segments_len && spool->fd >= 0) {
		close(spool->fd);
		spool->fd = -1;
	}
}

static int recover(struct spool *spool)
{
	DIR *dir = fdopendir(dup(spool->folder));
	struct dirent *entry;

	if (dir == NULL) {
		return -errno;
	}
	while ((entry = readdir(dir)) != NULL && spool->segments_len < SEGMENTS_MAX) {
		char *end;
		unsigned long long first = strtoull(entry->d_name, &end, 16);
		if (end == entry->d_name + 16 && strcmp(end, ".log") == 0) {
			spool->segments[spool->segments_len++] = (struct segment){ .first = first };
		}
	}
	closedir(dir);
	qsort(spool->segments, spool->segments_len, sizeof(*spool->segments), segment_order);
	/* the newest says whose they are */
	for (unsigned i = spool->segments_len; i-- > 0;) {
		struct segment *segment = &spool->segments[i];
		if (segment_recover(spool, segment)) {
			spool->bytes += segment->bytes;
			spool->last = segment->last > spool->last ? segment->last : spool->last;
		} else {
			spool->bytes += segment->bytes;
			segment_remove(spool, i);
		}
	}
	return 0;
}

int spool_open(const char *folder, uint64_t max, struct spool **ret_spool)
{
	struct spool *spool = calloc(1, sizeof(*spool));
	int r = 0;

	if (spool == NULL) {
		return -ENOMEM;
	}
	spool->fd = -1;
	spool->max = max;
	if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
		r = -errno;
	}
	spool->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && (spool->folder < 0 || faccessat(spool->folder, ".", W_OK | X_OK, 0) < 0)) {
		r = -errno;
	}
	r = r == 0 ? recover(spool) : r;
	while (r == 0 && spool->id == 0) {
		if (getrandom(&spool->id, sizeof(spool->id), 0) != sizeof(spool->id)) {
			r = -EIO;
		}
	}
	if (r < 0) {
		spool_close(spool);
		return r;
	}
	*ret_spool = spool;
	return 0;
}

struct spool *spool_close(struct spool *spool)
{
	if (spool != NULL) {
		if (spool->fd >= 0) {
			close(spool->fd);
		}
		if (spool->folder >= 0) {
			close(spool->folder);
		}
		free(spool);
	}
	return NULL;
}

uint64_t spool_id(const struct spool *spool)
{
	return spool->id;
}

uint64_t spool_last(const struct spool *spool)
{
	return spool->last;
}

uint64_t spool_bytes(const struct spool *spool)
{
	return spool->bytes;
}

unsigned spool_cut(const struct spool *spool)
{
	return spool->cut;
}

/* --- writing -------------------------------------------------------------------------------------- */

static uint64_t segment_max(const struct spool *spool)
{
	return spool->max / 8 < SEGMENT_BYTES ? spool->max / 8 : SEGMENT_BYTES;
}

struct counting {
	uint64_t after, count;
};

static bool count_after(void *arg, uint64_t number, const uint8_t *bytes, size_t len)
{
	struct counting *counting = arg;

	(void)bytes, (void)len;
	counting->count += number > counting->after;
	return true;
}

/* The oldest segment makes room. Returns how many of its records nobody has taken. */
static uint64_t oldest_drop(struct spool *spool)
{
	struct counting counting = { .after = spool->trimmed };
	uint64_t at = HEAD;
	int fd = segment_open(spool, &spool->segments[0], O_RDONLY);

	if (fd >= 0) {
		records_walk(spool, fd, &at, count_after, &counting);
		close(fd);
	}
	segment_remove(spool, 0);
	return counting.count;
}

/* Makes sure that the newest segment is open and has room. */
static int segment_ready(struct spool *spool, uint64_t number, size_t len)
{
	struct segment *newest = spool->segments_len > 0 ? &spool->segments[spool->segments_len - 1] : NULL;
	uint8_t head[HEAD];
	int fd;

	if (newest != NULL && newest->bytes + len > segment_max(spool) && newest->last != 0) {
		spool_sync(spool);
		if (spool->fd >= 0) {
			close(spool->fd);
			spool->fd = -1;
		}
		newest = NULL;
	}
	if (newest != NULL) {
		fd = spool->fd >= 0 ? spool->fd : segment_open(spool, newest, O_RDWR);
		spool->fd = fd >= 0 ? fd : -1;
		return fd >= 0 ? 0 : fd;
	}
	newest = &spool->segments[spool->segments_len];
	*newest = (struct segment){ .first = number, .bytes = HEAD };
	fd = segment_open(spool, newest, O_RDWR | O_CREAT | O_TRUNC);
	if (fd < 0) {
		return fd;
	}
	spool->fd = fd;
	spool->segments_len++;
	spool->bytes += HEAD;
	memcpy(head, magic, 8);
	le_put(head + 8, spool->id, 8);
	le_put(head + 16, number, 8);
	if (pwrite(fd, head, HEAD, 0) != HEAD) {
		segment_remove(spool, spool->segments_len - 1);
		return -ENOSPC;
	}
	return 0;
}

int spool_append(struct spool *spool, uint64_t number, const void *bytes, size_t len, uint64_t *ret_dropped)
{
	uint8_t *record = spool->chunk;
	size_t size = RECORD_HEAD + len;
	struct segment *segment;
	int r;

	*ret_dropped = 0;
	if (len == 0 || len > SPOOL_RECORD_MAX || number <= spool->last) {
		return -EINVAL;
	}
	while (spool->segments_len > 1 && (spool->bytes + size + HEAD > spool->max || spool->segments_len == SEGMENTS_MAX)) {
		*ret_dropped += oldest_drop(spool);
	}
	r = segment_ready(spool, number, size);
	if (r < 0) {
		return r;
	}
	le_put(record, len, 4);
	le_put(record + 8, number, 8);
	memcpy(record + RECORD_HEAD, bytes, len);
	le_put(record + 4, sum_of(record, len), 4);
	segment = &spool->segments[spool->segments_len - 1];
	if (pwrite(spool->fd, record, size, (off_t)segment->bytes) != (ssize_t)size) {
		/* the next one is written over what there is of it */
		return -ENOSPC;
	}
	segment->bytes += size;
	segment->last = spool->last = number;
	spool->bytes += size;
	return 0;
}

int spool_sync(struct spool *spool)
{
	return spool->fd >= 0 && fdatasync(spool->fd) < 0 ? -errno : 0;
}

/* --- reading and trimming ------------------------------------------------------------------------- */

struct reading {
	uint64_t after;
	spool_each_fn each;
	void *arg;
	bool enough;
};

static bool read_one(void *arg, uint64_t number, const uint8_t *bytes, size_t len)
{
	struct reading *reading = arg;

	if (number <= reading->after) {
		return true;
	}
	if (!reading->each(reading->arg, number, bytes, len)) {
		reading->enough = true;
		return false;
	}
	reading->after = number;
	return true;
}

void spool_read(struct spool *spool, uint64_t after, spool_each_fn each, void *arg)
{
	struct reading reading = { .after = after, .each = each, .arg = arg };

	for (unsigned i = 0; i < spool->segments_len && !reading.enough; i++) {
		const struct segment *segment = &spool->segments[i];
		bool here = spool->read_after == after && spool->read_first == segment->first && spool->read_at != 0;
		uint64_t at = here ? spool->read_at : HEAD;
		int fd = segment->last > reading.after ? segment_open(spool, segment, O_RDONLY) : -1;

		if (fd >= 0) {
			records_walk(spool, fd, &at, read_one, &reading);
			close(fd);
			spool->read_after = reading.after;
			spool->read_first = segment->first;
			spool->read_at = at;
		}
	}
}

void spool_trim(struct spool *spool, uint64_t number)
{
	spool->trimmed = number > spool->trimmed ? number : spool->trimmed;
	while (spool->segments_len > 0 && spool->segments[0].last <= spool->trimmed &&
	       (spool->segments_len > 1 || spool->segments[0].bytes > KEEP_BYTES)) {
		segment_remove(spool, 0);
	}
}
