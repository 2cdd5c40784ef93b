local function f(n) return 1 + f(n + 1) end
print(pcall(f, 1))
print(select("#", pcall(string.gsub, "x", "x", function() return f(1) end)))
