/* SPDX-License-Identifier: MIT */
/* The terminal as a screen: raw keys, and its own page, which are given back however the program ends. */
#ifndef CLIENT_TERMINAL_H
#define CLIENT_TERMINAL_H

#include <stddef.h>

/* terminal_open: standard input gives keys as they are pressed, standard output shows a page of its own. 0, or -1 if one of
 * them is no terminal. terminal_close gives both back; it may be called twice. terminal_is_open: 1 between them. */
int terminal_open(void);
void terminal_close(void);
int terminal_is_open(void);

/* terminal_size: columns and rows, 80 x 24 when nobody knows. */
void terminal_size(unsigned *ret_columns, unsigned *ret_rows);

/* terminal_secret: asks for a line that is not shown; without a terminal it is the next line of standard input. 0, or -1 if
 * there is none or it is longer than `size` - 1. */
int terminal_secret(const char *question, char *ret_line, size_t size);

#endif
