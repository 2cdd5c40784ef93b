/* SPDX-License-Identifier: MIT */
#include "extra.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void *list_add(struct list *list, size_t item, uint32_t max)
{
	if (list->len >= max) {
		return NULL;
	}
	if (list->len == list->size) {
		uint32_t size = list->size == 0 ? (max < 64 ? 4 : 64) : list->size * 2;
		void *items = realloc(list->items, size * item);

		if (items == NULL) {
			return NULL;
		}
		list->items = items;
		list->size = size;
	}
	return memset((char *)list->items + item * list->len++, 0, item);
}

void list_free(struct list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}

struct extra *extra_of(struct engine *e, uint32_t row)
{
	if (e->all.extra[row] == NULL) {
		e->all.extra[row] = calloc(1, sizeof(struct extra));
	}
	return e->all.extra[row];
}

void extra_free(struct extra *extra)
{
	if (extra == NULL) {
		return;
	}
	if (extra->session != NULL) {
		region__session__free_unpacked(extra->session, NULL);
	}
	list_free(&extra->bag);
	list_free(&extra->slows);
	list_free(&extra->cooldowns);
	list_free(&extra->quests);
	list_free(&extra->owed);
	list_free(&extra->acted);
	free(extra);
}

/* place: where the name is, or where it belongs. */
static uint32_t place(const struct list *list, size_t item, const char *name, int *ret_there)
{
	uint32_t low = 0, high = list->len;

	*ret_there = 0;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp((const char *)list->items + middle * item, name);

		if (order == 0) {
			*ret_there = 1;
			return middle;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

void *named_find(const struct list *list, size_t item, const char *name)
{
	int there;
	uint32_t at = place(list, item, name, &there);

	return there ? (char *)list->items + at * item : NULL;
}

void *named_add(struct list *list, size_t item, uint32_t max, const char *name)
{
	int there;
	uint32_t at = place(list, item, name, &there);
	char *items;

	if (!there) {
		if (strlen(name) > NAME_MAX_WORD || list_add(list, item, max) == NULL) {
			return NULL;
		}
		items = list->items;
		memmove(items + (at + 1) * item, items + at * item, (list->len - 1 - at) * item);
		memset(items + at * item, 0, item);
		strcpy(items + at * item, name);
	}
	return (char *)list->items + at * item;
}

void named_remove(struct list *list, size_t item, const char *name)
{
	int there;
	uint32_t at = place(list, item, name, &there);
	char *items = list->items;

	if (there) {
		memmove(items + at * item, items + (at + 1) * item, (list->len - 1 - at) * item);
		list->len--;
	}
}
