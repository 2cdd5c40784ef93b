/* SPDX-License-Identifier: MIT */
/* What a configuration file says, as a tree of values that know where they stand. */
#include "value.h"

#include <string.h>

void place_show(struct diag_list *diags, struct diag *diag, const struct place *place)
{
	uint32_t line = place->line, column = 0, width = 0;
	const char *source = NULL;
	size_t source_len = 0;

	if (place->lex != NULL) {
		if (place->token != LEX_NONE && place->token < place->lex->tokens_len) {
			const struct lex_token *first = &place->lex->tokens[place->token], *last = first;

			for (uint32_t i = 1; i < place->tokens && place->token + i < place->lex->tokens_len; i++) {
				const struct lex_token *next = &place->lex->tokens[place->token + i];

				last = next->line == first->line ? next : last;
			}
			line = first->line;
			column = first->column;
			width = last->start + last->len - first->start;
		}
		source = line > 0 ? lex_line(place->lex, line, &source_len) : NULL;
	}
	diag_at(diags, diag, place->file, line, column, width, source, source_len);
}

const struct value *value_find(const struct value *table, const char *key)
{
	for (uint32_t i = 0; i < table->items_len; i++) {
		if (table->items[i].key != NULL && strcmp(table->items[i].key, key) == 0) {
			return &table->items[i];
		}
	}
	return NULL;
}

const char *value_kind_name(const struct value *value)
{
	switch (value->kind) {
	case VALUE_BOOL:
		return value->integer ? "true" : "false";
	case VALUE_INT:
		return "a whole number";
	case VALUE_FLOAT:
		return "a number";
	case VALUE_STRING:
	case VALUE_TEXT:
		return "a string";
	case VALUE_TABLE:
		return "a table";
	case VALUE_OTHER:
		return value->string;
	default:
		return "nothing";
	}
}
