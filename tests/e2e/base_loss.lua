-- SPDX-License-Identifier: MIT
-- Two players in a shard whose base dies and comes back. base_loss.sh kills and starts when $STATE/story.FILE appears, and
-- answers with $STATE/story.did.FILE.
package.path = os.getenv("top_srcdir") .. "/tests/e2e/?.lua;" .. package.path
local story = require "story"
local step, equal = story.step, story.equal
local PASSWORD = "a long password"

local function shell(what)
	story.remember(what, "now")
	for _ = 1, 3000 do
		if pcall(story.recall, "did." .. what) then return end
		net.sleep(20)
	end
	error("nobody did " .. what)
end

local function within(ms, what, check)
	local deadline = net.now() + ms
	while not check() do
		if net.now() > deadline then error("no " .. what) end
		net.sleep(50)
	end
end

-- the account server's port is another after each start
local function newcomer()
	local file = assert(io.open(os.getenv("PORT_FILE")))
	local port = file:read("n")
	file:close()
	return player({ port = port })
end

local function come(name, avatar)
	local me = newcomer()
	me:register(name, PASSWORD)
	me:login(name, PASSWORD)
	story.enter(me, "meadow")
	me:avatar(avatar)
	return me
end

local function account_of(user) return story.operator("account", "show", user, "--json"):match('"account":"?(%d+)') end

local ann, bob = step("two players come in", function() return come("ann", "Annika"), come("bob", "Bobby") end)
local lantern = step("ann buys a lantern", function()
	story.operator("billing", "grant", account_of("ann"), "gold", 500, "welcome", "ann-first", "--yes")
	ann:buy("lantern", 30)
	within(5000, "lantern", function() return pcall(story.item, ann, "lantern") end)
	return story.item(ann, "lantern")
end)
step("the base dies", shell, "kill")
net.sleep(4000) -- longer than any lease

local function moves(me, x, y)
	me:walk(x, y)
	within(5000, "walk", function()
		local at = me:look().self
		return math.abs((at.x or 0) - x) + math.abs((at.y or 0) - y) < 0.1
	end)
end

local function chats(text)
	local heard
	bob.on.heard = function(m) heard = m.text end
	ann:chat(text)
	within(3000, "word", function() return heard == text end)
end

step("ann walks", moves, ann, 3, 2)
step("bob hears her", chats, "is anybody there?")
step("she takes her lantern out of the mail", function() equal(ann:take(lantern.id).bag, "bag", "its bag") end)
local key = net.random(16)
step("nothing is sold, and she is told why", function()
	local request = { key = key, offer = "lantern", price = 30, avatar = ann.me.avatar }
	local order, why = ann.game:request("buy", request, 3000)
	assert(not order, "it was sold")
	print("# " .. tostring(why))
end)
step("nobody new comes in", function()
	local eve = newcomer()
	assert(not pcall(function()
		eve:register("eve", PASSWORD)
		eve:login("eve", PASSWORD)
	end), "she did")
	eve:close()
end)
step("the base comes back", shell, "start")
step("the same purchase, asked again with its key, is made", function()
	within(15000, "purchase", function() return (ann:try("buy", "lantern", 30, key)) end)
end)
step("once", function()
	equal(ann:buy("lantern", 30, key).state == "FAILED", false, "failed")
	within(10000, "balance of 440", function()
		local posted, pending = story.gold(ann)
		return posted == 440 and pending == 0
	end)
end)
step("ann and bob never left", function()
	chats("it is back")
	moves(ann, -2, 1)
end)
step("who is new comes in again", function() come("eve", "Evelyn"):close() end)
