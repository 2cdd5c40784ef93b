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
	uint64_t account, avatar;
	struct wish wishes[WISHES_MAX];
	unsigned wishes_len, settled;
};

struct purchase {
	struct sim *sim;
	const struct troupe_host *frontend, *console; /* the parts the test plays */
	struct player players[PLAYERS];
	unsigned prepared;
	char broken[512]; /* the first thing that does not hold; "" = all holds */
};

/* purchase_run plays one seed; 0, or 1 with run->broken saying which invariant does not hold. */
int purchase_run(struct purchase *run, const struct config *config, uint64_t seed);

/* books_check compares what the databases hold with what players were told; `final` = every order must have ended. */
void books_check(struct purchase *run, int final);
/* broken: keeps the first finding. */
void broken(struct purchase *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const char purchase_config[];
/* Stock of the offer "rare" in purchase_config. */
#define RARE_STOCK 4
#define GRANT_AMOUNT 40

#endif
