#!/bin/sh
# SPDX-License-Identifier: MIT
# Bots play the sample game: they walk, talk and shop at once, and nothing is refused that should not be.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

host_start --set base/account.password.memory=8kb --set base/account.password.ops=1
test_is $? "the game starts" "$HOST_LOG"
for script in walk chat shop; do
	"$TROUPE" bots --connect "127.0.0.1:$(cat "$PORT_FILE")" --count 12 --seconds 3 --json \
		--script "$top_srcdir/scripts/lua/bots/$script.lua" >"$STATE/bots" 2>"$STATE/bots.err"
	test_is $? "12 bots $script" "$STATE/bots.err"
	grep -q '"errors":0' "$STATE/bots" && ! grep -q '"errors":[1-9]' "$STATE/bots"
	test_is $? "without an error" "$STATE/bots"
done
test_clean "after the bots"
host_stop
test_is $? "the game stops" "$HOST_LOG"
test_plan
