#!/bin/sh
# SPDX-License-Identifier: MIT
# The whole game as players meet it, from an empty folder over kill -9 to the next day; play.lua is what they do.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

play()
{
	client "$top_srcdir/tests/e2e/play.lua" "$1" >"$STATE/out" 2>"$STATE/err"
	code=$?
	test_lines "$STATE/out"
	test_is $code "play.lua $1 came to its end" "$STATE/err"
}

echo "# topology $TOPOLOGY"
# shellcheck disable=SC2046
host_start $(host_each mechanics save=1s)
test_is $? "the host starts from nothing" "$HOST_LOG"
play first
host_gone
test_is $? "the host was killed in the middle"
host_kill 2>/dev/null
# shellcheck disable=SC2046
host_start $(host_each mechanics save=1s)
test_is $? "the host starts again" "$HOST_LOG"
play again
test_clean "after kill -9"
host_stop
test_is $? "the host stops when it is told to" "$HOST_LOG"
! grep -E '(^| )(error|alert|critical)( |:)' "$HOST_LOG" >"$STATE/errors"
test_is $? "the log has no errors" "$STATE/errors"
test_plan
