#!/bin/sh
# SPDX-License-Identifier: MIT
# A world of three owners and two schedulers, while bots walk about in it. Its owners and schedulers are killed and stopped; each
# time it goes on, no tick twice or left out, and what was recorded runs again to the same digest.
#
#   ROUNDS=3     how often each of them is lost; `make soak MINUTES=30` asks for many
. "${top_srcdir:-.}/tests/e2e/lib.sh"
CONFIG=$top_srcdir/tests/e2e/world_config.lua
HOSTS="base data s1 s2 m1 m2 m3 front"
: "${ROUNDS:=1}" "${BOTS:=20}"
TROUPE_STATE=$STATE/data
export TROUPE_STATE

begin()
{
	"$TROUPE" run "$CONFIG" --host "$1" --log text --set host.metrics=0 >>"$STATE/$1.log" 2>&1 &
	echo $! >"$STATE/pid.$1"
	host_pids_write
}

# world FIELD: of `troupe world status`, from whichever host knows.
world()
{
	for asked in data base; do
		"$TROUPE" world status --json --host $asked --timeout 5 2>/dev/null >"$STATE/world" && break
	done
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p" "$STATE/world"
}

# goes_on OWNERS: the world runs, with so many owners, and its tick rises.
goes_on()
{
	tries=0
	until [ "$(world world)" = running ] && [ "$(world owners)" = "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 150 ] || return 1
		sleep 0.1
	done
	rises
}

# rises: its tick does.
rises()
{
	rises_from=$(world tick) rises_tries=0
	until [ "$(world tick)" -gt "$rises_from" ]; do
		rises_tries=$((rises_tries + 1))
		[ $rises_tries -lt 50 ] || return 1
		sleep 0.1
	done
}

# memory: of the owners together, in KiB.
memory()
{
	for owner in m1 m2 m3; do
		sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(host_pid_of $owner)/status"
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

# digest: the world's now, which is also written down for recordings.
digest()
{
	"$TROUPE" world digest --json --host data --timeout 10 >"$STATE/digest" 2>&1
}

# replays NAME: what is recorded from now until some ticks later ends in the digest that the running world had.
replays()
{
	digest && "$TROUPE" record "$STATE/world.rec" --for 1 --host data >"$STATE/record" 2>&1 && digest &&
		"$TROUPE" record "$STATE/more.rec" --host data >>"$STATE/record" 2>&1
	test_is $? "$1: it is recorded" "$STATE/record"
	for owners in 1 2; do
		"$TROUPE" replay --quiet --owners $owners "$STATE/more.rec" >"$STATE/replay" 2>&1 &&
			! grep -q DIFFERS "$STATE/replay" && grep -q 'as recorded' "$STATE/replay"
		test_is $? "$1: with $owners owners the recording ends in the same world" "$STATE/replay"
	done
}

audit()
{
	"$TROUPE" world audit --json --host data --timeout 10 >"$STATE/audit" 2>&1 && grep -q '"ok":true' "$STATE/audit"
	test_is $? "$1: each region has one owner" "$STATE/audit"
}

lose()
{
	kill "-$1" "$(host_pid_of "$2")" 2>/dev/null
	[ "$1" != KILL ] || wait "$(host_pid_of "$2")" 2>/dev/null
}

# active: the host of the scheduler that runs the world.
active()
{
	"$TROUPE" status --json --host data 2>/dev/null >/dev/null
	grep -h 'runs the world, with epoch' "$STATE"/s?.log | sed 's/.*scheduler\.\(s[12]\).*epoch \([0-9]*\).*/\2 \1/' | sort -n | tail -n 1 | cut -d' ' -f2
}

for host in $HOSTS; do
	begin "$host"
done
tries=0
until grep -q 'players log in at' "$STATE/base.log" && [ "$(world owners)" = 3 ]; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || break
	sleep 0.1
done
goes_on 3
test_is $? "the world runs, divided among three" "$STATE/world"
sed -n 's/.*players log in at .*(port \([0-9]*\)).*/\1/p' "$STATE/base.log" >"$PORT_FILE"
"$TROUPE" bots --connect "127.0.0.1:$(cat "$PORT_FILE")" --count "$BOTS" --ramp 3 --seconds 100000 \
	--script "$top_srcdir/scripts/lua/bots/walk.lua" >"$STATE/bots" 2>&1 &
helper_pids="$helper_pids $!"
sleep 5
[ "$(world avatars)" -ge $((BOTS * 3 / 4)) ]
test_is $? "bots walk in it" "$STATE/bots"
audit "with bots"
replays "with bots"

round=0
while [ $round -lt "$ROUNDS" ]; do
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
	echo "# round $round: $(memory) KiB in three owners, $(world entities) entities, tick $(world tick)"
done

"$TROUPE" script profile --json --host m1 >"$STATE/out" 2>&1 && grep -q '"rule":"monster .*"us_a_call"' "$STATE/out"
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
if grep -hE 'error |panic|Sanitizer' "$STATE"/*.log | grep -vE 'host.lost|not ready|UNAVAILABLE' >"$STATE/errors"; then
	test_not_ok "no host logs an error" "$STATE/errors"
else
	test_ok "no host logs an error"
fi
test_plan
