#!/bin/sh
# SPDX-License-Identifier: MIT
# An orderly stop with players in the world: they are told, and nothing of theirs is lost.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

# shellcheck disable=SC2046
host_start $(host_each mechanics save=1h)
test_is $? "the host starts" "$HOST_LOG"
client "$top_srcdir/tests/e2e/stop.lua" first >"$STATE/out" 2>&1 &
player=$!
helper_pids=$player
tries=0
until grep -q there "$STATE/out" || [ $tries -gt 200 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
host_stop
test_is $? "it stops when it is told to" "$HOST_LOG"
wait $player
test_is $? "the player is told" "$STATE/out"
helper_pids=
# That a slow machine makes a callback long is not lost.
! grep -iE 'lost|warning|error' "$HOST_LOG" | grep -v 'one callback has held' >"$STATE/found"
test_is $? "nothing is lost on the way" "$STATE/found"
host_start
test_is $? "the host starts again" "$HOST_LOG"
client "$top_srcdir/tests/e2e/stop.lua" again >"$STATE/out" 2>&1
test_is $? "the avatar is where it stood" "$STATE/out"
host_stop
test_plan
