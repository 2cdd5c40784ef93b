/* SPDX-License-Identifier: MIT */
/* Places where tests end or stop this process, and mistakes that they plant. A product holds nothing of it. */
#ifndef LIB_STRIKE_STRIKE_H
#define LIB_STRIKE_STRIKE_H

/*
 * STRIKE("journal.written") stands right behind, or before, what it is named after. MUTANT("name") is 1 where the mistake
 * of that name is planted. Both mean something only in the plugins of tests/strike, which are built with TROUPE_STRIKE;
 * there is how a test asks for them, and docs/explain/world.md lists the points.
 */
#ifdef TROUPE_STRIKE
/* strike: ends the process here if that is asked for. strike_mutant: 1 = this mistake is planted. [any] */
void strike(const char *point);
int strike_mutant(const char *name);
#define STRIKE(point) strike(point)
#define MUTANT(name) strike_mutant(name)
#else
#define STRIKE(point) ((void)0)
#ifndef MUTANT
#define MUTANT(name) 0
#endif
#endif

#endif
