/* SPDX-License-Identifier: MIT */
/* What a plugin exports: its descriptor, options, commands, methods and life. */
#ifndef TROUPE_ROLE_H
#define TROUPE_ROLE_H

#include <stddef.h>
#include <stdint.h>

#include "troupe/message.h"
#include "troupe/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Conventions of these headers
 *  1. A plugin exports one object, `const struct troupe_plugin troupe_entry`, and nothing else.
 *  2. Every struct that crosses the border starts with its `size`. Members are only appended; each later
 *     one says `since`. TROUPE_HAS asks whether the other side knows a member. Arrays in the descriptor
 *     carry their element size beside them for the same reason.
 *  3. Each function carries its thread: [loop] the instance's loop, [any] any thread, [job] a worker,
 *     [main] the main thread before or after all loops run, [db] the thread of one database.
 *  4. All callbacks of an instance run on its loop, one at a time. They may not block.
 *  5. A pointer handed to a callback is borrowed until the callback returns, unless it says otherwise.
 *  6. Functions return an enum troupe_status as int32_t; outputs (ret_*) are written only on TROUPE_OK.
 *  7. A plugin keeps no mutable statics and starts no threads.
 */
#define TROUPE_ABI_MAJOR 1
#define TROUPE_ABI_MINOR 3

/* TROUPE_HAS: true if the struct at `ptr`, made by the other side, is long enough to hold `field`. */
#define TROUPE_HAS(ptr, field) \
	((ptr)->size >= (size_t)((const char *)&(ptr)->field - (const char *)(ptr)) + sizeof((ptr)->field))

struct troupe_host; /* host.h */
struct troupe_driver; /* driver.h */

/* troupe_any_fn: a function of some type; it is cast back to its own type before it is called. */
typedef void (*troupe_any_fn)(void);

/* --- options ------------------------------------------------------------------------------------ */

/*
 * The types of an option, and what the host writes at its `offset`. Strings live as long as the options
 * struct they belong to.
 */
enum troupe_option_type {
	TROUPE_OPTION_BOOL = 1,	     /* int64_t 0 or 1: true, false */
	TROUPE_OPTION_INT = 2,	     /* int64_t */
	TROUPE_OPTION_DURATION = 3,  /* int64_t, ms: "50ms", "2s", "5m", "1h", "7d" */
	TROUPE_OPTION_SIZE = 4,	     /* int64_t, bytes: "64b", "64kb", "4mb", "1gb" (powers of 1024) */
	TROUPE_OPTION_STRING = 5,    /* const char * */
	TROUPE_OPTION_PATH = 6,	     /* const char *, absolute: relative ones start at the state folder */
	TROUPE_OPTION_SOURCE = 7,    /* const char *, absolute: relative ones start at the config's folder */
	TROUPE_OPTION_LISTEN = 8,    /* struct troupe_strings: "tcp://:9322", one or a list of them */
	TROUPE_OPTION_DATABASE = 9,  /* const char *: the name of a database instance, proven to exist */
	TROUPE_OPTION_STRINGS = 10,  /* struct troupe_strings */
	TROUPE_OPTION_BLOCK = 11,    /* a nested struct at `offset`, described by `fields`, whose offsets count from its
				      * start; what is REQUIRED in it is so only when the block is there */
	TROUPE_OPTION_MAP = 12,	     /* struct troupe_map: name = { ... } any number of times */
	TROUPE_OPTION_DRIVER = 13,   /* const char *: a driver plugin, whose own options then belong to the block */
	TROUPE_OPTION_SECRET = 14    /* const char *: the value that the secrets file holds under this name */
};

/* A list of strings. */
struct troupe_strings {
	uint32_t count;
	uint32_t reserved;
	const char *const *items;
};

/* A map of named blocks: `count` structs of `item_size` bytes at `items`, in the config's order. Each
 * item's first member is `const char *name`; the offsets of its fields count from the item's start. */
struct troupe_map {
	uint32_t count;
	uint32_t item_size;
	const void *items;
};

#define TROUPE_OPTION_REQUIRED 1u /* no default: the config must set it */
#define TROUPE_OPTION_LIVE 2u	  /* may change while running, through troupe_role.configure */

/* One option of a role or driver, one argument of a command. A table ends with an entry without name. */
struct troupe_option {
	const char *name;     /* [a-z][a-z0-9_]*, unique in its table */
	const char *help;     /* one sentence */
	const char *fallback; /* the default, written as in a config: "50ms", "true"; NULL = zero, empty */
	uint32_t type;	      /* enum troupe_option_type */
	uint32_t flags;	      /* TROUPE_OPTION_REQUIRED, TROUPE_OPTION_LIVE */
	uint32_t offset;      /* where its value lies in the options struct */
	uint32_t item_size;   /* MAP: sizeof one item */
	int64_t min, max;     /* numbers: the range; strings: the length in bytes; both 0 = any */
	const struct troupe_option *fields; /* BLOCK, MAP: the inner table */
};

/* --- methods ------------------------------------------------------------------------------------ */

/* A request as its handler sees it. Borrowed until the handler returns; keep `id` to answer later. */
struct troupe_request {
	uint32_t size;
	uint32_t method;	 /* which method was called */
	uint64_t id;		 /* names the request in troupe_host.reply; 0 = an event: do not answer */
	uint64_t from;		 /* the calling instance */
	const char *from_role;	 /* its role, e.g. "mall"; proven by the host */
	const uint8_t *body;	 /* packed bytes; NULL if empty */
	uint32_t body_len;
	uint32_t timeout_ms;	 /* what is left of the caller's patience */
	const uint8_t *key;	 /* idempotency key, TROUPE_KEY_SIZE bytes, or NULL */
	uint64_t account;	 /* the player on whose behalf a front-end asks; 0 = none */
	uint64_t actor;		 /* that player's avatar in the world; 0 = none */
	uint64_t session;	 /* that player's session at `from`; 0 = none */
	const char *operator_name; /* commands: who asks; else NULL */
	struct troupe_buf *buf;	 /* holds `body`; may be ref'd to keep it */
};

/*
 * troupe_serve_fn: handles one request; `typed` is what the method's table entry carries. Returns TROUPE_OK if it has
 * taken the request (the answer may come later), anything else if the body is malformed: the host then refuses
 * it with that status and the reason "host.malformed". [loop]
 */
typedef int32_t (*troupe_serve_fn)(void *instance, const struct troupe_request *request, troupe_any_fn typed);

/* Which instance a client's message goes to when the method is reachable from clients. */
enum troupe_route_to {
	TROUPE_ROUTE_ANY = 0,	 /* the least loaded ready instance */
	TROUPE_ROUTE_AVATAR = 1, /* the instance where the player's avatar is */
	TROUPE_ROUTE_ACCOUNT = 2 /* any, but the same one for the same account while it is ready */
};

/* One method that a role serves. Made by the stub generator from abi/proto. Ends with an entry without name. */
struct troupe_method {
	const char *name;	  /* "service.method" */
	uint32_t id;		  /* troupe_fnv32 of name */
	uint32_t client_event;	  /* the client message that is passed to it unopened; 0 = none */
	uint32_t client_reply;	  /* the client message that its answer is sent as; 0 = none */
	uint32_t client_to;	  /* enum troupe_route_to */
	/* allow: roles that may call it, ends with NULL. "*" = any role; "@users" = instances that name the called one in
	 * a DATABASE option, whatever their role. */
	const char *const *allow;
	troupe_serve_fn serve;
	troupe_any_fn typed;
};

/* --- commands ----------------------------------------------------------------------------------- */

#define TROUPE_COMMAND_DANGEROUS 1u /* asks by name before it acts */
#define TROUPE_COMMAND_CHANGES 2u   /* changes something: is audited */
#define TROUPE_COMMAND_NOUN 4u	    /* its one word stands alone: `troupe regions`. Since 1.2 */

/*
 * A command of operators: `troupe ROLE VERB ARGS`, a form of the console, a call of the HTTP API. Ends with an entry
 * without verb.
 *
 * `verb` is a word, "grant", or since 1.2 a noun and a verb, "world pause": `troupe world pause` reaches an instance whose
 * role has it in its table, a ready one before one that stands by, and several ready ones of a part are taken for
 * equal. Where several parts have one, the part is named: `troupe meadow world pause`. With TROUPE_COMMAND_NOUN a single
 * word is reached in the same way. `troupe INSTANCE world pause` reaches a certain one. A plugin is not loaded (P0015)
 * when a noun of it is a command of the program, or what it spells is a command of another plugin.
 */
struct troupe_command {
	const char *verb;		   /* [a-z][a-z0-9_]*, once or twice with a space between */
	const char *help;		   /* one sentence */
	const char *right;		   /* what the operator must hold: "read", "operate", "money" ...; whoever may
					    * open the control socket holds everything */
	const struct troupe_option *args;  /* in the order of the command line; NULL = none */
	uint32_t args_size;		   /* sizeof the struct that `args` describes */
	uint32_t flags;
	/*
	 * run: does it. `args` is laid out as the table says, borrowed. Answers request->id with
	 * TROUPE_OK and a body of JSON text (an object, or an array of flat objects, which is shown as a
	 * table), or with a refusal, its reason id and, since 1.3, text for people (see reply). [loop]
	 */
	void (*run)(void *instance, const struct troupe_request *request, const void *args);
};

/* --- life --------------------------------------------------------------------------------------- */

/* What `check` may look at: the options alone. */
struct troupe_check_in {
	uint32_t size;
	const char *part;    /* "base", "shard:meadow" */
	const char *name;    /* the instance's name */
	const void *options; /* laid out as the plugin's table says */
};

/*
 * A role's callbacks. check -> create -> start -> callbacks -> drain -> stop -> destroy.
 * Those marked (may be NULL) may be left out.
 */
struct troupe_role {
	uint32_t size;
	uint32_t instance_size; /* bytes that the host allocates, zeroed, for each instance */
	uint32_t options_size;	/* sizeof the options struct; 0 = the role has none */
	uint32_t reserved;
	/* check: do these options make sense together? No effects. [main] (may be NULL) */
	int32_t (*check)(const struct troupe_check_in *in, struct troupe_error *reterr);
	/*
	 * create: sets up the instance. `host` and `options` stay valid until destroy returns. On failure
	 * the host calls destroy on what there is. [loop]
	 */
	int32_t (*create)(void *instance, const struct troupe_host *host, const void *options,
			  struct troupe_error *reterr);
	/* start: everything it requires is ready; listen, load, begin. It is ready when start returns,
	 * unless it called host->state to say what it waits for. [loop] (may be NULL) */
	int32_t (*start)(void *instance, struct troupe_error *reterr);
	/* configure: live options changed; `options` replaces the earlier struct, which stays valid until
	 * this returns. A refusal keeps the old ones. [loop] (may be NULL) */
	int32_t (*configure)(void *instance, const void *options, struct troupe_error *reterr);
	/* reload: read scripts and data files again; a refusal keeps the old ones running. [loop] (may be NULL) */
	int32_t (*reload)(void *instance, struct troupe_error *reterr);
	/* drain: refuse new work, finish the old, then call host->drained. [loop] (may be NULL = at once) */
	void (*drain)(void *instance);
	/* stop: end all activity now. [loop] (may be NULL) */
	void (*stop)(void *instance);
	/* destroy: release everything; accepts a half-built instance. Runs once after every create. Nothing can be
	 * begun in it: what would end in a callback is dropped. [loop] */
	void (*destroy)(void *instance);
};

/* What a plugin is. */
enum troupe_plugin_kind { TROUPE_PLUGIN_ROLE = 1, TROUPE_PLUGIN_DRIVER = 2 };

/* The descriptor. Everything up to `name` is frozen for ever; the loader reads nothing else before the
 * versions have been compared. */
struct troupe_plugin {
	uint32_t size;
	uint16_t abi_major; /* TROUPE_ABI_MAJOR: must equal the host's */
	uint16_t abi_minor; /* TROUPE_ABI_MINOR: must not be above the host's */
	uint32_t kind;	    /* enum troupe_plugin_kind */
	uint32_t flags;	    /* 0 */
	const char *name;   /* equals the file's name without ".so": [a-z][a-z0-9_]* */
	const char *version;
	const char *summary;		/* one sentence */
	const char *const *parts;	/* "base", "shard", "torrent" where it may live, ends with NULL; NULL = any */
	const char *const *provides;	/* services it serves, ends with NULL */
	const char *const *needs;		/* services it cannot start without, ends with NULL */
	const char *const *uses;	/* services it calls but can do without for a while, ends with NULL */
	const struct troupe_option *options;
	const struct troupe_command *commands;
	const struct troupe_method *methods;
	uint32_t option_size, command_size, method_size; /* sizeof one element of each table */
	uint32_t reserved;
	const struct troupe_role *role;	    /* kind ROLE */
	const struct troupe_driver *driver; /* kind DRIVER */
};

/* TROUPE_PLUGIN_HEAD: the leading members of a descriptor, for this version of the headers. */
#define TROUPE_PLUGIN_HEAD \
	.size = sizeof(struct troupe_plugin), .abi_major = TROUPE_ABI_MAJOR, .abi_minor = TROUPE_ABI_MINOR, \
	.option_size = sizeof(struct troupe_option), .command_size = sizeof(struct troupe_command), \
	.method_size = sizeof(struct troupe_method)

/* TROUPE_EXPORT: what stands before the definition of troupe_entry. */
#ifdef __cplusplus
#define TROUPE_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define TROUPE_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
}
#endif
#endif
