local t = {}
for i = 1, 100 do t[i] = i * 2 end
table.sort(t, function(a, b) return a > b end)
return table.concat(t, ",")
