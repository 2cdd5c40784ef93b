/* SPDX-License-Identifier: MIT */
/* Purchases under faults: players buy, cancel and get money; a model that stands outside says what must hold. */
#ifndef SIM_PURCHASE_H
#define SIM_PURCHASE_H

#include "sim.h"

#define PLAYERS 3
#define WISHES_MAX 24
#define CURRENCY "gold"

/* What a player was told about something he wanted, at the end. */
enum told { TOLD_NOTHING, TOLD_YOURS, TOLD_NO };

/* One thing a player wants: the same key is sent again until an answer settles it. */
struct wish {
	struct player *player;
	uint8_t key[16];
	const char *offer;
	int64_t price;
	int is_grant, cancel, settled, sent_cancel;
	enum told told;
	uint32_t tries;
};

struct player {
	struct purchase *run;
	const struct troupe_host *frontend; /* of the shard where he plays */
	uint64_t account, avatar;
	struct wish wishes[WISHES_MAX];
	unsigned wishes_len, settled;
};

#define SHARDS_MAX 2

struct purchase {
	struct sim *sim;
	const struct troupe_host *frontends[SHARDS_MAX], *console; /* the parts the test plays */
	struct player players[PLAYERS];
	char parts[SHARDS_MAX][64];
	unsigned parts_len;
	unsigned prepared;
	char broken[512]; /* the first thing that does not hold; "" = all holds */
};

/* Which hosts run what. */
struct topology {
	const char *name, *what;
	const char *shards[SHARDS_MAX]; /* where players play */
	const char *config;
};
extern const struct topology topologies[]; /* ended by a name of NULL */

/* purchase_run plays one seed over `config`, which is the topology's; 0, or 1 with run->broken saying which invariant does not hold. */
int purchase_run(struct purchase *run, const struct topology *topology, const struct config *config, uint64_t seed);

/* books_check compares what the databases hold with what players were told; `final` = every order must have ended. */
void books_check(struct purchase *run, int final);
/* broken: keeps the first finding. */
void broken(struct purchase *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Stock of the offer "rare". */
#define RARE_STOCK 4
#define GRANT_AMOUNT 40

#endif
