#!/bin/sh
# SPDX-License-Identifier: MIT
# A captured host that calls for ever and takes no answer: what waits for it is bounded, and its calls are no longer served.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

CONFIG=$STATE/deaf.lua
cat >"$CONFIG" <<'LUA'
cluster "deaf" {}
echo "x" {}
echo "y" {}
host "victim" { run = { "base/echo.x" } }
host "rogue" { run = { "base/echo.y" } }
LUA
"$TROUPE" run "$CONFIG" --host victim --state "$STATE/data" --log text >>"$HOST_LOG" 2>&1 &
host_own $!
sleep 1

refused()
{
	operator links --host victim --json | tee "$STATE/links" | sed 's/.*"refused":\([0-9]*\).*/\1/'
}

# At most 65536 answers are in the queue of a link, and as many wait beside it: of 200000 calls more than 68000 are dropped.
dropped=0
for to in base/echo.x base/echo.z; do
	dropped=$((dropped + 68000))
	timeout 60 "$top_builddir/tests/bus/ask" "$CONFIG" "$STATE/data" rogue victim base/echo.y $to echo.say 200000 deaf \
		>"$STATE/out" 2>&1 &
	asks=$!
	tries=0
	until [ "$(refused)" -gt $dropped ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || break
		sleep 0.1
	done
	[ $tries -lt 100 ]
	test_is $? "calls to $to stop being served" "$STATE/links"
	wait $asks
	test_is $? "but are taken from the link" "$STATE/out"
done
timeout 20 "$top_builddir/tests/bus/ask" "$CONFIG" "$STATE/data" rogue victim base/echo.y base/echo.x echo.say 10 >"$STATE/out" 2>&1
grep -q '^3 echo.text 10' "$STATE/out"
test_is $? "when it listens again it is answered" "$STATE/out"
test_plan
