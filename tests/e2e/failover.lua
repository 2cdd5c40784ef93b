-- SPDX-License-Identifier: MIT
-- Ten players, of whom nobody is lost and nobody is seen twice, whatever process dies. See failover.sh.
package.path = os.getenv("top_srcdir") .. "/tests/e2e/?.lua;" .. package.path
local story = require "story"
local step, equal = story.step, story.equal

local PLAYERS = 10
local NAMES = { "Anna", "Bert", "Cleo", "Dora", "Emil", "Finn", "Gina", "Hugo", "Ines", "Jack" }
local players = {}

-- shell: has failover.sh do something, and waits until it is done.
local asked = 0
local function shell(words)
	asked = asked + 1
	local path = ("%s/%%s.%d"):format(story.state, asked)
	local file = assert(io.open(path:format("new"), "w"))
	file:write(words, "\n")
	file:close()
	os.rename(path:format("new"), path:format("do"))
	while not io.open(path:format("did")) do net.sleep(5) end
end

-- within: waits until check() is true; an error after ms. Returns how long it took.
local function within(ms, what, check)
	local began = net.now()
	repeat
		if check() then return net.now() - began end
		net.sleep(20)
	until net.now() - began > ms
	error(("%s took more than %d ms"):format(what, ms), 2)
end

local function port_of(me) return me.place.port end

-- everybody: runs fn(me, i) for all players at once, and waits for all.
local function everybody(fn)
	local left, failed = #players, nil
	for i, me in ipairs(players) do
		net.spawn(function()
			local ok, why = pcall(fn, me, i)
			failed = failed or not ok and ("%s: %s"):format(NAMES[i], tostring(why))
			left = left - 1
		end)
	end
	while left > 0 do net.sleep(5) end
	if failed then error(failed, 2) end
end

-- looks: look, however often it takes; the time until there was an answer.
local function looks(me, ms)
	local answer
	within(ms, "an answer", function()
		answer = me:try("look")
		return answer
	end)
	return answer
end

-- all_there: everybody has an answer from the world, is at his place, and sees each of the others once.
local function all_there(ms, places)
	everybody(function(me, i)
		local answer, count, last = looks(me, ms), {}, nil
		within(ms, "seeing all others", function()
			count = { [answer.self.name] = 1 }
			for _, e in ipairs(answer.entities) do
				if e.kind == "avatar" then count[e.name] = (count[e.name] or 0) + 1 end
			end
			last = nil
			for _, name in ipairs(NAMES) do
				if count[name] ~= 1 then last = ("%s is seen %d times"):format(name, count[name] or 0) end
			end
			if last then answer = looks(me, ms) end
			return not last
		end)
		local x, y = places[i][1], places[i][2]
		local off = math.abs((answer.self.x or 0) - x) + math.abs((answer.self.y or 0) - y)
		if off > 0.6 then
			error(("is at (%.1f, %.1f), not (%.1f, %.1f)"):format(answer.self.x or 0, answer.self.y or 0, x, y))
		end
	end)
end

local function all_walk(places)
	everybody(function(me, i) me:walk(places[i][1], places[i][2]) end)
	everybody(function(me, i)
		within(10000, "the walk", function()
			local self = me:look().self
			return math.abs((self.x or 0) - places[i][1]) + math.abs((self.y or 0) - places[i][2]) < 0.1
		end)
	end)
	net.sleep(1500) -- longer than from one save to the next
end

-- near enough for everybody to see everybody
local function places_at(x, y)
	local places = {}
	for i = 1, PLAYERS do places[i] = { x + (i - 1) % 5, y + (i - 1) // 5 } end
	return places
end

-- number: what the status of a mechanics instance says; nil if it does not answer.
local function number(name, key)
	local ok, text = pcall(story.operator, "meadow/mechanics." .. name, "status", "--json", "--host", name)
	return ok and tonumber(text:match('"' .. key .. '":"?(%d+)')) or nil
end

local function other(name) return name == "m1" and "m2" or "m1" end

-- owner: the one that has most of the players.
local function owner() return (number("m1", "avatars") or 0) >= (number("m2", "avatars") or 0) and "m1" or "m2" end

-- shares: both have regions.
local function shares(ms)
	within(ms, "sharing the world", function() return (number("m1", "regions") or 0) > 0 and (number("m2", "regions") or 0) > 0 end)
end

local function account_of(user)
	return story.operator("account", "show", user, "--json"):match('"account":"?(%d+)')
end

-- --- the story ------------------------------------------------------------------------------------

step("ten players come in, through both front-ends", function()
	for i = 1, PLAYERS do
		players[i] = player()
		players[i]:register("user" .. i, "password " .. i)
	end
	for i = 1, PLAYERS do
		local me = players[i]
		story.login(me, "user" .. i, "password " .. i)
		story.enter(me, "meadow")
		within(10000, "finding the item store", function() return me:try("avatar", NAMES[i]) end)
		me.gone = 0
		me.on.delta = function(m)
			for _, id in ipairs(m.gone) do -- animals come and go
				for _, they in ipairs(players) do me.gone = me.gone + (they.me and they.me.avatar == id and 1 or 0) end
			end
		end
		net.sleep(50)
	end
	local ports, first = {}, port_of(players[1])
	for _, me in ipairs(players) do ports[port_of(me)] = (ports[port_of(me)] or 0) + 1 end
	assert(ports[first] >= 3 and ports[first] <= 7, ports[first] .. " are at the first one's")
end)
local places = places_at(2, 2)
step("they walk to where they all see each other", function()
	all_walk(places)
	all_there(5000, places)
end)

-- --- a front-end ----------------------------------------------------------------------------------

-- buyers: some go on buying, each lantern under a key of its own, whatever happens; what they got is counted at the end.
local bought, buying = {}, true
local function buyers()
	for i = 1, 4 do
		bought[i] = 0
		net.spawn(function()
			while buying do
				local me, key = players[i], net.random(16)
				local order, why
				repeat
					order, why = me:try("buy", "lantern", 30, key)
				until order or why.reason ~= "client.pending" and why.reason ~= "client.closed" and why.reason ~= "client.timeout"
				if not order then error(("%s may not buy: %s"):format(NAMES[i], tostring(why))) end
				bought[i] = bought[i] + 1
				net.sleep(200) -- a mailbox holds 500 things
			end
			bought[i .. "ended"] = true
		end)
	end
end

local function which(port)
	for _, name in ipairs({ "fe1", "fe2" }) do
		for line in io.lines(("%s/%s.log"):format(story.state, name)) do
			if line:find(("(port %d)"):format(port), 1, true) then return name end
		end
	end
	error("nobody listens at " .. port)
end

step("four of them begin to buy", function()
	for i = 1, 4 do
		story.operator("billing", "grant", account_of("user" .. i), "gold", 60000, "failover", "grant" .. i, "--yes")
	end
	buyers()
	within(10000, "the first lanterns", function() return bought[1] > 2 and bought[4] > 2 end)
end)

local lost
local took = step("a front-end is killed: its players are back within 10 s", function()
	lost = which(port_of(players[1]))
	local back, wanted, dead = 0, 0, port_of(players[1])
	for _, me in ipairs(players) do
		me.gone = 0
		if port_of(me) == dead then
			wanted = wanted + 1
			me.on.back = function() back = back + 1 end
		end
	end
	shell("kill " .. lost)
	local ms = within(10000, "coming back", function() return back == wanted end)
	for _, me in ipairs(players) do assert(port_of(me) ~= dead, "one is still at the dead front-end") end
	return ms
end)
print(("# back after %.0f ms"):format(took))
step("nobody is lost or doubled, and all are where they were", function() all_there(5000, places) end)
step("nobody saw anybody go", function()
	for i, me in ipairs(players) do equal(me.gone, 0, "avatars that " .. NAMES[i] .. " saw go") end
end)
step("the front-end is started again", function() shell("start " .. lost) end)

-- --- an owner of the world ------------------------------------------------------------------------

local first
step("two instances share the world", function() shares(5000) end)
step("the owner of their place is killed: the world goes on within lease + 2 s", function()
	first = owner()
	shell("kill " .. first)
	local began = net.now()
	everybody(function(me) looks(me, 4000 + 1000) end) -- 1 s for a machine under load
	took = net.now() - began
end)
print(("# after %.0f ms"):format(took))
step("everybody is in it, once, where he was", function()
	assert((number(other(first), "avatars") or 0) >= PLAYERS, "the other one does not have them")
	all_there(5000, places)
end)
step("the first comes back and takes its share", function()
	shell("start " .. first)
	shares(10000)
	all_there(10000, places)
end)
step("they walk on", function()
	places = places_at(-6, 3)
	all_walk(places)
end)
step("an owner sleeps past the lease: the other has all of the world", function()
	first = owner()
	shell("sleep " .. first)
	net.sleep(2000)
	everybody(function(me) looks(me, 5000) end)
	all_there(5000, places)
	places = places_at(-4, -6)
	all_walk(places)
end)
step("it wakes, lets go of what it knew, and takes its share", function()
	shell("wake " .. first)
	net.sleep(1000)
	shares(10000)
	all_there(10000, places)
end)
step("nothing that it knew is written over what came after", function()
	net.sleep(1500)
	everybody(function(me)
		me:leave()
		within(10000, "coming in again", function() return me:try("select", me.me.avatar) end)
	end)
	all_there(5000, places)
end)

-- --- the scheduler ----------------------------------------------------------------------------------

-- world: what a scheduler says of the world; nil if it does not answer.
local function world(name)
	local ok, text = pcall(story.operator, "meadow/scheduler." .. name, "world", "status", "--json", "--host", name)
	return ok and { state = text:match('"world":"([^"]*)"'), tick = tonumber(text:match('"tick":"?(%d+)')) } or nil
end

local function runs(name)
	local said = world(name)
	return said and said.state == "running"
end

local clock = runs("s1") and "s1" or "s2"
local standby = clock == "s1" and "s2" or "s1"
local tick

step("one of two schedulers runs the world", function()
	assert(runs(clock), "nobody does")
	equal(world(standby).state, "standing by")
end)
step("it is killed: the other goes on from the same tick within lease + 1 s", function()
	tick = world(clock).tick
	shell("kill " .. clock)
	took = within(3000 + 1000, "taking over", function() -- 1 s for a machine under load
		local said = world(standby)
		return said and said.state == "running" and said.tick > tick
	end)
	all_there(5000, places)
end)
print(("# after %.0f ms"):format(took))
step("they walk on under the other", function()
	shell("start " .. clock)
	places = places_at(-5, 5)
	all_walk(places)
	all_there(5000, places)
end)
step("it sleeps past its lease: the first takes over again", function()
	shell("sleep " .. standby)
	within(5000, "taking over", function() return runs(clock) end)
	places = places_at(4, -5)
	all_walk(places)
end)
step("it wakes and stands by; what it had in mind moves nobody", function()
	shell("wake " .. standby)
	within(3000, "standing by", function()
		local said = world(standby)
		return said and said.state == "standing by"
	end)
	assert(runs(clock), "the other has stopped")
	all_there(5000, places)
	assert(story.operator("meadow/scheduler." .. clock, "world", "audit", "--json", "--host", clock):match('"ok":true'))
end)

-- --- a master -------------------------------------------------------------------------------------

for _, name in ipairs({ "ma", "mb" }) do
	step(("master %s is killed: players log in and the world stays where it is"):format(name), function()
		shell("kill " .. name)
		for round = 1, 6 do
			local began, me = net.now(), player()
			within(8000, "a login", function()
				return me:try("login", "user10", "password 10") and me:try("enter", "meadow")
			end)
			players[10]:close()
			players[10] = me
			me:avatar(NAMES[10])
			assert(net.now() - began < 8000, ("login %d took %.0f ms"):format(round, net.now() - began))
		end
		places[10] = { players[10].me.x or 0, players[10].me.y or 0 }
		all_there(5000, places)
	end)
	step("it is started again", function() shell("start " .. name) end)
end

-- --- out of reach, and in order -------------------------------------------------------------------

step("a front-end sleeps, longer than others wait for it, and wakes: its players see all others again", function()
	local name = which(port_of(players[1]))
	shell("sleep " .. name)
	net.sleep(5000)
	shell("wake " .. name)
	all_there(15000, places)
end)
step("a front-end is drained: its players go on at the other", function()
	local leaving = which(port_of(players[1]))
	shell(("drain %s meadow/frontend.%s"):format(leaving, leaving))
	took = within(10000, "going over", function()
		for _, me in ipairs(players) do
			if me.returning or not me.game:open() or which(port_of(me)) == leaving then return false end
		end
		return true
	end)
	all_there(5000, places)
end)
step("an owner is drained: its regions go to the other without a pause", function()
	shares(10000)
	first = owner()
	local began = net.now()
	shell(("drain %s meadow/mechanics.%s"):format(first, first))
	everybody(function(me) looks(me, 5000) end)
	took = net.now() - began
	assert((number(other(first), "avatars") or 0) >= PLAYERS, "the other one does not have them")
	all_there(5000, places)
end)
print(("# after %.0f ms"):format(took))

-- --- the books ------------------------------------------------------------------------------------

step("every lantern was paid for once", function()
	buying = false
	within(40000, "ending the purchases", function()
		return bought["1ended"] and bought["2ended"] and bought["3ended"] and bought["4ended"]
	end)
	for i = 1, 4 do
		local count = 0
		within(20000, "posting", function()
			local posted, pending = story.gold(players[i])
			return pending == 0 and posted == 60000 - 30 * bought[i]
		end)
		for _, item in ipairs(players[i]:inventory()) do count = count + (item.kind == "lantern" and item.count or 0) end
		equal(count, bought[i], "the lanterns of " .. NAMES[i])
	end
end)
everybody(function(me) me:close() end)
