#!/bin/sh
# SPDX-License-Identifier: MIT
# Commands that are reached by a noun, not by a role: over two hosts, of which one has the scheduler that works and the other
# the one that stands by.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

cat >"$STATE/game.lua" <<EOF
cluster "nouns" { sockets = "$STATE/s" }
database "base" { driver = "leveldb", path = "base" }
master { database = "base" }
part "shard:meadow"
database "meadow" { driver = "leveldb", path = "meadow" }
scheduler "s1" { database = "meadow" }
scheduler "s2" { database = "meadow" }
host "one" { run = { "base/*", "meadow/database.meadow", "meadow/scheduler.s1" } }
host "two" { run = "meadow/scheduler.s2" }
EOF
TROUPE_STATE=$STATE/data
export TROUPE_STATE

# says TEXT WORDS...: the command prints it
says()
{
	text=$1
	shift
	"$TROUPE" "$@" </dev/null >"$STATE/out" 2>&1
	grep -qF -e "$text" "$STATE/out"
}

# soon TEXT WORDS...: says it within a while
soon()
{
	tries=0
	until says "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

pids=
end()
{
	for pid in $pids; do
		kill "$pid" 2>/dev/null
		wait "$pid"
	done
}
trap end EXIT
says "and no host runs here" world status
test_is $? "without a host nobody knows the noun" "$STATE/out"
"$TROUPE" run "$STATE/game.lua" --host one --log text >"$STATE/one.log" 2>&1 &
pids=$!
soon "world: paused" world status
test_is $? "a noun reaches the scheduler" "$STATE/out"
"$TROUPE" run "$STATE/game.lua" --host two --log text >"$STATE/two.log" 2>&1 &
pids="$pids $!"
soon "world: standing by" meadow/scheduler.s2 world status --host two
test_is $? "an instance is named before the noun" "$STATE/out"
says "world: paused" world status
test_is $? "the one that works is taken before the one that stands by" "$STATE/out"
soon "world: paused" world status --host two
test_is $? "also from the host that has the other one" "$STATE/out"
says "world: paused" meadow world status
test_is $? "the part is named before the noun" "$STATE/out"
says "(-128, -128)" regions --host two
test_is $? "a noun stands alone" "$STATE/out"
says "entities, . none" world map --host two && says "?.?.?.?." world map
test_is $? "the world is drawn" "$STATE/out"
says "the world stands; \`troupe world status\` says why (world.paused): refused, nothing was done" world checkpoint
test_is $? "a refusal has words" "$STATE/out"
[ -w /dev/full ] && says "record: /dev/full: " record /dev/full
test_is $? "a recording that cannot be written names its file" "$STATE/out"
says "world pause [reason]" world --help && says "world pause [reason]" world --help --host two
test_is $? "help lists the verbs behind a noun" "$STATE/out"
says "no command of world 'stauts'. Did you mean 'status'?" world stauts
test_is $? "a verb that is nearly right" "$STATE/out"
says "Did you mean 'regions'?" regoins
test_is $? "a noun that is nearly right" "$STATE/out"
soon "paused" world pause testing --host two
test_is $? "a command that changes something goes over hosts" "$STATE/out"
grep -q 'via two: world pause testing: done' "$STATE/one.log"
test_is $? "and is audited where it is done" "$STATE/one.log"
end
pids=
test_plan
