-- SPDX-License-Identifier: MIT
-- Lesson 4: creatures with a mind of their own.
--
-- g.monster "name" { ... } describes a kind. The world keeps `count` of them alive, around `home`. A description may
-- hold any functions; `think` is called again and again, `on_spawn` once.

local g = require "game"

g.monster "rabbit" {
	count = 6,
	speed = 3, -- a second; players walk 4
	every = "250ms", -- from one think to the next
	home = { x = 0, y = 0, radius = 24 },

	-- All that a rabbit remembers. It survives a change of this file.
	state = { hops = 0, scared = false },

	-- A timer names a method, so that after a change it calls the new one.
	on_spawn = function(self)
		self:every("4s", "wander")
	end,

	wander = function(self)
		if self.state.scared or self.walking then
			return
		end
		local x, y = self:pos()
		self.state.hops = self.state.hops + 1
		self:walk_to(x + g.random(-6, 6), y + g.random(-6, 6))
	end,

	think = function(self)
		local player = self:nearest("avatar", 5)
		if not player then
			self.state.scared = false
			return
		end
		if not self.state.scared then
			self.state.scared = true
			self:say("*pricks up its ears*")
		end
		-- away from the player: as far again on the other side
		local x, y = self:pos()
		local px, py = player:pos()
		self:walk_to(x + (x - px) * 2, y + (y - py) * 2)
	end,
}

g.monster "butterfly" {
	count = 4,
	speed = 2,
	home = { x = 10, y = 10, radius = 16 },
	on_spawn = function(self)
		self:every("1s", "flutter")
	end,
	flutter = function(self)
		local x, y = self:pos()
		self:walk_to(x + g.random(-2, 2), y + g.random(-2, 2))
	end,
}
