-- SPDX-License-Identifier: MIT
local g = require "game"

g.monster "hare" {
	speed = 3,
	every = "100ms",
	state = { jumps = 0 },
	think = function(self)
		self.state.jumps = self.state.jumps + 1
		self:walk_to(self.x + g.random(-3, 3), self.y + g.random(-3, 3))
	end,
}

g.action "wave" {
	run = function(self)
		g.tell_all(self.name .. " waves")
		return "you wave"
	end,
}
