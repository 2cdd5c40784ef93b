/* SPDX-License-Identifier: MIT */
/* The LevelDB driver's folder: locked, damaged, foreign, short of space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/driver_load.h"

static const struct troupe_plugin *plugin;
static struct troupe_error error;
static char folder[256];

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	plugin = driver_load(NULL, "driver_leveldb");
	snprintf(folder, sizeof(folder), "%.200s/store.XXXXXX", tmp != NULL ? tmp : "/tmp");
	return plugin == NULL || mkdtemp(folder) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	char command[300];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static int32_t open_with(const char *path, const char *reserve, void **ret_store)
{
	char text[400];

	snprintf(text, sizeof(text), "path=%s", path);
	void *options = driver_options(plugin, text, "write_buffer=64kb", reserve, NULL);
	struct troupe_driver_open open = { .size = sizeof(open), .name = "t", .options = options };

	memset(&error, 0, sizeof(error));
	error.size = sizeof(error);
	int32_t status = plugin->driver->open(&open, ret_store, &error);

	free(options);
	return status;
}

static int32_t open_store(void **ret_store)
{
	return open_with(folder, "reserve=256kb", ret_store);
}

static int32_t put(void *store, unsigned i)
{
	char name[16], value[500];
	struct troupe_db_op op = { .kind = TROUPE_DB_PUT, .key = name, .value = value, .value_len = sizeof(value) };
	struct troupe_driver_tx tx = { .ops = &op, .ops_len = 1 };
	struct troupe_db_result result;

	op.key_len = (uint32_t)snprintf(name, sizeof(name), "k%u", i);
	for (size_t at = 0; at < sizeof(value); at++) {
		value[at] = (char)((i + 1) * 2654435761u >> (at % 24));
	}
	int32_t status = plugin->driver->commit(store, &tx, 1, &result, &error);

	return status != TROUPE_OK ? status : result.status;
}

static void fill(unsigned entries)
{
	void *store;

	assert_int_equal(open_store(&store), TROUPE_OK);
	for (unsigned i = 0; i < entries; i++) {
		assert_int_equal(put(store, i), TROUPE_OK);
	}
	plugin->driver->close(store);
}

static void locked_by_another(void **state)
{
	int ready[2], done[2], status;
	char byte, owner[64];
	void *store, *second;

	(void)state;
	assert_int_equal(pipe(ready) | pipe(done), 0);
	pid_t pid = fork();

	if (pid == 0) {
		status = open_store(&store) == TROUPE_OK ? 0 : 1;
		_exit(write(ready[1], "r", 1) == 1 && read(done[0], &byte, 1) == 1 ? status : 2);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(open_store(&store), TROUPE_UNAVAILABLE);
	assert_non_null(strstr(error.text, folder));
	snprintf(owner, sizeof(owner), "already owned by t (pid %ld on ", (long)pid);
	assert_non_null(strstr(error.text, owner));
	assert_true(error.help[0] != '\0');
	assert_int_equal(write(done[1], "d", 1), 1);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(open_store(&store), TROUPE_OK);
	assert_int_equal(open_store(&second), TROUPE_UNAVAILABLE); /* and by ourselves */
	assert_non_null(strstr(error.text, "of this process"));
	pid = fork();
	if (pid == 0) { /* asking did not give the lock away */
		_exit(open_store(&second) == TROUPE_UNAVAILABLE ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	plugin->driver->close(store);
	close(ready[0]), close(ready[1]), close(done[0]), close(done[1]);
}

/* The path of the first file whose name ends so. */
static void file_find(const char *suffix, char *ret_path, size_t size)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	ret_path[0] = '\0';
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len >= strlen(suffix) && strcmp(entry->d_name + len - strlen(suffix), suffix) == 0) {
			snprintf(ret_path, size, "%s/%s", folder, entry->d_name);
		}
	}
	closedir(dir);
	assert_true(ret_path[0] != '\0');
}

static void byte_flip(const char *path, long at)
{
	FILE *file = fopen(path, "r+b");
	int byte;

	assert_non_null(file);
	assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	byte = fgetc(file);
	assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
	fputc(byte ^ 0x40, file);
	fclose(file);
}

static void damaged_log(void **state)
{
	char path[600];
	void *store;

	(void)state;
	fill(20);
	file_find(".log", path, sizeof(path));
	byte_flip(path, 100);
	assert_int_equal(open_store(&store), TROUPE_DATA_LOSS);
	assert_non_null(strstr(error.help, "backup"));
}

static int ignore(void *arg, const struct troupe_db_value *value)
{
	(void)arg, (void)value;
	return 0;
}

static void damaged_table(void **state)
{
	char path[600];
	void *store;

	(void)state;
	fill(60);
	fill(0); /* opening makes a table of the log */
	file_find(".ldb", path, sizeof(path));
	byte_flip(path, 300);
	int32_t status = open_store(&store);

	if (status == TROUPE_OK) { /* found when it is read */
		status = plugin->driver->scan(store, NULL, "", 0, "", 0, ignore, NULL);
		plugin->driver->close(store);
	}
	assert_int_equal(status, TROUPE_DATA_LOSS);
}

static void missing_table(void **state)
{
	char path[600];
	void *store;

	(void)state;
	fill(60);
	fill(0);
	file_find(".ldb", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(open_store(&store), TROUPE_DATA_LOSS);
	assert_non_null(strstr(error.text, "missing"));
}

static void damaged_current(void **state)
{
	char path[600];
	void *store;

	(void)state;
	fill(3);
	file_find("CURRENT", path, sizeof(path));
	byte_flip(path, 3);
	assert_int_not_equal(open_store(&store), TROUPE_OK);
	assert_true(error.text[0] != '\0' && error.help[0] != '\0');
}

static void torn_log_tail(void **state)
{
	/* a process killed in the middle of a write leaves half a record, which was never acknowledged */
	char path[600];
	struct stat st;
	void *store;

	(void)state;
	fill(20);
	file_find(".log", path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 200), 0);
	assert_int_equal(open_store(&store), TROUPE_OK);
	plugin->driver->close(store);
}

static void reserve_is_kept(void **state)
{
	char path[600];
	struct stat st;
	void *store;

	(void)state;
	fill(3);
	snprintf(path, sizeof(path), "%s/RESERVE", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 256 << 10);
	assert_true(st.st_blocks * 512 >= 256 << 10); /* not a hole */
	unlink(path);
	fill(1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(open_with(folder, "reserve=64kb", &store), TROUPE_INVALID_ARGUMENT);
	assert_non_null(strstr(error.text, "reserve"));
}

static void folder_is_made(void **state)
{
	char path[600];
	void *store;

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b/c", folder);
	assert_int_equal(open_with(path, "reserve=256kb", &store), TROUPE_OK);
	plugin->driver->close(store);
	snprintf(path, sizeof(path), "%s/a/b/c/CURRENT/x", folder);
	assert_int_not_equal(open_with(path, "reserve=256kb", &store), TROUPE_OK);
	assert_non_null(strstr(error.text, "cannot make"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(locked_by_another, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_log, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_table, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_table, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_current, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_log_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(reserve_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(folder_is_made, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
