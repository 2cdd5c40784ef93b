/* SPDX-License-Identifier: MIT */
/* The inside of config_load: the steps share this state. */
#ifndef HOST_CONFIG_LOAD_H
#define HOST_CONFIG_LOAD_H

#include <stdbool.h>

#include "config.h"
#include "options.h"
#include "script.h"

/* What `troupe check` tries beside the options themselves; `owner` is an index in config.instances. */
struct config_found {
	const struct options_listener *listeners;
	const struct options_source *sources;
};

/* The options that every instance has. */
struct common_options {
	const char *log;
	int64_t isolate, memory;
	int64_t mailbox_messages, mailbox_bytes;
};

struct host_options {
	const char *address, *external;
	int64_t workers, jobs, metrics, bus, spool, commands;
	struct troupe_strings key;
	struct options_pairs reach;
	struct troupe_strings run;
	struct options_lists loops;
};

struct cluster_options {
	const char *state, *secrets, *sockets;
	int64_t drain, stall;
};

extern const struct troupe_option common_table[], host_table[], cluster_table[];

struct load {
	const struct config_request *request;
	struct config_arena *arena;
	struct diag_list *diags;
	uint32_t errors_before; /* in diags, from an earlier use of it */
	struct config *config;
	const char *plugins;
	char **names; /* of the plugins there are */
	struct script_out blocks;
	struct value secrets;
	bool has_secrets;
	struct options_set *sets;   /* all of --set, split */
	const char **sets_owner;    /* "meadow/frontend.fe1", "host", "cluster"; NULL = not found yet */
	const struct block **instance_blocks; /* the block of each instance */
	const struct block **host_blocks;     /* NULL for the implied host */
	struct host_options *host_options;
	struct config_instance *instances;
	struct config_host *hosts;
	const struct config_origin *origins;
	struct options_reference *references;
	struct options_listener *listeners;
	struct options_source *sources;
	struct config_port *ports;
	uint32_t ports_len;
	const char *sockets; /* as the cluster block has it, or NULL */
};

/* load_fill completes `in` and fills the options of `owner` ("cluster", "host.NAME", an instance's name); where each
 * value came from is in load->origins afterwards. */
void load_fill(struct load *load, struct options_in *in, const char *owner, const struct value *block);
/* load_name_bad and load_twice report a block's name that cannot be used, and a block that stands twice. */
void load_name_bad(struct load *load, const struct block *block, const char *why);
void load_twice(struct load *load, const struct block *block, const char *what, const struct block *first);
/* load_absolute makes a path absolute; relative ones start at the working directory. */
const char *load_absolute(struct load *load, const char *path);
/* load_hosts reads the host blocks. load_choose_host finds the one to run. */
void load_hosts(struct load *load);
void load_choose_host(struct load *load);
/* load_folders decides where the process keeps its own files and where sockets between processes lie. */
void load_folders(struct load *load);
/* load_ports collects every port that is bound and reports two that are the same. */
void load_ports(struct load *load);
/* load_links checks that the hosts that have to talk to each other can, and know each other's keys. */
void load_links(struct load *load);
/* load_sets_for returns the --set entries of an owner and how many; they lie in one array. */
struct options_set *load_sets_for(struct load *load, const char *owner, uint32_t *ret_len);
/* load_place decides which host and loop runs each instance. */
void load_place(struct load *load);
/* load_resolve finds the databases and services that instances need. */
void load_resolve(struct load *load);
/* load_refused reports a plugin that the loader refused, at a place of the file. */
struct loader_refusal;
struct diag *load_refused(struct load *load, const struct loader_refusal *refusal, const struct place *place);
/* pattern_match tells whether an instance's name matches a pattern of `run`: `*` is any text, and a role alone
 * stands for all of its instances. */
bool pattern_match(const char *pattern, const char *name);

#endif
