return 0x7fffffffffffffff + 1, 1e308 * 10, -0.0, 1 // 0.0, 5 % -3, math.tointeger("8"), 3 | 4.0, "10" + 1, 2^53 == 2^53 + 1, math.random(3), tostring(1/0)
