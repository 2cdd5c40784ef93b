-- SPDX-License-Identifier: MIT
-- Lesson 8: a monster that hunts. It sees you, comes closer, and slams; and it remembers that you hurt it.

local g = require "game"

g.monster "slime" {
	count = 6,
	hp = 12,
	speed = 2.5, -- you walk 4: you can run away
	sight = 10,
	every = "250ms",
	home = { x = 30, y = 0, radius = 24 },
	loot = { gel = { 1, 3 } },
	state = { angry = false },

	on_spawn = function(self)
		self:every("3s", "wander")
	end,

	wander = function(self, w)
		if not self.target and not self.walking then self:walk_to(w:spot_near(self.pos, 6, self.rng)) end
	end,

	-- A wish each time: whom it sees now it follows now.
	think = function(self, w)
		self.target = w:nearest("player", self.pos, self.state.angry and 16 or self.sight)
		if not self.target then
			self.state.angry = false
		elseif self:in_reach(self.target, 2) then
			self:cast("slam", self.target)
		else
			self:chase(self.target)
		end
	end,

	on_hurt = function(self, w, hit)
		if not self.state.angry then self:say("BLUB!") end
		self.state.angry = true
	end,
}

-- A skill says when it may be used; `apply` what it does. Its user waits for the cooldown by itself.
g.skill "slam" {
	cooldown = "2s",
	cast_time = "400ms", -- time to step back
	range = 2.5,
	apply = function(w, by, to)
		to:hurt { amount = by.rng:int(2, 5), kind = "blunt", by = by }
	end,
}
