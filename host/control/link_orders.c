/* SPDX-License-Identifier: MIT */
/* `troupe links`: the links of this host to the others. */
#include <stdlib.h>

#include "host/bus/bus.h"
#include "host/control/order.h"
#include "host/core/core.h"
#include "host/obs/text.h"

#define LINKS_MAX 256u

static void link_write(struct text *out, const struct bus_link *link)
{
	text_put(out, "{");
	text_member(out, "host", link->name);
	text_member(out, "state", link->up ? "linked" : link->sealed ? "silent" : "away");
	text_member_number(out, "rtt_us", link->rtt_us);
	text_member_number(out, "sent", link->messages_sent);
	text_member_number(out, "sent_bytes", link->bytes_sent);
	text_member_number(out, "received", link->messages_received);
	text_member_number(out, "received_bytes", link->bytes_received);
	text_member_number(out, "waiting", link->waiting);
	text_member_number(out, "resent", link->resent);
	text_member_number(out, "lost", link->downs);
	text_member_number(out, "sessions", link->sessions);
	text_member_number(out, "dropped",
			   link->forged + link->replayed + link->stale + link->malformed + link->throttled);
	text_member_number(out, "refused", link->refused);
	text_member_number(out, "forwarded", link->forwarded);
	text_member(out, "forwards", link->forwards ? "yes" : "no");
	text_put(out, "}");
}

void order_links(struct order *order)
{
	struct core *core = order->control->core;
	struct bus_link *links = calloc(LINKS_MAX, sizeof(*links));
	struct text out;
	uint32_t len;

	if (links == NULL) {
		order_refused(order, EXIT_FAILED, "", "no memory for the answer");
		return;
	}
	len = bus_links(core_bus(core), links, LINKS_MAX);
	text_init(&out, CONTROL_ANSWER_MAX);
	text_put(&out, "[");
	for (uint32_t i = 0; i < len && i < LINKS_MAX; i++) {
		text_put(&out, i > 0 ? "," : "");
		link_write(&out, &links[i]);
	}
	text_put(&out, "]");
	free(links);
	if (out.failed) {
		order_refused(order, EXIT_FAILED, "", "no memory for the answer");
	} else {
		order_done(order, out.bytes, out.len);
	}
	text_clear(&out);
}
