/* SPDX-License-Identifier: MIT */
/* Edits without scripts: a world in several engines of one process, whose edits are functions in C. */
#ifndef TESTS_EDITS_H
#define TESTS_EDITS_H

#include "engine/internal.h"

#define ENGINES_MAX 8u

struct edit_world {
	struct engine *engines[ENGINES_MAX];
	uint32_t len, rounds; /* rounds: of stage 2 in the last tick */
	uint64_t tick, bytes; /* of all exchanges */
};

/* edit_world_open: regions are dealt out in turn; fails the program without memory. Its edits:
 *	set A	   the place becomes the block A
 *	put A	   so it does if it is air, else it is refused: "occupied"
 *	row A n d  n cells from the place become A, in the direction d: 0 x, 1 y, 2 z
 *	copy A d   the place becomes what is A cells from it in the direction d
 *	twice A B  the place becomes A, which it sees, and B after all
 *	far A	   a cell 17 from the place becomes A: refused "far"
 *	wish A	   like put, and the actor is said something to if it wins
 */
void edit_world_open(struct edit_world *w, uint32_t len, const struct engine_shape *shape);
void edit_world_close(struct edit_world *w);
/* edit_actor: a new entity at the owner of the place. */
void edit_actor(struct edit_world *w, uint64_t id, double x, double y);
/* edit_begin: a tick up to its stage 1, in which asks are made; edit_end: the rest of it. */
void edit_begin(struct edit_world *w);
/* edit_ask: at the owner of the actor; NULL and a reason in edit_reason if it is refused. The token is the actor's id. */
struct ask *edit_ask(struct edit_world *w, uint64_t actor, const char *edit, int32_t x, int32_t y, int32_t z, int32_t a,
		     int32_t b, int32_t c);
const char *edit_reason(void);
/* edit_stage: runs stage 2 or 3 in all engines, with its exchanges. edit_end: stages 2 and 3. */
void edit_stage(struct edit_world *w, unsigned stage);
void edit_end(struct edit_world *w);
/* edit_answer: the reason that an actor's last ask was answered with, "" for OK, NULL for no answer. edit_answers: a number that
 * stands for all answers of the tick, in any order. */
const char *edit_answer(const struct edit_world *w, uint64_t actor);
uint64_t edit_answers(const struct edit_world *w);
/* edit_digest: of the blocks, which all engines must agree on; fails the program if they do not. */
uint64_t edit_digest(struct edit_world *w);

#endif
