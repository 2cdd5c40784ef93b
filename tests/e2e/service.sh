#!/bin/sh
# SPDX-License-Identifier: MIT
# The program under a service manager: what it tells, in which order, and that it falls silent when a role hangs.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

mkdir "$STATE/plugins" "$STATE/data"
ln -s "$TROUPE_PLUGINS"/echo.so "$TROUPE_FIXTURES"/misbehave.so "$STATE/plugins"
TROUPE_PLUGINS=$STATE/plugins
cat >"$STATE/game.lua" <<'END'
cluster "game" { drain = "2s" }
part "base"
echo {}
misbehave {}
host "one" { run = "*", loops = { { "base/misbehave" } } }
END
"$top_builddir/tests/support/notify_print" "$STATE/notify" >>"$STATE/told" &
helper_pids=$!

# told_within S PATTERN: it has been told, or is.
told_within()
{
	tries=$(($1 * 10))
	until grep -q "$2" "$STATE/told"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# told_only: the messages but for those of rounds, joined.
told_only()
{
	grep -v '^WATCHDOG=1$\|^EXTEND_TIMEOUT_USEC=\|^STATUS=' "$STATE/told" | sed 's/|.*//' | tr '\n' ' '
}

# service_begin: as systemd starts it, with a watchdog of a second.
service_begin()
{
	: >"$STATE/told"
	NOTIFY_SOCKET=$STATE/notify WATCHDOG_USEC=1000000 "$TROUPE" run "$STATE/game.lua" --state "$STATE/data" \
		--log text >>"$HOST_LOG" 2>&1 &
	host_own $!
}

until [ -S "$STATE/notify" ]; do
	sleep 0.1
done
service_begin
told_within 10 '^READY=1|STATUS=2 of 2 ready$'
test_is $? "it says when it is ready" "$STATE/told"
kill -HUP $host_pid
told_within 10 '^RELOADING=1|MONOTONIC_USEC=[0-9]*$' && told_within 10 '^READY=1$'
test_is $? "SIGHUP: it reloads, and is ready again" "$STATE/told"
operator reload >/dev/null
: >"$STATE/told"
operator reload >"$STATE/out" 2>&1 && told_within 10 '^READY=1$' && [ "$(told_only)" = "RELOADING=1 READY=1 " ]
test_is $? "so does troupe reload" "$STATE/told"
printf "misbehave {" >>"$STATE/game.lua"
: >"$STATE/told"
operator reload >"$STATE/out" 2>&1
told_within 10 '^READY=1$' && [ "$(told_only)" = "RELOADING=1 READY=1 " ]
test_is $? "a refused reload ends too" "$STATE/told"
sed -i '/^misbehave {$/d' "$STATE/game.lua"

: >"$STATE/told"
sleep 3
[ "$(grep -c '^WATCHDOG=1$' "$STATE/told")" -ge 4 ]
test_is $? "an idle host pings twice in a second" "$STATE/told"
operator misbehave hang --timeout 1 >"$STATE/out" 2>&1
: >"$STATE/told"
sleep 2
! grep -q '^WATCHDOG=1$' "$STATE/told"
test_is $? "a role that hangs ends the pings" "$STATE/told"
host_kill

service_begin
told_within 10 '^READY=1'
kill -TERM $host_pid
wait $host_pid
test_is $? "it stops when it is told to" "$HOST_LOG"
sleep 0.2
[ "$(told_only)" = "READY=1 STOPPING=1 " ]
test_is $? "ready, then stopping, and nothing after" "$STATE/told"
NOTIFY_SOCKET=/there/is/nobody "$TROUPE" run "$STATE/game.lua" --state "$STATE/data" --log text >"$STATE/out" 2>&1 &
host_own $!
tries=100
until grep -q 'instances are ready' "$STATE/out" || [ $tries -eq 0 ]; do
	tries=$((tries - 1))
	sleep 0.1
done
grep -q 'NOTIFY_SOCKET named: No such file' "$STATE/out"
test_is $? "without a manager at the socket it runs, and says so" "$STATE/out"
host_stop
test_plan
