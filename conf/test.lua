-- The game of standalone.lua in three processes on this machine: to see, and to test, that it is the same game.
--
--   troupe run conf/test.lua --host base       each in a terminal of its own, in any order
--   troupe run conf/test.lua --host world
--   troupe run conf/test.lua --host front
--   troupe status                              all of them; --host NAME shows one
--
-- Only the last lines differ from standalone.lua, where each block is explained.
cluster "demo" {}

part "base"
database "base" { driver = "leveldb", path = "base" }
master { database = "base", shards = { meadow = { comment = "The first meadow", limit = 500 } } }
account { database = "base", listen = "tcp://:9340" }
billing { database = "base", currencies = { gold = { title = "Gold" }, silver = { title = "Silver" } } }
mall {
	database = "base",
	offers = {
		lantern = { item = "lantern", currency = "gold", price = 30 },
		seeds = { item = "seed", count = 10, currency = "silver", price = 5 },
		golden_hat = { item = "hat.golden", currency = "gold", price = 250, stock = 100 },
	},
}

database "log" { driver = "leveldb", path = "log" }
logserver { database = "log" }

part "shard:meadow"
database "meadow" { driver = "leveldb", path = "meadow" }
itemstore { database = "meadow" }
scheduler "s1" { database = "meadow", scripts = "../scripts/lua/meadow" }
mechanics "m1" { database = "meadow" }
frontend "fe1" { listen = "tcp://:9322", max_clients = 5000 }
database "meadow_log" { driver = "leveldb", path = "meadow_log" }
logserver { database = "meadow_log" }

-- Placement: every process reads this whole file and runs what its host says. Hosts of one address talk over local
-- sockets and make their keys themselves, so there is nothing to set up.
host "base" { run = "base/*", metrics = 9464 }
host "world" {
	run = { "meadow/database", "meadow/itemstore", "meadow/scheduler", "meadow/mechanics", "meadow/logserver" },
	metrics = 9465,
}
host "front" { run = "meadow/frontend", metrics = 9466 }
