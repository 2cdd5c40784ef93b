local s, t = "x", {}
repeat s = s .. s t[#t + 1] = s until false
