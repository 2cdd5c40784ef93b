/* SPDX-License-Identifier: MIT */
/* What a call of a rule wants: queued while it runs, done when it has ended well: at once to its own entity, to others as wishes,
 * and what an edit wants if that edit wins. */
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"

struct wish *effect_new(lua_State *L, enum wish_kind kind, uint64_t target)
{
	struct rules *r = rules_of(L);
	struct wish *effect;

	if (r->effects_len == EFFECTS_MAX) {
		r->e->effects_full++;
		sandbox_raise(L, "S0111", "spread the work over several ticks with self:after",
			      "one call may do %u things to the world, not more", EFFECTS_MAX);
	}
	effect = &r->effects[r->effects_len++];
	*effect = (struct wish){ .target = target, .number = kind, .name = "", .text = "" };
	return effect;
}

const char *effect_text(lua_State *L, const char *text, size_t len)
{
	struct rules *r = rules_of(L);
	char *copy = r->text + r->text_len;

	if (r->text_len + len + 1 > EFFECT_TEXT_MAX) {
		sandbox_raise(L, "S0111", "say less at once", "one call may say %u bytes, not more", EFFECT_TEXT_MAX);
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	r->text_len += (uint32_t)len + 1;
	return copy;
}

static void fill(struct rules *r, struct wish *to, const struct wish *from)
{
	struct arena *a = arena_now(r->e);

	to->name = arena_text(a, from->name);
	to->text = arena_text(a, from->text);
	to->name = to->name != NULL ? to->name : "";
	to->text = to->text != NULL ? to->text : "";
	to->amount = from->amount;
	to->x = from->x;
	to->y = from->y;
	to->z = from->z;
}

struct wish *wish_to(struct rules *r, enum wish_kind kind, uint64_t target, uint64_t source, const char *name, double amount)
{
	struct wish from = { .name = name, .text = "", .amount = amount };
	struct wish *wish = wish_add(r->e, target, source, wish_name(kind));

	if (wish != NULL) {
		fill(r, wish, &from);
	}
	return wish;
}

void effects_apply(struct rules *r)
{
	for (uint32_t i = 0; i < r->effects_len; i++) {
		struct wish *effect = &r->effects[i], *wish;
		enum wish_kind kind = (enum wish_kind)effect->number;

		if (r->claim != NULL) {
			wish = claim_wish(r->e, r->claim, effect->target, wish_name(kind));
		} else if (wish_own(kind) && (effect->target == r->subject || kind == WISH_ASK)) {
			effect->source = r->subject;
			wish_run(r, kind, entities_row(&r->e->all, r->subject), effect);
			continue;
		} else {
			wish = wish_add(r->e, effect->target, r->line != 0 ? r->line : r->subject, wish_name(kind));
		}
		if (wish != NULL) {
			fill(r, wish, effect);
		} else {
			r->e->effects_full++;
		}
	}
	r->effects_len = r->text_len = 0;
}
