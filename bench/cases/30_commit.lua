-- SPDX-License-Identifier: MIT
-- Durable commits: what a synced LevelDB write costs alone, and when a hundred wait together.

local function raw(batch)
	return function(bench)
		return bench:run{ bench:program("raw/leveldb"), "--dir", bench:directory(), "--batch", batch, "--time",
			bench.time_s }
	end
end

local function ours(waiting)
	return function(bench)
		return bench:run{ bench:program("store"), "--plugins", bench.build .. "/plugins/all", "--dir",
			bench:directory(), "--waiting", waiting, "--time", bench.time_s }
	end
end

return {
	{
		name = "disk",
		title = "the disk itself: append 200 bytes and fdatasync",
		figures = {
			{ key = "appends_per_s", unit = "1/s", raw_only = true },
			{ key = "p99_us", unit = "us", raw_only = true },
		},
		raw = function(bench)
			return bench:run{ bench:program("raw/disk"), "--dir", bench:directory(), "--time", bench.time_s }
		end,
	},
	{
		name = "commit-1",
		title = "store commit, durable, one waiting (100-byte values, 18-byte keys)",
		figures = { { key = "puts_per_s", unit = "1/s", target = ">= 0.8 raw" }, { key = "p99_us", unit = "us" } },
		raw = raw(1),
		ours = ours(1),
	},
	{
		name = "commit-100",
		title = "store commit, durable, a hundred waiting",
		figures = { { key = "puts_per_s", unit = "1/s", target = ">= 0.9 raw" } },
		raw = raw(100),
		ours = ours(100),
	},
}
