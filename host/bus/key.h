/* SPDX-License-Identifier: MIT */
/* A host's keys on disk: made, read, changed. */
#ifndef HOST_BUS_KEY_H
#define HOST_BUS_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "host/bus/seal.h"
#include "troupe/status.h"

/*
 * STATE/keys/NAME.key holds a host's secret keys, a line of base64 each: the one in use, and the former one as long as
 * peers may still know the host by that. Only the file's owner may read or write it. STATE/keys/NAME.pub holds the
 * public half of the first, for hosts that find each other's keys in one state folder. Files change as a whole, under a
 * lock of the folder (flock), and are on the disk when a function returns.
 *
 * A host's key may also be given by the service manager, as NAME.key in $CREDENTIALS_DIRECTORY (paths.h); that one
 * counts then, and is only read.
 *
 * Functions return 0 or more, or -errno with *reterr saying which file, what is wrong with it and how to mend it.
 * A name is made of a-z, 0-9, _ and dots, which only names of instances have; another is -EINVAL. [any], but they
 * wait for the disk.
 */
#define KEY_TEXT 45u /* bytes of a key's text, with NUL: base64 (RFC 4648) of 32 bytes, 44 characters that end with = */

/* key_load reads the secret keys, the one in use first. -ENOENT: there is none. -EACCES: not this user's file, or others
 * can read it. -EBADMSG: the file is no key file. */
int key_load(const char *state, const char *name, uint8_t ret_secrets[SEAL_KEYS_MAX][SEAL_KEY], unsigned *ret_len,
	     struct troupe_error *reterr);

/* key_new makes a key; the one in use becomes the former. -EEXIST: there is a former one already. The state folder is
 * made if it is missing. key_drop forgets the former one: 1, or 0 if there was none. */
int key_new(const char *state, const char *name, uint8_t ret_public[SEAL_KEY], struct troupe_error *reterr);
int key_drop(const char *state, const char *name, struct troupe_error *reterr);

/* key_ensure makes a key if there is none, and NAME.pub. Of processes that do so at once one makes it. */
int key_ensure(const char *state, const char *name, struct troupe_error *reterr);

/* key_public_read reads NAME.pub: -ENOENT: that host has not made its key yet. */
int key_public_read(const char *state, const char *name, uint8_t ret_key[SEAL_KEY], struct troupe_error *reterr);

/* key_public_parse reads the text of a public key; false if it is none, or one that gives everybody the same secret.
 * key_public_print writes it. */
bool key_public_parse(const char *text, uint8_t ret_key[SEAL_KEY]);
void key_public_print(const uint8_t key[SEAL_KEY], char ret_text[KEY_TEXT]);

#endif
