-- SPDX-License-Identifier: MIT
-- A client's request through the front-end to a role and back; the answer is one Lua call on an opaque body.

local game = require "game"

local function conns_of(bench, conns)
	return bench.smoke and math.min(conns, 50) or conns
end

local function ours(conns, other)
	return function(bench)
		return game.load(bench, game.start(bench, { other = other }), { conns = conns_of(bench, conns) })
	end
end

local function raw(conns)
	return function(bench)
		return bench:shared("echo-lua-" .. conns, function()
			return bench:load(bench:echo(), { conns = conns_of(bench, conns) })
		end)
	end
end

local cases = {}
for _, conns in ipairs{ 100, 1000, 5000 } do
	cases[#cases + 1] = {
		name = "request-same-loop-" .. conns,
		title = ("request to a role on the front-end's loop, %d clients, one request outstanding each"):format(conns),
		figures = {
			{ key = "cpu_us_per_request", unit = "us", target = "<= 1.3 raw" },
			{ key = "rps", unit = "1/s", target = ">= 0.8 raw" },
			{ key = "p99_us", unit = "us" },
		},
		raw = raw(conns),
		ours = ours(conns),
	}
end
for _, conns in ipairs{ 100, 1000, 5000 } do
	cases[#cases + 1] = {
		name = "request-other-loop-" .. conns,
		title = ("request to a role on another loop of the process, %d clients"):format(conns),
		figures = {
			{ key = "cpu_us_per_request", unit = "us", target = "<= 2 raw" },
			{ key = "rps", unit = "1/s" },
		},
		raw = raw(conns),
		ours = ours(conns, "loop"),
	}
end
for _, conns in ipairs{ 100, 1000 } do
	cases[#cases + 1] = {
		name = "request-other-host-" .. conns,
		title = ("request to a role in another host process (sealed), %d clients, both processes on one core"):format(conns),
		figures = {
			{ key = "rps", unit = "1/s", target = ">= 0.7 raw" },
			{ key = "p50_us", unit = "us" },
			{ key = "p99_us", unit = "us" },
		},
		raw = function(bench)
			return bench:load(bench:front(), { conns = conns_of(bench, conns) })
		end,
		ours = ours(conns, "host"),
	}
end
return cases
