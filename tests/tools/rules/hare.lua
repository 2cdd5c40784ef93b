-- SPDX-License-Identifier: MIT
local g = require "game"

g.monster "hare" {
	speed = 3,
	every = "100ms",
	state = { jumps = 0 },
	think = function(self, w)
		self.state.jumps = self.state.jumps + 1
		self:walk_to(w:spot_near(self.pos, 3, self.rng))
	end,
}

g.action "wave" {
	run = function(self)
		g.tell_all(self.name .. " waves")
		return "you wave"
	end,
}
