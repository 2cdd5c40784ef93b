-- SPDX-License-Identifier: MIT
-- What a server costs that does nothing: memory, CPU, and the time until it listens.

local game = require "game"
local idle_conns = 5000
local world_conns = 2000

-- One measurement gives memory and CPU: empty first, then with the idle clients.
local function idle_measure(bench, server)
	local warm, time = bench.smoke and 0.1 or 1, bench.smoke and 0.5 or 4
	local conns = bench.smoke and 50 or idle_conns
	local empty = bench:load(server, { conns = 1, mode = "idle", warm = warm, time = time })
	local full = bench:load(server, { conns = conns, mode = "idle", warm = warm, time = time })
	return {
		listening_mib = empty.rss_before_kb / 1024,
		idle_client_bytes = (full.anon_kb - full.anon_before_kb) * 1024 / conns,
		idle_cpu_percent = full.server_cpu_percent - empty.server_cpu_percent,
	}
end

-- Players who are in but have no avatar yet are the idle clients of a front-end.
local function game_measure(bench)
	local server = game.start(bench)
	local warm, time = bench.smoke and 0.1 or 1, bench.smoke and 0.5 or 4
	local conns = bench.smoke and 50 or idle_conns
	local empty = bench:load(server, { conns = 1, mode = "idle", warm = warm, time = time })
	local full = bench:load(server,
		{ conns = conns, mode = "idle", warm = warm, time = time, preamble = game.players(bench, server, conns) })
	return {
		listening_mib = empty.rss_before_kb / 1024,
		idle_client_bytes = (full.anon_kb - full.anon_before_kb) * 1024 / conns,
		idle_cpu_percent = full.server_cpu_percent - empty.server_cpu_percent,
		start_ms = server.start_ms,
	}
end

local function ours(bench)
	return bench:shared("idle-game", function()
		return game_measure(bench)
	end)
end

local function world(bench)
	local server = game.start(bench)
	local conns = bench.smoke and 9 or world_conns
	local full = bench:load(server, { conns = conns, mode = "idle", warm = bench.smoke and 0.5 or 2, time = 1,
		preamble = game.players(bench, server, conns, "world") })
	return { world_client_bytes = (full.anon_kb - full.anon_before_kb) * 1024 / conns }
end

local function raw(bench)
	return bench:shared("idle", function()
		return idle_measure(bench, bench:echo())
	end)
end

return {
	{
		name = "memory-listening",
		title = "resident memory of a whole standalone game that listens",
		figures = { { key = "listening_mib", unit = "MiB", target = "<= 16" } },
		raw = raw,
		ours = ours,
	},
	{
		name = "memory-idle-client",
		title = "memory per connected client that says nothing, 5000 of them",
		figures = { { key = "idle_client_bytes", unit = "B", target = "<= 1024" } },
		raw = raw,
		ours = ours,
	},
	{
		name = "memory-client-in-world",
		title = "memory per client with an avatar in the world",
		figures = { { key = "world_client_bytes", unit = "B", target = "<= 6144" } },
		ours = world,
	},
	{
		name = "idle-cpu",
		title = "CPU of 5000 idle clients above the empty world",
		figures = { { key = "idle_cpu_percent", unit = "% of a core", target = "<= 0.5" } },
		raw = raw,
		ours = ours,
	},
	{
		name = "start",
		title = "from exec to the first accepted connection, with all roles and rules",
		figures = { { key = "start_ms", unit = "ms", target = "<= 60" } },
		raw = function(bench)
			return { start_ms = bench:echo().start_ms }
		end,
		ours = ours,
	},
}
