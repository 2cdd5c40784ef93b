/* SPDX-License-Identifier: MIT */
/* Messages as Lua tables. */
#include "value.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define AT(type, message, offset) (*(type *)((char *)(message) + (offset)))

static size_t element_size(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return 4; /* also enums and booleans, which protobuf-c keeps as int */
	}
}

static void push_one(lua_State *L, const ProtobufCFieldDescriptor *field, const void *at)
{
	const ProtobufCEnumValue *name;
	const ProtobufCBinaryData *bytes = at;

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		lua_pushstring(L, *(const char *const *)at);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		lua_pushlstring(L, (const char *)bytes->data, bytes->len);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		value_push(L, *(const ProtobufCMessage *const *)at);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		lua_pushnumber(L, *(const double *)at);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		lua_pushnumber(L, *(const float *)at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		lua_pushboolean(L, *(const protobuf_c_boolean *)at);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		name = protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
		if (name != NULL) {
			lua_pushstring(L, name->name);
		} else {
			lua_pushinteger(L, *(const int *)at);
		}
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		lua_pushinteger(L, *(const uint32_t *)at);
		break;
	default:
		lua_pushinteger(L, element_size(field) == 8 ? *(const int64_t *)at : *(const int32_t *)at);
	}
}

static int present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
	if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
		return AT(const void *, message, field->offset) != NULL;
	}
	return field->label == PROTOBUF_C_LABEL_REQUIRED || AT(protobuf_c_boolean, message, field->quantifier_offset);
}

void value_push(lua_State *L, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;

	luaL_checkstack(L, 4, "message too deep");
	lua_createtable(L, 0, (int)type->n_fields);
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];

		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t count = AT(size_t, message, field->quantifier_offset);
			const char *items = AT(const char *, message, field->offset);

			lua_createtable(L, (int)count, 0);
			for (size_t n = 0; n < count; n++) {
				push_one(L, field, items + n * element_size(field));
				lua_rawseti(L, -2, (lua_Integer)n + 1);
			}
			lua_setfield(L, -2, field->name);
		} else if (present(message, field)) {
			push_one(L, field, (const char *)message + field->offset);
			lua_setfield(L, -2, field->name);
		}
	}
}

static int read_enum(lua_State *L, const ProtobufCFieldDescriptor *field)
{
	const ProtobufCEnumValue *value;

	if (lua_type(L, -1) == LUA_TNUMBER) {
		return (int)luaL_checkinteger(L, -1);
	}
	value = protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, luaL_checkstring(L, -1));
	if (value == NULL) {
		return luaL_error(L, "field '%s' has no value '%s'", field->name, lua_tostring(L, -1));
	}
	return value->value;
}

/* read_one stores the Lua value on top of the stack. */
static void read_one(lua_State *L, const ProtobufCFieldDescriptor *field, void *at)
{
	ProtobufCBinaryData *bytes = at;
	const char *text;
	size_t len;
	int ok = 1;

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
		text = lua_tolstring(L, -1, &len);
		if (text == NULL) {
			luaL_error(L, "field '%s' wants a string, not a %s", field->name, luaL_typename(L, -1));
		}
		if (field->type == PROTOBUF_C_TYPE_STRING) {
			*(char **)at = strdup(text);
		} else {
			bytes->data = memcpy(malloc(len + 1), text, len);
			bytes->len = len;
		}
		return;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = value_read(L, lua_gettop(L), field->descriptor);
		return;
	case PROTOBUF_C_TYPE_DOUBLE:
		*(double *)at = lua_tonumberx(L, -1, &ok);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		*(float *)at = (float)lua_tonumberx(L, -1, &ok);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = lua_toboolean(L, -1);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)at = read_enum(L, field);
		break;
	default:
		if (element_size(field) == 8) {
			*(int64_t *)at = lua_tointegerx(L, -1, &ok);
		} else {
			*(int32_t *)at = (int32_t)lua_tointegerx(L, -1, &ok);
		}
	}
	if (!ok) {
		luaL_error(L, "field '%s' wants a number, not %s", field->name, luaL_tolstring(L, -1, NULL));
	}
}

static void read_list(lua_State *L, const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
	size_t count;
	char *items;

	luaL_checktype(L, -1, LUA_TTABLE);
	count = lua_rawlen(L, -1);
	items = calloc(count + 1, element_size(field));
	AT(char *, message, field->offset) = items;
	for (size_t n = 0; n < count; n++) {
		lua_rawgeti(L, -1, (lua_Integer)n + 1);
		read_one(L, field, items + n * element_size(field));
		lua_pop(L, 1);
		AT(size_t, message, field->quantifier_offset) = n + 1;
	}
}

static void check_names(lua_State *L, int index, const ProtobufCMessageDescriptor *type)
{
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING ||
		    protobuf_c_message_descriptor_get_field_by_name(type, lua_tostring(L, -2)) == NULL) {
			luaL_error(L, "%s has no field '%s'", type->short_name, luaL_tolstring(L, -2, NULL));
		}
	}
}

ProtobufCMessage *value_read(lua_State *L, int index, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message;

	luaL_checkstack(L, 6, "message too deep");
	if (!lua_isnoneornil(L, index)) {
		luaL_checktype(L, index, LUA_TTABLE);
		check_names(L, index, type);
	}
	message = malloc(type->sizeof_message);
	protobuf_c_message_init(type, message);
	for (unsigned i = 0; i < type->n_fields && !lua_isnoneornil(L, index); i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];

		if (lua_getfield(L, index, field->name) != LUA_TNIL) {
			if (field->label == PROTOBUF_C_LABEL_REPEATED) {
				read_list(L, field, message);
			} else {
				read_one(L, field, (char *)message + field->offset);
				if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
				    field->type != PROTOBUF_C_TYPE_MESSAGE) {
					AT(protobuf_c_boolean, message, field->quantifier_offset) = 1;
				}
			}
		}
		lua_pop(L, 1);
	}
	return message;
}
