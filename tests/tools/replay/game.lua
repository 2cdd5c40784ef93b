-- SPDX-License-Identifier: MIT
-- What tests/tools/replay.sh records and looks at: lines matter to it.
local g = require "game"
local steps = { 1, 2, near = 3 }

local function far(n)
	local twice = n * 2

	-- nothing here
	return twice
end

g.monster "rabbit" {
	count = 3, hp = 9, speed = 4, every = 10, home = { x = 0, y = 0, radius = 20 },
	state = { hops = 0 },
	think = function(self, w)
		local goal = w:spot_near(self, steps.near, self.rng)
		self.state.hops = self.state.hops + far(steps[1])
		self:walk_to(goal)
	end,
}

g.monster "greedy" {
	count = 1, hp = 9, every = 7, home = { x = 5, y = 5, radius = 5 },
	state = { rounds = 0, luck = 0 },
	think = function(self, w)
		self.state.luck = self.rng:int(1, 1000000)
		if g.now() % 1 < 0.4 then
			local n = 0
			while true do
				n = n + far(n) % 5
			end
		end
	end,
}

g.action "poke" {
	run = function(self, w, target, args)
		if g.now() % 1 < 0.5 then
			return target.name
		end
		return "you poke"
	end,
}
