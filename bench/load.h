/* SPDX-License-Identifier: MIT */
/* Parts of the load generator: its options, its connections, and the script a connection plays before it is measured. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdint.h>

#include "measure.h"

/*
 * Conventions
 * 1. A frame is the client protocol's: u32 LE event id, u32 LE length, that many bytes of payload.
 * 2. One thread; no connection owns memory, so that 5000 of them cost the load generator nothing.
 * 3. Functions that return int give 0 or -errno; only main prints.
 */

#define FRAME_HEAD 8
#define FRAME_BODY_MAX (1u << 20)
#define CONNS_MAX 60000
/* Connections being set up at the same time, preamble included: below the shortest listen queue, or the kernel repeats a
 * SYN after 1 s; and what the server keeps for a burst of logins should not show as memory of those who are in. */
#define CONNECTING_MAX 128

/* One step of a preamble: a frame to send, or (frame NULL) an event to wait for. */
struct load_step {
	uint8_t *frame;
	uint32_t frame_len;
	uint32_t event;
};

struct load_script {
	struct load_step *steps;
	uint32_t count;
};

/* The scripts of all connections: connection i plays script i modulo `count`. */
struct load_preamble {
	struct load_script *scripts;
	uint32_t count;
};

/* load_preamble_read reads a preamble file. Each line is the script of one connection, its words separated by blanks:
 * `>ID:HEX` sends event ID with that payload, `<ID` waits for event ID and skips others. Lines that begin with # are
 * comments. On failure `*ret_line` is the line at fault, or 0 when the file cannot be read (-errno). */
int load_preamble_read(const char *path, struct load_preamble *ret_preamble, unsigned *ret_line);

/* load_preamble_free frees what load_preamble_read made. */
void load_preamble_free(struct load_preamble *preamble);

/* load_frame_make builds a frame in memory the caller frees; NULL when out of memory. */
uint8_t *load_frame_make(uint32_t event, const uint8_t *body, uint32_t body_len);

enum load_mode {
	LOAD_CLOSED, /* one request outstanding per connection */
	LOAD_OPEN,   /* a fixed schedule; latency counts from the scheduled time */
	LOAD_IDLE,   /* connect, play the preamble, stay silent */
};

struct load_options {
	const char *host;
	long port;
	long conns;
	enum load_mode mode;
	double rate; /* requests per second over all connections, open mode */
	uint64_t warm_ns;
	uint64_t time_ns;
	uint64_t setup_ns; /* all connections ready within this time */
	long size;
	long event;
	long reply; /* the event that answers; -1: any */
	long pid;   /* server whose CPU and memory are read; 0: none */
	long cpu;
	const char *preamble_path;
};

enum conn_state {
	CONN_IDLE,
	CONN_CONNECTING,
	CONN_PREAMBLE,
	CONN_READY,
	CONN_DEAD,
};

struct load_conn {
	int fd;
	uint8_t state;
	uint8_t head_len;
	uint8_t head[FRAME_HEAD];
	uint32_t body_left;
	uint32_t step;
	uint32_t last_event;
	const uint8_t *out; /* rest of the frame being sent, borrowed */
	uint32_t out_len;
	uint32_t due;      /* requests to send, the one in `out` not counted */
	uint64_t sent_ns;  /* closed mode */
	uint8_t *body;     /* where its bodies are gathered, FRAME_BODY_MAX long; NULL: they are skipped */
	uint32_t body_len; /* of the frame being read */
	uint64_t replies;  /* in open mode reply k belongs to the k-th scheduled request of this connection */
};

struct load {
	struct load_options options;
	struct load_preamble preamble;
	struct load_conn *conns;
	uint8_t *frame;
	uint32_t frame_len;
	int epoll_fd;
	long connecting;
	long opened;
	long ready;
	long dead;
	int stopping;
	uint64_t start_ns; /* of the schedule */
	uint64_t from_ns;  /* the measured window */
	uint64_t to_ns;
	uint64_t scheduled;
	uint64_t completed; /* in the window */
	uint64_t other_frames;
	uint64_t errors;
	char first_error[160];
	struct hist hist;
	uint64_t received_bytes; /* frames' heads included */
	/* Gets the frames of ready connections in place of the modes above; `body` is NULL where bodies are skipped. */
	void (*on_frame)(struct load *load, struct load_conn *conn, uint32_t event, const uint8_t *body, uint64_t now);
};

/* CPU and memory of the server, and our own CPU, at one moment. */
struct load_sample {
	uint64_t at_ns;
	uint64_t server_cpu_ns;
	uint64_t load_cpu_ns;
	struct process_memory memory;
};

/* load_open makes ready for options.conns connections, pins the thread and reads the preamble; it prints why it cannot.
 * load_close ends what it began, also after a failure. */
int load_open(struct load *load);
void load_close(struct load *load);

/* load_setup connects all and plays their preambles. */
int load_setup(struct load *load);

/* load_sample_take looks at the server, if options.pid names one, and at ourselves. */
int load_sample_take(struct load *load, struct load_sample *ret_sample);

/* load_errors_print prints `, "errors": N, "first_error": "..."`. */
void load_errors_print(const struct load *load);

/* load_conns_open opens connections while fewer than CONNECTING_MAX are being set up. */
void load_conns_open(struct load *load);

/* load_conn_request makes `conn` send one more request. */
void load_conn_request(struct load *load, struct load_conn *conn);

/* load_conn_send sends a frame, which must stay as it is until it has left. -EBUSY: the one before has not yet left. */
int load_conn_send(struct load *load, struct load_conn *conn, const uint8_t *frame, uint32_t len);

/* load_poll waits until `until_ns` at the latest and serves what is ready. */
void load_poll(struct load *load, uint64_t until_ns);

/* load_error counts an error and keeps the text of the first. */
void load_error(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
