-- SPDX-License-Identifier: MIT
-- A player who sends well-formed messages that ask for what must not be. Prints a line of TAP for each.
-- arguments: the id of somebody else's avatar, or "ticket" to print a front-end's port and a ticket for it

local argument = ...
local theirs = math.tointeger(argument)
local name = argument == "ticket" and "marvin" or "mallory"

local function session()
	local p = player()
	p:login(name, "a bad password")
	p.place = p:choose("meadow")
	p:redeem(p.place)
	return p
end

local function told(why)
	return type(why) == "table" and (why.reason or "no reason") or tostring(why)
end

-- refused: the request ends with a reason that fits a Lua pattern, or with an order that was rejected for one
local function refused(what, pattern, link, request, message)
	local answer, why = link:request(request, message)
	local order = answer and answer.order
	if order and (order.state == "REJECTED" or order.state == "FAILED") then
		answer, why = nil, order
	end
	if not answer and told(why):find(pattern) then
		print("ok - " .. what)
	else
		print("not ok - " .. what)
		print(("# %s: %s"):format(request, answer and "accepted " .. (order and order.state or "") or told(why)))
	end
end

local function check(what, fine, text)
	print((fine and "ok - " or "not ok - ") .. what)
	if not fine then
		print("# " .. tostring(text))
	end
end

pcall(player().register, player(), name, "a bad password") -- it may be there already
if argument == "ticket" then
	local p = player()
	p:login(name, "a bad password")
	local place = p:choose("meadow")
	print(place.port, (place.ticket:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)))
	return
end
local p = session()

-- tickets
local again = p:connect(p.place.host, p.place.port)
refused("a ticket that was used", "^account%.ticket", again, "enter", { ticket = p.place.ticket })
refused("a ticket on a connection that has one", "^client%.wrong_state", session().game, "enter", { ticket = p.place.ticket })

-- a second session ends the first one: go on with a new one
p = session()
p.avatar_id = p:avatar_create("Mallory").id

-- other people's ids
for _, id in ipairs { theirs, 0, 1, -1, math.maxinteger, math.mininteger } do
	refused("inventory of avatar " .. id, "^item%.", p.game, "inventory", { avatar = id })
	refused("take from avatar " .. id, "^item%.", p.game, "take", { avatar = id, item = 1 })
	refused("delete avatar " .. id, "^avatar%.", p.game, "avatar_delete", { avatar = id })
	refused("play avatar " .. id, ".", p.game, "avatar_select", { avatar = id })
	refused("buy for avatar " .. id, ".", p.game, "buy", { key = net.random(16), offer = "lantern", price = 30, avatar = id })
end
check("still connected", p.game:open(), "the front-end closed")

-- amounts and keys
for _, price in ipairs { -1, 0, 29, 31, math.maxinteger, math.mininteger } do
	refused("a price of " .. price, "^mall%.price", p.game, "buy",
		{ key = net.random(16), offer = "lantern", price = price, avatar = p.avatar_id })
end
for _, key in ipairs { "", "short", ("k"):rep(15), ("k"):rep(17), ("k"):rep(4000) } do
	refused(("a key of %d bytes"):format(#key), ".", p.game, "buy",
		{ key = key, offer = "lantern", price = 30, avatar = p.avatar_id })
	refused(("an order of %d bytes"):format(#key), ".", p.game, "order", { key = key })
	refused(("cancel of %d bytes"):format(#key), ".", p.game, "cancel", { key = key })
end
refused("an offer that is not there", "^mall%.offer", p.game, "buy",
	{ key = net.random(16), offer = ("x"):rep(3000), price = 1, avatar = p.avatar_id })
refused("no money", "^billing%.insufficient", p.game, "buy",
	{ key = net.random(16), offer = "lantern", price = 30, avatar = p.avatar_id })
refused("a key of zeros, and no money", "^billing%.insufficient", p.game, "buy",
	{ key = ("\0"):rep(16), offer = "lantern", price = 30, avatar = p.avatar_id })
refused("an order of nobody", "^mall%.", p.game, "order", { key = net.random(16) })
refused("an item that is not there", "^item%.", p.game, "take", { avatar = p.avatar_id, item = math.mininteger })
for _, avatar_name in ipairs { "", "A", ("A"):rep(17), "Ann", "aNN", "A\1b", "Änn1", "../etc", ("A"):rep(4000) } do
	refused(("an avatar called %q"):format(avatar_name:sub(1, 20)), "^avatar%.", p.game, "avatar_create", { name = avatar_name })
end

-- the wrong time
for _, request in ipairs { "move", "look", "act", "echo", "chat" } do
	refused(request .. " without an avatar", "^client%.not_in_world", p.game, request, {})
end
p:select(p.avatar_id)
local nan, inf = 0 / 0, math.huge
for i, to in ipairs { { nan, 0 }, { 0, nan }, { inf, 0 }, { 0, -inf }, { 1e300, 0 }, { 0, -1e9 } } do
	refused(("a walk to %g, %g"):format(to[1], to[2]), "^world%.", p.game, "move", { seq = i, x = to[1], y = to[2] })
end
p.seq = 10
check("an honest walk", pcall(p.walk, p, 1, 1))
refused("a walk before the last one", "^world%.", p.game, "move", { seq = 3, x = 1, y = 1 })
refused("an action that is not there", "^world%.", p.game, "act", { action = ("x"):rep(3000), target = theirs })
refused("a chat of 5,000 bytes", "^chat%.length", p.game, "chat", { text = ("x"):rep(5000) })
refused("a second avatar in one session", "^client%.wrong_state", p.game, "avatar_select", { avatar = p.avatar_id })

-- passwords: guesses delay the next one for the account that was guessed at
pcall(player().register, player(), "bob", "the right password")
local guess = player()
local ok, why = pcall(guess.login, guess, "bob", "a wrong password")
check("a guessed password", not ok and why.reason == "WRONG_AUTH_INFO", not ok and why.reason)
ok, why = pcall(guess.login, guess, "bob", "a wrong password")
check("a second guess at once", not ok and why.reason == "TRY_LATER", not ok and why.reason)
