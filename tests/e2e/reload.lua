-- SPDX-License-Identifier: MIT
-- Two players while the rules change under them. The first rule answers `act test` with the number of its version.
package.path = os.getenv("top_srcdir") .. "/tests/e2e/?.lua;" .. package.path
local story = require "story"
local step, equal = story.step, story.equal

local function rule(name, text)
	local path = story.state .. "/rules/" .. name
	local file = assert(io.open(path .. ".new", "w"))
	file:write(text)
	file:close()
	assert(os.rename(path .. ".new", path))
end

local RULE = [[
local g = require "game"

g.action "test" {
	run = function(self)
		self.state.step = self.state.step + 1 -- what the sample's rules keep about players
		return "version %d, call " .. self.state.step
	end,
}
]]

-- until_text: how long it takes until everybody is answered so, in ms.
local function until_text(players, text)
	local began = net.now()
	for _, me in ipairs(players) do
		local got
		repeat
			local answer, why = me:try("act", "test")
			got = answer and answer.text or why.reason
			if got:find(text, 1, true) then break end
			net.sleep(50)
		until net.now() > began + 3000
		assert(got:find(text, 1, true), "the answer stayed " .. got)
	end
	return net.now() - began
end

local function status()
	return story.operator("meadow/mechanics.m1", "status", "--json") .. story.operator("script", "list", "--json")
end

local ann, bob = player(), player()
step("two players are in", function()
	ann:play("ann", "correct horse of ann", "Annika")
	bob:play("bob", "battery staple of bob", "Bobby")
	ann:refused("world.no_action", "act", "test")
end)
step("a new rule counts within a second", function()
	rule("test.lua", RULE:format(1))
	local ms = until_text({ ann, bob }, "version 1,")
	assert(ms < 1000, ("it took %.0f ms"):format(ms))
end)
step("one with a mistake is refused", function()
	rule("broken.lua", 'local g = require "game"\n\ng.action "broken" = {}\n')
	for _ = 1, 30 do
		if status():find("files failed", 1, true) then return end
		net.sleep(50)
	end
	error("it is not counted: " .. status())
end)
step("the rules from before stay in force", function()
	until_text({ ann, bob }, "version 1,")
	assert(status():find("broken.lua", 1, true), "the status does not name the file: " .. status())
end)
step("repaired, the next counts within a second, and players keep their state", function()
	local before = tonumber(ann:act("test").text:match("call (%d+)"))
	os.remove(story.state .. "/rules/broken.lua")
	rule("test.lua", RULE:format(2))
	local ms = until_text({ ann, bob }, "version 2,")
	assert(ms < 1000, ("it took %.0f ms"):format(ms))
	local after = tonumber(ann:act("test").text:match("call (%d+)"))
	assert(after > before, ("the count went from %d to %d"):format(before, after))
end)
step("nobody was disconnected", function()
	equal(ann:look().self.name, "Annika", "ann")
	equal(bob:look().self.name, "Bobby", "bob")
end)
ann:close()
bob:close()
