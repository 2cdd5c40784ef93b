/* SPDX-License-Identifier: MIT */
/* Rules that fail too often are paused, for all owners in the same tick.
 *
 * A failed call of the world's or of a monster's counts each time. One that is about a player counts once for that player: whoever
 * finds words that a rule fails on can repeat them as often as he likes, the others go on using it. Those who do not fit into a
 * rule's list of players count once in each tick. A call that was ended because it ran too long or took too much memory counts each
 * time in any case, since it holds up everybody. */
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

	if (blame == NULL) {
		r->e->effects_full++;
		return;
	}
	*blame = (struct blame){ handler, player };
}

/* blames_sort: a player's of one handler come together: only the first of them counts. */
static void blames_sort(struct rules *r)
{
	if (r->blames.len > 1) {
		qsort(r->blames.items, r->blames.len, sizeof(struct blame), blame_order);
	}
}

static int blame_again(const struct blame *blames, uint32_t at)
{
	return at > 0 && blame_order(&blames[at - 1], &blames[at]) == 0;
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

/* errors_now: of this tick here. All its players are told, in several parts if they are many: what each of them counts is
 * decided when those of all owners are known. */
static void errors_now(const struct rules *r, const struct handler *handler, const char *key,
		       void (*each)(void *arg, const struct rule_errors *errors), void *arg)
{
	const struct blame *blames = r->blames.items;
	uint64_t players[BLAMED_MAX];
	struct rule_errors part = { .handler = key, .players = players };
	uint32_t left = handler->failed;

	for (uint32_t i = 0; i < r->blames.len; i++) {
		if (blames[i].handler != handler || blame_again(blames, i)) {
			continue;
		}
		players[part.players_len++] = blames[i].player;
		if (part.players_len == BLAMED_MAX && left > BLAMED_MAX + handler->failed_strikes) {
			part.count = BLAMED_MAX;
			left -= BLAMED_MAX;
			each(arg, &part);
			part.players_len = 0;
		}
	}
	part.count = left;
	part.strikes = handler->failed_strikes;
	each(arg, &part);
}

void rules_errors_each(struct rules *r, int all, void (*each)(void *arg, const struct rule_errors *errors), void *arg)
{
	struct handlers *lists[HANDLER_LISTS];
	uint32_t n = all || r->failed > 0 ? handler_lists(r->now, lists) : 0;
	char key[HANDLER_KEY_MAX];

	if (!all) {
		blames_sort(r);
	}
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = 0; at < lists[i]->len; at++) {
			const struct handler *handler = &lists[i]->items[at];
			struct rule_errors errors = { .handler = key,
						      .count = handler->errors,
						      .strikes = handler->strikes,
						      .players = handler->players,
						      .players_len = handler->players_len };

			if ((all ? handler->errors : handler->failed) == 0) {
				continue;
			}
			handler_key(lists[i], at, key);
			if (all) {
				each(arg, &errors);
			} else {
				errors_now(r, handler, key, each, arg);
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

/* blamed_add: who is new counts, once; those who do not fit into the list count in each tick. It is kept in order: the same
 * after a restart, whoever was first. */
static void blamed_add(struct handler *handler, uint64_t player)
{
	uint32_t at = 0;

	while (at < handler->players_len && handler->players[at] < player) {
		at++;
	}
	if (at < handler->players_len && handler->players[at] == player) {
		return;
	}
	if (handler->players_len == BLAMED_MAX) {
		handler->strikes++;
		return;
	}
	memmove(handler->players + at + 1, handler->players + at, (handler->players_len - at) * sizeof(*handler->players));
	handler->players[at] = player;
	handler->players_len++;
}

static void blames_settle(struct rules *r)
{
	const struct blame *blames = r->blames.items;

	blames_sort(r);
	for (uint32_t i = 0; i < r->blames.len; i++) {
		if (!blame_again(blames, i)) {
			blamed_add(blames[i].handler, blames[i].player);
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
