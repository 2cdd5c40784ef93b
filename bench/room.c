/* SPDX-License-Identifier: MIT */
/* One room full of players: each sends moves, some read what they are told; prints one JSON object. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

/*
 * Connection i has place i of a room of 16 x 16 blocks and steps between PHASES spots there, so that a position says whose
 * move it was and which. Its avatar is the one that its preamble selects (event 25). Moves are due evenly over time; those
 * due within a millisecond are sent together, as timers of clients go. Some connections, evenly spread, decode all that they
 * are told and time each move of each other; the rest take the same bytes and skip them. A move that was never seen before
 * a later one of the same avatar is `merged`; it took as long as the later one shows.
 */
#define EVENT_SELECT 25u
#define EVENT_DELTA 33u
#define EVENT_MOVE 43u
#define EVENT_MOVED 44u
#define EVENT_ERROR 90u
#define PHASES 64u
#define SENT_MAX 64u /* moves of one connection whose time is remembered */
#define PLACES 38u   /* in a row, of as many rows */
#define PLACE_SIZE 0.375
#define STEP (1.0 / 256) /* between spots */
#define MOVE_SIZE (FRAME_HEAD + 4 + 9 + 9)
#define GRAIN_NS 1000000u
#define GRACE_NS 300000000u

struct walker {
	uint64_t avatar;
	uint32_t sent; /* moves so far; the one with number n is at spot n % PHASES */
	uint64_t sent_ns[SENT_MAX];
	uint8_t frame[MOVE_SIZE];
};

struct room {
	struct load load;
	long rate;	/* moves a second and connection */
	long observers; /* connections that decode */
	struct walker *walkers;
	uint32_t *seen;	  /* [observer * conns + walker]: the last move seen */
	uint32_t *by_id;  /* open addressing: walker + 1 */
	uint32_t by_id_mask;
	uint64_t moves, skipped, deltas, merged, answers, refused;
};

static struct room room;

/* --- who is who ----------------------------------------------------------------------------------- */

static uint32_t *id_slot(uint64_t id)
{
	uint32_t at = (uint32_t)((id * 0x9E3779B97F4A7C15u) >> 32) & room.by_id_mask;

	while (room.by_id[at] != 0 && room.walkers[room.by_id[at] - 1].avatar != id) {
		at = (at + 1) & room.by_id_mask;
	}
	return &room.by_id[at];
}

static const uint8_t *varint_read(const uint8_t *at, const uint8_t *end, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
		value |= (uint64_t)(*at & 0x7F) << shift;
		if ((*at++ & 0x80) == 0) {
			*ret_value = value;
			return at;
		}
	}
	return NULL;
}

static int walkers_read(void)
{
	const struct load_preamble *preamble = &room.load.preamble;
	long conns = room.load.options.conns;

	for (room.by_id_mask = 1; room.by_id_mask < 2 * (uint32_t)conns; room.by_id_mask *= 2) {
	}
	room.walkers = calloc((size_t)conns, sizeof(*room.walkers));
	room.seen = calloc((size_t)(conns * room.observers), sizeof(*room.seen));
	room.by_id = calloc(room.by_id_mask--, sizeof(*room.by_id));
	if (room.walkers == NULL || room.seen == NULL || room.by_id == NULL) {
		return -ENOMEM;
	}
	for (long i = 0; i < conns; i++) {
		const struct load_script *script = &preamble->scripts[i];
		uint64_t id = 0;

		for (uint32_t s = 0; i < preamble->count && s < script->count; s++) {
			const struct load_step *step = &script->steps[s];
			if (step->frame != NULL && step->event == EVENT_SELECT && step->frame_len > FRAME_HEAD + 1) {
				varint_read(step->frame + FRAME_HEAD + 1, step->frame + step->frame_len, &id);
			}
		}
		if (id == 0) {
			fprintf(stderr, "room: the preamble selects no avatar for connection %ld\n", i);
			return -EINVAL;
		}
		room.walkers[i].avatar = id;
		*id_slot(id) = (uint32_t)i + 1;
	}
	return 0;
}

/* --- moves ---------------------------------------------------------------------------------------- */

static uint8_t *double_write(uint8_t *at, uint8_t tag, double value)
{
	*at++ = tag;
	memcpy(at, &value, sizeof(value)); /* little-endian, as this machine */
	return at + sizeof(value);
}

static double place_x(long i)
{
	return 0.5 + (double)(i % PLACES) * PLACE_SIZE;
}

static double place_y(long i)
{
	return 0.5 + (double)(i / PLACES % PLACES) * PLACE_SIZE;
}

static void move_send(long i, uint64_t now)
{
	struct load_conn *conn = &room.load.conns[i];
	struct walker *walker = &room.walkers[i];
	uint32_t number = walker->sent + 1;
	uint8_t *at = walker->frame + FRAME_HEAD;

	if (conn->state != CONN_READY || conn->out_len > 0) {
		room.skipped++; /* the server does not read: it would be lost in the queue of a client, too */
		return;
	}
	memcpy(walker->frame, (const uint8_t[FRAME_HEAD]){ EVENT_MOVE, 0, 0, 0, MOVE_SIZE - FRAME_HEAD }, FRAME_HEAD);
	*at++ = 0x08; /* seq, always three bytes */
	*at++ = (uint8_t)(number | 0x80);
	*at++ = (uint8_t)(number >> 7 | 0x80);
	*at++ = (uint8_t)(number >> 14 & 0x7F);
	at = double_write(at, 0x11, place_x(i));
	double_write(at, 0x19, place_y(i) + (number % PHASES) * STEP);
	walker->sent = number;
	walker->sent_ns[number % SENT_MAX] = now;
	room.moves += now >= room.load.from_ns && now < room.load.to_ns;
	load_conn_send(&room.load, conn, walker->frame, MOVE_SIZE);
}

/* --- what they are told --------------------------------------------------------------------------- */

static void move_seen(long observer, uint32_t w, double y, uint64_t now)
{
	struct walker *walker = &room.walkers[w];
	double spot = (y - place_y(w)) / STEP;
	uint32_t *seen = &room.seen[observer * room.load.options.conns + w];
	uint32_t number = walker->sent;

	if (!(spot >= 0 && spot < PHASES) || spot != (uint32_t)spot) {
		return; /* between two spots */
	}
	number -= (number - (uint32_t)spot) % PHASES;
	if (number <= *seen || number > walker->sent) {
		return;
	}
	for (uint32_t n = *seen + 1; n <= number; n++) {
		uint64_t sent_ns = walker->sent_ns[n % SENT_MAX];
		if (walker->sent - n < SENT_MAX && sent_ns >= room.load.from_ns && sent_ns < room.load.to_ns) {
			hist_add(&room.load.hist, now - sent_ns);
			room.merged += n < number;
		}
	}
	*seen = number;
}

/* The parts of a Delta that this reads. */
struct delta {
	const uint8_t *moved, *places, *places_end;
	uint64_t moved_len, y;
};

static const uint8_t *delta_part(struct delta *delta, const uint8_t *at, const uint8_t *end)
{
	uint64_t tag, value;

	at = varint_read(at, end, &tag);
	at = at != NULL ? varint_read(at, end, &value) : NULL;
	if (at == NULL || ((tag & 7) != 0 && (tag & 7) != 2) || ((tag & 7) == 2 && value > (uint64_t)(end - at))) {
		return NULL;
	}
	if (tag == (4 << 3 | 2)) {
		delta->moved = at;
		delta->moved_len = value / 8;
	} else if (tag == (7 << 3 | 2)) {
		delta->places = at;
		delta->places_end = at + value;
	} else if (tag == 9 << 3) {
		delta->y = value;
	}
	return (tag & 7) == 2 ? at + value : at;
}

static int64_t unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static int delta_read(long observer, const uint8_t *at, uint32_t len, uint64_t now)
{
	const uint8_t *end = at + len;
	struct delta delta = { 0 };

	while (at != NULL && at < end) {
		at = delta_part(&delta, at, end);
	}
	for (uint64_t i = 0; at != NULL && i < delta.moved_len; i++) {
		uint64_t id, x, y, z;
		uint32_t w;

		memcpy(&id, delta.moved + 8 * i, sizeof(id));
		delta.places = varint_read(delta.places, delta.places_end, &x);
		delta.places = delta.places != NULL ? varint_read(delta.places, delta.places_end, &y) : NULL;
		delta.places = delta.places != NULL ? varint_read(delta.places, delta.places_end, &z) : NULL;
		if (delta.places == NULL) {
			return -EINVAL;
		}
		w = *id_slot(id);
		if (w != 0) {
			move_seen(observer, w - 1, 16.0 * (double)unzigzag(delta.y) + (double)unzigzag(y) / 256, now);
		}
	}
	return at != NULL ? 0 : -EINVAL;
}

static void on_frame(struct load *load, struct load_conn *conn, uint32_t event, const uint8_t *body, uint64_t now)
{
	int counts = now >= load->from_ns && now < load->to_ns;

	switch (event & 0xFFFF) {
	case EVENT_DELTA:
		room.deltas += (uint64_t)counts;
		if (body != NULL && load->start_ns != 0) {
			long i = conn - load->conns;
			long observer = (i * room.observers + load->options.conns - 1) / load->options.conns;
			if (delta_read(observer, body, conn->body_len, now) < 0) {
				load_error(load, "connection %ld: a Delta that this does not understand", i);
			}
		}
		break;
	case EVENT_MOVED:
		room.answers += (uint64_t)counts;
		break;
	case EVENT_ERROR:
		room.refused += load->start_ns != 0;
		break;
	default:
		break;
	}
}

/* --- the run -------------------------------------------------------------------------------------- */

/* Observer o is connection o * conns / observers, so that the first that the server tells are among them, and late ones. */
static int observers_open(void)
{
	for (long o = 0; o < room.observers; o++) {
		struct load_conn *conn = &room.load.conns[o * room.load.options.conns / room.observers];

		conn->body = malloc(FRAME_BODY_MAX);
		if (conn->body == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

static void traffic_run(struct load *load, uint64_t end_ns, int moves)
{
	uint64_t every_ns = 1000000000u / (uint64_t)(room.rate * load->options.conns), now;

	while ((now = clock_ns()) < end_ns && load->dead == 0) {
		uint64_t next_ns = end_ns;

		while (moves && load->start_ns + load->scheduled * every_ns <= now) {
			move_send((long)(load->scheduled++ % (uint64_t)load->options.conns), clock_ns());
		}
		if (moves) {
			next_ns = load->start_ns + load->scheduled * every_ns;
			next_ns += GRAIN_NS - next_ns % GRAIN_NS;
		}
		load_poll(load, next_ns < end_ns ? next_ns : end_ns);
	}
}

static int room_run(struct load_sample *before, struct load_sample *from, struct load_sample *to)
{
	struct load *load = &room.load;
	uint64_t received;
	int r = load_sample_take(load, before);

	r = r == 0 ? load_setup(load) : r;
	if (r < 0) {
		return r;
	}
	load->start_ns = clock_ns();
	load->from_ns = load->start_ns + load->options.warm_ns;
	load->to_ns = load->from_ns + load->options.time_ns;
	traffic_run(load, load->from_ns, 1);
	r = load_sample_take(load, from);
	received = load->received_bytes;
	traffic_run(load, load->to_ns, 1);
	r = r == 0 ? load_sample_take(load, to) : r;
	load->received_bytes -= received;
	received = load->received_bytes;
	traffic_run(load, load->to_ns + GRACE_NS, 0);
	load->received_bytes = received;
	return r;
}

static void report_print(const struct load_sample *before, const struct load_sample *from, const struct load_sample *to)
{
	const struct load *load = &room.load;
	double conns = (double)load->options.conns, seconds = (double)(to->at_ns - from->at_ns) / 1e9;

	seconds = seconds > 0 ? seconds : 1;
	printf("{\"conns\": %ld, \"seconds\": %.3f, \"moves_per_s\": %.1f", load->ready, seconds,
	       (double)room.moves / seconds);
	printf(", \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f", (double)hist_quantile(&load->hist, 0.5) / 1e6,
	       (double)hist_quantile(&load->hist, 0.99) / 1e6, (double)load->hist.max_ns / 1e6);
	printf(", \"seen\": %llu, \"merged\": %llu, \"skipped\": %llu, \"refused\": %llu",
	       (unsigned long long)load->hist.count, (unsigned long long)room.merged, (unsigned long long)room.skipped, (unsigned long long)room.refused);
	printf(", \"seen_percent\": %.3f", room.moves > 0 ? 100.0 * (double)load->hist.count /
	       (double)(room.moves * (uint64_t)room.observers) : 0.0);
	printf(", \"deltas_per_client\": %.2f, \"answers_per_client\": %.2f", (double)room.deltas / seconds / conns,
	       (double)room.answers / seconds / conns);
	printf(", \"kib_per_client\": %.2f", (double)load->received_bytes / seconds / conns / 1024);
	printf(", \"load_cpu_percent\": %.2f", (double)(to->load_cpu_ns - from->load_cpu_ns) / seconds / 1e7);
	if (load->options.pid != 0) {
		printf(", \"server_cpu_percent\": %.2f, \"rss_mib\": %.2f, \"rss_before_mib\": %.2f",
		       (double)(to->server_cpu_ns - from->server_cpu_ns) / seconds / 1e7, (double)to->memory.rss_kb / 1024,
		       (double)before->memory.rss_kb / 1024);
	}
	load_errors_print(load);
	printf("}\n");
}

static int option_set(struct load_options *options, int option, const char *text)
{
	switch (option) {
	case 'p':
		return number_parse(text, 1, 65535, &options->port);
	case 'n':
		return number_parse(text, 1, PLACES * PLACES, &options->conns);
	case 'r':
		return number_parse(text, 1, 1000, &room.rate);
	case 'o':
		return number_parse(text, 1, 1000, &room.observers);
	case 'w':
		return seconds_parse(text, &options->warm_ns);
	case 't':
		return seconds_parse(text, &options->time_ns);
	case 'a':
		options->preamble_path = text;
		return 0;
	case 'i':
		return number_parse(text, 1, 1 << 22, &options->pid);
	case 'c':
		return number_parse(text, 0, 1023, &options->cpu);
	default:
		return -EINVAL;
	}
}

static int options_parse(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "port", required_argument, NULL, 'p' },     { "conns", required_argument, NULL, 'n' },
		{ "rate", required_argument, NULL, 'r' },     { "observers", required_argument, NULL, 'o' },
		{ "warm", required_argument, NULL, 'w' },     { "time", required_argument, NULL, 't' },
		{ "preamble", required_argument, NULL, 'a' }, { "pid", required_argument, NULL, 'i' },
		{ "cpu", required_argument, NULL, 'c' },      { 0 },
	};
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (option == '?' || option_set(&room.load.options, option, optarg) < 0) {
			fprintf(stderr, "room: --%s: not a value it takes\n", long_options[index].name);
			return -EINVAL;
		}
	}
	return optind == argc && room.load.options.port != 0 && room.load.options.preamble_path != NULL ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct load_sample before = { 0 }, from = { 0 }, to = { 0 };

	room.rate = 10;
	room.observers = 16;
	room.load = (struct load){
		.options = { .host = "127.0.0.1",
			     .conns = 800,
			     .mode = LOAD_IDLE,
			     .warm_ns = 1000000000,
			     .time_ns = 2000000000,
			     .setup_ns = 60000000000,
			     .cpu = -1 },
		.epoll_fd = -1,
		.on_frame = on_frame,
	};
	if (options_parse(argc, argv) < 0) {
		fputs("usage: room --port PORT --preamble FILE [--conns 800] [--rate PER_SECOND] [--observers 16]\n"
		      "            [--warm S] [--time S] [--pid SERVER_PID] [--cpu CORE]\n",
		      stderr);
		return 2;
	}
	if (room.observers > room.load.options.conns) {
		room.observers = room.load.options.conns;
	}
	int r = load_open(&room.load);
	r = r == 0 ? walkers_read() : r;
	r = r == 0 ? observers_open() : r;
	if (r == 0) {
		r = room_run(&before, &from, &to);
		report_print(&before, &from, &to);
	}
	load_close(&room.load);
	free(room.walkers);
	free(room.seen);
	free(room.by_id);
	return r == 0 && room.load.errors == 0 ? 0 : 1;
}
