#!/bin/sh
# SPDX-License-Identifier: MIT
# One trace id leads from a player's message through the roles to the commit in the database, at log level debug.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

# traced REQUEST INSTANCE WHAT: a line of INSTANCE that begins so has the trace of that request.
traced()
{
	id=$(sed -n "s/.* $1 .*trace=\([0-9a-f]\{32\}\).*/\1/p" "$HOST_LOG" | head -n 1)
	[ -n "$id" ] && grep -q "$2: $3.*trace=$id" "$HOST_LOG"
}

cat >"$STATE/player.lua" <<'EOF'
local p = player()
p:play("tracy", "a long password")
pcall(p.buy, p, "seeds", 5) -- there is no money for it: refused, and recorded
p:avatars()
EOF

host_start --set base/account.log=debug --set base/billing.log=debug --set base/mall.log=debug \
	--set meadow/itemstore.log=debug
test_is $? "the host starts" "$HOST_LOG"
client "$STATE/player.lua" >"$STATE/out" 2>&1
traced 'request avatar.create from frontend' meadow/itemstore 'commit to [a-z/.]*meadow ended with status 0'
test_is $? "a new avatar, from the front-end's request to the commit" "$HOST_LOG"
traced 'request account.redeem from frontend' base/account 'commit to [a-z/.]*base ended with status 0'
test_is $? "the redeemed ticket" "$HOST_LOG"
traced 'request mall.buy from frontend' base/mall 'commit to [a-z/.]*base ended with status 0'
test_is $? "an order, in the mall" "$HOST_LOG"
traced 'request mall.buy from frontend' base/billing 'request billing.hold from mall'
test_is $? "the same order, in the ledger" "$HOST_LOG"
host_stop
test_is $? "the host stops when it is told to" "$HOST_LOG"
host_start
client "$STATE/player.lua" >"$STATE/out" 2>&1
! tail -n +"$host_from" "$HOST_LOG" | grep -q ' debug '
test_is $? "without level debug no such line is written"
host_stop
test_plan
