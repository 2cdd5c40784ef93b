-- SPDX-License-Identifier: MIT
-- Requests on a fixed schedule, latency counted from the scheduled time, far below what the server can do.

local game = require "game"

local function conns(bench)
	return bench.smoke and 50 or 1000
end

return {
	name = "request-open-1000",
	title = "10,000 requests/s in all from 1000 clients, role on the front-end's loop",
	figures = {
		{ key = "cpu_us_per_request", unit = "us" },
		{ key = "p50_us", unit = "us" },
		{ key = "p99_us", unit = "us" },
	},
	raw = function(bench)
		return bench:load(bench:echo(), { conns = conns(bench), mode = "open", rate = 10000 })
	end,
	ours = function(bench)
		return game.load(bench, game.start(bench), { conns = conns(bench), mode = "open", rate = 10000 })
	end,
}
