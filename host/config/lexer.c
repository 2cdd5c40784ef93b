/* SPDX-License-Identifier: MIT */
/* Where things stand in a Lua source: Lua's values carry no line, so messages look their place up here. */
#include "lexer.h"

#include <string.h>

#include "arena.h"

struct lex_state {
	const char *text;
	size_t len, at;
	uint32_t line;
	size_t line_start;
};

static bool lex_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static char lex_peek(const struct lex_state *state, size_t ahead)
{
	return state->at + ahead < state->len ? state->text[state->at + ahead] : '\0';
}

static void lex_advance(struct lex_state *state)
{
	if (state->text[state->at] == '\n') {
		state->line++;
		state->line_start = state->at + 1;
	}
	state->at++;
}

/* The level of a long bracket `[[`, `[=[` ... here, or -1. */
static int lex_long_level(const struct lex_state *state)
{
	size_t level = 0;

	if (lex_peek(state, 0) != '[') {
		return -1;
	}
	while (lex_peek(state, 1 + level) == '=') {
		level++;
	}
	return lex_peek(state, 1 + level) == '[' ? (int)level : -1;
}

static void lex_skip_long(struct lex_state *state, int level)
{
	for (int i = 0; i < level + 2; i++) {
		lex_advance(state);
	}
	while (state->at < state->len) {
		if (state->text[state->at] == ']') {
			int equals = 0;

			while (equals < level && lex_peek(state, 1 + (size_t)equals) == '=') {
				equals++;
			}
			if (equals == level && lex_peek(state, 1 + (size_t)level) == ']') {
				state->at += (size_t)level + 2;
				return;
			}
		}
		lex_advance(state);
	}
}

static void lex_skip_string(struct lex_state *state)
{
	char quote = state->text[state->at];

	lex_advance(state);
	while (state->at < state->len && state->text[state->at] != quote && state->text[state->at] != '\n') {
		if (state->text[state->at] == '\\' && state->at + 1 < state->len) {
			lex_advance(state);
		}
		lex_advance(state);
	}
	if (state->at < state->len && state->text[state->at] == quote) {
		state->at++;
	}
}

/* Spaces and comments. */
static void lex_skip_blank(struct lex_state *state)
{
	while (state->at < state->len) {
		char c = state->text[state->at];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v') {
			lex_advance(state);
		} else if (c == '-' && lex_peek(state, 1) == '-') {
			state->at += 2;
			int level = lex_long_level(state);

			if (level >= 0) {
				lex_skip_long(state, level);
			} else {
				while (state->at < state->len && state->text[state->at] != '\n') {
					state->at++;
				}
			}
		} else {
			return;
		}
	}
}

static bool lex_next(struct lex_state *state, struct lex_token *token)
{
	lex_skip_blank(state);
	if (state->at >= state->len) {
		return false;
	}
	char c = state->text[state->at];
	size_t start = state->at;

	token->line = state->line;
	token->column = (uint32_t)(state->at - state->line_start) + 1;
	if (c >= '0' && c <= '9') {
		token->kind = LEX_NUMBER;
		while (lex_name_byte(lex_peek(state, 0)) || lex_peek(state, 0) == '.') {
			state->at++;
		}
	} else if (lex_name_byte(c)) {
		token->kind = LEX_NAME;
		while (lex_name_byte(lex_peek(state, 0))) {
			state->at++;
		}
	} else if (c == '"' || c == '\'') {
		token->kind = LEX_STRING;
		lex_skip_string(state);
	} else if (lex_long_level(state) >= 0) {
		token->kind = LEX_STRING;
		lex_skip_long(state, lex_long_level(state));
	} else {
		token->kind = LEX_PUNCT;
		state->at += strchr("=~<>", c) != NULL && lex_peek(state, 1) == '=' ? 2 : 1;
	}
	token->start = (uint32_t)start;
	token->len = (uint32_t)(state->at - start);
	return true;
}

struct lex *lex_read(struct config_arena *arena, const char *text, size_t len)
{
	struct lex *lex = arena_alloc(arena, sizeof(*lex));
	struct lex_state state = { text, len, 0, 1, 0 };
	struct lex_token token, *tokens;
	uint32_t count = 0;

	while (lex_next(&state, &token)) {
		count++;
	}
	tokens = arena_alloc(arena, count * sizeof(*tokens));
	state = (struct lex_state){ text, len, 0, 1, 0 };
	for (uint32_t i = 0; i < count; i++) {
		lex_next(&state, &tokens[i]);
	}
	*lex = (struct lex){ text, len, tokens, count };
	return lex;
}

bool lex_is(const struct lex *lex, uint32_t token, const char *text)
{
	if (token >= lex->tokens_len) {
		return false;
	}
	const struct lex_token *t = &lex->tokens[token];
	const char *start = lex->text + t->start;
	size_t len = t->len;

	if (t->kind == LEX_STRING && len >= 2 && *start != '[') {
		start++;
		len -= 2;
	}
	return strlen(text) == len && memcmp(start, text, len) == 0;
}

static bool lex_punct(const struct lex *lex, uint32_t token, const char *text)
{
	return token < lex->tokens_len && lex->tokens[token].kind == LEX_PUNCT && lex_is(lex, token, text);
}

/* The depth change that a token makes. */
static int lex_nesting(const struct lex *lex, uint32_t token)
{
	if (lex_punct(lex, token, "{") || lex_punct(lex, token, "(") || lex_punct(lex, token, "[")) {
		return 1;
	}
	if (lex_punct(lex, token, "}") || lex_punct(lex, token, ")") || lex_punct(lex, token, "]")) {
		return -1;
	}
	return 0;
}

/* The token behind the bracket that closes the one at `token`. */
static uint32_t lex_behind(const struct lex *lex, uint32_t token)
{
	int depth = 0;

	do {
		depth += lex_nesting(lex, token++);
	} while (depth > 0 && token < lex->tokens_len);
	return token;
}

uint32_t lex_block(const struct lex *lex, const char *word, const char *name, uint32_t line, uint32_t *ret_word)
{
	uint32_t found = LEX_NONE;

	for (uint32_t i = 0; i + 1 < lex->tokens_len; i++) {
		if (lex->tokens[i].kind != LEX_NAME || !lex_is(lex, i, word) || lex->tokens[i].line > line) {
			continue;
		}
		uint32_t brace = i + 1;
		bool same = name == NULL;

		if (lex_punct(lex, brace, "(")) {
			/* word({ ... }), or word(expression) { ... } */
			same = same || lex_is(lex, brace + 1, name);
			brace = lex_punct(lex, brace + 1, "{") ? brace + 1 : lex_behind(lex, brace);
		} else if (lex->tokens[brace].kind == LEX_STRING) {
			if (name == NULL || !lex_is(lex, brace, name)) {
				continue;
			}
			same = true;
			brace++;
		} else if (name != NULL) {
			continue;
		}
		if (!lex_punct(lex, brace, "{") ||
		    (lex->tokens[i].line != line && lex->tokens[brace].line != line)) {
			continue;
		}
		if (found == LEX_NONE || same) {
			found = brace;
			*ret_word = i;
		}
		if (same) {
			break;
		}
	}
	return found;
}

bool lex_field_next(const struct lex *lex, uint32_t *cursor, struct lex_field *ret_field)
{
	uint32_t i = *cursor;

	while (lex_punct(lex, i, ",") || lex_punct(lex, i, ";")) {
		i++;
	}
	if (i >= lex->tokens_len || lex_punct(lex, i, "}")) {
		return false;
	}
	ret_field->key = LEX_NONE;
	if (lex->tokens[i].kind == LEX_NAME && lex_punct(lex, i + 1, "=")) {
		ret_field->key = i;
		i += 2;
	} else if (lex_punct(lex, i, "[") && lex_punct(lex, i + 2, "]") && lex_punct(lex, i + 3, "=")) {
		ret_field->key = i + 1;
		i += 4;
	}
	uint32_t start = i;

	while (i < lex->tokens_len && !lex_punct(lex, i, ",") && !lex_punct(lex, i, ";") &&
	       !lex_punct(lex, i, "}")) {
		i = lex_nesting(lex, i) > 0 ? lex_behind(lex, i) : i + 1;
	}
	ret_field->value = i > start ? start : LEX_NONE;
	ret_field->value_len = i - start;
	*cursor = i;
	return true;
}

uint32_t lex_word(const struct lex *lex, const char *word, uint32_t line)
{
	for (uint32_t i = 0; i < lex->tokens_len && lex->tokens[i].line <= line; i++) {
		if (lex->tokens[i].line == line && lex->tokens[i].kind == LEX_NAME && lex_is(lex, i, word)) {
			return i;
		}
	}
	return LEX_NONE;
}

const char *lex_line(const struct lex *lex, uint32_t line, size_t *ret_len)
{
	const char *p = lex->text, *end = lex->text + lex->text_len;

	for (uint32_t i = 1; i < line; i++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL) {
			return NULL;
		}
		p++;
	}
	const char *stop = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;

	*ret_len = (size_t)((stop != NULL ? stop : end) - p);
	return p;
}
