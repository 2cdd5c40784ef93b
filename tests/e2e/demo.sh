#!/bin/sh
# SPDX-License-Identifier: MIT
# troupe demo: what it prints can be typed.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
if [ ! -e "$(dirname "$TROUPE")/conf/standalone.lua" ]; then
	echo "1..0 # SKIP what it runs is neither beside the program nor installed"
	exit 0
fi

"$TROUPE" demo --state "$STATE/data" --set host.metrics=0 --set base/account.listen=tcp://127.0.0.1:0 \
	--set meadow/frontend.fe1.listen=tcp://127.0.0.1:0 >"$STATE/said" 2>"$HOST_LOG" &
host_pid=$!
tries=200
until grep -q '^stop:' "$STATE/said" || [ $tries -eq 0 ]; do
	tries=$((tries - 1))
	sleep 0.1
done
[ "$(wc -l <"$STATE/said")" -eq 5 ] && ! grep -q ':0' "$STATE/said"
test_is $? "it says in five lines where it listens" "$STATE/said"
# as a terminal would run them
sed -n 's/^play:.* type: //p' "$STATE/said" >"$STATE/play.sh"
printf 'play ann a-long-password Ann\n' | sh "$STATE/play.sh" >"$STATE/out" 2>&1
grep -q 'you are Ann' "$STATE/out"
test_is $? "the line about playing plays" "$STATE/out"
printf 'play bob a-long-password Bob\n' | sh -c "$(cat "$STATE/play.sh") --trace" >"$STATE/out" 2>&1
# the names in the innermost braces of each line
grep -o '{[^{}]*}' "$STATE/out" | tr -d '{}' | awk '{ last = ""
	for (i = 1; i <= NF; i++) if (split($i, pair, "=") == 2) { if (pair[1] < last) { print; bad = 1 } last = pair[1]; n++ } }
	END { exit bad || n < 20 }' >"$STATE/unsorted"
test_is $? "a trace shows fields in one order" "$STATE/unsorted"
grep -q 'password=\*\*\*' "$STATE/out" && ! grep -q a-long-password "$STATE/out"
test_is $? "and no passwords" "$STATE/out"
sed -n 's/^look: *//p' "$STATE/said" >"$STATE/look.sh"
sh "$STATE/look.sh" >"$STATE/out" 2>&1 && grep -q '^ready: yes' "$STATE/out"
test_is $? "the line about looking looks" "$STATE/out"
kill -INT $host_pid
wait $host_pid
test_is $? "Ctrl-C stops it" "$HOST_LOG"
host_pid=
test_plan
