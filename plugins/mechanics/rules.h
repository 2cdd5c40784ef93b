/* SPDX-License-Identifier: MIT */
/* The rules of the world: scripts in generations, what they registered, and the calls into them. */
#ifndef MECHANICS_RULES_H
#define MECHANICS_RULES_H

#include <stddef.h>
#include <stdint.h>

struct mechanics;
struct rules;

struct rules_figures {
	uint32_t generation, files, handlers, actions, kinds, timers;
	uint64_t errors, quarantined, accepted, refused, prints_dropped;
	size_t memory_used, memory_peak;
	const char *problem; /* why the last reload was refused; "" if it was not */
};

/* rules_open: no rules yet (generation 0); NULL without memory. rules_free: NULL is fine; returns NULL. */
struct rules *rules_open(struct mechanics *m);
struct rules *rules_free(struct rules *r);

/* rules_start: reads the scripts and watches their folder; with the first answer the role is ready. */
void rules_start(struct rules *r);
/* rules_read: reads the scripts again, also when they did not change. `request` (0 = none) is answered at the end. */
void rules_read(struct rules *r, uint64_t request);
void rules_stop(struct rules *r);

/* rules_kind_name: "avatar" for 0. */
const char *rules_kind_name(const struct rules *r, uint16_t kind);
void rules_figures(const struct rules *r, struct rules_figures *ret_figures);
/* rules_each: every handler that the running generation has. */
void rules_each(const struct rules *r, void (*each)(void *arg, const char *what, const char *file, int line,
						    uint32_t calls, uint32_t errors, int quarantined), void *arg);

/* rules_tick: stage 1. */
void rules_tick(struct rules *r);
/* The row is that of an avatar in the world. What rules do to others is done when these return; rows may have moved only
 * after rules_tick. */
void rules_enter(struct rules *r, uint32_t row);
void rules_leave(struct rules *r, uint32_t row);
/* rules_chat: 0 if the rules do not let it be heard. */
int rules_chat(struct rules *r, uint32_t row, const char *text, const char *channel);
/* rules_act: OK with a text, or a refusal and its reason. `target` may be NO_ROW. */
int32_t rules_act(struct rules *r, uint32_t row, const char *action, uint32_t target, const char *text,
		  char *ret_text, size_t size, const char **ret_reason);
/* rules_echo: one call on opaque bytes; the answer is good until the next call of any rule. */
int32_t rules_echo(struct rules *r, uint64_t avatar, const void *bytes, size_t len, const char **ret_bytes,
		   size_t *ret_len, const char **ret_reason);
/* rules_entity_gone: lets go of what scripts hold of an entity; before its row is removed. */
void rules_entity_gone(struct rules *r, uint32_t row);

#endif
