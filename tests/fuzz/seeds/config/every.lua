cluster "demo" { state = "/state", drain = "2s" }
part "base"
store "main" {}
for n = 1, 2 do every("e" .. n) {
  flag = false, number = 3, tick = "1s", room = "1gb", path = "here", source = "/s",
  listen = { "tcp://:1" .. n, "tcp://[::1]:0" }, database = "main", words = { "x" },
  inner = { must = "yes" }, items = { z = { scale = 2 }, a = {} }, log = "debug", mailbox = { messages = 100 },
} end
part "shard:m"
frozen_1_0 "f" { ["tick"] = "20ms" }
host "one" { run = "*", loops = { { "base/every.e2" } }, address = "127.0.0.1", metrics = 0 }
