-- SPDX-License-Identifier: MIT
-- Chunks of generated terrain beside arrays of ids, two bytes a cell.

return {
	name = "memory.chunk",
	title = "a chunk of generated terrain, 16 x 16 x 64: its size, and what it costs",
	figures = {
		{ key = "memory_bytes", unit = "B", target = "<= 0.25 raw" },
		{ key = "stored_bytes", unit = "B", target = "<= 0.05 raw" },
		{ key = "generate_us", unit = "us" },
		{ key = "pack_us", unit = "us" },
		{ key = "unpack_us", unit = "us" },
		{ key = "read_ns", unit = "ns a block" },
		{ key = "way_us", unit = "us a way" },
	},
	raw = function(bench)
		local bytes = bench:run{ bench:program("chunks"), "--time", 0 }.raw_bytes
		return { memory_bytes = bytes, stored_bytes = bytes }
	end,
	ours = function(bench)
		return bench:run{ bench:program("chunks"), "--time", bench.time_s }
	end,
}
