/* SPDX-License-Identifier: MIT */
/* Key files. */
#include "host/bus/key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/bus/cipher.h"
#include "host/bus/key_folder.h"
#include "host/paths.h"

#define FILE_MAX (SEAL_KEYS_MAX * KEY_TEXT)

/* The secret keys of a file. */
struct key_ring {
	uint8_t secrets[SEAL_KEYS_MAX][SEAL_KEY];
	unsigned len;
};

static int ring_owner(const struct key_folder *folder, const struct stat *st)
{
	if (!S_ISREG(st->st_mode)) {
		return key_refuse(folder, -EBADMSG, ".key", "this is no file", "move it away, then: troupe key new %s",
			      folder->name);
	}
	if (folder->given) {
		return 0; /* its owner may be root, and its mode tell of access lists */
	}
	if (st->st_uid != geteuid()) {
		char why[96];

		snprintf(why, sizeof(why), "it belongs to user %u, and this is user %u", (unsigned)st->st_uid,
			 (unsigned)geteuid());
		return key_refuse(folder, -EACCES, ".key", why, "run this as the user who runs the host, or chown the file");
	}
	if ((st->st_mode & 077) != 0) {
		char why[64];

		snprintf(why, sizeof(why), "others may use it (mode %03o)", (unsigned)st->st_mode & 0777);
		return key_refuse(folder, -EACCES, ".key", why,
			      "chmod 600 it; if somebody may have read it, make another key: troupe key new %s",
			      folder->name);
	}
	return 0;
}

static int ring_read(const struct key_folder *folder, struct key_ring *ring)
{
	char bytes[FILE_MAX + 1], why[64];
	struct stat st;
	int len = key_file_read(folder, ".key", bytes, sizeof(bytes), &st);
	int r = len < 0 ? len : ring_owner(folder, &st);

	ring->len = 0;
	if (len == -ENOENT) {
		return key_refuse(folder, len, ".key", "there is no key", "make one: troupe key new %s --state %.100s",
			      folder->name, folder->state);
	}
	if (len < 0) {
		return key_refuse_errno(folder, len, ".key");
	}
	for (int at = 0; r == 0 && at < len; at += (int)KEY_TEXT) {
		if (len - at < (int)KEY_TEXT || bytes[at + (int)KEY_TEXT - 1] != '\n' || ring->len == SEAL_KEYS_MAX ||
		    !cipher_key_parse(bytes + at, ring->secrets[ring->len++])) {
			ring->len = 0;
			break;
		}
	}
	cipher_wipe(bytes, sizeof(bytes));
	if (r == 0 && ring->len == 0) {
		snprintf(why, sizeof(why), "this is no key file (%d bytes)", len);
		return key_refuse(folder, -EBADMSG, ".key", why,
			      "put a copy of it back, or move it away, then: troupe key new %s", folder->name);
	}
	return r;
}

static int ring_write(const struct key_folder *folder, const struct key_ring *ring)
{
	char bytes[FILE_MAX];
	int r;

	for (unsigned i = 0; i < ring->len; i++) {
		cipher_key_print(ring->secrets[i], bytes + i * KEY_TEXT);
		bytes[(i + 1) * KEY_TEXT - 1] = '\n';
	}
	r = key_file_write(folder, ".key", 0600, bytes, ring->len * KEY_TEXT);
	cipher_wipe(bytes, sizeof(bytes));
	return r;
}

static int public_write(const struct key_folder *folder, const struct key_ring *ring)
{
	char bytes[KEY_TEXT];
	uint8_t key[SEAL_KEY];

	cipher_public(ring->secrets[0], key);
	cipher_key_print(key, bytes);
	bytes[KEY_TEXT - 1] = '\n';
	return key_file_write(folder, ".pub", 0644, bytes, KEY_TEXT);
}

/* Opens the folder of what the service manager gave, if this key is there. */
static bool given_open(struct key_folder *folder, const char *name, struct troupe_error *reterr)
{
	char file[KEY_NAME_MAX + 16], path[PATH_MAX];

	*folder = (struct key_folder){ .name = name, .given = true, .fd = -1, .reterr = reterr };
	if (snprintf(file, sizeof(file), "%s.key", name) < (int)sizeof(file) && strchr(name, '/') == NULL &&
	    paths_credential(file, path, sizeof(path)) == 0) {
		folder->state = getenv("CREDENTIALS_DIRECTORY");
		folder->fd = open(folder->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return folder->fd >= 0;
}

int key_load(const char *state, const char *name, uint8_t ret_secrets[SEAL_KEYS_MAX][SEAL_KEY], unsigned *ret_len,
	     struct troupe_error *reterr)
{
	struct key_folder folder;
	struct key_ring ring;
	int r = given_open(&folder, name, reterr) ? 0 : key_folder_open(&folder, state, name, false, reterr);

	*ret_len = 0;
	if (r < 0) {
		return r;
	}
	r = ring_read(&folder, &ring);
	close(folder.fd);
	if (r == 0) {
		memcpy(ret_secrets, ring.secrets, sizeof(ring.secrets));
		*ret_len = ring.len;
	}
	cipher_wipe(&ring, sizeof(ring));
	return r;
}

/* Puts a new key in front. */
static int ring_add(const struct key_folder *folder, struct key_ring *ring)
{
	if (cipher_init() < 0) {
		return key_refuse(folder, -EAGAIN, ".key", "the system has no random numbers", "see getrandom(2)");
	}
	memcpy(ring->secrets[1], ring->secrets[0], SEAL_KEY);
	cipher_random(ring->secrets[0], SEAL_KEY);
	ring->len = ring->len > 0 ? 2 : 1;
	return ring_write(folder, ring);
}

int key_new(const char *state, const char *name, uint8_t ret_public[SEAL_KEY], struct troupe_error *reterr)
{
	struct key_folder folder;
	struct key_ring ring = { .len = 0 };
	int r = key_folder_lock(&folder, state, name, reterr);

	if (r < 0) {
		return r;
	}
	r = ring_read(&folder, &ring);
	if (r == 0 && ring.len == SEAL_KEYS_MAX) {
		r = key_refuse(&folder, -EEXIST, ".key", "it holds a former key that is still valid",
			   "when every host has the new one in its configuration: troupe key drop %s", name);
	}
	if (r == 0 || r == -ENOENT) {
		r = ring_add(&folder, &ring);
	}
	if (r == 0) {
		cipher_public(ring.secrets[0], ret_public);
		r = public_write(&folder, &ring);
		if (r < 0) {
			snprintf(reterr->help, sizeof(reterr->help), "the new key is in use nevertheless: troupe key show %s",
				 name);
		}
	}
	close(folder.fd);
	cipher_wipe(&ring, sizeof(ring));
	return r;
}

int key_drop(const char *state, const char *name, struct troupe_error *reterr)
{
	struct key_folder folder;
	struct key_ring ring;
	int r = key_folder_lock(&folder, state, name, reterr);

	if (r < 0) {
		return r;
	}
	r = ring_read(&folder, &ring);
	if (r == 0 && ring.len > 1) {
		ring.len = 1;
		r = ring_write(&folder, &ring);
		r = r < 0 ? r : 1;
	}
	close(folder.fd);
	cipher_wipe(&ring, sizeof(ring));
	return r;
}

/* Is everything there? Then the state folder need not be one that can be written. */
static bool key_there(const char *state, const char *name)
{
	struct troupe_error error = { .size = sizeof(error) };
	uint8_t secrets[SEAL_KEYS_MAX][SEAL_KEY], own[SEAL_KEY], key[SEAL_KEY];
	unsigned len;
	bool is_there = key_load(state, name, secrets, &len, &error) == 0 &&
			key_public_read(state, name, key, &error) == 0;

	if (is_there) {
		cipher_public(secrets[0], own);
		is_there = memcmp(own, key, SEAL_KEY) == 0;
	}
	cipher_wipe(secrets, sizeof(secrets));
	return is_there;
}

int key_ensure(const char *state, const char *name, struct troupe_error *reterr)
{
	struct key_folder folder;
	struct key_ring ring = { .len = 0 };
	int r;

	if (key_there(state, name)) {
		return 0;
	}
	r = key_folder_lock(&folder, state, name, reterr);
	if (r < 0) {
		return r;
	}
	r = ring_read(&folder, &ring);
	if (r == -ENOENT) {
		r = ring_add(&folder, &ring);
	}
	if (r == 0) {
		r = public_write(&folder, &ring);
	}
	close(folder.fd);
	cipher_wipe(&ring, sizeof(ring));
	return r;
}

int key_public_read(const char *state, const char *name, uint8_t ret_key[SEAL_KEY], struct troupe_error *reterr)
{
	char bytes[KEY_TEXT + 1];
	struct key_folder folder;
	struct stat st;
	int r = key_folder_open(&folder, state, name, false, reterr);

	if (r < 0) {
		return r;
	}
	int len = key_file_read(&folder, ".pub", bytes, sizeof(bytes), &st);

	if (len == -ENOENT) {
		r = key_refuse(&folder, len, ".pub", "that host has made no key yet",
			   "start it, or make the key: troupe key new %s --state %.100s", name, state);
	} else if (len < 0) {
		r = key_refuse_errno(&folder, len, ".pub");
	} else {
		bytes[KEY_TEXT - 1] = '\0';
		if (len != (int)KEY_TEXT || !key_public_parse(bytes, ret_key)) {
			r = key_refuse(&folder, -EBADMSG, ".pub", "this is no public key",
				   "remove it; its host makes it again when it starts");
		}
	}
	close(folder.fd);
	return r;
}

bool key_public_parse(const char *text, uint8_t ret_key[SEAL_KEY])
{
	static const uint8_t any[SEAL_KEY] = { 8 };
	uint8_t shared[SEAL_KEY];

	return strlen(text) == KEY_TEXT - 1 && cipher_key_parse(text, ret_key) && cipher_dh(any, ret_key, shared);
}

void key_public_print(const uint8_t key[SEAL_KEY], char ret_text[KEY_TEXT])
{
	cipher_key_print(key, ret_text);
}
