-- SPDX-License-Identifier: MIT
-- The whole game as the benchmarks run it: cheap password hashes, no limits of rate, and a role that answers with one
-- Lua call. BENCH_OTHER=loop puts that role on a loop of its own, BENCH_OTHER=host in a process of its own ("two").
cluster "bench" {}

part "base"
-- A small write buffer: what players leave in the store is not memory that they take.
database "base" { driver = "leveldb", path = "base", write_buffer = "256kb", cache = "1mb" }
master { database = "base", shards = { meadow = { limit = 20000 } } }
account {
	database = "base", listen = "tcp://:9340",
	password = { memory = env("BENCH_HASH", "8kb"), ops = 1, queue = 4096 },
	limits = { per_network = 0, connections = 20000 },
}
billing { database = "base", currencies = { gold = {} } }
mall { database = "base", offers = { lantern = { item = "lantern", currency = "gold", price = 30 } } }

part "shard:meadow"
database "meadow" { driver = "leveldb", path = "meadow", write_buffer = "256kb", cache = "1mb" }
itemstore { database = "meadow" }
-- A place for each of 5000 avatars, 16 apart, one to a chunk: each sees eight others. They get there at once.
scheduler "s1" {
	database = "meadow", scripts = "../scripts/lua/meadow", watch = false,
	map = "flat", size = 1152, region = 128, speed = 1000,
}
mechanics "m1" { database = "meadow" }
frontend "fe1" { listen = "tcp://:9322", max_clients = 20000, idle = "1h", limits = { rate = 0 } }
luaecho {}

local other = env("BENCH_OTHER", "")
if other == "host" then
	host "one" {
		run = {
			"base/*", "meadow/database", "meadow/itemstore", "meadow/scheduler", "meadow/mechanics", "meadow/frontend",
		},
		metrics = 0,
	}
	host "two" { run = "meadow/luaecho", metrics = 9465 }
else
	host "one" { run = "*", loops = other == "loop" and { { "meadow/luaecho" } } or nil, metrics = 0 }
end
