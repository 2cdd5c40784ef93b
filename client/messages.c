/* SPDX-License-Identifier: MIT */
/* The table of client messages. */
#include "messages.h"

#include <string.h>

#include "avatar.pb-c.h"
#include "billing.pb-c.h"
#include "client.pb-c.h"
#include "item.pb-c.h"
#include "mall.pb-c.h"
#include "world.pb-c.h"

static const struct client_message messages[] = {
	/* requests and their answers */
	{ "hello", 1, &client__hello__descriptor, 2, &client__hello_ok__descriptor },
	{ "ping", 3, &client__ping__descriptor, 4, &client__pong__descriptor },
	{ "register", 5, &client__register__descriptor, 6, &client__register_result__descriptor },
	{ "login", 10, &client__login__descriptor, 11, &client__login_result__descriptor },
	{ "shards", 13, &client__shard_list_request__descriptor, 14, &client__shard_list__descriptor },
	{ "resume", 17, &client__resume__descriptor, 16, &client__host_port__descriptor },
	{ "choose", 15, &client__choose_shard__descriptor, 16, &client__host_port__descriptor },
	{ "enter", 20, &client__enter__descriptor, 21, &client__enter_ok__descriptor },
	{ "avatar_create", 22, &avatar__create_request__descriptor, 23, &avatar__create_reply__descriptor },
	{ "avatar_list", 24, &avatar__list_request__descriptor, 29, &avatar__list_reply__descriptor },
	{ "avatar_select", 25, &client__avatar_select__descriptor, 26, &client__avatar_selected__descriptor },
	{ "leave_world", 27, &client__leave_world__descriptor, 28, &client__left_world__descriptor },
	{ "avatar_delete", 30, &avatar__delete_request__descriptor, 31, &avatar__delete_reply__descriptor },
	{ "look", 40, &world__look_request__descriptor, 41, &world__look_reply__descriptor },
	{ "move", 43, &world__move_request__descriptor, 44, &world__move_reply__descriptor },
	{ "act", 45, &world__act_request__descriptor, 46, &world__act_reply__descriptor },
	{ "echo", 47, &world__echo_request__descriptor, 48, &world__echo_reply__descriptor },
	{ "inventory", 50, &item__inventory_request__descriptor, 51, &item__inventory_reply__descriptor },
	{ "take", 52, &item__take_request__descriptor, 53, &item__take_reply__descriptor },
	{ "chat", 70, &world__chat_request__descriptor, 71, &world__chat_reply__descriptor },
	{ "offers", 80, &mall__offers_request__descriptor, 85, &mall__offers_reply__descriptor },
	{ "buy", 81, &mall__buy_request__descriptor, 82, &mall__buy_reply__descriptor },
	{ "balance", 83, &billing__balance_request__descriptor, 84, &billing__balance_reply__descriptor },
	{ "order", 86, &mall__order_request__descriptor, 87, &mall__order_reply__descriptor },
	{ "cancel", 88, &mall__cancel_request__descriptor, 89, &mall__cancel_reply__descriptor },
	/* what the server sends unasked */
	{ "queue", 12, &client__queue__descriptor, 0, NULL },
	{ "world_state", 32, &client__world_state__descriptor, 0, NULL },
	{ "delta", 33, &world__delta__descriptor, 0, NULL },
	{ "cell_seen", 34, &world__cell_seen__descriptor, 0, NULL },
	{ "cell_gone", 35, &world__cell_gone__descriptor, 0, NULL },
	{ "chunk", 36, &world__chunk_data__descriptor, 0, NULL },
	{ "blocks", 37, &world__blocks_changed__descriptor, 0, NULL },
	{ "heard", 72, &world__chat_heard__descriptor, 0, NULL },
	{ "system", 73, &world__system_message__descriptor, 0, NULL },
	{ "error", 90, &client__error__descriptor, 0, NULL },
	{ "kick", 91, &client__kick__descriptor, 0, NULL },
	{ "bye", 92, &client__bye__descriptor, 0, NULL },
};

#define MESSAGES (sizeof(messages) / sizeof(messages[0]))

const struct client_message *client_message_named(const char *name)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		if (messages[i].reply_type != NULL && strcmp(messages[i].name, name) == 0) {
			return &messages[i];
		}
	}
	return NULL;
}

const struct client_message *client_message_numbered(uint32_t event)
{
	for (size_t i = 0; i < MESSAGES; i++) {
		if (messages[i].event == event || (messages[i].reply_event == event && event != 0)) {
			return &messages[i];
		}
	}
	return NULL;
}
