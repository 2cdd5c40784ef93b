-- SPDX-License-Identifier: MIT
-- Movement of 10,000 entities in the engine of a world: stage 3 of a tick, what players are told of it included.
return {
	name = "move",
	title = "movement of 10,000 entities: standing, walking straight on, wandering over hills",
	figures = {
		{ key = "stand_ns", unit = "ns", target = "<= 20" },
		{ key = "walk_ns", unit = "ns", target = "<= 20" },
		{ key = "wander_ns", unit = "ns" },
	},
	ours = function(bench)
		return bench:run{ bench:program("move"), "--time", bench.time_s }
	end,
}
