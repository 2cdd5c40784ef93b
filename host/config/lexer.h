/* SPDX-License-Identifier: MIT */
/* Where things stand in a Lua source: Lua's values carry no line, so messages look their place up here. */
#ifndef HOST_CONFIG_LEXER_H
#define HOST_CONFIG_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEX_NONE UINT32_MAX

struct config_arena;

enum lex_kind { LEX_NAME = 1, LEX_STRING, LEX_NUMBER, LEX_PUNCT };

/* One token; comments and spaces are left out. */
struct lex_token {
	enum lex_kind kind;
	uint32_t start, len;   /* bytes in the text, with quotes */
	uint32_t line, column; /* from 1; the column in bytes */
};

/* A text and its tokens; tokens are numbered from 0. Lives as long as its arena and its text. */
struct lex {
	const char *text;
	size_t text_len;
	const struct lex_token *tokens;
	uint32_t tokens_len;
};

/* A field of a table constructor. */
struct lex_field {
	uint32_t key;		 /* the token of its key; LEX_NONE for a list item */
	uint32_t value;		 /* the first token of its value, LEX_NONE if there is none */
	uint32_t value_len;	 /* how many tokens the value has */
};

/* lex_read splits a text into tokens (Lua 5.4 reference manual, 3.1). Any bytes are taken. */
struct lex *lex_read(struct config_arena *arena, const char *text, size_t len);
/*
 * lex_block finds the block `word {`, `word "name" {` or `word(...) {` whose word or brace stands on `line`, and
 * returns its `{` with *ret_word the word's token; LEX_NONE if it is not found. name NULL = none.
 */
uint32_t lex_block(const struct lex *lex, const char *word, const char *name, uint32_t line, uint32_t *ret_word);
/* lex_field_next steps through the fields behind the `{` at *cursor at first; false after the last. */
bool lex_field_next(const struct lex *lex, uint32_t *cursor, struct lex_field *ret_field);
/* lex_word returns the first token of `line` that is the name `word`, or LEX_NONE. */
uint32_t lex_word(const struct lex *lex, const char *word, uint32_t line);
/* lex_is tells whether a token's text is `text`; for a string token, whether its contents are (no escapes). */
bool lex_is(const struct lex *lex, uint32_t token, const char *text);
/* lex_line returns a line's start and its length without the newline; NULL past the end. */
const char *lex_line(const struct lex *lex, uint32_t line, size_t *ret_len);

#endif
