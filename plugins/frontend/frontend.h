/* SPDX-License-Identifier: MIT */
/* The parts of the front-end role. Everything runs on the instance's loop. */
#ifndef FRONTEND_FRONTEND_H
#define FRONTEND_FRONTEND_H

#include "client.pb-c.h"
#include "frontend.stub.h"
#include "map/map.h"
#include "troupe/host.h"
#include "wire/wire.h"

#define TICKET_SIZE 32u
#define TICKET_HASH_SIZE 32u
#define MEMBERS_MAX 512u /* channels that one client may listen to */
#define HOLD_BYTES 16384u /* so much waits for a slow client before droppable frames are held back: with more it would
			   * see a world of seconds ago, and hear answers as late */
#define PENDING_MAX 64u	 /* newest droppable frames kept for one slow client */
#define PUBLISHERS_MAX 64u
#define WORLDS_MAX 512u	 /* instances that provide a world, of all shards together */
#define REDEEMS_MAX 64u	 /* tickets that nobody announced, being redeemed at once */

struct frontend_options {
	struct troupe_strings listen;
	const char *external;
	int64_t max_clients;
	int64_t idle_ms, world_wait_ms;
	struct frontend_limits {
		int64_t rate, in_flight, frame, out_max, per_network, ticket_ms;
	} limits;
};

enum frontend_metric {
	METRIC_SESSIONS,
	METRIC_CONNECTIONS,
	METRIC_FORWARDED,
	METRIC_ANSWERED_ERROR,
	METRIC_BAD_FRAME,
	METRIC_BAD_MESSAGE,
	METRIC_UNKNOWN_EVENT,
	METRIC_WRONG_STATE,
	METRIC_RATE,
	METRIC_FLOOD,
	METRIC_IN_FLIGHT,
	METRIC_IDLE,
	METRIC_NO_TICKET,
	METRIC_TICKET_REFUSED,
	METRIC_FULL,
	METRIC_KICKED,
	METRIC_SLOW,
	METRIC_COALESCED,
	METRIC_PUBLISHED,
	METRIC_DELIVERED,
	METRIC_MEMBERS,
	METRIC_STALE,
	METRIC_WORLD_GONE,
	METRIC_RESUMED,
	METRIC_COUNT
};

enum client_state {
	CLIENT_HELLO,	  /* nothing but Hello */
	CLIENT_TICKET,	  /* Enter */
	CLIENT_ENTERING,  /* its ticket is being redeemed */
	CLIENT_ENTERED,	  /* has a session */
	CLIENT_WAITING,	  /* its world is gone: it goes back in by itself */
	CLIENT_SELECTING, /* its avatar is on the way into the world */
	CLIENT_WORLD,
	CLIENT_LEAVING,
	CLIENT_CLOSING	  /* whatever still comes is thrown away */
};

enum session_end { SESSION_LOST, SESSION_UNWANTED };

struct client;

/* A client's message that a role is working on. */
struct slot {
	struct slot *prev, *next;
	struct client *client;
	uint64_t call;
	uint16_t event, tag, reply_event;
};

/* That a client listens to a channel: its place in the channel's list, which holds the way back. */
struct member {
	struct channel *channel;
	uint32_t at;
};

struct subscriber {
	uint32_t client; /* index */
	uint32_t member; /* in the client's list */
};

struct channel {
	uint64_t number;
	struct publisher *publisher;
	struct subscriber *subscribers;
	uint32_t len, size;
};

struct publisher {
	uint64_t instance;
	struct map channels; /* number -> struct channel */
};

/* A droppable frame that waits until a slow client has read. */
struct pending {
	uint64_t publisher, channel;
	struct troupe_buf *frame;
	uint16_t event;
};

struct client {
	uint64_t conn;
	uint64_t account, session, epoch, avatar;
	uint64_t mechanics; /* where the avatar is; 0 = not in the world */
	uint64_t seen_us, opened_us;
	uint64_t waits_us; /* for a world: since when */
	uint64_t tick;	   /* in which mechanics got the avatar */
	char *name;	   /* of the avatar in the world; may be NULL */
	uint32_t tick_ms;  /* of that world */
	uint32_t keep_s;   /* account is told so often that the session lives */
	uint64_t rate_us; /* when its messages so far are paid for */
	struct slot *slots;
	struct visit *visit; /* the Enter, AvatarSelect or LeaveWorld that is under way */
	struct member *members;
	struct pending *pending;
	struct client *slow_prev, *slow_next;
	uint32_t index, in_flight;
	uint16_t members_len, members_size, pending_len;
	uint8_t state, is_slow;
};

/* One Enter, AvatarSelect or LeaveWorld, or the way back into another world. It outlives its client, so that what was begun is also undone. */
struct visit {
	struct frontend *fe;
	struct client *client; /* NULL: gone */
	uint64_t account, session, epoch, avatar;
	uint64_t world; /* the mechanics instance that is to let the avatar in */
	uint64_t tick;	/* in which the avatar went over to `world`, while its answer was on the way */
	uint16_t tag;
	uint8_t announced; /* the ticket was expected */
	uint8_t resumes;   /* with the token of a session that was here */
	uint8_t leaving;   /* once it is in, it leaves */
	uint8_t awaits;	   /* until there is a world; nothing is under way */
	uint8_t asked;	   /* `world` has been asked */
	uint8_t hops;	   /* times that an instance named another one as the owner of the avatar's place */
	uint8_t unwanted;  /* the client is gone, and the avatar does not wait for another session */
	char *name;
};

/* Which role takes a client's message. */
struct route {
	const char *service;
	uint32_t method;
	uint16_t reply_event;
	uint16_t to; /* enum troupe_route_to */
};

struct expected {
	uint8_t hash[TICKET_HASH_SIZE];
	uint64_t account, until_us;
};

struct frontend {
	const struct troupe_host *h;
	const struct frontend_options *options;
	struct client **clients; /* by index; NULL = free */
	uint32_t clients_size, clients_top, conn_count;
	uint32_t *free_indexes;
	uint32_t free_len;
	uint32_t entered;   /* clients with a session */
	uint32_t redeeming; /* tickets that nobody announced */
	struct map by_account;
	struct map expected; /* first 8 bytes of the hash -> struct expected */
	struct route *routes[256]; /* pages of 256 events; NULL = none of them was asked for */
	struct slot *free_slots;
	void *slabs;
	struct publisher *publishers; /* PUBLISHERS_MAX */
	uint32_t publisher_count;
	struct client *slow;
	uint64_t timer, watch_timer, slow_timer, drain_timer, hurry;
	uint32_t seconds, draining;
	uint32_t frame_max, out_soft, in_flight_max;
	uint64_t cost_us; /* of one message in the rate limit; 0 = no limit */
	uint16_t port;
	char host[256];
	char shard[64];
	uint32_t metrics[METRIC_COUNT];
};

static inline void count(const struct frontend *fe, enum frontend_metric metric)
{
	fe->h->metric_add(fe->h, fe->metrics[metric], 1);
}

/* --- client.c: connections, frames, states -------------------------------------------------------- */

int32_t client_listen(struct frontend *fe, struct troupe_error *reterr);
/* client_end: Bye with this reason and the end of the connection; its session ends at once. */
void client_end(struct frontend *fe, struct client *client, const char *reason, int reconnect);
/* client_refuse: Error, then client_end. */
void client_refuse(struct frontend *fe, struct client *client, uint16_t event, uint16_t tag, int32_t status,
		   const char *reason);
/* client_tick: once a second: who was silent for too long goes. */
void client_tick(struct frontend *fe);
/* client_by_session: NULL if there is no such session. */
struct client *client_by_session(const struct frontend *fe, uint64_t session);
void client_free_all(struct frontend *fe);

/* --- enter.c: ticket and session ------------------------------------------------------------------ */

/* enter_ticket, enter_resume: begin a session with a ticket, or with the token of an earlier one of this account. */
void enter_ticket(struct frontend *fe, struct client *client, uint16_t tag, const uint8_t *ticket, size_t len);
void enter_resume(struct frontend *fe, struct client *client, uint16_t tag, uint64_t account, const uint8_t *token,
		  size_t len);
/* session_end: the client leaves the session without a word to it. Its avatar stays in the world for a while, so that a
 * session that resumes finds it there, unless the player is not wanted any more. */
void session_end(struct frontend *fe, struct client *client, enum session_end why);
/* session_keep: tells account that it lives. */
void session_keep(struct frontend *fe, struct client *client);
/* session_announce: tells the masters that it is here. */
void session_announce(struct frontend *fe, const struct client *client);
void enter_on_expect(void *instance, const struct troupe_request *request, const Frontend__ExpectRequest *body);
void enter_on_announce(void *instance, const struct troupe_request *request, const Frontend__AnnounceRequest *body);
void enter_on_kick(void *instance, const struct troupe_request *request, const Frontend__KickRequest *body);
void expected_sweep(struct frontend *fe);
void expected_free(struct frontend *fe);
/* masters: their ids; returns how many, at most `max`. */
uint32_t masters(const struct frontend *fe, uint64_t *ret_ids, uint32_t max);

/* --- world.c: from the avatar into the world ------------------------------------------------------ */

/* visit_new: the client's state is `state` from now on; NULL without memory. visit_free: its client may select again. */
struct visit *visit_new(struct frontend *fe, struct client *client, uint16_t tag, enum client_state state);
void visit_free(struct visit *visit);
void select_begin(struct frontend *fe, struct client *client, uint16_t tag, uint64_t avatar);
/* world_lost: mechanics does not know the client's avatar any more; it goes in again by itself. */
void world_lost(struct frontend *fe, struct client *client);
void world_on_reenter(void *instance, const struct troupe_request *request, const Frontend__Reenter *body);
/* worlds: the instances that provide the world of this shard; returns how many of them fit. */
uint32_t worlds(const struct frontend *fe, struct troupe_peer ret_peers[WORLDS_MAX]);
/* tell_selected: AvatarSelected; tell_state: WorldState. */
void tell_selected(struct frontend *fe, const struct client *client, uint16_t tag, const Client__AvatarSelected *where);
void tell_state(struct frontend *fe, const struct client *client, int running, const char *reason);
/* world_watch: four times a second: players whose world has stopped are told, and go into another by themselves. */
void world_watch(struct frontend *fe);

/* --- leave.c: out of the world -------------------------------------------------------------------- */

void leave_begin(struct frontend *fe, struct client *client, uint16_t tag);
/* world_left: mechanics is told that the avatar leaves, or that its connection is lost. tell_left: LeftWorld; the client may select
 * an avatar again. */
void world_left(struct frontend *fe, const struct proto_to *to, int lost);
void tell_left(struct frontend *fe, struct client *client, uint16_t tag, const char *reason);
/* world_end: the client's session ends: whatever is under way ends without it, and its avatar leaves the world, at once or
 * later. */
void world_end(struct frontend *fe, struct client *client, enum session_end why);

/* --- moved.c: from one part of the world to another ----------------------------------------------- */

void moved_on_moved(void *instance, const struct troupe_request *request, const Frontend__Moved *body);

/* --- forward.c: messages that pass unopened ------------------------------------------------------- */

/* route_of: who takes this message; NULL if nobody does. */
const struct route *route_of(struct frontend *fe, uint16_t event);
void forward(struct frontend *fe, struct client *client, const struct wire_frame *frame, const struct route *route);
/* forward_cancel: nobody waits any more for what this client asked. */
void forward_cancel(struct frontend *fe, struct client *client);
void forward_free(struct frontend *fe);

/* --- fanout.c: channels --------------------------------------------------------------------------- */

/* fanout_join, fanout_leave_all: 0, or -1 if there is no room. Joining twice is once. */
int fanout_join(struct frontend *fe, struct client *client, uint64_t publisher, uint64_t channel);
void fanout_leave_all(struct frontend *fe, struct client *client);
/* fanout_leave_others: all channels but those of this publisher. */
void fanout_leave_others(struct frontend *fe, struct client *client, uint64_t publisher);
void fanout_on_batch(void *instance, const struct troupe_request *request, const Frontend__Batch *body);
void fanout_on_send(void *instance, const struct troupe_request *request, const Frontend__Send *body);
/* fanout_forget: drops what waits for a slow client. */
void fanout_forget(struct frontend *fe, struct client *client);
void fanout_free(struct frontend *fe);

#endif
