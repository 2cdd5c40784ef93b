/* SPDX-License-Identifier: MIT */
/* Rules that fail too often are paused, for all owners in the same tick.
 *
 * A failed call of the world's or of a monster's counts each time. One that is about a player counts once for that player: whoever
 * finds words that a rule fails on can repeat them as often as he likes, the others go on using it. A call that was ended because it
 * ran too long or took too much memory counts each time in any case, since it holds up everybody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

#define BLAMES_MAX 65536u /* failed calls of players in a tick; further ones are not counted */

/* A player's call that failed in this tick, here or at another owner. */
struct blame {
	struct handler *handler;
	uint64_t player;
};

static int blame_order(const void *a, const void *b)
{
	const struct blame *x = a, *y = b;

	if (x->handler != y->handler) {
		return x->handler < y->handler ? -1 : 1;
	}
	return (x->player > y->player) - (x->player < y->player);
}

static void blame_add(struct rules *r, struct handler *handler, uint64_t player)
{
	struct blame *blame = list_add(&r->blames, sizeof(*blame), BLAMES_MAX);

	if (blame != NULL) {
		*blame = (struct blame){ handler, player };
	}
}

void pause_count(struct rules *r, struct handler *handler, uint64_t player)
{
	handler->failed++;
	r->failed++;
	if (player != 0) {
		blame_add(r, handler, player);
	} else {
		handler->failed_strikes++;
	}
}

/* handler_key: its name among all owners. Several may be given to one event: they are told apart by their order, which is that
 * of the files; methods of a kind have no such order, but names of their own. */
static const char *handler_key(const struct handlers *list, uint32_t at, char ret_key[HANDLER_KEY_MAX])
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < at; i++) {
		before += strcmp(list->items[i].what, list->items[at].what) == 0;
	}
	snprintf(ret_key, HANDLER_KEY_MAX, before > 0 ? "%s #%u" : "%s", list->items[at].what, before + 1);
	return ret_key;
}

/* errors_now: of this tick here; the players are those of the blames. */
static void errors_now(const struct rules *r, const struct handler *handler, uint64_t *players, struct rule_errors *ret_errors)
{
	const struct blame *blames = r->blames.items;

	*ret_errors = (struct rule_errors){ .count = handler->failed, .strikes = handler->failed_strikes, .players = players };
	for (uint32_t i = 0; i < r->blames.len && ret_errors->players_len < BLAMED_MAX; i++) {
		if (blames[i].handler == handler && (i == 0 || blame_order(&blames[i - 1], &blames[i]) != 0)) {
			players[ret_errors->players_len++] = blames[i].player;
		}
	}
}

void rules_errors_each(struct rules *r, int all, void (*each)(void *arg, const struct rule_errors *errors), void *arg)
{
	struct handlers *lists[HANDLER_LISTS];
	uint32_t n = all || r->failed > 0 ? handler_lists(r->now, lists) : 0;
	uint64_t players[BLAMED_MAX];
	char key[HANDLER_KEY_MAX];

	if (!all && r->blames.len > 1) {
		qsort(r->blames.items, r->blames.len, sizeof(struct blame), blame_order);
	}
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < lists[i]->len; at++) {
			const struct handler *handler = &lists[i]->items[at];
			struct rule_errors errors = { .count = handler->errors,
						      .strikes = handler->strikes,
						      .players = handler->players,
						      .players_len = handler->players_len };

			if (!all) {
				errors_now(r, handler, players, &errors);
			}
			if (errors.count > 0) {
				errors.handler = handler_key(lists[i], at, key);
				each(arg, &errors);
			}
		}
	}
}

void rules_errors_add(struct rules *r, const struct rule_errors *errors)
{
	struct handlers *lists[HANDLER_LISTS];
	uint32_t n = handler_lists(r->now, lists);
	char key[HANDLER_KEY_MAX];

	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < lists[i]->len; at++) {
			struct handler *handler = &lists[i]->items[at];

			if (strcmp(handler_key(lists[i], at, key), errors->handler) == 0 && !MUTANT("errors_alone")) {
				handler->failed += errors->count;
				handler->failed_strikes += errors->strikes;
				r->failed += errors->count;
				for (uint32_t p = 0; p < errors->players_len; p++) {
					blame_add(r, handler, errors->players[p]);
				}
				return;
			}
		}
	}
}

/* blames_settle: who is new counts; those who do not fit into a handler's list count each time. */
static void blames_settle(struct rules *r)
{
	const struct blame *blames = r->blames.items;

	if (r->blames.len > 1) {
		qsort(r->blames.items, r->blames.len, sizeof(struct blame), blame_order);
	}
	for (uint32_t i = 0; i < r->blames.len; i++) {
		struct handler *handler = blames[i].handler;
		uint32_t at = 0;

		while (at < handler->players_len && handler->players[at] != blames[i].player) {
			at++;
		}
		if (at == BLAMED_MAX) {
			handler->strikes++;
		} else if (at == handler->players_len) {
			handler->players[handler->players_len++] = blames[i].player;
		}
	}
	r->blames.len = 0;
}

/* pause: told once for the world, as a block of its own. */
static void pause(struct rules *r, struct handler *handler)
{
	char block[512];

	handler->quarantined = 1;
	r->quarantined++;
	if (!first_owner(r->e)) {
		return;
	}
	snprintf(block, sizeof(block),
		 "error[S0423]: %s failed %u times and is paused\n"
		 "  --> %s:%d, gen %u\n"
		 "  = note: its errors were told before\n"
		 "  = help: mend it and save: a reload lets it run again; `troupe mechanics scripts` lists what is paused\n",
		 handler->what, handler->errors, handler->file, handler->line, r->now->number);
	log_block(r->e, "S0423", block);
}

void rules_errors_settle(struct rules *r)
{
	struct handlers *lists[HANDLER_LISTS];
	uint32_t n = r->failed > 0 ? handler_lists(r->now, lists) : 0;

	blames_settle(r);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < lists[i]->len; at++) {
			struct handler *handler = &lists[i]->items[at];

			handler->errors += handler->failed;
			handler->strikes += handler->failed_strikes;
			handler->failed = handler->failed_strikes = 0;
			if (!handler->quarantined && handler->strikes + handler->players_len >= r->e->shape.quarantine) {
				pause(r, handler);
			}
		}
	}
	r->failed = 0;
}
