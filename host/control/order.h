/* SPDX-License-Identifier: MIT */
/* What the files of the control socket share: a request under way, and how it is answered. */
#ifndef HOST_CONTROL_ORDER_H
#define HOST_CONTROL_ORDER_H

#include "host/command.h"
#include "host/config/arena.h"
#include "host/control/control.h"
#include "host/control/json.h"
#include "host/net/net.h"

#define ORDERS_MAX 64u /* under way at once */
#define ROLE_CALL_MS 30000u

struct control {
	struct core *core;
	struct reload_source source;
	struct net *net;
	struct net_owner owner;
	struct net_stats stats;
	char *state;
	char user[64]; /* whom this process runs as */
	uint64_t started_ms;
	struct order *orders; /* that have not been answered */
	unsigned orders_len;
};

/* A request until it is answered. */
struct order {
	struct order *next, **link; /* in control->orders */
	unsigned holds;		    /* besides the answer: a command on its way */
	struct control *control;
	uint64_t conn;		/* who asks, or ... */
	uint64_t request_id;	/* ... the request of another host */
	struct instance *remote; /* the process it was sent on to */
	struct control_request request;
	struct config_arena *arena; /* of the arguments; may be NULL */
	const char *audit;	    /* what is audited, NULL = nothing; a long one in several lines */
	bool audit_told;	    /* those have been written */
	const char *detail;	    /* lines for people that go along with a refusal, detail_len bytes; NULL = none */
	size_t detail_len;
	char target[128];	    /* the instance it is for, or "" */
};

/*
 * order_done answers with a body of JSON text (NULL = none), order_text with plain text, order_refused with an error
 * and its remedy ("" = none); order_confirm asks for `name` to be typed. Each audits if the order asks for it, and
 * frees the order. [main]
 */
void order_done(struct order *order, const char *body, size_t len);
void order_text(struct order *order, const struct text *text);
void order_refused(struct order *order, int exit, const char *help, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void order_confirm(struct order *order, const char *name, const char *what);
/* order_unknown refuses a word that is none of the `known` ones; the list goes along, for the nearest to be shown. */
void order_unknown(struct order *order, const char *what, const char *word, const char *const *known, unsigned len);
/* order_waits is order_done for work that is done when the host hangs up. */
void order_waits(struct order *order, const char *body);
/* order_free drops an order without an answer; its memory stays for as long as holds are left. order_release ends one
 * hold. */
void order_free(struct order *order);
void order_release(void *order);
/* order_begun audits that the effect comes now, before it does: what ends the host leaves its trace too. */
void order_begun(struct order *order);

/* Commands of the host itself. Returns false if words[0] is none of them. */
bool order_host(struct order *order);
/* order_undecided: may what was called have happened? `by_host`: a host answers, not a role; then these reasons say that
 * the call got nowhere: host.not_ready, host.unreachable, host.remote. */
bool order_undecided(const struct troupe_reply *reply, bool by_host);

/* What the words of a command of a role mean. */
struct aim {
	struct instance *target;
	const struct troupe_command *command;
	unsigned verb;	  /* index of the word that its verb begins with */
	const char *part; /* the part that was named before, or NULL */
	bool helps;	  /* the words ask for help */
	bool answered;	  /* refused */
};

/* order_role runs a command of a role. order_aim finds it: words[0] is a role, an instance, a service or a noun, or a part
 * that stands before one. False: answered. order_in_part: is the instance in the part that this word names? [main] */
void order_role(struct order *order);
bool order_aim(struct order *order, struct aim *ret_aim);
bool order_in_part(const struct instance *instance, const char *word);
/* order_take begins an order. False: too many are under way; it has been answered and freed. [main] */
bool order_take(struct order *order);
/* order_answered passes on a line that another host answered with. */
void order_answered(struct order *order, const char *line, size_t len);
/* order_forward sends a checked command to the host that runs its target; remote_order takes one. */
void order_forward(struct order *order, const struct aim *aim);
void remote_order(void *control, const struct troupe_request *request);
/* order_status answers `status`, order_links `links`. */
void order_status(struct order *order);
void order_links(struct order *order);
/* order_help lists the commands of the role, instance, noun or part that words[at] names; at = -1: of everything. */
void order_help(struct order *order, int at);
/* order_host_names lists the host's own commands, *ret_len of them. */
const char *const *order_host_names(unsigned *ret_len);

#endif
