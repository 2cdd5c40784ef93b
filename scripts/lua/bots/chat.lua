-- SPDX-License-Identifier: MIT
-- Bots that talk to those near them:  troupe bots --count 50 --script scripts/lua/bots/chat.lua
--
-- What comes out is how long it takes until a line is taken.

net.sights(false) -- they do not look about

local function letters(n)
	local text = ""
	repeat
		text = string.char(97 + n % 26) .. text
		n = n // 26
	until n == 0
	return text
end

return function(me, n)
	local name = "Talk" .. letters(n)
	me:play("talker" .. n, "password of talker " .. n, name)
	local said = 0
	every(2000, "chat", function()
		said = said + 1
		me:chat(("line %d of %s"):format(said, name))
	end)
end
