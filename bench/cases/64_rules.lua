-- SPDX-License-Identifier: MIT
-- What rules cost: a call, and a reload of the sample's scripts.

local function handlers(bench, ...)
	return bench:run{ bench:program("handlers"), "--time", bench.time_s / 4, ... }
end

return {
	{
		name = "rules.call",
		title = "a handler called with `self`, `w`, a budget and a clock, beside lua_pcall: an empty one, and one of 200 instructions",
		figures = { { key = "empty_ns", unit = "ns" }, { key = "small_ns", unit = "ns" } },
		raw = function(bench) return handlers(bench, "--raw") end,
		ours = function(bench) return handlers(bench) end,
	},
	{
		name = "rules.reload",
		title = "the sample's scripts are reloaded under 10,000 monsters: by how much the tick is late, and memory after all reloads",
		figures = {
			{ key = "tick_ms", unit = "ms" },
			{ key = "try_ms", unit = "ms" },
			{ key = "late_ms", unit = "ms", target = "<= 5" },
			{ key = "late_p95_ms", unit = "ms" },
			{ key = "memory_percent", unit = "% of after a quarter" },
			{ key = "script_memory_percent", unit = "% of after a quarter" },
		},
		ours = function(bench)
			return bench:run{ bench:program("reload"), "--scripts", bench.source .. "/scripts/lua/meadow", "--entities",
				bench.smoke and 1000 or 10000, "--reloads", bench.smoke and 20 or 1000 }
		end,
	},
}
