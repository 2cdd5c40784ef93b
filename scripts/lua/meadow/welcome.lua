-- SPDX-License-Identifier: MIT
-- Lesson 1: something happens, and a rule answers.
--
-- Change the text below and save: within a second the running world uses it. If you make a mistake, the log of the
-- server says where, and the rules from before stay in force.

local g = require "game"

-- "enter" happens when a player comes into the world. `player` is its avatar: it has a name, a place (player.x,
-- player.y), and methods such as player:say("...").
g.on("enter", function(player)
	player:tell("Welcome to the meadow, " .. player.name .. "! Try: act wave")
end)

-- Other events are "leave", "chat", "tick" and "echo". A rule for "chat" may keep a line from being heard by
-- returning false.
g.on("chat", function(player, w, text, channel)
	if text == "hello" then
		player:tell("The meadow says hello, too.")
	end
end)
