# SPDX-License-Identifier: MIT
# A world of three owners and two schedulers, each in a process of its own, for tests; sourced, not run.
#
#   SETS="--set ..."          for every host
#   world_start               starts all and waits until it runs, divided among three
#   world FIELD               of `troupe world status`; goes_on OWNERS, rises: it runs, and its tick rises
#   begin HOST, lose SIGNAL HOST, active: the host of the scheduler that runs the world
#   audit NAME, replays NAME, world_end: results of the test
. "${top_srcdir:-.}/tests/e2e/lib.sh"
CONFIG=$top_srcdir/tests/e2e/world_config.lua
HOSTS="base data items s1 s2 m1 m2 m3 front"
TROUPE_STATE=$STATE/data
export TROUPE_STATE

# begin HOST: STATE/strike.HOST is where it may be told to strike itself (tests/strike).
begin()
{
	# shellcheck disable=SC2086
	TROUPE_STRIKE=$STATE/strike.$1 "$TROUPE" run "$CONFIG" --host "$1" --log text --set host.metrics=0 $SETS >>"$STATE/$1.log" 2>&1 &
	echo $! >"$STATE/pid.$1"
	host_pids_write
}

# world FIELD: of `troupe world status`, from whichever host knows.
world()
{
	for asked in data base; do
		"$TROUPE" world status --json --host $asked --timeout 5 2>/dev/null >"$STATE/world" && break
	done
	world_said "$1"
}

# world_said FIELD: the same, of what was read last. What belongs together is read at once: of two readings the first may be of
# the world before a loss.
world_said()
{
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p" "$STATE/world"
}

# goes_on OWNERS: the world runs, with so many owners, and its tick rises.
goes_on()
{
	tries=0
	until [ "$(world world)" = running ] && [ "$(world_said owners)" = "$1" ]; do
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

world_start()
{
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
}

# world_end: what its hosts have logged, and the plan.
world_end()
{
	if grep -hE 'error |panic|Sanitizer' "$STATE"/*.log | grep -vE 'host.lost|not ready|UNAVAILABLE' >"$STATE/errors"; then
		test_not_ok "no host logs an error" "$STATE/errors"
	else
		test_ok "no host logs an error"
	fi
	test_plan
}
