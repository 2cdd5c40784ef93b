-- SPDX-License-Identifier: MIT
-- For `troupe bots`: logins of names that nobody has, one after the other.
return function(me, n)
	local i = 0
	every(20, "login", function()
		i = i + 1
		me:try("login", ("nobody%d_%d"):format(n, i), "a wrong password")
	end)
end
