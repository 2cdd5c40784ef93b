/* SPDX-License-Identifier: MIT */
/*
 * Reads what lua_dump writes (Lua 5.4: ldump.c, lundump.c, lopcodes.h), to find the instructions that assign to a
 * variable of an outer function, and the lines with code. The manual does not promise the form, so the header is compared with that of 5.4 and
 * all reads are bounded.
 */
#include "prototype.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if LUA_VERSION_NUM != 504
#error "the numbers below are those of Lua 5.4"
#endif

#define OP_SETUPVAL 10	/* A B: UpValue[B] := R[A] */
#define OP_SETTABUP 15	/* A B C: UpValue[A][K[B]] := RK(C) */
#define ABSLINEINFO (-0x80) /* this instruction's line is in the other list */
#define NESTING_MAX 256 /* the compiler allows 200 */

static const char header[] = "\x1bLua\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08";

struct bytes {
	const unsigned char *at, *end;
	int bad;
};

/* A function while it is read, and those around it. */
struct prototype {
	const struct prototype *outer; /* NULL: what was dumped */
	const unsigned char *code, *upvalues, *constants;
	size_t code_len, upvalues_len, constants_len;
	int line, takes_more; /* takes_more: its first instruction sets up `...`, and is of no line */
};

struct search {
	struct bytes bytes;
	int nesting, of_closure;
	struct outer_write *found; /* NULL: a line is looked for */
	int wanted, next; /* the line, and the first from it on with code; 0 = none */
};

static const unsigned char *take(struct bytes *b, size_t n)
{
	const unsigned char *at = b->at;

	if (b->bad || (size_t)(b->end - at) < n) {
		b->bad = 1;
		return NULL;
	}
	b->at += n;
	return at;
}

static unsigned take_byte(struct bytes *b)
{
	const unsigned char *at = take(b, 1);

	return at != NULL ? *at : 0;
}

/* take_size: seven bits a byte, the highest first; the last byte has its top bit set */
static size_t take_size(struct bytes *b)
{
	size_t n = 0;
	unsigned byte;

	do {
		byte = take_byte(b);
		if (b->bad || n > (SIZE_MAX >> 8)) {
			b->bad = 1;
			return 0;
		}
		n = (n << 7) | (byte & 0x7f);
	} while ((byte & 0x80) == 0);
	return n;
}

/* take_count: of things with at least `each` bytes */
static size_t take_count(struct bytes *b, size_t each)
{
	size_t n = take_size(b);

	if (!b->bad && n > (size_t)(b->end - b->at) / each) {
		b->bad = 1;
	}
	return b->bad ? 0 : n;
}

static const unsigned char *take_string(struct bytes *b, size_t *ret_len)
{
	size_t n = take_size(b);

	*ret_len = n > 0 ? n - 1 : 0; /* 0 is no string at all */
	return take(b, *ret_len);
}

static void name_set(char *dst, size_t dst_len, const unsigned char *name, size_t len)
{
	len = len < dst_len ? len : dst_len - 1;
	if (name != NULL) {
		memcpy(dst, name, len);
	}
	dst[name != NULL ? len : 0] = '\0';
}

static void skip_constant(struct bytes *b)
{
	size_t len;

	switch (take_byte(b)) {
	case 0x03: /* integer */
	case 0x13: /* float */
		take(b, 8);
		break;
	case 0x04: /* short and long string */
	case 0x14:
		take_string(b, &len);
		break;
	case 0x00: /* nil, false, true */
	case 0x01:
	case 0x11:
		break;
	default:
		b->bad = 1;
	}
}

/* constant_name: the text of constant number n */
static void constant_name(const struct prototype *p, size_t n, char *dst, size_t dst_len)
{
	struct bytes b = { p->constants, p->constants + p->constants_len, 0 };
	size_t len = 0;
	const unsigned char *text;

	for (size_t i = 0; i < n; i++) {
		skip_constant(&b);
	}
	take(&b, 1);
	text = take_string(&b, &len);
	name_set(dst, dst_len, b.bad ? NULL : text, len);
}

/* is_outside: does upvalue n of the function live outside of the call that runs it or that made it? With a whole file:
 * in its main function; with a closure: in what it captured. */
static int is_outside(const struct search *search, const struct prototype *p, size_t n)
{
	for (; n < p->upvalues_len; p = p->outer) {
		if (p->outer == NULL) {
			return search->of_closure; /* else it is the main function's own: _ENV */
		}
		if (p->upvalues[3 * n] != 0) { /* instack: a local of the function around */
			return !search->of_closure && p->outer->outer == NULL;
		}
		n = p->upvalues[3 * n + 1];
	}
	return 0;
}

struct debug {
	const unsigned char *lines;
	size_t lines_len;
	struct bytes places; /* pairs of instruction and line, for the gaps in `lines` */
	struct bytes names;
	size_t names_len;
};

static void skip_pairs(struct bytes *b, int with_name)
{
	size_t len, n = take_count(b, 2);

	while (n-- > 0 && !b->bad) {
		if (with_name) {
			take_string(b, &len);
		}
		take_size(b);
		take_size(b);
	}
}

static void take_debug(struct bytes *b, struct debug *debug)
{
	size_t len;

	debug->lines_len = take_count(b, 1);
	debug->lines = take(b, debug->lines_len);
	debug->places = *b;
	skip_pairs(b, 0);
	skip_pairs(b, 1); /* names of locals */
	debug->names_len = take_count(b, 1);
	debug->names = *b;
	for (size_t i = 0; i < debug->names_len && !b->bad; i++) {
		take_string(b, &len);
	}
}

static int line_of(const struct prototype *p, const struct debug *debug, size_t instruction)
{
	struct bytes places = debug->places;
	int line = p->line;

	take_size(&places); /* how many */
	for (size_t i = 0; i <= instruction && i < debug->lines_len; i++) {
		int step = (signed char)debug->lines[i];

		if (step == ABSLINEINFO) {
			take_size(&places);
			line = (int)take_size(&places);
		} else {
			line += step;
		}
	}
	return line;
}

static void upvalue_name(const struct debug *debug, size_t n, char *dst, size_t dst_len)
{
	struct bytes names = debug->names;
	const unsigned char *name = NULL;
	size_t len = 0;

	for (size_t i = 0; i <= n && n < debug->names_len; i++) {
		name = take_string(&names, &len);
	}
	name_set(dst, dst_len, name, len);
}

/* search_code: the assignments of one function */
static void search_code(struct search *search, const struct prototype *p, const struct debug *debug)
{
	for (size_t i = 0; i < p->code_len; i++) {
		struct outer_write write = { .line = 0 };
		uint32_t code;

		memcpy(&code, p->code + 4 * i, sizeof(code));
		if ((code & 0x7f) == OP_SETUPVAL && is_outside(search, p, code >> 16 & 0xff)) {
			upvalue_name(debug, code >> 16 & 0xff, write.name, sizeof(write.name));
		} else if ((code & 0x7f) == OP_SETTABUP) {
			upvalue_name(debug, code >> 7 & 0xff, write.name, sizeof(write.name));
			write.global = strcmp(write.name, "_ENV") == 0;
			if (!write.global) {
				continue;
			}
			constant_name(p, code >> 16 & 0xff, write.name, sizeof(write.name));
		} else {
			continue;
		}
		write.line = line_of(p, debug, i);
		if (search->found->line == 0 || write.line < search->found->line) {
			*search->found = write;
		}
	}
}

/* search_lines: the lines of one function */
static void search_lines(struct search *search, const struct prototype *p, const struct debug *debug)
{
	struct bytes places = debug->places;
	int line = p->line;

	take_size(&places); /* how many */
	for (size_t i = 0; i < debug->lines_len; i++) {
		int step = (signed char)debug->lines[i];

		if (step == ABSLINEINFO) {
			take_size(&places);
			line = (int)take_size(&places);
		} else {
			line += step;
		}
		if ((i > 0 || !p->takes_more) && line >= search->wanted && (search->next == 0 || line < search->next)) {
			search->next = line;
		}
	}
}

static void search_function(struct search *search, const struct prototype *outer)
{
	struct bytes *b = &search->bytes;
	struct prototype p = { .outer = outer };
	struct debug debug;
	size_t n;

	if (++search->nesting > NESTING_MAX) {
		b->bad = 1;
		return;
	}
	take_string(b, &n); /* the file's name */
	p.line = (int)take_size(b);
	take_size(b); /* last line */
	take_byte(b); /* parameters */
	p.takes_more = take_byte(b) != 0;
	take_byte(b); /* registers */
	p.code_len = take_count(b, 4);
	p.code = take(b, 4 * p.code_len);
	n = take_count(b, 1);
	p.constants = b->at;
	while (n-- > 0 && !b->bad) {
		skip_constant(b);
	}
	p.constants_len = (size_t)(b->at - p.constants);
	p.upvalues_len = take_count(b, 3);
	p.upvalues = take(b, 3 * p.upvalues_len);
	n = take_count(b, 1);
	while (n-- > 0 && !b->bad) {
		search_function(search, &p);
	}
	take_debug(b, &debug);
	if (!b->bad && search->found != NULL) {
		search_code(search, &p, &debug);
	} else if (!b->bad) {
		search_lines(search, &p, &debug);
	}
	search->nesting--;
}

/* --- the compiled form ------------------------------------------------------------------------------ */

struct dump {
	unsigned char *bytes;
	size_t len, size;
};

static int dump_more(lua_State *L, const void *bytes, size_t len, void *arg)
{
	struct dump *dump = arg;

	(void)L;
	if (len > dump->size - dump->len) {
		size_t size = 2 * dump->size + len + 1024;
		unsigned char *grown = realloc(dump->bytes, size);

		if (grown == NULL) {
			return 1;
		}
		dump->bytes = grown;
		dump->size = size;
	}
	memcpy(dump->bytes + dump->len, bytes, len);
	dump->len += len;
	return 0;
}

static int search_top(lua_State *L, struct search *search)
{
	struct dump dump = { NULL, 0, 0 };
	int bad = lua_dump(L, dump_more, &dump, 0) != 0;

	search->bytes = (struct bytes){ dump.bytes, dump.bytes + dump.len, bad };
	if (!bad) {
		const unsigned char *start = take(&search->bytes, sizeof(header) - 1 + 16 + 1); /* two numbers; upvalues */

		search->bytes.bad |= start == NULL || memcmp(start, header, sizeof(header) - 1) != 0;
	}
	if (!search->bytes.bad) {
		search_function(search, NULL);
	}
	bad = search->bytes.bad || search->bytes.at != search->bytes.end;
	free(dump.bytes);
	return bad ? -1 : 0;
}

int prototype_writes_file(lua_State *L, struct outer_write *ret_write)
{
	memset(ret_write, 0, sizeof(*ret_write));
	return search_top(L, &(struct search){ .found = ret_write });
}

int prototype_writes_upvalue(lua_State *L, struct outer_write *ret_write)
{
	memset(ret_write, 0, sizeof(*ret_write));
	return search_top(L, &(struct search){ .of_closure = 1, .found = ret_write });
}

int prototype_line(lua_State *L, int line)
{
	struct search search = { .wanted = line };

	return search_top(L, &search) == 0 ? search.next : 0;
}
