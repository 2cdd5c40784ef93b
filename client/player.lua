-- SPDX-License-Identifier: MIT
-- The verbs of a player: what `troupe client` types and what scripts call. Every verb waits for its answer; one that
-- is refused raises an error whose `reason` says why. player:try(verb, ...) returns nil and that error instead.

local BACK_MS = 60000 -- so long a player tries to come back after his connection was lost

local Player = {}
Player.__index = Player

local Refusal = {}
Refusal.__index = Refusal
Refusal.__tostring = function(self)
	local text = self.text and self.text ~= "" and self.text ~= self.reason and (" (" .. self.text .. ")") or ""
	return ("%s refused: %s%s"):format(self.request, self.reason or "?", text)
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

-- act: on an entity, or on a block { x, y, z }.
function Player:act(action, target, text, block)
	return ask(game(self), "act", { action = action, target = math.tointeger(target or 0), text = text,
		bx = block and block[1], by = block and block[2], bz = block and block[3] })
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
		elseif why and not (why.status == 1 or why.status == 2 or why.status == 4 or why.status >= 13 and why.status <= 15) then
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
	for _, moved in ipairs(message.moved) do
		local entity = self.seen[moved.id]
		if entity then entity.x, entity.y, entity.z, entity.cell = moved.x, moved.y, moved.z, message.cell end
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

-- --- bots -----------------------------------------------------------------------------------------

-- every: runs fn at a fixed schedule, every `ms` until the bots end. Its latency counts from the time it was due, so
-- that a slow answer makes the later ones late as well instead of hiding them (coordinated omission).
function every(ms, name, fn)
	local due = net.now()
	while due < net.ends do
		local early = due - net.now()
		if early > 0 then net.sleep(early) end
		local ok, why = pcall(fn)
		if not ok and getmetatable(why) ~= Refusal then error(why, 0) end
		net.record(name, (net.now() - due) * 1000, ok)
		due = due + ms
	end
end

-- timed: runs fn once and records how long it took.
function timed(name, fn, ...)
	local began = net.now()
	local result = table.pack(pcall(fn, ...))
	net.record(name, (net.now() - began) * 1000, result[1])
	if not result[1] then error(result[2], 0) end
	return table.unpack(result, 2, result.n)
end

-- run_bot: one bot from its start; what it is refused ends it and counts.
function run_bot(bot, n, delay_ms)
	net.sleep(delay_ms)
	local me = player()
	local ok, why = pcall(bot, me, n)
	me:close()
	if not ok then
		net.record("failed: " .. tostring(why), 0, false)
	end
end

-- --- the prompt -------------------------------------------------------------------------------------

local HELP = {
	{ "play NAME PASSWORD [AVATAR]", "register or log in, enter the first shard, be the avatar" },
	{ "register NAME PASSWORD", "make an account" },
	{ "login NAME PASSWORD", "log in" },
	{ "shards", "the shards there are" },
	{ "enter [SHARD]", "go to a shard" },
	{ "avatars", "your avatars there" },
	{ "avatar NAME", "enter the world as this avatar, made if it is new" },
	{ "look", "what is around you" },
	{ "walk X Y", "walk there" },
	{ "chat TEXT", "say something to those near you" },
	{ "act ACTION [NUMBER, X Y Z, or TEXT]", "do what the rules offer, to somebody or with these words" },
	{ "offers", "what the mall sells" },
	{ "balance", "your money" },
	{ "buy OFFER", "buy it" },
	{ "inventory", "what you have" },
	{ "take ID", "from the mail bag into your own" },
	{ "map", "the world as a map, played with keys (in a terminal)" },
	{ "leave", "leave the world" },
	{ "quit", "end" },
}

local function show_position(e)
	return ("(%.1f, %.1f)"):format(e.x or 0, e.y or 0)
end

local show = {}
function show.shards(list)
	for _, s in ipairs(list) do
		print(("%-16s %4d of %d players%s  %s"):format(s.name, s.population or 0, s.limit or 0,
			s.ready and "" or "  (not ready)", s.comment or ""))
	end
end
function show.avatars(list)
	for _, a in ipairs(list) do print(("%-16s %d"):format(a.name, a.id)) end
	if #list == 0 then print("none yet: avatar NAME makes one") end
end
function show.look(answer)
	print(("you are at %s, tick %d"):format(show_position(answer.self), answer.tick or 0))
	for _, e in ipairs(answer.entities) do
		if e.id ~= answer.self.id then print(("  %s %s at %s"):format(e.kind, e.name or e.id, show_position(e))) end
	end
end
function show.offers(list)
	for _, o in ipairs(list) do
		print(("%-12s %dx %-12s %d %s%s"):format(o.id, o.count or 1, o.item, o.price, o.currency,
			(o.stock or -1) >= 0 and ("  (%d left)"):format(o.stock) or ""))
	end
end
function show.balance(list)
	for _, b in ipairs(list) do
		print(("%-8s %d%s"):format(b.currency, b.posted or 0, (b.pending or 0) > 0 and (" (%d held)"):format(b.pending) or ""))
	end
	if #list == 0 then print("nothing yet") end
end
function show.inventory(list)
	for _, i in ipairs(list) do print(("%-6s %dx %-12s %d"):format(i.bag, i.count or 1, i.kind, i.id)) end
	if #list == 0 then print("nothing") end
end
function show.buy(order) print(("bought: %dx %s (%s)"):format(order.count or 1, order.item, order.state)) end
function show.walk(answer) print(("walking to (%.1f, %.1f)"):format(answer.x or 0, answer.y or 0)) end
function show.avatar(me) print(("you are %s at %s"):format(me.name, show_position(me))) end
show.play = show.avatar
function show.act(answer) print(answer.text or "done") end
function show.login(answer) print("logged in; account " .. answer.account) end
function show.register(answer) print("registered; account " .. answer.account) end
function show.enter(answer) print("in " .. (answer.shard or "the shard") .. "; now: avatar NAME") end

local function help()
	for _, line in ipairs(HELP) do print(("  %-28s %s"):format(line[1], line[2])) end
end

local function nearest(word)
	local best, best_shared = nil, 1
	for _, line in ipairs(HELP) do
		local verb, shared = line[1]:match("^%S+"), 0
		for i = 1, #word do
			if verb:find(word:sub(i, i), 1, true) then shared = shared + 1 end
		end
		shared = shared - math.abs(#verb - #word)
		if shared > best_shared then best, best_shared = verb, shared end
	end
	return best
end

-- prompt: what one typed line does; returns false when it was `quit`.
function prompt(self, line)
	local words = {}
	for word in line:gmatch("%S+") do table.insert(words, word) end
	local verb = table.remove(words, 1)
	if not verb then
		return true
	elseif verb == "quit" or verb == "exit" then
		return false
	elseif verb == "help" or verb == "?" then
		help()
		return true
	elseif verb == "chat" or verb == "say" then
		verb, words = "chat", { line:match("^%s*%S+%s+(.*)$") }
	elseif verb == "act" and tonumber(words[2]) and tonumber(words[3]) and tonumber(words[4]) then
		local block = { math.floor(tonumber(words[2])), math.floor(tonumber(words[3])), math.floor(tonumber(words[4])) }
		words = { n = 4, words[1], 0, words[5], block } -- aimed at a block
	elseif verb == "act" and #words > 1 and not math.tointeger(tonumber(words[2])) then
		words = { words[1], 0, (line:match("^%s*%S+%s+%S+%s+(.-)%s*$")) }
	end
	if verb == "map" then
		if self.view and self.inside then
			self.view:show()
		else
			print(self.view and "enter the world first: play NAME PASSWORD" or "the map needs a terminal")
		end
		return true
	end
	local known
	for _, entry in ipairs(HELP) do known = known or entry[1]:match("^%S+") == verb end
	if not known then
		local close = nearest(verb)
		print(("no verb '%s'.%s"):format(verb, close and (" Did you mean '%s'?"):format(close) or " Try: help"))
		return true
	end
	local result = table.pack(pcall(self[verb], self, table.unpack(words, 1, words.n or #words)))
	if not result[1] then
		print(tostring(result[2]))
	elseif show[verb] then
		show[verb](result[2])
	elseif verb ~= "chat" then
		print("done")
	end
	if result[1] and (verb == "play" or verb == "avatar") and self.view and not self.view.open then
		self.view:show()
	end
	return true
end

-- begin: plays as this user: with the first of the avatars there are, or one named like the user.
function begin(self, user, password)
	local ok, why = self:try("register", user, password)
	if ok or why.reason == "NAME_TAKEN" then
		ok, why = pcall(function()
			self:login(user, password)
			self:enter()
			local first = self:avatars()[1]
			if first then return self:select(first.id) end
			return self:avatar((user:gsub("%A", ""):sub(1, 16):gsub("^%l", string.upper)))
		end)
	end
	if not ok then
		print(tostring(why))
		net.quit, net.failed = true, true
	elseif self.view then
		self.view:show()
	else
		show.avatar(self.me)
	end
end

-- What is shown unasked: who comes and goes, who walks (at most once in 3 s), what is said. Animals live their own lives
-- and would fill the screen; `look` shows them.
local function sight(me)
	local shown = {} -- avatars by id: when their walk was last shown
	local function is_other(entity)
		return entity.kind == "avatar" and not (me.me and entity.id == me.me.avatar)
	end
	local function crowd(entities)
		local counts, kinds = {}, {}
		for _, e in ipairs(entities) do
			if is_other(e) then
				print(("you see %s at %s"):format(e.name or e.id, show_position(e)))
			elseif e.kind ~= "avatar" then
				if not counts[e.kind] then table.insert(kinds, e.kind) end
				counts[e.kind] = (counts[e.kind] or 0) + 1
			end
		end
		table.sort(kinds)
		for i, kind in ipairs(kinds) do kinds[i] = counts[kind] == 1 and kind or ("%s x%d"):format(kind, counts[kind]) end
		return table.concat(kinds, ", ")
	end
	return {
		heard = function(m) print(clean(("%s: %s"):format(m.name or "?", m.text or ""))) end,
		system = function(m) print("* " .. clean(m.text or "")) end,
		leave_world = function() print("* you are out of the world; `avatar NAME` enters it again") end,
		world_state = function(m) print(m.running and "* the world goes on" or "* the world pauses; wait") end,
		closed = function() print("* the connection is lost") end,
		back = function() print("* you are back") end,
		lost = function() print("* there is no way back; log in again") end,
		kick = function(m) print("kicked: " .. (m.reason or "")) end,
		bye = function(m) print("the server says goodbye: " .. (m.reason or "")) end,
		cell_seen = function(m)
			local animals = crowd(m.entities)
			if animals ~= "" and not me.animals_told then
				me.animals_told = true
				print("you see " .. animals .. " and more; `look` tells")
			end
		end,
		delta = function(m)
			for _, e in ipairs(m.appeared) do
				if is_other(e) and not shown[e.id] then
					shown[e.id] = 0
					print(("%s appears at %s"):format(e.name or e.id, show_position(e)))
				end
			end
			for _, e in ipairs(m.moved) do
				local known = me.seen[e.id]
				if known and is_other(known) and net.now() - (shown[e.id] or 0) > 3000 then
					shown[e.id] = net.now()
					print(("%s walks to (%.1f, %.1f)"):format(known.name or e.id, e.x, e.y))
				end
			end
		end,
	}
end

-- interactive: a player whose surroundings are printed as they change.
function interactive()
	local me = player()
	me.on = sight(me)
	if net.tty then
		net.blocks(true)
		me.view = view(me, { color = (os.getenv("NO_COLOR") or "") == "" })
	end
	return me
end
