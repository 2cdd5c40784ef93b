-- SPDX-License-Identifier: MIT
-- Writes typed C stubs for the services in .proto files: lua5.4 stubs.lua OUTDIR FILE.proto ...
-- For each X.proto: OUTDIR/messages/X.proto, the messages alone, for protoc-c (which would make C functions and
-- members out of every service and trip over methods called `void` or `register`); for each with a service also
-- OUTDIR/X.stub.h and OUTDIR/X.stub.c. It reads the plain style that the files here are written in (one rpc a line),
-- and stops with file:line where it cannot. OUTDIR/messages must exist.

local outdir = arg[1] or error("usage: stubs.lua OUTDIR FILE.proto ...")
local ROUTES = { any = "TROUPE_ROUTE_ANY", avatar = "TROUPE_ROUTE_AVATAR", account = "TROUPE_ROUTE_ACCOUNT" }

-- FNV-1a 32 (draft-eastlake-fnv), as troupe_fnv32 in message.h
local function fnv32(text)
	local hash = 2166136261
	for i = 1, #text do
		hash = ((hash ~ text:byte(i)) * 16777619) & 0xFFFFFFFF
	end
	return hash
end

local function snake(name)
	return (name:gsub("(%l)(%u)", "%1_%2"):lower())
end

-- the C type and descriptor of a message, as protoc-c names them
local function message(package, name)
	local scope, short = name:match("^(%w+)%.(%w+)$")
	scope, short = scope or package, short or name
	local camel = scope:sub(1, 1):upper() .. scope:sub(2)
	return { type = camel .. "__" .. short, lower = scope .. "__" .. snake(short), none = name == "troupe.None" }
end

local function parse(path)
	local file = { base = path:match("([%w_]+)%.proto$"), methods = {}, messages = {} }
	local number = 0
	for line in io.lines(path) do
		number = number + 1
		local code = line:gsub("//.*", "")
		local function bad(why) error(("%s:%d: %s"):format(path, number, why), 0) end
		file.package = code:match("^package%s+(%w+);") or file.package
		local service = code:match("^service%s+([%w_]+)")
		if service then
			file.service = service
		end
		if not file.service and not code:match('^import%s') then
			table.insert(file.messages, line) -- services stand last
		elseif file.service and code:match("^message") then
			bad("the service stands after the messages")
		end
		if code:match("^%s*rpc%s") then
			local name, input, output, rest = code:match("rpc%s+([%w_]+)%(([%w_.]+)%)%s+returns%s+%(([%w_.]+)%)(.*)")
			if not name or not file.service then bad("an rpc stands on one line inside a service") end
			local method = { name = name, full = file.service .. "." .. name, allow = {}, client = 0, reply = 0, to = "any" }
			method.input, method.output = message(file.package, input), message(file.package, output)
			for option, value in rest:gmatch("option%s+%(troupe%.(%w+)%)%s*=%s*([^;]+);") do
				value = value:match('^"(.*)"$') or value
				if option == "allow" then
					table.insert(method.allow, value)
				elseif option == "to" and ROUTES[value] then
					method.to = value
				elseif (option == "client" or option == "reply") and tonumber(value) then
					method[option] = math.tointeger(tonumber(value))
				else
					bad("unknown option " .. option .. " = " .. value)
				end
			end
			if method.output.none and method.client ~= 0 then bad("a client message needs an answer") end
			method.id = fnv32(method.full)
			method.where = path .. ":" .. number
			table.insert(file.methods, method)
		end
	end
	return file
end

local function write(path, text)
	local out = assert(io.open(path, "w"))
	out:write(text)
	out:close()
end

-- $name in the template is replaced by vars.name
local function fill(template, vars)
	return (template:gsub("%$(%w+)", vars))
end

local HEADER_METHOD = [[

/* $full */
#define $UP_ID $idu
extern const char *const $c_allow[];
typedef void (*$c_fn)(void *instance, const struct troupe_request *request, const $in *body);
int32_t $c_serve(void *instance, const struct troupe_request *request, troupe_any_fn typed);
#define $UP(handler) \
	{ .name = "$full", .id = $UP_ID, .client_event = $clientu, .client_reply = $replyu, .client_to = $route, \
	  .allow = $c_allow, .serve = $c_serve, .typed = (troupe_any_fn)(1 ? (handler) : ($c_fn)0) }
]]
local HEADER_CALL = [[
typedef void (*$c_done)(void *instance, void *arg, const struct troupe_reply *reply, const $out *body);
uint64_t $c(const struct troupe_host *h, const $in *request, const struct proto_to *to, $c_done done, void *arg);
void $c_reply(const struct troupe_host *h, uint64_t request, const $out *reply);
]]
local HEADER_EVENT = [[
void $c(const struct troupe_host *h, const $in *event, const struct proto_to *to);
]]
local CODE_METHOD = [[

const char *const $c_allow[] = { $allow NULL };

int32_t $c_serve(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	struct proto_arena arena;
	const $in *body;

	proto_arena_init(&arena);
	body = (const $in *)proto_unpack(&$inlow__descriptor, request->body, request->body_len, &arena);
	if (body != NULL) {
		(($c_fn)typed)(instance, request, body);
	}
	proto_arena_free(&arena);
	return body != NULL ? TROUPE_OK : TROUPE_INVALID_ARGUMENT;
}
]]
local CODE_CALL = [[

static void $c_on_reply(void *instance, void *arg, const struct troupe_reply *reply, troupe_any_fn typed)
{
	struct proto_arena arena;
	const $out *body = NULL;
	struct troupe_reply broken;

	proto_arena_init(&arena);
	if (reply->status == TROUPE_OK) {
		body = (const $out *)proto_unpack(&$outlow__descriptor, reply->body, reply->body_len, &arena);
		if (body == NULL) {
			broken = *reply;
			broken.status = TROUPE_INTERNAL;
			broken.reason = "host.malformed";
			reply = &broken;
		}
	}
	(($c_done)typed)(instance, arg, reply, body);
	proto_arena_free(&arena);
}

uint64_t $c(const struct troupe_host *h, const $in *request, const struct proto_to *to, $c_done done, void *arg)
{
	return proto_call(h, $UP_ID, "$service", &request->base, to, $c_on_reply, (troupe_any_fn)done, arg);
}

void $c_reply(const struct troupe_host *h, uint64_t request, const $out *reply)
{
	proto_reply(h, request, &reply->base);
}
]]
local CODE_EVENT = [[

void $c(const struct troupe_host *h, const $in *event, const struct proto_to *to)
{
	proto_call(h, $UP_ID, "$service", &event->base, to, NULL, NULL, NULL);
}
]]

-- generate: the header and code of one service
local function generate(file)
	local guard = file.base:upper() .. "_STUB_H"
	local header = { ("/* Generated by stubs.lua from %s.proto: calls, answers and method table entries. */\n"):format(file.base),
		("#ifndef %s\n#define %s\n\n#include \"%s.pb-c.h\"\n"):format(guard, guard, file.base),
		'#include "proto/proto.h"\n#include "troupe/host.h"\n' }
	local code = { ("/* Generated by stubs.lua from %s.proto. */\n"):format(file.base),
		('#include "%s.stub.h"\n'):format(file.base) }
	for _, m in ipairs(file.methods) do
		local c = file.service .. "_" .. m.name
		local allow = #m.allow > 0 and '"' .. table.concat(m.allow, '", "') .. '",' or '"*",'
		local vars = { full = m.full, c = c, UP = c:upper(), id = ("0x%08x"):format(m.id), service = file.service,
			["in"] = m.input.type, inlow = m.input.lower, out = m.output.type, outlow = m.output.lower,
			client = tostring(m.client), reply = tostring(m.reply), route = ROUTES[m.to], allow = allow }
		-- $UP_ID and the like: the variable's name ends where the underscore begins
		local function f(t) return fill((t:gsub("%$c_", "$c\0_"):gsub("%$UP_", "$UP\0_"):gsub("low__", "low\0__"):gsub("%$idu", "$id\0u"):gsub("%$clientu", "$client\0u"):gsub("%$replyu", "$reply\0u")), vars):gsub("\0", "") end
		table.insert(header, (f(HEADER_METHOD)))
		table.insert(header, (f(m.output.none and HEADER_EVENT or HEADER_CALL)))
		table.insert(code, (f(CODE_METHOD)))
		table.insert(code, (f(m.output.none and CODE_EVENT or CODE_CALL)))
	end
	table.insert(header, "\n#endif\n")
	write(outdir .. "/" .. file.base .. ".stub.h", table.concat(header))
	write(outdir .. "/" .. file.base .. ".stub.c", table.concat(code))
end

local seen, client = {}, {}
for i = 2, #arg do
	local file = parse(arg[i])
	for _, m in ipairs(file.methods) do
		if seen[m.id] then
			error(("%s: %s has the number of %s; rename one of them"):format(m.where, m.full, seen[m.id]), 0)
		end
		seen[m.id] = m.full
		for _, event in ipairs({ m.client, m.reply }) do
			if event ~= 0 and client[event] then
				error(("%s: client message %d is taken by %s"):format(m.where, event, client[event]), 0)
			end
			client[event] = event ~= 0 and m.full or nil
		end
	end
	write(("%s/messages/%s.proto"):format(outdir, file.base), table.concat(file.messages, "\n") .. "\n")
	if file.service then
		generate(file)
	end
end
