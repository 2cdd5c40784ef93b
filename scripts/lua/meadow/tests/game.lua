-- SPDX-License-Identifier: MIT
-- Run with: troupe script test
local t = require "sim"

local function world(settings)
	settings = settings or {}
	settings.size = settings.size or 128
	return t.world(settings)
end

t.test("flowers are gathered, and only where they grow", function()
	local s = world { map = "flat" }
	local p = s:player { at = { 20.5, 20.5 } }
	local text, why = p:act "gather"
	t.equal(why, "nothing_grows_there")
	s:set({ 21, 20, p.z }, "flower")
	t.truthy(p:act "gather")
	s:run "2s"
	t.equal(p.bag.flower, 1)
	t.equal(s:block { 21, 20, p.z }, "air")
end)

t.test("stone needs a pick, and the green is protected", function()
	local s = world { map = "flat" }
	local p = s:player { at = { 20.5, 20.5 } }
	local ground = { 21, 20, p.z - 1 }
	s:set(ground, "stone")
	local text, why = p:act("mine", { at = ground })
	t.equal(why, "tool_too_weak")
	s:give(p, "wooden_pick")
	t.truthy(p:act("mine", { at = ground }))
	t.equal(s:block(ground), "air")
	s:run "2s"
	t.equal(p.bag.cobble, 1)
	local q = s:player { at = { 2, 2 } }
	text, why = q:act("mine", { at = { 3, 2, q.z - 1 } })
	t.equal(why, "protected_place")
end)

t.test("what is built stands, and two cannot build on one block", function()
	local s = world { map = "flat" }
	local a, b = s:player { at = { 20.5, 20.5 } }, s:player { at = { 24, 20 } }
	s:give(a, "dirt", 2)
	s:give(b, "planks", 2)
	local spot = { 22, 20, a.z }
	local won = 0
	s:send(a, "build", { at = spot })
	s:send(b, "build", { at = spot })
	s:run "200ms"
	t.truthy(s:block(spot) == "dirt" or s:block(spot) == "planks")
	t.equal(s:refused "conflict", 1)
	s:run "200ms"
	t.equal((a.bag.dirt or 0) + (b.bag.planks or 0), 3) -- who lost got it back
end)

t.test("what cannot be built costs nothing, and disturbs nobody", function()
	local s = world { map = "flat" }
	local p = s:player { at = { 20.5, 20.5 } }
	s:give(p, "dirt", 3)
	for _ = 1, 12 do
		local _, why = p:act("build", { at = { 40, 40, p.z } })
		t.equal(why, "too_far")
		_, why = p:act("build", { at = { 22, 20, p.z - 1 } })
		t.equal(why, "something_there")
		_, why = p:act("build", { at = { 22, 20, p.z }, text = "hat.golden" })
		t.equal(why, "nothing_to_build_with")
		_, why = p:act("mine", { at = { 60, 60, 2 } })
		t.truthy(why == "too_far" or why == "world.outside")
	end
	s:run "1s"
	t.equal(p.bag.dirt, 3)
	t.equal(s:errors(), 0)
	t.truthy(p:act("build", { at = { 22, 20, p.z } }))
end)

t.test("sand falls", function()
	local s = world { map = "flat" }
	local p = s:player { at = { 20.5, 20.5 } }
	s:set({ 21, 20, p.z }, "dirt")
	s:set({ 21, 20, p.z + 1 }, "sand")
	t.truthy(p:act("mine", { at = { 21, 20, p.z } }))
	s:run "1s"
	t.equal(s:block { 21, 20, p.z }, "sand")
end)

t.test("a slime hunts and slams; a player strikes back", function()
	local s = world { map = "flat", seed = 7 }
	local p = s:player { at = { 40, 40 } }
	local slime = s:spawn("slime", { 46, 40 })
	s:run("20s", function() return p.hp < 20 end)
	t.less(p.hp, 20)
	s:run("30s", function()
		if slime.alive then p:act("attack", { target = slime }) end
		return not slime.alive
	end)
	t.falsy(slime.alive)
	t.equal(s:errors(), 0)
end)

t.test("a reload in the middle of a fight", function()
	local s = world { map = "flat" }
	local p = s:player { at = { 40, 40 } }
	local slime = s:spawn("slime", { 44, 40 })
	s:run "2s"
	t.truthy(s:reload())
	s:run "2s"
	t.truthy(slime.alive)
	t.equal(s:errors(), 0)
end)

t.test("granny pays once", function()
	local s = world { map = "flat" }
	local p = s:player { at = { 0, 2 } }
	s:run("20s", function() return s:count "granny" == 1 end)
	t.truthy(p:act("talk"):find("five pots", 1, true))
	s:give(p, "gel", 5)
	t.truthy(p:act("talk"):find("0 of 3 slimes", 1, true))
	for i = 1, 3 do
		local slime = s:spawn("slime", { 3, 3 })
		s:run("20s", function()
			if slime.alive then p:act("attack", { target = slime }) end
			return not slime.alive
		end)
		t.falsy(slime.alive)
	end
	s:run "200ms"
	t.equal(p:act "talk", "Granny looks into your bag.")
	s:run "200ms"
	t.equal(p.bag.iron_pick, 1)
	t.equal(s:granted "medal", 1)
	p:act "talk"
	s:run "200ms"
	t.equal(s:granted "medal", 1)
end)

t.test("the game plays by itself for five minutes without an error", function()
	local s = world { map = "hills", size = 256 }
	local p = s:player { at = { 0, 0 } }
	s:run "5m"
	t.equal(s:errors(), 0)
	t.more(s:count "slime", 3)
	t.more(s:count "rabbit", 3)
end)
