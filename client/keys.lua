-- SPDX-License-Identifier: MIT
-- The map as it is played: what keys do, what comes unasked, and the terminal.

local client = ...
local View = client.View

-- try: a verb whose refusal is a line of text.
function View:try(verb, ...)
	local ok, answer = pcall(self.me[verb], self.me, ...)
	if not ok then
		self:say(tostring(answer))
	end
	return ok and answer or nil
end

-- step: one block further; pressed again and again the goal stays a little ahead. One request is on its way at a time.
function View:step(dx, dy)
	local x, y = self:where()
	local now, from = net.now(), { math.floor(x) + 0.5, math.floor(y) + 0.5 }
	self.facing, self.dirty = { dx, dy }, true
	if self.goal and now - self.goal_at < 400 then from = self.goal end
	self.goal, self.goal_at = { from[1] + dx, from[2] + dy }, now
	for i, here in ipairs({ x, y }) do
		self.goal[i] = math.max(here - 3, math.min(here + 3, self.goal[i]))
	end
	self.wanted = self.goal
	if self.walking then return end
	self.walking = true
	net.spawn(function()
		while self.wanted do
			local goal = self.wanted
			self.wanted = nil
			self:try("walk", goal[1], goal[2])
		end
		self.walking = false
	end)
end

function View:act(action, target, bx, by, bz)
	net.spawn(function()
		local answer = self:try("act", action, target, nil, bx and { bx, by, bz } or nil)
		if answer and answer.text and answer.text ~= "" then self:say(answer.text) end
	end)
end

function View:attack()
	local whom = self:nearest(function(e) return e.kind ~= "avatar" and (e.health_max or 0) > 0 end)
	if whom then
		self:act("attack", whom.id)
	else
		self:say("nobody is near whom you could attack")
	end
end

function View:gather()
	local what = self:nearest(function(e) return e.kind ~= "avatar" and (e.health_max or 0) == 0 end)
	self:act("gather", what and what.id or 0, self:before())
end

function View:ask(prompt_text, done)
	self.input = { prompt = prompt_text, text = "", done = done }
end

local MOVES = {
	["\27[A"] = { 0, 1 }, ["\27OA"] = { 0, 1 }, k = { 0, 1 }, ["\27[B"] = { 0, -1 }, ["\27OB"] = { 0, -1 }, j = { 0, -1 },
	["\27[C"] = { 1, 0 }, ["\27OC"] = { 1, 0 }, l = { 1, 0 }, ["\27[D"] = { -1, 0 }, ["\27OD"] = { -1, 0 }, h = { -1, 0 },
}

local KEYS = {
	m = function(self) self:act("mine", 0, self:before(false)) end,
	b = function(self) self:act("build", 0, self:before(true)) end,
	a = View.attack,
	g = View.gather,
	t = function(self)
		self:ask("say: ", function(text) net.spawn(function() self:try("chat", text) end) end)
	end,
	[":"] = function(self)
		self:ask(":", function(line)
			net.spawn(function()
				if not prompt(self.me, line) then self.ended = true end
			end)
		end)
	end,
	["?"] = function(self) self.help = not self.help end,
	q = function(self) self.ended = true end,
	["\3"] = function(self) self.ended = true end,
	["\12"] = function(self) self.drawn = nil end,
}

local function typed(self, one)
	local input = self.input
	if one == "\r" or one == "\n" then
		self.input = nil
		if input.text ~= "" then input.done(input.text) end
	elseif one == "\27" or one == "\3" then
		self.input = nil
	elseif one == "\127" or one == "\8" then
		local last = utf8.offset(input.text, -1)
		input.text = last and input.text:sub(1, last - 1) or ""
	elseif #one == 1 and one >= " " and #input.text < 500 then
		input.text = input.text .. one
	end
end

-- keys: what was pressed, as bytes of the terminal.
function View:keys(bytes)
	local at = 1
	while at <= #bytes do
		local one = bytes:match("^\27[%[O][%d;]*[%a~]", at) or bytes:sub(at, at)
		at = at + #one
		self.dirty = true
		if self.input then
			typed(self, one)
		elseif self.help and one ~= "q" then
			self.help = false
		elseif MOVES[one] then
			self:step(MOVES[one][1], MOVES[one][2])
		elseif KEYS[one] then
			KEYS[one](self)
		end
	end
end

-- --- messages ---------------------------------------------------------------------------------------

local SAID = {
	heard = function(m) return ("%s: %s"):format(m.name or "?", m.text or "") end,
	system = function(m) return "* " .. (m.text or "") end,
	leave_world = function() return "* you are out of the world" end,
	world_state = function(m) return m.running and "* the world goes on" or "* the world pauses" end,
	closed = function() return "* the connection is lost; wait" end,
	back = function() return "* you are back" end,
	lost = function() return "* there is no way back; start again" end,
	kick = function(m) return "* kicked: " .. (m.reason or "") end,
}

-- arrived: called by the player for every message that comes unasked, after it has dealt with it itself.
function View:arrived(name, message)
	self.dirty = true
	if name == "chunk" then
		self:chunk(message)
	elseif name == "blocks" then
		self:blocks(message)
	elseif message.tick and message.tick > self.tick then
		self.tick = message.tick
	end
	if self.open and SAID[name] then self:say(SAID[name](message)) end
end

-- --- the terminal -----------------------------------------------------------------------------------

-- draw: writes the lines that have changed since the last time.
function View:draw()
	local columns, rows = net.size()
	if self.columns ~= columns or self.rows ~= rows then
		self.columns, self.rows, self.drawn = columns, rows, nil
	end
	local lines, out = self:render(columns, rows), {}
	if not self.drawn then out[1] = "\27[0m\27[2J" end
	for i, line in ipairs(lines) do
		if not self.drawn or self.drawn[i] ~= line then
			out[#out + 1] = ("\27[%d;1H%s"):format(i, line)
		end
	end
	self.drawn, self.dirty = lines, false
	if #out > 0 then io.stdout:write(table.concat(out)):flush() end
end

-- show: takes the terminal over until the player quits.
function View:show()
	local plain_print = print
	local columns, rows = net.size()
	if columns < 20 or rows < 8 or not net.screen(true) then
		return print("this terminal is too small for the map, or none at all")
	end
	self.open, self.drawn = true, nil
	print = function(...)
		local words = table.pack(...)
		for i = 1, words.n do words[i] = tostring(words[i]) end
		self:say(table.concat(words, " "))
	end
	function net.keyed(bytes) self:keys(bytes) end
	local ok, why = pcall(function()
		while not self.ended do
			local now_columns, now_rows = net.size()
			if self.dirty or now_columns ~= self.columns or now_rows ~= self.rows then self:draw() end
			net.sleep(40)
		end
	end)
	self.open = false
	print = plain_print
	net.screen(false)
	net.quit = true
	if not ok then error(why, 0) end -- with the terminal as it was, so that it can be read
end
