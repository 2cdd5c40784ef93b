/* SPDX-License-Identifier: MIT */
/* The option tables of the host's own blocks. */
#include <stddef.h>

#include "load.h"

#define MAILBOX(field) \
	(uint32_t)(offsetof(struct common_options, field) - offsetof(struct common_options, mailbox_messages))

static const struct troupe_option mailbox_table[] = {
	{ .name = "messages", .help = "how many messages may wait", .type = TROUPE_OPTION_INT, .fallback = "65536",
	  .offset = MAILBOX(mailbox_messages), .min = 16, .max = 1 << 20 },
	{ .name = "bytes", .help = "how many bytes their bodies may have together", .type = TROUPE_OPTION_SIZE,
	  .fallback = "64mb", .offset = MAILBOX(mailbox_bytes), .min = 1 << 20, .max = INT64_C(4) << 30 },
	{ .name = NULL },
};

const struct troupe_option common_table[] = {
	{ .name = "log", .help = "the least important lines that are written: error, warning, notice, info or debug",
	  .type = TROUPE_OPTION_STRING, .flags = TROUPE_OPTION_LIVE, .fallback = "info",
	  .offset = offsetof(struct common_options, log) },
	{ .name = "isolate", .help = "run it in a process of its own, so that a crash of it is its alone",
	  .type = TROUPE_OPTION_BOOL, .fallback = "false", .offset = offsetof(struct common_options, isolate) },
	{ .name = "memory", .help = "how much its process may take for data when it is isolated; no bound when left out",
	  .type = TROUPE_OPTION_SIZE, .offset = offsetof(struct common_options, memory), .min = 64 << 20,
	  .max = INT64_C(1) << 40 },
	{ .name = "mailbox", .help = "what may wait for the instance; what comes above it is refused",
	  .type = TROUPE_OPTION_BLOCK, .offset = offsetof(struct common_options, mailbox_messages),
	  .fields = mailbox_table },
	{ .name = NULL },
};

const struct troupe_option host_table[] = {
	{ .name = "run", .help = "the instances it runs: names, roles, or patterns with *", .type = TROUPE_OPTION_STRINGS,
	  .fallback = "*", .offset = offsetof(struct host_options, run) },
	{ .name = "loops", .help = "lists of patterns; each list gets one more thread, the rest shares the first",
	  .type = OPTIONS_LISTS, .offset = offsetof(struct host_options, loops) },
	{ .name = "address", .help = "where listeners without an address bind", .type = TROUPE_OPTION_STRING,
	  .fallback = "127.0.0.1", .offset = offsetof(struct host_options, address) },
	{ .name = "external", .help = "the address that players see; the same as `address` when left out",
	  .type = TROUPE_OPTION_STRING, .offset = offsetof(struct host_options, external), .max = 253 },
	{ .name = "bus", .help = "the port where hosts of other machines reach it; 0 = none", .type = TROUPE_OPTION_INT,
	  .fallback = "0", .offset = offsetof(struct host_options, bus), .max = 65535 },
	{ .name = "key", .help = "its public key, or the new one and the one that it replaces",
	  .type = TROUPE_OPTION_STRINGS, .flags = TROUPE_OPTION_LIVE, .offset = offsetof(struct host_options, key) },
	{ .name = "reach", .help = "where it finds other hosts, in place of their own addresses: for tunnels",
	  .type = OPTIONS_PAIRS, .offset = offsetof(struct host_options, reach) },
	{ .name = "commands", .help = "its operators may give commands to roles on other hosts; hosts that share one machine "
	  "and have no keys always may", .type = TROUPE_OPTION_BOOL, .fallback = "false",
	  .offset = offsetof(struct host_options, commands) },
	{ .name = "metrics", .help = "the loopback port that shows metrics to Prometheus; 0 = none",
	  .type = TROUPE_OPTION_INT, .fallback = "0", .offset = offsetof(struct host_options, metrics), .max = 65535 },
	{ .name = "spool", .help = "log lines that may wait for a log server; the oldest go when there are more",
	  .type = TROUPE_OPTION_SIZE, .fallback = "16mb", .offset = offsetof(struct host_options, spool), .min = 1 << 17,
	  .max = INT64_C(1) << 34 },
	{ .name = "workers", .help = "threads for work that blocks or computes long", .type = TROUPE_OPTION_INT,
	  .fallback = "2", .offset = offsetof(struct host_options, workers), .min = 1, .max = 64 },
	{ .name = "jobs", .help = "pieces of such work that may wait", .type = TROUPE_OPTION_INT, .fallback = "1024",
	  .offset = offsetof(struct host_options, jobs), .min = 1, .max = 65536 },
	{ .name = NULL },
};

const struct troupe_option cluster_table[] = {
	{ .name = "state", .help = "the folder for data, from the folder where the program is started",
	  .type = TROUPE_OPTION_STRING, .fallback = "data", .offset = offsetof(struct cluster_options, state),
	  .min = 1, .max = 4000 },
	{ .name = "sockets", .help = "the folder of the sockets between processes of one machine, all of the same user; a "
	  "folder of its own in $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR or /tmp when left out",
	  .type = TROUPE_OPTION_STRING, .offset = offsetof(struct cluster_options, sockets), .max = 4000 },
	{ .name = "secrets", .help = "a file of mode 0600 that returns a table of names and secrets",
	  .type = TROUPE_OPTION_SOURCE, .offset = offsetof(struct cluster_options, secrets) },
	{ .name = "drain", .help = "how long instances may finish their work when the host is told to stop",
	  .type = TROUPE_OPTION_DURATION, .fallback = "10s", .offset = offsetof(struct cluster_options, drain),
	  .max = 3600000 },
	{ .name = "stall", .help = "a callback that takes longer is named in log and metrics",
	  .type = TROUPE_OPTION_DURATION, .fallback = "100ms", .offset = offsetof(struct cluster_options, stall),
	  .min = 1, .max = 60000 },
	{ .name = NULL },
};
