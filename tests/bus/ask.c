/* SPDX-License-Identifier: MIT */
/*
 * ask CONFIG STATE HOST PEER FROM TO METHOD COUNT [deaf]: plays HOST of that configuration, linked with host PEER alone, and
 * calls METHOD of instance TO in the name of FROM, COUNT times. Prints each kind of answer and how often it came:
 * "STATUS REASON COUNT". With a ninth word, "deaf", it takes no replies: it ends when all calls are sent and have arrived.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/config/diag.h"
#include "tests/bus/rogue.h"

#define IN_FLIGHT 64u
#define KINDS_MAX 16u

static uint64_t from, to, count, sent, answered;
static uint32_t method;
static bool deaf;
static struct kind {
	unsigned status;
	char reason[TROUPE_REASON_MAX + 1];
	uint64_t count;
} kinds[KINDS_MAX];

static void on_deaf_turn(struct rogue *rogue)
{
	struct link_counts counts;

	link_credit(rogue->link, 0);
	while (sent < count && rogue_call(rogue, sent + 1, from, to, method)) {
		sent++;
	}
	link_counts(rogue->link, &counts);
	if (sent == count && counts.waiting == 0) {
		loop_stop(rogue->loop);
	}
}

static void on_turn(struct rogue *rogue)
{
	if (deaf) {
		on_deaf_turn(rogue);
		return;
	}
	while (sent < count && sent - answered < IN_FLIGHT && rogue_call(rogue, sent + 1, from, to, method)) {
		sent++;
	}
}

static void on_reply(struct rogue *rogue, const struct envelope *envelope, const uint8_t *body)
{
	struct kind kind = { .status = envelope->status };
	unsigned i = 0;

	if (envelope->status != TROUPE_OK && envelope->body_len <= TROUPE_REASON_MAX) {
		memcpy(kind.reason, body, envelope->body_len);
	}
	while (i < KINDS_MAX - 1 && kinds[i].count > 0 &&
	       (kinds[i].status != kind.status || strcmp(kinds[i].reason, kind.reason) != 0)) {
		i++;
	}
	kind.count = kinds[i].count + 1;
	kinds[i] = kind;
	if (++answered == count) {
		loop_stop(rogue->loop);
	}
}

int main(int argc, char **argv)
{
	struct rogue rogue = { .on_turn = on_turn, .on_reply = on_reply };
	struct diag_list *diags = diag_list_create();
	struct config *config;

	deaf = argc == 10 && strcmp(argv[9], "deaf") == 0;
	if (argc != 9 && !deaf) {
		fputs("usage: ask CONFIG STATE HOST PEER FROM TO METHOD COUNT [deaf]\n", stderr);
		return 2;
	}
	struct config_request request = { .path = argv[1], .state = argv[2], .host = argv[3] };
	if (config_load(&request, &config, diags) < 0) {
		printf("Bail out! %s does not load\n", argv[1]);
		return 99;
	}
	rogue.config = config;
	from = troupe_fnv64(argv[5], strlen(argv[5]));
	to = troupe_fnv64(argv[6], strlen(argv[6]));
	method = troupe_fnv32(argv[7], strlen(argv[7]));
	count = strtoull(argv[8], NULL, 10);
	rogue_start(&rogue, argv[4]);
	loop_run(rogue.loop);
	rogue_stop(&rogue);
	config_free(config);
	diag_list_free(diags);
	for (unsigned i = 0; i < KINDS_MAX && kinds[i].count > 0; i++) {
		printf("%u %s %llu\n", kinds[i].status, kinds[i].reason[0] != '\0' ? kinds[i].reason : "-",
		       (unsigned long long)kinds[i].count);
	}
	return 0;
}
