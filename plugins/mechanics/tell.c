/* SPDX-License-Identifier: MIT */
/* What a tick brought: to players and front-ends, and into our own books. */
#include <string.h>

#include "mechanics.h"

#define EVENT_CHAT_HEARD 72u
#define EVENT_SYSTEM_MESSAGE 73u

static void heard(struct mechanics *m, const struct output *output)
{
	World__ChatHeard message = WORLD__CHAT_HEARD__INIT;

	message.has_from = 1;
	message.from = output->id;
	message.name = (char *)output->name; /* the one that the world knows, never one from a message */
	message.channel = (char *)output->channel;
	message.text = (char *)output->text;
	/* Those who see the speaker's cell are those in it and around it. */
	say_publish(m, output->chunk, EVENT_CHAT_HEARD, &message.base, 0);
}

static void tell(struct mechanics *m, const struct output *output)
{
	World__SystemMessage message = WORLD__SYSTEM_MESSAGE__INIT;
	const struct player *player = output->id != 0 ? map_get(&m->by_avatar, output->id) : NULL;

	message.text = (char *)output->text;
	if (output->id == 0) {
		say_publish(m, output->chunk, EVENT_SYSTEM_MESSAGE, &message.base, 0);
	} else if (player != NULL && player->frontend != NULL) {
		say_send(m, player, EVENT_SYSTEM_MESSAGE, &message.base);
	}
}

/* tell_one: something that players see. */
static void tell_one(struct mechanics *m, const struct output *output)
{
	struct player *player;

	switch ((enum output_kind)output->kind) {
	case OUTPUT_APPEARED:
		interest_appeared(m, output->id, output->chunk);
		break;
	case OUTPUT_HEALTH:
		interest_health(m, output->id, output->chunk);
		break;
	case OUTPUT_GONE:
		interest_gone(m, output->id, output->chunk);
		break;
	case OUTPUT_MOVED:
		interest_moved(m, output->id, output->chunk, output->flag);
		break;
	case OUTPUT_VIEW:
		player = map_get(&m->by_avatar, output->id);
		if (player != NULL) {
			interest_view(m, player, output->chunk);
		}
		break;
	case OUTPUT_BLOCK:
		blocks_changed(m, output->chunk, output->x, output->y, output->z);
		break;
	case OUTPUT_HEARD:
		heard(m, output);
		break;
	case OUTPUT_TELL:
		tell(m, output);
		break;
	case OUTPUT_ANSWER:
		method_answer(m, output);
		break;
	default:
		break;
	}
}

/* note: something about who plays here. */
static void note(struct mechanics *m, const struct output *output)
{
	switch ((enum output_kind)output->kind) {
	case OUTPUT_ENTERED:
		players_entered(m, output->id, output->token);
		items_owed(m, output->id);
		break;
	case OUTPUT_GRANT:
		items_owed(m, output->id);
		break;
	case OUTPUT_LEFT:
		players_left(m, output->id);
		break;
	case OUTPUT_REMOVED:
		players_removed(m, output->id);
		break;
	case OUTPUT_HANDED:
		pass_handed(m, output->id);
		break;
	case OUTPUT_TAKEN:
		pass_taken(m, output->id, output->session);
		items_owed(m, output->id);
		break;
	default:
		break;
	}
}

void tell_tick(struct mechanics *m)
{
	struct ticking *t = &m->ticking;
	const struct output *outputs;
	uint32_t len;

	if (t->told) {
		return;
	}
	t->told = 1;
	STRIKE("players.untold");
	outputs = engine_outputs(m->engine, &len);
	for (uint32_t i = 0; i < len; i++) {
		if (!t->silent) {
			note(m, &outputs[i]);
		} else if (outputs[i].kind == OUTPUT_ANSWER) {
			line_again(m, &outputs[i]);
		}
	}
	if (t->silent) {
		serve_deferred(m);
		ask_moved_tell(m);
		return;
	}
	for (uint32_t i = 0; i < len; i++) {
		tell_one(m, &outputs[i]);
		STRIKE("players.some_told");
	}
	ask_free(m); /* the journal has run: a line that was not in it never will be */
	save_tick(m);
	serve_deferred(m);
	interest_flush(m);
	ask_moved_tell(m); /* to whom something was told just now: in the same write */
	STRIKE("players.told");
}
