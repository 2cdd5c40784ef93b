-- The game of standalone.lua with a process for each instance, for several machines, and with something to take over
-- when a machine dies: a second master, a second scheduler, three owners of the world, a second front-end.
--
--   troupe run conf/production.lua --host front1      one of the processes; the same file on every machine
--
-- As it stands everything is on this machine. To spread it, put the machines' addresses here, those of the network
-- between them, and the hosts' public keys below; `troupe check conf/production.lua` says what is missing.
local base, world, front1, front2 = "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"

-- Every host proves itself to the others: `troupe key new NAME` makes its key and prints the public half for this list. On
-- one machine hosts make their keys themselves.
local keys = {} -- { data = "44 characters that end with =", master1 = ... }

cluster "demo" {}

part "base"
database "base" { driver = "leveldb", path = "base" }
local shards = { meadow = { comment = "The first meadow", limit = 500 } }
master "first" { database = "base", shards = shards }
master "second" { database = "base", shards = shards }
-- What players reach listens on loopback: a front that speaks TLS, such as HAProxy, stands before it on its machine. So
-- all players have its address, and it is the front that bounds connections from one.
account { database = "base", listen = "tcp://127.0.0.1:9340", limits = { per_network = 0 } }
billing { database = "base", currencies = { gold = { title = "Gold" }, silver = { title = "Silver" } } }
mall {
	database = "base",
	offers = {
		lantern = { item = "lantern", currency = "gold", price = 30 },
		seeds = { item = "seed", count = 10, currency = "silver", price = 5 },
		golden_hat = { item = "hat.golden", currency = "gold", price = 250, stock = 100 },
	},
}

-- Each part has a log server. Hosts keep their lines while theirs is away.
database "log" { driver = "leveldb", path = "log" }
logserver { database = "log" }

part "shard:meadow"
database "meadow" { driver = "leveldb", path = "meadow" }
itemstore { database = "meadow" }
scheduler "s1" { database = "meadow", scripts = "../scripts/lua/meadow" }
scheduler "s2" { database = "meadow", scripts = "../scripts/lua/meadow" }
mechanics "m1" { database = "meadow" }
mechanics "m2" { database = "meadow" }
mechanics "m3" { database = "meadow" }
frontend "fe1" { listen = "tcp://127.0.0.1:9322", max_clients = 5000 }
frontend "fe2" { listen = "tcp://127.0.0.1:9323", max_clients = 5000 }
database "meadow_log" { driver = "leveldb", path = "meadow_log" }
logserver { database = "meadow_log" }

-- Placement. `bus` is the port where the hosts of other machines reach this one.
host "data" { address = base, bus = 9500, key = keys.data, run = "base/database.base" }
host "master1" { address = base, bus = 9501, key = keys.master1, run = "base/master.first" }
host "master2" { address = world, bus = 9502, key = keys.master2, run = "base/master.second" }
host "account" { address = base, bus = 9503, key = keys.account, run = "base/account" }
host "billing" { address = base, bus = 9504, key = keys.billing, run = "base/billing" }
host "mall" { address = base, bus = 9505, key = keys.mall, run = "base/mall" }
host "meadow" { address = world, bus = 9506, key = keys.meadow, run = "meadow/database.meadow" }
host "items" { address = world, bus = 9507, key = keys.items, run = "meadow/itemstore" }
host "clock1" { address = world, bus = 9517, key = keys.clock1, run = "meadow/scheduler.s1" }
host "clock2" { address = front1, bus = 9518, key = keys.clock2, run = "meadow/scheduler.s2" }
host "world1" { address = world, bus = 9508, key = keys.world1, run = "meadow/mechanics.m1" }
host "world2" { address = front1, bus = 9509, key = keys.world2, run = "meadow/mechanics.m2" }
host "world3" { address = front2, bus = 9510, key = keys.world3, run = "meadow/mechanics.m3" }
host "front1" { address = front1, bus = 9511, key = keys.front1, run = "meadow/frontend.fe1" }
host "front2" { address = front2, bus = 9512, key = keys.front2, run = "meadow/frontend.fe2" }
host "logdata" { address = base, bus = 9513, key = keys.logdata, run = "base/database.log" }
host "logs" { address = base, bus = 9514, key = keys.logs, run = "base/logserver" }
host "meadowlogdata" { address = world, bus = 9515, key = keys.meadowlogdata, run = "meadow/database.meadow_log" }
host "meadowlogs" { address = world, bus = 9516, key = keys.meadowlogs, run = "meadow/logserver" }
