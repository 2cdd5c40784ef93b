-- SPDX-License-Identifier: MIT
-- Every function, field and key that the reference page of the rules' API describes has a type for editors, with the same
-- parameters, and the other way round: lua5.4 stubs.lua lua.md game.d.lua. Prints what differs; 1 if anything does.

local function lines_of(path)
	local list = {}
	for line in assert(io.open(path)):lines() do list[#list + 1] = line end
	return list
end

-- params: "a, b?" from "self, a: X, b?: Y" or "(a, b?)"
local function params(text)
	local names = {}
	for part in (text .. ","):gmatch("%s*(.-)%s*,") do
		local name = part:match("^[%w_]+%??")
		if name and name ~= "self" then names[#names + 1] = name end
	end
	return table.concat(names, ", ")
end

local page, types = {}, {}
local thing
for _, line in ipairs(lines_of(arg[1])) do
	thing = line:match("^## ([%w ]+)$") or thing
	local name, list = line:match("^`%a+[.:]([%w_]+)(%b())")
	if name then page[thing .. "." .. name] = params(list:sub(2, -2)) end
	local field = line:match("^| `([%w_]+)` |")
	if field then page[thing .. "." .. field] = "-" end
end

local class
for _, line in ipairs(lines_of(arg[2])) do
	class = line:match("^%-%-%-@class (%w+)") or class
	local field, what = line:match("^%-%-%-@field ([%w_]+)%??%s+(.-)%s+#")
	if field then
		local fun = what:match("^fun(%b())")
		local key = class .. "." .. field
		-- functions that a definition holds are keys of it: the page has them in tables
		types[key] = fun and page[key] ~= "-" and params(fun:sub(2, -2)) or "-"
	end
end

local wrong, count = {}, 0
for key, list in pairs(page) do
	count = count + 1
	if types[key] ~= list then
		wrong[#wrong + 1] = ("%s: the page says (%s), the types %s"):format(key, list, types[key] and "(" .. types[key] .. ")" or "nothing")
	end
end
for key in pairs(types) do
	if not page[key] then wrong[#wrong + 1] = key .. ": the types have it, the page does not" end
end
if count < 150 then wrong[#wrong + 1] = ("only %d entries were found"):format(count) end
table.sort(wrong)
print(table.concat(wrong, "\n"))
os.exit(#wrong == 0)
