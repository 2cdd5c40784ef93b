/* SPDX-License-Identifier: MIT */
/* The sample role: says back what it is told. Copy this folder to begin your own. */
#include <stdio.h>
#include <string.h>

#include "echo.stub.h"

#define SAID_MAX 512 /* bytes of an answer */
/* The options, as the host lays them out. */
struct echo_options {
	const char *greeting;
};

static const struct troupe_option options[] = {
	{ .name = "greeting", .help = "what stands before every answer", .type = TROUPE_OPTION_STRING, .max = 100,
	  .flags = TROUPE_OPTION_LIVE, .fallback = "you said: ", .offset = offsetof(struct echo_options, greeting) },
	{ .name = NULL },
};

/* One configured copy of the role; the host allocates it, zeroed. */
struct echo {
	const struct troupe_host *host;
	const struct echo_options *options;
	uint64_t count;
};

static int32_t create(void *instance, const struct troupe_host *host, const void *opts, struct troupe_error *reterr)
{
	struct echo *echo = instance;

	(void)reterr; /* filled by those who fail */
	echo->host = host;
	echo->options = opts;
	return TROUPE_OK;
}

static int32_t configure(void *instance, const void *opts, struct troupe_error *reterr)
{
	struct echo *echo = instance;

	(void)reterr;
	echo->options = opts;
	return TROUPE_OK;
}

static void destroy(void *instance)
{
	(void)instance; /* nothing was taken, so nothing is given back */
}

/* echo.say: a method that other roles and players call. */
static void say(void *instance, const struct troupe_request *request, const Echo__SayRequest *body)
{
	struct echo *echo = instance;
	char text[SAID_MAX];
	Echo__SayReply reply = ECHO__SAY_REPLY__INIT;

	if (body->text == NULL || strlen(body->text) > SAID_MAX - 101) {
		proto_refuse(echo->host, request->id, TROUPE_INVALID_ARGUMENT, "echo.text");
		return;
	}
	snprintf(text, sizeof(text), "%s%s", echo->options->greeting, body->text);
	reply.text = text;
	reply.has_count = 1;
	reply.count = ++echo->count;
	echo_say_reply(echo->host, request->id, &reply);
}

/* troupe echo count: a command that operators type. It answers with JSON. */
static void count(void *instance, const struct troupe_request *request, const void *args)
{
	struct echo *echo = instance;
	uint8_t *bytes;
	char text[64];
	int len = snprintf(text, sizeof(text), "{\"count\":%llu}", (unsigned long long)echo->count);
	struct troupe_buf *body = echo->host->buf_new(echo->host, (size_t)len, &bytes);
	(void)args;
	if (body != NULL) {
		memcpy(bytes, text, (size_t)len);
	}
	echo->host->reply(echo->host, request->id, body ? TROUPE_OK : TROUPE_RESOURCE_EXHAUSTED, body);
}

static const struct troupe_command commands[] = {
	{ .verb = "count", .help = "How many times it was spoken to", .right = "read", .run = count },
	{ .verb = NULL },
};
static const struct troupe_method methods[] = { ECHO_SAY(say), { .name = NULL } };
static const char *const provides[] = { "echo", NULL };
static const struct troupe_role role = {
	.size = sizeof(role), .instance_size = sizeof(struct echo), .options_size = sizeof(struct echo_options),
	.create = create, .configure = configure, .destroy = destroy,
};

TROUPE_EXPORT const struct troupe_plugin troupe_entry = {
	TROUPE_PLUGIN_HEAD, .kind = TROUPE_PLUGIN_ROLE, .name = "echo", .version = "1.0",
	.summary = "Says back what it is told.", .provides = provides, .options = options, .commands = commands,
	.methods = methods, .role = &role
};
