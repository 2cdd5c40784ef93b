-- SPDX-License-Identifier: MIT
-- A player who does nothing wrong, beside those who do: every answer must come, be right, and come soon.
-- arguments: a file; when it appears the player ends

local stop = ...
local gone = {}
local p = player { on = { kick = function() gone.kick = true end, bye = function() gone.bye = true end } }

p:register("ann", "a good password")
p:login("ann", "a good password")
while not p:shards()[1].ready do -- right after the start the front-end may not have reported itself
	net.sleep(100)
end
p:enter()
p:avatar("Ann")
print("ready " .. p.me.avatar)

local worst, rounds = 0, 0
local before = p:balance()

local function timed(verb, ...)
	local at = net.now()
	local answer = p[verb](p, ...)
	worst = math.max(worst, net.now() - at)
	return answer
end

local file
repeat
	rounds = rounds + 1
	assert(#timed("offers") > 0, "no offers")
	timed("walk", rounds % 5, rounds % 3)
	timed("look")
	assert(#timed("avatars") == 1, "an avatar came or went")
	assert(#timed("inventory") == 0, "somebody took or gave")
	local after = timed("balance")
	assert(#after == #before, "somebody's money moved")
	if rounds % 5 == 0 then -- the account server must take players, too
		local at = net.now()
		local other = player()
		other:login("ann", "a good password")
		other.base:close()
		worst = math.max(worst, net.now() - at)
	end
	assert(not next(gone), "the server said good-bye")
	net.sleep(100)
	file = io.open(stop)
until file
file:close()
print(("rounds %d worst %.0f"):format(rounds, worst))
