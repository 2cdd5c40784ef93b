-- SPDX-License-Identifier: MIT
-- Bots that look at the mall and buy what they can pay:
--   troupe bots --count 20 --script scripts/lua/bots/shop.lua
--
-- They have no money unless an operator grants them some; a purchase refused for that reason is no failure here.

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
	me:play("shopper" .. n, "password of shopper " .. n, "Shop" .. letters(n))
	every(3000, "shop", function()
		local offers = me:offers()
		local offer = offers[math.random(#offers > 0 and #offers or 1)]
		if offer then
			local order, why = me:try("buy", offer.id, offer.price)
			if not order and why.reason ~= "billing.insufficient" then
				error(why, 0)
			end
		end
	end)
end
