#!/bin/sh
# SPDX-License-Identifier: MIT
# A running game under bad input of every kind: each is refused and counted, and a player beside it notices nothing.

: "${top_srcdir:=.}" "${top_builddir:=.}" "${TROUPE:=./troupe}"
here=$top_srcdir/tests/e2e
bad=$top_builddir/tests/e2e/bad_client
state=$(mktemp -d)
host=
good=
silent=5000
patience_ms=2000
if [ -z "${PLAIN-plain}" ]; then # built for a sanitizer: everything is slower
	silent=1000
	patience_ms=10000
fi
: >"$state/results"

cleanup()
{
	for pid in $host $good; do
		kill -9 "$pid" 2>/dev/null
	done
	rm -rf "$state"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# verdict STATUS NAME [TEXT...]: a result by an exit status
verdict()
{
	if [ "$1" -eq 0 ]; then
		echo "ok - $2" >>"$state/results"
	else
		echo "not ok - $2" >>"$state/results"
	fi
	shift 2
	if [ $# -gt 0 ]; then
		printf '%s\n' "$*" | sed 's/^/# /' >>"$state/results"
	fi
}

# storm NAME COMMAND...: a hostile client, which prints its own results, and how the player beside it fared
storm()
{
	name=$1
	shift
	timeout 120 "$@" >"$state/out" 2>&1
	status=$?
	if [ $status -eq 0 ] && ! grep -q '^ok\|^not ok' "$state/out"; then
		status=99
	fi
	sed '/^ok\|^not ok\|^#/!s/^/# /' "$state/out" >>"$state/results"
	if ! grep -q '^not ok' "$state/out"; then
		verdict $status "$name: came to its end"
	fi
	kill -0 "$good" 2>/dev/null && kill -0 "$host" 2>/dev/null
	verdict $? "$name: the host and the other player go on"
}

wait_for()
{
	i=0
	while [ $i -lt 300 ] && ! grep -q "$1" "$2"; do
		i=$((i + 1))
		sleep 0.1
	done
}

# counted METRIC: it is above 0
counted()
{
	value=$(awk -v name="$1" 'index($0, name) == 1 { print $NF; exit }' "$state/metrics")
	[ "${value:-0}" -gt 0 ]
	verdict $? "counted: $1" "${value:-absent}"
}

ulimit -n "$(ulimit -H -n)"
files=$(ulimit -n)
if [ "$files" != unlimited ] && [ "$files" -lt $((silent + 500)) ]; then
	silent=$((files > 700 ? files - 500 : 200))
	echo "# only $silent silent connections: the limit of open files is $files (ulimit -H -n)"
fi

# Cheap passwords, short patience, and a rate that lets a slow reader ask for much.
"$TROUPE" run "$top_srcdir/conf/standalone.lua" --state "$state/data" --set base/account.listen=tcp://127.0.0.1:0 \
	--set meadow/frontend.fe1.listen=tcp://127.0.0.1:0 --set host.metrics=0 \
	--set base/account.password.memory=8kb --set base/account.password.ops=1 \
	--set base/account.limits.idle=3s --set meadow/frontend.fe1.limits.ticket_timeout=3s \
	--set meadow/frontend.fe1.limits.rate=2000 >"$state/log" 2>&1 &
host=$!
: >"$state/log"
wait_for "instances are ready" "$state/log"
port=$(sed -n 's/.*players log in at .*(port \([0-9]*\)).*/\1/p' "$state/log")

player()
{
	"$TROUPE" client --connect "127.0.0.1:$port" "$@"
}

: >"$state/good"
player "$here/bad_input_good.lua" "$state/stop" >>"$state/good" 2>&1 &
good=$!
wait_for "^ready" "$state/good"
avatar=$(sed -n 's/^ready //p' "$state/good")
gate=$(player "$here/bad_input_evil.lua" ticket)
gate_port=${gate%%	*}

storm "bad wishes" "$TROUPE" client --connect "127.0.0.1:$port" "$here/bad_input_evil.lua" "$avatar"
storm "bad bytes to account" "$bad" talk account "$port"
storm "bad bytes to front-end" "$bad" talk frontend "$gate_port"
storm "deaf clients of account" "$bad" never_reads account "$port"
storm "deaf clients of front-end" "$bad" never_reads frontend "$gate_port"
storm "bad bytes from a player" "$bad" inside frontend "$gate_port" "${gate##*	}"
gate=$(player "$here/bad_input_evil.lua" ticket)
storm "a deaf player" "$bad" slow frontend "$gate_port" "${gate##*	}"
gate=$(player "$here/bad_input_evil.lua" ticket)
storm "a player who floods" "$bad" flood frontend "$gate_port" "${gate##*	}"
storm "silence at account" "$bad" silent account "$port" "$silent"
storm "silence at front-end" "$bad" silent frontend "$gate_port" "$silent"

"$TROUPE" metrics --state "$state/data" >"$state/metrics"
for reason in frame_too_long malformed wrong_state timeout; do
	counted "troupe_account_refused_total{part=\"base\",role=\"account\",instance=\"base/account\",reason=\"$reason\"}"
done
for limit in frame malformed wrong_state unknown_event flood ticket ticket_timeout; do
	counted "troupe_frontend_limits_total{part=\"shard:meadow\",role=\"frontend\",instance=\"meadow/frontend.fe1\",limit=\"$limit\"}"
done

: >"$state/stop"
wait "$good"
verdict $? "the player beside them got every answer" "$(cat "$state/good")"
good=
worst=$(sed -n 's/.* worst //p' "$state/good")
[ "${worst:-99999}" -lt $patience_ms ]
verdict $? "and waited less than $patience_ms ms for each" "${worst:-?} ms"
"$TROUPE" stop --yes --state "$state/data" >/dev/null
wait "$host"
verdict $? "the host stops as asked" "$(grep -E 'panic|Sanitizer|runtime error' "$state/log" | head -n 5)"
host=
awk '/^(not )?ok/ { sub(/ok -/, "ok " ++n " -") } { print } END { print "1.." n }' "$state/results"
