-- SPDX-License-Identifier: MIT
-- Lesson 9: a monster with other habits. It comes with the night, hits from a distance, and keeps away from who comes close.

local g = require "game"

local function dark()
	return g.daylight() < 0.4
end

-- lit: a torch keeps shades off.
local function lit(w, at)
	for spot in w:sphere(at, 3) do
		if w:block(spot).name == "torch" then return true end
	end
	return false
end

g.monster "shade" {
	count = 4,
	hp = 8,
	speed = 4.5, -- faster than you
	sight = 14,
	every = "500ms",
	home = { x = -30, y = -20, radius = 24 },
	loot = { shadow = { 0, 2 }, coal = { 0, 1 } },

	think = function(self, w)
		local player = w:nearest("player", self.pos, self.sight)
		if not dark() or not player or lit(w, player.pos) then
			if not self.walking and self.rng:chance(0.2) then self:walk_to(w:spot_near(self.pos, 8, self.rng)) end
			return
		end
		if self:in_reach(player, 4) then
			-- too close: to whichever of two places is farther off
			local a, b = w:spot_near(self.pos, 8, self.rng), w:spot_near(self.pos, 8, self.rng)
			self:walk_to(player:distance(a) > player:distance(b) and a or b)
		elseif w:line_of_sight(self.pos, player.pos) then
			self:cast("chill", player)
		else
			self:chase(player, 6)
		end
	end,
}

g.skill "chill" {
	cooldown = "3s",
	range = 12,
	apply = function(w, by, to)
		to:hurt { amount = 2, kind = "cold", by = by }
		to:slow("chill", 0.5)
		to:tell("you shiver")
	end,
}
