-- SPDX-License-Identifier: MIT
-- Play traffic while logins keep the password hashing saturated. The comparison is with the same traffic before.

local game = require "game"

-- Wrong passwords of unknown names cost a hash each, as right ones do. The bots ask for more than can be hashed; they are
-- ended at last, since they would wait for all the answers.
local function flood(bench, server, seconds)
	return io.popen(bench:limited(("%s/troupe bots --connect 127.0.0.1:%d --count 16 --ramp 0.1 --seconds %s --script %s/bench/flood.lua 2>&1")
		:format(bench.build, server.login, seconds, bench.source), seconds + 0.5))
end

local function p99(bench, server)
	local conns = bench.smoke and 8 or 100
	local file = game.players(bench, server, conns)
	return function()
		return bench:load(server, { conns = conns, preamble = file, event = 110, reply = 111, mode = "open", rate = 2000 }).p99_us
	end
end

return {
	name = "login-flood",
	title = "p99 of play traffic under a login flood, times the p99 without it",
	figures = { { key = "p99_flood_over_quiet", unit = "times", target = "<= 1.5" } },
	ours = function(bench)
		local server = game.start(bench, { hash = "19mb" })
		local quiet = p99(bench, server)()
		local again = p99(bench, server)
		local bots = flood(bench, server, bench.warm_s + bench.time_s + 2)
		os.execute("sleep 0.5")
		local loud = again()
		bots:read("a")
		bots:close()
		return { p99_flood_over_quiet = loud / quiet }
	end,
}
