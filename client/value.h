/* SPDX-License-Identifier: MIT */
/* Messages as Lua tables: every field by its name, whatever the message. */
#ifndef CLIENT_VALUE_H
#define CLIENT_VALUE_H

#include <lua.h>
#include <protobuf-c/protobuf-c.h>

/* value_push pushes a table with the fields that are present; lists are always there, empty or not. Enums are their names. */
void value_push(lua_State *L, const ProtobufCMessage *message);

/* value_read makes a message from the table at `index` (nil = empty); a field that the message does not have, or of the
 * wrong type, is a Lua error. Release with protobuf_c_message_free_unpacked(message, NULL). */
ProtobufCMessage *value_read(lua_State *L, int index, const ProtobufCMessageDescriptor *type);

#endif
