#!/bin/sh
# SPDX-License-Identifier: MIT
# The rules are read again many times, one after another, while bots walk about; every tenth time a file has a mistake. The world
# keeps its inhabitants and its beat, the process its size, and no bot notices.
#
#   BOTS=20      how many walk
#   RELOADS=100  how often the rules are read; 200 and 1000 are for a long look
. "${top_srcdir:-.}/tests/e2e/lib.sh"
: "${BOTS:=20}" "${RELOADS:=100}"
tenth=$((RELOADS / 10))
mkdir "$STATE/conf" "$STATE/rules"
# Each generation is kept in the database and told to the log: with small buffers of stores those do not count as memory of
# reloads.
sed 's/driver = "leveldb"/&, write_buffer = "64kb", cache = "64kb"/' "$CONFIG" >"$STATE/conf/game.lua"
cp "$top_srcdir"/scripts/lua/meadow/*.lua "$STATE/rules/"
chmod u+w "$STATE"/rules/*.lua
CONFIG=$STATE/conf/game.lua

# rule NAME TEXT puts a file of rules there at once.
rule()
{
	printf '%s\n' "$2" >"$STATE/$1.new"
	mv "$STATE/$1.new" "$STATE/rules/$1.lua"
}

# world FIELD: of `troupe world status`.
world()
{
	operator world status --json >"$STATE/world" 2>&1
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p" "$STATE/world"
}

# kinds: how many there are of each. Shades come and go with the night.
kinds()
{
	operator mechanics entities '' 1000 --json | grep -o '"kind":"[^"]*"' | grep -v '"shade"' | sort | uniq -c
}

memory()
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(host_pid_of one)/status"
}

milliseconds()
{
	echo $(($(date +%s%N) / 1000000))
}

# again: one after another. One that began because the folder changed has its turn first.
again()
{
	until operator script reload --json >"$STATE/reload" 2>&1; do
		grep -q '(world.reloading)' "$STATE/reload" || return 1
		sleep 0.02
	done
}

# reload N: with a rule of its own, or with a mistake, which has to be refused. What was not as it has to be is written down.
reload()
{
	if [ $(($1 % 10)) -eq 0 ]; then
		rule storm 'local g = require "game"
g.action "storm" = {}'
		! again && grep -q '(world.reload_refused)' "$STATE/reload" &&
			[ "$(world generation)" = "$generation" ]
	else
		rule storm "local g = require \"game\"
g.action \"storm\" { run = function(self) return \"version $1\" end }"
		again && before=$generation generation=$(world generation) &&
			[ "$generation" -gt "$before" ]
	fi || echo "reload $1: $(cat "$STATE/reload")" >>"$STATE/wrong"
}

# shellcheck disable=SC2046
host_start $(host_each scheduler scripts="$STATE/rules") --set base/account.password.memory=8kb \
	--set base/account.password.ops=1 --set base/account.limits.per_network=1000 $(host_each frontend limits.per_network=1000)
test_is $? "the game starts" "$HOST_LOG"
"$TROUPE" bots --connect "127.0.0.1:$(cat "$PORT_FILE")" --count "$BOTS" --ramp 3 --seconds 100000 --json \
	--script "$top_srcdir/scripts/lua/bots/walk.lua" >"$STATE/bots" 2>"$STATE/bots.err" &
bots_pid=$! helper_pids="$helper_pids $!" tries=0
until [ "$(world avatars)" = "$BOTS" ] || [ $tries -ge 300 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
[ "$(world avatars)" = "$BOTS" ]
test_is $? "$BOTS bots walk" "$STATE/bots.err"
sleep 2
kinds >"$STATE/kinds"
grep -q '"slime"' "$STATE/kinds" && grep -q '"rabbit"' "$STATE/kinds"
test_is $? "among those who live there" "$STATE/kinds"

generation=$(world generation) late_from=$(world late) tick_from=$(world tick) began=$(milliseconds) n=0
: >"$STATE/wrong"
while [ $n -lt "$RELOADS" ]; do
	n=$((n + 1))
	reload $n
	[ $((n % tenth)) -ne 0 ] || memory >>"$STATE/memory"
done
span=$(($(milliseconds) - began)) late=$(($(world late) - late_from)) ticks=$(($(world tick) - tick_from))
[ ! -s "$STATE/wrong" ]
test_is $? "$RELOADS reloads: what is right is in force, what is wrong is refused" "$STATE/wrong"
echo "# $RELOADS reloads in $span ms, $ticks ticks, $late late; stages p99 $(world tick_p99_ms) ms"
memory_first=$(head -n 1 "$STATE/memory") memory_last=$(tail -n 1 "$STATE/memory")
echo "# memory in KiB after each tenth: $(paste -sd ' ' "$STATE/memory")"
# What the allocator and the stores' tables take until they level off is up to 4 MiB in so small a process. A generation
# that stays behind is more than 100 KiB.
allowed=$((memory_first * 15 / 100))
[ $allowed -ge 4096 ] || allowed=4096
[ "$memory_first" -gt 0 ] && [ "$memory_last" -le $((memory_first + allowed)) ]
test_is $? "the memory grows by 15 % or 4 MiB at most"

rm -f "$STATE/rules/storm.lua"
tries=0
until kinds >"$STATE/kinds.after" && cmp -s "$STATE/kinds" "$STATE/kinds.after" || [ $tries -ge 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
diff "$STATE/kinds" "$STATE/kinds.after" >"$STATE/kinds.diff"
test_is $? "there are as many of each kind as before" "$STATE/kinds.diff"

# The same span in peace. A beat that is lost to the machine's other work is lost with or without reloads.
late_from=$(world late) tick_from=$(world tick)
sleep "$((span / 1000)).$(printf %03d $((span % 1000)))"
peace=$(($(world late) - late_from))
echo "# as long without: $(($(world tick) - tick_from)) ticks, $peace late"
[ "$late" -le $((peace * 2 + ticks / 50)) ]
test_is $? "ticks are not late because of reloads"
# What they count themselves: "20 bots  842 done  0 errors".
tr '\r' '\n' <"$STATE/bots.err" | grep -o '[0-9]* bots .*[0-9]* errors' | tail -n 1 >"$STATE/bots.last"
kill -0 $bots_pid && [ "$(world avatars)" = "$BOTS" ] && grep -q "^$BOTS bots .* 0 errors" "$STATE/bots.last"
test_is $? "all bots still walk, and none failed" "$STATE/bots.err"
host_stop
test_is $? "the host stops when it is told to" "$HOST_LOG"
test_plan
