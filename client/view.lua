-- SPDX-License-Identifier: MIT
-- The world as a map in a terminal: who is where, and how it is drawn. Drawing is a function of what is known:
-- view:render(columns, rows) returns the lines of the screen. blocks.lua knows the ground, keys.lua what keys do.

local client = ...
local View = {}
View.__index = View

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
	if not self:known(x, y) then
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

client.View = View
