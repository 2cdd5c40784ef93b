/* SPDX-License-Identifier: MIT */
/* The part of the client that is written in Lua, embedded at build time. */
#ifndef CLIENT_SCRIPTS_H
#define CLIENT_SCRIPTS_H

#include <lua.h>

/* scripts_open: runs the files, in their order, after net_open and screen_open: each gets one table as its argument, in which they
 * hand to each other what users' scripts need not see. Their globals are player, view, prompt, begin, interactive, every, timed,
 * run_bot and clean. [main] */
void scripts_open(lua_State *L);

#endif
