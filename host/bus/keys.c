/* SPDX-License-Identifier: MIT */
/* Which keys the links of a process are sealed with. */
#include "host/bus/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(struct troupe_error *reterr, int error, const char *path, const char *help)
{
	reterr->status = TROUPE_FAILED_PRECONDITION;
	snprintf(reterr->text, sizeof(reterr->text), "the key file %.200s: %s", path, strerror(-error));
	snprintf(reterr->help, sizeof(reterr->help), "%s", help);
	return error;
}

/* STATE/keys/NAME.key; names of instances have slashes. */
static int path_of(const struct config *config, const char *name, char *ret_path, size_t size)
{
	int at = snprintf(ret_path, size, "%s/keys/", config->state);
	int len = snprintf(ret_path + at, size - (size_t)at, "%s.key", name);

	for (char *p = ret_path + at; *p != '\0'; p++) {
		*p = *p == '/' ? '.' : *p;
	}
	return at + len < (int)size ? 0 : -ENAMETOOLONG;
}

static int secret_read(const char *path, uint8_t ret_secret[SEAL_KEY])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat found;
	ssize_t len;

	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &found) < 0 || (found.st_mode & 077) != 0) {
		close(fd);
		return -EACCES;
	}
	len = read(fd, ret_secret, SEAL_KEY);
	close(fd);
	return len == SEAL_KEY ? 0 : -EINVAL;
}

/* Makes the pair unless it is there; of two who do so at once one wins, and both read that. */
static int secret_make(const char *path)
{
	char fresh[PATH_MAX];
	uint8_t secret[SEAL_KEY];
	int fd, r = 0;

	if (snprintf(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid()) >= (int)sizeof(fresh)) {
		return -ENAMETOOLONG;
	}
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return -errno;
	}
	randombytes_buf(secret, sizeof(secret));
	if (write(fd, secret, sizeof(secret)) != (ssize_t)sizeof(secret) || fsync(fd) < 0) {
		r = -EIO;
	}
	close(fd);
	sodium_memzero(secret, sizeof(secret));
	if (r == 0 && link(fresh, path) < 0 && errno != EEXIST) {
		r = -errno;
	}
	unlink(fresh);
	return r;
}

static int secret_find(const struct config *config, const char *name, bool make, uint8_t ret_secret[SEAL_KEY],
		       struct troupe_error *reterr)
{
	char path[PATH_MAX], folder[PATH_MAX];
	int r = path_of(config, name, path, sizeof(path));

	if (r == 0) {
		r = secret_read(path, ret_secret);
	}
	if (r == -ENOENT && make && snprintf(folder, sizeof(folder), "%s/keys", config->state) < (int)sizeof(folder)) {
		mkdir(config->state, 0700);
		mkdir(folder, 0700);
		r = secret_make(path);
		r = r == 0 ? secret_read(path, ret_secret) : r;
	}
	return r == 0 ? 0 : refuse(reterr, r, path, "it holds 32 bytes, for its owner alone to read (chmod 600)");
}

int keys_own(const struct config *config, const char *name, uint8_t ret_secrets[SEAL_KEYS_MAX][SEAL_KEY],
	     unsigned *ret_len, struct troupe_error *reterr)
{
	*ret_len = 1;
	return secret_find(config, name, config_keys_own(config) || config->isolated != NULL, ret_secrets[0], reterr);
}

int keys_peer(const struct config *config, const struct config_host *host, const struct config_instance *isolated,
	      const char *name, uint8_t ret_keys[SEAL_KEYS_MAX][SEAL_KEY], unsigned *ret_len, struct troupe_error *reterr)
{
	uint8_t secret[SEAL_KEY];
	int r;

	if (isolated == NULL && host->keys_len > 0) {
		*ret_len = host->keys_len < SEAL_KEYS_MAX ? host->keys_len : SEAL_KEYS_MAX;
		memcpy(ret_keys, host->keys, *ret_len * sizeof(*ret_keys));
		return 0;
	}
	r = secret_find(config, name, true, secret, reterr);
	if (r == 0) {
		crypto_scalarmult_base(ret_keys[0], secret);
		*ret_len = 1;
	}
	sodium_memzero(secret, sizeof(secret));
	return r;
}
