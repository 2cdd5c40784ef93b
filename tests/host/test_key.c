/* SPDX-License-Identifier: MIT */
/* Key files: made once, changed as a whole, and refused when somebody else could have read or written them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/bus/cipher.h"
#include "host/bus/key.h"

static struct troupe_error error = { .size = sizeof(error) };

/* A state folder of its own for each test. */
static const char *state_new(void)
{
	static char path[64];
	static unsigned number;

	snprintf(path, sizeof(path), "state%u/deep", number++);
	return path;
}

static void file_put(const char *state, const char *file, const char *text, mode_t mode)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/keys/%s", state, file);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	assert_int_equal(chmod(path, mode), 0);
}

static struct stat file_stat(const char *state, const char *file)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/keys/%s", state, file);
	assert_int_equal(stat(path, &st), 0);
	return st;
}

static unsigned load(const char *state, uint8_t publics[SEAL_KEYS_MAX][SEAL_KEY])
{
	uint8_t secrets[SEAL_KEYS_MAX][SEAL_KEY];
	unsigned len;

	assert_int_equal(key_load(state, "front", secrets, &len, &error), 0);
	for (unsigned i = 0; i < len; i++) {
		cipher_public(secrets[i], publics[i]);
	}
	return len;
}

static void changes(void **state)
{
	uint8_t first[SEAL_KEY], second[SEAL_KEY], key[SEAL_KEY], publics[SEAL_KEYS_MAX][SEAL_KEY];
	const char *folder = state_new();

	(void)state;
	assert_int_equal(key_new(folder, "front", first, &error), 0);
	assert_int_equal(file_stat(folder, "front.key").st_mode & 0777, 0600);
	assert_int_equal(file_stat(folder, "").st_mode & 0777, 0700);
	assert_int_equal(file_stat(folder, "..").st_mode & 0777, 0700);
	assert_int_equal(load(folder, publics), 1);
	assert_memory_equal(publics[0], first, SEAL_KEY);
	assert_int_equal(key_drop(folder, "front", &error), 0);

	assert_int_equal(key_new(folder, "front", second, &error), 0);
	assert_memory_not_equal(first, second, SEAL_KEY);
	assert_int_equal(load(folder, publics), 2);
	assert_memory_equal(publics[0], second, SEAL_KEY);
	assert_memory_equal(publics[1], first, SEAL_KEY);
	assert_int_equal(file_stat(folder, "front.key").st_mode & 0777, 0600);
	assert_int_equal(key_public_read(folder, "front", key, &error), 0);
	assert_memory_equal(key, second, SEAL_KEY);

	assert_int_equal(key_new(folder, "front", key, &error), -EEXIST);
	assert_non_null(strstr(error.help, "troupe key drop front"));
	assert_int_equal(load(folder, publics), 2);
	assert_int_equal(key_drop(folder, "front", &error), 1);
	assert_int_equal(load(folder, publics), 1);
	assert_memory_equal(publics[0], second, SEAL_KEY);
}

/* Processes that start together agree on one key. */
static void ensures(void **state)
{
	for (unsigned round = 0; round < 20; round++) {
		uint8_t publics[SEAL_KEYS_MAX][SEAL_KEY], key[SEAL_KEY];
		const char *folder = state_new();
		int go[2], said[2];

		(void)state;
		assert_int_equal(pipe(go), 0);
		assert_int_equal(pipe(said), 0);
		for (unsigned i = 0; i < 8; i++) {
			if (fork() == 0) {
				char byte;

				close(go[1]);
				_exit(read(go[0], &byte, 1) != 0 || key_ensure(folder, "front", &error) != 0 ||
				      key_public_read(folder, "front", key, &error) != 0 ||
				      write(said[1], key, SEAL_KEY) != SEAL_KEY);
			}
		}
		close(go[0]);
		close(go[1]);
		for (unsigned i = 0; i < 8; i++) {
			int status;

			assert_true(wait(&status) > 0);
			assert_int_equal(status, 0);
		}
		assert_int_equal(load(folder, publics), 1);
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(read(said[0], key, SEAL_KEY), SEAL_KEY);
			assert_memory_equal(key, publics[0], SEAL_KEY);
		}
		close(said[0]);
		close(said[1]);
	}
}

/* What is there is kept; a lost or outdated public half is made again; then nothing is written any more. */
static void ensures_again(void **state)
{
	uint8_t publics[SEAL_KEYS_MAX][SEAL_KEY], key[SEAL_KEY];
	const char *folder = state_new();
	char path[128];

	(void)state;
	assert_int_equal(key_ensure(folder, "front", &error), 0);
	load(folder, publics);
	snprintf(path, sizeof(path), "%s/keys/front.pub", folder);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(i == 0 ? unlink(path) : truncate(path, 7), 0);
		assert_int_not_equal(key_public_read(folder, "front", key, &error), 0);
		assert_int_equal(key_ensure(folder, "front", &error), 0);
		assert_int_equal(key_public_read(folder, "front", key, &error), 0);
		assert_memory_equal(key, publics[0], SEAL_KEY);
	}
	ino_t inode = file_stat(folder, "front.pub").st_ino;
	struct stat before = file_stat(folder, "");

	assert_int_equal(key_ensure(folder, "front", &error), 0);
	assert_true(file_stat(folder, "front.pub").st_ino == inode);
	struct stat after = file_stat(folder, "");

	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void refuses(void **state)
{
	static const char good[] = "kUcEvkc9zf0FebiIWgUlWfTIIYpYXYKlbFwcrbmsnDw=\n";
	static const struct {
		const char *text;
		mode_t mode;
		int error;
		const char *why, *help;
	} cases[] = {
		{ good, 0600, 0, "", "" },
		{ good, 0400, 0, "", "" },
		{ good, 0640, -EACCES, "mode 640", "chmod 600" },
		{ good, 0604, -EACCES, "mode 604", "chmod 600" },
		{ good, 0620, -EACCES, "mode 620", "chmod 600" },
		{ "", 0600, -EBADMSG, "0 bytes", "troupe key new front" },
		{ "kUcEvkc9zf0FebiIWgUlWfTIIYpYXYKlbFwcrbmsnDw=", 0600, -EBADMSG, "44 bytes", "copy" },
		{ "kUcEvkc9zf0FebiIWgUlWfTIIYpYXYKlbFwcrbmsnDx=\n", 0600, -EBADMSG, "no key file", "copy" },
		{ "kUcEvkc9zf0FebiIWgUlWfTIIYpYXYKlbFwcrbmsnDw=\nk", 0600, -EBADMSG, "46 bytes", "copy" },
		{ "kUcEvkc9zf0FebiIWgUlWfTIIYpYXYKlbFwcrbmsnDw=\n"
		  "kUcEvkc9zf0FebiIWgUlWfTIIYpYXYKlbFwcrbmsnDw=\n"
		  "kUcEvkc9zf0FebiIWgUlWfTIIYpYXYKlbFwcrbmsnDw=\n", 0600, -EBADMSG, "no key file", "copy" },
	};
	uint8_t secrets[SEAL_KEYS_MAX][SEAL_KEY];
	const char *folder = state_new();
	char path[128];
	unsigned len;

	(void)state;
	assert_int_equal(key_load(folder, "front", secrets, &len, &error), -ENOENT);
	assert_non_null(strstr(error.help, "troupe key new front --state"));
	assert_int_equal(key_ensure(folder, "other", &error), 0);
	assert_int_equal(key_load(folder, "front", secrets, &len, &error), -ENOENT);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %u\n", i);
		file_put(folder, "front.key", cases[i].text, cases[i].mode);
		error.text[0] = error.help[0] = '\0';
		assert_int_equal(key_load(folder, "front", secrets, &len, &error), cases[i].error);
		assert_int_equal(len, cases[i].error == 0);
		assert_non_null(strstr(error.text, cases[i].why));
		assert_non_null(strstr(error.help, cases[i].help));
		if (cases[i].error != 0) {
			assert_non_null(strstr(error.text, "/keys/front.key"));
			assert_int_equal(key_ensure(folder, "front", &error), cases[i].error);
			assert_int_equal(key_new(folder, "front", secrets[0], &error), cases[i].error);
		}
		snprintf(path, sizeof(path), "%s/keys/front.key", folder);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_not_equal(key_load(folder, "front", secrets, &len, &error), 0);
	assert_int_equal(rmdir(path), 0);
	if (geteuid() == 0) {
		file_put(folder, "front.key", good, 0600);
		assert_int_equal(chown(path, 12345, 12345), 0);
		assert_int_equal(key_load(folder, "front", secrets, &len, &error), -EACCES);
		assert_non_null(strstr(error.text, "belongs to user 12345"));
	}
	const char *names[] = { "", "../x", "a/b", ".b", "A", "\xc3\xa4", "a b" };
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(key_new(folder, names[i], secrets[0], &error), -EINVAL);
	}
}

static void publics(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
	} cases[] = {
		{ "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=", true },
		{ "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp=", false }, /* the same bytes in other words */
		{ "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo", false },
		{ "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo=", false },
		{ "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo= ", false },
		{ " SDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=", false },
		{ "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTQ==", false },
		{ "", false },
		/* points that make the shared secret zero for everybody */
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false },
		{ "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false },
	};
	uint8_t key[SEAL_KEY];
	char text[KEY_TEXT];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# \"%s\"\n", cases[i].text);
		assert_int_equal(key_public_parse(cases[i].text, key), cases[i].is_good);
		if (cases[i].is_good) {
			key_public_print(key, text);
			assert_string_equal(text, cases[i].text);
		}
	}
}

/* What the service manager gives counts, whatever its mode, and is not looked for elsewhere. */
static void given(void **state)
{
	uint8_t first[SEAL_KEY], second[SEAL_KEY], publics[SEAL_KEYS_MAX][SEAL_KEY], secrets[SEAL_KEYS_MAX][SEAL_KEY];
	char here[200], path[300];
	const char *folder = state_new();
	unsigned len;

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(key_new(folder, "front", first, &error), 0);
	assert_int_equal(key_new("given", "front", second, &error), 0);
	/* as it lies in /run/credentials: beside each other, and with an access list instead of an owner */
	snprintf(path, sizeof(path), "%s/given/keys", here);
	assert_int_equal(chmod("given/keys/front.key", 0440), 0);
	setenv("CREDENTIALS_DIRECTORY", path, 1);
	assert_int_equal(load(folder, publics), 1);
	assert_memory_equal(publics[0], second, SEAL_KEY);
	file_put("given", "front.key", "no key", 0400);
	assert_int_equal(key_load(folder, "front", secrets, &len, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "given/keys/front.key: this is no key file"));
	assert_int_equal(unlink("given/keys/front.key"), 0);
	assert_int_equal(load(folder, publics), 1);
	assert_memory_equal(publics[0], first, SEAL_KEY);
	setenv("CREDENTIALS_DIRECTORY", "given/keys", 1); /* no absolute path: not the manager's */
	assert_int_equal(load(folder, publics), 1);
	unsetenv("CREDENTIALS_DIRECTORY");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes), cmocka_unit_test(ensures), cmocka_unit_test(ensures_again),
		cmocka_unit_test(refuses), cmocka_unit_test(publics), cmocka_unit_test(given),
	};
	const char *folder = getenv("TMPDIR");

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (folder == NULL || chdir(folder) != 0 || cipher_init() != 0) {
		return 99;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
