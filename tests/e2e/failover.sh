#!/bin/sh
# SPDX-License-Identifier: MIT
# Processes are lost one after another while ten players are in: failover.lua is what they do and see. It asks for what
# only a shell can do in files: do.N holds `kill HOST`, `start HOST`, `sleep HOST` (SIGSTOP), `wake HOST` or
# `drain HOST INSTANCE`; did.N answers.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
CONFIG=$top_srcdir/tests/e2e/failover_config.lua
HOSTS="base ma mb items s1 s2 m1 m2 fe1 fe2"
TROUPE_STATE=$STATE/data
export TROUPE_STATE

# begin HOST
begin()
{
	"$TROUPE" run "$CONFIG" --host "$1" --log text --set host.metrics=0 >>"$STATE/$1.log" 2>&1 &
	echo $! >"$STATE/$1.pid"
	helper_pids="$helper_pids $!"
}

# well HOST: waits until all it runs is ready.
well()
{
	tries=0
	until "$TROUPE" status --json --host "$1" 2>/dev/null | grep -q '"ready":true'; do
		tries=$((tries + 1))
		if [ $tries -gt 200 ]; then
			return 1
		fi
		sleep 0.1
	done
}

signal()
{
	kill "$1" "$(cat "$STATE/$2.pid")"
}

# obey FILE: does what it says.
obey()
{
	read -r what host instance <"$1"
	case $what in
	kill) signal -KILL "$host" && wait "$(cat "$STATE/$host.pid")" 2>/dev/null ;;
	start) begin "$host" && well "$host" ;;
	sleep) signal -STOP "$host" ;;
	wake) signal -CONT "$host" ;;
	drain) operator drain "$instance" --yes --host "$host" >>"$STATE/drains" 2>&1 ;;
	esac
}

for host in $HOSTS; do
	begin "$host"
done
for host in $HOSTS; do
	well "$host" || test_not_ok "host $host is ready" "$STATE/$host.log"
done
sed -n 's/.*players log in at .*(port \([0-9]*\)).*/\1/p' "$STATE/base.log" >"$PORT_FILE"
client "$top_srcdir/tests/e2e/failover.lua" >"$STATE/out" 2>"$STATE/err" &
player=$!
helper_pids="$helper_pids $player"
n=1
while kill -0 $player 2>/dev/null; do
	if [ -f "$STATE/do.$n" ]; then
		obey "$STATE/do.$n"
		: >"$STATE/did.$n"
		n=$((n + 1))
	fi
	sleep 0.02
done
wait $player
code=$?
test_lines "$STATE/out"
test_is $code "failover.lua came to its end" "$STATE/err"
test_clean "after all that"
if [ $test_failed -ne 0 ]; then
	for host in $HOSTS; do
		echo "# the end of the log of $host:"
		tail -n 15 "$STATE/$host.log" | sed 's/^/# /'
	done
	HOST_LOG=
fi
test_plan
