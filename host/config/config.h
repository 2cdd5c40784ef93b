/* SPDX-License-Identifier: MIT */
/* A cluster's configuration: Lua files become instances with options laid out for their plugins. */
#ifndef HOST_CONFIG_CONFIG_H
#define HOST_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "troupe/role.h"

/*
 * Conventions
 *  1. Everything here runs on the main thread before the loops do, or on the main loop for a reload of
 *     the configuration: [main]. A loaded struct config is constant and may be read by any thread.
 *  2. All strings and option structs belong to the struct config and live until config_free.
 *  3. A file is read to its end: every error of it is in the diagnostics, not only the first.
 */
struct diag_list;
struct config_arena;
struct config_origin;
struct config_found;

#define CONFIG_KEY 32u	       /* bytes of a host's public key */
#define CONFIG_KEYS_MAX 2u     /* public keys of one host, so that they can be changed while it runs */
#define CONFIG_SOCKET_MAX 107u /* bytes of the path of a local socket (unix(7)) */
#define CONFIG_ADDRESS_MAX 160u /* of an address from config_host_address, with its NUL */

/* A configured instance, on whichever host it runs. */
struct config_instance {
	const char *name;  /* "meadow/frontend.fe1", "base/billing" */
	const char *part;  /* "base", "shard:meadow", "torrent" */
	const char *role;  /* the plugin's name, "frontend" */
	const char *short_name; /* "fe1", or "" when the block has none */
	const struct troupe_plugin *plugin; /* a role; resident until the process ends */
	const void *options;	/* plugin->role->options_size bytes; NULL when the role has none */
	const struct troupe_plugin *driver; /* named by the role's option of type DRIVER; else NULL */
	const void *driver_options; /* driver->driver->options_size bytes; NULL without driver or options */
	uint32_t log_level;	/* enum troupe_log_level: lines above it are not written */
	uint32_t mailbox_messages; /* bounds of its mailbox: messages ... */
	uint64_t mailbox_bytes;	   /* ... and bytes of their bodies */
	uint32_t host;		/* index in config.hosts of the host that runs it */
	uint32_t loop;		/* index of its loop in that host, 0 <= loop < hosts[host].loops */
	const char *file;	/* where its block stands */
	uint32_t line;
	uint32_t placed;	/* 1 = a host runs it; 0 = none does, and `host` means nothing */
	const uint32_t *databases; /* indexes in config.instances of those that its DATABASE options name */
	uint32_t databases_len;
	uint32_t isolate;	/* 1 = its host runs it in a process of its own */
	uint64_t memory;	/* that such a process may take for data, in bytes; 0 = no bound */
	const struct config_origin *origins; /* where each value came from; for show-effective */
};

/* Where a host finds another one, in place of that one's own address. */
struct config_reach {
	uint32_t host; /* index in config.hosts */
	uint32_t reserved;
	const char *address; /* "tcp://127.0.0.1:9501", "ipc:///run/game/tunnel" */
};

/* A `host` block, or the one host of a configuration without any (named "local"). */
struct config_host {
	const char *name;
	const char *address;	/* listeners without a host bind here; "127.0.0.1" by default */
	const char *external;	/* the address that players see; the same as `address` by default */
	uint32_t loops;		/* at least 1 */
	uint32_t workers;	/* threads of the job pool */
	uint32_t jobs_max;	/* jobs that may wait */
	uint32_t metrics_port;	/* Prometheus text on 127.0.0.1; 0 = none */
	uint64_t spool_max;	/* bytes of log lines that may wait for a log server */
	uint32_t bus_port;	/* other machines' hosts reach it there; 0 = none */
	uint32_t keys_len;	/* 0 to CONFIG_KEYS_MAX */
	uint8_t keys[CONFIG_KEYS_MAX][CONFIG_KEY]; /* public keys, the newer one first */
	const struct config_reach *reach;
	uint32_t reach_len;
	uint32_t commands;	/* 1 = its operators may give commands to roles on other hosts */
	uint32_t line;		/* of its block */
	uint32_t reserved;
	const char *file;	/* NULL for the implied host */
	const struct config_origin *origins;
};

/* A port that a host binds. */
enum config_port_kind {
	CONFIG_PORT_LISTENER = 0, /* of an instance, for players and their programs */
	CONFIG_PORT_BUS = 1,	  /* for the other hosts */
	CONFIG_PORT_METRICS = 2	  /* for Prometheus, loopback only */
};
struct config_port {
	const char *address; /* "tcp://127.0.0.1:9340" */
	const char *owner;   /* "base/account", or "host base" */
	uint32_t host;	     /* index in config.hosts */
	uint32_t kind;	     /* enum config_port_kind */
	uint32_t port;	     /* 0 = any free one */
	uint32_t outside;    /* 0 = loopback, 1 = a private network, 2 = the whole world may reach it */
};

struct config {
	const char *cluster;	 /* its name; "troupe" when no cluster block names it */
	const char *path;	 /* of the first file, absolute */
	const char *folder;	 /* of the first file, absolute; SOURCE options start there */
	const char *state;	 /* the state folder, absolute; PATH options start there */
	const char *run;	 /* the folder of the files of this process: lock and control socket */
	const char *spool;	 /* the folder of log lines of this process that wait for a log server */
	const char *sockets;	 /* the folder of the sockets between processes of one machine; short */
	uint32_t drain_ms;	 /* after SIGTERM, what is not finished by then is dropped */
	uint32_t stall_ms;	 /* a callback that takes longer is reported */
	const struct config_host *hosts; /* at least one */
	const struct config_host *host;	 /* the one being run: an element of hosts */
	uint32_t hosts_len;
	uint32_t instances_len;
	const struct config_instance *instances;    /* of the whole cluster, in the order of the files */
	const struct config_instance *const *local; /* those of `host`, in the same order */
	uint32_t local_len;
	uint32_t ports_len;
	const struct config_port *ports; /* of all hosts, by host */
	const struct config_instance *isolated; /* the one this process is for, alone in `local`; else NULL */
	const struct config_origin *origins; /* of the cluster block */
	const struct config_found *found;    /* listeners and sources, for `troupe check` */
	struct config_arena *arena; /* owns everything above */
};

/* What config_load is asked for. Zeroed members mean the default. */
struct config_request {
	const char *path;	 /* the file */
	const char *host;	 /* the host to run; NULL = the only one there is */
	const char *state;	 /* replaces the cluster's state folder (--state, $TROUPE_STATE) */
	const char *plugins;	 /* the plugin folder; NULL = paths_plugins() */
	const char *const *sets; /* "part/role.name.option=value", in front of what the file says (--set) */
	uint32_t sets_len;
	uint32_t text_len;
	uint32_t all_hosts;	 /* 1 = for looking, not for running: `host` may be NULL, and all instances are local */
	uint32_t reserved;
	const char *isolate;	 /* run only this instance, one with `isolate`: the child process for it (--isolate) */
	const char *text;	 /* use this instead of the file's text (tests, fuzzing); `path` names it */
};

/*
 * config_load reads a configuration, loads the plugins that its blocks name, lays out their options and
 * resolves placement, databases and services. Each role's check is called. Returns 0 and *ret_config, to be
 * released with config_free; or -EINVAL with at least one error in `diags`. Warnings may be added in both cases.
 */
int config_load(const struct config_request *request, struct config **ret_config, struct diag_list *diags);

/* config_free releases a configuration; NULL is fine. Plugins stay loaded. Returns NULL. */
struct config *config_free(struct config *config);

/* config_instance_find returns the instance of this full name, or NULL. */
const struct config_instance *config_instance_find(const struct config *config, const char *name);

/* config_host_of returns the host that runs an instance, or NULL when none does. */
const struct config_host *config_host_of(const struct config *config, const struct config_instance *instance);

/*
 * config_host_address writes the bus address at which host `from` finds host `to`: what `reach` says, else ipc:// in
 * the sockets' folder when both have the same `address` (also when they are one host: where it binds), else
 * tcp://ADDRESS:PORT. CONFIG_ADDRESS_MAX bytes are enough. Returns `buf`, or NULL when there is no way (`to` has no
 * bus port; no linked hosts are so in a loaded configuration).
 */
const char *config_host_address(const struct config *config, const struct config_host *from,
				const struct config_host *to, char *buf, size_t size);

/* config_isolate_address writes the ipc:// address where the child process of an isolated instance binds. Returns `buf`. */
const char *config_isolate_address(const struct config *config, const struct config_instance *instance, char *buf,
				   size_t size);

/* config_hosts_linked tells whether two hosts keep a link: they share a part, or one of them runs a `master`. */
bool config_hosts_linked(const struct config *config, const struct config_host *a, const struct config_host *b);

/* config_keys_own tells whether hosts make their own keys and read each other's from the state folder: all are on this
 * machine (one address, or all loopback) and no host block has a key. */
bool config_keys_own(const struct config *config);

/* How the options of an instance differ between two configurations. */
enum config_change {
	CONFIG_SAME = 0,    /* nothing */
	CONFIG_LIVE = 1,    /* only options marked LIVE */
	CONFIG_RESTART = 2  /* something that only a restart applies: *ret_option names the first */
};

/*
 * config_compare compares two configurations of one instance. `ret_option` (may be NULL) gets the name of the
 * option that decided, borrowed from the plugin.
 */
enum config_change config_compare(const struct config_instance *before, const struct config_instance *after,
				  const char **ret_option);

#endif
