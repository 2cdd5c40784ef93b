-- SPDX-License-Identifier: MIT
-- Lesson 7: a table does most of the work. What is made of what is data; the action only reads it.

local g = require "game"

local recipes = {
	planks = { makes = 4, of = { log = 1 } },
	wooden_pick = { makes = 1, of = { planks = 3 } },
	stone_pick = { makes = 1, of = { planks = 2, cobble = 3 } },
	iron_pick = { makes = 1, of = { planks = 2, iron_ore = 3, coal = 1 } },
	torch = { makes = 4, of = { planks = 1, coal = 1 } },
	bricks = { makes = 1, of = { clay = 2 } },
}

local function list()
	local lines = {}
	for name, recipe in pairs(recipes) do
		local parts = {}
		for item, n in pairs(recipe.of) do
			parts[#parts + 1] = n .. " " .. item
		end
		lines[#lines + 1] = name .. " (" .. table.concat(parts, ", ") .. ")"
	end
	return "craft what? " .. table.concat(lines, "; ")
end

g.action "craft" {
	run = function(self, w, target, args)
		local recipe = recipes[args.text]
		if not recipe then return list() end
		for item, n in pairs(recipe.of) do
			if self:count(item) < n then return ("you need %d %s and have %d"):format(n, item, self:count(item)) end
		end
		for item, n in pairs(recipe.of) do
			self:take(item, n)
		end
		self:give(args.text, recipe.makes)
		return ("you make %d %s"):format(recipe.makes, args.text)
	end,
}

g.action "bag" {
	run = function(self)
		local lines = {}
		for item, n in pairs(self:bag()) do
			lines[#lines + 1] = n .. " " .. item
		end
		return #lines > 0 and "you carry " .. table.concat(lines, ", ") or "your bag is empty"
	end,
}
