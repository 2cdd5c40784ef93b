#!/bin/sh
# SPDX-License-Identifier: MIT
# Calls between parts: led on by the host with a master, which says for whom it does so, and for nobody else.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

CONFIG=$STATE/forward.lua
cat >"$CONFIG" <<'LUA'
cluster "forward" {}
part "base"
database "base" { driver = "leveldb", path = "base" }
master { database = "base", shards = { meadow = { comment = "", limit = 500 } } }
echo "there" {}
part "shard:meadow"
echo "here" {}
echo "alone" {}
host "middle" { run = { "base/database", "base/master" } }
host "base" { run = { "base/echo.there" } }
host "shard" { run = { "meadow/echo.here" } }
host "other" { run = { "meadow/echo.alone" } }
LUA

ask()
{
	timeout 20 "$top_builddir/tests/bus/ask" "$CONFIG" "$STATE/data" "$@" >"$STATE/out" 2>&1
}

begin()
{
	"$TROUPE" run "$CONFIG" --host "$1" --state "$STATE/data" --log text >>"$HOST_LOG" 2>&1 &
	helper_pids="$helper_pids $!"
}

says()
{
	grep -qx "$1" "$STATE/out"
	test_is $? "$2" "$STATE/out"
}

begin middle
middle=$!
begin base
sleep 2
ask shard middle meadow/echo.here base/echo.there echo.say 1000
says '3 echo.text 1000' "a shard reaches the base through the host with a master"
sleep 1
operator links --host middle --json >"$STATE/links"
grep -q '"host":"shard"[^}]*"forwarded":1000' "$STATE/links"
test_is $? "which counts what it passed on" "$STATE/links"
ask shard middle base/echo.there base/master master.shards 10
says '7 host.not_allowed 10' "nobody speaks in the name of the base's roles from there"
ask shard middle meadow/echo.alone base/echo.there echo.say 10
says '7 host.not_allowed 10' "nor in the name of another host of the shard"
ask shard middle meadow/echo.here meadow/echo.alone echo.say 10
says '5 host.no_instance 10' "hosts of one part are not led to each other"
kill -9 $middle
sleep 3
operator status --host base --json >"$STATE/status"
grep -q '"state":"ready"' "$STATE/status"
test_is $? "without the master the others go on" "$STATE/status"
test_plan
