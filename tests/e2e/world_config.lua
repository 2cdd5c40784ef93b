-- SPDX-License-Identifier: MIT
-- A world of three owners and two schedulers, each in a process of its own. Ports are the kernel's choice.
cluster "world" {}

part "base"
database "base" { driver = "leveldb", path = "base", cache = "1mb" }
master { database = "base" }
account { database = "base", listen = "tcp://127.0.0.1:0", password = { memory = "8kb", ops = 1 }, limits = { per_network = 1000 } }
billing { database = "base", currencies = { gold = { title = "Gold" } } }
mall { database = "base", offers = { lantern = { item = "lantern", currency = "gold", price = 30 } } }

part "shard:meadow"
database "meadow" { driver = "leveldb", path = "meadow", cache = "1mb" }
itemstore { database = "meadow" }
local world = { database = "meadow", scripts = "../../scripts/lua/meadow", lease = "2s", checkpoint = "5s" }
scheduler "s1" (world)
scheduler "s2" (world)
mechanics "m1" { database = "meadow" }
mechanics "m2" { database = "meadow" }
mechanics "m3" { database = "meadow" }
frontend "fe1" { listen = "tcp://127.0.0.1:0", limits = { per_network = 1000 } }

host "base" { run = { "base/*" } }
host "data" { run = { "meadow/database" } }
host "items" { run = { "meadow/itemstore" } }
host "s1" { run = { "meadow/scheduler.s1" } }
host "s2" { run = { "meadow/scheduler.s2" } }
host "m1" { run = { "meadow/mechanics.m1" } }
host "m2" { run = { "meadow/mechanics.m2" } }
host "m3" { run = { "meadow/mechanics.m3" } }
host "front" { run = { "meadow/frontend" } }
