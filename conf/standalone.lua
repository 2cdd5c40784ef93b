-- The whole game in one process, on this machine only.
--
--   troupe check conf/standalone.lua       look at it without starting anything
--   troupe run conf/standalone.lua         run it; Ctrl-C stops it
--
-- This file is Lua that reads like data. Each block is named after the plugin it configures; `troupe api options
-- frontend`, say, lists what a block may hold, and so does docs/reference/options.md. Whatever is left out has a
-- default. `cluster` names the whole; its data go to the folder `data` where you start the program.
cluster "demo" {}

-- What follows belongs to the base: accounts and money, shared by all copies of the world.
part "base"

-- Where the base keeps its data: an embedded store in data/base.
database "base" { driver = "leveldb", path = "base" }

-- Knows the shards and who plays where.
master { database = "base", shards = { meadow = { comment = "The first meadow", limit = 500 } } }

-- Players register and log in here. A port without an address means this machine only.
account { database = "base", listen = "tcp://:9340" }

-- Money, in a ledger that always adds up. Operators give it: `troupe billing grant ACCOUNT gold 500 "welcome"`.
billing { database = "base", currencies = { gold = { title = "Gold" }, silver = { title = "Silver" } } }

-- What is sold. Prices and offers change while it runs: edit, then `troupe reload`.
mall {
	database = "base",
	offers = {
		lantern = { item = "lantern", currency = "gold", price = 30 },
		seeds = { item = "seed", count = 10, currency = "silver", price = 5 },
		golden_hat = { item = "hat.golden", currency = "gold", price = 250, stock = 100 },
	},
}

-- Keeps what all of this logs for two weeks, in a store of its own: `troupe log query 'level >= warning'`.
database "log" { driver = "leveldb", path = "log" }
logserver { database = "log" }

-- What follows belongs to one copy of the world, the shard "meadow".
part "shard:meadow"

-- Its own data: avatars, items and the world itself.
database "meadow" { driver = "leveldb", path = "meadow" }

-- Avatars and what they carry.
itemstore { database = "meadow" }

-- The clock of the world, and the rules of the game in it. Edit a file of that folder while it runs: a second later it
-- counts.
scheduler "s1" { database = "meadow", scripts = "../scripts/lua/meadow" }

-- The world itself. Several of these share it: each owns some regions of it.
mechanics "m1" { database = "meadow" }

-- Players connect here once they have logged in. A second front-end needs another name and another port.
frontend "fe1" { listen = "tcp://:9322", max_clients = 5000 }

-- Placement: which process runs what. Without further hosts this one runs everything. `loops` gives the front-ends a
-- thread of their own; `metrics` is the port where Prometheus reads figures.
host "one" { run = "*", loops = { { "meadow/frontend" } }, metrics = 9464 }
