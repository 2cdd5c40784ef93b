-- SPDX-License-Identifier: MIT
-- Shoppers who play while the server is killed again and again, and the oracle that compares what they were told with what
-- is there in the end.
--
--   kill.lua shop SEED BOTS    everything that is asked and told is written to $STATE/told, before and after
--   kill.lua check FILE        reads such a file; each contradiction is a line "wrong: ..."
--
-- Lines: bot N ACCOUNT AVATAR, ask N KEY OFFER PRICE, told N KEY STATE [REASON], refused N KEY REASON, take N ITEM,
-- took N ITEM, granted ACCOUNT AMOUNT KEY (by kill.sh).
package.path = os.getenv("top_srcdir") .. "/tests/e2e/?.lua;" .. package.path
local story = require "story"

local PRICES = { lantern = 30, golden_hat = 250, seeds = 5 }
local KINDS = { lantern = "lantern", golden_hat = "hat.golden" }
local ENDED = { DONE = true, FAILED = true, REJECTED = true }
local YOURS = { DONE = true, GRANTED = true }

local function exists(name)
	local file = io.open(story.state .. "/" .. name)
	if file then file:close() end
	return file ~= nil
end

local function port()
	local file = io.open(os.getenv("PORT_FILE"))
	local number = file and file:read("n")
	if file then file:close() end
	return number
end

local function password(n)
	return "the password of bot " .. n
end

-- visit: logs in as bot n and enters with its avatar. Whatever goes wrong is tried again.
local function visit(n, make)
	local deadline = net.now() + 60000
	while net.now() < deadline do
		local number = port()
		local me = player({ port = number })
		local ok, why = pcall(function()
			assert(number, "no server")
			if make then me:try("register", "bot" .. n, password(n)) end
			me:login("bot" .. n, password(n))
			me:redeem(me:choose("meadow"))
			me:avatar("Bot" .. string.char(96 + n))
		end)
		if ok then return me end
		me:close()
		why = tostring(why)
		net.sleep(30 + 10 * n)
		if net.now() > deadline then error("bot " .. n .. " cannot enter: " .. why) end
	end
	error("bot " .. n .. " cannot enter")
end

-- --- shop -----------------------------------------------------------------------------------------

local told

local function note(...)
	told:write(table.concat({ ... }, " "), "\n")
	told:flush()
end

-- hear notes an order's state; true once it has ended for the player.
local function hear(n, key, order)
	note("told", n, story.hex(key), order.state, order.reason or "")
	return YOURS[order.state] or ENDED[order.state]
end

local function settle(n, me, intent)
	local answer, why = me.game:request("buy", { key = intent.key, offer = intent.offer, price = intent.price,
		avatar = me.me.avatar }, 3000)
	if answer then
		return hear(n, intent.key, answer.order)
	elseif why.reason:match("^mall%.") and why.reason ~= "mall.not_ready" and why.reason ~= "mall.full" then
		note("refused", n, story.hex(intent.key), why.reason)
		return true
	end
	net.sleep(20)
end

local function cancel(n, me, key)
	net.spawn(function()
		local answer = me.game:request("cancel", { key = key }, 3000)
		if answer then hear(n, key, answer.order) end
	end)
end

local function take(n, me)
	local items = me:try("inventory")
	for _, item in ipairs(items or {}) do
		if item.bag == "mail" then
			note("take", n, item.id)
			if me:try("take", item.id) then note("took", n, item.id) end
			return
		end
	end
end

local function intend(n)
	local offers = { "lantern", "lantern", "lantern", "lantern", "golden_hat", "seeds" }
	local offer = offers[math.random(#offers)]
	local intent = { key = net.random(16), offer = offer, price = PRICES[offer] }
	if math.random(20) == 1 then intent.price = intent.price + 1 end
	note("ask", n, story.hex(intent.key), offer, intent.price)
	return intent
end

local shopping = 0

local function shop(n)
	local me, intent = visit(n, true), nil
	shopping = shopping + 1
	note("bot", n, story.operator("account", "show", "bot" .. n, "--json"):match('"account":"?(%d+)'), me.me.avatar)
	while not exists("begin") do net.sleep(20) end
	while intent or not exists("enough") do
		if not me.game:open() then
			me:close()
			me = visit(n)
		end
		if not intent then
			intent = intend(n)
			if math.random(8) == 1 then cancel(n, me, intent.key) end
		end
		if settle(n, me, intent) then
			intent = nil
			if math.random(2) == 1 then take(n, me) end
			net.sleep(math.random(40))
		end
	end
	me:close()
	shopping = shopping - 1
end

local function shop_all(seed, count)
	math.randomseed(tonumber(seed))
	told = assert(io.open(story.state .. "/told", "a"))
	for n = 1, tonumber(count) do net.spawn(shop, n) end
	while shopping < tonumber(count) do net.sleep(20) end
	story.remember("in", "all")
	while shopping > 0 do net.sleep(20) end
end

-- patient: asks again when it asked too often.
local function patient(me, verb, ...)
	while true do
		local answer, why = me:try(verb, ...)
		if answer or why.reason ~= "client.rate" then return answer, why end
		net.sleep(50)
	end
end

-- --- check ----------------------------------------------------------------------------------------

local wrongs = 0

local function wrong(...)
	wrongs = wrongs + 1
	print("wrong: " .. string.format(...))
end

local function told_read(path)
	local bots, account_bots, seen = {}, {}, { asks = 0, yours = 0, refused = 0, took = 0, granted = 0 }
	local granted = {}
	for line in io.lines(path) do
		local what, n, key, word, more = line:match("^(%S+) (%S+) (%S+) ?(%S*) ?(%S*)")
		local bot = bots[n]
		if what == "bot" then
			bots[n] = { account = key, avatar = word, keys = {}, took = {}, granted = 0 }
			account_bots[key] = bots[n]
		elseif what == "granted" then
			table.insert(granted, { account = n, amount = tonumber(key) })
			seen.granted = seen.granted + 1
		elseif what == "ask" then
			bot.keys[key] = { offer = word, price = tonumber(more), told = {} }
			seen.asks = seen.asks + 1
		elseif what == "told" then
			local intent = bot.keys[key]
			if not intent then
				intent = { told = {} }
				bot.keys[key] = intent
			end
			if YOURS[word] and not intent.yours then seen.yours = seen.yours + 1 end
			intent.yours = intent.yours or YOURS[word]
			intent.told[word] = true
		elseif what == "refused" then
			bot.keys[key].refused = word
			seen.refused = seen.refused + 1
		elseif what == "took" then
			bot.took[key] = true
			seen.took = seen.took + 1
		end
	end
	for _, one in ipairs(granted) do account_bots[one.account].granted = account_bots[one.account].granted + one.amount end
	return bots, seen
end

local function ended(me, key)
	local deadline = net.now() + 60000
	while true do
		local order, why = patient(me, "order", story.unhex(key))
		if not order then return nil, why.reason end
		if ENDED[order.state] or net.now() > deadline then return order.state end
		net.sleep(100)
	end
end

-- one order against what was told of it; true if it was bought
local function check_order(n, me, key, intent)
	local state, reason = ended(me, key)
	if not state then
		if reason ~= "mall.no_order" then wrong("bot %s, key %s: asking for it is refused: %s", n, key, reason) end
		for word in pairs(intent.told) do wrong("bot %s, key %s: told %s, but there is no such order", n, key, word) end
		return false
	elseif not ENDED[state] then
		wrong("bot %s, key %s: still %s", n, key, state)
	elseif intent.yours and state ~= "DONE" then
		wrong("bot %s, key %s: told that it is his, but it is %s", n, key, state)
	elseif (intent.told.FAILED or intent.told.REJECTED) and state == "DONE" then
		wrong("bot %s, key %s: told that it failed, but it was done", n, key)
	elseif intent.refused and state == "DONE" then
		wrong("bot %s, key %s: refused with %s, but it was done", n, key, intent.refused)
	end
	return state == "DONE"
end

local function check_items(n, me, bought, took)
	local bags, counts = {}, {}
	for _, item in ipairs(patient(me, "inventory")) do
		if bags[item.id] then wrong("bot %s: item %s is there twice", n, item.id) end
		bags[item.id] = item.bag
		counts[item.kind] = (counts[item.kind] or 0) + 1
	end
	for _, kind in pairs(KINDS) do
		if (counts[kind] or 0) ~= (bought[kind] or 0) then
			wrong("bot %s: bought %d of %s, has %d", n, bought[kind] or 0, kind, counts[kind] or 0)
		end
	end
	for id in pairs(took) do
		if bags[math.tointeger(id)] ~= "bag" then
			wrong("bot %s: told that item %s is in the bag, it is in %s", n, id, tostring(bags[math.tointeger(id)]))
		end
	end
end

local function check_bot(n, bot)
	local me, bought, paid = visit(n), {}, 0
	if tostring(me.me.avatar) ~= bot.avatar then wrong("bot %s: another avatar than before", n) end
	for key, intent in pairs(bot.keys) do
		if check_order(n, me, key, intent) then
			local kind = KINDS[intent.offer]
			bought[kind] = (bought[kind] or 0) + 1
			paid = paid + intent.price
		end
	end
	check_items(n, me, bought, bot.took)
	local posted, pending = 0, 0
	for _, one in ipairs(patient(me, "balance")) do
		if one.currency == "gold" then posted, pending = one.posted or 0, one.pending or 0 end
	end
	if posted ~= bot.granted - paid or pending ~= 0 then
		wrong("bot %s: %d granted, %d paid, so %d should be there; there are %d, of which %d are held", n, bot.granted,
			paid, bot.granted - paid, posted, pending)
	end
	me:close()
end

local function check(path)
	local bots, seen = told_read(path)
	local left = 0
	for n, bot in pairs(bots) do
		left = left + 1
		net.spawn(function()
			local ok, why = pcall(check_bot, math.tointeger(n), bot)
			if not ok then wrong("bot %s: %s", n, tostring(why)) end
			left = left - 1
		end)
	end
	while left > 0 do net.sleep(10) end
	print(("%d asked, %d told to be theirs, %d refused, %d taken, %d grants; %d wrong"):format(seen.asks, seen.yours,
		seen.refused, seen.took, seen.granted, wrongs))
	if wrongs > 0 then error("what was told and what is there differ", 0) end
	if seen.yours < 10 then error("too little happened to say anything", 0) end
end

local modes = { shop = shop_all, check = check }
modes[...](select(2, ...))
