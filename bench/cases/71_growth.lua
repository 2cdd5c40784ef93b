-- SPDX-License-Identifier: MIT
-- One owner, then two, of 20,000 entities that are apart. `growth` is by the CPU time of the slower owner between two exchanges: what
-- else the machine does is not in it; `growth_wall` is by the clock, and says something where two cores are free.

local function growth(bench, ...)
	return bench:run{ bench:program("growth"), "--ticks", bench.smoke and 5 or 100, "--entities", bench.smoke and 1000 or 20000, ... }
end

return {
	name = "world.growth",
	title = "ticks of work with two owners on two cores, times those with one; raw: arithmetic in two threads",
	figures = {
		{ key = "growth", unit = "times", target = ">= 1.7" },
		{ key = "growth_wall", unit = "times" },
		{ key = "tick_ms", unit = "ms of one owner" },
	},
	raw = function(bench) return growth(bench, "--raw") end,
	ours = function(bench) return growth(bench) end,
}
