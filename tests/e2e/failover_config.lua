-- SPDX-License-Identifier: MIT
-- The game with two of everything that may be lost, each in a process of its own. Ports are the kernel's choice.
cluster "failover" {}

part "base"
database "base" { driver = "leveldb", path = "base" }
master "a" { database = "base" }
master "b" { database = "base" }
account { database = "base", listen = "tcp://127.0.0.1:0", password = { memory = "8kb", ops = 1 }, limits = { per_network = 64 } }
billing { database = "base", currencies = { gold = { title = "Gold" } } }
mall { database = "base", offers = { lantern = { item = "lantern", currency = "gold", price = 30 } } }

part "shard:meadow"
database "meadow" { driver = "leveldb", path = "meadow" }
itemstore { database = "meadow" }
scheduler "s1" { database = "meadow", scripts = "../../scripts/lua/meadow", lease = "2s" }
scheduler "s2" { database = "meadow", scripts = "../../scripts/lua/meadow", lease = "2s" }
mechanics "m1" { database = "meadow", save = "1s" }
mechanics "m2" { database = "meadow", save = "1s" }
frontend "fe1" { listen = "tcp://127.0.0.1:0" }
frontend "fe2" { listen = "tcp://127.0.0.1:0" }

host "base" { run = { "base/database", "base/account", "base/billing", "base/mall" } }
host "ma" { run = { "base/master.a" } }
host "mb" { run = { "base/master.b" } }
host "items" { run = { "meadow/database", "meadow/itemstore" } }
host "s1" { run = { "meadow/scheduler.s1" } }
host "s2" { run = { "meadow/scheduler.s2" } }
host "m1" { run = { "meadow/mechanics.m1" } }
host "m2" { run = { "meadow/mechanics.m2" } }
host "fe1" { run = { "meadow/frontend.fe1" } }
host "fe2" { run = { "meadow/frontend.fe2" } }
