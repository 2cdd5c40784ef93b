/* SPDX-License-Identifier: MIT */
/* One value of one option: type, unit, range, and how it is shown. */
#include "option_value.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "host/net/address.h"
#include "units.h"

const char *options_type(uint32_t type)
{
	static const char *const names[] = { "",	"true or false", "whole number", "duration", "size",
					     "string",	"path",		 "source file",	 "address",  "database",
					     "strings", "block",	 "map",		 "driver",   "secret" };

	return type < sizeof(names) / sizeof(names[0]) ? names[type]
	       : type == OPTIONS_LISTS		       ? "lists of strings"
	       : type == OPTIONS_PAIRS		       ? "names and strings"
						       : "";
}

uint32_t options_width(uint32_t type)
{
	switch (type) {
	case TROUPE_OPTION_LISTEN:
	case TROUPE_OPTION_STRINGS:
	case OPTIONS_LISTS:
	case OPTIONS_PAIRS:
		return sizeof(struct troupe_strings);
	case TROUPE_OPTION_MAP:
		return sizeof(struct troupe_map);
	case TROUPE_OPTION_BLOCK:
		return 0;
	default:
		return sizeof(int64_t);
	}
}

static const char *option_shown(struct config_arena *arena, uint32_t type, int64_t number)
{
	char buf[UNITS_TEXT_MAX];

	switch (type) {
	case TROUPE_OPTION_BOOL:
		return number ? "true" : "false";
	case TROUPE_OPTION_DURATION:
		return arena_print(arena, "%s", units_print_duration(number, buf));
	case TROUPE_OPTION_SIZE:
		return arena_print(arena, "%s", units_print_size(number, buf));
	default:
		return arena_print(arena, "%" PRId64, number);
	}
}

const char *options_range(struct config_arena *arena, const struct troupe_option *option)
{
	bool number = option->type == TROUPE_OPTION_INT || option->type == TROUPE_OPTION_DURATION ||
		      option->type == TROUPE_OPTION_SIZE;

	if (option->min == 0 && option->max == 0) {
		return "";
	}
	if (option->max == INT64_MAX) {
		return arena_print(arena, number ? "%s or more" : "%s bytes or more",
				   option_shown(arena, number ? option->type : 0, option->min));
	}
	return arena_print(arena, number ? "%s to %s" : "%s to %s bytes",
			   option_shown(arena, number ? option->type : 0, option->min),
			   option_shown(arena, number ? option->type : 0, option->max));
}

void option_origin(const struct options_in *in, const char *path, const char *shown, const char *origin)
{
	if (in->origins != NULL) {
		struct config_origin *entry = arena_alloc(in->arena, sizeof(*entry));

		*entry = (struct config_origin){ *in->origins, path, shown, origin };
		*in->origins = entry;
	}
}

void option_wrong(const struct options_in *in, const char *path, const struct value *value, const char *wanted)
{
	struct diag *diag = diag_add(in->diags, DIAG_ERROR, "C0123", "`%s` of %s is %s", path, in->what,
				     value_kind_name(value));

	place_show(in->diags, diag, &value->place);
	diag_label(in->diags, diag, "must be %s", wanted);
}

static void option_refuse(const struct options_in *in, const char *code, const char *path, const struct value *value,
			  const char *text, const char *label)
{
	struct diag *diag = diag_add(in->diags, DIAG_ERROR, code, "`%s` of %s: %s", path, in->what, text);

	place_show(in->diags, diag, &value->place);
	if (label != NULL) {
		diag_label(in->diags, diag, "%s", label);
	}
}

/* BOOL, INT, DURATION, SIZE. */
static void option_number(const struct options_in *in, const struct troupe_option *option, void *target,
			  const char *path, const struct value *value, const char *origin)
{
	bool text = value->kind == VALUE_TEXT;
	bool string = text || value->kind == VALUE_STRING;
	int64_t number = value->integer;
	int r = -EINVAL;
	const char *wanted = "a whole number";

	if (string && strlen(value->string) != value->len) {
		string = text = false;
	}
	switch (option->type) {
	case TROUPE_OPTION_BOOL:
		wanted = "true or false";
		r = value->kind == VALUE_BOOL ? 0 : -EINVAL;
		if (text && (strcmp(value->string, "true") == 0 || strcmp(value->string, "false") == 0)) {
			number = value->string[0] == 't';
			r = 0;
		}
		break;
	case TROUPE_OPTION_INT:
		/* The environment gives only strings. */
		r = value->kind == VALUE_INT					  ? 0
		    : text || (string && value->env != NULL) ? units_integer(value->string, &number)
								  : -EINVAL;
		break;
	case TROUPE_OPTION_DURATION:
		wanted = "a duration with its unit, such as \"50ms\", \"2s\", \"5m\", \"1h\" or \"7d\"";
		r = string ? units_duration(value->string, &number) : -EINVAL;
		break;
	default:
		wanted = "a size with its unit, such as \"64b\", \"64kb\", \"4mb\" or \"1gb\"";
		r = string ? units_size(value->string, &number) : -EINVAL;
		break;
	}
	if (r == -EINVAL) {
		bool unit = (option->type == TROUPE_OPTION_DURATION || option->type == TROUPE_OPTION_SIZE) &&
			    (value->kind == VALUE_INT || value->kind == VALUE_FLOAT || string);
		const char *shown = value->kind == VALUE_INT ? option_shown(in->arena, TROUPE_OPTION_INT, number)
							     : value->string;

		if (unit) {
			option_refuse(in, "C0124", path, value,
				      arena_print(in->arena, "`%s` has no unit that is known", shown),
				      arena_print(in->arena, "must be %s", wanted));
		} else if (string) {
			option_refuse(in, "C0123", path, value, arena_print(in->arena, "\"%s\" is a string", shown),
				      arena_print(in->arena, "must be %s", wanted));
		} else {
			option_wrong(in, path, value, wanted);
		}
		return;
	}
	if (r == -ERANGE || (option->type != TROUPE_OPTION_BOOL && (option->min != 0 || option->max != 0) &&
			     (number < option->min || number > option->max))) {
		option_refuse(in, "C0125", path, value,
			      r == -ERANGE ? "the number is too large"
					   : arena_print(in->arena, "%s is out of range",
							 option_shown(in->arena, option->type, number)),
			      option->min != 0 || option->max != 0
				      ? arena_print(in->arena, "must be %s", options_range(in->arena, option))
				      : NULL);
		return;
	}
	memcpy(target, &number, sizeof(number));
	option_origin(in, path, option_shown(in->arena, option->type, number), origin);
}

/* A string of a value, its length checked; NULL after reporting. */
static const char *option_string(const struct options_in *in, const struct troupe_option *option, const char *path,
				 const struct value *value, const char *wanted)
{
	if (value->kind == VALUE_BAD) {
		return NULL;
	}
	if (value->kind != VALUE_STRING && value->kind != VALUE_TEXT) {
		option_wrong(in, path, value, wanted);
		return NULL;
	}
	if (memchr(value->string, '\0', value->len) != NULL) {
		option_refuse(in, "C0123", path, value, "the string holds a zero byte", NULL);
		return NULL;
	}
	if ((option->min != 0 || option->max != 0) &&
	    ((int64_t)value->len < option->min || (int64_t)value->len > option->max)) {
		option_refuse(in, "C0125", path, value, arena_print(in->arena, "it has %zu bytes", value->len),
			      arena_print(in->arena, "must be %s", options_range(in->arena, option)));
		return NULL;
	}
	return value->string;
}

static const char *option_listen(const struct options_in *in, const char *path, const struct value *value,
				 const char *text)
{
	struct troupe_error error = { .size = sizeof(error) };
	struct net_address address;
	char buf[NET_ADDRESS_TEXT_MAX];

	if (net_address_parse(text, in->bind, &address, &error) != TROUPE_OK) {
		option_refuse(in, "C0126", path, value, arena_print(in->arena, "%s", error.text),
			      arena_print(in->arena, "%s", error.help));
		return NULL;
	}
	const char *full = arena_print(in->arena, "tcp://%s", net_address_format(&address.addr, buf));

	if (!address.loopback) {
		struct diag *diag = diag_add(in->diags, DIAG_ERROR, "C0127",
					     "`%s` of %s: %s can be reached from outside, and nothing encrypts it", path,
					     in->what, full);

		place_show(in->diags, diag, &value->place);
		diag_note(in->diags, diag, "passwords and tickets would cross the network in clear");
		diag_help(in->diags, diag,
			  "listen on loopback (tcp://127.0.0.1:%u) and put a TLS front such as HAProxy before it on this "
			  "machine",
			  (unsigned)address.port);
		return NULL;
	}
	if (in->listeners != NULL) {
		struct options_listener *listener = arena_alloc(in->arena, sizeof(*listener));

		*listener = (struct options_listener){ *in->listeners, full, value->place, in->owner };
		*in->listeners = listener;
	}
	return full;
}

/* Takes a string, a list of strings, or a text of them with commas between. */
static void option_strings(const struct options_in *in, const struct troupe_option *option, struct troupe_strings *target,
			   const char *path, const struct value *value, const char *origin)
{
	const char **items;
	const char *shown = "", *text;
	uint32_t len = 0;
	bool listen = option->type == TROUPE_OPTION_LISTEN;

	if (value->kind == VALUE_TABLE && value->items_len > OPTIONS_LIST_MAX) {
		option_refuse(in, "C0125", path, value, "the list is too long",
			      arena_print(in->arena, "at most %u strings", OPTIONS_LIST_MAX));
		return;
	}
	if (value->kind == VALUE_TABLE) {
		items = arena_alloc(in->arena, value->items_len * sizeof(*items));
		for (uint32_t i = 0; i < value->items_len; i++) {
			if (value->items[i].key != NULL) {
				option_wrong(in, path, &value->items[i], "an item without a name: this is a list");
				continue;
			}
			text = option_string(in, option, path, &value->items[i], "a string");
			text = text != NULL && listen ? option_listen(in, path, &value->items[i], text) : text;
			if (text != NULL) {
				items[len++] = text;
			}
		}
	} else if (value->kind == VALUE_TEXT) {
		const char *p = value->string;

		items = arena_alloc(in->arena, (value->len / 2 + 1) * sizeof(*items));
		while (*p != '\0') {
			size_t n = strcspn(p, ",");

			text = arena_copy(in->arena, p, n);
			text = listen ? option_listen(in, path, value, text) : text;
			if (text != NULL && n > 0 && len < OPTIONS_LIST_MAX) {
				items[len++] = text;
			}
			p += n + (p[n] == ',');
		}
	} else {
		text = option_string(in, option, path, value, "a string or a list of strings");
		text = text != NULL && listen ? option_listen(in, path, value, text) : text;
		if (text == NULL) {
			return;
		}
		items = arena_alloc(in->arena, sizeof(*items));
		items[len++] = text;
	}
	for (uint32_t i = 0; i < len; i++) {
		shown = arena_print(in->arena, "%s%s\"%s\"", shown, i > 0 ? ", " : "", items[i]);
	}
	*target = (struct troupe_strings){ len, 0, items };
	option_origin(in, path, arena_print(in->arena, "{ %s }", shown), origin);
}

static void option_lists(const struct options_in *in, const struct troupe_option *option, struct options_lists *target,
			 const char *path, const struct value *value, const char *origin)
{
	struct troupe_strings *lists;
	struct troupe_option inner = *option;
	struct options_in quiet = *in;

	if (value->kind != VALUE_TABLE) {
		option_wrong(in, path, value, "a list of lists, such as { {\"meadow/*\"}, {\"base/*\"} }");
		return;
	}
	inner.type = TROUPE_OPTION_STRINGS;
	quiet.origins = NULL;
	lists = arena_alloc(in->arena, value->items_len * sizeof(*lists));
	for (uint32_t i = 0; i < value->items_len; i++) {
		option_strings(&quiet, &inner, &lists[i], path, &value->items[i], origin);
	}
	*target = (struct options_lists){ value->items_len, 0, lists };
	option_origin(in, path, arena_print(in->arena, "%u lists", value->items_len), origin);
}

static void option_pairs(const struct options_in *in, const struct troupe_option *option, struct options_pairs *target,
			 const char *path, const struct value *value, const char *origin)
{
	struct options_pair *pairs;
	const char *shown = "";
	uint32_t len = 0;

	if (value->kind == VALUE_TEXT) {
		pairs = arena_alloc(in->arena, (value->len / 2 + 1) * sizeof(*pairs));
		for (const char *p = value->string; *p != '\0';) {
			size_t n = strcspn(p, ","), name = strcspn(p, "=,");

			if (name < n && len < OPTIONS_LIST_MAX) {
				pairs[len++] = (struct options_pair){ arena_copy(in->arena, p, name),
								      arena_copy(in->arena, p + name + 1, n - name - 1) };
			}
			p += n + (p[n] == ',');
		}
	} else if (value->kind == VALUE_TABLE && value->items_len <= OPTIONS_LIST_MAX) {
		pairs = arena_alloc(in->arena, value->items_len * sizeof(*pairs));
		for (uint32_t i = 0; i < value->items_len; i++) {
			const struct value *item = &value->items[i];
			const char *text = item->key != NULL ? option_string(in, option, path, item, "a string") : NULL;

			if (item->key == NULL) {
				option_wrong(in, path, item, "a table of `name = \"text\"`");
			} else if (text != NULL) {
				pairs[len++] = (struct options_pair){ item->key, text };
			}
		}
	} else {
		option_wrong(in, path, value, "a table of `name = \"text\"`");
		return;
	}
	for (uint32_t i = 0; i < len; i++) {
		shown = arena_print(in->arena, "%s%s%s = \"%s\"", shown, i > 0 ? ", " : "", pairs[i].name, pairs[i].value);
	}
	*target = (struct options_pairs){ len, 0, pairs };
	option_origin(in, path, arena_print(in->arena, "{ %s }", shown), origin);
}

static void option_secret(const struct options_in *in, const char **target, const char *path, const struct value *value,
			  const char *name, const char *origin)
{
	const struct value *secret = in->secrets != NULL ? value_find(in->secrets, name) : NULL;

	if (secret == NULL || secret->kind != VALUE_STRING || memchr(secret->string, '\0', secret->len) != NULL) {
		struct diag *diag = diag_add(in->diags, DIAG_ERROR, "C0128", "`%s` of %s: there is no secret `%s`", path,
					     in->what, name);

		place_show(in->diags, diag, &value->place);
		diag_help(in->diags, diag,
			  in->secrets != NULL
				  ? "add it to the secrets file: return { %s = \"...\" }"
				  : "name a file of mode 0600 in the cluster block (secrets = \"secrets.lua\") that says: "
				    "return { %s = \"...\" }",
			  name);
		return;
	}
	*target = secret->string;
	option_origin(in, path, arena_print(in->arena, "secret `%s` (not shown)", name), origin);
}

/* Leading "../" are taken off the folder, so that messages show where a file is and not how it was named. */
static const char *option_path(const struct options_in *in, const char *folder, const char *text)
{
	size_t len = strlen(folder);

	if (text[0] == '/' || text[0] == '\0') {
		return text;
	}
	while (strncmp(text, "../", 3) == 0 && len > 1) {
		while (len > 0 && folder[len - 1] != '/') {
			len--;
		}
		len -= len > 0;
		text += 3;
	}
	return arena_print(in->arena, "%.*s/%s", (int)len, folder, text);
}

void option_value(const struct options_in *in, const struct troupe_option *option, void *target, const char *path,
		  const struct value *value, const char *origin)
{
	const char *text;

	switch (option->type) {
	case TROUPE_OPTION_BOOL:
	case TROUPE_OPTION_INT:
	case TROUPE_OPTION_DURATION:
	case TROUPE_OPTION_SIZE:
		option_number(in, option, target, path, value, origin);
		return;
	case TROUPE_OPTION_LISTEN:
	case TROUPE_OPTION_STRINGS:
		option_strings(in, option, target, path, value, origin);
		return;
	case OPTIONS_LISTS:
		option_lists(in, option, target, path, value, origin);
		return;
	case OPTIONS_PAIRS:
		option_pairs(in, option, target, path, value, origin);
		return;
	default:
		break;
	}
	text = option_string(in, option, path, value, "a string");
	if (text == NULL) {
		return;
	}
	if (option->type == TROUPE_OPTION_SECRET) {
		option_secret(in, target, path, value, text, origin);
		return;
	}
	if (option->type == TROUPE_OPTION_PATH) {
		text = option_path(in, in->state, text);
	} else if (option->type == TROUPE_OPTION_SOURCE) {
		text = option_path(in, in->folder, text);
		if (in->sources != NULL && text[0] != '\0') {
			struct options_source *source = arena_alloc(in->arena, sizeof(*source));

			*source = (struct options_source){ *in->sources, text, value->place, in->owner };
			*in->sources = source;
		}
	} else if (option->type == TROUPE_OPTION_DATABASE && in->references != NULL && text[0] != '\0') {
		struct options_reference *reference = arena_alloc(in->arena, sizeof(*reference));

		*reference = (struct options_reference){ *in->references, path, text, value->place, in->owner };
		*in->references = reference;
	}
	memcpy(target, &text, sizeof(text));
	option_origin(in, path, arena_print(in->arena, "\"%s\"", text), origin);
}
