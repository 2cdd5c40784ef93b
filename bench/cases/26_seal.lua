-- SPDX-License-Identifier: MIT
-- Frames between two hosts, sealed and opened on one core, beside the cipher alone.

local function frames(len, title, target)
	local function run(program)
		return function(bench)
			local result = bench:run{ bench:program(program), "--time", bench.time_s, "--len", len }
			return { frames_per_s = result.frames_per_s }
		end
	end
	return {
		name = "seal-" .. len,
		title = "frames sealed and opened, " .. title,
		figures = { { key = "frames_per_s", unit = "1/s", target = target } },
		raw = run("raw/chacha"),
		ours = run("seals"),
	}
end

return {
	frames(200, "200 bytes", ">= 0.85 raw"),
	frames(1024, "1 KiB", ">= 0.9 raw"),
	frames(65536, "64 KiB", ">= 0.95 raw"),
}
