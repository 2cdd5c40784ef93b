-- SPDX-License-Identifier: MIT
-- Ann and Bob play: `first` from nothing until the server dies under them, `again` what they find afterwards.
package.path = os.getenv("top_srcdir") .. "/tests/e2e/?.lua;" .. package.path
local story = require "story"
local step, equal = story.step, story.equal

local ANN, BOB = "correct horse of ann", "battery staple of bob"

local function near(entity, x, y, what)
	local off = math.abs((entity.x or 0) - x) + math.abs((entity.y or 0) - y)
	if off > 0.6 then
		error(("%s is at (%.2f, %.2f), not (%.2f, %.2f)"):format(what, entity.x or 0, entity.y or 0, x, y), 2)
	end
end

-- walked: waits until `who` sees that the entity has come there.
local function walked(who, id, x, y)
	local deadline = net.now() + 15000
	while true do
		local e = who.seen[id]
		if e and math.abs((e.x or 0) - x) + math.abs((e.y or 0) - y) < 0.6 then return end
		if net.now() > deadline then
			error(e and ("it was last seen at (%.2f, %.2f)"):format(e.x or 0, e.y or 0) or "it was never seen", 2)
		end
		net.sleep(20)
	end
end

local function accounts(ann, bob)
	step("ann registers over a socket", function() ann:register("ann", ANN) end)
	step("bob registers", function() bob:register("bob", BOB) end)
	step("a name is given once", function() bob:refused("NAME_TAKEN", "register", "Ann", "some other password") end)
	step("a name that is none is refused", function() bob:refused("BAD_NAME", "register", "no spaces", BOB) end)
	step("a short password is refused", function() bob:refused("BAD_PASSWORD", "register", "carl", "short") end)
	step("nothing but a login works before the login", function()
		local _, why = bob:try("shards")
		assert(why, "the shards were shown")
	end)
	bob:close()
	step("a wrong password is refused", function() ann:refused("WRONG_AUTH_INFO", "login", "ann", BOB) end)
	step("the next try has to wait a little", function() ann:refused("TRY_LATER", "login", "ann", ANN) end)
	step("ann logs in", function() story.login(ann, "ann", ANN) end)
	step("an unknown name is refused like a wrong password", function()
		for _ = 1, 20 do
			local _, why = bob:try("login", "nobody-is-called-so", BOB)
			if why and why.reason ~= "TRY_LATER" then
				return equal(why.reason, "WRONG_AUTH_INFO", "the reason")
			end
			assert(why, "nobody was let in")
			net.sleep(why.retry_ms + 10)
		end
		error("it stayed TRY_LATER")
	end)
	step("bob logs in", function() story.login(bob, "bob", BOB) end)
end

local function entering(ann, bob)
	step("the shard meadow is there and ready", function()
		local shards = ann:shards()
		equal(#shards, 1, "the number of shards")
		equal(shards[1].name, "meadow", "its name")
		assert(shards[1].ready, "it is not ready")
	end)
	step("another shard is not", function() ann:refused("master.no_shard", "choose", "moor") end)
	local place = step("ann gets a ticket", function() return ann:choose("meadow") end)
	step("ann connects herself to the front-end that it names", function()
		equal(ann:redeem(place).shard, "meadow", "the shard")
	end)
	step("the ticket is good once", function()
		player():refused("account.ticket_used", "redeem", place)
	end)
	step("an invented ticket is good for nothing", function()
		player():refused("account.ticket_unknown", "redeem",
			{ host = place.host, port = place.port, ticket = net.random(32) })
	end)
	step("bob enters", function() story.enter(bob, "meadow") end)
end

local function avatars(ann, bob)
	step("there are no avatars yet", function() equal(#ann:avatars(), 0, "the number of avatars") end)
	step("nobody walks without one", function()
		local _, why = ann:try("walk", 1, 1)
		assert(why, "she walked")
	end)
	step("ann makes an avatar and comes into the world", function() ann:avatar("Annika") end)
	step("an avatar's name is given once", function() bob:refused("avatar.name_taken", "avatar_create", "ANNIKA") end)
	step("bob may not be ann's avatar", function() bob:refused("avatar.no_avatar", "select", ann.me.avatar) end)
	step("bob may not delete ann's avatar", function()
		bob:refused("avatar.no_avatar", "avatar_delete", ann.me.avatar)
	end)
	step("bob comes as his own", function() bob:avatar("Bobby") end)
end

local function world(ann, bob)
	local x, y = (ann.me.x or 0) + 3, (ann.me.y or 0) + 2
	step("bob sees ann", function()
		for _ = 1, 250 do
			if bob.seen[ann.me.avatar] then return equal(bob.seen[ann.me.avatar].name, "Annika", "her name") end
			net.sleep(20)
		end
		error("he does not")
	end)
	step("ann walks", function() ann:walk(x, y) end)
	step("bob sees ann walk", walked, bob, ann.me.avatar, x, y)
	step("ann sees bob walk", function()
		bob:walk(x - 5, y)
		walked(ann, bob.me.avatar, x - 5, y)
	end)
	step("look tells the same", function() near(ann:look().self, x, y, "ann") end)
	step("nobody walks out of the world", function() ann:refused("world.out_of_world", "walk", 1e9, 0) end)
	step("nobody walks to what is no number", function() ann:refused("world.bad_position", "walk", 0 / 0, 0) end)
	local heard
	bob.on.heard = function(m) if m.text == "hello bob" then heard = m end end
	step("ann chats and bob hears it", function()
		ann:chat("hello bob")
		for _ = 1, 250 do
			if heard then return equal(heard.name, "Annika", "who said it") end
			net.sleep(20)
		end
		error("he did not")
	end)
end

local function account_of(user)
	return story.operator("account", "show", user, "--json"):match('"account":"?(%d+)') or
		error("no number in the answer of account show")
end

-- ledger: what was booked for a user, in gold; orders may overtake each other, so sorted.
local function ledger(user)
	local rows = {}
	local text = story.operator("billing", "history", account_of(user), "gold", "--json")
	for kind, amount in text:gmatch('"type":"(%a+)".-"amount":"?(%d+)') do table.insert(rows, kind .. " " .. amount) end
	table.sort(rows)
	return table.concat(rows, ", ")
end

local function shopping(ann, bob)
	local gold = function() return (story.gold(ann)) end
	step("the mall has offers", function()
		for _, offer in ipairs(ann:offers()) do
			if offer.id == "lantern" then return equal(offer.price, 30, "the price of the lantern") end
		end
		error("none is a lantern")
	end)
	step("there is nothing without money", function() ann:refused("billing.insufficient", "buy", "lantern", 30) end)
	step("an operator grants currency, and twice with one key is once", function()
		for _ = 1, 2 do story.operator("billing", "grant", account_of("ann"), "gold", 500, "welcome", "first-day", "--yes") end
		equal(gold(), 500, "the balance")
	end)
	step("a grant of what is no currency is refused", function()
		assert(not pcall(story.operator, "billing", "grant", account_of("ann"), "glod", 5, "oops", "--yes"), "it was done")
	end)
	step("another price than the offer's is refused", function() ann:refused("mall.price", "buy", "lantern", 29) end)
	step("what is not sold is refused", function() ann:refused("mall.offer", "buy", "moon", 1) end)
	local key = net.random(16)
	local order = step("ann buys a lantern", function() return ann:buy("lantern", 30, key) end)
	step("the same key is the same order", function()
		equal(ann:buy("lantern", 30, key).id, order.id, "its id")
	end)
	step("the same key with another offer is refused", function()
		ann:refused("mall.key_reused", "buy", "golden_hat", 250, key)
	end)
	step("the key is ann's own", function() bob:refused("mall.no_order", "order", key) end)
	story.remember("key", story.hex(key))
	story.remember("order", story.hex(order.id))
	step("bob may not buy for ann's avatar", function()
		story.operator("billing", "grant", account_of("bob"), "gold", 100, "welcome", "first-day-bob", "--yes")
		local own = bob.me
		bob.me = { avatar = ann.me.avatar }
		local _, why = bob:try("buy", "lantern", 30)
		bob.me = own
		assert(why, "it was accepted")
		assert(why.reason == "item.no_avatar", "the reason is " .. tostring(why.reason))
	end)
	step("and keeps his money", function()
		for _ = 1, 100 do
			local posted, pending = story.gold(bob)
			equal(posted, 100, "his balance")
			if pending == 0 then return end
			net.sleep(50)
		end
		error("it stayed on hold")
	end)
	step("the lantern lies in mail", function() equal(story.item(ann, "lantern").bag, "mail", "its bag") end)
	step("bob may not take it", function()
		local lantern = story.item(ann, "lantern").id
		bob:refused("item.no_item", "take", lantern)
		local own = bob.me
		bob.me = { avatar = ann.me.avatar }
		local taken, why = bob:try("take", lantern)
		local seen = bob:try("inventory")
		bob.me = own
		assert(not taken and why.reason == "item.no_avatar", "taking from her avatar: " .. tostring(why and why.reason))
		assert(not seen, "he could look into her bags")
	end)
	step("ann takes it", function()
		equal(ann:take(story.item(ann, "lantern").id).bag, "bag", "its bag")
		equal(story.item(ann, "lantern").bag, "bag", "its bag")
	end)
	step("ann buys a hat and leaves it in mail", function() ann:buy("golden_hat", 250) end)
	step("ann has paid 280", function()
		for _ = 1, 100 do
			local posted, pending = story.gold(ann)
			if posted == 220 and pending == 0 then return end
			net.sleep(50)
		end
		equal(gold(), 220, "the balance")
	end)
end

local function first()
	local ann, bob = player(), player()
	accounts(ann, bob)
	entering(ann, bob)
	avatars(ann, bob)
	world(ann, bob)
	shopping(ann, bob)
	local x, y = -4, 5
	step("ann walks to her place for the night", function()
		ann:walk(x, y)
		walked(ann, ann.me.avatar, x, y)
		walked(bob, ann.me.avatar, x, y)
		net.sleep(2500) -- longer than the interval of saves
	end)
	step("the server dies", function()
		local file = assert(io.open(os.getenv("HOST_PID_FILE")))
		assert(os.execute("kill -9 " .. file:read("l")))
		file:close()
		local _, why = ann:try("look")
		equal(why.reason, "client.closed", "the reason")
	end)
end

local function again()
	local ann, bob = player(), player()
	step("ann's account is still there", function() ann:refused("NAME_TAKEN", "register", "ann", ANN) end)
	step("a wrong password is still wrong", function() bob:refused("WRONG_AUTH_INFO", "login", "ann", "something else") end)
	step("ann logs in again", function()
		assert((story.login(ann, "ann", ANN).last_login_ms or 0) > 0, "it is her first time")
	end)
	step("ann enters again", function() story.enter(ann, "meadow") end)
	step("ann is where she was", function()
		near(ann:avatar("Annika"), -4, 5, "ann")
		near(ann:look().self, -4, 5, "ann, as look tells it,")
	end)
	step("ann's money is there", function()
		local posted, pending = story.gold(ann)
		equal(posted, 220, "the balance")
		equal(pending, 0, "what is held")
	end)
	step("ann's lantern is in her bag", function() equal(story.item(ann, "lantern").bag, "bag", "its bag") end)
	step("ann's hat is in mail, and can be taken", function()
		local hat = story.item(ann, "hat.golden")
		equal(hat.bag, "mail", "its bag")
		ann:take(hat.id)
		equal(#ann:inventory(), 2, "the number of her items")
	end)
	step("her order is known under its key", function()
		local order = ann:order(story.unhex(story.recall("key")))
		equal(story.hex(order.id), story.recall("order"), "its id")
		equal(order.state, "DONE", "its state")
	end)
	step("asking once more buys nothing", function()
		ann:buy("lantern", 30, story.unhex(story.recall("key")))
		equal((story.gold(ann)), 220, "the balance")
		equal(#ann:inventory(), 2, "the number of her items")
	end)
	step("a second login takes the place of the first", function()
		local other, kicked = player(), false
		ann.on.kick = function() kicked = true end
		story.login(other, "ann", ANN)
		story.enter(other, "meadow")
		near(other:avatar("Annika"), -4, 5, "ann")
		for _ = 1, 100 do
			if kicked and not ann.game:open() then return other:close() end
			net.sleep(50)
		end
		error("the first is still in")
	end)
	-- whatever runs in which process, it comes to this
	step("the ledger is what it always is after this story", function()
		equal(ledger("ann"), "GRANT 500, HOLD 250, HOLD 30, POST 250, POST 30", "ann's")
		equal(ledger("bob"), "GRANT 100, HOLD 30, VOID 30", "bob's")
	end)
	bob:close()
end

local stories = { first = first, again = again }
stories[...]()
