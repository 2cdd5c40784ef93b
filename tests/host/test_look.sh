#!/bin/sh
# SPDX-License-Identifier: MIT
# The commands that look at a configuration: ports, tree.

number=0
failed=0
# ok NAME EXPECTED-EXIT-CODE TEXT COMMAND...: runs it; its output must hold TEXT (an extended regular expression).
ok()
{
	name=$1 want=$2 text=$3
	shift 3
	number=$((number + 1))
	"$@" >out 2>&1
	got=$?
	if [ $got -eq "$want" ] && grep -qE -e "$text" out; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		echo "# exit code $got, wanted $want and: $text"
		sed 's/^/# /' out
	fi
}

# without NAME TEXT: the output of the last command does not hold it.
without()
{
	number=$((number + 1))
	if grep -qE -e "$2" out; then
		failed=1
		echo "not ok $number - $1"
		sed 's/^/# /' out
	else
		echo "ok $number - $1"
	fi
}

conf=$(cd "$top_srcdir/conf" && pwd)
cd "$TMPDIR" || exit 99
unset TROUPE_STATE

ok "ports: of players" 0 '^tcp://127.0.0.1:9322 +meadow/frontend.fe1 +players +this machine$' \
	"$TROUPE" ports "$conf/production.lua"
ok "ports: of the bus" 0 '^tcp://10.1.2.3:9500 +host data +other hosts +private network$' \
	"$TROUPE" ports "$conf/production.lua" --set host.address=10.1.2.3 --set host.key=
ok "ports: metrics" 0 '^tcp://127.0.0.1:9464 +host one +Prometheus' "$TROUPE" ports "$conf/standalone.lua"
ok "ports: --public" 0 '9340 +base/account +players' "$TROUPE" ports --public "$conf/standalone.lua"
without "ports: --public leaves out the others" 9464
ok "ports: of one host" 0 9323 "$TROUPE" ports "$conf/production.lua" --host front2
without "ports: not of another" 9322
ok "ports: as JSON" 0 '"port":9466,.*"host":"front","public":false,"for":"Prometheus","reach":"this machine"' \
	"$TROUPE" ports --json "$conf/test.lua"
printf 'echo {} host "a" { address = "8.8.8.8", bus = 9500 }' >public.lua
ok "ports: everybody" 0 '^tcp://8.8.8.8:9500 +host a +other hosts +everybody$' "$TROUPE" ports public.lua
ok "ports: and what is wrong with that" 0 C0214 "$TROUPE" ports public.lua
ok "ports: no file" 2 "which file" "$TROUPE" ports
ok "ports: wrong option" 2 "Did you mean '--public'" "$TROUPE" ports --pubic x.lua
ok "ports: bad configuration" 3 C0100 "$TROUPE" ports gone.lua

ok "tree: of a configuration" 0 '^  meadow/mechanics.m2 +world2$' "$TROUPE" tree "$conf/production.lua"
ok "tree: as JSON" 0 '"part":"shard:meadow","instances":.*"meadow/frontend.fe1","role":"frontend","host":"front",.*"state":null' \
	"$TROUPE" tree --json "$conf/test.lua"
printf 'echo {} echo "x" {} host "a" { run = "base/echo.x" }' >nowhere.lua
ok "tree: what runs nowhere" 0 '^  base/echo +\(none\)$' "$TROUPE" tree nowhere.lua
ok "tree: nothing runs" 4 "no host runs" "$TROUPE" tree --state "$TMPDIR/nothing"

echo "1..$number"
exit $failed
