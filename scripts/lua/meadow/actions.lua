-- SPDX-License-Identifier: MIT
-- Lesson 2: actions, which players start by name: act wave, act dance, act dig.
--
-- `self` is who acts, `w` the world around, `target` the entity it is aimed at (or nil), `args` what came with it: args.text and
-- args.at, a place. What `run` returns is shown to the player. Everything else it does happens only if it ends without an error.

local g = require "game"
local jokes = require "jokes" -- the file jokes.lua beside this one

g.action "wave" {
	run = function(self, w, target)
		if target then
			self:say("*waves to " .. target.name .. "*")
			target:tell(self.name .. " waves to you.")
			return "you wave to " .. target.name
		end
		self:say("*waves*")
		return "you wave"
	end,
}

-- Where a dancer hops to, one after the other.
local steps = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 } }

g.action "dance" {
	run = function(self)
		self.state.step = self.state.step % #steps + 1 -- what players remember is declared in fight.lua
		local step = steps[self.state.step]
		self:walk_to { x = self.x + step[1], y = self.y + step[2] }
		return "you dance"
	end,
}

g.action "dig" {
	run = function(self)
		-- g.now() is the time of the world in seconds; there is no other clock here.
		local wait = self.state.dug_at + 30 - g.now()
		if wait > 0 then
			return ("the ground is still hard; dig again in %d s"):format(math.ceil(wait))
		end
		self.state.dug_at = g.now()
		return "you find a note: " .. self.rng:pick(jokes)
	end,
}

-- "echo" answers opaque bytes with opaque bytes. Benchmarks use it: one message, one call of a rule, one answer.
g.on("echo", function(body)
	return body
end)
