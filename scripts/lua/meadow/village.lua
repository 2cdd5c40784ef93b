-- SPDX-License-Identifier: MIT
-- Lesson 11: places, day and night, and somebody who wants something.

local g = require "game"

-- Nobody digs here. Regions notice who comes and goes in the third stage, when everybody has moved.
g.region "green" {
	area = { { -8, -8, 0 }, { 8, 8, 64 } },
	protected = true,
	on_enter = function(self, e)
		e:tell "the village green: safe ground"
	end,
}

g.region "swamp" {
	area = { { 36, -20, 0 }, { 56, 0, 64 } },
	slow = 0.6,
	on_enter = function(self, e)
		e:tell "your feet sink in"
	end,
}

g.on("day", function()
	g.tell_all "The sun rises."
end)
g.on("night", function()
	g.tell_all "Night falls. Stay near a torch."
end)

g.monster "granny" {
	count = 1,
	speed = 1,
	every = "2s",
	home = { x = 0, y = 4, radius = 3 },
	think = function(self, w)
		if not self.walking and self.rng:chance(0.3) then self:walk_to(w:spot_near({ 0, 4 }, 3, self.rng)) end
	end,
}

g.quest "gel_for_granny" {
	giver = "granny",
	text = "Bring me five pots of gel, and teach the slimes a lesson: three of them.",
	goals = { { kill = "slime", n = 3 }, { bring = "gel", n = 5 } },
	on_done = function(p, w, q)
		p:reward("medal", 1, q.receipt) -- kept by the item store for good, once
		p:give("iron_pick")
		p:tell "Granny: Bless you! Here, my late husband's pick."
		g.tell_all(p.name .. " has helped granny.")
	end,
}

g.action "talk" {
	run = function(self, w)
		if not w:nearest("granny", self, 6) then return "nobody is near who would talk" end
		local quest = self:quest "gel_for_granny"
		if quest == "done" then return "Granny: A lovely day, isn't it?" end
		if quest ~= "running" then
			self:start_quest "gel_for_granny"
			return "Granny: Bring me five pots of gel, and teach the slimes a lesson: three of them."
		end
		if self:end_quest "gel_for_granny" then return "Granny looks into your bag." end
		local slimes, gel = table.unpack(self:progress "gel_for_granny")
		return ("Granny: %d of 3 slimes, %d of 5 pots of gel. Go on!"):format(slimes, gel)
	end,
}
