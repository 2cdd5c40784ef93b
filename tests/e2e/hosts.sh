#!/bin/sh
# SPDX-License-Identifier: MIT
# Several hosts of one configuration on one machine: how operators reach the right one.

echo 1..25
n=0
state=$(mktemp -d)
TROUPE_STATE=$state/data
export TROUPE_STATE
pids=

cleanup()
{
	for pid in $pids; do
		kill -9 "$pid" 2>/dev/null
	done
	rm -rf "$state"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# expect EXIT PATTERN WORDS...: the command ends with EXIT and prints PATTERN, on standard output if EXIT is 0, else on the
# other one
expect()
{
	wanted=$1 pattern=$2
	shift 2
	"$TROUPE" "$@" </dev/null >"$state/out" 2>"$state/err"
	got=$?
	file=out
	if [ "$wanted" -ne 0 ]; then
		file=err
	fi
	[ $got -eq "$wanted" ] && grep -q -e "$pattern" "$state/$file"
	is $? "$*" "exit $got"
}

is()
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed "s/^/# ${3:-}: /" "$state/out" "$state/err"
	fi
}

cat >"$state/game.lua" <<EOF
cluster "c" { sockets = "$state/s" }
echo {}
echo "x" {}
part "shard:m"
echo "y" {}
echo "z" {}
host "a" { run = { "base/*" } }
host "b" { run = { "m/*" } }
EOF

# start HOST
start()
{
	"$TROUPE" run "$state/game.lua" --host "$1" >>"$state/log" 2>&1 &
	pids="$pids $!"
	i=0
	while [ $i -lt 100 ] && ! "$TROUPE" status --host "$1" 2>/dev/null | grep -q "^ready: yes"; do
		i=$((i + 1))
		sleep 0.1
	done
}

expect 3 "hosts: a, b" run "$state/game.lua"
expect 3 "C0200.*\"c\"" run "$state/game.lua" --host c
expect 4 "no host runs with the state folder" status
start a
expect 0 "^host: a" status
expect 0 "^base  base/echo.x" status --host a
expect 4 "no host b runs.*there run: a" status --host b
start b
pid=${pids##* }
i=0
while [ $i -lt 100 ] && "$TROUPE" links | grep -q -e away -e silent; do
	i=$((i + 1))
	sleep 0.1
done
expect 0 "^host: b" status
grep -q '^host: a' "$state/out"
is $? "it shows both"
expect 0 '"host":"b"' status --json --host b
expect 2 "several hosts run here: a, b; say which one with --host NAME" stop --yes
expect 0 "^  m/echo.y    *b  ready$" tree
expect 0 '"host":"a","address":"127.0.0.1","running_here":true.*"instance":"m/echo.y",.*"state":"ready"' tree --json
expect 0 "^shard:m  *m/echo.y  *b  *away" status --host a
expect 0 "^count: 0" m/echo.y count
expect 0 "^count: 0" base/echo.x count
expect 2 "it runs in several processes: a, b" echo count
expect 2 "echo runs 4 times: m/echo.y" echo count --host b
expect 2 "no command or role 'ehco'. Did you mean 'echo'?" ehco count
expect 0 "^\"*drained" drain m/echo.y --yes
expect 1 "the host with pid $pid runs with it" run "$state/game.lua" --host b
expect 0 'instance="m/echo.z"' metrics --host b
[ "$(stat -c %a "$state/data" "$state/s" "$state/data/hosts/b" | sort -u)" = 700 ]
is $? "its folders are its user's alone"
expect 0 "^\"*stopped" stop --yes --host b
wait "$pid"
expect 0 "^  m/echo.y    *b  away$" tree "$state/game.lua"
expect 0 "^\"*stopped" stop --yes
