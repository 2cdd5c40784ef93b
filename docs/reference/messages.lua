-- SPDX-License-Identifier: MIT
-- Writes the table of client messages from the .proto files, between the markers of protocol.md:
--	lua5.4 docs/reference/messages.lua ROOT [--check]
-- With --check nothing is written: it ends with 1 and says so if the page is not what the files say.

local root, check = arg[1] or error("usage: messages.lua ROOT [--check]"), arg[2] == "--check"
local PAGE = root .. "/docs/reference/protocol.md"
local FILES = { "client", "avatar", "world", "item", "mall", "billing", "echo" }

-- What the servers push without being asked; every other message is in the .proto files as a request or its answer.
local PUSHED = { [33] = "world.Delta", [34] = "world.CellSeen", [35] = "world.CellGone", [36] = "world.ChunkData",
	[37] = "world.BlocksChanged", [72] = "world.ChatHeard",
	[73] = "world.SystemMessage" }
-- The messages of client.proto: who says them, and to whom or where.
local CLIENT = {
	[1] = { "Hello", "client", "first on every connection" }, [2] = { "HelloOk", "server", "answers 1" },
	[3] = { "Ping", "client", "any time" }, [4] = { "Pong", "server", "answers 3" },
	[5] = { "Register", "client", "account, before login" }, [6] = { "RegisterResult", "server", "answers 5" },
	[10] = { "Login", "client", "account, before login" }, [11] = { "LoginResult", "server", "answers 10" },
	[12] = { "Queue", "server", "account, while a login waits" },
	[13] = { "ShardListRequest", "client", "account, after login" }, [14] = { "ShardList", "server", "answers 13" },
	[15] = { "ChooseShard", "client", "account, after login" }, [16] = { "HostPort", "server", "answers 15, then closes" },
	[17] = { "Resume", "client", "account, instead of a login; answered by 16" },
	[20] = { "Enter", "client", "front-end, first after Hello" }, [21] = { "EnterOk", "server", "answers 20" },
	[25] = { "AvatarSelect", "client", "front-end, with a session, not in the world" },
	[26] = { "AvatarSelected", "server", "answers 25; with tag 0: in again, by itself" },
	[27] = { "LeaveWorld", "client", "front-end, in the world" }, [28] = { "LeftWorld", "server", "answers 27; with tag 0: out of the world, select an avatar" },
	[32] = { "WorldState", "server", "front-end, in the world, unasked" },
	[90] = { "Error", "server", "instead of an answer" }, [91] = { "Kick", "server", "any time, then closes" },
	[92] = { "Bye", "server", "last before it closes" },
}

local function read(path)
	local file = assert(io.open(path))
	local text = file:read("a")
	file:close()
	return text
end

-- messages["world.Delta"] = "tick 1 uint64, ..."; methods = list of what the service blocks declare
local messages, methods = {}, {}
for _, name in ipairs(FILES) do
	local text = read(("%s/abi/proto/%s.proto"):format(root, name)):gsub("//[^\n]*", "")
	local package = text:match("package%s+(%w+);")
	for message, body in text:gmatch("message%s+(%w+)%s*(%b{})") do
		local fields = {}
		for label, kind, field, number in body:gmatch("(%w+)%s+([%w_.]+)%s+([%w_]+)%s*=%s*(%d+)") do
			table.insert(fields, ("%s `%s` %s%s"):format(number, field, label == "repeated" and "repeated " or "", kind))
		end
		messages[package .. "." .. message] = table.concat(fields, ", ")
	end
	for line in text:gmatch("[^\n]+") do
		local method, input, output = line:match("rpc%s+([%w_]+)%(([%w_.]+)%)%s+returns%s+%(([%w_.]+)%)")
		local event, reply = line:match("%(troupe%.client%)%s*=%s*(%d+)"), line:match("%(troupe%.reply%)%s*=%s*(%d+)")
		if method and event then
			table.insert(methods, { name = package .. "." .. method, input = package .. "." .. input,
				output = package .. "." .. output, event = tonumber(event), reply = tonumber(reply or 0),
				to = line:match('%(troupe%.to%)%s*=%s*"(%w+)"') or "any" })
		end
	end
end

local rows = {}
local function add(event, message, from, where)
	assert(messages[message], "no message " .. message .. " in abi/proto")
	assert(not rows[event], ("event %d has two messages"):format(event))
	rows[event] = ("| %d | %s | %s | %s | %s |"):format(event, from, message, messages[message], where)
end
for event, row in pairs(CLIENT) do
	add(event, "client." .. row[1], row[2], row[3])
end
for event, message in pairs(PUSHED) do
	add(event, message, "server", "front-end, in the world, unasked")
end
for _, method in ipairs(methods) do
	local where = method.to == "avatar" and "front-end, in the world" or "front-end, with a session"
	add(method.event, method.input, "client", ("%s: `%s`"):format(where, method.name))
	if method.reply ~= 0 then
		add(method.reply, method.output, "server", ("answers %d"):format(method.event))
	end
end
for name in pairs(messages) do
	local short = name:match("^client%.(%w+)$")
	if short and short ~= "Shard" then
		local found = false
		for _, row in pairs(CLIENT) do found = found or row[1] == short end
		assert(found, "docs/reference/messages.lua does not know client." .. short)
	end
end

local order, lines = {}, { "| Event | From | Message | Fields | When |", "|---|---|---|---|---|" }
for event in pairs(rows) do table.insert(order, event) end
table.sort(order)
for _, event in ipairs(order) do table.insert(lines, rows[event]) end

local page = read(PAGE)
local first, last = page:find("<!-- messages -->\n", 1, true), page:find("<!-- end of messages -->", 1, true)
assert(first and last, PAGE .. " has no markers")
local made = page:sub(1, first + 17) .. table.concat(lines, "\n") .. "\n" .. page:sub(last)
if made ~= page then
	if check then
		io.stderr:write("protocol.md is older than abi/proto: run lua5.4 docs/reference/messages.lua .\n")
		os.exit(1)
	end
	local out = assert(io.open(PAGE, "w"))
	out:write(made)
	out:close()
end
