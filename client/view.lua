-- SPDX-License-Identifier: MIT
-- The world as a map in a terminal: what is known of it, how it is drawn, and what keys do. Drawing is a function of what
-- is known: view:render(columns, rows) returns the lines of the screen.

local View = {}
View.__index = View

local CHUNKS_MAX = 400 -- kept at once: those far away are forgotten
local LINES = 3 -- of text at the bottom
local LINES_KEPT = 100
local DAY_MS = 20 * 60 * 1000 -- of the world's own time; it begins at six in the morning
local REACH = 16 -- blocks: whom `a` and `g` look for
local FULL, LIQUID = 2, 16 -- flags of kinds of blocks
local PANEL = 22 -- columns of the list beside the map, where there is room for it

local HELP = {
	"arrows, hjkl   walk, and look that way",
	"m              mine the block before you",
	"b              build a block there",
	"a              attack whoever is nearest",
	"g              gather what lies near, or grows before you",
	"t              say something",
	":              type a verb: inventory, offers, buy OFFER, act NAME ...",
	"?              this list",
	"q              leave the world and quit",
	"",
	"@ is you; capital letters are other players, small ones creatures and things.",
	"^ marks ground too high to step on, . a drop.",
}
local HINT = "arrows move  m mine  b build  a attack  g gather  t say  : verb  ? help  q quit"

-- clean: text of others, one column for each letter, and nothing that a terminal takes for an order.
function clean(text)
	local out = {}
	for _, code in utf8.codes(utf8.len(text) and text or (text:gsub("[\x80-\xff]", "?"))) do
		local strange = code < 32 or code >= 127 and code < 160 or code >= 0x300 and code < 0x370 or code >= 0x1100
		out[#out + 1] = strange and (code < 32 and " " or "?") or utf8.char(code)
	end
	return table.concat(out)
end

local function width(text)
	return utf8.len(text) or #text
end

-- fit: exactly so many columns.
local function fit(text, columns)
	local len = width(text)
	if len > columns then
		return text:sub(1, utf8.offset(text, columns + 1) - 1)
	end
	return text .. (" "):rep(columns - len)
end

-- view: `me` is the player; settings.color = false draws without colours.
function view(me, settings)
	settings = settings or {}
	return setmetatable({
		me = me,
		color = settings.color ~= false,
		kinds = {}, -- of blocks, by name
		chunks = {}, chunk_count = 0,
		lines = {},
		facing = { 0, 1 },
		tick = 0,
		dirty = true,
	}, View)
end

function View:say(text)
	for line in (tostring(text) .. "\n"):gmatch("(.-)\n") do
		table.insert(self.lines, clean(line))
	end
	while #self.lines > LINES_KEPT do table.remove(self.lines, 1) end
	self.dirty = true
end

-- --- blocks -----------------------------------------------------------------------------------------

local function key(cx, cy)
	return cx .. "," .. cy
end

function View:kind(told)
	local name = told.name or "?"
	local kind = self.kinds[name] or { name = name, air = name == "air" }
	local glyph = told.glyph or 63
	kind.flags, kind.color = told.flags or 0, told.color or 7
	kind.sign = clean(utf8.char(glyph <= 0x10FFFF and glyph or 63))
	self.kinds[name] = kind
	return kind
end

local function kinds_of(self, message)
	local list = {}
	for i, told in ipairs(message.kinds) do list[i] = self:kind(told) end
	return list
end

-- forget_far: one chunk more than fits: the one that is farthest away goes.
function View:forget_far()
	local x, y = self:where()
	local worst, worst_far = nil, -1
	for name, chunk in pairs(self.chunks) do
		local far = math.max(math.abs(chunk.x * 16 + 8 - x), math.abs(chunk.y * 16 + 8 - y))
		if far > worst_far then worst, worst_far = name, far end
	end
	self.chunks[worst] = nil
	self.chunk_count = self.chunk_count - 1
end

function View:chunk(message)
	local sections = net.sections(message.sections or "", message.unpacked_len or 0)
	local height = message.height or 0
	if not sections or #sections * 16 ~= height then
		return self:say("* the server sent a chunk that cannot be read")
	end
	local name = key(message.x or 0, message.y or 0)
	if not self.chunks[name] then self.chunk_count = self.chunk_count + 1 end
	self.chunks[name] = { x = message.x or 0, y = message.y or 0, tick = message.tick or 0, height = height,
		kinds = kinds_of(self, message), sections = sections, changed = {}, touched = {}, tops = {} }
	if self.chunk_count > CHUNKS_MAX then self:forget_far() end
end

function View:blocks(message)
	local chunk = self.chunks[key(message.x or 0, message.y or 0)]
	if not chunk or (message.tick or 0) <= chunk.tick then return end
	local kinds = kinds_of(self, message)
	for i, cell in ipairs(message.cells) do
		chunk.changed[cell] = kinds[(message.cell_kinds[i] or -1) + 1]
		chunk.touched[cell // 4096] = true
		chunk.tops[cell % 256] = nil
	end
end

local function kind_in(chunk, n, z)
	local cell = n + 256 * z
	local section = chunk.sections[z // 16 + 1]
	if chunk.changed[cell] then return chunk.changed[cell] end
	if not section then return nil end
	local count, place, at = #section.kinds, 0, cell % 4096
	if count > 256 then
		local low, high = (section.cells or ""):byte(at * 2 + 1, at * 2 + 2)
		place = (low or 0) + 256 * (high or 0)
	elseif count > 1 then
		place = (section.cells or ""):byte(at + 1) or 0
	end
	return chunk.kinds[(section.kinds[place + 1] or -1) + 1]
end

-- block: the kind in a cell; nil where nothing is known.
function View:block(x, y, z)
	local chunk = self.chunks[key(x // 16, y // 16)]
	if not chunk or z < 0 or z >= chunk.height then return nil end
	return kind_in(chunk, x % 16 + 16 * (y % 16), z)
end

-- top: the highest block of a column that is not above `limit` (nil: any), and its z. Nil where nothing is known.
function View:top(x, y, limit)
	local chunk = self.chunks[key(x // 16, y // 16)]
	if not chunk then return nil end
	local n = x % 16 + 16 * (y % 16)
	if not limit and chunk.tops[n] then return chunk.tops[n][1], chunk.tops[n][2] end
	local z = math.min(chunk.height - 1, limit or chunk.height)
	while z >= 0 do
		local section = chunk.sections[z // 16 + 1]
		local only = #section.kinds == 1 and not chunk.touched[z // 16] and chunk.kinds[section.kinds[1] + 1]
		if only and only.air then
			z = z // 16 * 16 - 1
		else
			local kind = kind_in(chunk, n, z)
			if kind and not kind.air then
				if not limit then chunk.tops[n] = { kind, z } end
				return kind, z
			end
			z = z - 1
		end
	end
	return nil
end

-- --- what is where ----------------------------------------------------------------------------------

-- where: the avatar's x, y, z.
function View:where()
	local me = self.me.me or {}
	local e = self.me.seen[me.avatar or 0] or me
	return e.x or 0, e.y or 0, e.z or 0
end

-- forget: what was seen is told again.
function View:forget()
	self.chunks, self.chunk_count, self.dirty = {}, 0, true
end

-- roof: how far up the map looks: below what is over the avatar's head.
function View:roof(x, y, z)
	for above = z + 2, 255 do
		local kind = self:block(x, y, above)
		if not kind then return nil end
		if kind.flags & FULL ~= 0 then return above - 1 end
	end
end

local function letter(entity)
	if entity.kind == "avatar" then
		return clean(entity.name or "?"):sub(1, 1):upper()
	end
	return clean(entity.kind or "?"):sub(1, 1):lower()
end

-- around: others, the nearest first.
function View:around()
	local x, y = self:where()
	local list = {}
	for id, e in pairs(self.me.seen) do
		if not (self.me.me and id == self.me.me.avatar) then
			list[#list + 1] = { e = e, far = math.max(math.abs((e.x or 0) - x), math.abs((e.y or 0) - y)) }
		end
	end
	table.sort(list, function(a, b) return a.far < b.far or a.far == b.far and a.e.id < b.e.id end)
	return list
end

function View:nearest(wanted)
	for _, one in ipairs(self:around()) do
		if one.far <= REACH and wanted(one.e) then return one.e end
	end
end

-- before: the block that the avatar looks at: for mining what stands in the way, else the ground there; for building the
-- lowest free one.
function View:before(free)
	local x, y, z = self:where()
	local bx, by, bz = math.floor(x) + self.facing[1], math.floor(y) + self.facing[2], math.floor(z)
	for _, dz in ipairs(free and { -1, 0, 1 } or { 0, 1, -1, -2 }) do
		local kind = self:block(bx, by, bz + dz)
		if kind and (kind.air or kind.flags & LIQUID ~= 0) == (free or false) then return bx, by, bz + dz end
	end
	return bx, by, bz
end

-- --- drawing ----------------------------------------------------------------------------------------

local function bar(have, most, columns)
	local full = most > 0 and math.min(columns, math.ceil(columns * have / most)) or 0
	return "[" .. ("#"):rep(full) .. ("-"):rep(columns - full) .. "]"
end

function View:clock()
	local ms = self.tick * ((self.me.me or {}).tick_ms or 50)
	local minutes = (ms % DAY_MS) * 1440 // DAY_MS + 360
	local hour = minutes // 60 % 24
	return ("day %d, %02d:%02d, %s"):format((ms + DAY_MS // 4) // DAY_MS + 1, hour, minutes % 60,
		(hour < 6 or hour >= 20) and "night" or "day")
end

function View:title(columns)
	local me = self.me.me or {}
	local x, y, z = self:where()
	local self_seen = self.me.seen[me.avatar or 0] or {}
	local left = ("%s  %d, %d, %d  %s"):format(clean(me.name or "?"), math.floor(x), math.floor(y), math.floor(z),
		self:clock())
	local right = self.me.paused and "the world pauses" or ""
	if (self_seen.health_max or 0) > 0 then
		right = ("%s %d/%d"):format(bar(self_seen.health or 0, self_seen.health_max, 10), self_seen.health or 0,
			self_seen.health_max)
	end
	return fit(left, columns - width(right) - 1) .. " " .. right
end

-- Signs of the map by "row,column": those who are there.
function View:signs(left, top, wide, tall)
	local signs, list = {}, self:around()
	for i = #list, 1, -1 do -- the nearest is drawn over the others
		local e = list[i].e
		local column, row = math.floor(e.x or 0) - left, top - math.floor(e.y or 0)
		if column >= 0 and column < wide and row >= 0 and row < tall then
			signs[row * wide + column] = { letter(e), e.kind == "avatar" and 14 or 11 }
		end
	end
	return signs
end

-- paint: signs and their colours as one line; nil = as the terminal draws.
function View:paint(cells)
	local out, last = {}, false
	for i, cell in ipairs(cells) do
		local color = self.color and cell[2] or false
		if color ~= last then
			out[#out + 1] = color and ("\27[38;5;%dm"):format(color) or "\27[0m"
			last = color
		end
		out[#out + 1] = cell[1]
	end
	return table.concat(out) .. (last and "\27[0m" or "")
end

-- ground: the sign of a place, and beside it whether it is too high to step on ('^') or a drop ('.'), for whom stands at
-- `feet`.
function View:ground(x, y, feet, limit)
	if not self.chunks[key(x // 16, y // 16)] then
		return { x % 4 == 0 and y % 4 == 0 and ". " or "  ", 8 } -- unknown; the dots show that one moves
	end
	local kind, z = self:top(x, y, limit)
	if not kind then return { "  ", nil } end
	local step = z + 1 - feet
	return { kind.sign .. (step >= 2 and "^" or step <= -2 and "." or " "), kind.color }
end

function View:map(columns, rows)
	local x, y, z = self:where()
	x, y, z = math.floor(x), math.floor(y), math.floor(z)
	local wide = columns // 2
	local left, top = x - wide // 2, y + rows // 2
	local signs, limit, lines = self:signs(left, top, wide, rows), self:roof(x, y, z), {}
	signs[(top - y) * wide + x - left] = { "@", 15 }
	for row = 0, rows - 1 do
		local cells = {}
		for column = 0, wide - 1 do
			local sign = signs[row * wide + column]
			cells[column + 1] = sign and { sign[1] .. " ", sign[2] } or
				self:ground(left + column, top - row, z, limit)
		end
		lines[row + 1] = self:paint(cells) .. (" "):rep(columns - wide * 2)
	end
	return lines
end

-- panel: who is near, as lines of PANEL columns.
function View:panel(rows)
	local lines = {}
	for i, one in ipairs(self:around()) do
		if i > rows then break end
		local e = one.e
		local name = clean(e.name or e.kind or "?")
		lines[i] = fit(letter(e) .. " " .. name, 12) ..
			((e.health_max or 0) > 0 and " " .. bar(e.health or 0, e.health_max, 5) or "")
	end
	for i = 1, rows do lines[i] = "| " .. fit(lines[i] or "", PANEL - 2) end
	return lines
end

-- render: the screen as `rows` lines of `columns` columns, colours not counted.
function View:render(columns, rows)
	local tall = math.max(1, rows - LINES - 2)
	local side = columns >= 60 + PANEL - 2 and self:panel(tall) or nil
	local lines = { fit(self:title(columns), columns) }
	local map = self:map(side and columns - PANEL or columns, tall)
	for i = 1, tall do
		local help = self.help and HELP[i]
		lines[#lines + 1] = help and fit("  " .. help, columns) or map[i] .. (side and side[i] or "")
	end
	for i = 1, LINES do
		lines[#lines + 1] = fit(self.lines[#self.lines - LINES + i] or "", columns)
	end
	lines[#lines + 1] = fit(self.input and self.input.prompt .. clean(self.input.text) .. "_" or HINT, columns)
	return lines
end

-- --- doing ------------------------------------------------------------------------------------------

-- try: a verb whose refusal is a line of text.
function View:try(verb, ...)
	local ok, answer = pcall(self.me[verb], self.me, ...)
	if not ok then
		self:say(tostring(answer))
	end
	return ok and answer or nil
end

-- step: one block further; pressed again and again the goal stays a little ahead. One request is on its way at a time.
function View:step(dx, dy)
	local x, y = self:where()
	local now, from = net.now(), { math.floor(x) + 0.5, math.floor(y) + 0.5 }
	self.facing, self.dirty = { dx, dy }, true
	if self.goal and now - self.goal_at < 400 then from = self.goal end
	self.goal, self.goal_at = { from[1] + dx, from[2] + dy }, now
	for i, here in ipairs({ x, y }) do
		self.goal[i] = math.max(here - 3, math.min(here + 3, self.goal[i]))
	end
	self.wanted = self.goal
	if self.walking then return end
	self.walking = true
	net.spawn(function()
		while self.wanted do
			local goal = self.wanted
			self.wanted = nil
			self:try("walk", goal[1], goal[2])
		end
		self.walking = false
	end)
end

function View:act(action, target, bx, by, bz)
	net.spawn(function()
		local answer = self:try("act", action, target, nil, bx and { bx, by, bz } or nil)
		if answer and answer.text and answer.text ~= "" then self:say(answer.text) end
	end)
end

function View:attack()
	local whom = self:nearest(function(e) return e.kind ~= "avatar" and (e.health_max or 0) > 0 end)
	if whom then
		self:act("attack", whom.id)
	else
		self:say("nobody is near whom you could attack")
	end
end

function View:gather()
	local what = self:nearest(function(e) return e.kind ~= "avatar" and (e.health_max or 0) == 0 end)
	self:act("gather", what and what.id or 0, self:before())
end

function View:ask(prompt_text, done)
	self.input = { prompt = prompt_text, text = "", done = done }
end

local MOVES = {
	["\27[A"] = { 0, 1 }, ["\27OA"] = { 0, 1 }, k = { 0, 1 }, ["\27[B"] = { 0, -1 }, ["\27OB"] = { 0, -1 }, j = { 0, -1 },
	["\27[C"] = { 1, 0 }, ["\27OC"] = { 1, 0 }, l = { 1, 0 }, ["\27[D"] = { -1, 0 }, ["\27OD"] = { -1, 0 }, h = { -1, 0 },
}

local KEYS = {
	m = function(self) self:act("mine", 0, self:before(false)) end,
	b = function(self) self:act("build", 0, self:before(true)) end,
	a = View.attack,
	g = View.gather,
	t = function(self)
		self:ask("say: ", function(text) net.spawn(function() self:try("chat", text) end) end)
	end,
	[":"] = function(self)
		self:ask(":", function(line)
			net.spawn(function()
				if not prompt(self.me, line) then self.ended = true end
			end)
		end)
	end,
	["?"] = function(self) self.help = not self.help end,
	q = function(self) self.ended = true end,
	["\3"] = function(self) self.ended = true end,
	["\12"] = function(self) self.drawn = nil end,
}

local function typed(self, one)
	local input = self.input
	if one == "\r" or one == "\n" then
		self.input = nil
		if input.text ~= "" then input.done(input.text) end
	elseif one == "\27" or one == "\3" then
		self.input = nil
	elseif one == "\127" or one == "\8" then
		local last = utf8.offset(input.text, -1)
		input.text = last and input.text:sub(1, last - 1) or ""
	elseif #one == 1 and one >= " " and #input.text < 500 then
		input.text = input.text .. one
	end
end

-- keys: what was pressed, as bytes of the terminal.
function View:keys(bytes)
	local at = 1
	while at <= #bytes do
		local one = bytes:match("^\27[%[O][%d;]*[%a~]", at) or bytes:sub(at, at)
		at = at + #one
		self.dirty = true
		if self.input then
			typed(self, one)
		elseif self.help and one ~= "q" then
			self.help = false
		elseif MOVES[one] then
			self:step(MOVES[one][1], MOVES[one][2])
		elseif KEYS[one] then
			KEYS[one](self)
		end
	end
end

-- --- messages ---------------------------------------------------------------------------------------

local SAID = {
	heard = function(m) return ("%s: %s"):format(m.name or "?", m.text or "") end,
	system = function(m) return "* " .. (m.text or "") end,
	leave_world = function() return "* you are out of the world" end,
	world_state = function(m) return m.running and "* the world goes on" or "* the world pauses" end,
	closed = function() return "* the connection is lost; wait" end,
	back = function() return "* you are back" end,
	lost = function() return "* there is no way back; start again" end,
	kick = function(m) return "* kicked: " .. (m.reason or "") end,
}

-- arrived: called by the player for every message that comes unasked, after it has dealt with it itself.
function View:arrived(name, message)
	self.dirty = true
	if name == "chunk" then
		self:chunk(message)
	elseif name == "blocks" then
		self:blocks(message)
	elseif message.tick and message.tick > self.tick then
		self.tick = message.tick
	end
	if self.open and SAID[name] then self:say(SAID[name](message)) end
end

-- --- the terminal -----------------------------------------------------------------------------------

-- draw: writes the lines that have changed since the last time.
function View:draw()
	local columns, rows = net.size()
	if self.columns ~= columns or self.rows ~= rows then
		self.columns, self.rows, self.drawn = columns, rows, nil
	end
	local lines, out = self:render(columns, rows), {}
	if not self.drawn then out[1] = "\27[0m\27[2J" end
	for i, line in ipairs(lines) do
		if not self.drawn or self.drawn[i] ~= line then
			out[#out + 1] = ("\27[%d;1H%s"):format(i, line)
		end
	end
	self.drawn, self.dirty = lines, false
	if #out > 0 then io.stdout:write(table.concat(out)):flush() end
end

-- show: takes the terminal over until the player quits.
function View:show()
	local plain_print = print
	local columns, rows = net.size()
	if columns < 20 or rows < 8 or not net.screen(true) then
		return print("this terminal is too small for the map, or none at all")
	end
	self.open, self.drawn = true, nil
	print = function(...)
		local words = table.pack(...)
		for i = 1, words.n do words[i] = tostring(words[i]) end
		self:say(table.concat(words, " "))
	end
	function net.keyed(bytes) self:keys(bytes) end
	local ok, why = pcall(function()
		while not self.ended do
			local now_columns, now_rows = net.size()
			if self.dirty or now_columns ~= self.columns or now_rows ~= self.rows then self:draw() end
			net.sleep(40)
		end
	end)
	self.open = false
	print = plain_print
	net.screen(false)
	net.quit = true
	if not ok then error(why, 0) end -- with the terminal as it was, so that it can be read
end
