-- SPDX-License-Identifier: MIT
local t = require "sim"

t.test("a hare jumps about", function()
	local s = t.world { size = 64, seed = 3 }
	local hare = s:spawn("hare", { 5, 5 })
	s:run "10s"
	t.truthy(hare.alive)
	t.truthy(hare.x ~= 5 or hare.y ~= 5)
	t.equal(s:errors(), 0)
	t.equal(#s:find "hare", 1)
end)

t.test("who waves is seen to wave", function()
	local s = t.world {}
	local ann, bob = s:player { name = "Ann", at = { 1, 1 } }, s:player { name = "Bob" }
	t.equal(ann:act "wave", "you wave")
	t.truthy(bob:has_been_told "Ann waves")
	local text, reason = ann:act "juggle"
	t.equal(text, nil)
	t.equal(reason, "world.no_action")
	t.equal(s:refused "world.no_action", 1)
end)

t.test("a reload in the middle keeps who is there, and a bad one keeps the rules", function()
	local s = t.world {}
	local hare = s:spawn("hare", { 5, 5 })
	s:run "1s"
	t.truthy(s:reload())
	s:run "1s"
	t.truthy(hare.alive)
	local ok, why = s:reload { ["hare.lua"] = "local x = = 1" }
	t.falsy(ok)
	t.truthy(why:find("hare.lua:1", 1, true))
	s:run "1s"
	t.truthy(hare.alive)
end)

t.test("one seed, one world", function()
	local function play(seed)
		local s = t.world { seed = seed }
		local hare = s:spawn("hare", { 0, 0 })
		s:run "5s"
		return hare.x .. " " .. hare.y
	end
	t.equal(play(1), play(1))
	t.differ(play(1), play(2))
end)
