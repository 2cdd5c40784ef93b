-- SPDX-License-Identifier: MIT
-- Entities with the sample's rules at 20 ticks a second, as the part of a core that they take; beside them Lua tables with bare
-- arithmetic. The exponent says how the cost grows with their number: 1 = in proportion.
local function ticks(bench)
	return bench.smoke and 5 or 100
end

return {
	name = "world.entities",
	title = "1,000, 10,000 and 100,000 entities with the sample's rules, 20 ticks a second",
	figures = {
		{ key = "k1_percent", unit = "%" },
		{ key = "k10_percent", unit = "%", target = "<= 25" },
		{ key = "k100_percent", unit = "%" },
		{ key = "exponent", unit = "" },
	},
	raw = function(bench) return bench:run{ bench:program("entities"), "--ticks", ticks(bench), "--raw" } end,
	ours = function(bench) return bench:run{ bench:program("entities"), "--ticks", ticks(bench) } end,
}
