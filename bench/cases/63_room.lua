-- SPDX-License-Identifier: MIT
-- One room: 800 avatars in one cell of 16 x 16 blocks, so each sees all others; each sends 10 moves a second and is told of
-- all that moved, 20 times a second. Nothing is left out: a view is the cell and the eight around it, without a limit of
-- neighbours, so each move is told to 800. Raw: the same frames from sockets alone.

local game = require "game"

local function measure(bench, server, preamble, conns)
	local list = {
		bench:program("room"), "--port", server.port, "--pid", server.pid, "--cpu", 1, "--preamble", preamble,
		"--conns", conns, "--warm", bench.smoke and 0.2 or 2, "--time", bench.smoke and 0.3 or 5,
	}
	local figures = bench:run(list)
	assert(figures.seen > 0, "no move was seen")
	return figures
end

-- The raw server takes any number for an avatar's; these are as long as ours.
local function raw_preamble(bench, conns)
	local path = bench:directory() .. "/preamble"
	local file = assert(io.open(path, "w"))
	for i = 1, conns do
		file:write((">25:08%02x%02x%s01 <26\n"):format(i & 127 | 128, i >> 7 | 128, ("80"):rep(6)))
	end
	file:close()
	return path
end

local function conns_of(bench) return bench.smoke and 40 or 800 end

local function raw(bench)
	local port, conns = bench:ports(1)[1], conns_of(bench)
	local server = bench:server{ port = port, bench:program("raw/room"), "--port", port }
	return measure(bench, server, raw_preamble(bench, conns), conns)
end

local function ours(bench)
	local conns = conns_of(bench)
	local server = game.start(bench)
	return measure(bench, server, game.players(bench, server, conns, "room"), conns)
end

return {
	name = "room",
	title = "one room of 800 clients, 10 moves/s each, all seen by all, 20 ticks a second",
	figures = {
		{ key = "server_cpu_percent", unit = "% of a core", target = "<= 15" },
		{ key = "p50_ms", unit = "ms" },
		{ key = "p99_ms", unit = "ms", target = "<= 60" },
		{ key = "rss_mib", unit = "MiB", target = "<= 30" },
		{ key = "seen_percent", unit = "% of moves" },
		{ key = "kib_per_client", unit = "KiB/s" },
	},
	raw = raw,
	ours = ours,
}
