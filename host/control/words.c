/* SPDX-License-Identifier: MIT */
/* Words for the reasons that operators meet. What players meet has its words in client/words.lua. */
#include "host/control/words.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *reason, *words;
} table[] = {
	{ "account.no_user", "no account has that name; `troupe account list` shows them" },
	{ "database.busy", "the database has too much to do; try again" },
	{ "database.closing", "the database is being closed" },
	{ "database.unavailable", "the database is not open; `troupe status` says why" },
	{ "host.lost", "its host was lost on the way" },
	{ "host.no_instance", "no such instance runs" },
	{ "host.not_ready", "it is not ready; `troupe status` says what it waits for" },
	{ "host.queue_full", "too many requests wait for it; try again" },
	{ "host.stopped", "it was stopped on the way" },
	{ "host.stopping", "it is being stopped" },
	{ "host.timeout", "it did not answer in time" },
	{ "host.too_large", "the answer is too large; ask for less" },
	{ "host.unreachable", "its host is not linked; `troupe links` shows which are" },
	{ "log.busy", "the log servers have too much to do; try again" },
	{ "mall.full", "the mall has too much to do; try again" },
	{ "mall.order", "an order's id is 32 hexadecimal digits; `troupe mall orders` shows them" },
	{ "script.failed", "the line was not carried out" },
	{ "store.busy", "it has too much to do; try again" },
	{ "store.fenced", "another instance has taken over" },
	{ "store.not_read", "its database did not answer" },
	{ "world.auditing", "another audit is under way" },
	{ "world.digesting", "another digest is being made" },
	{ "world.no_checkpoint", "no checkpoint was made; the log says why" },
	{ "world.no_generation", "there is no such generation; `troupe script list` shows them" },
	{ "world.no_rules", "the world has no rules yet; `troupe script list` says why" },
	{ "world.no_scripts", "the scheduler has no folder of `scripts`" },
	{ "world.not_here", "this instance does not run that part of the world" },
	{ "world.outside", "that is no place in the world" },
	{ "world.paused", "the world stands; `troupe world status` says why" },
	{ "world.pausing", "it is being paused already" },
	{ "world.reload_refused", "the rules have mistakes; `troupe script list` shows them" },
	{ "world.reloading", "rules are being read already" },
	{ "world.saving", "another checkpoint is being written" },
};

const char *words_shown(const char *reason, char *text, unsigned size)
{
	const char *words = NULL;

	for (size_t i = 0; reason != NULL && i < sizeof(table) / sizeof(table[0]); i++) {
		words = strcmp(table[i].reason, reason) == 0 ? table[i].words : words;
	}
	if (reason == NULL || reason[0] == '\0') {
		snprintf(text, size, "no reason given");
	} else if (words == NULL) {
		snprintf(text, size, "%s", reason);
	} else {
		snprintf(text, size, "%s (%s)", words, reason);
	}
	return text;
}
