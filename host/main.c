/* SPDX-License-Identifier: MIT */
/* The program: picks the command named on the command line. */
#include <stdio.h>
#include <string.h>

static void usage(FILE *out)
{
	fputs("usage: troupe COMMAND [ARGUMENT...]\n"
	      "       troupe --help | --version\n",
	      out);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("troupe " PACKAGE_VERSION);
		return 0;
	}
	fprintf(stderr, "troupe: unknown command '%s'; try: troupe --help\n", argv[1]);
	return 2;
}
