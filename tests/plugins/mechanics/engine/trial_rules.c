/* SPDX-License-Identifier: MIT */
/* The rules of trials: everything that may go from one owner to another, or that several owners must agree on. */
#include "trial.h"

#include <stddef.h>

#define RABBIT(states)                                                                                                            \
	"local g = require 'game'\n"                                                                                              \
	"local function clamp(a) return a > 128 and 128 or a < -128 and -128 or a end\n"                                          \
	"local function near(e, r) return { x = clamp(e.x + e.rng:int(-r, r)), y = clamp(e.y + e.rng:int(-r, r)) } end\n"         \
	"g.monster 'rabbit' { count = 60, hp = 8, speed = 9, every = '150ms', home = { x = 0, y = 0, radius = 110 },\n"           \
	"  loot = { fur = { 0, 2 } }, state = { " states " },\n"                                                                  \
	"  on_spawn = function(self) self:every('300ms', 'look') self:after('2s', 'tire') self:after('2s', 'rest') end,\n"        \
	"  think = function(self, w) self.state.hops = self.state.hops + 1\n"                                                     \
	"    if self.rng:int(1, 3) == 1 then self:walk_to(near(self, 30)) end end,\n"                                             \
	"  look = function(self, w)\n"                                                                                            \
	"    if self.rng:int(1, 8) == 1 then local n = 0 for i = 1, 3000 do n = n + i end end\n"                                  \
	"    local other = w:nearest('rabbit', self, 16)\n"                                                                       \
	"    if other then self.state.seen = self.state.seen + 1 self.state.name = other.kind\n"                                  \
	"      self.state.sum = self.state.sum + self:distance(other) + (other.walking and 1 or 0) + other.hp\n"                  \
	"      if self.rng:int(1, 4) == 1 then other:stop() end\n"                                                                \
	"      if self.rng:int(1, 6) == 1 then other:walk_to(self) end\n"                                                         \
	"      if self.rng:int(1, 40) == 1 then other:remove() end\n"                                                             \
	"      if self.rng:int(1, 9) == 1 then other:slow('mud', self.rng:int(1, 3) * 0.4) end\n"                                 \
	"    end\n"                                                                                                               \
	"    self.state.seen = self.state.seen + #w:around(self, 12)\n"                                                           \
	"    local player = w:nearest('player', self, 16)\n"                                                                      \
	"    if player then self:say('who is ' .. player.name) player:tell('hello ' .. self.state.hops) end\n"                    \
	"    if self.rng:int(1, 50) == 1 then w:spawn('mouse', self) end end,\n"                                                  \
	"  on_hurt = function(self, w, hit) self:walk_to(near(self, 20)) self:slow('mud')\n"                                      \
	"    if hit.by and hit.by.alive and self.rng:int(1, 2) == 1 then hit.by:hurt { amount = 1, kind = 'kick' } end end,\n"    \
	"  on_death = function(self, w, hit) self:say('squeak') w:spawn('mouse', self) end,\n"                                    \
	"  tire = function(self) self.state.tired = true self.state.hops = self.state.hops * 3 + 1 self:after('1s', 'rest') end,\n" \
	"  rest = function(self) self.state.tired = not self.state.tired self.state.hops = self.state.hops * 5 + 2\n"             \
	"    self:after('1500ms', 'tire') self:after('1500ms', 'rest') end }\n"

#define MOUSE                                                                                                                     \
	"g.monster 'mouse' { speed = 14, every = '400ms', state = { age = 0 },\n"                                                 \
	"  think = function(self, w) self.state.age = self.state.age + 1\n"                                                       \
	"    if self.state.age > 12 then self:remove() end\n"                                                                     \
	"    if self.rng:int(1, 30) == 1 then error('a mouse fails') end\n"                                                       \
	"    self:walk_to(near(self, 60)) end }\n"

/* Hunters: health, skills, chases, edits, what lies on the ground. */
#define FOX                                                                                                                       \
	"g.item 'fur' { stack = 40 }\n"                                                                                           \
	"g.item 'clod' { }\n"                                                                                                    \
	"g.skill 'bite' { cooldown = '400ms', range = 4, cast_time = '100ms', cost = { fur = 1 },\n"                                                  \
	"  apply = function(w, by, to) by:say('snap') to:hurt { amount = by.rng:int(1, 5), kind = 'teeth' } end }\n"              \
	"g.edit 'dig' { priority = 1, check = function(w, e) if w:zone(e.at).protected and e.hops % 2 == 1 then return 'no' end end,\n"      \
	"  apply = function(w, e)\n"                                                                   \
	"    if w:block(e.at).name == 'air' then return 'nothing there' end\n"                                                    \
	"    for p in w:sphere(e.at, 2) do if w:block(p).solid and e.rng:int(1, 2) == 1 then w:set(p, 'air') end end\n"           \
	"    w:drop(e.at, { clod = { 1, 2 } }, e.rng)\n"                                                                          \
	"    local near = w:nearest('rabbit', e.at, 6) if near then near:tell('dug') near:hurt { amount = 1 } end\n"              \
	"    if e.by then e.by:emit('dug', { hops = e.hops }) end\n"                                                             \
	"    w:wake { x = e.at.x, y = e.at.y, z = e.at.z + 1 } end }\n"                                                           \
	"g.edit 'heap' { apply = function(w, e) w:set(e.at, 'stone')\n"                                                           \
	"    w:set({ x = e.at.x, y = e.at.y, z = e.at.z + 1 }, 'dirt') end }\n"                                                   \
	"g.edit 'dirt' { apply = function(w, e) w:set(e.at, 'grass') end }\n"                                                     \
	"g.monster 'fox' { count = 18, hp = 20, speed = 8, every = '200ms', home = { x = 0, y = 0, radius = 100 },\n"             \
	"  loot = { fur = { 1, 3 } }, state = { bites = 0, hurts = 0 },\n"                                                        \
	"  think = function(self, w)\n"                                                                                           \
	"    local prey = self.target or w:nearest(self.rng:int(1, 3) == 1 and 'player' or 'rabbit', self, 16)\n"                 \
	"    if prey then self.target = prey self:chase(prey, 1)\n"                                                               \
	"      if self:cast('bite', prey) then self.state.bites = self.state.bites + 1 end\n"                                     \
	"      if self.rng:int(1, 6) == 1 then self.target = nil end\n"                                                           \
	"    elseif self.rng:int(1, 4) == 1 then self:walk_to(near(self, 40)) end\n"                                              \
	"    if self.rng:int(1, 5) == 1 then w:ask { edit = self.rng:int(1, 2) == 1 and 'dig' or 'heap',\n"                       \
	"        at = w:surface(near(self, 2)), hops = self.state.bites } end\n"                                                  \
	"    if self.rng:int(1, 7) == 1 and self:take('clod') then self:say('crunch') end\n"                                                                           \
	"    if self.rng:int(1, 9) == 1 then self:give('fur', 2) self:heal(1) end end,\n"                                         \
	"  on_hurt = function(self, w, hit) self.state.hurts = self.state.hurts + hit.amount\n"                                   \
	"    w:ask { edit = 'heap', at = self.pos } self:emit('yelp', { much = hit.amount, who = self.name }) end,\n"             \
	"  on_no_path = function(self, w) local r = w:nearest('rabbit', self, 16) self:say(r and r.name or 'stuck') end }\n"      \
	"g.on('yelp', function(e, w, data) e:say(data.who .. data.much)\n"                                                        \
	"    local p = w:nearest('player', e, 16) if p then p:tell('a fox yelps') end end)\n"                                     \
	"g.region 'swamp' { area = { { -70, -50, 0 }, { 30, 40, 64 } }, slow = 0.6, protected = true,\n"                                            \
	"  on_enter = function(self, e) if e.kind == 'rabbit' then e.state.sum = e.state.sum + 1 end\n"                           \
	"    e:tell('wet') e:say('wet, ' .. (e.target and e.target.name or 'alone')) end,\n"           \
	"  on_leave = function(self, e) e:say('dry') end }\n"

#define PLAYER                                                                                                                    \
	"g.player { hp = 12, spawn = { 40, 40 }, state = { waves = 0, killed = 0 } }\n"                                           \
	"g.quest 'hunt' { goals = { { kill = 'rabbit', n = 1 }, { ['do'] = 'wave', n = 2 } }, repeats = true,\n"                  \
	"  on_done = function(p, w, q) p:tell(q.receipt) p:give('fur', 3) p:reward('medal', 2, q.receipt) end }\n"                                                \
	"g.action 'wave' { run = function(self, w, target)\n"                                                                     \
	"  self.state.waves = self.state.waves + self.rng:int(1, 9) + g.players() + self:count('fur')\n"                          \
	"  self:reward('medal', 1, 'w') self:start_quest('hunt') self:start_quest('clods') self:end_quest('clods')\n"                                                                                            \
	"  local r = w:nearest('rabbit', self, 16) if r then r:hurt { amount = 6 } end\n"                                         \
	"  if target then target:say('ouch') target:hurt { amount = 3 } target:give('clod') end\n"                                \
	"  g.tell_all('waves') return 'ok ' .. self.state.waves end }\n"                                                          \
	"g.action 'dig' { run = function(self, w) w:ask { edit = 'dig', at = w:surface(self), hops = self.state.waves } end }\n"   \
	"g.on('dug', function(e, w, data) e:say('dug ' .. data.hops) e:give('clod') end)\n"                                      \
	"g.quest 'clods' { goals = { { bring = 'clod', n = 2 } }, giver = 'mole', on_done = function(p, w, q) p:tell(q.receipt) end }\n"                           \
	"g.on('killed', function(e, w, data) e:say('one less') end)\n"                                                            \
	"g.on('enter', function(self, w) w:spawn('mouse', near(self, 1)) end)\n"                                                  \
	"g.on('tick', function(w, n) if n % 50 == 0 then\n"                                                                       \
	"  w:spawn('mouse', { math.random(-100, 100), math.random(-100, 100) }) end end)\n"

const char *const trial_rules[2][3] = {
	{ "world.lua", RABBIT("hops = 0, seen = 0, name = 'none', tired = false, sum = 0.5") MOUSE FOX PLAYER, NULL },
	{ "world.lua",
	  RABBIT("hops = 1, seen = 0, name = 'none', tired = false, sum = 1.5, fresh = 7") MOUSE FOX PLAYER "g.monster 'newt' { count = 5 }\n",
	  NULL },
};
