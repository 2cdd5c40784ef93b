-- SPDX-License-Identifier: MIT
-- Calls to a role in another host process, sealed. Raw is the same trip over the same sockets, one PULL a process and one
-- PUSH a peer, with what a turn collects sealed and opened as one message.

local function raw(callers)
	return function(bench)
		return bench:run{ bench:program("raw/nanomsg"), "--time", bench.time_s, "--callers", callers, "--seal" }
	end
end

local function ours(callers)
	return function(bench)
		return bench:run{ bench:program("calls"), "--time", bench.time_s, "--hosts", 2, "--callers", callers }
	end
end

return {
	{
		name = "call-other-host-64",
		title = "host-to-host call, sealed, empty body, 64 callers",
		figures = { { key = "calls_per_s", unit = "1/s", target = ">= 1e5" } },
		raw = raw(64),
		ours = ours(64),
	},
	{
		name = "call-other-host-lone",
		title = "host-to-host call, sealed, empty body, one outstanding",
		figures = {
			{ key = "p50_us", unit = "us", target = "<= 1.3 raw" },
			{ key = "p99_us", unit = "us" },
		},
		raw = raw(1),
		ours = ours(1),
	},
}
