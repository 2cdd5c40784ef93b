local s = ("%5.2f %q %s"):format(1.5, "a\0b", {})
for w in s:gmatch("%w+") do print(#w, w:upper(), w:rep(3, "-"), w:byte(1, -1)) end
return s:gsub(".", { a = 1 })
