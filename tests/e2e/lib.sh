# SPDX-License-Identifier: MIT
# For tests that run the built program as its users do; sourced, not run.
#
# The sample game runs on ports that the kernel chooses, with its data in a folder of its own:
#
#   host_start [--set ...]    starts it and waits until every instance is ready; again after host_kill
#   host_kill, host_stop      kill -9; as an operator would
#   operator WORDS...         `troupe WORDS` to that host
#   client SCRIPT [ARG]...    `troupe client`, a player who knows $PORT_FILE
#   test_ok NAME, test_not_ok NAME [FILE], test_is STATUS NAME [FILE], test_plan
#
# Whatever happens, the host is gone and the folder removed at the end.

: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${top_builddir:=$top_srcdir}" "${TROUPE:=$top_builddir/troupe}" "${TROUPE_PLUGINS:=$top_builddir/plugins/all}"
STATE=$(mktemp -d) || exit 99
PORT_FILE=$STATE/port CONFIG=$top_srcdir/conf/standalone.lua HOST_LOG=$STATE/host.log HOST_PID_FILE=$STATE/host.pid
export TROUPE TROUPE_PLUGINS STATE PORT_FILE HOST_PID_FILE top_srcdir
host_pid='' helper_pids='' test_count=0 test_failed=0

host_cleanup()
{
	for pid in $host_pid $helper_pids; do
		kill -9 "$pid" 2>/dev/null
	done
	if [ -n "$KEEP" ]; then
		echo "# everything is kept in $STATE"
	else
		rm -rf "$STATE"
	fi
}
trap host_cleanup EXIT
trap 'exit 1' HUP INT TERM

operator()
{
	"$TROUPE" "$@" --state "$STATE/data"
}

# host_begin only starts it.
host_begin()
{
	rm -f "$PORT_FILE"
	echo "--- start" >>"$HOST_LOG"
	host_from=$(wc -l <"$HOST_LOG")
	"$TROUPE" run "$CONFIG" --state "$STATE/data" --log text --set host.metrics=0 \
		--set base/account.listen=tcp://127.0.0.1:0 \
		--set meadow/frontend.fe1.listen=tcp://127.0.0.1:0 "$@" >>"$HOST_LOG" 2>&1 &
	host_pid=$!
	echo $host_pid >"$HOST_PID_FILE"
}

# host_wait waits until it says that it is ready, and notes the port of the account server.
host_wait()
{
	host_tries=0
	until operator status --json 2>/dev/null | grep -q '"ready":true' &&
		! operator status --json 2>/dev/null | grep -qE '"state":"(starting|waiting|degraded)"'; do
		host_tries=$((host_tries + 1))
		if [ $host_tries -gt 300 ] || ! kill -0 "$host_pid" 2>/dev/null; then
			echo "# the host did not become ready; the end of its log:"
			tail -n 20 "$HOST_LOG" | sed 's/^/# /'
			return 1
		fi
		sleep 0.1
	done
	tail -n +"$host_from" "$HOST_LOG" | sed -n 's/.*players log in at .*(port \([0-9]*\)).*/\1/p' >"$PORT_FILE.new"
	mv "$PORT_FILE.new" "$PORT_FILE"
}

host_start()
{
	host_begin "$@" && host_wait
}

host_kill()
{
	kill -9 "$host_pid"
	wait "$host_pid" 2>/dev/null
	host_pid=
}

# host_stop: the exit code is the host's own.
host_stop()
{
	operator stop --yes >/dev/null
	wait "$host_pid"
	host_code=$?
	host_pid=
	return $host_code
}

client()
{
	"$TROUPE" client --connect "127.0.0.1:$(cat "$PORT_FILE")" "$@"
}

test_ok()
{
	test_count=$((test_count + 1))
	echo "ok $test_count - $1"
}

test_not_ok()
{
	test_count=$((test_count + 1)) test_failed=1
	echo "not ok $test_count - $1"
	if [ -f "$2" ]; then
		sed 's/^/# /' "$2"
	fi
}

test_is()
{
	if [ "$1" -eq 0 ]; then
		test_ok "$2"
	else
		test_not_ok "$2" "$3"
	fi
}

# test_lines FILE: the lines "ok - ..." and "not ok - ..." of a script become results.
test_lines()
{
	while IFS= read -r line; do
		case $line in
		'ok - '*) test_ok "${line#ok - }" ;;
		'not ok - '*) test_not_ok "${line#not ok - }" ;;
		*) echo "# ${line#\# }" ;;
		esac
	done <"$1"
}

# test_clean WHAT: the services' own checks find nothing.
test_clean()
{
	for words in 'billing verify' 'mall audit' 'itemstore verify'; do
		# shellcheck disable=SC2086
		operator $words --json >"$STATE/audit" 2>&1 && grep -q '"ok":true' "$STATE/audit"
		test_is $? "$1: troupe $words" "$STATE/audit"
	done
}

test_plan()
{
	if [ $test_failed -ne 0 ] && [ -f "$HOST_LOG" ]; then
		echo "# the end of the host's log:"
		tail -n 40 "$HOST_LOG" | sed 's/^/# /'
	fi
	echo "1..$test_count"
	exit $test_failed
}
