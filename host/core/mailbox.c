/* SPDX-License-Identifier: MIT */
/* Queues between instances: within a loop a plain list, between loops a list swapped under a mutex. */
#include "host/core/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host/core/buf.h"
#include "host/core/call.h"

#define FREE_MAX 4096u

static void list_init(struct message_list *list)
{
	*list = (struct message_list){ .tail = &list->head };
}

static void list_append(struct message_list *list, struct message *message)
{
	message->next = NULL;
	*list->tail = message;
	list->tail = &message->next;
	list->count++;
}

static struct message *list_shift(struct message_list *list)
{
	struct message *message = list->head;

	if (message != NULL) {
		list->head = message->next;
		list->count--;
		if (list->head == NULL) {
			list->tail = &list->head;
		}
	}
	return message;
}

/* Moves all of `from` behind `to`. */
static void list_splice(struct message_list *to, struct message_list *from)
{
	if (from->head == NULL) {
		return;
	}
	*to->tail = from->head;
	to->tail = from->tail;
	to->count += from->count;
	list_init(from);
}

static void *memory(void *pointer)
{
	if (pointer == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	return pointer;
}

struct message *message_new(struct mailbox *mailbox)
{
	struct message *message = mailbox->free;

	if (message != NULL) {
		mailbox->free = message->next;
		mailbox->free_len--;
	} else {
		message = memory(malloc(sizeof(*message)));
	}
	message->body = NULL;
	message->reason = NULL;
	message->call = 0;
	message->status = TROUPE_OK;
	message->slot = MAILBOX_SLOT_NONE;
	message->has_key = message->command = false;
	message->release = NULL;
	return message;
}

void message_free(struct mailbox *mailbox, struct message *message)
{
	buf_unref(message->body);
	message->body = NULL;
	if (message->release != NULL) {
		message->release(message->release_arg);
		message->release = NULL;
	}
	if (mailbox->free_len >= FREE_MAX) {
		free(message);
		return;
	}
	message->next = mailbox->free;
	mailbox->free = message;
	mailbox->free_len++;
}

/* --- sending -------------------------------------------------------------------------------------- */

static void count_queued(struct message *message, int sign)
{
	struct instance *to = message->to;

	instance_count(&to->counts.queued, sign);
	if (message->body != NULL) {
		to->queued_bytes += sign > 0 ? message->body->len : (uint64_t)0 - message->body->len;
	}
}

/* Queues a message to an instance of this loop, if it has room. Replies and cancels are bounded by the calls they
 * belong to and always have. */
static void mailbox_accept(struct mailbox *mailbox, struct message *message)
{
	struct instance *to = message->to;

	if (message->kind == TROUPE_MESSAGE_CALL || message->kind == TROUPE_MESSAGE_EVENT) {
		uint64_t len = message->body != NULL ? message->body->len : 0;
		uint64_t waiting = atomic_load_explicit(&to->counts.queued, memory_order_relaxed);
		if (waiting >= to->config->mailbox_messages || to->queued_bytes + len > to->config->mailbox_bytes) {
			instance_count(&to->counts.overflows, 1);
			call_refuse(mailbox, message, TROUPE_RESOURCE_EXHAUSTED, "host.queue_full");
			return;
		}
		count_queued(message, 1);
	}
	list_append(&mailbox->todo, message);
}

void mailbox_send(struct mailbox *mailbox, struct message *message)
{
	struct mailbox *there = message->to->mailbox;

	if (there == mailbox) {
		mailbox_accept(mailbox, message);
		return;
	}
	list_append(&mailbox->out[loop_index(there->loop)], message);
}

/* The receiving loop is far behind: its inbox takes replies and cancels alone. */
static void refuse_batch(struct mailbox *mailbox, struct mailbox *there, struct message_list *batch)
{
	struct message_list keep;
	struct message *message;

	list_init(&keep);
	atomic_fetch_add_explicit(&there->overflows, 1, memory_order_relaxed);
	while ((message = list_shift(batch)) != NULL) {
		if (message->kind == TROUPE_MESSAGE_CALL || message->kind == TROUPE_MESSAGE_EVENT) {
			call_refuse(mailbox, message, TROUPE_RESOURCE_EXHAUSTED, "host.queue_full");
		} else {
			list_append(&keep, message);
		}
	}
	list_splice(batch, &keep);
}

static void mailbox_flush(struct mailbox *mailbox)
{
	for (unsigned i = 0; i < mailbox->others_len; i++) {
		struct mailbox *there = mailbox->others[i];
		struct message_list *batch = &mailbox->out[i];
		if (batch->head == NULL) {
			continue;
		}
		pthread_mutex_lock(&there->mutex);
		bool full = there->in.count >= MAILBOX_INBOX_MAX;
		bool wake = there->in.head == NULL;
		if (!full) {
			list_splice(&there->in, batch);
		}
		pthread_mutex_unlock(&there->mutex);
		if (full) {
			refuse_batch(mailbox, there, batch);
			pthread_mutex_lock(&there->mutex);
			list_splice(&there->in, batch);
			pthread_mutex_unlock(&there->mutex);
			wake = true;
		}
		if (wake) {
			loop_wake(there->loop);
		}
	}
	mailbox->unflushed = 0;
}

static void mailbox_take_in(struct mailbox *mailbox)
{
	struct message_list in;
	struct message *message;

	list_init(&in);
	pthread_mutex_lock(&mailbox->mutex);
	list_splice(&in, &mailbox->in);
	pthread_mutex_unlock(&mailbox->mutex);
	while ((message = list_shift(&in)) != NULL) {
		mailbox_accept(mailbox, message);
	}
}

static bool on_work(struct loop_hook *hook)
{
	struct mailbox *mailbox = (struct mailbox *)(void *)((char *)hook - offsetof(struct mailbox, work));

	mailbox_take_in(mailbox);
	for (unsigned i = 0; i < MAILBOX_ROUND; i++) {
		struct message *message = list_shift(&mailbox->todo);
		if (message == NULL) {
			break;
		}
		if (message->kind == TROUPE_MESSAGE_CALL || message->kind == TROUPE_MESSAGE_EVENT) {
			count_queued(message, -1);
		}
		call_deliver(mailbox, message);
		if (++mailbox->unflushed >= MAILBOX_FLUSH) {
			mailbox_flush(mailbox);
		}
	}
	return mailbox->todo.head != NULL;
}

static bool on_end(struct loop_hook *hook)
{
	struct mailbox *mailbox = (struct mailbox *)(void *)((char *)hook - offsetof(struct mailbox, end));

	mailbox_flush(mailbox);
	return mailbox->todo.head != NULL;
}

/* --- tables --------------------------------------------------------------------------------------- */

struct pending *pending_at(struct mailbox *mailbox, uint32_t index)
{
	return index / CHUNK < mailbox->pending_chunks ? &mailbox->pending[index / CHUNK][index % CHUNK] : NULL;
}

struct pending *pending_new(struct mailbox *mailbox)
{
	if (mailbox->pending_free == MAILBOX_SLOT_NONE) {
		uint32_t n = mailbox->pending_chunks;
		mailbox->pending = memory(realloc(mailbox->pending, (n + 1) * sizeof(*mailbox->pending)));
		mailbox->pending[n] = memory(calloc(CHUNK, sizeof(struct pending)));
		mailbox->pending_chunks = n + 1;
		for (uint32_t i = CHUNK; i-- > 0;) {
			mailbox->pending[n][i].next_free = mailbox->pending_free;
			mailbox->pending_free = n * CHUNK + i;
		}
	}
	uint32_t index = mailbox->pending_free;
	struct pending *pending = pending_at(mailbox, index);
	mailbox->pending_free = pending->next_free;
	pending->id = ++mailbox->generation << SLOT_BITS | index;
	pending->mailbox = mailbox;
	pending->cancel = NULL;
	pending->reply_came = pending->late = pending->work = false;
	return pending;
}

struct pending *pending_find(struct mailbox *mailbox, uint64_t id)
{
	struct pending *pending = pending_at(mailbox, id & ((1u << SLOT_BITS) - 1));

	return pending != NULL && pending->id == id && id != 0 ? pending : NULL;
}

void pending_free(struct mailbox *mailbox, struct pending *pending)
{
	uint32_t index = pending->id & ((1u << SLOT_BITS) - 1);

	pending->id = 0;
	pending->instance = NULL;
	pending->next_free = mailbox->pending_free;
	mailbox->pending_free = index;
}

static struct request_slot *request_slot(struct mailbox *mailbox, uint32_t index)
{
	return index / CHUNK < mailbox->request_chunks ? &mailbox->requests[index / CHUNK][index % CHUNK] : NULL;
}

struct message *request_at(struct mailbox *mailbox, uint32_t index)
{
	struct request_slot *slot = request_slot(mailbox, index);

	return slot != NULL ? slot->message : NULL;
}

uint64_t request_id(struct mailbox *mailbox, const struct message *message)
{
	return request_slot(mailbox, message->slot)->id;
}

uint64_t request_add(struct mailbox *mailbox, struct message *message)
{
	if (mailbox->request_free == MAILBOX_SLOT_NONE) {
		uint32_t n = mailbox->request_chunks;
		mailbox->requests = memory(realloc(mailbox->requests, (n + 1) * sizeof(*mailbox->requests)));
		mailbox->requests[n] = memory(calloc(CHUNK, sizeof(struct request_slot)));
		mailbox->request_chunks = n + 1;
		for (uint32_t i = CHUNK; i-- > 0;) {
			mailbox->requests[n][i].next_free = mailbox->request_free;
			mailbox->request_free = n * CHUNK + i;
		}
	}
	uint32_t index = mailbox->request_free;
	struct request_slot *slot = request_slot(mailbox, index);
	mailbox->request_free = slot->next_free;
	slot->message = message;
	slot->id = ++mailbox->generation << SLOT_BITS | index;
	message->slot = index;
	return slot->id;
}

struct message *request_find(struct mailbox *mailbox, uint64_t id)
{
	struct request_slot *slot = request_slot(mailbox, id & ((1u << SLOT_BITS) - 1));

	return slot != NULL && slot->id == id ? slot->message : NULL;
}

void request_remove(struct mailbox *mailbox, struct message *message)
{
	struct request_slot *slot = request_slot(mailbox, message->slot);

	slot->message = NULL;
	slot->next_free = mailbox->request_free;
	mailbox->request_free = message->slot;
	message->slot = MAILBOX_SLOT_NONE;
}

/* --- life ----------------------------------------------------------------------------------------- */

int mailbox_init(struct mailbox *mailbox, struct loop *loop, struct core *core, struct mailbox *const *others,
		 unsigned others_len)
{
	*mailbox = (struct mailbox){ .loop = loop, .core = core, .others = others, .others_len = others_len };
	mailbox->out = calloc(others_len, sizeof(*mailbox->out));
	if (mailbox->out == NULL) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < others_len; i++) {
		list_init(&mailbox->out[i]);
	}
	list_init(&mailbox->todo);
	list_init(&mailbox->in);
	mailbox->pending_free = mailbox->request_free = MAILBOX_SLOT_NONE;
	if (getrandom(mailbox->random, sizeof(mailbox->random), 0) != sizeof(mailbox->random)) {
		free(mailbox->out);
		return -EIO;
	}
	pthread_mutex_init(&mailbox->mutex, NULL);
	mailbox->work.run = on_work;
	mailbox->end.run = on_end;
	loop_hook_work(loop, &mailbox->work);
	loop_hook_end(loop, &mailbox->end);
	return 0;
}

/* The loops have ended: a message that is still under way stays where it is. */
static void message_drop(struct message *message)
{
	buf_unref(message->body);
	if (message->release != NULL) {
		message->release(message->release_arg);
	}
	free(message);
}

static void list_drop(struct message_list *list)
{
	struct message *message;

	while ((message = list_shift(list)) != NULL) {
		message_drop(message);
	}
}

void mailbox_fini(struct mailbox *mailbox)
{
	list_drop(&mailbox->todo);
	list_drop(&mailbox->in);
	for (unsigned i = 0; i < mailbox->others_len; i++) {
		list_drop(&mailbox->out[i]);
	}
	while (mailbox->free != NULL) {
		struct message *message = mailbox->free;
		mailbox->free = message->next;
		free(message);
	}
	for (uint32_t i = 0; i < mailbox->request_chunks; i++) {
		for (uint32_t k = 0; k < CHUNK; k++) {
			if (mailbox->requests[i][k].message != NULL) {
				message_drop(mailbox->requests[i][k].message);
			}
		}
		free(mailbox->requests[i]);
	}
	for (uint32_t i = 0; i < mailbox->pending_chunks; i++) {
		free(mailbox->pending[i]);
	}
	free(mailbox->requests);
	free(mailbox->pending);
	free(mailbox->out);
	pthread_mutex_destroy(&mailbox->mutex);
}
