/* SPDX-License-Identifier: MIT */
/* The listeners of account and front-end in a simulated host: bytes come in any pieces, and a healthy player beside
 * them is served as before. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"
#include "wire/wire.h"

static const char text[] =
	"cluster \"t\" { }\n"
	"database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
	"account { database = \"base\", listen = \"tcp://127.0.0.1:0\", password = { memory = \"8kb\", ops = 1 } }\n"
	"master { database = \"base\" }\n"
	"part \"shard:meadow\"\n"
	"frontend { listen = \"tcp://127.0.0.1:0\" }\n";

static const uint8_t hello[] = { 1, 0, 1, 0, 2, 0, 0, 0, 8, 1 };
static const uint8_t ping[] = { 3, 0, 9, 0, 0, 0, 0, 0 };

static struct config *config;

static uint64_t greet(struct sim *sim, const char *name)
{
	uint64_t conn = sim_connect(sim, name, 0, "10.0.0.1:1");

	sim_bytes(sim, conn, hello, sizeof(hello));
	return conn;
}

/* check_healthy: HelloOk, Pong and nothing else has come to the player that did nothing wrong. */
static void check_healthy(struct sim *sim, uint64_t conn)
{
	struct wire_frame frame;
	const uint8_t *bytes;
	size_t len;

	sim_bytes(sim, conn, ping, sizeof(ping));
	sim_run(sim, 10);
	bytes = sim_sent(sim, conn, &len);
	if (bytes == NULL || wire_read(bytes, len, WIRE_TO_CLIENT_MAX, &frame) != WIRE_FRAME ||
	    frame.event != WIRE_HELLO_OK) {
		abort();
	}
	bytes += WIRE_HEAD_SIZE + frame.len;
	len -= WIRE_HEAD_SIZE + frame.len;
	if (wire_read(bytes, len, WIRE_TO_CLIENT_MAX, &frame) != WIRE_FRAME || frame.event != WIRE_PONG) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte: bit 0 which server, bit 1 whether Hello was said, the rest how long the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *name;
	struct sim *sim;
	uint64_t healthy, conn;
	size_t piece;

	if (size == 0 || size > 20000) {
		return 0;
	}
	if (config == NULL) {
		config = sim_config(text, NULL);
		if (config == NULL) {
			abort();
		}
	}
	sim = sim_open(config, 1);
	sim_run(sim, 10);
	name = data[0] & 1 ? "meadow/frontend" : "base/account";
	healthy = greet(sim, name);
	conn = data[0] & 2 ? greet(sim, name) : sim_connect(sim, name, 0, "10.0.0.2:1");
	piece = data[0] >> 2 == 0 ? size : data[0] >> 2;
	for (size_t at = 1; at < size; at += piece) {
		size_t len = size - at < piece ? size - at : piece;
		uint8_t *copy = malloc(len);

		memcpy(copy, data + at, len);
		sim_bytes(sim, conn, copy, len);
		free(copy);
		sim_run(sim, 1);
	}
	sim_run(sim, 100);
	check_healthy(sim, healthy);
	sim_hangup(sim, conn);
	sim_run(sim, 10);
	sim_close(sim);
	return 0;
}
