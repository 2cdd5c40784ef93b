-- SPDX-License-Identifier: MIT
-- Lesson 6: digging, building, and tools that make a difference.

local g = require "game"

-- A tool has a power; a block says in its table which power breaks it: stone 1, iron ore 2, gold ore 3.
g.item "wooden_pick" { power = 1, stack = 1 }
g.item "stone_pick" { power = 2, stack = 1 }
g.item "iron_pick" { power = 3, stack = 1 }

-- The green around the middle belongs to everybody: see village.lua.
local function reason_not(w, e)
	if w:zone(e.at).protected then return "protected_place" end
	-- `alive` is also false of who is far away: then nothing else can be asked about it
	if e.by and not (e.by.alive and e.by:in_reach(e.at, 6)) then return "too_far" end
end

g.edit "mine" {
	check = function(w, e)
		local block, no = w:block(e.at), reason_not(w, e)
		if no then return no end
		if block.name == "air" or block.liquid then return "nothing_there" end
		if block.hardness == 65535 or e.tool.power < block.power then return "tool_too_weak" end
	end,
	apply = function(w, e)
		local block = w:block(e.at)
		w:set(e.at, "air")
		if block.drops ~= "" then w:drop(e.at, block.drops) end
		w:wake { x = e.at.x, y = e.at.y, z = e.at.z + 1 } -- what lay on it may fall
		if e.by then e.by:emit("mined") end
	end,
}

-- An edit with the name of a block is that block's own: w:wake asks for it. Sand and gravel fall.
local function fall(name)
	g.edit(name) {
		check = function(w, e)
			local below = { x = e.at.x, y = e.at.y, z = e.at.z - 1 }
			if w:block(e.at).name ~= name or w:block(below).name ~= "air" then return "lies_well" end
		end,
		apply = function(w, e)
			local below = { x = e.at.x, y = e.at.y, z = e.at.z - 1 }
			w:set(below, name)
			w:set(e.at, "air")
			w:wake(below)
			w:wake { x = e.at.x, y = e.at.y, z = e.at.z + 1 }
		end,
	}
end
fall "sand"
fall "gravel"

g.action "mine" {
	run = function(self, w, target, args)
		if not args.at then return "mine where? act mine X Y Z: look tells where you are" end
		w:ask { edit = "mine", at = args.at }
	end,
}

-- What can be built with, best first.
local building = { "planks", "cobble", "bricks", "log", "dirt", "sand", "gravel", "clay", "torch" }

g.edit "build" {
	check = function(w, e)
		local there = w:block(e.at)
		if there.solid then return "something_there" end
		if #w:around(e.at, 1) > 0 and e.block ~= "torch" then return "somebody_there" end
		return reason_not(w, e)
	end,
	apply = function(w, e)
		w:set(e.at, e.block)
		if e.by then e.by:emit("built") end
	end,
}

g.action "build" {
	run = function(self, w, target, args)
		if not args.at then return "build where? act build X Y Z, or act build X Y Z planks" end
		local block
		for _, name in ipairs(building) do
			if not block and (args.text == "" or args.text == name) and self:count(name) > 0 then block = name end
		end
		if not block then return nil, "nothing_to_build_with" end
		self:take(block)
		w:ask { edit = "build", at = args.at, block = block, pays = block } -- given back if it is not made
	end,
}
