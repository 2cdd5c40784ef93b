local m = setmetatable({}, { __index = function(t, k) return t[k .. "x"] end, __len = function() return 1 << 60 end, __concat = function(a) return a end })
print(pcall(function() return m.a end), m .. m, pcall(table.unpack, m))
