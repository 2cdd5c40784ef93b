rawset(string, "rep", 1)
string.rep = 2
getmetatable("").__index = nil
setmetatable(math, {})
table.insert(string, 1)
