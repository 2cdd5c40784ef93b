-- SPDX-License-Identifier: MIT
-- What it costs that a world has several owners: entities that go to another, checkpoints, digests; all on one core.

return {
	name = "world.owners",
	title = "10,000 entities and two owners: handing all of them over, saving and taking up a checkpoint",
	figures = {
		{ key = "tick_ms", unit = "ms a tick" },
		{ key = "handover_us", unit = "us an entity" },
		{ key = "handover_bytes", unit = "B an entity" },
		{ key = "save_ms", unit = "ms" },
		{ key = "load_ms", unit = "ms" },
		{ key = "digest_ms", unit = "ms" },
		{ key = "page_bytes", unit = "B an entity" },
		{ key = "border_bytes", unit = "B a tick" },
	},
	ours = function(bench)
		return bench:run{ bench:program("owners"), "--time", bench.time_s }
	end,
}
