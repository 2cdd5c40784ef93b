-- SPDX-License-Identifier: MIT
-- limit.lua SOURCE DIRECTORY: what bench/lib/context.lua does with programs that hang, fail or answer; prints TAP.

package.path = arg[1] .. "/bench/lib/?.lua;" .. package.path
local context = require "context"
local bench = context.new{ build = arg[2], source = arg[1], smoke = true, limit_s = 1 }

local cases = {
	{ "a program that hangs", bench.run, { "sleep", "20" }, "^sleep: did not end within the 1 s that a case has$" },
	{ "a command that hangs", bench.execute, "sleep 20", "^sleep 20: did not end within the 1 s that a case has$" },
	{ "a program that fails", bench.run, { "sh", "-c", "echo broken >&2; exit 1" }, "^sh: broken$" },
	{ "a command that fails", bench.execute, "sh -c 'echo broken; exit 1'", ": broken$" },
}

local failed = false
local function check(number, name, ok, detail)
	print(("%s %d - %s"):format(ok and "ok" or "not ok", number, name))
	if not ok then
		print("# " .. tostring(detail))
		failed = true
	end
end

print(("1..%d"):format(#cases + 1))
for number, case in ipairs(cases) do
	bench:case_begin()
	bench.deadline = bench.deadline + (case[4]:find("broken") and 60 or 0)
	local began = os.time()
	local ok, why = pcall(case[2], bench, case[3])
	check(number, case[1], not ok and tostring(why):find(case[4]) and os.time() - began < 10, why)
end
bench:case_begin()
check(#cases + 1, "an answer", bench:run{ "echo", '{"x": 1.5}' }.x == 1.5)
bench:close()
os.exit(not failed)
