/* SPDX-License-Identifier: MIT */
/* Messages inside one process: their native envelope, one queue a loop, calls under way. */
#ifndef HOST_CORE_MAILBOX_H
#define HOST_CORE_MAILBOX_H

#include <pthread.h>

#include "host/core/instance.h"

#define MAILBOX_ROUND 1024u	      /* messages delivered in one turn of the loop */
#define MAILBOX_FLUSH 128u	      /* delivered messages after which other loops get theirs */
#define MAILBOX_INBOX_MAX 262144u     /* messages from other loops that may wait to be taken in */
#define MAILBOX_SLOT_NONE 0xffffffffu

/*
 * A message, and later the record of the request it became, and at last its reply: a call's struct goes to the callee
 * and comes home to the loop that made it, which alone reuses it.
 */
struct message {
	struct message *next;
	struct instance *to;	/* who gets it */
	struct instance *from;	/* who sent it; NULL = the host */
	struct troupe_buf *body;
	const char *reason;	/* a refusal by the host: static text instead of a body */
	uint64_t call;		/* id of the caller's pending call; 0 = an event */
	uint64_t deadline_us;	/* when the caller gives up */
	struct message *cancels; /* kind CANCEL: the call's message */
	const void *link;	/* a call to another host: how it left, the bus's */
	uint32_t method;
	int32_t status;
	uint32_t slot;		/* in the callee's table of requests, MAILBOX_SLOT_NONE = in none */
	uint8_t kind;		/* enum troupe_message_kind */
	bool has_key, command;
	uint8_t key[TROUPE_KEY_SIZE];
	struct core_context context;
	const struct troupe_command *run; /* `command`: an operator's order, with ... */
	const void *args;		  /* ... its arguments laid out, and ... */
	const char *operator_name;	  /* ... who gave it; both live until ... */
	void (*release)(void *arg);	  /* ... this runs, when the message is home; NULL = nothing to release */
	void *release_arg;
};

struct message_list {
	struct message *head, **tail;
	uint64_t count;
};

/* A call that has not ended, at the caller. */
struct pending {
	struct loop_timer timeout; /* first */
	uint64_t id;		  /* generation << 24 | index; 0 = free */
	struct instance *instance; /* NULL: nobody wants the answer any more */
	struct instance *callee;   /* NULL: the host itself answers */
	troupe_reply_fn on_reply;
	void *arg;
	troupe_any_fn typed;
	struct core_context context; /* of the callback that made the call */
	struct message *out;	  /* its message, while it is away */
	struct message *cancel;	  /* the cancel sent after it, while it is away */
	struct mailbox *mailbox;
	uint32_t next_free;
	bool reply_came;
	bool late; /* this call holds its caller until it has ended, also while that stops */
	bool work; /* the host's own work for the caller: on_reply is none of the role's callbacks */
};

/* A request that has not been answered, at the callee. */
struct request_slot {
	struct message *message; /* NULL = free */
	uint64_t id;
	uint32_t next_free;
};

#define SLOT_BITS 24u
#define CHUNK 256u

/* Queue and tables of one loop. All but `in` is the loop's own. */
struct mailbox {
	struct loop *loop;
	struct core *core;
	struct message_list todo;  /* to be delivered here */
	struct message_list *out;  /* to other loops' mailboxes, by loop index */
	struct mailbox *const *others;
	unsigned others_len;
	struct message *free;
	uint32_t free_len;
	struct pending **pending; /* chunks */
	uint32_t pending_chunks, pending_free;
	struct request_slot **requests; /* chunks */
	uint32_t request_chunks, request_free;
	uint64_t generation;
	uint64_t random[2];
	uint32_t turn; /* breaks ties between equally loaded instances */
	uint32_t unflushed;
	struct loop_hook work, end;
	/* from other loops */
	pthread_mutex_t mutex;
	struct message_list in;
	atomic_uint_fast64_t overflows; /* batches refused because `in` was full */
};

/* mailbox_init sets up the mailbox of a loop; `others` holds every loop's mailbox and stays valid. [main] */
int mailbox_init(struct mailbox *mailbox, struct loop *loop, struct core *core, struct mailbox *const *others,
		 unsigned others_len);
/* mailbox_fini releases it after its loop has ended. [main] */
void mailbox_fini(struct mailbox *mailbox);

/* message_new returns a message with nothing in it but its slot; never NULL (the process ends without memory).
 * message_free releases it with its body. [loop] */
struct message *message_new(struct mailbox *mailbox);
void message_free(struct mailbox *mailbox, struct message *message);

/* mailbox_send queues a message to message->to: here, or for its loop at the end of the turn. A full mailbox refuses
 * calls with RESOURCE_EXHAUSTED "host.queue_full" and drops events. [loop] */
void mailbox_send(struct mailbox *mailbox, struct message *message);

/* The tables. *_find returns NULL when the id has ended. [loop] */
struct pending *pending_new(struct mailbox *mailbox);
struct pending *pending_find(struct mailbox *mailbox, uint64_t id);
void pending_free(struct mailbox *mailbox, struct pending *pending);
struct pending *pending_at(struct mailbox *mailbox, uint32_t index);
uint64_t request_add(struct mailbox *mailbox, struct message *message);
struct message *request_find(struct mailbox *mailbox, uint64_t id);
void request_remove(struct mailbox *mailbox, struct message *message);
struct message *request_at(struct mailbox *mailbox, uint32_t index);
/* request_id returns the number that request_add gave this message. */
uint64_t request_id(struct mailbox *mailbox, const struct message *message);

#endif
