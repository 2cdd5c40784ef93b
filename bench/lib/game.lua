-- SPDX-License-Identifier: MIT
-- The whole game as a server to be measured.

local game = {}

local function run(command)
	local ok = os.execute(command)
	if not ok then error("failed: " .. command, 0) end
end

-- start runs ./troupe with bench/game.lua on free ports and returns a server as context:server does, with
-- `port` the front-end's and `login` the account server's. options.other_loop: the answering role has its own loop.
function game.start(bench, options)
	options = options or {}
	local ports, dir = bench:ports(2), bench:directory()
	run(("ln -s %s/plugins/all/*.so %s/bench/.libs/luaecho.so %s/"):format(bench.build, bench.build, dir))
	local server = bench:server{
		port = ports[1], cpu = options.other_loop and false or options.cpu,
		env = { TROUPE_PLUGINS = dir, BENCH_OTHER = options.other_loop and "1" or "0", BENCH_HASH = options.hash },
		bench.build .. "/troupe", "run", bench.source .. "/bench/game.lua", "--state", dir .. "/state",
		"--set", ("meadow/frontend.fe1.listen=tcp://:%d"):format(ports[1]),
		"--set", ("base/account.listen=tcp://:%d"):format(ports[2]),
	}
	server.login = ports[2]
	server.dir = dir
	return server
end

-- players registers that many and returns the file of what their connections play first.
function game.players(bench, server, count, world)
	local path = server.dir .. "/preamble"
	run(("%s/troupe client --connect 127.0.0.1:%d %s/bench/players.lua %d %s%s >%s/players.log 2>&1 || { cat %s/players.log >&2; false; }")
		:format(bench.build, server.login, bench.source, count, path, world and " world" or "", server.dir, server.dir))
	return path
end

-- load plays requests to the answering role over `conns` connections of players who are in.
function game.load(bench, server, options)
	local all = { preamble = game.players(bench, server, options.conns), event = 110, reply = 111 }
	for key, value in pairs(options) do all[key] = value end
	return bench:load(server, all)
end

return game
