#!/bin/sh
# SPDX-License-Identifier: MIT
# Operator commands against a real host: answers, tables, exit codes, the lock of the state folder, metrics.

echo 1..16
n=0
state=$(mktemp -d)
TROUPE_STATE=$state
export TROUPE_STATE
host=

cleanup()
{
	if [ -n "$host" ]; then
		kill -9 "$host" 2>/dev/null
	fi
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
	n=$((n + 1))
	"$TROUPE" "$@" </dev/null >"$state/out" 2>"$state/err"
	got=$?
	file=out
	if [ "$wanted" -ne 0 ]; then
		file=err
	fi
	if [ $got -eq "$wanted" ] && grep -q -e "$pattern" "$state/$file"; then
		echo "ok $n - $*"
	else
		echo "not ok $n - $*"
		sed "s/^/# exit $got: /" "$state/out" "$state/err"
	fi
}

cat >"$state/game.lua" <<EOF
part "base"
echo {}
host "one" { run = "*" }
EOF

expect 4 "no host runs with the state folder" status
expect 4 "no host runs with the state folder" echo count
expect 2 "no command 'stauts'. Did you mean 'status'?" stauts

"$TROUPE" run "$state/game.lua" >"$state/log" 2>&1 &
host=$!
i=0
while [ $i -lt 100 ] && ! "$TROUPE" status 2>/dev/null | grep -q "^ready: yes"; do
	i=$((i + 1))
	sleep 0.1
done

expect 0 "^base  base/echo  ready " status
expect 0 '"instance":"base/echo","state":"ready"' status --json
expect 0 "^count: 0" echo count
expect 0 "^echo count  How many" help echo
expect 2 "no command of echo 'cuont'. Did you mean 'count'?" echo cuont
expect 2 "no command or role 'ehco'. Did you mean 'echo'?" ehco count
expect 2 "Did you mean 'base/echo'?" drain base/ehco --yes
expect 2 "add --yes" stop
expect 1 "the host with pid $host runs with it" run "$state/game.lua"
expect 0 '^troupe_instance_ready{part="base",role="echo",instance="base/echo"} 1' metrics
sed -i 's/^echo .*/echo { gretting = "x" }/' "$state/game.lua"
expect 3 "C0103.*gretting.*nothing was changed" reload
sed -i 's/^echo .*/echo { greeting = "hello " }/' "$state/game.lua"
expect 0 "^base/echo  changed  *greeting" reload
expect 0 "^stopped" stop --yes
wait "$host"
host=
