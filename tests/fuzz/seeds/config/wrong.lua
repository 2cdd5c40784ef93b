evry "x" { y = z.w + 1 }
every { tik = 1, text = env "NOT_SET", number = 99, flag = 0, flag = 1, listen = "tcp://0.0.0.0:1", [5] = 6, 7, [[x]] }
tick = "5ms" include "gone.lua" part "x" every "b"
needs_left {} needs_right {} needs_missing {} bad_major {}
--[==[ a long ]] comment ]==] every "c" { text = "\x00\"" }
host "a" { run = { "base/evry" } } host "a" {} cluster {}
