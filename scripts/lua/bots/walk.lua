-- SPDX-License-Identifier: MIT
-- Bots that walk about:  troupe bots --count 200 --script scripts/lua/bots/walk.lua
--
-- A script of bots returns a function that plays one of them. `me` is a player as in `troupe client`, `n` its number.

net.sights(false) -- they do not look about: hundreds of them in one place would have little time for else

-- Avatars have names of letters only: bot 27 is called "Botba".
local function letters(n)
	local text = ""
	repeat
		text = string.char(97 + n % 26) .. text
		n = n // 26
	until n == 0
	return text
end

return function(me, n)
	me:play("bot" .. n, "password of bot " .. n, "Bot" .. letters(n))
	local x, y = me.me.x or 0, me.me.y or 0
	every(1000, "walk", function()
		-- a few steps from where it is, never far from the middle
		x = math.max(-60, math.min(60, x + math.random(-5, 5)))
		y = math.max(-60, math.min(60, y + math.random(-5, 5)))
		me:walk(x, y)
	end)
end
