/* SPDX-License-Identifier: MIT */
/* Asks and claims as messages: what owners tell each other of edits, and what a checkpoint keeps of them. */
#include <string.h>

#include "internal.h"

/* What a message is said to take besides its fields: its tag and length. */
#define MESSAGE_BYTES 8u

/* one: a message in the tick's arena, initialized. */
static void *one(struct engine *e, const ProtobufCMessageDescriptor *descriptor)
{
	void *message = arena_get(arena_now(e), descriptor->sizeof_message);

	if (message != NULL) {
		protobuf_c_message_init(descriptor, message);
	}
	return message;
}

/* --- asks ------------------------------------------------------------------------------------------- */

static Region__Ask *ask_pack(struct engine *e, const struct ask *ask)
{
	Region__Ask *message = one(e, &region__ask__descriptor);

	if (message != NULL) {
		message->edit = (char *)ask->edit;
		message->has_actor = message->has_number = message->has_priority = 1;
		message->has_x = message->has_y = message->has_z = message->has_token = 1;
		message->actor = ask->actor;
		message->number = ask->number;
		message->priority = ask->priority;
		message->x = ask->x;
		message->y = ask->y;
		message->z = ask->z;
		message->token = ask->token;
		message->args = ask->args;
		message->n_args = ask->args_len;
	}
	return message;
}

/* asks_pack: those of the list that were made here, from *at on, into an array for a message. */
static size_t asks_pack(struct engine *e, const struct list *list, uint32_t *at, size_t room, Region__Ask ***ret_asks, size_t *ret_len)
{
	const struct ask *asks = list->items;
	size_t bytes = 0;
	uint32_t i;

	*ret_len = 0;
	*ret_asks = arena_get(arena_now(e), (list->len - (*at < list->len ? *at : list->len)) * sizeof(**ret_asks));
	for (i = *at; i < list->len && *ret_asks != NULL; i++) {
		Region__Ask *message = asks[i].ours ? ask_pack(e, &asks[i]) : NULL;
		size_t len = message != NULL ? region__ask__get_packed_size(message) + MESSAGE_BYTES : 0;

		if (message == NULL) {
			continue;
		}
		if (bytes > 0 && bytes + len > room) {
			break;
		}
		(*ret_asks)[(*ret_len)++] = message;
		bytes += len;
	}
	*at = i < list->len ? i : UINT32_MAX;
	return bytes;
}

static int asks_unpack(struct engine *e, struct list *list, Region__Ask *const *asks, size_t len, uint8_t ours)
{
	for (size_t i = 0; i < len; i++) {
		const Region__Ask *message = asks[i];
		Region__Ask *copy;
		struct ask *ask;

		if (message->edit == NULL || !cell_inside(e, message->x, message->y, message->z)) {
			return -1;
		}
		copy = arena_message(arena_now(e), &message->base);
		ask = copy != NULL ? list_add(list, sizeof(*ask), WISHES_MAX) : NULL;
		if (ask == NULL) {
			return -1;
		}
		*ask = (struct ask){ .actor = copy->actor,
				     .token = copy->token,
				     .number = copy->number,
				     .priority = copy->priority,
				     .x = copy->x,
				     .y = copy->y,
				     .z = copy->z,
				     .edit = copy->edit,
				     .args = copy->args,
				     .args_len = (uint32_t)copy->n_args,
				     .ours = ours };
	}
	return 0;
}

size_t asks_fill(struct engine *e, Region__Exchange *part, uint32_t *at, size_t room)
{
	return asks_pack(e, &e->edits.asks, at, room, &part->asks, &part->n_asks);
}

int asks_take(struct engine *e, const Region__Exchange *part)
{
	return asks_unpack(e, &e->edits.asks, part->asks, part->n_asks, 0);
}

size_t asks_save(struct engine *e, Region__Page *page, uint32_t *at, size_t room)
{
	return asks_pack(e, &e->edits.later, at, room, &page->asks, &page->n_asks);
}

/* Those for the next tick go to the owner of their place, which tells everybody then; their actor may be elsewhere by then. */
void asks_tell(struct engine *e)
{
	struct ask *all = e->edits.later.items;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < e->edits.later.len; i++) {
		if (mine(e, all[i].x, all[i].y)) {
			all[kept++] = all[i];
		} else {
			tell_others(e, "asks", ask_pack(e, &all[i]));
		}
	}
	e->edits.later.len = kept;
}

int asks_later(struct engine *e, const Region__Exchange *part)
{
	for (size_t i = 0; i < part->n_asks; i++) {
		Region__Ask *ask = part->asks[i];

		if (!cell_inside(e, ask->x, ask->y, ask->z) ||
		    (mine(e, ask->x, ask->y) && asks_unpack(e, &e->edits.later, &ask, 1, 1) != 0)) {
			return -1;
		}
	}
	return 0;
}

uint64_t asks_digest(struct engine *e)
{
	const struct ask *asks = e->edits.later.items;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < e->edits.later.len; i++) {
		Region__Ask *message = ask_pack(e, &asks[i]);

		if (message != NULL) {
			message->has_token = 0; /* its owner's own */
			sum += message_digest(arena_now(e), &message->base);
		}
	}
	return sum;
}

int asks_load(struct engine *e, const Region__Page *page)
{
	for (size_t i = 0; i < page->n_asks; i++) {
		Region__Ask *ask = page->asks[i];

		if (!cell_inside(e, ask->x, ask->y, ask->z) ||
		    (mine(e, ask->x, ask->y) && asks_unpack(e, &e->edits.later, &ask, 1, 1) != 0)) {
			return -1;
		}
	}
	return 0;
}

/* --- claims ----------------------------------------------------------------------------------------- */

/* kind_of: the place of a block's name in the message's list, whose ids are in `ids`. */
static int32_t kind_of(struct engine *e, Region__Claim *message, uint16_t *ids, uint16_t block)
{
	size_t i;

	for (i = 0; i < message->n_blocks && ids[i] != block; i++) {
	}
	if (i == message->n_blocks) {
		ids[i] = block;
		message->blocks[message->n_blocks++] = arena_text(arena_now(e), block_type(e->blocks, block)->name);
	}
	return (int32_t)i;
}

static Region__Claim *claim_pack(struct engine *e, const struct claim *claim)
{
	Region__Claim *message = one(e, &region__claim__descriptor);
	const struct ask *ask = claim->ask;
	uint16_t ids[CLAIM_CELLS_MAX];

	if (message == NULL) {
		return NULL;
	}
	message->has_ask = message->has_actor = message->has_number = 1;
	message->ask = (uint32_t)(claim - e->edits.claims);
	message->actor = ask->actor;
	message->number = ask->number;
	message->refused = (char *)claim->refused;
	message->cells = arena_get(arena_now(e), claim->cells_len * 4 * sizeof(*message->cells));
	message->blocks = arena_get(arena_now(e), claim->cells_len * sizeof(*message->blocks));
	if (message->cells == NULL || message->blocks == NULL) {
		return NULL;
	}
	for (uint32_t i = 0; i < claim->cells_len; i++) {
		message->cells[message->n_cells++] = claim->cells[i].x - ask->x;
		message->cells[message->n_cells++] = claim->cells[i].y - ask->y;
		message->cells[message->n_cells++] = claim->cells[i].z - ask->z;
		message->cells[message->n_cells++] = kind_of(e, message, ids, claim->cells[i].block);
	}
	return message;
}

size_t claims_fill(struct engine *e, Region__Exchange *part, uint32_t *at, size_t room)
{
	const uint32_t *fresh = e->edits.fresh.items;
	uint32_t count = e->edits.fresh.len, i;
	size_t bytes = 0;

	part->n_claims = 0;
	part->claims = arena_get(arena_now(e), (count - (*at < count ? *at : count)) * sizeof(*part->claims));
	for (i = *at; i < count && part->claims != NULL; i++) {
		Region__Claim *message = claim_pack(e, &e->edits.claims[fresh[i]]);
		size_t len = message != NULL ? region__claim__get_packed_size(message) + MESSAGE_BYTES : 0;

		if (message == NULL) {
			continue;
		}
		if (bytes > 0 && bytes + len > room) {
			break;
		}
		part->claims[part->n_claims++] = message;
		bytes += len;
	}
	*at = i < count ? i : UINT32_MAX;
	return bytes;
}

/* claim_find: the claim of another's edit; NULL if nobody asked for it, or it is known. */
static struct claim *claim_find(struct engine *e, const Region__Claim *message)
{
	struct claim *claim = message->has_ask && message->ask < e->edits.claims_len ? &e->edits.claims[message->ask] : NULL;

	return claim != NULL && claim->ask->actor == message->actor && claim->ask->number == message->number && !claim->known &&
			       !claim->ours ?
		       claim :
		       NULL;
}

/* cells_take: 0, or -1 if a cell is not within the edit's reach, or of a block that nobody defined. */
static int cells_take(struct engine *e, struct claim *claim, const Region__Claim *message)
{
	int32_t ids[CLAIM_CELLS_MAX];

	if (message->n_cells % 4 != 0 || message->n_cells / 4 > CLAIM_CELLS_MAX || message->n_blocks > CLAIM_CELLS_MAX) {
		return -1;
	}
	for (size_t i = 0; i < message->n_blocks; i++) {
		ids[i] = block_meet(e->blocks, message->blocks[i]);
		if (ids[i] < 0) {
			return -1;
		}
	}
	claim->cells = arena_get(arena_now(e), message->n_cells / 4 * sizeof(*claim->cells));
	for (size_t i = 0; i < message->n_cells / 4 && claim->cells != NULL; i++) {
		const int32_t *from = &message->cells[i * 4];
		struct cell *cell = &claim->cells[i];

		if (from[3] < 0 || (size_t)from[3] >= message->n_blocks || from[0] < -CLAIM_REACH || from[0] > CLAIM_REACH ||
		    from[1] < -CLAIM_REACH || from[1] > CLAIM_REACH || from[2] < -CLAIM_REACH || from[2] > CLAIM_REACH) {
			return -1;
		}
		*cell = (struct cell){ .x = claim->ask->x + from[0],
				       .y = claim->ask->y + from[1],
				       .z = claim->ask->z + from[2],
				       .block = (uint16_t)ids[from[3]] };
		if (!cell_inside(e, cell->x, cell->y, cell->z)) {
			return -1;
		}
	}
	claim->cells_len = claim->cells != NULL ? (uint32_t)(message->n_cells / 4) : 0;
	return claim->cells != NULL ? 0 : -1;
}

int claims_take(struct engine *e, const Region__Exchange *part)
{
	for (size_t i = 0; i < part->n_claims; i++) {
		const Region__Claim *message = part->claims[i];
		struct claim *claim = claim_find(e, message);

		if (claim == NULL || cells_take(e, claim, message) != 0) {
			return -1;
		}
		claim->refused = message->refused != NULL ? arena_text(arena_now(e), message->refused) : NULL;
		claim_known(e, claim);
		if (e->shape.lock && claim->refused == NULL) {
			claim_won(e, claim); /* under its locks: nobody may have taken its cells */
		}
	}
	return 0;
}
