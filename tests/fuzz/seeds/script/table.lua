local t = table.pack(table.unpack({ 1, 2, 3, nil, 5 }, 1, 5))
table.move(t, 1, 3, 2)
table.insert(t, 2, "x") table.remove(t)
for k, v in pairs(t) do print(k, v) end
