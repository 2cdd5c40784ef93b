/* SPDX-License-Identifier: MIT */
/* What the map in the terminal needs of C. */
#ifndef CLIENT_SCREEN_H
#define CLIENT_SCREEN_H

#include <lua.h>

/*
 * screen_open adds to the table `net`:
 *   net.screen(on)    takes the terminal over, or gives it back; false if there is none
 *   net.size()        its columns and rows
 *   net.sections(bytes, unpacked_len)  ChunkData.sections as a list of { kinds, cells }; nil if they cannot be read
 * and the functions of view.lua.
 */
void screen_open(lua_State *L);

#endif
