/* SPDX-License-Identifier: MIT */
/* What an edit may do to the world, on its `w`: setting blocks, waking them, dropping items. */
#include <string.h>

#include "rules/internal.h"

int unknown_block(lua_State *L, const char *word)
{
	const struct rules *r = rules_of(L);
	const char *names[1024];
	uint32_t n = 0;

	for (; n < block_count(r->e->blocks) && n < 1023; n++) {
		names[n] = block_type(r->e->blocks, (uint16_t)n)->name;
	}
	names[n] = NULL;
	return unknown_raise(L, "block", word, names);
}

static int edit_set(lua_State *L)
{
	static const char *const why[] = { [-CLAIM_FAR] = "it is more than 16 blocks from the edit's place",
					   [-CLAIM_OUTSIDE] = "it is not in the world",
					   [-CLAIM_TOO_MUCH] = "one edit may write 512 blocks, not more",
					   [-CLAIM_UNAVAILABLE] = "its chunk cannot be read",
					   [-CLAIM_BAD] = "there is no such block" };
	struct rules *r = rules_of(L);
	int32_t cell[3], block = block_find(r->e->blocks, r->args[1].text);
	int refused;

	if (block < 0) {
		return unknown_block(L, r->args[1].text);
	}
	sandbox_charge(L, 50);
	cell_at(r, r->args[0].at, cell);
	refused = claim_set(r->e, r->claim, cell[0], cell[1], cell[2], (uint16_t)block);
	if (refused != 0) {
		return sandbox_raise(L, "S0414", NULL, "the block at (%d, %d, %d) cannot be set: %s", cell[0], cell[1], cell[2],
				     why[-refused]);
	}
	return 0;
}

/* wake: the block's own edit, if its kind has one of its name, in the next tick. */
static int edit_wake(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct wish *wish = effect_new(L, WISH_ASK, 0);

	wish->name = "";
	wish->x = r->args[0].at[0];
	wish->y = r->args[0].at[1];
	wish->z = r->args[0].at[2];
	return 0;
}

static int edit_drop(lua_State *L)
{
	struct rules *r = rules_of(L);
	struct loot loot[LOOT_MAX];
	uint32_t n = 1;

	if (lua_type(L, 3) == LUA_TSTRING) { /* one of this item */
		size_t len;
		const char *item = lua_tolstring(L, 3, &len);

		if (len == 0) {
			return 0; /* a block that drops nothing */
		}
		if (len > WORD_MAX) {
			return sandbox_raise(L, "S0118", NULL, "w:drop: `loot` is an item or %s", api_type_names[TYPE_LOOT].words);
		}
		memset(loot, 0, sizeof(loot));
		memcpy(loot[0].item, item, len);
		loot[0].least = loot[0].most = 1;
	} else if (lua_istable(L, 3)) {
		lua_createtable(L, 0, 1);
		lua_pushvalue(L, 3);
		lua_setfield(L, -2, "loot");
		n = key_loot(L, lua_gettop(L), "loot", loot);
	} else {
		return sandbox_raise(L, "S0118", NULL, "w:drop: `loot` is an item or %s", api_type_names[TYPE_LOOT].words);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t count = loot[i].least + (uint32_t)sandbox_random_below(r->sandbox, loot[i].most - loot[i].least + 1);
		struct wish *wish = count > 0 ? effect_new(L, WISH_DROP, 0) : NULL;

		if (wish != NULL) {
			wish->name = effect_text(L, loot[i].item, strlen(loot[i].item));
			wish->amount = count;
			wish->x = r->args[0].at[0];
			wish->y = r->args[0].at[1];
			wish->z = r->args[0].at[2];
		}
	}
	return 0;
}

const struct api_entry edit_write_api[] = {
	{ ON_EDIT, API_FUNCTION, WHEN_EDIT, 0, "set", "at:Pos block:block", NULL,
	  "The cell of a place shall hold this block, if the edit wins; at most 16 blocks from the edit's place, 512 blocks an edit.",
	  "w:set(e.at, 'gravel')", edit_set },
	{ ON_EDIT, API_FUNCTION, WHEN_EDIT, 0, "drop", "at:Pos loot:any rng:Rng?", NULL,
	  "Items fall there, if the edit wins: one item by its name, or loot.", "w:drop(e.at, { gel = { 1, 3 } }, e.rng)", edit_drop },
	{ ON_EDIT, API_FUNCTION, WHEN_EDIT, 0, "wake", "at:Pos", NULL,
	  "If the edit wins, the block there gets its own edit in the next tick: the one with the name of the block, if there is one. Of a "
	  "region's blocks 1024 a tick do.",
	  "w:wake { x = e.at.x, y = e.at.y, z = e.at.z + 1 }", edit_wake },
	{ 0 }
};
