---@meta game
-- SPDX-License-Identifier: MIT
-- Made by `troupe api lua --types`: what the rules' API is, for editors.

---@alias KindName string
---@alias BlockName string
---@alias ItemName string
---@alias SkillName string
---@alias EditName string
---@alias QuestName string
---@alias MethodName string
---@alias Duration string|integer # "500ms", "2s", "5m", "1h", or a number of ticks
---@alias Loot table<ItemName, integer|integer[]>
---@alias Data table<string, number|string|boolean>

---What `require "game"` gives: registering rules, and the world as a whole.
---@class Game
---@field on fun(event: string, run: any) # Calls a function when something happens: one of the events below, or one that e:emit names: then run(e, w, data).
---@field every fun(time: Duration, run: function) # Calls run(w) again and again, once for the whole world; it is about no entity, so it sees none.
---@field action fun(name: string): fun(def:ActionDef) # Defines what players can ask for.
---@field tell_all fun(text: string) # Shows a line to all players.
---@field now fun(): number # Seconds of the world's time.
---@field daylight fun(): number # From 0 (night) to 1 (day).
---@field players fun(): integer # How many players are in the world.
---@field monster fun(name: string): fun(def:MonsterDef) # Defines a kind of monster.
---@field player fun(def: PlayerDef) # Says what holds for all players.
---@field item fun(name: string): fun(def:ItemDef) # Defines something to carry.
---@field skill fun(name: string): fun(def:SkillDef) # Defines what entities can do to each other, by e:cast.
---@field edit fun(name: string): fun(def:EditDef) # Defines a change of blocks: asked for by w:ask, made in stage 2, all of it or nothing.
---@field block fun(name: string): fun(def:BlockDef) # Defines a kind of block, or changes one that the world is made of.
---@field region fun(name: string): fun(def:RegionDef) # Defines boxes of the world where something holds; up to 64 regions.
---@field quest fun(name: string): fun(def:QuestDef) # Defines a quest.

---The world as a rule sees it in stages 1 and 3: to look at, not to change.
---@class WorldView
---@field block fun(self, at: Pos): Block # The block in the cell of a place.
---@field surface fun(self, at: Pos): Pos # Where one stands who falls from the sky there.
---@field nearest fun(self, kind: KindName, at: Pos, radius: number): Entity? # The closest entity of a kind that is at most so far from a place, without the one that the call is about; nil if there is none.
---@field around fun(self, at: Pos, radius: number, kind?: KindName): Entity[] # All entities that are at most so far from a place, the closest first, up to 256.
---@field line_of_sight fun(self, a: Pos, b: Pos): boolean # Whether no full block is between the eyes at two places, at most 32 blocks apart.
---@field spot_near fun(self, at: Pos, radius: number, rng: Rng): Pos # A place to stand, near another; that place itself if none is found.
---@field sphere fun(self, at: Pos, radius: number): fun():Pos? # For loops: the places of all cells of a ball.
---@field spawn fun(self, kind: KindName, at: Pos) # A new monster appears there: in stage 2 of this tick, or of the next one if this is stage 2 or 3.
---@field ask fun(self, ask: EditRequest) # Asks for an edit: it is made in stage 2 of this tick, or of the next one if this is stage 2 or 3. A player's action that asks is answered with what became of its first edit: "", or why not ("conflict": another edit was first). Who took an item for it says pays = ITEM, and one is given back if the edit is not made.
---@field zone fun(self, at: Pos): Zone # Which region of g.region holds a place.

---The world in an edit's `apply`, in stage 2: the only place where blocks change.
---@class WorldEdit: WorldView
---@field set fun(self, at: Pos, block: BlockName) # The cell of a place shall hold this block, if the edit wins; at most 16 blocks from the edit's place, 512 blocks an edit.
---@field drop fun(self, at: Pos, loot: any, rng?: Rng) # Items fall there, if the edit wins: one item by its name, or loot.
---@field wake fun(self, at: Pos) # If the edit wins, the block there gets its own edit in the next tick: the one with the name of the block, if there is one. Of a region's blocks 1024 a tick do.

---A player, a monster, or something that lies on the ground.
---@class Entity
---@field id integer # Its number, which no other entity ever has.
---@field alive boolean # Whether it is in the world, and within 16 blocks: only then can its other fields be read.
---@field kind KindName # Its kind: "player", "drop", or a monster's.
---@field name string # What it is called.
---@field pos Pos # Where it is: a table of its own, x, y and z.
---@field x number # Its place from west to east.
---@field y number # Its place from south to north.
---@field z number # The height of its feet.
---@field hp integer # Its health, of others as it was when the tick began; 0 of what cannot be hurt.
---@field max_hp integer # Its health when it is whole.
---@field walking boolean # Whether it is on its way to somewhere.
---@field speed number # Blocks a second, with what slows it.
---@field sight number # How far its kind sees, as its definition says.
---@field state Data # What it remembers: the fields that its definition declares, kept over reload, restart and hand-over.
---@field target Entity? # An entity that it keeps in mind, nil when that is gone; can be set.
---@field rng Rng # Random numbers for this call.
---@field say fun(self, text: string) # It says something that those who are near hear.
---@field tell fun(self, text: string) # Shows a line to the player alone.
---@field walk_to fun(self, at: Pos) # It goes there, if there is a way; a place outside of the world means the nearest inside.
---@field chase fun(self, target: Entity, near?: number) # It follows another, to 1 block (or `near`) from it, until it stops, walks elsewhere, finds no way, or loses it.
---@field stop fun(self) # It stands still.
---@field remove fun(self) # It leaves the world, without dying; not for players.
---@field every fun(self, time: Duration, method: MethodName) # Calls a method of its kind again and again: method(self, w).
---@field after fun(self, time: Duration, method: MethodName) # Calls a method of its kind once, later.
---@field distance fun(self, to: Pos): number # How far it is to a place or an entity.
---@field in_reach fun(self, to: Pos, far: number): boolean # Whether a place or an entity is at most so far away.
---@field emit fun(self, event: string, data?: Data) # Something happened to it: what g.on registered for this name is called, in stage 2 of this tick, or of the next one if this is stage 2 or 3.
---@field give fun(self, item: ItemName, count?: integer) # Puts items (1) into its bag; what does not fit falls to the ground. A bag holds 64 sorts.
---@field take fun(self, item: ItemName, count?: integer): boolean # Takes items (1) out of its bag: all of them, or none and false.
---@field count fun(self, item: ItemName): integer # How many of an item are in its bag.
---@field bag fun(self): table<ItemName, integer> # All that is in its bag, in a table of its own.
---@field tool fun(self): Tool # The strongest tool in its bag; the bare hand has power 0.
---@field hurt fun(self, hurt: Hurt) # Takes health away, in stage 2; at 0 it dies: monsters leave their loot, players lie there for 3 s and get up at the spawn.
---@field heal fun(self, amount: number) # Gives health back, in stage 2, up to its max_hp; not to what has died.
---@field cast fun(self, skill: SkillName, to?: Entity): boolean, string? # Uses a skill on another, or on itself; true, or false and why not: "casting", "not_ready", "too_far", "too_expensive", or what the skill's check says.
---@field ready fun(self, skill: SkillName): boolean # Whether it need not wait before it uses a skill.
---@field slow fun(self, name: string, factor?: number) # A factor of its speed, under a name: factors of different names multiply; without a factor the name's ends.

---The avatar of a player: the kind "player".
---@class Player: Entity
---@field reward fun(self, item: ItemName, count: integer, receipt: string) # Grants items for good, by the item store: once for each receipt of a player in a tick, also when the tick is run again. What came of it is told by the event "rewarded".
---@field start_quest fun(self, quest: QuestName): boolean # Begins a quest; false if it runs already or is done.
---@field end_quest fun(self, quest: QuestName): boolean # Ends a quest whose goals are reached, in stage 2; false if they are not.
---@field quest fun(self, quest: QuestName): string? # "running", "done", or nil.
---@field progress fun(self, quest: QuestName): integer[] # How far each goal of a quest is.

---An entity of a kind that g.monster defines.
---@class Monster: Entity

---Random numbers from the world's seed, the tick and the entity: the same when a tick is run again.
---@class Rng
---@field int fun(self, low: integer, high: integer): integer # A whole number from low to high, all equally likely.
---@field number fun(self, low?: number, high?: number): number # A number from low to high (0 to 1), without high.
---@field chance fun(self, part: number): boolean # True in that part of the cases.
---@field pick fun(self, list: any[]): any # One value of a list.

---A place, z up; the numbers may also be given as a list { x, y, z }, and an entity stands for its place.
---@class Pos
---@field x number # From west to east.
---@field y number # From south to north.
---@field z number? # The height; where one stands there, if it is left out.

---What w:block gives: the kind of block in a cell.
---@class Block
---@field name BlockName # Its kind; "outside" beyond the world.
---@field solid boolean # Whether it carries and is in the way.
---@field liquid boolean # Whether one can move through it, but not breathe.
---@field hardness integer # The work that breaks it; 65535 = never.
---@field power integer # The power of the tool that breaks it.
---@field drops ItemName # The item that is left of it; "" = nothing.

---What w:zone gives: the regions of g.region that hold a place.
---@class Zone
---@field name string? # The first region that was defined of those that hold it; nil if none does.
---@field protected boolean # Whether one of them is protected.

---What on_hurt and on_death are told.
---@class Hit
---@field amount integer # How much health it took.
---@field kind string # What sort of hurt; "" if that was not said.
---@field by Entity? # Who did it; it may be gone or far away: see alive.

---What e:hurt takes.
---@class Hurt
---@field amount number # How much health it takes.
---@field kind? string # A word for what sort of hurt it is.
---@field by? Entity # Who did it; the entity that the call is about, if it does not say.

---What w:ask takes; other keys with plain values go to the edit as they are.
---@class EditRequest
---@field edit EditName # The edit that shall be made.
---@field at Pos # Its place.
---@field by? Entity # Who asks: the entity that the call is about.

---What an edit's functions get: the request, with what was asked.
---@class Edit
---@field edit EditName # The edit's name.
---@field at Pos # The cell that was asked for: the middle of its floor.
---@field by Entity? # Who asked; nil if the world did. It may be another owner's: what it carries is not known here.
---@field tool Tool # The asker's strongest tool.
---@field rng Rng # Random numbers for this edit.

---What came with a player's action.
---@class ActionArgs
---@field text string? # The text that came with it; "" if there was none.
---@field at Pos? # The place that it is aimed at; nil if there was none.

---What e:tool gives: the strongest tool that it carries.
---@class Tool
---@field name ItemName # The item; "hand" for the bare hand.
---@field power integer # Its power.

---What on_enter and on_leave are told of the step.
---@class Move
---@field from Pos # Where it was before the step.
---@field to Pos # Where it is now.

---What a quest's on_done is told.
---@class QuestDone
---@field name QuestName # The quest.
---@field receipt string # For p:reward: another one for each time.

---Where a kind of monster lives.
---@class Home
---@field x? number # The middle; 0.
---@field y? number # The middle; 0.
---@field radius? number # How far from the middle; a quarter of the world.

---One goal of a quest: one of kill, bring and ["do"], and how often.
---@class Goal
---@field kill? string # A kind of monster to kill.
---@field bring? ItemName # An item to have in the bag; it is taken at the end.
---@field do? string # An action or an event of the player.
---@field n? integer # How often, or how many; 1.

---g.monster "name" { ... }: a kind of monster; its other functions are methods of it.
---@class MonsterDef
---@field on_spawn? fun(self: Monster, w: WorldView) # It has come into the world: in the tick after.
---@field think? fun(self: Monster, w: WorldView) # What it does again and again, in stage 1.
---@field on_hurt? fun(self: Monster, w: WorldView, hit: Hit) # It was hurt: in stage 2.
---@field on_death? fun(self: Monster, w: WorldView, hit: Hit) # Its health is gone: in stage 2.
---@field on_no_path? fun(self: Monster, w: WorldView) # It stands: no way leads to where it was to go; in stage 3.
---@field every? Duration # From one think to the next; 5 ticks.
---@field sight? number # How far it sees, for `self.sight`; 16.
---@field state? table # What each of them remembers: up to 32 numbers, texts, true or false, with what they are at first.
---@field hp? integer # Its health; 0: it cannot be hurt.
---@field speed? number # Blocks a second; 2.
---@field count? integer # So many of them the world keeps alive; 0.
---@field home? Home # Where they appear.
---@field loot? Loot # What falls to the ground when it dies.

---g.player { ... }: what holds for all players; its other functions are methods of them.
---@class PlayerDef
---@field on_spawn? fun(self: Player, w: WorldView) # It has come into the world: in the tick after.
---@field think? fun(self: Player, w: WorldView) # What it does again and again, in stage 1.
---@field on_hurt? fun(self: Player, w: WorldView, hit: Hit) # It was hurt: in stage 2.
---@field on_death? fun(self: Player, w: WorldView, hit: Hit) # Its health is gone: in stage 2.
---@field on_no_path? fun(self: Player, w: WorldView) # It stands: no way leads to where it was to go; in stage 3.
---@field every? Duration # From one think to the next; 5 ticks.
---@field sight? number # How far it sees, for `self.sight`; 16.
---@field state? table # What each of them remembers: up to 32 numbers, texts, true or false, with what they are at first.
---@field hp? integer # Their health; 0: they cannot be hurt.
---@field spawn? Pos # Where they get up after they died; the middle of the world.

---g.skill "name" { ... }: what entities can do to each other, by e:cast.
---@class SkillDef
---@field cooldown? Duration # How long one waits before the next use; none.
---@field range? number # How far the target may be, in blocks; 16.
---@field cast_time? Duration # From e:cast to `apply`; none. A target that is out of range by then gets nothing.
---@field cost? Loot # What a use costs: from the number of that name in `state`, or else items from the bag.
---@field check? fun(w: WorldView, by: Entity, to: Entity): string? # Says no by returning a reason; it only looks.
---@field apply? fun(w: WorldView, by: Entity, to: Entity) # What it does, in stage 1.

---g.action "name" { ... }: what players can ask for.
---@class ActionDef
---@field run? fun(self: Player, w: WorldView, target: Entity, args: ActionArgs): string?, string? # What happens; the text that it returns is shown to the player. nil and a reason id: it is refused. With w:ask the edit answers.

---g.edit "name" { ... }: a change of blocks, made in stage 2 by w:ask.
---@class EditDef
---@field priority? integer # Of two edits that want the same cell the one with the lower number wins; 0.
---@field check? fun(w: WorldView, e: Edit): string? # Says no by returning a reason, which the player's action is answered with; it only looks.
---@field apply? fun(w: WorldEdit, e: Edit): string? # Sets blocks; what it does to others happens only if the edit wins. It too may return a reason, and then does nothing.

---g.block "name" { ... }: a kind of block, new or changed.
---@class BlockDef
---@field hardness? integer # The work that breaks it; 65535 = never. 1, or as it was.
---@field power? integer # The power of the tool that breaks it; 0 = a bare hand.
---@field drops? ItemName # The item that is left of it; none.
---@field glyph? string # Its sign on a map in a terminal; "#".
---@field color? integer # Its colour there, of the 256 of xterm.
---@field solid? boolean # Whether it carries, is in the way, and ends sight; true.
---@field liquid? boolean # Whether one can move through it, but not breathe.

---g.item "name" { ... }: something to carry; items need not be defined to be carried.
---@class ItemDef
---@field stack? integer # So many an entity can carry; 1000000.
---@field power? integer # As a tool: which blocks it breaks; 0 = it is none.

---g.region "name" { ... }: boxes of the world where something holds.
---@class RegionDef
---@field area any[] # Two corners { { x, y, z }, { x, y, z } }, or a list of up to 16 such boxes.
---@field slow? number # A factor of the speed of who is in it; 1.
---@field protected? boolean # What w:zone says, for edits to look at.
---@field on_enter? fun(self: Zone, e: Entity, move: Move) # Somebody has entered: in stage 3, when positions are final.
---@field on_leave? fun(self: Zone, e: Entity, move: Move) # Somebody has left.

---g.quest "name" { ... }: goals for a player, and what follows when they are reached.
---@class QuestDef
---@field giver? string # Who gives it: then p:end_quest ends it; without one it ends by itself when its goals are reached.
---@field text? string # A text for players.
---@field goals any[] # Up to 8 goals; all must be reached.
---@field repeats? boolean # Whether it can be done again.
---@field on_done? fun(p: Player, w: WorldView, q: QuestDone) # All goals are reached, and what was to be brought is taken: once for each player.

---g.on(name, { ... }): the longer form of g.on(name, function).
---@class EventDef
---@field stage? integer # 1: what it does to blocks it asks for.
---@field run? fun(e: Entity, w: WorldView, data: Data): any # The function.

---@type Game
local game
return game
