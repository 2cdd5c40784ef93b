/* SPDX-License-Identifier: MIT */
#include "crowd.h"

const char crowd_rules[] =
	"local g = require 'game'\n"
	"g.monster 'rabbit' { hp = 5, speed = 3, every = '250ms', state = { hops = 0, scared = false },\n"
	"  on_spawn = function(self) self:every('4s', 'wander') end,\n"
	"  wander = function(self, w) if self.state.scared or self.walking then return end\n"
	"    self.state.hops = self.state.hops + 1 self:walk_to(w:spot_near(self.pos, 6, self.rng)) end,\n"
	"  think = function(self, w) local player = w:nearest('player', self.pos, 5)\n"
	"    if not player then self.state.scared = false return end\n"
	"    self.state.scared = true end }\n";

double crowd_share(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (double)(*seed >> 8) / 16777216.0;
}
