-- SPDX-License-Identifier: MIT
-- Lines that people type, and lines that they read: `troupe client --plain`, and `:` on the map.

local client = ...
local Player = client.Player

local HELP = {
	{ "play NAME PASSWORD [AVATAR]", "register or log in, enter the first shard, be the avatar" },
	{ "register NAME PASSWORD", "make an account" },
	{ "login NAME PASSWORD", "log in" },
	{ "shards", "the shards there are" },
	{ "enter [SHARD]", "go to a shard" },
	{ "avatars", "your avatars there" },
	{ "avatar NAME", "enter the world as this avatar, made if it is new" },
	{ "look", "what is around you" },
	{ "walk X Y", "walk there" },
	{ "chat TEXT", "say something to those near you" },
	{ "act ACTION [NUMBER, X Y Z, or TEXT]", "do what the rules offer, to somebody or with these words" },
	{ "offers", "what the mall sells" },
	{ "balance", "your money" },
	{ "buy OFFER", "buy it" },
	{ "bag", "what you carry in the world, and what the item store keeps for you" },
	{ "inventory", "the same" },
	{ "take ID", "from the mail bag into your own" },
	{ "map", "the world as a map, played with keys (in a terminal)" },
	{ "leave", "leave the world" },
	{ "quit", "end" },
}

local function show_position(e)
	return (e.z and "(%.1f, %.1f, %.0f)" or "(%.1f, %.1f)"):format(e.x or 0, e.y or 0, e.z)
end

local show = {}
function show.shards(list)
	for _, s in ipairs(list) do
		print(("%-16s %4d of %d players%s  %s"):format(s.name, s.population or 0, s.limit or 0,
			s.ready and "" or "  (not ready)", s.comment or ""))
	end
end
function show.avatars(list)
	for _, a in ipairs(list) do print(("%-16s %d"):format(a.name, a.id)) end
	if #list == 0 then print("none yet: avatar NAME makes one") end
end
function show.look(answer)
	print(("you are at %s, tick %d"):format(show_position(answer.self), answer.tick or 0))
	for _, e in ipairs(answer.entities) do
		local what = e.name == e.kind and e.kind or ("%s %s"):format(e.kind, e.name or e.id)

		if e.id ~= answer.self.id then print(("  %s at %s"):format(what, show_position(e))) end
	end
end
function show.offers(list)
	for _, o in ipairs(list) do
		print(("%-12s %dx %-12s %d %s%s"):format(o.id, o.count or 1, o.item, o.price, o.currency,
			(o.stock or -1) >= 0 and ("  (%d left)"):format(o.stock) or ""))
	end
end
function show.balance(list)
	for _, b in ipairs(list) do
		print(("%-8s %d%s"):format(b.currency, b.posted or 0, (b.pending or 0) > 0 and (" (%d held)"):format(b.pending) or ""))
	end
	if #list == 0 then print("nothing yet") end
end
function show.bag(bag)
	if bag.carried then print("carried in the world: " .. bag.carried) end
	print("kept by the item store:" .. (#bag.kept == 0 and " nothing" or ""))
	for _, i in ipairs(bag.kept) do
		print(("  %-6s %dx %-12s %d%s"):format(i.bag, i.count or 1, i.kind, i.id,
			i.bag == "mail" and ("  (take %d)"):format(i.id) or ""))
	end
end
function show.buy(order) print(("bought: %dx %s (%s)"):format(order.count or 1, order.item, order.state)) end
function show.walk(answer) print(("walking to (%.1f, %.1f)"):format(answer.x or 0, answer.y or 0)) end
function show.avatar(me) print(("you are %s at %s"):format(me.name, show_position(me))) end
show.play = show.avatar
function show.act(answer) print((answer.text or "") ~= "" and answer.text or "done") end
function show.login(answer) print("logged in; account " .. answer.account) end
function show.register(answer) print("registered; account " .. answer.account) end
function show.enter(answer) print("in " .. (answer.shard or "the shard") .. "; now: avatar NAME") end

-- bag: both of what a player has: what the rules of the world gave him, if they say so, and what the item store keeps.
function Player:bag()
	local carried = self.inside and self:try("act", "bag")
	return { carried = carried and carried.text, kept = self:inventory() }
end

local function help()
	for _, line in ipairs(HELP) do print(("  %-28s %s"):format(line[1], line[2])) end
end

-- distance: letters to add, drop or change, which makes one word of the other.
local function distance(a, b)
	local row = {}
	for j = 0, #b do row[j] = j end
	for i = 1, #a do
		local corner = row[0]
		row[0] = i
		for j = 1, #b do
			local change = corner + (a:byte(i) == b:byte(j) and 0 or 1)
			corner, row[j] = row[j], math.min(change, row[j] + 1, row[j - 1] + 1)
		end
	end
	return row[#b]
end

-- nearest: the verb that was meant, if it is off by no more than two letters and half of the word.
local function nearest(word)
	local best, best_off = nil, math.min(2, #word // 2) + 1
	for _, line in ipairs(HELP) do
		local verb = line[1]:match("^%S+")
		local off = #word <= 20 and distance(word, verb) or best_off
		if off < best_off then best, best_off = verb, off end
	end
	return best
end

-- prompt: what one typed line does; returns false when it was `quit`.
function prompt(self, line)
	local words = {}
	for word in line:gmatch("%S+") do table.insert(words, word) end
	local verb = table.remove(words, 1)
	if not verb then
		return true
	elseif verb == "quit" or verb == "exit" then
		return false
	elseif verb == "help" or verb == "?" then
		help()
		return true
	elseif verb == "chat" or verb == "say" then
		verb, words = "chat", { line:match("^%s*%S+%s+(.*)$") }
	elseif verb == "act" and tonumber(words[2]) and tonumber(words[3]) and tonumber(words[4]) then
		local block = { math.floor(tonumber(words[2])), math.floor(tonumber(words[3])), math.floor(tonumber(words[4])) }
		words = { n = 4, words[1], 0, words[5], block } -- aimed at a block
	elseif verb == "act" and #words > 1 and not math.tointeger(tonumber(words[2])) then
		words = { words[1], 0, (line:match("^%s*%S+%s+%S+%s+(.-)%s*$")) }
	end
	if verb == "map" then
		if self.view and self.inside then
			self.view:show()
		else
			print(self.view and "enter the world first: play NAME PASSWORD" or "the map needs a terminal")
		end
		return true
	end
	local known
	for _, entry in ipairs(HELP) do known = known or entry[1]:match("^%S+") == verb end
	if not known then
		local close = nearest(verb)
		print(("no verb '%s'.%s"):format(verb, close and (" Did you mean '%s'?"):format(close)
			or (" If the rules offer it: act %s. The verbs: help"):format(verb)))
		return true
	end
	verb = verb == "inventory" and "bag" or verb -- scripts have player:inventory for the store's items alone
	local result = table.pack(pcall(self[verb], self, table.unpack(words, 1, words.n or #words)))
	if not result[1] then
		print(tostring(result[2]))
	elseif show[verb] then
		show[verb](result[2])
	elseif verb ~= "chat" then
		print("done")
	end
	if result[1] and (verb == "play" or verb == "avatar") and self.view and not self.view.open then
		self.view:show()
	end
	return true
end

-- begin: plays as this user: with the first of the avatars there are, or one named like the user.
function begin(self, user, password)
	local ok, why = self:try("register", user, password)
	if ok or why.reason == "NAME_TAKEN" then
		ok, why = pcall(function()
			self:login(user, password)
			self:enter()
			local first = self:avatars()[1]
			if first then return self:select(first.id) end
			return self:avatar((user:gsub("%A", ""):sub(1, 16):gsub("^%l", string.upper)))
		end)
	end
	if not ok then
		print(tostring(why))
		net.quit, net.failed = true, true
	elseif self.view then
		self.view:show()
	else
		show.avatar(self.me)
	end
end

-- What is shown unasked: who comes and goes, who walks (at most once in 3 s), what is said. Animals live their own lives
-- and would fill the screen; `look` shows them.
local function sight(me)
	local shown = {} -- avatars by id: when their walk was last shown
	local function is_other(entity)
		return entity.kind == "avatar" and not (me.me and entity.id == me.me.avatar)
	end
	local function crowd(entities)
		local counts, kinds = {}, {}
		for _, e in ipairs(entities) do
			if is_other(e) then
				print(("you see %s at %s"):format(e.name or e.id, show_position(e)))
			elseif e.kind ~= "avatar" then
				if not counts[e.kind] then table.insert(kinds, e.kind) end
				counts[e.kind] = (counts[e.kind] or 0) + 1
			end
		end
		table.sort(kinds)
		for i, kind in ipairs(kinds) do kinds[i] = counts[kind] == 1 and kind or ("%s x%d"):format(kind, counts[kind]) end
		return table.concat(kinds, ", ")
	end
	return {
		heard = function(m) print(clean(("%s: %s"):format(m.name or "?", m.text or ""))) end,
		system = function(m) print("* " .. clean(m.text or "")) end,
		leave_world = function() print("* you are out of the world; `avatar NAME` enters it again") end,
		world_state = function(m) print(m.running and "* the world goes on" or "* the world pauses; wait") end,
		closed = function() print("* the connection is lost") end,
		back = function() print("* you are back") end,
		lost = function() print("* there is no way back; log in again") end,
		kick = function(m) print("kicked: " .. (m.reason or "")) end,
		bye = function(m) print("the server says goodbye: " .. (m.reason or "")) end,
		cell_seen = function(m)
			local animals = crowd(m.entities)
			if animals ~= "" and not me.animals_told then
				me.animals_told = true
				print("you see " .. animals .. " and more; `look` tells")
			end
		end,
		delta = function(m)
			for _, e in ipairs(m.appeared) do
				if is_other(e) and not shown[e.id] then
					shown[e.id] = 0
					print(("%s appears at %s"):format(e.name or e.id, show_position(e)))
				end
			end
			for _, id in ipairs(m.moved) do
				local known = me.seen[id]
				if known and is_other(known) and net.now() - (shown[id] or 0) > 3000 then
					shown[id] = net.now()
					print(("%s walks to (%.1f, %.1f)"):format(known.name or id, known.x, known.y))
				end
			end
		end,
	}
end

-- interactive: a player whose surroundings are printed as they change.
function interactive()
	local me = player()
	me.on = sight(me)
	if net.tty then
		net.blocks(true)
		me.view = view(me, { color = (os.getenv("NO_COLOR") or "") == "" })
	end
	return me
end
