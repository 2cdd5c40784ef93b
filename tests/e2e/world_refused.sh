#!/bin/sh
# SPDX-License-Identifier: MIT
# A world that is not what the configuration says, or is another shard's, is refused with the reason, and is as it was afterwards.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
mkdir "$STATE/conf"
sed -e '/^database "meadow"/d' -e 's/database = "meadow"/database = "base"/' \
	-e "s|\.\./scripts|$(cd "$top_srcdir" && pwd)/scripts|" "$CONFIG" >"$STATE/conf/one.lua"
sed -e 's/shards = {/& second = { comment = "x", limit = 5 },/' -e '/^host /i\
part "shard:second"\
itemstore { database = "base" }\
scheduler { database = "base" }\
mechanics { database = "base" }\
frontend { listen = "tcp://127.0.0.1:0" }' "$STATE/conf/one.lua" >"$STATE/conf/two.lua"
CONFIG=$STATE/conf/one.lua

# says PART TEXT: the world of this shard is refused, and its status says so, within 10 s.
says()
{
	tries=0
	until operator "$1" world status --json >"$STATE/world" 2>&1 && grep -q '"world":"refused"' "$STATE/world" &&
		grep -q "$2" "$STATE/world" || [ $tries -ge 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	[ $tries -lt 100 ]
}

# rises: its tick does.
rises()
{
	tries=0
	until [ "$(operator meadow world status --json | sed -n 's/.*"tick":\([0-9]*\).*/\1/p')" -gt "$1" ] || [ $tries -ge 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	[ $tries -lt 100 ]
}

host_start
rises 5
test_is $? "a world runs" "$HOST_LOG"
host_stop
for what in size=128 size=512 height=32 seed=5 map=flat region=32; do
	host_begin --set "meadow/scheduler.s1.$what"
	says meadow "has ${what%=*} = .* the configuration says"
	test_is $? "$what is refused" "$STATE/world"
	host_stop
done
host_start
rises 30
test_is $? "as it was it goes on" "$HOST_LOG"
host_stop

CONFIG=$STATE/conf/two.lua
host_begin --set base/account.limits.per_network=100
says second 'that of meadow/scheduler.s1: give each shard' || says meadow 'that of second/scheduler: give each shard'
test_is $? "a second shard in the same database is refused" "$STATE/world"
host_stop
test_is $? "the host stops when it is told to" "$HOST_LOG"
test_plan
