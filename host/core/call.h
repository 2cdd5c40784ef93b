/* SPDX-License-Identifier: MIT */
/* Calls between instances: sending, delivery with its checks, answers, timeouts, cancels. */
#ifndef HOST_CORE_CALL_H
#define HOST_CORE_CALL_H

#include "host/core/instance.h"

struct mailbox;
struct message;

/* call_start, call_cancel and call_reply are troupe_host.call, .cancel and .reply. [loop] */
uint64_t call_start(struct instance *instance, const struct troupe_call *call);
void call_cancel(struct instance *instance, uint64_t call);
void call_reply(struct instance *instance, uint64_t request, int32_t status, struct troupe_buf *body);

/*
 * call_command gives an instance an operator's order: `command` is an entry of its plugin's table, `args` is laid out
 * as the entry says (NULL if it has none). on_reply is called with `from` as the instance. `args` and `operator_name`
 * stay valid until release(arg), which may come after on_reply: a call that has timed out may still be under way.
 * OK answers carry JSON text. Returns the call's id. [loop of `from`]
 */
uint64_t call_command(struct instance *from, struct instance *to, const struct troupe_command *command,
		      const void *args, const char *operator_name, uint32_t timeout_ms, troupe_reply_fn on_reply,
		      void (*release)(void *arg), void *arg);

/* call_context copies what the running callback belongs to; what belongs to nothing yet gets a new trace. For whatever
 * is begun and calls back later. [loop] */
void call_context(struct instance *instance, struct core_context *ret_context);

/* call_deliver hands a message to its instance, or refuses it. For the mailbox. [loop] */
void call_deliver(struct mailbox *mailbox, struct message *message);

/* call_refuse ends a message that could not be delivered: a call is answered, an event is dropped and counted; `reason`
 * is static text. For the mailbox. [loop] */
void call_refuse(struct mailbox *mailbox, struct message *message, int32_t status, const char *reason);

/*
 * call_relay makes a call, or with on_reply NULL an event, in the name of an instance without its role: of one of
 * another host, whose message came over the bus, or of one here for which the host works. The latter is held until
 * on_reply, which is none of its callbacks, and may be stopping. Takes `body` over. Returns the call's id, for
 * call_cancel; 0 = an event. [loop of `from`]
 */
struct call_relay {
	struct instance *from, *to;
	uint32_t method, timeout_ms;
	struct troupe_buf *body;
	const uint8_t *key; /* NULL = none */
	struct core_context context;
	troupe_reply_fn on_reply;
	void *arg;
};
uint64_t call_relay(const struct call_relay *relay);

/* call_answer ends a request to an instance of another host: `body` (taken over) as in troupe_host.reply, or static
 * text `reason`. [loop of the proxy] */
void call_answer(struct mailbox *mailbox, struct message *message, int32_t status, struct troupe_buf *body,
		 const char *reason);

/* call_end_all ends every call that the instance made (CANCELLED "host.stopping") and every request that it has not
 * answered (UNAVAILABLE "host.stopped"). [loop] */
void call_end_all(struct instance *instance);

#endif
