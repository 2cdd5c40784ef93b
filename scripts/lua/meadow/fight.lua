-- SPDX-License-Identifier: MIT
-- Lesson 10: what players can do to monsters, and what happens to players who lose.

local g = require "game"

g.player {
	hp = 20,
	state = { step = 0, dug_at = -1000, warm_at = 0 },

	-- Whoever was slowed is quick again after a while; see shade.lua.
	on_hurt = function(self, w, hit)
		if hit.kind == "cold" then self:after("4s", "warm_up") end
	end,
	warm_up = function(self)
		self:slow("chill")
	end,

	on_death = function(self, w, hit)
		self:tell(hit.by and hit.by.alive and hit.by.name .. " has beaten you" or "you are beaten")
	end,
}

g.skill "strike" {
	cooldown = "600ms",
	range = 3,
	apply = function(w, by, to)
		to:hurt { amount = by.rng:int(2, 4) + by:tool().power, kind = "sharp", by = by }
	end,
}

-- A skill with a long cooldown: all that are near.
g.skill "whirl" {
	cooldown = "8s",
	apply = function(w, by)
		for _, other in ipairs(w:around(by, 3)) do
			if other.kind ~= "player" and other.max_hp > 0 then other:hurt { amount = 3, kind = "sharp", by = by } end
		end
		by:say("*whirls*")
	end,
}

local why_not = { too_far = "too far away", not_ready = "you are not ready yet", casting = "one thing at a time" }

g.action "attack" {
	run = function(self, w, target)
		if not target or target.max_hp == 0 then return "nobody is there whom you could attack" end
		if target.kind == "player" then return "players do not fight each other here" end
		local ok, why = self:cast("strike", target)
		return ok and "you strike the " .. target.name or why_not[why] or why
	end,
}

g.action "whirl" {
	run = function(self)
		local ok, why = self:cast("whirl", self)
		return ok and "you whirl around" or why_not[why] or why
	end,
}

g.action "rest" {
	run = function(self, w)
		if w:nearest("slime", self, 10) or w:nearest("shade", self, 10) then return "not while monsters are near" end
		if not self:take("flower") then return "you need a flower to make tea of" end
		self:heal(8)
		return "you drink a tea of flowers"
	end,
}
