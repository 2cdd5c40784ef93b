/* SPDX-License-Identifier: MIT */
/* A driver in memory that fails when it is told to. */
#ifndef TESTS_SUPPORT_FAKE_DRIVER_H
#define TESTS_SUPPORT_FAKE_DRIVER_H

#include <pthread.h>

#include "troupe/driver.h"

#define FAKE_ENTRIES 2048

/* The "disk" and the orders to it: `options` of the driver. One store at a time; under `mutex`. It knows PUT of short keys
 * and values, and idempotency keys. */
struct fake_disk {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* orders */
	int32_t fail_commit;   /* the next commit answers this, once */
	int survives;	       /* and what it should have written is there all the same */
	int32_t fail_open;     /* opens answer this ... */
	unsigned fail_opens;   /* ... so many times */
	int hold;	       /* commits wait until it is 0 */
	int holding;	       /* one waits */
	/* what happened */
	unsigned opens, closes, commits, snapshots;
	uint32_t groups[256]; /* sizes of the first groups */
	/* contents */
	uint64_t version;
	uint32_t entries_len, keys_len;
	struct {
		char key[32], value[32];
		uint32_t key_len, value_len;
		uint64_t version;
	} entries[FAKE_ENTRIES];
	struct {
		uint8_t key[TROUPE_KEY_SIZE];
		uint64_t fingerprint, version;
	} keys[FAKE_ENTRIES];
};

extern const struct troupe_driver fake_driver;

void fake_disk_init(struct fake_disk *disk);
/* fake_hold makes commits wait; fake_wait_held waits until one does; fake_release lets them go. */
void fake_hold(struct fake_disk *disk);
void fake_wait_held(struct fake_disk *disk);
void fake_release(struct fake_disk *disk);

#endif
