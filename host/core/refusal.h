/* SPDX-License-Identifier: MIT */
/* What is in the body of an answer that is a refusal. */
#ifndef HOST_CORE_REFUSAL_H
#define HOST_CORE_REFUSAL_H

#include "troupe/host.h"

/* refusal_read fills in the reason, copied to ret_reason, and what text for people is behind it: see troupe_host.reply. The reply
 * borrows both. [any] */
void refusal_read(struct troupe_reply *reply, const struct troupe_buf *body, char ret_reason[TROUPE_REASON_MAX + 1]);

#endif
