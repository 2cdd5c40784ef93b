-- SPDX-License-Identifier: MIT
-- Rows of the result: medians, ratios, verdicts, the printed table and JSON.

local report = {}

local function median(values)
	local sorted = table.move(values, 1, #values, 1, {})
	table.sort(sorted)
	local middle = #sorted // 2
	if #sorted % 2 == 1 then
		return sorted[middle + 1]
	end
	return (sorted[middle] + sorted[middle + 1]) / 2
end

-- summary of a list of numbers: { median, min, max }, or nil when it is empty.
local function summary(values)
	if #values == 0 then
		return nil
	end
	return { median = median(values), min = math.min(table.unpack(values)), max = math.max(table.unpack(values)) }
end

-- A target reads "<= 1.3 raw" (times the raw part of the same round) or ">= 2e6" (in the figure's unit).
local function target_parse(text)
	local sign, number, raw = text:match("^([<>]=) ([%d.e+]+)( ?r?a?w?)$")
	assert(sign and tonumber(number) and (raw == "" or raw == " raw"), "bad target: " .. text)
	return sign, tonumber(number), raw ~= ""
end

local function verdict(target, ours, ratio)
	local sign, limit, of_raw = target_parse(target)
	local value = of_raw and ratio or not of_raw and ours.median
	if not value then
		return "no raw"
	end
	local met = value <= limit
	if sign == ">=" then
		met = value >= limit
	end
	return met and "met" or "missed"
end

-- row makes the result of one figure. `raw` and `ours` are lists of results, one a round, false where there is none.
-- The ratio is the median of the rounds' ratios: both sides of a round saw the same hour.
function report.row(case, figure, raw, ours, raw_only)
	local raws, ourss, ratios = {}, {}, {}
	for round = 1, math.max(#raw, #ours) do
		local r = raw[round] and raw[round][figure.key]
		local o = ours[round] and ours[round][figure.key]
		raws[#raws + 1] = r or nil
		ourss[#ourss + 1] = o or nil
		if r and o and r ~= 0 then
			ratios[#ratios + 1] = o / r
		end
	end
	local row = { case = case.name, figure = figure.key, unit = figure.unit, target = figure.target }
	row.raw, row.ours = summary(raws), summary(ourss)
	row.ratio = #ratios > 0 and median(ratios) or nil
	if case.failed then
		row.verdict = "failed"
	elseif raw_only or figure.raw_only then
		row.verdict = "-"
	elseif not row.ours then
		row.verdict = "absent"
	else
		row.verdict = figure.target and verdict(figure.target, row.ours, row.ratio) or "-"
	end
	return row
end

local function number_text(value)
	local size = math.abs(value)
	if size >= 1e6 then
		return ("%.2f M"):format(value / 1e6)
	elseif size >= 1e4 then
		return ("%.1f k"):format(value / 1e3)
	elseif size >= 100 then
		return ("%.0f"):format(value)
	elseif size >= 1 or size == 0 then
		return ("%.2f"):format(value)
	end
	return ("%.3f"):format(value)
end

local function summary_text(values)
	if not values then
		return "-"
	end
	if values.min == values.max then
		return number_text(values.median)
	end
	return ("%s [%s, %s]"):format(number_text(values.median), number_text(values.min), number_text(values.max))
end

local columns = { "case", "figure", "raw", "ours", "ratio", "target", "verdict" }

local function cells(row)
	return {
		row.case,
		("%s, %s"):format(row.figure, row.unit),
		summary_text(row.raw),
		summary_text(row.ours),
		row.ratio and ("%.2f"):format(row.ratio) or "-",
		row.target or "-",
		row.verdict,
	}
end

-- print_table writes the rows as a table that Markdown understands too.
function report.print_table(rows, out)
	local lines, widths = { columns }, {}
	for _, row in ipairs(rows) do
		lines[#lines + 1] = cells(row)
	end
	for _, line in ipairs(lines) do
		for i, cell in ipairs(line) do
			widths[i] = math.max(widths[i] or 3, #cell)
		end
	end
	for number, line in ipairs(lines) do
		local padded, rule = {}, {}
		for i, cell in ipairs(line) do
			padded[i] = cell .. (" "):rep(widths[i] - #cell)
			rule[i] = ("-"):rep(widths[i])
		end
		out:write("| ", table.concat(padded, " | "), " |\n")
		if number == 1 then
			out:write("|-", table.concat(rule, "-|-"), "-|\n")
		end
	end
end

-- json writes what the tables of this script hold: strings, numbers, booleans, lists and string keys.
function report.json(value)
	if type(value) == "table" then
		local parts = {}
		if #value > 0 or next(value) == nil then
			for i, item in ipairs(value) do
				parts[i] = report.json(item)
			end
			return "[" .. table.concat(parts, ", ") .. "]"
		end
		local keys = {}
		for key in pairs(value) do
			keys[#keys + 1] = key
		end
		table.sort(keys)
		for i, key in ipairs(keys) do
			parts[i] = report.json(key) .. ": " .. report.json(value[key])
		end
		return "{" .. table.concat(parts, ", ") .. "}"
	elseif type(value) == "string" then
		local text = value:gsub('["\\]', "\\%0"):gsub("%c", function(c)
			return ("\\u%04x"):format(c:byte())
		end)
		return '"' .. text .. '"'
	elseif type(value) == "number" and math.type(value) == "float" then
		return ("%.10g"):format(value)
	end
	return tostring(value)
end

return report
