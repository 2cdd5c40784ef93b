-- SPDX-License-Identifier: MIT
-- What refusals say to people: reasons are words for programs, and stay the same.

local client = ...

local WORDS = {
	["avatar.name_taken"] = "somebody has that name",
	["chat.length"] = "say something, but not that much",
	["chat.no_channel"] = "the channels are near and shard",
	["chat.refused"] = "the rules of the game kept it from being heard",
	["chat.too_fast"] = "not so fast",
	["item.no_item"] = "you have no such item; `bag` shows what the item store keeps, with its numbers",
	["world.bad_position"] = "a place is two numbers: walk X Y",
	["world.busy"] = "too much is going on; try again",
	["world.fallen"] = "you lie on the ground; wait until you get up",
	["world.no_action"] = "the game has no such action",
	["world.no_target"] = "nobody with that number is near; `look` shows who is",
	["world.not_here"] = "you are not in the world; enter it first: avatar NAME",
	["world.out_of_world"] = "the world ends before that",
	["world.outside"] = "the world ends before that",
	["world.paused"] = "the world pauses; wait",
	["world.rule_failed"] = "a rule of the game has a mistake; nothing was done, and its log says where",
	["world.rule_paused"] = "a rule of the game failed too often and is paused until it is mended",
	["world.too_fast"] = "not so fast",
	["world.too_many_edits"] = "too many blocks at once",
}

-- words: of a refusal, for people. What the rules of a game say themselves is a word or two, such as nothing_there.
function client.words(refusal)
	local reason = refusal.reason or "?"
	if WORDS[reason] then return ("%s (%s)"):format(WORDS[reason], reason) end
	if not reason:find("[.%u]") then return (reason:gsub("_", " ")) end
	local text = refusal.text ~= reason and refusal.text or ""
	return text ~= "" and ("%s (%s)"):format(text, reason) or reason
end
