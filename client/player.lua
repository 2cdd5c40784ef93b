-- SPDX-License-Identifier: MIT
-- The verbs of a player: what `troupe client` types and what scripts call. Every verb waits for its answer; one that
-- is refused raises an error whose `reason` says why. player:try(verb, ...) returns nil and that error instead.
--
-- The files of the client share the table `client`, which each gets as its argument (scripts.c has their order).

local client = ...
local ACT_MS = 10000 -- so long an act is asked for again
local Player = {}
Player.__index = Player

local Refusal = {}
Refusal.__index = Refusal
Refusal.__tostring = function(self)
	return ("%s refused: %s"):format(self.request, client.words(self))
end

-- The account server to talk to, and what to do with messages that come unasked.
function player(settings)
	settings = settings or {}
	return setmetatable({
		host = settings.host or net.host or "127.0.0.1",
		port = settings.port or net.port or 9340,
		on = settings.on or {},
		seen = {}, -- entities around, by id
		seq = 0,
		turn = 0, -- of its sessions
		again = 0, -- times that an act was asked for again
	}, Player)
end

local function refuse(request, why)
	if type(why) ~= "table" then
		why = { reason = "client.failed", text = tostring(why) }
	end
	why.request = request
	error(setmetatable(why, Refusal), 0)
end

local function ask(link, request, message, timeout)
	if not link then
		refuse(request, { reason = "client.offline", text = "log in and enter a shard first" })
	end
	local answer, why = link:request(request, message, timeout)
	if not answer then
		refuse(request, why)
	end
	return answer
end

function Player:connect(host, port, timeout)
	local link, why
	link, why = net.connect(host, port, function(name, message) self:arrived(name, message, link) end, timeout)
	if not link then
		refuse("connect", { reason = "client.connect", text = ("%s:%d: %s"):format(host, port, why) })
	end
	ask(link, "hello", { protocol = 1, client_version = "troupe client" })
	return link
end

local function account(self)
	if not (self.base and self.base:open()) then
		self.base = self:connect(self.host, self.port)
	end
	return self.base
end

-- game: the connection to the front-end; while the player is on his way back to one, it waits.
local function game(self)
	while self.returning do net.sleep(10) end
	return self.game
end

local function code(request, answer)
	if answer.code ~= "LOGIN_SUCCESS" then
		refuse(request, { reason = answer.code, retry_ms = answer.retry_ms })
	end
	return answer
end

function Player:register(user, password)
	return code("register", ask(account(self), "register", { user = user, password = password }))
end

function Player:login(user, password)
	local answer = code("login", ask(account(self), "login", { user = user, password = password }))
	self.user, self.password = user, password
	return answer
end

function Player:shards()
	return ask(self.base, "shards").shards
end

-- enter: asks for a place in the shard, then connects to the front-end that it names, with the ticket.
function Player:choose(shard)
	return ask(self.base, "choose", { name = shard })
end

-- session: enters with a ticket or a token, over a link to this place; keeps what it takes to come back.
local function session(self, link, place, message)
	local turn = self.turn
	local answer = ask(link, "enter", message)
	if turn ~= self.turn then
		link:close()
		refuse("enter", { reason = "client.overtaken", text = "the player has begun another session meanwhile" })
	end
	if self.game and self.game ~= link then
		self.game:close()
	end
	self.game, self.place, self.account, self.token, self.shard = link, place, answer.account, answer.resume, answer.shard
	return answer
end

function Player:redeem(place)
	self.turn, self.token, self.inside = self.turn + 1, nil, false
	return session(self, self:connect(place.host, place.port), place, { ticket = place.ticket })
end

function Player:enter(shard)
	if not shard then
		local first = self:shards()[1]
		shard = first and first.name or refuse("enter", { reason = "client.no_shard", text = "no shard is up" })
	end
	return self:redeem(self:choose(shard))
end

function Player:avatars()
	return ask(game(self), "avatar_list").avatars
end

function Player:avatar_create(name)
	return ask(game(self), "avatar_create", { name = name }).avatar
end

function Player:avatar_delete(id)
	return ask(game(self), "avatar_delete", { avatar = math.tointeger(id) })
end

-- avatar: enters the world as the avatar of this name, and makes it if there is none.
function Player:avatar(name)
	local found
	for _, one in ipairs(self:avatars()) do
		if one.name:lower() == name:lower() then
			found = one
		end
	end
	found = found or self:avatar_create(name)
	return self:select(found.id)
end

function Player:select(id)
	self.me = ask(game(self), "avatar_select", { avatar = math.tointeger(id) })
	self.inside = true
	return self.me
end

function Player:leave()
	local answer = ask(game(self), "leave_world")
	self.inside = false
	return answer
end

function Player:walk(x, y)
	self.seq = self.seq + 1
	return ask(game(self), "move", { seq = self.seq, x = tonumber(x), y = tonumber(y) })
end

function Player:look()
	return ask(game(self), "look")
end

-- unknown: it may have happened, or not.
local function unknown(why)
	local status = why.status or 0
	return status == 1 or status == 2 or status == 4 or status >= 13 and status <= 15
end

-- short_of: the request did not come as far as the world, which knows what became of an act that was asked for before.
local SHORT = { ["world.busy"] = true, ["world.not_here"] = true, ["world.paused"] = true }
local function short_of(why)
	local reason = why.reason or ""
	return SHORT[reason] or reason:find("^client%.") or reason:find("^frontend%.")
end

-- act: on an entity, or on a block { x, y, z }. One key for one intent: while it is unknown whether it was done, the same request
-- is sent again, for 10 s; it is done once.
function Player:act(action, target, text, block, key)
	local message = { action = action, target = math.tointeger(target or 0), text = text, bx = block and block[1],
		by = block and block[2], bz = block and block[3],
		key = math.tointeger(key) or string.unpack("<i8", net.random(8)) & math.maxinteger | 1 }
	local deadline, open = net.now() + ACT_MS, nil
	repeat
		local link = game(self)
		if not link then refuse("act", { reason = "client.offline", text = "log in and enter a shard first" }) end
		local answer, why = link:request("act", message)
		if answer then return answer end
		if not (unknown(why) or open and short_of(why)) then refuse("act", why) end
		open = unknown(why) and why or open
		net.sleep(200)
		self.again = self.again + 1
	until net.now() > deadline or not (self.returning or self.game:open())
	refuse("act", open)
end

function Player:chat(text, channel)
	return ask(game(self), "chat", { text = text, channel = channel })
end

function Player:offers()
	return ask(game(self), "offers").offers
end

function Player:balance()
	return ask(game(self), "balance").balances
end

-- buy: one key for one intent; the same request is sent again until the order has ended or 30 s have passed.
function Player:buy(offer, price, key)
	if not price then
		for _, one in ipairs(self:offers()) do
			price = one.id == offer and one.price or price
		end
		price = price or refuse("buy", { reason = "mall.unknown_offer", text = "no offer '" .. offer .. "'" })
	end
	key = key or net.random(16)
	local deadline = net.now() + 30000
	repeat
		local link = game(self)
		if not link then refuse("buy", { reason = "client.offline", text = "log in and enter a shard first" }) end
		local answer, why = link:request("buy", { key = key, offer = offer, price = math.tointeger(price), avatar = self.me.avatar })
		local order = answer and answer.order
		if order and (order.state == "GRANTED" or order.state == "DONE") then
			return order
		elseif order and (order.state == "REJECTED" or order.state == "FAILED") then
			refuse("buy", { reason = order.reason, order = order })
		elseif why and not unknown(why) then
			refuse("buy", why)
		end
		net.sleep(200)
	until net.now() > deadline or not (self.returning or self.game:open())
	refuse("buy", { reason = "client.pending", text = "the order goes on; ask again with the same key", key = key })
end

function Player:order(key)
	return ask(game(self), "order", { key = key }).order
end

function Player:cancel(key)
	return ask(game(self), "cancel", { key = key }).order
end

function Player:inventory()
	return ask(game(self), "inventory", { avatar = self.me and self.me.avatar }).items
end

function Player:take(id)
	return ask(game(self), "take", { avatar = self.me.avatar, item = math.tointeger(id) }).item
end

function Player:echo(body)
	return ask(game(self), "echo", { body = body }).body
end

function Player:ping()
	return ask(game(self) or self.base, "ping", { time = math.floor(net.now()) })
end

-- close: out of the world and away, for good. An avatar whose connection is just lost would stay there for a while.
function Player:close()
	self.turn, self.token = self.turn + 1, nil
	if self.inside and self.game:open() then
		self.game:request("leave_world", {}, 1000)
		self.inside = false
	end
	for _, link in ipairs({ self.game or false, self.base or false }) do
		if link then link:close() end
	end
end

-- play: everything from nothing: register if the name is new, log in, enter, be the avatar.
function Player:play(user, password, avatar)
	local ok, why = self:try("register", user, password)
	if not ok and why.reason ~= "NAME_TAKEN" then
		error(why, 0)
	end
	self:login(user, password)
	self:enter()
	return self:avatar(avatar or user)
end

-- try: nil and the refusal instead of an error.
function Player:try(verb, ...)
	local result = table.pack(pcall(self[verb], self, ...))
	if result[1] then
		return table.unpack(result, 2, result.n)
	elseif getmetatable(result[2]) == Refusal then
		return nil, result[2]
	end
	error(result[2], 0)
end

-- refused: the verb must be refused with this reason; anything else is an error.
function Player:refused(reason, verb, ...)
	local answer, why = self:try(verb, ...)
	if answer ~= nil then
		error(("%s was accepted, but '%s' was expected"):format(verb, reason), 2)
	elseif why.reason ~= reason then
		error(("%s was refused with '%s', but '%s' was expected"):format(verb, why.reason, reason), 2)
	end
	return why
end

-- wait_for: waits until a message of this name comes for which check(message) is true; an error after timeout_ms.
function Player:wait_for(name, check, timeout_ms)
	local deadline, found = net.now() + (timeout_ms or 5000), nil
	local before = self.on[name]
	self.on[name] = function(message)
		if before then before(message) end
		if not found and (not check or check(message)) then found = message end
	end
	while not found do
		if net.now() > deadline then
			self.on[name] = before
			error(("no '%s' came in time"):format(name), 2)
		end
		net.sleep(5)
	end
	self.on[name] = before
	return found
end

client.Player, client.Refusal = Player, Refusal
client.ask, client.account, client.session = ask, account, session
