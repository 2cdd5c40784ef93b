/* SPDX-License-Identifier: MIT */
/* Every message that a client may send or a service may get: it unpacks or is refused, and what unpacks packs again. */
#include <stdint.h>
#include <stdlib.h>

#include "account.pb-c.h"
#include "avatar.pb-c.h"
#include "billing.pb-c.h"
#include "client.pb-c.h"
#include "echo.pb-c.h"
#include "frontend.pb-c.h"
#include "item.pb-c.h"
#include "mall.pb-c.h"
#include "master.pb-c.h"
#include "proto/proto.h"
#include "world.pb-c.h"

static const ProtobufCMessageDescriptor *const types[] = {
	&client__hello__descriptor,	     &client__ping__descriptor,
	&client__register__descriptor,	     &client__login__descriptor,
	&client__shard_list_request__descriptor, &client__choose_shard__descriptor,
	&client__enter__descriptor,	     &client__avatar_select__descriptor,
	&client__leave_world__descriptor,    &client__shard_list__descriptor,
	&client__error__descriptor,	     &avatar__create_request__descriptor,
	&avatar__list_request__descriptor,   &avatar__delete_request__descriptor,
	&world__look_request__descriptor,    &world__move_request__descriptor,
	&world__act_request__descriptor,     &world__echo_request__descriptor,
	&world__chat_request__descriptor,    &world__delta__descriptor,
	&world__cell_seen__descriptor,	     &item__inventory_request__descriptor,
	&item__take_request__descriptor,     &mall__offers_request__descriptor,
	&mall__buy_request__descriptor,	     &mall__order_request__descriptor,
	&mall__cancel_request__descriptor,   &billing__balance_request__descriptor,
	&echo__say_request__descriptor,	     &frontend__batch__descriptor,
	&master__place_request__descriptor,  &account__redeem_request__descriptor,
	&client__pong__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proto_arena arena, again_arena;
	const ProtobufCMessageDescriptor *type;
	ProtobufCMessage *message, *again;
	uint8_t *packed;
	size_t len;

	if (size == 0 || size > 70000) {
		return 0;
	}
	type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	proto_arena_init(&arena);
	message = proto_unpack(type, data + 1, size - 1, &arena);
	if (message != NULL) {
		len = protobuf_c_message_get_packed_size(message);
		packed = malloc(len + 1);
		if (protobuf_c_message_pack(message, packed) != len) {
			abort();
		}
		proto_arena_init(&again_arena);
		again = proto_unpack(type, packed, len, &again_arena);
		if (again == NULL || protobuf_c_message_get_packed_size(again) != len) {
			abort();
		}
		proto_arena_free(&again_arena);
		free(packed);
	}
	proto_arena_free(&arena);
	return 0;
}
