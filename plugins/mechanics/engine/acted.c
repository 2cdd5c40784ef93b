/* SPDX-License-Identifier: MIT */
/* Acts with a key are done once: what the last of an avatar's came to is kept with it, for who asks again. */
#include <string.h>

#include "internal.h"

static struct acted *find(const struct extra *extra, uint64_t key)
{
	struct acted *all = extra != NULL ? extra->acted.items : NULL;

	for (uint32_t i = 0; all != NULL && i < extra->acted.len; i++) {
		if (all[i].key == key) {
			return &all[i];
		}
	}
	return NULL;
}

/* room: for one more, in place of the first that has ended; NULL if all are of this tick and open, or without memory. */
static struct acted *room(struct list *list)
{
	struct acted *all = list->items;
	uint32_t first = 0;

	if (list->len == ACTED_MAX) {
		while (first < list->len && all[first].open) {
			first++;
		}
		if (first == list->len) {
			return NULL;
		}
		memmove(&all[first], &all[first + 1], (list->len - 1 - first) * sizeof(*all));
		list->len--;
	}
	return list_add(list, sizeof(*all), ACTED_MAX);
}

static void again(struct engine *e, const Region__Input *input, const struct acted *acted)
{
	const Region__Input **place;

	if (!acted->open) {
		input_answer(e, input, acted->status, acted->text);
		return;
	}
	place = list_add(&e->repeats, sizeof(*place), INPUTS_MAX);
	if (place != NULL) {
		*place = input;
	} else {
		input_answer(e, input, TROUPE_UNAVAILABLE, "world.busy"); /* it may be done: to be asked again */
	}
}

int acted_begin(struct engine *e, const Region__Input *input, uint32_t row)
{
	struct extra *extra = input->key != 0 ? extra_of(e, row) : NULL;
	struct acted *acted = find(extra, input->key);

	if (input->key == 0) {
		return 1;
	}
	if (acted != NULL) {
		again(e, input, acted);
		return 0;
	}
	acted = extra != NULL ? room(&extra->acted) : NULL;
	if (acted == NULL) {
		input_answer(e, input, TROUPE_RESOURCE_EXHAUSTED, "world.busy");
		return 0;
	}
	acted->key = input->key;
	acted->open = 1;
	return 1;
}

void acted_end(struct engine *e, uint32_t row, uint64_t key, int32_t status, const char *text)
{
	struct acted *acted = key != 0 ? find(e->all.extra[row], key) : NULL;
	size_t len = strlen(text);

	if (acted == NULL) {
		return;
	}
	if (len > ACTED_TEXT_MAX) {
		len = ACTED_TEXT_MAX;
		while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) { /* within a character of UTF-8 */
			len--;
		}
	}
	acted->open = 0;
	acted->status = status;
	memcpy(acted->text, text, len);
	acted->text[len] = '\0';
}

void acted_repeats(struct engine *e)
{
	const Region__Input *const *inputs = e->repeats.items;

	for (uint32_t i = 0; i < e->repeats.len; i++) {
		uint32_t row = entities_row(&e->all, inputs[i]->avatar);
		const struct acted *acted = row != NO_ROW ? find(e->all.extra[row], inputs[i]->key) : NULL;

		if (acted != NULL && !acted->open) {
			input_answer(e, inputs[i], acted->status, acted->text);
		} else {
			input_answer(e, inputs[i], TROUPE_UNAVAILABLE, "world.busy");
		}
	}
	e->repeats.len = 0;
}
