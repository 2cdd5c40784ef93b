#!/bin/sh
# SPDX-License-Identifier: MIT
# `troupe bench commit`: a row for each mode, scale and number of owners, a recommendation, and wrong usage.

number=0
# ok NAME EXPECTED-EXIT-CODE TEXT LINES COMMAND...: its output must hold TEXT (an extended regular expression), LINES times.
ok()
{
	name=$1 want=$2 text=$3 lines=$4
	shift 4
	number=$((number + 1))
	"$@" >out 2>&1
	got=$?
	found=$(grep -cE -e "$text" out)
	if [ $got -eq "$want" ] && [ "$found" -eq "$lines" ]; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		echo "# exit code $got, wanted $want and $lines times: $text"
		sed 's/^/# /' out
	fi
}

troupe=$(pwd)/troupe
cd "$TMPDIR" || exit 99
echo 1..7
ok "both modes at one and two owners" 0 '^\| small \| [12] \| (queue|lock) \|( [0-9]+( \([0-9]+\))? \|){5}$' 4 \
	"$troupe" bench commit --scale small --owners 1,2 --seconds 0.01
ok "with a recommendation" 0 '^recommended: commit = "(queue|lock)"' 1 \
	"$troupe" bench commit --scale small --owners 1 --seconds 0.01
ok "one mode alone has nothing to recommend" 0 '^recommended' 0 \
	"$troupe" bench commit --mode lock --scale small --owners 2 --seconds 0.01
ok "a mode that is none shows the usage" 2 '^usage: troupe bench commit' 1 "$troupe" bench commit --mode magic
ok "a time that is none is named" 2 "seconds takes a number up to 3600, not .soon" 1 "$troupe" bench commit --seconds soon
ok "a hop that is none is named" 2 "hop takes a number from 0 to 1000000, not .-1" 1 "$troupe" bench commit --hop -1
ok "a wrong option is named" 2 "Did you mean '--scale'" 1 "$troupe" bench commit --scal small
