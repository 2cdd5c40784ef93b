-- SPDX-License-Identifier: MIT
-- Players who keep books of what they are told, while world_strikes.sh strikes the processes of their world. What is told as done is
-- there, once; what is told as refused is not; the rest is asked for again, under the same key, until one or the other is told.
package.path = os.getenv("top_srcdir") .. "/tests/e2e/?.lua;" .. package.path
local story = require "story"

local COUNT = tonumber(os.getenv("PLAYERS") or "8")
local REACH = 56 -- how far they walk to the north and to the south: through the regions of all owners
local REFUSED = { [3] = true, [5] = true, [6] = true, [7] = true, [8] = true, [9] = true, [10] = true, [11] = true, [12] = true,
	[16] = true }
local told = { gained = 0, put = 0, handed = 0, granted = 0, unknown = 0, refused = 0 }
local players, book, reasons, over, verified = {}, {}, {}, false, 0

local function wrong(format, ...)
	print("wrong: " .. format:format(...))
	io.stdout:flush()
end

-- by_world: a refusal of the world's, which knows what became of the act before.
local SHORT = { ["world.busy"] = true, ["world.not_here"] = true, ["world.paused"] = true }
local function by_world(reason)
	return not (SHORT[reason] or reason:find("^client%.") or reason:find("^frontend%."))
end

-- act: "done" with its answer, or "refused" with the reason; "unknown" only if that cannot be found out for a long time.
local function act(me, action, target, text, block)
	local key, open = string.unpack("<i8", net.random(8)) & math.maxinteger | 1, false
	for _ = 1, 1200 do
		local answer, why = me:try("act", action, target, text, block, key)
		if answer then return "done", answer.text or "" end
		local reason = why.reason or "?"
		reasons[reason] = (reasons[reason] or 0) + 1
		if why.status and REFUSED[why.status] and (not open or by_world(reason)) then
			told.refused = told.refused + 1
			return "refused", reason
		end
		open = true
		told.unknown = told.unknown + 1
		net.sleep(50)
	end
	wrong("%s never hears what became of %s", me.name, action)
	return "unknown"
end

-- sure: asks again and again for something that changes nothing.
local function sure(me, ...)
	for _ = 1, 600 do
		local outcome, text = act(me, ...)
		if outcome == "done" then return text end
		net.sleep(50)
	end
	wrong("%s gets no answer to %s", me.name, (...))
	return ""
end

local function gain(me)
	local outcome, text = act(me, "gain")
	if outcome == "done" then
		local n, off, tick = text:match "(%d+) (%-?%d+) (%d+)"
		n = tonumber(n)
		if not n then return wrong("%s is answered '%s'", me.name, text) end
		if n <= me.gained then wrong("%s is told of gain %d after %d: it was lost", me.name, n, me.gained) end
		if n > me.gained + 1 then wrong("%s is told of gain %d after %d: one was there twice", me.name, n, me.gained) end
		if me.off and off ~= me.off then
			wrong("%s misses ticks: %s instead of %s, between tick %s and %s: %s", me.name, off, me.off, me.tick, tick, text)
		end
		me.gained, me.off, me.tick = n, off, tick
		told.gained = told.gained + 1
	end
end

-- put: the book holds for each cell what was told to be there.
local function put(me, cell, block)
	local key = table.concat(cell, ",")
	local line = book[key] or { cell = cell, keeper = me }
	book[key] = line
	local outcome, text = act(me, "put", 0, block, cell)
	if outcome == "done" and text == "" then
		told.put = told.put + 1
		if line.is then wrong("%s is told of %s at %s, where %s is", me.name, block, key, line.is) end
		line.is = block
	elseif outcome == "done" then
		wrong("%s is answered '%s' to put", me.name, text)
	end
end

local function cell_of(me, dx)
	local self = me:try("look")
	if not self then return end
	me.n = me.n + 1
	return { math.floor(self.self.x or 0) + dx, math.floor(self.self.y or 0), math.floor(self.self.z or 0) + 4 + me.n % 8 }
end

-- contend: both want the same cell in the same tick; one gets it.
local function contend(me, other)
	local cell = cell_of(me, 2)
	if not cell then return end
	local left = 1
	net.spawn(function()
		put(other, cell, "clay")
		left = 0
	end)
	put(me, cell, "bricks")
	while left > 0 do net.sleep(5) end
end

local function hand(me, other)
	if other.me and act(me, "hand", other.me.avatar) == "done" then told.handed = told.handed + 1 end
end

local function reward(me)
	me.receipt = me.receipt + 1
	local outcome = act(me, "medal", 0, "receipt " .. me.receipt)
	if outcome == "done" then
		told.granted = told.granted + 1
		me.medals = me.medals + 1
	end
end

local function walks(me)
	local south = (me.number - 1) // 2 % 2 == 0 -- two and two together
	while not over do
		me:try("walk", me.column, south and -REACH or REACH)
		for _ = 1, 60 do
			net.sleep(100)
			if over then return end
			local answer = _ % 10 == 0 and me:try("look")
			if answer and math.abs((answer.self.y or 0) - (south and -REACH or REACH)) < 1 then break end
		end
		south = not south
	end
end

local function plays(me)
	local other, turn = players[me.number % 2 == 1 and me.number + 1 or me.number - 1], 0
	while not over do
		turn = turn + 1
		gain(me)
		if turn % 3 == 0 then
			local cell = cell_of(me, 0)
			if cell then put(me, cell, "cobble") end
		elseif turn % 5 == 0 and me.number % 2 == 1 then
			contend(me, other)
		elseif turn % 7 == 0 then
			hand(me, other)
		elseif turn % 11 == 0 and not os.getenv("NO_MEDALS") then
			reward(me)
		end
		net.sleep(40)
	end
end

-- --- afterwards -------------------------------------------------------------------------------------

local function look_at(me, lines)
	local text = {}
	for _, line in ipairs(lines) do text[#text + 1] = table.concat(line.cell, ",") end
	local names, at = sure(me, "what", 0, table.concat(text, " ")), 0
	for name in names:gmatch "%S+" do
		at = at + 1
		local line = lines[at]
		if line.is and name ~= line.is then
			wrong("%s was told of %s at %s, where %s is", me.name, line.is, text[at], name)
		elseif not line.is and name ~= "air" then
			wrong("%s is at %s, where nobody has put it", name, text[at])
		end
		verified = verified + 1
	end
	if at ~= #lines then wrong("%s sees %d of %d cells", me.name, at, #lines) end
end

-- verify: goes along its column and looks at each cell that it wrote into the book.
local function verify(me)
	local lines = {}
	for _, line in pairs(book) do
		if line.keeper == me then lines[#lines + 1] = line end
	end
	table.sort(lines, function(a, b)
		if a.cell[2] ~= b.cell[2] then return a.cell[2] < b.cell[2] end
		return a.cell[1] * 100 + a.cell[3] < b.cell[1] * 100 + b.cell[3]
	end)
	local from = 1
	while from <= #lines do
		local y, batch, to = lines[from].cell[2] + 5, {}, from
		for _ = 1, 400 do
			me:try("walk", me.column, y)
			net.sleep(150)
			local answer = me:try("look")
			if answer and math.abs((answer.self.y or 0) - y) < 2 then break end
		end
		while to <= #lines and #batch < 30 and lines[to].cell[2] <= y + 5 do
			batch[#batch + 1] = lines[to]
			to = to + 1
		end
		look_at(me, batch)
		from = to
	end
end

local function books()
	local tokens, gained = 0, 0
	for _, me in ipairs(players) do
		gain(me)
		gained = gained + me.gained
	end
	net.sleep(200)
	for _, me in ipairs(players) do tokens = tokens + tonumber(sure(me, "count")) end
	if tokens ~= gained then wrong("%d tokens are there, and %d were gained", tokens, gained) end
end

-- medals: what the item store has of them.
local function medals(me)
	local have
	for _ = 1, 100 do
		have = 0
		for _, one in ipairs(me:try("inventory") or {}) do have = have + (one.kind == "medal" and one.count or 0) end
		if have >= me.medals then break end
		net.sleep(100)
	end
	if have ~= me.medals then wrong("%s has %d medals and was told of %d", me.name, have, me.medals) end
end

local function everybody(fn)
	local left = #players
	for _, me in ipairs(players) do
		net.spawn(function()
			local ok, why = pcall(fn, me)
			if not ok then wrong("%s: %s", me.name, tostring(why)) end
			left = left - 1
		end)
	end
	return function() return left == 0 end
end

local function wait_for(ended)
	while not ended() do net.sleep(20) end
end

for i = 1, COUNT do
	local me = player()
	me.number, me.name, me.column = i, "Striker" .. string.char(64 + i), (i - COUNT / 2) * 4
	me.gained, me.n, me.receipt, me.medals = 0, 0, 0, 0
	players[i] = me
end
wait_for(everybody(function(me) me:play("striker" .. me.number, "password " .. me.number, me.name) end))
local walked, played = everybody(walks), everybody(plays)
while not io.open(story.state .. "/enough") do
	story.remember("telling", ("%d %d %d %d %d %d\n"):format(told.gained, told.put, told.handed, told.granted, told.unknown,
		told.refused))
	os.rename(story.state .. "/story.telling", story.state .. "/story.told")
	net.sleep(100)
end
over = true
wait_for(function() return walked() and played() end)
books()
wait_for(everybody(verify))
wait_for(everybody(medals))
local again = 0
for _, me in ipairs(players) do again = again + me.again end
print(("# told of %d gains, %d blocks, %d tokens handed, %d medals; %d refused; asked again %d "
	.. "times; %d cells looked at"):format(told.gained, told.put, told.handed, told.granted, told.refused, again, verified))
local lines = {}
for reason, n in pairs(reasons) do lines[#lines + 1] = n .. " " .. reason end
table.sort(lines)
print("# not done: " .. table.concat(lines, ", "))
