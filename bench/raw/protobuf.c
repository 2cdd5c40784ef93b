/* SPDX-License-Identifier: MIT */
/* The raw side of a typed call: pack and unpack a request and its reply, with nothing between. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../measure.h"
#include "body.pb-c.h"

#define BODY_LEN 64
#define TRIPS_PER_LOOK 1000

static void body_fill(Bench__Body *body, uint8_t *token, size_t token_len)
{
	bench__body__init(body);
	body->has_account = 1;
	body->account = 123456789012ull;
	body->has_avatar = 1;
	body->avatar = 987654321ull;
	body->has_tick = 1;
	body->tick = 1234567;
	body->has_action = 1;
	body->action = 7;
	body->has_x = body->has_y = body->has_z = 1;
	body->x = 412.5f;
	body->y = 9.25f;
	body->z = -77.0f;
	body->has_turn = 1;
	body->turn = -3;
	body->name = (char *)"wanderer";
	/* An empty token takes a tag and a length, so what is left of the 64 bytes is its content. */
	body->has_token = 1;
	body->token.data = token;
	body->token.len = 0;
	size_t used = bench__body__get_packed_size(body);
	body->token.len = used < BODY_LEN && BODY_LEN - used <= token_len ? BODY_LEN - used : 0;
}

/* One way: what the caller packs, the callee unpacks. Returns a field, so that nothing is optimised away. */
static int64_t way_run(const Bench__Body *body, uint8_t *packed, size_t size)
{
	if (bench__body__get_packed_size(body) > size) {
		return -1;
	}
	size_t len = bench__body__pack(body, packed);
	Bench__Body *seen = bench__body__unpack(NULL, len, packed);
	if (seen == NULL) {
		return -1;
	}
	int64_t tick = seen->tick;
	bench__body__free_unpacked(seen, NULL);
	return tick;
}

static int trips_run(const Bench__Body *body, uint64_t time_ns, uint64_t *ret_trips, uint64_t *ret_ns)
{
	uint8_t packed[256];
	uint64_t begin = clock_ns(), now = begin, trips = 0;

	while (now - begin < time_ns) {
		for (int i = 0; i < TRIPS_PER_LOOK; i++) {
			if (way_run(body, packed, sizeof(packed)) != body->tick ||
			    way_run(body, packed, sizeof(packed)) != body->tick) {
				return -EBADMSG;
			}
		}
		trips += TRIPS_PER_LOOK;
		now = clock_ns();
	}
	*ret_trips = trips;
	*ret_ns = now - begin;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },
		{ "cpu", required_argument, NULL, 'c' },
		{ 0 },
	};
	Bench__Body body;
	uint8_t token[32] = "0123456789abcdef0123456789abcde";
	uint64_t time_ns = 1000000000, trips, ns;
	long cpu = -1;
	int option, bad = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 't') {
			bad |= seconds_parse(optarg, &time_ns);
		} else {
			bad |= option == 'c' ? number_parse(optarg, 0, 1023, &cpu) : -EINVAL;
		}
	}
	if (bad || cpu_pin((int)cpu) < 0) {
		fprintf(stderr, "usage: protobuf [--time S] [--cpu CORE]\n");
		return 2;
	}
	body_fill(&body, token, sizeof(token));
	if (bench__body__get_packed_size(&body) != BODY_LEN || trips_run(&body, time_ns, &trips, &ns) < 0) {
		fprintf(stderr, "protobuf: the body does not survive packing as 64 bytes\n");
		return 1;
	}
	printf("{\"trips_per_s\": %.1f, \"us_per_trip\": %.4f, \"body_bytes\": %d}\n", (double)trips * 1e9 / (double)ns,
	       (double)ns / (double)trips / 1e3, BODY_LEN);
	return 0;
}
