-- SPDX-License-Identifier: MIT
-- What comes unasked: what is seen around a player, and that his connection is lost: then he tries to come back.

local client = ...
local Player, Refusal = client.Player, client.Refusal
local ask, account, session = client.ask, client.account, client.session

local BACK_MS = 60000 -- so long a player tries to come back after his connection was lost

-- --- after a lost connection ------------------------------------------------------------------------

-- for_good: the token is good for nothing any more.
local function for_good(why)
	return why.reason == "account.resume_unknown" or why.reason == "account.resume_expired"
end

-- here: at the same front-end, if it is still there. there: where the account server says. anew: as on the first day.
local function here(self)
	local link = self:connect(self.place.host, self.place.port, 2000)
	return session(self, link, self.place, { account = self.account, resume = self.token })
end

local function there(self)
	local place = ask(account(self), "resume", { account = self.account, token = self.token }, 5000)
	return session(self, self:connect(place.host, place.port, 5000), place, { ticket = place.ticket })
end

local function anew(self)
	self:login(self.user, self.password)
	local place = self:choose(self.shard)
	return session(self, self:connect(place.host, place.port, 5000), place, { ticket = place.ticket })
end

-- forget: what was seen is told again.
local function forget(self)
	self.seen = {}
	if self.view then self.view:forget() end
end

local function come_back(self)
	if not self.game:open() then
		local ok, why = pcall(here, self)
		if not ok and not for_good(why) then
			ok, why = pcall(there, self)
		end
		if not ok and for_good(why) and self.user then
			ok, why = pcall(anew, self)
		end
		if not ok then error(why, 0) end
	end
	if self.inside then
		forget(self)
		self.me = ask(self.game, "avatar_select", { avatar = self.me.avatar })
	end
end

-- back: the connection to the front-end is lost. Tries to come back, with pauses that grow, and at random, so that all whom
-- one front-end had do not come at the same moment. Whoever asks for anything meanwhile waits.
function Player:back()
	local began, pause, turn, came = net.now(), 50, self.turn, false
	self.returning = true
	while not came and turn == self.turn and self.token and net.now() - began < BACK_MS do
		local ok, why = pcall(come_back, self)
		if ok then
			came = true
		elseif getmetatable(why) ~= Refusal then
			self.returning = false
			error(why, 0)
		elseif why.reason == "account.banned" then
			break
		else
			net.sleep(pause * (0.5 + math.random()))
			pause = math.min(pause * 2, 2000)
		end
	end
	self.returning = false
	local handler = turn == self.turn and self.on[came and "back" or "lost"]
	if handler then handler({ ms = net.now() - began }) end
end

-- --- what is seen ----------------------------------------------------------------------------------

-- see: an entity is in the cell whose message named it last.
local function see(self, entities, cell)
	for _, entity in ipairs(entities) do
		entity.cell = cell
		self.seen[entity.id] = entity
	end
end

-- delta: who goes from one cell to another may appear there before it is gone from here.
local function delta(self, message)
	for _, id in ipairs(message.gone) do
		local entity = self.seen[id]
		if entity and entity.cell == message.cell then self.seen[id] = nil end
	end
	see(self, message.appeared, message.cell)
	local places = message.places
	for i, id in ipairs(message.moved) do
		local entity, at = self.seen[id], 3 * i
		if entity and places[at] then
			entity.x, entity.y = 16 * message.x + places[at - 2] / 256, 16 * message.y + places[at - 1] / 256
			entity.z, entity.cell = places[at] / 256, message.cell
		end
	end
	for _, health in ipairs(message.healths) do
		local entity = self.seen[health.id]
		if entity then entity.health = health.health end
	end
end

function Player:arrived(name, message, link)
	if name == "cell_seen" then
		see(self, message.entities, message.cell)
	elseif name == "delta" then
		delta(self, message)
	elseif name == "cell_gone" then
		for id, entity in pairs(self.seen) do
			if entity.cell == message.cell then self.seen[id] = nil end
		end
	elseif name == "world_state" then
		self.paused = not message.running
		if self.paused then forget(self) end
	elseif name == "avatar_select" then
		-- in again, or in another part of the world, without having asked; after a pause it has been forgotten already, and
		-- some of it may have been told since
		if not self.paused then forget(self) end
		self.me = message
	elseif name == "leave_world" then
		self.inside = false
	elseif link and link == self.game and self.token then
		if name == "kick" then
			self.token = nil -- somebody else plays on
		elseif name == "closed" and not self.returning then
			net.background(self.back, self)
		end
	end
	local handler = self.on[name] or self.on["*"]
	if name == "closed" and link ~= self.game then
		return -- the account server closes when it has nothing more to say
	end
	if self.view then self.view:arrived(name, message) end
	if handler and not (self.view and self.view.open) then handler(message, name) end
end
