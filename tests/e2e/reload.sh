#!/bin/sh
# SPDX-License-Identifier: MIT
# A designer changes rules while two players play: the new ones count within a second, nobody is disconnected, and a mistake
# changes nothing but the log. reload.lua is what the players see.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
mkdir "$STATE/conf" "$STATE/rules"
cp "$CONFIG" "$STATE/conf/game.lua"
cp "$top_srcdir"/scripts/lua/meadow/*.lua "$STATE/rules/"
chmod u+w "$STATE"/rules/*.lua
CONFIG=$STATE/conf/game.lua

# shellcheck disable=SC2046
host_start $(host_each scheduler scripts="$STATE/rules")
test_is $? "the host starts" "$HOST_LOG"
client "$top_srcdir/tests/e2e/reload.lua" >"$STATE/out" 2>"$STATE/err"
code=$?
test_lines "$STATE/out"
test_is $code "reload.lua came to its end" "$STATE/err"
grep -q 'R0003.*reload refused, generation 2 keeps running' "$HOST_LOG" &&
	grep -q 'broken.lua:3 ' "$HOST_LOG"
test_is $? "the log says which generation stays, and in which line the mistake is" "$HOST_LOG"

# logged PATTERN: within five seconds
logged()
{
	tries=0
	until grep -qE "$1" "$HOST_LOG"; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || return 1
		sleep 0.1
	done
}

echo 'x = = 1' >"$STATE/rules/slip.lua"
logged "scheduler.*--> rules/slip.lua:1 " && operator script list >"$STATE/list" 2>&1 && grep -q '^rules/slip.lua:1 ' "$STATE/list"
test_is $? "a mistake is shown" "$STATE/list"
rm "$STATE/rules/slip.lua"
logged 'the scripts are again those of generation [0-9]+, which runs' && operator script list >"$STATE/list" 2>&1 &&
	! grep -q slip "$STATE/list"
test_is $? "and is gone when the rules are as they were" "$STATE/list"
host_stop
test_is $? "the host stops when it is told to" "$HOST_LOG"
test_plan
