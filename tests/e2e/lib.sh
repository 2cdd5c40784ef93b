# SPDX-License-Identifier: MIT
# For tests that run the built program as its users do; sourced, not run.
#
# The sample game runs on ports that the kernel chooses, with its data in a folder of its own. TOPOLOGY says in how many
# processes: standalone (one, the default), test (three), production (one for each instance), machines (the same with an
# address of its own for each, so that they talk over TCP); a scenario is the same.
#
#   host_start [--set ...]    starts all hosts and waits until every instance is ready; again after host_kill
#   host_kill, host_stop      kill -9; as an operator would
#   host_kill NAME            only that host; host_again NAME starts it as it was, host_pid_of NAME is its process
#   host_each ROLE OPTION=V   the --set for each instance of that role in the shard
#   operator WORDS...         `troupe WORDS` to a host
#   client SCRIPT [ARG]...    `troupe client`, a player who knows $PORT_FILE
#   test_ok NAME, test_not_ok NAME [FILE], test_is STATUS NAME [FILE], test_plan
#
# Whatever happens, the hosts are gone and the folder removed at the end.

: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${top_builddir:=$top_srcdir}" "${TROUPE:=$top_builddir/troupe}" "${TROUPE_PLUGINS:=$top_builddir/plugins/all}"
STATE=$(mktemp -d) || exit 99
: "${TOPOLOGY:=standalone}"
PORT_FILE=$STATE/port CONFIG=$top_srcdir/conf/$(echo "$TOPOLOGY" | sed 's/^machines$/production/').lua HOST_LOG=$STATE/host.log HOST_PID_FILE=$STATE/host.pid
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

# host_names lists the hosts of the configuration.
host_names()
{
	sed -n 's/^host "\([a-z0-9_]*\)".*/\1/p' "$CONFIG"
}

host_pid_of()
{
	cat "$STATE/pid.$1"
}

# host_again NAME starts one host, with the options of host_begin.
host_again()
{
	# shellcheck disable=SC2086
	"$TROUPE" run "$CONFIG" --host "$1" --state "$STATE/data" --log text --set host.metrics=0 --set host.bus=$host_bus \
		--set base/account.listen=tcp://127.0.0.1:0 $host_sets >>"$HOST_LOG" 2>&1 &
	echo $! >"$STATE/pid.$1"
	host_pids_write
}

# host_own PID: the only host, which the test started itself.
host_own()
{
	echo "$1" >"$STATE/pid.one"
	host_pids_write
}

# host_pid is all processes that were started and not ended here.
host_pids_write()
{
	host_pid=$(cat "$STATE"/pid.* 2>/dev/null | paste -sd ' ')
	echo "$host_pid" >"$HOST_PID_FILE"
}

host_each()
{
	for name in $(sed -n "s/^$1 \"\([a-z0-9_]*\)\".*/\1/p" "$CONFIG"); do
		echo "--set meadow/$1.$name.$2"
	done
}

# host_begin only starts them. Options have no blanks.
host_begin()
{
	rm -f "$PORT_FILE"
	echo "--- start" >>"$HOST_LOG"
	host_from=$(wc -l <"$HOST_LOG")
	host_sets="$(host_each frontend listen=tcp://127.0.0.1:0) $*"
	host_bus=0
	if [ "$TOPOLOGY" = machines ]; then
		host_number=0 host_bus=$((20000 + $$ % 10000))
		for name in $(host_names); do
			host_number=$((host_number + 1))
			host_sets="--set host.$name.address=127.0.1.$host_number $host_sets"
		done
	fi
	for name in $(host_names); do
		host_again "$name"
	done
}

# host_all_well: every host says that it is ready, and finds the others; where one is missing, the rest only has to be there.
host_all_well()
{
	host_there=$(cat "$STATE"/pid.* | wc -l)
	[ "$(operator status --json 2>/dev/null | tee "$STATE/status" | grep -c '"ready":true')" -eq "$host_there" ] || return 1
	[ "$host_there" -eq "$(host_names | wc -l)" ] || return 0
	! grep -qE '"state":"(starting|waiting|degraded)"' "$STATE/status" || return 1
	[ "$host_there" -eq 1 ] || ! operator links --json 2>/dev/null | grep -qE '"state":"(away|silent)"'
}

# host_wait waits until they are well, and notes the port of the account server.
host_wait()
{
	host_tries=0
	until host_all_well; do
		host_tries=$((host_tries + 1))
		# shellcheck disable=SC2086
		if [ $host_tries -gt 300 ] || ! kill -0 $host_pid 2>/dev/null; then
			echo "# the hosts did not become ready; the end of their log:"
			tail -n 20 "$HOST_LOG" | sed 's/^/# /'
			return 1
		fi
		sleep 0.1
	done
	tail -n +"$host_from" "$HOST_LOG" | sed -n 's/.*players log in at .*(port \([0-9]*\)).*/\1/p' | tail -n 1 >"$PORT_FILE.new"
	mv "$PORT_FILE.new" "$PORT_FILE"
}

host_start()
{
	host_begin "$@" && host_wait
}

# host_gone: no process of it is left but zombies. One that was killed ends when its last write to the disk has.
host_gone()
{
	for pid in $host_pid; do
		host_tries=0
		until ! kill -0 "$pid" 2>/dev/null || grep -q "^State:.*Z" "/proc/$pid/status" 2>/dev/null; do
			host_tries=$((host_tries + 1))
			[ $host_tries -lt 50 ] || return 1
			sleep 0.1
		done
	done
}

# host_kill [NAME]: all of them without a name.
host_kill()
{
	for name in ${1:-$(host_names)}; do
		pid=$(host_pid_of "$name")
		kill -9 "$pid"
		wait "$pid" 2>/dev/null
		rm -f "$STATE/pid.$name"
	done
	host_pids_write
}

# host_stop, the last one first: the exit code is the hosts' own, the worst.
host_stop()
{
	host_code=0
	for name in $(host_names | tac); do
		pid=$(host_pid_of "$name")
		operator stop --yes --host "$name" >/dev/null
		wait "$pid" || host_code=$?
		rm -f "$STATE/pid.$name"
	done
	host_pids_write
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
