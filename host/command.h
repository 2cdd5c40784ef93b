/* SPDX-License-Identifier: MIT */
/* The table of commands, and what commands share. */
#ifndef HOST_COMMAND_H
#define HOST_COMMAND_H

/* Exit codes, the same for every command. Signals end with 128 + their number. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,	       /* wrong usage */
	EXIT_INVALID = 3,      /* configuration or script invalid */
	EXIT_UNREACHABLE = 4,  /* the host cannot be reached */
	EXIT_NOT_ALLOWED = 5,
	EXIT_PRECONDITION = 6, /* the plan is stale */
	EXIT_PARTLY = 7,       /* partly done, a list follows */
	EXIT_CHANGES = 10      /* plan: there are changes */
};

/* A command of the program. The table ends with an entry without name. */
struct command {
	const char *name;    /* "check"; or two words, "script test", of which plugins may have others with the first */
	const char *summary; /* one line for `troupe help` */
	const char *usage;   /* what --help prints: at most 24 lines, examples first. NULL = the command prints its own */
	int (*run)(int argc, char **argv); /* argv[0] is the name; returns an exit code */
	int hidden;	     /* 1 = not listed */
};

/* commands is the table: one line for each command in command.c. */
extern const struct command commands[];

/*
 * command_option takes --NAME VALUE or --NAME=VALUE at argv[*at] and moves *at past it. Returns 1 and *ret_value, 0
 * if argv[*at] is something else, -1 after printing that the value is missing.
 */
int command_option(int argc, char **argv, int *at, const char *name, const char **ret_value);
/* command_unknown prints that `command` has no option or argument `word`, with the nearest of `known` (ends with
 * NULL), and returns EXIT_USAGE. */
int command_unknown(const char *command, const char *word, const char *const *known);

/* command_not_found prints that there is no such command, nor a host to ask for it, with the nearest there is, and returns
 * EXIT_USAGE. */
int command_not_found(const char *word);

#endif
