#!/bin/sh
# SPDX-License-Identifier: MIT
# Six hosts log to two log servers, which come and go: every line is found once, whichever server is asked.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

mkdir "$STATE/plugins"
ln -s "$TROUPE_PLUGINS"/*.so "$TROUPE_FIXTURES"/talker.so "$STATE/plugins"
TROUPE_PLUGINS=$STATE/plugins
{
	echo 'cluster "logs" {} part "base"'
	for n in 1 2; do
		echo "database \"log$n\" { driver = \"leveldb\", path = \"log$n\" }"
		echo "logserver \"l$n\" { database = \"log$n\", quota = 0 }"
		echo "host \"logs$n\" { run = { \"base/database.log$n\", \"base/logserver.l$n\" } }"
	done
	for name in a b c d; do
		echo "talker \"$name\" {} host \"$name\" { run = \"base/talker.$name\" }"
	done
} >"$STATE/logs.lua"

# begin NAME: starts that host.
begin()
{
	"$TROUPE" run "$STATE/logs.lua" --host "$1" --state "$STATE/data" --log text >>"$HOST_LOG" 2>&1 &
	echo $! >"$STATE/pid.$1"
	host_pids_write
}

# end NAME: kill -9.
end()
{
	pid=$(host_pid_of "$1")
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	rm "$STATE/pid.$1"
	host_pids_write
}

# ready NAME: its own instances are, and it has found a log server.
ready()
{
	tries=0
	until operator status --host "$1" --json 2>/dev/null | grep -q '"ready":true'; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		sleep 0.05
	done
}

# say HOST LINES TEXT
say()
{
	operator "base/talker.$1" say "$2" "$3" --host "$1" >/dev/null
}

# log WORDS: asks host a.
log()
{
	operator log "$@" --host a 2>>"$STATE/err"
}

# counts QUERY WANTED: it is so many, soon, and stays so.
counts()
{
	tries=0
	until [ "$(log count "$1")" = "$2" ]; do
		tries=$((tries + 1))
		if [ $tries -gt 200 ]; then
			echo "# $1: $(log count "$1"), not $2"
			return 1
		fi
		sleep 0.1
	done
	sleep 0.5
	[ "$(log count "$1")" = "$2" ]
}

# holder HOST: the number of the log server that has its lines.
holder()
{
	log where "$1" --json | sed 's/.*"server":"base\/logserver.l\([12]\)".*/\1/'
}

for name in logs1 logs2 a b c d; do
	begin $name
done
for name in logs1 logs2 a b c d; do
	ready $name
done
test_is $? "six hosts start" "$HOST_LOG"
for name in a b c d; do
	say $name 10 hello
done
counts '(any_time) role = talker' 40
test_is $? "their lines are found" "$STATE/err"

# --- shared by hash ---
log status --json >"$STATE/status"
log where --json >"$STATE/where"
[ "$(grep -o '"host":"[a-d]"' "$STATE/where" | sort | uniq -c | awk '$1 == 1' | wc -l)" -eq 4 ] &&
	grep -q '"server":"base/logserver.l1","hosts":[1-9]' "$STATE/status" &&
	grep -q '"server":"base/logserver.l2","hosts":[1-9]' "$STATE/status"
test_is $? "each host is held by one server, and both servers hold some" "$STATE/where"
operator log count '(any_time) role = talker' --host logs2 2>/dev/null | grep -qx 40 &&
	operator log query '(any_time) role = talker and host = b' --host logs1 2>/dev/null >"$STATE/out" &&
	[ "$(wc -l <"$STATE/out")" -eq 10 ] && grep -q ' info    b base/talker.b: hello 10 trace=' "$STATE/out"
test_is $? "whichever host is asked" "$STATE/out"

# --- a log server that is away, and the host that logs killed in between ---
away=logs$(holder a)
end "$away"
log count '(any_time) role = talker' >/dev/null
[ $? -eq 7 ] && log count --json | grep -q "\"partial\":true,\"missing\":\\[\"base/logserver.l${away#logs}\"\\]" &&
	log query '(any_time) role = talker' --json | tail -1 | grep -q '"partial":true'
test_is $? "an answer that is not whole says so, and who is missing" "$STATE/err"
say a 500 first
sleep 0.3
end a
begin a
ready a
say a 500 second
begin "$away"
ready "$away"
counts '(any_time) role = talker and host = a' 1010
test_is $? "1000 lines meanwhile, and kill -9 of their host: exactly 1000 more" "$HOST_LOG"
[ "$(log query '(limit = 1000, any_time) host = a and text like "second "' | grep -c .)" -eq 500 ]
test_is $? "each of them once"
! ls "$STATE"/data/hosts/a/spool/*.log >"$STATE/out" 2>&1 || [ "$(cat "$STATE"/data/hosts/a/spool/*.log | wc -c)" -lt 200000 ]
test_is $? "what is safe leaves the spool" "$STATE/out"

# --- a log server killed while it takes lines ---
for round in 1 2 3; do
	say a 2000 "round $round" &
	sleep 0.0$round
	end "$away"
	wait $!
	sleep 1
	begin "$away"
	ready "$away"
done
counts '(any_time) host = a and text like "round "' 6000
test_is $? "a log server killed in the middle takes each line once" "$HOST_LOG"

# --- following ---
timeout 20 "$TROUPE" log tail --all 'role = talker' --lines 20 --state "$STATE/data" --host a >"$STATE/tail" 2>>"$STATE/err" &
helper_pids=$!
sleep 1.5
for name in a b c d; do
	say $name 5 follow
done
wait $helper_pids
helper_pids=
[ "$(grep -c 'base/talker.[a-d]: follow [1-5] trace=' "$STATE/tail")" -eq 20 ] && sort -c -k1,2 "$STATE/tail" 2>"$STATE/out"
test_is $? "tail shows what comes, in the order of time" "$STATE/tail"

# --- mistakes ---
operator log query 'levl = error' --host a >"$STATE/out" 2>&1
[ $? -eq 2 ] && grep -qx '  levl = error' "$STATE/out" && grep -qx '  ^' "$STATE/out" && grep -q "did you mean 'level'" "$STATE/out"
test_is $? "a wrong query is pointed at" "$STATE/out"
operator log where nobody --host a --json | grep -q '"hosts":\[\],"partial":false'
test_is $? "an unknown host is held by nobody"
test_plan
