/* SPDX-License-Identifier: MIT */
/* What a reason id of a refused command means, for people. */
#ifndef HOST_CONTROL_WORDS_H
#define HOST_CONTROL_WORDS_H

/*
 * words_shown writes a reason as people read it into `text`: "the world is paused (world.paused)", or only the id where it
 * has no words. NULL or "" = no reason was given. Returns `text`. [any]
 */
const char *words_shown(const char *reason, char *text, unsigned size);

#endif
