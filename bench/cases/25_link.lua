-- SPDX-License-Identifier: MIT
-- Messages between two hosts, without their sockets and their seal: what order, acknowledgement and keeping for a resend cost.
return {
	name = "link",
	title = "messages over a link between hosts, 200-byte bodies, 64 a turn, no socket",
	figures = { { key = "messages_per_s", unit = "1/s", target = ">= 2e6" } },
	ours = function(bench)
		local result = bench:run{ bench:program("links"), "--time", bench.time_s }
		return { messages_per_s = result.messages_per_s }
	end,
}
