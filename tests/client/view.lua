-- SPDX-License-Identifier: MIT
-- The map of the client without a server: what is told becomes what is drawn, keys become requests. Prints TAP.
-- Run by view.sh.

local number, failed = 0, false
local function check(good, name, why)
	number = number + 1
	print(("%s %d - %s"):format(good and "ok" or "not ok", number, name))
	if not good then
		failed = true
		print("# " .. tostring(why or ""):gsub("\n", "\n# "))
	end
end
local function same(got, wanted, name)
	check(got == wanted, name, ("got:    %q\nwanted: %q"):format(tostring(got), tostring(wanted)))
end

-- --- messages as a server packs them ----------------------------------------------------------------

local function field(at, bytes)
	return string.char(at << 3 | 2) .. string.char(#bytes & 0x7F | 0x80, #bytes >> 7 & 0x7F | 0x80, #bytes >> 14) .. bytes
end

-- section: its kinds are places in the chunk's list; cells by cell_of(x, y, z).
local function section(kinds, cell_of)
	local cells = {}
	for n = 0, cell_of and 4095 or -1 do
		cells[n + 1] = string.char(cell_of(n % 16, n // 16 % 16, n // 256))
	end
	return field(1, field(1, string.char(table.unpack(kinds))) .. (cell_of and field(2, table.concat(cells)) or ""))
end

local KINDS = { { name = "air", glyph = 32, color = 0 }, { name = "grass", flags = 3, glyph = 34, color = 34 },
	{ name = "stone", flags = 3, glyph = 35, color = 245 }, { name = "water", flags = 16, glyph = 126, color = 27 } }

-- A chunk of 32: stone below z 4, grass at 4, water at y = 0 of it, air above; a pillar of stone at 3, 3.
local function chunk(x, y, tick)
	local bottom = section({ 0, 1, 2, 3 }, function(cx, cy, z)
		if cx == 3 and cy == 3 and z < 9 then return 2 end
		return z < 4 and 2 or z > 4 and 0 or cy == 0 and 3 or 1
	end)
	return { x = x, y = y, tick = tick or 10, height = 32, kinds = KINDS, sections = bottom .. section({ 0 }) }
end

local function new(settings)
	local calls = {}
	local me = player()
	me.me, me.inside = { avatar = 1, name = "Ann", x = 5.5, y = 5.5, z = 5, tick_ms = 50 }, true
	for _, verb in ipairs({ "walk", "act", "chat" }) do
		me[verb] = function(_, ...)
			table.insert(calls, { verb, ... })
			return { text = verb .. " done" }
		end
	end
	me.view = view(me, settings or { color = false })
	me.view.open = true
	return me.view, me, calls
end

local function tell(me, name, message)
	for _, list in ipairs({ "entities", "appeared", "moved", "places", "gone", "healths" }) do message[list] = message[list] or {} end
	me:arrived(name, message)
end

-- --- drawing ----------------------------------------------------------------------------------------

do
	local v = new()
	local lines = v:render(80, 24)
	same(#lines, 24, "24 lines")
	local wide = true
	for _, line in ipairs(lines) do wide = wide and utf8.len(line) == 80 end
	check(wide, "of 80 columns", table.concat(lines, "\n"))
	lines = v:render(20, 8)
	same(#lines, 8, "a small terminal")
	same(lines[3]:sub(11, 11), "@", "with the avatar in its middle")
end

do
	local v, me = new()
	tell(me, "chunk", chunk(0, 0))
	tell(me, "cell_seen", { cell = 1, tick = 11, entities = {
		{ id = 1, kind = "avatar", name = "Ann", x = 5.5, y = 5.5, z = 5, health = 15, health_max = 20 },
		{ id = 2, kind = "avatar", name = "bob", x = 6.2, y = 5.5, z = 5 },
		{ id = 3, kind = "Wolf", x = 5.5, y = 7.9, z = 5, health = 5, health_max = 10 } } })
	local lines = v:render(40, 14) -- 20 blocks by 9
	same(lines[6]:sub(11, 30), '" " " " " @ B " " " ', "the avatar, grass and another player")
	same(lines[4]:sub(21, 22), "w ", "a creature two blocks up")
	same(lines[8]:sub(11, 20), '" " " #^" ', "the pillar of stone, too high to step on")
	me.seen[1].z = 9
	same(v:render(40, 14)[8]:sub(11, 20), '".".".# ".', "the ground from above")
	me.seen[1].z = 5
	same(lines[6]:sub(1, 10), " " .. (" "):rep(9), "nothing where nothing is known")
	same(v:block(0, 0, 4).name, "water", "water")
	same(v:block(0, 0, 31).name, "air", "air")
	same(v:block(16, 0, 4), nil, "no block where no chunk is")
	same(lines[1]:match("%[.*"), "[########--] 15/20", "health")
	tell(me, "delta", { cell = 1, tick = 12, healths = { { id = 1, health = 1 } } })
	same(v:title(60):match("%[.*"), "[#---------] 1/20", "less health")
	local panel = v:render(80, 24)
	same(panel[2]:sub(59), "| B bob               ", "who is near")
	same(panel[3]:sub(59), "| w Wolf       [###--]", "and how well")
	-- what changed
	tell(me, "blocks", { x = 0, y = 0, tick = 11, kinds = { KINDS[3], KINDS[1] }, cells = { 4 + 16 * 5 + 256 * 5 }, cell_kinds = { 0 } })
	same(v:block(4, 5, 5).name, "stone", "a block was built")
	same(v:render(40, 14)[6]:sub(19, 20), "# ", "and is drawn")
	tell(me, "blocks", { x = 0, y = 0, tick = 9, kinds = { KINDS[1] }, cells = { 4 + 16 * 5 + 256 * 5 }, cell_kinds = { 0 } })
	same(v:block(4, 5, 5).name, "stone", "what is older than the chunk is in it already")
	tell(me, "blocks", { x = 0, y = 0, tick = 12, kinds = { KINDS[2] }, cells = { 5 + 16 * 5 + 256 * 20 }, cell_kinds = { 0 } })
	same(select(2, v:top(5, 5)), 20, "a roof over the avatar")
	same(v:roof(5, 5, 5), 19, "is looked under")
	-- who goes
	tell(me, "delta", { cell = 2, tick = 13, appeared = { { id = 3, kind = "wolf", x = 5.5, y = 7.9, z = 5 } } })
	tell(me, "delta", { cell = 1, tick = 13, gone = { 3, 2 } })
	check(me.seen[3] and not me.seen[2], "who appears elsewhere first does not go")
	tell(me, "cell_gone", { cell = 2 })
	check(not me.seen[3] and me.seen[1], "a cell goes with all in it")
	tell(me, "chunk", { x = 0, y = 0, height = 32, kinds = {}, sections = "\255\255\255" })
	check(v.lines[#v.lines]:find("cannot be read", 1, true), "a broken chunk is refused", v.lines[#v.lines])
	tell(me, "chunk", { x = 9, y = 0, height = 48, kinds = KINDS, sections = section({ 7 }) })
	same(v.chunks["9,0"], nil, "and one with too few sections")
	tell(me, "chunk", { x = 9, y = 0, height = 16, kinds = KINDS, sections = section({ 7 }) })
	same(v:top(150, 5), nil, "a kind that is not in the list is nothing")
end

do
	local sections = section({ 1 })
	-- one frame of zstd that holds the bytes as they are (RFC 8878, 3.1.1): its size, one last raw block
	local head = #sections << 3 | 1
	local frame = "\x28\xB5\x2F\xFD\x20" .. string.char(#sections) ..
		string.char(head & 255, head >> 8 & 255, head >> 16) .. sections
	local list = net.sections(frame, #sections)
	check(list and #list == 1 and list[1].kinds[1] == 1, "compressed sections")
	same(net.sections(frame:sub(1, -2), #sections), nil, "cut ones are refused")
end

do
	local v, me = new({ color = true })
	tell(me, "chunk", chunk(0, 0))
	local line = v:render(40, 14)[6]
	check(line:find("\27[38;5;34m", 1, true) and line:find("\27[0m", 1, true), "colours", line)
	me.view.color = false
	check(not table.concat(v:render(80, 24)):find("\27", 1, true), "no colours, and no orders to the terminal")
	v:say("bad \27[2Jtext\7 \u{9b}1m \u{4e00}")
	same(v.lines[#v.lines], "bad  [2Jtext  ?1m ?", "text of others gives no orders")
	v:say("not utf8 \xff \xc2\x9b")
	same(v.lines[#v.lines], "not utf8 ? ??", "nor do bytes")
	v:say("one\ntwo")
	same(v:render(80, 24)[23]:match("^%S+"), "two", "the last line stands at the bottom")
end

do
	local v, me = new()
	tell(me, "chunk", chunk(0, 0))
	me.seen[5] = { id = 5, kind = "wolf", cell = 1 }
	tell(me, "avatar_select", { avatar = 1, x = 40, y = 50, z = 6, tick_ms = 50 })
	check(not next(me.seen) and not next(v.chunks), "in another part of the world all is told anew")
	same(select(1, v:where()), 40, "and one is there")
	tell(me, "world_state", { running = false })
	check(v:title(80):find("pauses", 1, true), "the world pauses")
	tell(me, "cell_seen", { cell = 1, entities = { { id = 6, kind = "wolf" } } })
	tell(me, "avatar_select", { avatar = 1, x = 1, y = 1, z = 1 })
	tell(me, "world_state", { running = true })
	check(me.seen[6], "what was told before the avatar was in again is kept")
	for i = 1, 500 do tell(me, "chunk", chunk(i, 0)) end
	same(v.chunk_count, 400, "chunks are forgotten")
	check(v.chunks["1,0"] and not v.chunks["500,0"], "the far ones")
end

do
	local v = new()
	local function at(tick) v.tick = tick return v:clock() end
	same(at(0), "day 1, 06:00, day", "a morning")
	same(at(12000), "day 1, 18:00, day", "an evening")
	same(at(15000), "day 1, 21:00, night", "a night")
	same(at(18000), "day 2, 00:00, night", "midnight")
	same(at(24000), "day 2, 06:00, day", "the next morning")
end

-- --- keys -------------------------------------------------------------------------------------------

do
	local v, me, calls = new()
	tell(me, "chunk", chunk(0, 0))
	me.seen[1] = { id = 1, kind = "avatar", name = "Ann", x = 5.5, y = 5.5, z = 5 }
	local function press(keys)
		for i in pairs(calls) do calls[i] = nil end
		v:keys(keys)
		net.sleep(1)
		return calls[1] or {}
	end
	local function walked(keys, x, y, name)
		v.goal = nil
		local call = press(keys)
		check(call[1] == "walk" and call[2] == x and call[3] == y, name, table.concat(call, " "))
	end
	walked("\27[A", 5.5, 6.5, "up is north")
	walked("\27OB", 5.5, 4.5, "down")
	walked("h", 4.5, 5.5, "west")
	walked("l", 6.5, 5.5, "east")
	v.goal = nil
	press("lll")
	same(v.goal[1], 8.5, "keys pressed one after the other add up")
	press("llllllll")
	same(v.goal[1], 8.5, "but not without end")
	local function acted(keys, what, target, bx, by, bz, name)
		local call = press(keys)
		local block = call[5] or {}
		check(call[1] == "act" and call[2] == what and call[3] == target and block[1] == bx and block[2] == by and
			block[3] == bz, name, table.concat({ call[1] or "nothing", tostring(call[2]), tostring(call[3]),
			tostring(block[1]), tostring(block[2]), tostring(block[3]) }, " "))
	end
	v.facing = { 1, 0 }
	acted("m", "mine", 0, 6, 5, 4, "mines the ground before it when nothing stands there")
	acted("b", "build", 0, 6, 5, 5, "builds on it")
	tell(me, "blocks", { x = 0, y = 0, tick = 20, kinds = { KINDS[3] }, cells = { 6 + 16 * 5 + 256 * 5 }, cell_kinds = { 0 } })
	acted("m", "mine", 0, 6, 5, 5, "mines what stands before it")
	acted("b", "build", 0, 6, 5, 6, "builds on top of it")
	press("a")
	check(v.lines[#v.lines]:find("nobody is near", 1, true), "attacks nobody", v.lines[#v.lines])
	acted("g", "gather", 0, 6, 5, 5, "gathers the block before it")
	me.seen[7] = { id = 7, kind = "wolf", x = 9, y = 5, z = 5, health = 3, health_max = 3 }
	me.seen[8] = { id = 8, kind = "wolf", x = 7, y = 5, z = 5, health = 3, health_max = 3 }
	me.seen[9] = { id = 9, kind = "avatar", name = "Bob", x = 6, y = 5, z = 5, health = 3, health_max = 3 }
	me.seen[10] = { id = 10, kind = "item", x = 8, y = 5, z = 5 }
	me.seen[11] = { id = 11, kind = "item", x = 90, y = 5, z = 5 }
	acted("a", "attack", 8, nil, nil, nil, "attacks the nearest that is no player")
	acted("g", "gather", 10, 6, 5, 5, "gathers what lies near")
	same(v.lines[#v.lines], "act done", "and is told")
	press("thello\127p\xc3\xa4")
	check(v:render(80, 24)[24]:find("^say: hellp\u{e4}_"), "a line is typed", v:render(80, 24)[24])
	local call = press("\r")
	check(call[1] == "chat" and call[2] == "hellp\u{e4}", "and said")
	call = press(":act craft wooden pick\r")
	check(call[1] == "act" and call[2] == "craft" and call[3] == 0 and call[4] == "wooden pick", "a verb with words is typed")
	call = press(":act wave 7\r")
	check(call[2] == "wave" and math.tointeger(call[3]) == 7 and not call[4], "or with a number", table.concat(call, " "))
	me.inventory = function() return { { bag = "mail", kind = "hat.golden", id = 9 } } end
	for _, verb in ipairs({ "bag", "inventory" }) do
		local plain, said = print, {}
		print = function(line) table.insert(said, line) end
		press(":" .. verb .. "\r")
		print = plain
		same(table.concat(said, "\n"), "carried in the world: act done\nkept by the item store:\n  mail   1x hat.golden   9  (take 9)", verb .. " shows both")
	end
	press("tq\27")
	check(not v.input and not v.ended, "or not")
	press("?")
	check(v:render(80, 24)[2]:find("arrows", 1, true), "help")
	press("x")
	check(not v.help, "goes with any key")
	press("q")
	check(v.ended, "q ends it")
end

print("1.." .. number)
if failed then error("a check failed") end
