-- SPDX-License-Identifier: MIT
-- The ground as the server has told it: chunks of 16 x 16 columns, and what has changed in them since.

local client = ...
local View = client.View

local CHUNKS_MAX = 400 -- kept at once: those far away are forgotten

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

-- known: whether anything was told of a column.
function View:known(x, y)
	return self.chunks[key(x // 16, y // 16)] ~= nil
end
