#!/bin/sh
# SPDX-License-Identifier: MIT
# Isolated instances: one that crashes, hangs or leaks comes back, and nothing else notices; nobody outlives the host.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

mkdir "$STATE/plugins" "$STATE/data"
ln -s "$TROUPE_PLUGINS"/echo.so "$TROUPE_FIXTURES"/misbehave.so "$STATE/plugins"
TROUPE_PLUGINS=$STATE/plugins
bound='memory = "128mb"'
[ -n "$PLAIN" ] || bound= # sanitizers take terabytes
cat >"$STATE/game.lua" <<END
cluster "game" { drain = "5s" }
part "base"
echo {}
misbehave "a" { isolate = true }
misbehave "b" { isolate = true, $bound }
host "one" { run = "*", metrics = 0 }
END

# inside NAME VERB: a command to an isolated instance
inside()
{
	operator "base/misbehave.$1" "$2" --timeout 2
}

# process NAME: its id, as its own control socket says
process()
{
	"$TROUPE" status --state "$STATE/data/isolated/base/misbehave.$1" 2>/dev/null | sed -n 's/^pid: //p'
}

restarts()
{
	operator metrics | sed -n "s/^troupe_child_restarts_total{instance=\"base.misbehave.$1\"} //p"
}

# until_true S COMMAND...
until_true()
{
	tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# is NAME STATE N: it is in this state after N restarts
is()
{
	operator status | grep -q "base/misbehave.$1  *$2 " && [ "$(restarts "$1")" = "$3" ]
}

alive()
{
	operator echo count --timeout 2
}

begin()
{
	"$TROUPE" run "$STATE/game.lua" --state "$STATE/data" --log text >>"$HOST_LOG" 2>&1 &
	host_own $!
	until_true 10 grep -q '3 of 3 instances are ready' "$HOST_LOG"
}

begin
test_is $? "the host is ready when its isolated instances are" "$HOST_LOG"
a=$(process a) b=$(process b)
[ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$b" ] && [ "$a" != "$host_pid" ]
test_is $? "each runs in a process of its own"

inside a crash >"$STATE/out" 2>&1
until_true 5 is a ready 1 && [ "$(process a)" != "$a" ]
test_is $? "one that crashes is started again" "$HOST_LOG"
alive >"$STATE/out" 2>&1 && [ "$(process b)" = "$b" ] && is b ready 0
test_is $? "and nothing else notices" "$STATE/out"
grep -q 'base/misbehave.a: its process was killed by signal 6 (Aborted); restart 1 in 100 ms' "$HOST_LOG"
test_is $? "the log says what happened" "$HOST_LOG"
grep -q 'host "one~base/misbehave.a" is lost: its process has died' "$HOST_LOG"
test_is $? "nor does anybody wait for the link to fall silent" "$HOST_LOG"
# A loop of crashes: each time the pause is twice as long.
until_true 5 inside a ping
inside a crash >"$STATE/out" 2>&1
until_true 5 inside a ping
inside a crash >"$STATE/out" 2>&1
until_true 5 grep -q 'restart 3 in 400 ms' "$HOST_LOG" && grep -q 'restart 2 in 200 ms' "$HOST_LOG"
test_is $? "who crashes again and again waits longer each time" "$HOST_LOG"
operator status | grep -q 'base/misbehave.a  *degraded .*restart 3 in 400 ms'
test_is $? "and troupe status shows it"

if [ -n "$PLAIN" ]; then
	# takes memory until there is none
	tries=0
	while [ $tries -lt 40 ] && [ "$(process b)" = "$b" ]; do
		tries=$((tries + 1))
		inside b leak >"$STATE/out" 2>&1
	done
	[ $tries -lt 20 ] && until_true 5 is b ready 1
	test_is $? "one that leaks ends at its bound of memory and comes back" "$HOST_LOG"
fi
until_true 5 inside b ping
b=$(process b) before=$(restarts b)
inside b hang >"$STATE/out" 2>&1
until_true 15 is b ready $((before + 1)) && grep -q 'misbehave.b: its process said nothing for 10000 ms and was killed' "$HOST_LOG"
test_is $? "one that hangs is killed and comes back" "$HOST_LOG"
alive >"$STATE/out" 2>&1
test_is $? "and nothing else notices" "$STATE/out"

: >"$HOST_LOG"
kill -HUP "$host_pid"
until_true 5 [ "$(grep -c ' config: reloaded' "$HOST_LOG")" = 3 ] || sleep 1
[ "$(grep -c ' config: reloaded' "$HOST_LOG")" = 3 ]
test_is $? "a reload reaches everybody" "$HOST_LOG"
a=$(process a) b=$(process b)
host_stop
test_is $? "the host stops" "$HOST_LOG"
! kill -0 "$a" 2>/dev/null && ! kill -0 "$b" 2>/dev/null
test_is $? "and its isolated instances with it" "$HOST_LOG"
[ "$(grep -c 'core: draining' "$HOST_LOG")" = 3 ] && ! grep -q 'error\|killed' "$HOST_LOG"
test_is $? "in order" "$HOST_LOG"

: >"$HOST_LOG"
begin
a=$(process a) b=$(process b)
host_kill
# shellcheck disable=SC2317
gone()
{
	! kill -0 "$a" 2>/dev/null && ! kill -0 "$b" 2>/dev/null
}
until_true 5 gone
test_is $? "nor do they outlive a host that is killed"
: >"$HOST_LOG"
begin
test_is $? "which starts again as if nothing had been" "$HOST_LOG"
operator stop --now --yes >"$STATE/out" 2>&1
wait "$host_pid"
host_pid=
until_true 5 gone
test_is $? "stop --now ends all" "$HOST_LOG"
test_plan
