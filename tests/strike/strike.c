/* SPDX-License-Identifier: MIT */
/* Kills that are placed: a file names the point of the program at which this process is to die, and its how-manyth passing. */
#include "plugins/lib/strike/strike.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * TROUPE_STRIKE names the file; it may come and go while the process runs. It holds one line, "POINT N kill" or
 * "POINT N stop": at the Nth passing of the point, counted from when the file was there, the process gets SIGKILL or
 * SIGSTOP. Right before it the file is renamed to NAME.struck, so the test knows where it died. TROUPE_MUTANT names the
 * mistake that is planted.
 */

#define TEXT_LEN 64

static char armed[TEXT_LEN]; /* the line that is counted for */
static unsigned passed;

void strike(const char *point)
{
	const char *path = getenv("TROUPE_STRIKE");
	char line[TEXT_LEN] = "", name[TEXT_LEN], how[TEXT_LEN], struck[512];
	FILE *file = path != NULL ? fopen(path, "r") : NULL;
	unsigned wanted;

	if (file == NULL) {
		return;
	}
	(void)!fgets(line, sizeof(line), file);
	fclose(file);
	if (sscanf(line, "%63s %u %63s", name, &wanted, how) != 3 || strcmp(name, point) != 0) {
		return;
	}
	if (strcmp(line, armed) != 0) {
		memcpy(armed, line, sizeof(armed));
		passed = 0;
	}
	if (++passed < wanted) {
		return;
	}
	armed[0] = '\0';
	snprintf(struck, sizeof(struck), "%s.struck", path);
	if (rename(path, struck) == 0) {
		raise(strcmp(how, "stop") == 0 ? SIGSTOP : SIGKILL);
	}
}

int strike_mutant(const char *name)
{
	const char *planted = getenv("TROUPE_MUTANT");

	return planted != NULL && strcmp(planted, name) == 0;
}
