-- SPDX-License-Identifier: MIT
-- Lesson 4: creatures with a mind of their own.
--
-- g.monster "name" { ... } describes a kind. The world keeps `count` of them alive, around `home`. A description may
-- hold any functions; `think` is called again and again, `on_spawn` once.

local g = require "game"

g.monster "rabbit" {
	count = 6,
	hp = 5,
	speed = 3, -- a second; players walk 4
	every = "250ms", -- from one think to the next
	home = { x = 0, y = 0, radius = 24 },

	-- All that a rabbit remembers. It survives a change of this file.
	state = { hops = 0, scared = false },

	-- A timer names a method, so that after a change it calls the new one.
	on_spawn = function(self)
		self:every("4s", "wander")
	end,

	wander = function(self, w)
		if self.state.scared or self.walking then
			return
		end
		self.state.hops = self.state.hops + 1
		self:walk_to(w:spot_near(self.pos, 6, self.rng))
	end,

	think = function(self, w)
		local player = w:nearest("player", self.pos, 5)
		if not player then
			self.state.scared = false
			return
		end
		if not self.state.scared then
			self.state.scared = true
			self:say("*pricks up its ears*")
		end
		-- away from the player: to whichever of two places is farther off
		local a, b = w:spot_near(self.pos, 8, self.rng), w:spot_near(self.pos, 8, self.rng)
		self:walk_to(player:distance(a) > player:distance(b) and a or b)
	end,
}

g.monster "butterfly" {
	count = 4,
	speed = 2,
	home = { x = 10, y = 10, radius = 16 },
	on_spawn = function(self)
		self:every("1s", "flutter")
	end,
	flutter = function(self, w)
		self:walk_to(w:spot_near(self.pos, 2, self.rng))
	end,
}
