-- SPDX-License-Identifier: MIT
-- One client alone: nothing hides the length of the way.

local game = require "game"

local function tail_add(result)
	result.p99_over_p50 = result.p99_us / result.p50_us
	return result
end

return {
	name = "lone-client",
	title = "one client, one request outstanding",
	figures = {
		{ key = "p50_us", unit = "us", target = "<= 1.5 raw" },
		{ key = "p99_us", unit = "us" },
		{ key = "p99_over_p50", unit = "times", target = "<= 4" },
	},
	raw = function(bench)
		return tail_add(bench:load(bench:echo(), { conns = 1 }))
	end,
	ours = function(bench)
		return tail_add(game.load(bench, game.start(bench), { conns = 1 }))
	end,
}
