/* SPDX-License-Identifier: MIT */
/* The messages a game client sends and gets, by name and by number. */
#ifndef CLIENT_MESSAGES_H
#define CLIENT_MESSAGES_H

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

struct client_message {
	const char *name;  /* as scripts say it: "login", "chat", "delta" */
	uint32_t event;	   /* its number in a frame */
	const ProtobufCMessageDescriptor *type;
	uint32_t reply_event; /* requests: the number of the answer; 0 = the server sends it unasked, or it is one */
	const ProtobufCMessageDescriptor *reply_type;
};

#define CLIENT_EVENT_ERROR 90u
#define CLIENT_EVENT_PONG 4u
#define CLIENT_EVENT_DELTA 33u
#define CLIENT_EVENT_CELL_SEEN 34u
#define CLIENT_EVENT_CELL_GONE 35u
#define CLIENT_EVENT_CHUNK 36u
#define CLIENT_EVENT_BLOCKS 37u

/* client_message_named: the request of this name; NULL. client_message_numbered: what arrives under this number. */
const struct client_message *client_message_named(const char *name);
const struct client_message *client_message_numbered(uint32_t event);

#endif
