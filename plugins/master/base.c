/* SPDX-License-Identifier: MIT */
/* There is one base: the masters of a cluster hold a lease of it together, and those of another one are refused. */
#include <stdio.h>
#include <string.h>

#include "master.h"

/*
 * A store in a folder is locked by who has it open. One that is reached over a network can be named by two clusters, by a copy of
 * a configuration say. So masters take the lease "base" in their database for their cluster (troupe_host.cluster) before
 * they are ready: without a master nobody is placed, no world finds an owner, and no call goes from base to shard.
 * If the database does not answer, a base that was ours stays so: nobody else could have taken it there.
 */

#define RETRY_MS 500u
#define RACE_MS 20u

static void on_timer(void *instance, void *arg);

static void ask_in(struct master *master, uint64_t ms)
{
	master->base_timer = master->h->timer_start(master->h, ms, on_timer, NULL);
}

static void tell(struct master *master, uint32_t level, const char *text)
{
	struct troupe_log line = { .size = sizeof(line), .level = level, .code = "S0302", .text = text };

	master->h->log(master->h, &line);
}

static void ours(struct master *master, uint64_t epoch)
{
	int was = master->base_epoch != 0;

	master->base_epoch = epoch;
	master->base_told = 0;
	if (!was) {
		master->started_us = master->h->now_us(master->h); /* from here on front-ends speak to it */
		master->h->state(master->h, 1, 0, NULL);
	}
}

static void theirs(struct master *master, const struct lease_answer *answer)
{
	char text[LEASE_OWNER_MAX + 96];

	snprintf(text, sizeof(text), "base already owned by %s (epoch %llu)",
		 answer->owner_name[0] != '\0' ? answer->owner_name : "another cluster",
		 (unsigned long long)answer->epoch);
	master->base_epoch = 0;
	master->h->state(master->h, 0, 0, text);
	if (!master->base_told) {
		master->base_told = 1;
		strcat(text, "; give this cluster a database of its own, or stop that one");
		tell(master, TROUPE_LOG_ERROR, text);
	}
}

static void on_asked(struct master *master, void *arg, const struct lease_answer *answer)
{
	uint64_t third_ms = (uint64_t)master->options->base_lease_ms / 3;

	(void)arg;
	master->base_asking = 0;
	if (answer->status == TROUPE_OK) {
		ours(master, answer->epoch);
		ask_in(master, third_ms);
	} else if (strcmp(answer->reason, "master.lease_held") == 0) {
		theirs(master, answer);
		ask_in(master, third_ms);
	} else {
		if (master->base_epoch == 0) {
			master->h->state(master->h, 0, 0, "taking the base: its database does not answer yet");
		}
		/* the other master was quicker: it is ours with the next word */
		ask_in(master, answer->status == TROUPE_ABORTED ? RACE_MS : third_ms < RETRY_MS ? third_ms : RETRY_MS);
	}
}

static void ask(struct master *master)
{
	const char *cluster = TROUPE_HAS(master->h, cluster) ? master->h->cluster : "a cluster";
	struct lease_ask question = { .name = BASE_LEASE,
				      .owner = troupe_fnv64(cluster, strlen(cluster)),
				      .owner_name = cluster,
				      .ttl_ms = (uint64_t)master->options->base_lease_ms,
				      .join = 1,
				      .done = on_asked };

	if (!master->base_asking) {
		master->base_asking = 1;
		lease_ask(master, &question);
	}
}

static void on_timer(void *instance, void *arg)
{
	struct master *master = instance;

	(void)arg;
	master->base_timer = 0;
	ask(master);
}

void base_begin(struct master *master)
{
	master->h->state(master->h, 0, 0, "taking the base");
	ask(master);
}

void base_stop(struct master *master)
{
	master->h->timer_stop(master->h, master->base_timer);
	master->base_timer = 0;
}
