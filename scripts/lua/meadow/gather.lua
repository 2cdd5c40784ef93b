-- SPDX-License-Identifier: MIT
-- Lesson 5: blocks. Who wants to change one asks for an edit; edits are the only rules that may set blocks.
--
-- An action runs in the first stage of a tick, where the world is only looked at. The edits that all rules asked for are made
-- together in the second stage: if two want the same block, one wins and the other is told "conflict".

local g = require "game"

-- What lies on the ground is picked up by walking over it. What grows has to be picked.
g.edit "pick" {
	check = function(w, e)
		if w:block(e.at).name ~= "flower" and w:block(e.at).name ~= "tall_grass" then return "nothing_grows_there" end
	end,
	apply = function(w, e)
		if w:block(e.at).name == "flower" then
			w:drop(e.at, "flower")
		elseif e.rng:chance(0.5) then
			w:drop(e.at, "seed")
		end
		w:set(e.at, "air")
	end,
}

-- grows_near: the next plant within reach of a hand, or nil.
local function grows_near(w, at)
	for spot in w:sphere(at, 2) do
		local name = w:block(spot).name
		if name == "flower" or name == "tall_grass" then return spot end
	end
end

g.action "gather" {
	run = function(self, w, target, args)
		local at = args.at and w:block(args.at).name == "flower" and args.at or grows_near(w, self.pos)
		if not at then return nil, "nothing_grows_there" end
		w:ask { edit = "pick", at = at }
	end,
}
