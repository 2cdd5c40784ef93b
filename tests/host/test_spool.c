/* SPDX-License-Identifier: MIT */
/* The spool: what it gives back, after restarts, with cut and damaged files, and when it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/obs/spool.h"

#define MAX (128u * 1024u)

static char folder[] = "/tmp/troupe-spool-XXXXXX";
static struct spool *spool;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/troupe-spool-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(spool_open(folder, MAX, &spool), 0);
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	spool = spool_close(spool);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void again(void)
{
	spool = spool_close(spool);
	assert_int_equal(spool_open(folder, MAX, &spool), 0);
}

static uint64_t append(uint64_t number, size_t len)
{
	static uint8_t bytes[SPOOL_RECORD_MAX];
	uint64_t dropped;

	memset(bytes, (int)number, len);
	assert_int_equal(spool_append(spool, number, bytes, len, &dropped), 0);
	return dropped;
}

struct seen {
	uint64_t first, last, count, max;
};

static bool see(void *arg, uint64_t number, const uint8_t *bytes, size_t len)
{
	struct seen *seen = arg;

	if (seen->count == seen->max) {
		return false;
	}
	assert_true(number > seen->last);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(bytes[i], (uint8_t)number);
	}
	seen->first = seen->count == 0 ? number : seen->first;
	seen->last = number;
	seen->count++;
	return true;
}

static struct seen look(uint64_t after, uint64_t max)
{
	struct seen seen = { .max = max };

	spool_read(spool, after, see, &seen);
	return seen;
}

static void assert_all(uint64_t first, uint64_t last)
{
	struct seen seen = look(0, UINT64_MAX);

	assert_int_equal(seen.first, first);
	assert_int_equal(seen.last, last);
	assert_int_equal(seen.count, last - first + 1);
}

/* The path of the nth file, by name. */
static const char *file_at(int n)
{
	static char path[512];
	struct dirent **names;
	int len = scandir(folder, &names, NULL, alphasort);

	assert_true(len > n + 2);
	snprintf(path, sizeof(path), "%s/%s", folder, names[n + 2]->d_name); /* behind . and .. */
	for (int i = 0; i < len; i++) {
		free(names[i]);
	}
	free(names);
	return path;
}

static void test_order(void **state)
{
	(void)state;
	assert_int_equal(spool_last(spool), 0);
	assert_int_equal(look(0, UINT64_MAX).count, 0);
	for (uint64_t i = 1; i <= 1000; i++) {
		append(i, 1 + i % 60);
	}
	assert_all(1, 1000);
	/* in pieces, as batches are read */
	uint64_t after = 0, count = 0;
	for (struct seen seen = look(0, 37); seen.count > 0; seen = look(after, 37)) {
		assert_int_equal(seen.first, after + 1);
		after = seen.last;
		count += seen.count;
	}
	assert_int_equal(count, 1000);
	/* from somewhere else than where the last reading ended */
	assert_int_equal(look(500, 1).first, 501);
	assert_int_equal(look(10, 1).first, 11);
	append(2000, 5); /* numbers may leave gaps, but not go back */
	assert_int_equal(look(1000, 5).first, 2000);
	uint64_t dropped;
	assert_int_equal(spool_append(spool, 2000, "x", 1, &dropped), -EINVAL);
	assert_int_equal(spool_append(spool, 2001, "", 0, &dropped), -EINVAL);
}

static void test_restart(void **state)
{
	uint64_t id = spool_id(spool);

	(void)state;
	assert_true(id != 0);
	for (uint64_t i = 1; i <= 2000; i++) {
		append(i, 40);
	}
	again();
	assert_int_equal(spool_id(spool), id);
	assert_int_equal(spool_last(spool), 2000);
	assert_int_equal(spool_cut(spool), 0);
	append(2001, 40);
	assert_all(1, 2001);
}

static void test_trim(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 1500; i++) {
		append(i, 60);
	}
	uint64_t before = spool_bytes(spool);
	spool_trim(spool, 1000);
	assert_true(spool_bytes(spool) < before / 2);
	/* of a segment that is not done with everything is still there */
	struct seen seen = look(0, UINT64_MAX);
	assert_in_range(seen.first, 600, 1001);
	assert_int_equal(seen.last, 1500);
	assert_int_equal(look(1000, 1).first, 1001);
	spool_trim(spool, 1500);
	assert_true(spool_bytes(spool) < 20000);
	append(1501, 60);
	again();
	assert_int_equal(look(1500, UINT64_MAX).count, 1);
}

/* Every place where a crash may have cut the file. */
static void test_cut_tail(void **state)
{
	struct stat st;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		append(i, 20);
	}
	assert_int_equal(stat(file_at(0), &st), 0);
	assert_int_equal(st.st_size, 24 + 3 * 36);
	for (off_t size = st.st_size - 1; size >= 24 + 2 * 36; size--) {
		spool = spool_close(spool);
		assert_int_equal(truncate(file_at(0), size), 0);
		assert_int_equal(spool_open(folder, MAX, &spool), 0);
		assert_int_equal(spool_cut(spool), size > 24 + 2 * 36);
		assert_int_equal(spool_last(spool), 2);
		assert_all(1, 2);
		/* what was cut off does not come back behind a shorter record */
		append(3, 1);
		again();
		assert_int_equal(spool_cut(spool), 0);
		assert_all(1, 3);
		spool = spool_close(spool);
		assert_int_equal(truncate(file_at(0), 24 + 2 * 36), 0);
		assert_int_equal(spool_open(folder, MAX, &spool), 0);
		append(3, 20);
	}
}

static void test_damage(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 1500; i++) {
		append(i, 60);
	}
	uint64_t id = spool_id(spool);
	spool = spool_close(spool);
	/* a flipped bit in the middle of the second file: what is behind it there is gone, all else is not */
	int fd = open(file_at(1), O_RDWR);
	uint8_t byte;
	assert_int_equal(pread(fd, &byte, 1, 24 + 3 * 76 + 30), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, 24 + 3 * 76 + 30), 1);
	close(fd);
	/* and one that is no segment at all */
	char path[256];
	snprintf(path, sizeof(path), "%s/0000000000000000.log", folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "rubbish", 7), 7);
	close(fd);
	assert_int_equal(spool_open(folder, MAX, &spool), 0);
	assert_int_equal(spool_id(spool), id);
	struct seen seen = look(0, UINT64_MAX);
	assert_int_equal(seen.first, 1);
	assert_int_equal(seen.last, 1500);
	assert_in_range(seen.count, 1200, 1499);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_full(void **state)
{
	uint64_t dropped = 0, number = 0;

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		dropped += append(++number, 100);
		assert_in_range(spool_bytes(spool), 1, MAX);
	}
	struct seen seen = look(0, UINT64_MAX);
	assert_true(dropped > 3000);
	assert_int_equal(seen.count, 5000 - dropped);
	assert_int_equal(seen.last, 5000);
	/* what somebody else has is not lost when it goes */
	spool_trim(spool, 5000);
	dropped = 0;
	for (unsigned i = 0; i < 2000; i++) {
		dropped += append(++number, 100);
	}
	assert_int_equal(look(5000, UINT64_MAX).count, 2000 - dropped);
	for (uint64_t big = 0; big < 20; big++) {
		append(++number, SPOOL_RECORD_MAX);
		assert_in_range(spool_bytes(spool), 1, MAX);
	}
	again();
	assert_int_equal(spool_last(spool), number);
}

static void test_no_folder(void **state)
{
	struct spool *other = NULL;

	(void)state;
	assert_int_equal(spool_open("/nowhere/at/all", MAX, &other), -ENOENT);
	assert_null(other);
	assert_int_equal(spool_open("/dev/null", MAX, &other), -ENOTDIR);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_order), T(test_restart), T(test_trim),	   T(test_cut_tail),
		T(test_damage), T(test_full),	T(test_no_folder),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
