-- SPDX-License-Identifier: MIT
-- Crowds of players: what the scripts of `troupe bots` call.

local client = ...
local Refusal = client.Refusal

-- every: runs fn at a fixed schedule, every `ms` until the bots end. Its latency counts from the time it was due, so
-- that a slow answer makes the later ones late as well instead of hiding them (coordinated omission).
function every(ms, name, fn)
	local due = net.now()
	while due < net.ends do
		local early = due - net.now()
		if early > 0 then net.sleep(early) end
		local ok, why = pcall(fn)
		if not ok and getmetatable(why) ~= Refusal then error(why, 0) end
		net.record(name, (net.now() - due) * 1000, ok)
		due = due + ms
	end
end

-- timed: runs fn once and records how long it took.
function timed(name, fn, ...)
	local began = net.now()
	local result = table.pack(pcall(fn, ...))
	net.record(name, (net.now() - began) * 1000, result[1])
	if not result[1] then error(result[2], 0) end
	return table.unpack(result, 2, result.n)
end

-- run_bot: one bot from its start; what it is refused ends it and counts.
function run_bot(bot, n, delay_ms)
	net.sleep(delay_ms)
	local me = player()
	local ok, why = pcall(bot, me, n)
	me:close()
	if not ok then
		net.record("failed: " .. tostring(why), 0, false)
	end
end
