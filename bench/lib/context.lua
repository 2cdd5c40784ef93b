-- SPDX-License-Identifier: MIT
-- What a case measures with: servers that are started and surely stopped, the load generator, programs that print JSON.

local context = {}
context.__index = context

-- quote makes one word of the shell out of any text.
local function quote(text)
	return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

local function words(list)
	local quoted = {}
	for i, word in ipairs(list) do
		quoted[i] = quote(word)
	end
	return table.concat(quoted, " ")
end

local function file_read(path)
	local file = io.open(path, "r")
	if not file then
		return nil
	end
	local text = file:read("a")
	file:close()
	return text
end

-- The programs print one flat object of numbers and strings: no more of JSON is needed.
local function flat_parse(text)
	local object = {}
	for key, value in text:gmatch('"([%w_]+)":%s*(-?[%d.]+)') do
		object[key] = tonumber(value)
	end
	for key, value in text:gmatch('"([%w_]+)":%s*"([^"]*)"') do
		object[key] = value
	end
	return object
end

-- context.new{ build = DIR, source = DIR, smoke = BOOLEAN, limit_s = SECONDS }: directories are absolute.
-- warm_s and time_s are how long a measurement should warm up and last; limit_s is how long one side of a case may take
-- before it fails (300, smoke 60).
function context.new(options)
	local self = setmetatable({ servers = {}, shared_results = {} }, context)
	self.build, self.source, self.smoke = options.build, options.source, options.smoke
	self.warm_s = options.smoke and 0.1 or 0.5
	self.time_s = options.smoke and 0.3 or 2
	self.limit_s = options.limit_s or options.smoke and 60 or 300
	self:case_begin()
	local pipe = assert(io.popen("mktemp -d " .. quote(self.build .. "/bench/data.XXXXXX")))
	self.dir = pipe:read("l")
	assert(pipe:close() and self.dir, "cannot make a directory in " .. self.build .. "/bench")
	return self
end

-- program returns the path of a built benchmark program such as "raw/echo".
function context:program(name)
	return self.build .. "/bench/" .. name
end

-- directory makes an empty directory for a case's files; it is removed at the end of the run.
function context:directory()
	self.directories = (self.directories or 0) + 1
	local path = ("%s/%d"):format(self.dir, self.directories)
	assert(os.execute("mkdir " .. quote(path)))
	return path
end

-- case_begin starts the time that one side of a case has.
function context:case_begin()
	self.deadline = os.time() + self.limit_s
end

-- limited makes a simple command of the shell out of one: it is killed after `seconds`, at the latest when the time of the
-- case is over.
function context:limited(command, seconds)
	local left = math.max(self.deadline - os.time(), 1)
	return ("timeout --foreground -k 5 %g %s"):format(math.min(left, seconds or left), command)
end

-- fail raises the error of a command that ended badly: `why`, or that the time was over.
function context:fail(what, why)
	if os.time() >= self.deadline then
		why = ("did not end within the %d s that a case has"):format(self.limit_s)
	end
	error(("%s: %s"):format(what, why), 0)
end

-- execute runs a simple command of the shell; its output goes to a file, and is the error if it fails.
function context:execute(command)
	local log = self.dir .. "/output"
	if not os.execute(("%s >%s 2>&1"):format(self:limited(command), quote(log))) then
		local text = file_read(log) or ""
		self:fail(command, (text:gsub("%s+$", "")))
	end
end

-- run starts a program that prints one JSON object, waits for it and returns the object as a table.
function context:run(list)
	local errors = self.dir .. "/stderr"
	local pipe = assert(io.popen(self:limited(words(list)) .. " 2>" .. quote(errors), "r"))
	local text = pipe:read("a")
	local ok = pipe:close()
	local object = flat_parse(text)
	if not ok then
		local why = object.first_error
		if not why or why == "" then
			why = file_read(errors) or ""
		end
		self:fail(list[1]:match("[^/]*$"), (why:gsub("%s+$", "")))
	end
	return object
end

-- ports returns that many free ports of the loopback.
function context:ports(count)
	local pipe = assert(io.popen(words{ self:program("start"), "--free-ports", count }))
	local ports = {}
	for line in pipe:lines() do
		ports[#ports + 1] = tonumber(line)
	end
	assert(pipe:close() and #ports == count, "no free ports")
	return ports
end

-- server starts a command that will listen on a port and returns { pid, port, start_ms, log, stop }.
-- server{ port = PORT, cpu = CORE (0; false: all cores), env = { NAME = VALUE }, COMMAND... }. It is stopped by
-- its stop method, at the latest at the end of the case; it dies with this process in any case.
function context:server(options)
	local report = self:directory() .. "/report"
	local log = report:gsub("report$", "log")
	local list = { self:program("start"), "--port", options.port, "--report", report, "--log", log }
	if options.cpu ~= false then
		table.move({ "--cpu", options.cpu or 0 }, 1, 2, #list + 1, list)
	end
	list[#list + 1] = "--"
	table.move(options, 1, #options, #list + 1, list)
	local env = ""
	for name, value in pairs(options.env or {}) do
		env = ("%s%s=%s "):format(env, name, quote(value))
	end
	local pipe = assert(io.popen(env .. "exec " .. words(list), "w"))
	local server = { port = options.port, log = log, pipe = pipe }
	function server.stop()
		if server.pipe then
			server.pipe:close()
			server.pipe = nil
		end
	end
	self.servers[#self.servers + 1] = server
	self:server_await(server, report)
	return server
end

-- start reports by itself after 30 s at the latest, so this loop ends.
function context:server_await(server, report)
	for _ = 1, 4000 do
		local text = file_read(report)
		if text then
			local object = flat_parse(text)
			if object.error then
				error(("server %s\n%s"):format(object.error, file_read(server.log) or ""), 0)
			end
			server.pid, server.start_ms = object.pid, object.start_ms
			return
		end
		os.execute("sleep 0.01")
	end
	error("server did not report: " .. (file_read(server.log) or ""), 0)
end

-- load runs the load generator against a server and returns its report. Options are those of bench/load without
-- the dashes; pid, cpu, warm and time have fitting defaults.
function context:load(server, options)
	local all = { port = server.port, pid = server.pid, cpu = 1, warm = self.warm_s, time = self.time_s }
	for key, value in pairs(options) do
		all[key] = value
	end
	local list = { self:program("load") }
	for key, value in pairs(all) do
		list[#list + 1] = "--" .. key
		list[#list + 1] = value
	end
	return self:run(list)
end

-- echo starts the raw echo server, with one Lua call per frame unless `plain`.
function context:echo(plain)
	local port = self:ports(1)[1]
	local list = { port = port, self:program("raw/echo"), "--port", port }
	if not plain then
		list[#list + 1] = "--lua"
	end
	return self:server(list)
end

-- front starts the raw front with an answering process behind it.
function context:front()
	local port = self:ports(1)[1]
	return self:server{ port = port, self:program("raw/front"), "--port", port, "--directory", self:directory() }
end

-- shared runs `measure` once a round and gives its result to every case that asks by this name: several cases
-- compare with the same raw part.
function context:shared(name, measure)
	local result = self.shared_results[name]
	if not result then
		result = measure()
		self.shared_results[name] = result
	end
	return result
end

-- round_begin forgets what was shared in the round before.
function context:round_begin()
	self.shared_results = {}
end

-- case_end stops whatever a case left running.
function context:case_end()
	for i = #self.servers, 1, -1 do
		self.servers[i].stop()
		self.servers[i] = nil
	end
end

-- close removes every file of the run.
function context:close()
	self:case_end()
	os.execute("rm -rf " .. quote(self.dir))
end

return context
