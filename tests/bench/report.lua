-- SPDX-License-Identifier: MIT
-- Tables of cases for bench/lib/report.lua; prints TAP.

package.path = arg[1] .. "/bench/lib/?.lua;" .. package.path
local report = require "report"

local function rounds(values)
	local results = {}
	for i, value in ipairs(values) do
		results[i] = value and { x = value }
	end
	return results
end

local verdicts = {
	{ "ratio met", target = "<= 1.3 raw", raw = { 10, 20 }, ours = { 12, 24 }, verdict = "met", ratio = 1.2 },
	{ "ratio missed", target = "<= 1.3 raw", raw = { 10, 20 }, ours = { 14, 28 }, verdict = "missed", ratio = 1.4 },
	{ "rate met", target = ">= 0.8 raw", raw = { 100 }, ours = { 80 }, verdict = "met", ratio = 0.8 },
	{ "rate missed", target = ">= 0.8 raw", raw = { 100 }, ours = { 79 }, verdict = "missed", ratio = 0.79 },
	{ "a drifting machine: rounds are compared, not medians", target = "<= 1.3 raw", raw = { 10, 100, 12 },
		ours = { 11, 110, 100 }, verdict = "met", ratio = 1.1 },
	{ "absolute met without raw", target = ">= 2e6", raw = {}, ours = { 2.1e6 }, verdict = "met" },
	{ "absolute missed beside raw", target = "<= 16", raw = { 2 }, ours = { 17 }, verdict = "missed", ratio = 8.5 },
	{ "ours absent", target = "<= 1.3 raw", raw = { 10 }, ours = { false }, verdict = "absent" },
	{ "raw absent", target = "<= 1.3 raw", raw = { false }, ours = { 10 }, verdict = "no raw" },
	{ "no target", raw = { 10 }, ours = { 10 }, verdict = "-", ratio = 1.0 },
	{ "case failed", target = "<= 1.3 raw", raw = { 10 }, ours = { 10 }, failed = "why", verdict = "failed", ratio = 1.0 },
}

local texts = {
	{ "quotes and control characters", { a = 'x"\\\n' }, '{"a": "x\\"\\\\\\u000a"}' },
	{ "list of numbers", { 1, 2.5, 1e7 }, "[1, 2.5, 10000000]" },
	{ "keys in order", { b = true, a = { c = 1 } }, '{"a": {"c": 1}, "b": true}' },
}

local failed = false
local number = 0
local function check(name, ok, detail)
	number = number + 1
	print(("%s %d - %s"):format(ok and "ok" or "not ok", number, name))
	if not ok then
		print("# " .. detail)
		failed = true
	end
end

print(("1..%d"):format(#verdicts + #texts + 1))
for _, case in ipairs(verdicts) do
	local row = report.row({ name = "case", failed = case.failed }, { key = "x", unit = "us", target = case.target },
		rounds(case.raw), rounds(case.ours), false)
	local same_ratio = row.ratio == case.ratio or
		(row.ratio and case.ratio and math.abs(row.ratio - case.ratio) < 1e-9)
	check(case[1], row.verdict == case.verdict and same_ratio,
		("verdict %s, ratio %s"):format(row.verdict, row.ratio))
end
for _, case in ipairs(texts) do
	check(case[1], report.json(case[2]) == case[3], report.json(case[2]))
end
local ok, reason = pcall(report.row, { name = "case" }, { key = "x", unit = "us", target = "< 3 raws" }, rounds{ 1 },
	rounds{ 1 }, false)
check("a target nobody can read is an error", not ok and tostring(reason):find("bad target", 1, true), tostring(reason))
os.exit(not failed)
