/* SPDX-License-Identifier: MIT */
/* A wire on a loop in its own thread, driven from a test's thread as if calls were blocking. */
#ifndef TESTS_HOST_WIRE_RIG_H
#define TESTS_HOST_WIRE_RIG_H

#include <pthread.h>
#include <stdbool.h>

#include "host/bus/wire.h"

#define RIG_WAIT_MS 20000u

struct wire_rig {
	struct loop *loop;
	struct wire *wire;
	struct loop_hook hook;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* under the mutex */
	uint64_t frames, frames_bytes; /* that came */
	uint64_t disorder;	       /* frames whose number was not the next one of their sender */
	uint64_t foreign;	       /* frames that no rig sent */
	uint64_t missed;	       /* numbers left out: frames that were lost */
	uint64_t next[8];	       /* by sender */
	unsigned turn, turn_max;       /* frames in one turn of the loop */
	bool held;		       /* on_frame waits until it is false */
};

/* A peer of a rig, which sends numbered frames. */
struct rig_peer {
	struct rig_peer *self;
	struct wire_rig *rig;
	struct wire_peer *peer;
	unsigned sender;	    /* 0-7, in the frame */
	uint64_t number;	    /* of the next frame */
	uint64_t left;		    /* frames still to be sent, as fast as it goes */
	size_t len;		    /* of each; 0 = of all sizes */
	unsigned writable;	    /* how often on_writable ran */
	uint64_t accepted_bytes;
};

/* rig_start opens a wire at `address`; rig_open does it and returns wire_open's error. rig_stop closes it. */
void rig_start(struct wire_rig *rig, const char *address);
int rig_open(struct wire_rig *rig, const char *address, struct troupe_error *reterr);
void rig_stop(struct wire_rig *rig);
/* rig_do runs `run` on the rig's loop and waits for it. */
void rig_do(struct wire_rig *rig, void (*run)(void *arg), void *arg);
/* rig_wait_frames waits until `frames` have come in all; false: not within RIG_WAIT_MS. */
bool rig_wait_frames(struct wire_rig *rig, uint64_t frames);
/* rig_frames: how many have come; rig_next: what number is expected next from a sender. */
uint64_t rig_frames(struct wire_rig *rig);
uint64_t rig_next(struct wire_rig *rig, unsigned sender);
/* rig_hold makes on_frame wait from the next frame on; rig_release lets it go. */
void rig_hold(struct wire_rig *rig);
void rig_release(struct wire_rig *rig);

/* rig_connect returns wire_connect's error. rig_disconnect ends it. */
int rig_connect(struct wire_rig *rig, struct rig_peer *peer, unsigned sender, const char *address);
void rig_disconnect(struct rig_peer *peer);
int rig_reconnect(struct rig_peer *peer);
/* rig_see copies a peer as it is now. */
struct rig_peer rig_see(struct rig_peer *peer);
/* rig_wait_writable waits until on_writable has run; false: not within RIG_WAIT_MS. */
bool rig_wait_writable(struct rig_peer *peer);
/* rig_counts reads the wire's counters. */
struct wire_counts rig_counts(struct wire_rig *rig);
/* rig_send sends one frame of `len` bytes (at least 16) and returns wire_send's error. */
int rig_send(struct rig_peer *peer, size_t len);
/* rig_send_many sends `count` frames of `len` bytes (0 = 16 to 5000) when there is room and returns at once; rig_wait_sent
 * waits until all are accepted; false: not within RIG_WAIT_MS. */
void rig_send_many(struct rig_peer *peer, uint64_t count, size_t len);
bool rig_wait_sent(struct rig_peer *peer);

/* rig_address writes an address below $TMPDIR: "ipc", or a free port of "tcp". Returns `address`. */
const char *rig_address(char address[128], const char *scheme);
/* rig_child runs this program anew as a peer that binds `address` and writes a byte to *ret_pipe for each frame, or NULL
 * for no pipe. Returns its pid when it listens. rig_child_main is its main. */
int rig_child(const char *address, int *ret_pipe);
int rig_child_main(int argc, char **argv);
/* rig_descriptors: how many this process has open. */
unsigned rig_descriptors(void);

#endif
