/* SPDX-License-Identifier: MIT */
/* The one validator of option tables: walks tables and blocks. Single values are in option_value.c. */
#include "options.h"

#include <string.h>

#include "option_value.h"
#include "words.h"

const struct troupe_option *options_next(const struct troupe_option *table, uint32_t stride,
					 const struct troupe_option *option)
{
	if (table == NULL) {
		return NULL;
	}
	option = option == NULL ? table : (const void *)((const char *)option + stride);
	return option->name != NULL ? option : NULL;
}

static const struct troupe_option *options_find(const struct options_layer *layers, uint32_t layers_len, const char *key)
{
	for (uint32_t i = 0; i < layers_len; i++) {
		const struct troupe_option *option = NULL;

		while ((option = options_next(layers[i].table, layers[i].stride, option)) != NULL) {
			if (strcmp(option->name, key) == 0) {
				return option;
			}
		}
	}
	return NULL;
}

static void options_unknown(const struct options_in *in, const struct options_layer *layers, uint32_t layers_len,
			    const char *path, const struct value *item)
{
	struct words words;
	uint32_t known = 0;
	const struct troupe_option *option;
	struct diag *diag;

	if (item->key == NULL) {
		diag = diag_add(in->diags, DIAG_ERROR, "C0121", "%s%s%s takes `name = value`, not a list", in->what,
				path[0] != '\0' ? " " : "", path);
		place_show(in->diags, diag, &item->place);
		return;
	}
	words_begin(&words, item->key);
	for (uint32_t i = 0; i < layers_len; i++) {
		for (option = NULL; (option = options_next(layers[i].table, layers[i].stride, option)) != NULL; known++) {
			words_offer(&words, option->name);
		}
	}
	diag = diag_add(in->diags, DIAG_ERROR, "C0103", "unknown option `%s` of %s%s%s", item->key, in->what,
			path[0] != '\0' ? " " : "", path);
	place_show(in->diags, diag, &item->key_place);
	if (words.best != NULL) {
		diag_label(in->diags, diag, "did you mean `%s`?", words.best);
	} else if (known == 0) {
		diag_label(in->diags, diag, "it has no options");
	}
}

static void options_level(const struct options_in *in, const struct options_layer *layers, uint32_t layers_len,
			  const char *path, const struct value *table, bool given);

/* name = { ... }, any number of them: an array of structs whose first member is the name. */
static void options_map(const struct options_in *in, const struct troupe_option *option, uint32_t stride, void *target,
			const char *path, const struct value *value)
{
	struct troupe_map *map = target;
	unsigned char *items;
	uint32_t len = value->kind == VALUE_TABLE ? value->items_len : 0;

	if (option->item_size < sizeof(char *)) {
		return;
	}
	items = arena_alloc(in->arena, (size_t)len * option->item_size);
	for (uint32_t i = 0; i < len; i++) {
		const struct value *item = &value->items[i];
		struct options_layer layer = { option->fields, stride, items + (size_t)i * option->item_size };
		const char *name = item->key != NULL ? item->key : "";

		if (item->key == NULL || item->kind != VALUE_TABLE) {
			if (item->kind != VALUE_BAD) {
				option_wrong(in, path, item, "a table of `name = { ... }`");
			}
			continue;
		}
		memcpy(layer.base, &name, sizeof(name));
		options_level(in, &layer, 1, arena_print(in->arena, "%s.%s", path, name), item, true);
	}
	*map = (struct troupe_map){ len, option->item_size, items };
}

static const char *options_set_find(const struct options_in *in, const char *path)
{
	const char *value = NULL;

	/* The last one counts. */
	for (uint32_t i = 0; i < in->sets_len; i++) {
		if (strcmp(in->sets[i].option, path) == 0) {
			in->sets[i].used = 1;
			value = in->sets[i].value;
		}
	}
	return value;
}

/* A single value: from --set, the block, or the default. */
static void options_leaf(const struct options_in *in, const struct troupe_option *option, void *target,
			 const char *path, const struct value *table, const struct value *item, bool given)
{
	const char *set = options_set_find(in, path);
	struct value text = { .kind = VALUE_TEXT, .place = table->place, .key_place = table->place };

	if (set != NULL) {
		text.string = set;
		text.len = strlen(set);
		text.place = text.key_place = (struct place){ 0 };
		option_value(in, option, target, path, &text, "command line");
	} else if (item != NULL) {
		if (item->kind != VALUE_BAD) {
			const char *origin = item->env != NULL
						     ? arena_print(in->arena, "environment %s", item->env)
					     : item->place.file != NULL
						     ? arena_print(in->arena, "%s:%u", item->place.file, item->place.line)
						     : "command line";

			option_value(in, option, target, path, item, origin);
		}
	} else if ((option->flags & TROUPE_OPTION_REQUIRED) != 0) {
		struct diag *diag;

		if (!given) {
			return;
		}
		diag = diag_add(in->diags, DIAG_ERROR, "C0122", "%s needs `%s`", in->what, path);
		place_show(in->diags, diag, &table->place);
		diag_help(in->diags, diag, "%s: %s", option->name, option->help != NULL ? option->help : "");
	} else if (option->fallback != NULL) {
		text.string = option->fallback;
		text.len = strlen(option->fallback);
		option_value(in, option, target, path, &text, "default");
	} else {
		option_origin(in, path, option->type == TROUPE_OPTION_BOOL ? "false" : "", "default");
	}
}

/* One table of options, or several that share a block. `given` = the block stands in the file. */
static void options_level(const struct options_in *in, const struct options_layer *layers, uint32_t layers_len,
			  const char *path, const struct value *table, bool given)
{
	static const struct value empty = { .kind = VALUE_TABLE };

	for (uint32_t i = 0; i < table->items_len; i++) {
		const struct value *item = &table->items[i];

		if (!in->unknown_ok &&
		    (item->key == NULL || options_find(layers, layers_len, item->key) == NULL)) {
			options_unknown(in, layers, layers_len, path, item);
		}
	}
	for (uint32_t i = 0; i < layers_len; i++) {
		const struct troupe_option *option = NULL;

		while ((option = options_next(layers[i].table, layers[i].stride, option)) != NULL) {
			const struct value *item = value_find(table, option->name);
			unsigned char *target = layers[i].base + option->offset;
			const char *inner = path[0] == '\0' ? option->name
							    : arena_print(in->arena, "%s.%s", path, option->name);

			if (option->type != TROUPE_OPTION_BLOCK && option->type != TROUPE_OPTION_MAP) {
				options_leaf(in, option, target, inner, table, item, given);
				continue;
			}
			if (item != NULL && item->kind == VALUE_BAD) {
				continue;
			}
			if (item != NULL && item->kind != VALUE_TABLE) {
				option_wrong(in, inner, item, "a table");
				continue;
			}
			if (item == NULL && given && (option->flags & TROUPE_OPTION_REQUIRED) != 0) {
				options_leaf(in, option, target, inner, table, NULL, given);
			}
			if (option->type == TROUPE_OPTION_MAP) {
				options_map(in, option, layers[i].stride, target, inner, item != NULL ? item : &empty);
			} else {
				struct options_layer layer = { option->fields, layers[i].stride, target };

				options_level(in, &layer, 1, inner, item != NULL ? item : &empty, item != NULL);
			}
		}
	}
}

void options_fill(const struct options_in *in, const struct value *block)
{
	options_level(in, in->layers, in->layers_len, "", block, true);
}

/* Whether `--name` alone means true: the option is a truth, and the next word is not its value. */
static bool options_alone(const struct troupe_option *table, uint32_t stride, const char *name, const char *next)
{
	const struct troupe_option *option = NULL;

	while ((option = options_next(table, stride, option)) != NULL && strcmp(option->name, name) != 0) {
	}
	return option != NULL && option->type == TROUPE_OPTION_BOOL &&
	       (next == NULL || (strcmp(next, "true") != 0 && strcmp(next, "false") != 0));
}

/* The n-th option of a table that no --name has given. */
static const struct troupe_option *options_free_slot(const struct troupe_option *table, uint32_t stride,
						     const struct value *given)
{
	const struct troupe_option *option = NULL;

	while ((option = options_next(table, stride, option)) != NULL && value_find(given, option->name) != NULL) {
	}
	return option;
}

void *options_words(struct config_arena *arena, struct diag_list *diags, const char *what,
		    const struct troupe_option *table, uint32_t stride, uint32_t size, int argc, char *const *argv)
{
	uint32_t before = diag_count(diags, DIAG_ERROR);
	struct value block = { .kind = VALUE_TABLE };
	struct options_in in = { .arena = arena, .diags = diags, .what = what, .state = "", .folder = "",
				 .bind = "127.0.0.1", .layers_len = 1 };

	in.layers[0] = (struct options_layer){ table, stride, arena_alloc(arena, size) };
	block.items = arena_alloc(arena, ((size_t)argc + 1) * sizeof(*block.items));
	for (int i = 0; i < argc; i++) {
		struct value *item = &block.items[block.items_len];
		const char *text = argv[i], *equals = strchr(text, '=');

		item->kind = VALUE_TEXT;
		if (strncmp(text, "--", 2) == 0 && text[2] != '\0') {
			size_t len = equals != NULL ? (size_t)(equals - text) - 2 : strlen(text + 2);

			item->key = arena_copy(arena, text + 2, len);
			if (equals == NULL && options_alone(table, stride, item->key, i + 1 < argc ? argv[i + 1] : NULL)) {
				item->string = "true";
			} else {
				item->string = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : "";
			}
		} else {
			const struct troupe_option *option = options_free_slot(table, stride, &block);

			if (option == NULL) {
				diag_add(diags, DIAG_ERROR, "C0140", "%s takes no more arguments: `%s`", what, text);
				continue;
			}
			item->key = option->name;
			item->string = text;
		}
		item->len = strlen(item->string);
		block.items_len++;
	}
	options_fill(&in, &block);
	return diag_count(diags, DIAG_ERROR) == before ? in.layers[0].base : NULL;
}

static bool options_strings_same(const struct troupe_strings *a, const struct troupe_strings *b)
{
	bool same = a->count == b->count;

	for (uint32_t i = 0; same && i < a->count; i++) {
		same = strcmp(a->items[i], b->items[i]) == 0;
	}
	return same;
}

static bool options_value_same(const struct troupe_option *option, uint32_t stride, const void *a, const void *b)
{
	const struct troupe_map *x = a, *y = b;
	const char *live = NULL, *restart = NULL;
	const char *s, *t;

	switch (option->type) {
	case TROUPE_OPTION_BOOL:
	case TROUPE_OPTION_INT:
	case TROUPE_OPTION_DURATION:
	case TROUPE_OPTION_SIZE:
		return memcmp(a, b, sizeof(int64_t)) == 0;
	case TROUPE_OPTION_LISTEN:
	case TROUPE_OPTION_STRINGS:
		return options_strings_same(a, b);
	case TROUPE_OPTION_MAP:
		for (uint32_t i = 0; x->count == y->count && i < x->count && live == NULL && restart == NULL; i++) {
			const char *p = (const char *)x->items + (size_t)i * x->item_size;
			const char *q = (const char *)y->items + (size_t)i * y->item_size;

			memcpy(&s, p, sizeof(s));
			memcpy(&t, q, sizeof(t));
			if (strcmp(s, t) != 0) {
				return false;
			}
			options_compare(option->fields, stride, p, q, &live, &restart);
		}
		return x->count == y->count && live == NULL && restart == NULL;
	default:
		memcpy(&s, a, sizeof(s));
		memcpy(&t, b, sizeof(t));
		return s == t || (s != NULL && t != NULL && strcmp(s, t) == 0);
	}
}

void options_compare(const struct troupe_option *table, uint32_t stride, const void *a, const void *b,
		     const char **ret_live, const char **ret_restart)
{
	const struct troupe_option *option = NULL;

	while ((option = options_next(table, stride, option)) != NULL) {
		const char *x = (const char *)a + option->offset, *y = (const char *)b + option->offset;

		if (option->type == TROUPE_OPTION_BLOCK && (option->flags & TROUPE_OPTION_LIVE) == 0) {
			options_compare(option->fields, stride, x, y, ret_live, ret_restart);
			continue;
		}
		const char *live = NULL, *restart = NULL;

		if (option->type == TROUPE_OPTION_BLOCK) {
			options_compare(option->fields, stride, x, y, &live, &restart);
			if (live == NULL && restart == NULL) {
				continue;
			}
		} else if (options_value_same(option, stride, x, y)) {
			continue;
		}
		const char **ret = (option->flags & TROUPE_OPTION_LIVE) != 0 ? ret_live : ret_restart;

		*ret = *ret != NULL ? *ret : option->name;
	}
}
