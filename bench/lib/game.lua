-- SPDX-License-Identifier: MIT
-- The whole game as a server to be measured.

local game = {}

-- start runs ./troupe with bench/game.lua on free ports and returns a server as context:server does, with
-- `port` the front-end's and `login` the account server's. options.other: the answering role has its own "loop", or its
-- own "host", a second process on the same core.
function game.start(bench, options)
	options = options or {}
	local ports, dir = bench:ports(3), bench:directory()
	bench:execute(("ln -s %s/plugins/all/*.so %s/bench/.libs/luaecho.so %s/"):format(bench.build, bench.build, dir))
	local function start(host, port, ...)
		return bench:server{
			port = port, cpu = options.other ~= "loop" and options.cpu,
			env = { TROUPE_PLUGINS = dir, BENCH_OTHER = options.other, BENCH_HASH = options.hash },
			bench.build .. "/troupe", "run", bench.source .. "/bench/game.lua", "--state", dir .. "/state",
			"--host", host, ...
		}
	end
	if options.other == "host" then
		start("two", ports[3], "--set", ("host.two.metrics=%d"):format(ports[3]))
	end
	local server = start("one", ports[1], "--set", ("meadow/frontend.fe1.listen=tcp://:%d"):format(ports[1]),
		"--set", ("base/account.listen=tcp://:%d"):format(ports[2]))
	server.login = ports[2]
	server.dir = dir
	if options.other == "host" then -- until it is linked, requests to its role are refused
		bench:execute(("sh -c 'until %s/troupe links --host one --state %s/state --json | grep -q linked; do sleep 0.05; done; sleep 0.3'")
			:format(bench.build, dir))
	end
	return server
end

-- players registers that many and returns the file of what their connections play first. world: nil, "world" or "room", see
-- players.lua.
function game.players(bench, server, count, world)
	local path = server.dir .. "/preamble"
	bench:execute(("%s/troupe client --connect 127.0.0.1:%d %s/bench/players.lua %d %s%s")
		:format(bench.build, server.login, bench.source, count, path, world and " " .. world or ""))
	return path
end

-- load plays requests to the answering role over `conns` connections of players who are in.
function game.load(bench, server, options)
	local all = { preamble = game.players(bench, server, options.conns), event = 110, reply = 111 }
	for key, value in pairs(options) do all[key] = value end
	return bench:load(server, all)
end

return game
