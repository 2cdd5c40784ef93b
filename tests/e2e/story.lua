-- SPDX-License-Identifier: MIT
-- What the scripts of these tests share: steps that become results, commands of the operator, a memory over restarts.
local story = { state = assert(os.getenv("STATE")) }

-- step: what is told as a result; the first that fails ends the script.
function story.step(name, fn, ...)
	local result = table.pack(pcall(fn, ...))
	if result[1] then
		print("ok - " .. name)
		io.stdout:flush()
		return table.unpack(result, 2, result.n)
	end
	print("not ok - " .. name)
	print("# " .. tostring(result[2]):gsub("\n", "\n# "))
	io.stdout:flush()
	error("the story ends here", 0)
end

function story.equal(got, wanted, what)
	if got ~= wanted then
		error(("%s is %s, not %s"):format(what or "it", tostring(got), tostring(wanted)), 2)
	end
end

local function quoted(word)
	return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

-- operator: one command of the operator's; what it printed, or an error.
function story.operator(...)
	local words = { quoted(os.getenv("TROUPE")) }
	for _, word in ipairs({ ... }) do table.insert(words, quoted(word)) end
	local pipe = io.popen(table.concat(words, " ") .. " --state " .. quoted(story.state .. "/data") .. " 2>&1")
	local text = pipe:read("a")
	local ok, _, code = pipe:close()
	if not ok then
		error(("troupe %s: exit %s: %s"):format(table.concat({ ... }, " "), tostring(code), text), 2)
	end
	return text
end

-- remember and recall: text that outlives the script.
function story.remember(name, text)
	local file = assert(io.open(story.state .. "/story." .. name, "w"))
	file:write(text)
	file:close()
end

function story.recall(name)
	local file = assert(io.open(story.state .. "/story." .. name, "r"))
	local text = file:read("a")
	file:close()
	return text
end

-- login, also while an earlier wrong password or a session that has just ended stands in the way.
function story.login(who, user, password)
	for _ = 1, 20 do
		local answer, why = who:try("login", user, password)
		if answer then
			return answer
		elseif why.reason ~= "TRY_LATER" then
			error(why, 0)
		end
		net.sleep((why.retry_ms or 100) + 10)
	end
	error("it stayed TRY_LATER", 2)
end

-- enter, as soon as the shard is there: after a start its front-end first has to report itself.
function story.enter(who, shard)
	local deadline = net.now() + 15000
	while true do
		local answer, why = who:try("choose", shard)
		if answer then
			return who:redeem(answer)
		elseif net.now() > deadline then
			error(why, 0)
		end
		net.sleep(100)
	end
end

function story.gold(who)
	for _, one in ipairs(who:balance()) do
		if one.currency == "gold" then return one.posted or 0, one.pending or 0 end
	end
	return 0, 0
end

function story.item(who, kind)
	for _, one in ipairs(who:inventory()) do
		if one.kind == kind then return one end
	end
end

function story.hex(bytes)
	return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

function story.unhex(text)
	return (text:gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end))
end

return story
