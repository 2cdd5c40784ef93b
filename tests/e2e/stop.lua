-- SPDX-License-Identifier: MIT
-- Eve walks and is still in the world when the host is told to stop; `again`: she is where she was.
local eve = player()

if ... == "again" then
	eve:login("eve", "a password of eve")
	eve:enter()
	local me = eve:avatar("Eve")
	assert(math.abs(me.x - 4) < 0.1 and math.abs(me.y + 2) < 0.1, ("she is at (%.2f, %.2f)"):format(me.x, me.y))
	return
end
eve:play("eve", "a password of eve", "Eve")
eve:walk(4, -2)
repeat
	net.sleep(50)
	local seen, answer = pcall(eve.look, eve) -- refused while the world is restored, e.g. because one more owner has come
	local at = seen and answer.self or {}
until math.abs((at.x or 0) - 4) < 0.1 and math.abs((at.y or 0) + 2) < 0.1
print("there")
io.stdout:flush()
eve:wait_for("bye", nil, 20000)
