/* SPDX-License-Identifier: MIT */
/* Two links over a bad wire. */
#include "tests/host/link_world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/buf.h"

#define ROOM_HEAD 32u
#define ROOM_TAIL 16u
#define NEVER UINT64_MAX

/* A frame under way. */
struct flight {
	uint64_t at_us, order;
	unsigned to;
	size_t len;
	uint8_t *bytes;
};

/* --- chance ------------------------------------------------------------------------------------------------------ */

uint64_t world_random(struct world *world)
{
	uint64_t z = world->random += 0x9e3779b97f4a7c15u; /* splitmix64 (Steele, Lea, Flood, 2014) */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t world_below(struct world *world, uint64_t bound)
{
	return bound > 0 ? world_random(world) % bound : 0;
}

bool world_chance(struct world *world, uint32_t ppm)
{
	return ppm > 0 && world_below(world, 1000000) < ppm;
}

void world_broken(struct world *world, const char *format, ...)
{
	va_list args;

	if (world->broken[0] == '\0') {
		int len = snprintf(world->broken, sizeof(world->broken), "at %llu us: ", (unsigned long long)world->now_us);

		va_start(args, format);
		vsnprintf(world->broken + len, sizeof(world->broken) - (size_t)len, format, args);
		va_end(args);
	}
}

/* --- the wire ---------------------------------------------------------------------------------------------------- */

static bool flight_before(const struct flight *a, const struct flight *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void flight_add(struct world *world, struct flight flight)
{
	size_t at = world->flights_len++;

	if (world->flights_len > world->flights_cap) {
		world->flights_cap = world->flights_cap > 0 ? world->flights_cap * 2 : 64;
		world->flights = realloc(world->flights, world->flights_cap * sizeof(flight));
	}
	for (; at > 0 && flight_before(&flight, &world->flights[(at - 1) / 2]); at = (at - 1) / 2) {
		world->flights[at] = world->flights[(at - 1) / 2];
	}
	world->flights[at] = flight;
}

static struct flight flight_take(struct world *world)
{
	struct flight first = world->flights[0], last = world->flights[--world->flights_len];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < world->flights_len &&
		    flight_before(&world->flights[child + 1], &world->flights[child])) {
			child++;
		}
		if (child >= world->flights_len || !flight_before(&world->flights[child], &last)) {
			break;
		}
		world->flights[at] = world->flights[child];
		at = child;
	}
	world->flights[at] = last;
	return first;
}

static void wire_send(struct world *world, unsigned to, const uint8_t *frame, size_t len)
{
	int copies = world_chance(world, world->faults.lost) ? 0 : world_chance(world, world->faults.repeated) ? 2 : 1;

	for (int i = 0; i < copies; i++) {
		uint64_t delay = 1 + world_below(world, world->faults.delay_us);
		uint8_t *bytes = malloc(len);

		if (world_chance(world, world->faults.late)) {
			delay += world_below(world, world->faults.late_us);
		}
		memcpy(bytes, frame, len);
		flight_add(world, (struct flight){ world->now_us + delay, world->order++, to, len, bytes });
	}
}

/* --- what the links see ------------------------------------------------------------------------------------------ */

static bool on_send(void *arg, uint8_t *frame, size_t len)
{
	struct side *side = arg;
	struct world *world = side->world;

	if (len > TROUPE_FRAME_MAX - ROOM_HEAD - ROOM_TAIL || len < LINK_HEAD) {
		world_broken(world, "a frame of %zu bytes", len);
	}
	if (side->refusing || world_chance(world, world->faults.refused)) {
		side->refusing = true;
		return false;
	}
	side->frames++;
	if (!world->cut[side->index]) {
		wire_send(world, !side->index, frame, len);
	}
	memset(frame - ROOM_HEAD, 0xa5, ROOM_HEAD + len + ROOM_TAIL); /* as a seal would */
	return true;
}

static uint8_t body_byte(uint32_t session, uint64_t serial, uint32_t at)
{
	return (uint8_t)(session * 31 + serial * 7 + at);
}

static void on_message(void *arg, const struct envelope *envelope, const uint8_t *body)
{
	struct side *side = arg;
	struct world *world = side->world;
	uint32_t session = (uint32_t)envelope->session;
	uint32_t *heard_by = &world->heard_by[!side->index][session % SESSIONS_MAX];

	world->delivered++;
	if (!side->up || envelope->source != !side->index) {
		world_broken(world, "side %u got a message %s", side->index, side->up ? "of its own" : "while it is down");
	}
	if (side->heard == 0) {
		side->heard_session = session;
		if (*heard_by != 0) {
			world_broken(world, "session %u is heard by sessions %u and %u", session, *heard_by, side->session);
		}
		*heard_by = side->session;
	}
	if (session != side->heard_session) {
		world_broken(world, "a message of session %u among those of %u", session, side->heard_session);
	}
	side->heard++;
	if (envelope->call != side->heard) {
		world_broken(world, "message %llu comes in place of %llu", (unsigned long long)envelope->call,
			     (unsigned long long)side->heard);
	}
	for (uint32_t i = 0; i < envelope->body_len; i++) {
		if (body[i] != body_byte(session, envelope->call, i)) {
			world_broken(world, "a body is not the one that was pushed");
			break;
		}
	}
	if (world_chance(world, side->answers)) {
		world_push(world, side->index, (uint32_t)world_below(world, 200));
	}
}

static void on_up(void *arg, uint64_t incarnation)
{
	struct side *side = arg;

	if (side->up || !link_up(side->link) || incarnation == 0) {
		world_broken(side->world, "side %u goes up when it is up", side->index);
	}
	side->up = true;
	side->session++;
	side->pushed = side->heard = 0;
	side->heard_session = 0;
	if (side->session == SESSIONS_MAX) {
		world_broken(side->world, "side %u went up too often", side->index);
	}
}

static void on_down(void *arg, const char *why)
{
	struct side *side = arg;

	if (!side->up || link_up(side->link) || why == NULL) {
		world_broken(side->world, "side %u goes down when it is down", side->index);
	}
	side->up = false;
	side->downs++;
}

/* --- pushing ----------------------------------------------------------------------------------------------------- */

/* push_judge: link_push must say what is so. */
static void push_judge(struct side *side, const struct link_counts *before, uint32_t size, int said)
{
	struct world *world = side->world;
	uint32_t bytes = side->queue_bytes;
	bool full = before->waiting >= side->queue_messages;
	bool alone = before->waiting == 0;

	if (said == -ENOTCONN ? side->up : !side->up) {
		world_broken(world, "side %u is %s, but link_push said %d", side->index, side->up ? "up" : "down", said);
	} else if (said == 0 && (full || (!alone && before->waiting_bytes + size > bytes))) {
		world_broken(world, "side %u accepted a message beyond its bound", side->index);
	} else if (said == -EAGAIN && !world->sides[!side->index].window_moved && !full &&
		   (alone || before->waiting_bytes + size <= bytes)) {
		world_broken(world, "side %u has room and refuses", side->index);
	} else if (said != 0 && said != -EAGAIN && said != -ENOTCONN) {
		world_broken(world, "link_push said %d", said);
	}
}

int world_push(struct world *world, unsigned index, uint32_t len)
{
	struct side *side = &world->sides[index];
	struct envelope envelope = { .kind = TROUPE_MESSAGE_CALL, .source = index, .call = side->pushed + 1,
				     .session = side->session, .body_len = len };
	struct troupe_buf *body = NULL;
	struct link_counts before;
	uint8_t *bytes;
	int said;

	if (len > 0) {
		body = buf_new(len, &bytes);
		for (uint32_t i = 0; i < len; i++) {
			bytes[i] = body_byte(side->session, envelope.call, i);
		}
	}
	link_counts(side->link, &before);
	said = link_push(side->link, &envelope, body);
	buf_unref(body);
	push_judge(side, &before, TROUPE_ENVELOPE_SIZE + len, said);
	side->pushed += said == 0;
	side->full += said == -EAGAIN;
	side->tick_us = side->stopped_until_us > world->now_us ? side->tick_us : world->now_us;
	return said;
}

/* --- time -------------------------------------------------------------------------------------------------------- */

static void side_start(struct world *world, unsigned index)
{
	struct side *side = &world->sides[index];
	struct link_setup setup = {
		.incarnation = world_random(world) | 1,
		.queue_messages = side->queue_messages == LINK_QUEUE_MESSAGES ? 0 : side->queue_messages,
		.queue_bytes = side->queue_bytes == LINK_QUEUE_BYTES ? 0 : side->queue_bytes,
		.room_head = ROOM_HEAD,
		.room_tail = ROOM_TAIL,
		.send = on_send,
		.on_message = on_message,
		.on_up = on_up,
		.on_down = on_down,
		.arg = side,
	};

	side->world = world;
	side->index = index;
	side->incarnation = setup.incarnation;
	side->link = link_new(&setup, world->now_us);
	side->tick_us = world->now_us;
	side->refusing = false;
}

void world_restart(struct world *world, unsigned index, bool bye)
{
	struct side *side = &world->sides[index];

	if (bye) {
		link_bye(side->link, world->now_us);
		if (side->up) {
			world_broken(world, "side %u said bye and is up", index);
		}
	}
	link_free(side->link);
	side->up = false;
	side->stopped_until_us = 0;
	side_start(world, index);
}

void world_stop(struct world *world, unsigned index, uint64_t us)
{
	world->sides[index].stopped_until_us = world->now_us + us;
}

static void bounds_check(struct side *side)
{
	struct link_counts counts;

	link_counts(side->link, &counts);
	if (counts.waiting > side->queue_messages || counts.held > 4096 || counts.held_bytes > 4u * 1024 * 1024 ||
	    counts.waiting != 0 ? counts.waiting_bytes == 0 : counts.waiting_bytes != 0) {
		world_broken(side->world, "side %u waits with %llu messages of %llu bytes and holds %llu of %llu", side->index,
			     (unsigned long long)counts.waiting, (unsigned long long)counts.waiting_bytes,
			     (unsigned long long)counts.held, (unsigned long long)counts.held_bytes);
	}
	if (counts.malformed > 0) {
		world_broken(side->world, "side %u calls a frame damaged", side->index);
	}
}

static void side_tick(struct side *side)
{
	struct world *world = side->world;

	if (side->refusing && world_chance(world, 300000)) {
		side->refusing = false;
		link_writable(side->link, world->now_us);
	}
	side->tick_us = link_tick(side->link, world->now_us);
	if (side->tick_us != NEVER && side->tick_us <= world->now_us) {
		side->tick_us = world->now_us + 100; /* the loop turns */
		if (!side->refusing && !world->faults.refused) {
			world_broken(world, "side %u is due as soon as it was ticked", side->index);
		}
	}
	bounds_check(side);
}

static void arrive(struct world *world)
{
	struct flight flight = flight_take(world);
	struct side *side = &world->sides[flight.to];

	if (side->stopped_until_us > world->now_us) {
		flight.at_us = side->stopped_until_us;
		flight_add(world, flight); /* in the order of arrival, since `order` stays */
		return;
	}
	link_receive(side->link, flight.bytes, flight.len, world->now_us);
	free(flight.bytes);
	if (world_below(world, 4) > 0) {
		link_flush(side->link, world->now_us); /* else the turn goes on */
	}
	side->tick_us = link_due(side->link);
}

static uint64_t side_due(const struct side *side)
{
	return side->tick_us < side->stopped_until_us ? side->stopped_until_us : side->tick_us;
}

void world_run(struct world *world, uint64_t us)
{
	uint64_t end_us = world->now_us + us;
	unsigned idle = 0;

	while (world->broken[0] == '\0') {
		unsigned first = side_due(&world->sides[1]) < side_due(&world->sides[0]);
		uint64_t due = side_due(&world->sides[first]);
		bool frame = world->flights_len > 0 && world->flights[0].at_us <= due;
		uint64_t at = frame ? world->flights[0].at_us : due;

		if (at > end_us) {
			break;
		}
		idle = at > world->now_us ? 0 : idle + 1;
		if (idle > 10000) {
			world_broken(world, "time stands still");
		}
		world->now_us = at > world->now_us ? at : world->now_us;
		if (frame) {
			arrive(world);
		} else {
			side_tick(&world->sides[first]);
		}
	}
	world->now_us = end_us;
}

void world_damage(struct world *world, size_t at)
{
	if (world->flights_len == 0 || world->flights[0].len <= at) {
		world_broken(world, "no frame with a byte %zu is under way", at);
		return;
	}
	world->flights[0].bytes[at] ^= 0x80;
}

void world_settled(struct world *world)
{
	for (unsigned i = 0; i < 2; i++) {
		struct side *side = &world->sides[i], *peer = &world->sides[!i];
		struct link_counts counts;

		link_counts(side->link, &counts);
		if (!side->up) {
			world_broken(world, "side %u did not come up", i);
		} else if (counts.waiting != 0 || counts.held != 0) {
			world_broken(world, "side %u still waits with %llu and holds %llu", i,
				     (unsigned long long)counts.waiting, (unsigned long long)counts.held);
		} else if (side->pushed != peer->heard || (peer->heard > 0 && peer->heard_session != side->session)) {
			world_broken(world, "side %u pushed %llu in session %u, the peer heard %llu of %u", i,
				     (unsigned long long)side->pushed, side->session, (unsigned long long)peer->heard,
				     peer->heard_session);
		}
	}
}

void world_init(struct world *world, uint64_t seed)
{
	*world = (struct world){ .random = seed };
	world->now_us = 1000000 + world_below(world, 1000000);
	world->faults.delay_us = 200;
	for (unsigned i = 0; i < 2; i++) {
		world->sides[i].queue_messages = LINK_QUEUE_MESSAGES;
		world->sides[i].queue_bytes = LINK_QUEUE_BYTES;
		side_start(world, i);
	}
}

void world_fini(struct world *world)
{
	for (unsigned i = 0; i < 2; i++) {
		link_free(world->sides[i].link);
	}
	while (world->flights_len > 0) {
		free(flight_take(world).bytes);
	}
	free(world->flights);
}
