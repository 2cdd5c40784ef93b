-- SPDX-License-Identifier: MIT
-- troupe client bench/players.lua COUNT FILE [world]: registers players (once), gets a ticket for each, and writes what
-- each connection of the load generator must play first. With `world` each has an avatar, with a place of its own, and
-- enters with it; with `room` all places are in one cell, as bench/room.c has them.
local count, path, world = ...
count = tonumber(count)

local function hex(text)
	return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function varint(n)
	local bytes = {}
	repeat
		local low = n & 0x7F
		n = n >> 7
		table.insert(bytes, string.char(n ~= 0 and low | 0x80 or low))
	until n == 0
	return table.concat(bytes)
end

local lines, done, failed = {}, 0, nil

-- The front-end tells master of itself once a second; until then there is nowhere to go.
local function place_of(me)
	for _ = 1, 200 do
		local place, why = me:try("choose", "meadow")
		if place then return place end
		if not why.reason:find("^master%.") then error(why, 0) end
		net.sleep(50)
	end
	error("the shard did not become ready", 0)
end

-- The account server may listen a moment later than the front-end, whose port is waited for.
local function register(me, name)
	for _ = 1, 200 do
		local _, why = me:try("register", name, "a password")
		if not why or why.reason ~= "client.connect" then return end
		net.sleep(50)
	end
end

-- A place for each, 16 apart, in a square around the middle of the world; in a room see below.
local function place_for(i)
	if world == "room" then
		return 0.5 + (i - 1) % 38 * 0.375, 0.5 + (i - 1) // 38 * 0.375
	end
	local side = math.ceil(math.sqrt(count))
	return (i % side - side // 2) * 16 + 8, ((i - 1) // side % side - side // 2) * 16 + 8
end

-- walk_to walks somewhere near x, y: a tree may stand there, or in the way.
local function walk_to(me, x, y)
	local near = world == "room" and 0.01 or 8
	local at, before
	for n = 0, 400 do
		before, at = at, me:look().self
		if math.abs(at.x - x) + math.abs(at.y - y) < near then
			return
		end
		if n % 20 == 0 or (before.x == at.x and before.y == at.y and n % 5 == 0) then
			me:walk(x, y)
		end
		net.sleep(50)
	end
	error(("an avatar does not get to %d, %d: it is at %g, %g"):format(x, y, at.x, at.y), 0)
end

-- Everybody is born in the middle: a crowd that a game would not have.
local function avatar_make(me, i)
	local letters = ("%05d"):format(i):gsub("%d", function(d) return string.char(97 + d) end)
	local avatar = me:avatar_create("P" .. letters)
	local _, why = me:try("select", avatar.id)
	while why and why.reason == "host.not_ready" do
		net.sleep(50)
		_, why = me:try("select", avatar.id)
	end
	walk_to(me, place_for(i))
	me:leave()
	return avatar
end

local function prepare(i)
	local name, me = ("player%d"):format(i), player()
	local avatar = ""

	register(me, name)
	me:login(name, "a password")
	if world then
		me:redeem(place_of(me))
		local found = me:avatars()[1] or avatar_make(me, i)
		avatar = (" >25:%s <26"):format(hex("\x08" .. varint(found.id)))
		me.game:close()
		me.base = nil
		me:login(name, "a password")
	end
	local place = place_of(me)
	lines[i] = (">1:0801 <2 >20:%s <21%s"):format(hex("\x0a\x20" .. place.ticket), avatar)
	me:close()
end

-- 64 at a time share their commits; tickets are good for 30 s.
local next_player = 1
for _ = 1, 64 do
	net.spawn(function()
		while next_player <= count and not failed do
			local i = next_player
			next_player = next_player + 1
			local ok, why = pcall(prepare, i)
			if not ok then failed = tostring(why) end
			done = done + 1
		end
	end)
end
while done < count and not failed do net.sleep(5) end
if failed then error(failed, 0) end
local out = assert(io.open(path, "w"))
out:write(table.concat(lines, "\n"), "\n")
out:close()
