/* SPDX-License-Identifier: MIT */
/* The hex frames in docs/reference/protocol.md are what the code writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.pb-c.h"
#include "wire/wire.h"

static char page[200000];

static void read_page(void)
{
	char path[1024];
	const char *top = getenv("top_srcdir");
	FILE *file;

	snprintf(path, sizeof(path), "%s/docs/reference/protocol.md", top != NULL ? top : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
}

static unsigned seen;

static void vector(const char *name, uint16_t event, uint16_t tag, const ProtobufCMessage *message)
{
	uint8_t bytes[256];
	char wanted[32 + 3 * sizeof(bytes)], *at = wanted;
	size_t len = protobuf_c_message_get_packed_size(message);

	assert_true(len + WIRE_HEAD_SIZE <= sizeof(bytes));
	wire_head(bytes, event, tag, (uint32_t)len);
	protobuf_c_message_pack(message, bytes + WIRE_HEAD_SIZE);
	at += sprintf(at, "\n%-15s", name);
	for (size_t i = 0; i < len + WIRE_HEAD_SIZE; i++) {
		at += sprintf(at, " %02x", bytes[i]);
	}
	strcpy(at, "\n");
	if (strstr(page, wanted) == NULL) {
		fail_msg("protocol.md does not have:%s", wanted);
	}
	seen++;
}

static void test_vectors(void **state)
{
	Client__Hello hello = CLIENT__HELLO__INIT;
	Client__Ping ping = CLIENT__PING__INIT;
	Client__Login login = CLIENT__LOGIN__INIT;
	Client__LoginResult later = CLIENT__LOGIN_RESULT__INIT;
	Client__ChooseShard choose = CLIENT__CHOOSE_SHARD__INIT;
	Client__Enter enter = CLIENT__ENTER__INIT;
	Client__Error error = CLIENT__ERROR__INIT;
	Client__Bye bye = CLIENT__BYE__INIT;
	uint8_t ticket[32];
	unsigned listed = 0;

	(void)state;
	read_page();
	hello.has_protocol = 1;
	hello.protocol = 1;
	vector("hello", WIRE_HELLO, 1, &hello.base);
	vector("ping_empty", WIRE_PING, 0, &ping.base);
	ping.has_time = 1;
	ping.time = 300;
	vector("ping_time", WIRE_PING, 7, &ping.base);
	login.user = "ann";
	login.password = "correct horse";
	vector("login", WIRE_LOGIN, 2, &login.base);
	later.has_code = later.has_retry_ms = 1;
	later.code = CLIENT__LOGIN_CODE__TRY_LATER;
	later.retry_ms = 1000;
	vector("login_later", WIRE_LOGIN_RESULT, 2, &later.base);
	choose.name = "meadow";
	vector("choose_shard", WIRE_CHOOSE_SHARD, 3, &choose.base);
	for (uint8_t i = 0; i < sizeof(ticket); i++) {
		ticket[i] = i;
	}
	enter.has_ticket = 1;
	enter.ticket.data = ticket;
	enter.ticket.len = sizeof(ticket);
	vector("enter", WIRE_ENTER, 2, &enter.base);
	error.has_event = error.has_status = 1;
	error.event = 40;
	error.status = 9;
	error.reason = "client.not_in_world";
	error.text = "x";
	vector("error", WIRE_ERROR, 9, &error.base);
	bye.reason = "client.idle";
	bye.has_reconnect = 1;
	vector("bye", WIRE_BYE, 0, &bye.base);
	for (const char *p = strstr(page, "```vectors\n"); p != NULL && strncmp(p, "\n```", 4) != 0; p++) {
		listed += *p == '\n' && p[1] != '`';
	}
	assert_int_equal(listed, seen); /* no vector without a check */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_vectors) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
