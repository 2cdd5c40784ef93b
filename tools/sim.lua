-- SPDX-License-Identifier: MIT
-- What a test of rules gets by require "sim". `world` is the C side (script_test.c): one world in virtual time.
local world = ...
local sim, tests = {}, {}

-- Everything here that fails says where in the test it was called.
local function fail(text, ...)
	error(text:format(...), 3)
end

local function show(value)
	return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

function sim.test(name, run)
	tests[#tests + 1] = { name = name, run = run }
end

function sim.equal(a, b) if a ~= b then fail("%s is not equal to %s", show(a), show(b)) end end
function sim.differ(a, b) if a == b then fail("both are %s", show(a)) end end
function sim.less(a, b) if not (a < b) then fail("%s is not less than %s", show(a), show(b)) end end
function sim.more(a, b) if not (a > b) then fail("%s is not more than %s", show(a), show(b)) end end
function sim.near(a, b, by) if math.abs(a - b) > (by or 0.01) then fail("%s is not near %s", show(a), show(b)) end end
function sim.truthy(a) if not a then fail("it is %s", show(a)) end end
function sim.falsy(a) if a then fail("it is %s", show(a)) end end
-- same: two handles of one entity, or equal values
function sim.same(a, b)
	if type(a) == "table" and type(b) == "table" and rawget(a, "id") and rawget(a, "id") == rawget(b, "id") then return end
	if a ~= b then fail("%s is not %s", show(a), show(b)) end
end

local units = { ms = 0.001, s = 1, m = 60, h = 3600 }
local function seconds(text)
	if type(text) == "number" then return text end
	local n, unit = tostring(text):match("^([%d.]+)(%a+)$")
	if not n or not units[unit] then fail("%s is no time: \"500ms\", \"2s\", \"5m\", \"1h\"", show(text)) end
	return tonumber(n) * units[unit]
end

-- Entities: what can be seen of one now, and what a player can do.
local entity = {}
function entity:act(name, with) return self.world:act(self, name, with) end
function entity:move(x, y) self.world.handle:move(self.id, x, y) end
function entity:chat(text) self.world.handle:chat(self.id, text, "near") end
function entity:leave() self.world.handle:leave(self.id) end
function entity:told() return self.world.texts[self.id] or {} end
-- has_been_told: true if a line with this in it was told to the player, or to all
function entity:has_been_told(part)
	for _, line in ipairs(self:told()) do if line:find(part, 1, true) then return true end end
	for _, line in ipairs(self.world.texts[0] or {}) do if line:find(part, 1, true) then return true end end
	return false
end
local meta = {
	__index = function(self, key)
		if entity[key] then return entity[key] end
		local seen = rawget(self, "world").handle:see(rawget(self, "id"))
		if key == "alive" then return seen ~= nil end
		if not seen then return nil end
		return seen[key]
	end,
	__eq = function(a, b) return rawget(a, "id") == rawget(b, "id") end,
}
local function handle(w, id) return setmetatable({ id = id, world = w }, meta) end

local methods = {}
methods.__index = methods

-- run: so much of the world's time goes by; stops early when `till` returns true.
function methods:run(time, till)
	local ticks = math.max(1, math.ceil(seconds(time) * 1000 / self.tick_ms - 0.001))
	for _ = 1, ticks do
		self.handle:tick()
		for _, out in ipairs(self.handle:outputs()) do
			if out.kind == "tell" then
				self.texts[out.id] = self.texts[out.id] or {}
				table.insert(self.texts[out.id], out.text)
			elseif out.kind == "heard" then
				table.insert(self.heard, out)
			elseif out.kind == "grant" then
				self.grants[out.name] = (self.grants[out.name] or 0) + out.count
			elseif out.kind == "answer" then
				self.answers[out.token] = out
				if out.status ~= 0 then self.refusals[out.text] = (self.refusals[out.text] or 0) + 1 end
			end
		end
		if till and till() then return true end
	end
	return false
end
function methods:player(what)
	what = what or {}
	local at = what.at or { 0, 0 }
	self.players = self.players + 1
	local id = self.players
	self.handle:enter(id, what.name or ("player" .. id), at[1] or at.x, at[2] or at.y)
	self:run(self.tick_ms / 1000)
	return handle(self, id)
end
function methods:spawn(kind, at)
	local id = self.handle:spawn(kind, at[1] or at.x, at[2] or at.y)
	if not id then error(("there is no monster %q, or no room at that place"):format(kind), 2) end
	return handle(self, id)
end
-- give: items into a bag; set: a block into a cell; granted: how many of an item the item store was asked to grant.
function methods:give(whom, item, n) self.handle:give(whom.id, item, n or 1) end
function methods:set(at, block) self.handle:set(at[1] or at.x, at[2] or at.y, at[3] or at.z, block) end
function methods:granted(item) return self.grants[item] or 0 end
-- send: an action whose answer nobody waits for.
function methods:send(player, name, with)
	with = with or {}
	local at = with.at
	self.token = self.token + 1
	self.handle:act(player.id, self.token, name, with.target and with.target.id or 0, with.text or "",
		at and (at[1] or at.x), at and (at[2] or at.y), at and (at[3] or at.z))
	return self.token
end
-- act: the player's action; runs the world until it is answered, at most 5 s of its time. The text, or nil and a reason.
function methods:act(player, name, with)
	local token = self:send(player, name, with)
	self:run(5, function() return self.answers[token] end)
	local answer = self.answers[token]
	if not answer then error("no answer within 5 s of the world's time", 2) end
	if answer.status == 0 then return answer.text end
	return nil, answer.text
end
-- refused: how often something was refused for this reason.
function methods:refused(reason) return self.refusals[reason] end
function methods:block(at) return self.handle:block(at[1] or at.x, at[2] or at.y, at[3] or at.z) end
function methods:surface(x, y) return self.handle:surface(x, y) end
function methods:digest() return self.handle:digest() end
function methods:now() return self.handle:ticks() * self.tick_ms / 1000 end
function methods:count(kind) return self.handle:count(kind) end
-- find: the entities of a kind.
function methods:find(kind)
	local found = {}
	for _, id in ipairs(self.handle:find(kind)) do found[#found + 1] = handle(self, id) end
	return found
end
-- errors: how many calls of rules have failed so far.
function methods:errors() return self.handle:errors() end
-- reload: the rules are read again, or replaced: { ["file.lua"] = text, ... }. true, or false and why not.
function methods:reload(files) return self.handle:reload(files) end

function sim.world(settings)
	settings = settings or {}
	local w = { handle = world.open(settings), texts = {}, heard = {}, answers = {}, refusals = {}, grants = {}, players = 0, token = 0,
		tick_ms = settings.tick_ms or 50 }
	return setmetatable(w, methods)
end

return sim, tests
