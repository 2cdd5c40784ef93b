-- SPDX-License-Identifier: MIT
-- What refusals say to people: reasons are words for programs, and stay the same.

local client = ...

local WORDS = {
	ACCOUNT_INACTIVE = "that account is switched off",
	ACCOUNT_INACTIVE_TEMPORARY = "that account is switched off for now",
	BAD_NAME = "a name has 3 to 32 of a-z, 0-9 and -_.",
	BAD_PASSWORD = "a password has 8 to 128 bytes",
	BANNED = "that account is banned",
	NAME_TAKEN = "somebody has that name",
	OTHER_CLIENT_IN_GAME = "somebody plays with that account",
	SERVER_IS_OVERLOADED = "too many want to log in; try again",
	TRY_LATER = "too many tries; wait a little",
	WRONG_AUTH_INFO = "no account has that name and that password",
	["avatar.name"] = "that is no name for an avatar",
	["avatar.name_taken"] = "somebody has that name",
	["avatar.no_avatar"] = "you have no such avatar; `avatars` shows yours",
	["avatar.slots"] = "you have no room for another avatar",
	["billing.insufficient"] = "you have too little money; `balance` shows it",
	["chat.length"] = "say something, but not that much",
	["chat.no_channel"] = "the channels are near and shard",
	["chat.refused"] = "the rules of the game kept it from being heard",
	["chat.too_fast"] = "not so fast",
	["client.closed"] = "the connection is closed; log in again",
	["frontend.busy"] = "too much is going on; try again",
	["frontend.draining"] = "the server is being stopped",
	["frontend.full"] = "too many players are there; try again later",
	["frontend.no_world"] = "the world does not answer; try again",
	["host.lost"] = "the server did not answer; look whether it was done",
	["host.unreachable"] = "the server does not answer; try again",
	["item.bag_full"] = "your bag is full",
	["item.mail_full"] = "your mail bag is full; `take` what is in it",
	["item.no_item"] = "you have no such item; `bag` shows what the item store keeps, with its numbers",
	["mall.not_ready"] = "the mall is not open; try again",
	["mall.price"] = "the price has changed; `offers` shows it",
	["mall.sold_out"] = "it is sold out",
	["master.no_frontend"] = "nobody lets players into that shard; try again",
	["master.no_shard"] = "there is no such shard; `shards` shows them",
	["master.shard_full"] = "that shard is full; try again later",
	["master.shard_locked"] = "that shard is closed",
	["world.bad_position"] = "a place is two numbers: walk X Y",
	["world.busy"] = "too much is going on; try again",
	["world.fallen"] = "you lie on the ground; wait until you get up",
	["world.full"] = "the world is full; try again later",
	["world.no_action"] = "the game has no such action",
	["world.no_rules"] = "the world has no rules yet; try again",
	["world.no_target"] = "nobody with that number is near; `look` shows who is",
	["world.not_here"] = "you are not in the world; enter it first: avatar NAME",
	["world.out_of_world"] = "the world ends before that",
	["world.outside"] = "the world ends before that",
	["world.paused"] = "the world pauses; wait",
	["world.rule_failed"] = "a rule of the game has a mistake; nothing was done, and its log says where",
	["world.rule_paused"] = "a rule of the game failed too often and is paused until it is mended",
	["world.text_too_long"] = "that is too long",
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
