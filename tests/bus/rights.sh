#!/bin/sh
# SPDX-License-Identifier: MIT
# A captured host asks for everything in everybody's name; rights.c says what it may get.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

CONFIG=$STATE/rights.lua
{
	echo 'cluster "rights" {}'
	echo 'part "base"'
	echo 'database "base" { driver = "leveldb", path = "base" }'
	echo 'database "rogue" { driver = "leveldb", path = "rogue" }'
	for name in true rogue; do
		echo "master \"$name\" { database = \"base\", shards = { meadow = { comment = \"\", limit = 500 } } }"
		echo "account \"$name\" { database = \"base\", listen = \"tcp://127.0.0.1:0\" }"
		echo "billing \"$name\" { database = \"base\", currencies = { gold = { title = \"Gold\" } } }"
		echo "mall \"$name\" { database = \"base\", offers = {} }"
		echo "echo \"$name\" {}"
	done
	echo 'part "shard:meadow"'
	echo 'database "meadow" { driver = "leveldb", path = "meadow" }'
	for name in true rogue; do
		echo "itemstore \"$name\" { database = \"meadow\" }"
		echo "scheduler \"$name\" { database = \"meadow\", scripts = \"$(cd "$top_srcdir" && pwd)/scripts/lua/meadow\" }"
		echo "mechanics \"$name\" { database = \"meadow\" }"
		echo "frontend \"$name\" { listen = \"tcp://127.0.0.1:0\" }"
	done
	echo 'host "victim" { run = { "base/database.base", "meadow/database.meadow", "*.true" } }'
	echo 'host "rogue" { run = { "base/database.rogue", "*.rogue" } }'
} >"$CONFIG"
"$TROUPE" run "$CONFIG" --host victim --state "$STATE/data" --log text >"$HOST_LOG" 2>&1 &
host_pid=$!
sleep 1
timeout 60 "$top_builddir/tests/bus/rights" "$CONFIG" "$STATE/data" >"$STATE/out" 2>&1
test_is $? "every role gets what it may of every method, and nothing more" "$STATE/out"
sed -n 's/^# \([0-9]* calls.*\)/# \1/p' "$STATE/out"
kill -0 $host_pid
test_is $? "the asked host lives on" "$HOST_LOG"
test_plan
