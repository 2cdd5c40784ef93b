-- SPDX-License-Identifier: MIT
-- Rules for world_strikes.sh: whatever a player is told can be counted again afterwards.
local g = require "game"

local function ticks() return math.floor(g.now() * 20 + 0.5) end

g.item "token" { stack = 1000000 }

g.player {
	state = { gained = 0, beats = 0, since = -1, beat_at = 0, gap = "none", left = 0 },
	beat = function(self)
		local state, now = self.state, ticks()
		if state.beats > 0 and now ~= state.beat_at + 1 then state.gap = state.beat_at .. " to " .. now end
		state.beats, state.beat_at = state.beats + 1, now
	end,
}

g.on("leave", function(p) p.state.left = ticks() end)

g.on("enter", function(p)
	if p.state.since < 0 then
		p.state.since = ticks()
		p:every("50ms", "beat")
	end
end)

-- gain: one token more. Answered with how many there have been, by how much the beats are off the ticks that passed, and the tick.
g.action "gain" {
	run = function(self)
		self.state.gained = self.state.gained + 1
		self:give "token"
		return ("%d %d %d gap %s, left at %d"):format(self.state.gained, self.state.beats - (ticks() - self.state.since), ticks(),
			self.state.gap, self.state.left)
	end,
}

-- count: the tokens that it holds.
g.action "count" { run = function(self) return tostring(self:count "token") end }

g.action "hand" {
	run = function(self, w, target)
		if not target or not self:take "token" then return nil, "nothing_to_hand" end
		target:give "token"
		return "handed"
	end,
}

g.edit "put" {
	check = function(w, e)
		if w:block(e.at).name ~= "air" then return "taken" end
	end,
	apply = function(w, e) w:set(e.at, e.block) end,
}

g.action "put" {
	run = function(self, w, target, args)
		w:ask { edit = "put", at = args.at, block = args.text }
	end,
}

-- what: the blocks at "x,y,z x,y,z ...", each within reach.
g.action "what" {
	run = function(self, w, target, args)
		local names = {}
		for x, y, z in args.text:gmatch "(%-?%d+),(%-?%d+),(%-?%d+)" do
			names[#names + 1] = w:block({ x = tonumber(x), y = tonumber(y), z = tonumber(z) }).name
		end
		return table.concat(names, " ")
	end,
}

g.action "medal" {
	run = function(self, w, target, args)
		self:reward("medal", 1, args.text)
		return "granted"
	end,
}
