#!/bin/sh
# SPDX-License-Identifier: MIT
# world_strikes.sh finds mistakes that are planted in mechanics and scheduler, each with a strike that makes it count. Takes a minute;
# make world-strikes-mutants runs it.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
number=0 failed=0

# finds MUTANT WHAT POINTS...
finds()
{
	number=$((number + 1))
	what=$2
	MUTANT=$1 POINTS=$3 sh "$top_srcdir/tests/e2e/world_strikes.sh" >"$work/out" 2>&1
	if grep -q '^ok 2 ' "$work/out" && grep -qE 'wrong: |DIFFERS' "$work/out"; then
		echo "ok $number - $what is found"
	else
		echo "not ok $number - $what is found"
		sed 's/^/# /' "$work/out"
		failed=1
	fi
}

echo 1..3
finds told_early "telling players before the journal is durable" "owner players.told 3 kill
owner players.told 3 kill"
finds head_first "a checkpoint that counts before its pages are there" "owner checkpoint.unwritten 1 kill checkpoint"
finds key_anew "a reward that is asked for again under another key" "items grant.written 1 stop"
exit $failed
