-- SPDX-License-Identifier: MIT
-- Calls from role to role with many callers. Without a body there is nothing raw to compare with.

local function ours(...)
	local options = { ... }
	return function(bench)
		local result = bench:run{ bench:program("calls"), "--time", bench.time_s, table.unpack(options) }
		return { calls_per_s = result.calls_per_s }
	end
end

return {
	{
		name = "call-same-loop",
		title = "role-to-role call, empty body, same loop, many callers",
		figures = { { key = "calls_per_s", unit = "1/s", target = ">= 2e6" } },
		ours = ours(),
	},
	{
		name = "call-other-loop",
		title = "role-to-role call, empty body, other loop, many callers",
		figures = { { key = "calls_per_s", unit = "1/s", target = ">= 1e6" } },
		ours = ours("--loops", 2),
	},
	{
		name = "call-typed-64",
		title = "role-to-role call, typed body of 64 bytes both ways, same loop",
		figures = { { key = "calls_per_s", unit = "1/s", target = ">= 0.7 raw" } },
		raw = function(bench)
			local result = bench:run{ bench:program("raw/protobuf"), "--time", bench.time_s, "--cpu", 0 }
			return { calls_per_s = result.trips_per_s }
		end,
		ours = ours("--typed"),
	},
}
