#!/bin/sh
# SPDX-License-Identifier: MIT
# A shard goes on without its base: base_loss.lua is what its players do. The hosts are started in any order; all that run
# something of the base are killed, and started again.
: "${TOPOLOGY:=production}"
. "${top_srcdir:-.}/tests/e2e/lib.sh"

# The hosts of this configuration that run nothing of a shard.
base_hosts()
{
	sed -n 's/^host "\([a-z0-9_]*\)".*run = { *"base\/.*/\1/p; s/^host "\([a-z0-9_]*\)".*run = "base\/.*/\1/p' "$CONFIG"
}

# A configuration's order of hosts, from its last to its first.
host_names()
{
	sed -n 's/^host "\([a-z0-9_]*\)".*/\1/p' "$CONFIG" | tac
}

wait_for()
{
	tries=0
	while [ ! -e "$STATE/story.$1" ] && [ $tries -lt 600 ] && kill -0 "$story_pid" 2>/dev/null; do
		tries=$((tries + 1))
		sleep 0.1
	done
}

host_start
test_is $? "the hosts start in any order" "$HOST_LOG"
client "$top_srcdir/tests/e2e/base_loss.lua" >"$STATE/out" 2>"$STATE/err" &
story_pid=$! helper_pids=$!
wait_for kill
# shellcheck disable=SC2046
echo "# the base:" $(base_hosts)
for name in $(base_hosts); do
	host_kill "$name" 2>/dev/null
done
: >"$STATE/story.did.kill"
wait_for start
for name in $(base_hosts); do
	host_again "$name"
done
host_wait
: >"$STATE/story.did.start"
wait $story_pid
code=$?
test_lines "$STATE/out"
test_is $code "the story came to its end" "$STATE/err"
test_clean "in the end"
host_stop
test_is $? "the hosts stop when they are told to" "$HOST_LOG"
test_plan
