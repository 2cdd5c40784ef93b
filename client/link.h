/* SPDX-License-Identifier: MIT */
/* A game client's connections: frames out and in, many in one thread, never blocking. */
#ifndef CLIENT_LINK_H
#define CLIENT_LINK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Conventions
 *  1. One thread. Callbacks come from links_wait alone and may use every function here.
 *  2. A frame is u32 LE (tag << 16 | event), u32 LE length, payload; at most LINK_FRAME_MAX bytes of it.
 */
#define LINK_FRAME_MAX (1024u * 1024u)

struct links;
struct link;

struct link_handler {
	void (*on_open)(void *arg, struct link *link, const char *error); /* error NULL: connected */
	void (*on_frame)(void *arg, struct link *link, uint32_t event, uint32_t tag, const uint8_t *payload,
			 size_t len);
	void (*on_close)(void *arg, struct link *link, const char *why); /* the last word; frees the link after it */
};

/* links_create makes an empty set; NULL without descriptors. links_free closes all without callbacks; takes NULL. */
struct links *links_create(void);
void links_free(struct links *links);

/* links_wait waits at most `timeout_ms` (-1 = for ever) and runs the callbacks that are due; `also` (or -1) is a descriptor
 * that also ends the wait when readable. Returns 1 if `also` is readable. */
int links_wait(struct links *links, int timeout_ms, int also);

/* link_open begins to connect to a numeric or named host; on_open tells. NULL if the name does not resolve. */
struct link *link_open(struct links *links, const char *host, unsigned port, const struct link_handler *handler,
		       void *arg);
/* link_send queues one frame and tries to write; 0, or -1 if the link is closing. */
int link_send(struct link *link, uint32_t event, uint32_t tag, const void *payload, size_t len);
/* link_close ends it; on_close follows from the next links_wait. */
void link_close(struct link *link);
/* link_name: "127.0.0.1:9340". */
const char *link_name(const struct link *link);

#endif
