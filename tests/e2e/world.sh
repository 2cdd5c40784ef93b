#!/bin/sh
# SPDX-License-Identifier: MIT
# A world of three owners and two schedulers, while bots walk about in it. Its owners and schedulers are killed and stopped; each
# time it goes on, no tick twice or left out, and what was recorded runs again to the same digest.
#
#   ROUNDS=3     how often each of them is lost
#   MINUTES=30   for at least so long, as `make soak` does
. "${top_srcdir:-.}/tests/e2e/world_lib.sh"
: "${ROUNDS:=1}" "${MINUTES:=0}" "${BOTS:=20}"

# memory HOST...: of these together, in KiB.
memory()
{
	for host in "$@"; do
		sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(host_pid_of "$host")/status"
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

world_start
"$TROUPE" bots --connect "127.0.0.1:$(cat "$PORT_FILE")" --count "$BOTS" --ramp 3 --seconds 100000 \
	--script "$top_srcdir/scripts/lua/bots/walk.lua" >"$STATE/bots" 2>&1 &
helper_pids="$helper_pids $!"
sleep 5
[ "$(world avatars)" -ge $((BOTS * 3 / 4)) ]
test_is $? "bots walk in it" "$STATE/bots"
audit "with bots"
"$TROUPE" repl --write 'for i = 1, 9 do set({ x = i, y = 3, z = 40 }, "stone") end return 6 * 7' --host m1 >"$STATE/out" 2>&1 &&
	grep -q '42$' "$STATE/out" && grep -q 'A0001.* repl --write for i = 1, 9 .*: done' "$STATE/m1.log"
test_is $? "a line of Lua changes the world, and is audited" "$STATE/out"
! "$TROUPE" repl --write 'set({ x = 3, y = 3, z = 41 }, "stone") error("not so")' --host m1 >"$STATE/out" 2>&1 &&
	grep -q 'error\[S0101\]: not so' "$STATE/out" && grep -q 'A0001.* repl .*: refused, .*script.failed.*not so' "$STATE/m1.log"
test_is $? "one that fails says why" "$STATE/out"
replays "with bots"

round=0
soak_end=$(($(date +%s) + MINUTES * 60))
while [ $round -lt "$ROUNDS" ] || [ "$(date +%s)" -lt $soak_end ]; do
	round=$((round + 1))
	for owner in m1 m2 m3; do
		before=$(world tick)
		lose KILL $owner
		goes_on 2
		test_is $? "round $round: $owner is killed, and two go on" "$STATE/world"
		[ "$(world tick)" -ge "$before" ]
		test_is $? "round $round: and from where they were" "$STATE/world"
		begin $owner
		goes_on 3
		test_is $? "round $round: $owner is back" "$STATE/world"
	done
	lose STOP m2
	goes_on 2
	test_is $? "round $round: m2 sleeps, and two go on" "$STATE/world"
	lose CONT m2
	goes_on 3
	test_is $? "round $round: m2 wakes, and takes part again" "$STATE/world"
	audit "round $round"
	"$TROUPE" script reload --host data >"$STATE/out" 2>&1
	test_is $? "round $round: the rules are read again" "$STATE/out"
	"$TROUPE" world rebalance --host data >"$STATE/out" 2>&1
	rises
	test_is $? "round $round: and regions move" "$STATE/out"

	runs=$(active) epoch=$(world epoch) before=$(world tick)
	lose KILL "$runs"
	goes_on 3
	test_is $? "round $round: the scheduler $runs is killed, and the other runs the world" "$STATE/world"
	[ "$(world epoch)" -gt "$epoch" ] && [ "$(world tick)" -ge "$before" ]
	test_is $? "round $round: with a higher epoch, from where it was" "$STATE/world"
	begin "$runs"
	replays "round $round"
	echo "# round $round: $(memory m1 m2 m3) KiB in three owners, $(memory data base) in what is never killed," \
		"$(world entities) entities, tick $(world_said tick)"
	memory m1 m2 m3 data base >>"$STATE/memory"
done
# The first rounds fill what is kept and bounded.
[ $round -lt 10 ] || sed -n '3,5p;$p' "$STATE/memory" | awk 'NR < 4 { sum += $1 } END { exit !($1 <= sum / 3 * 1.25) }'
test_is $? "memory stays" "$STATE/memory"

"$TROUPE" script profile --json --host m1 >"$STATE/out" 2>&1 && grep -q '"rule":"monster .*"us_per_call"' "$STATE/out"
test_is $? "an owner says what its rules cost" "$STATE/out"
"$TROUPE" repl 'g.players() - g.players() + 42' --host m1 >"$STATE/out" 2>&1 && grep -q '42$' "$STATE/out"
test_is $? "and evaluates a line of Lua" "$STATE/out"

"$TROUPE" world pause lunch --host data >"$STATE/out" 2>&1 && [ "$(world world)" = paused ] && [ "$(world reason)" = lunch ]
test_is $? "it is paused" "$STATE/out"
before=$(world tick)
sleep 0.5
[ "$(world tick)" = "$before" ]
test_is $? "and stands"
"$TROUPE" world resume --host data >"$STATE/out" 2>&1
goes_on 3
test_is $? "and goes on" "$STATE/world"
world_end
