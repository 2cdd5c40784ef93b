#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/reference/metrics.md says what the sample game's host has registered; every metric has a good name and help.
# UPDATE=1 tests/e2e/metrics.sh writes the page anew.

: "${top_srcdir:=.}" "${TROUPE:=./troupe}"
page=$top_srcdir/docs/reference/metrics.md
state=$(mktemp -d)
host=

cleanup()
{
	if [ -n "$host" ]; then
		kill -9 "$host" 2>/dev/null
	fi
	rm -rf "$state"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

mkdir "$state/conf"
sed -e 's/"tcp:[^"]*"/"tcp:\/\/127.0.0.1:0"/' -e 's/metrics = [0-9]*/metrics = 0/' "$top_srcdir/conf/standalone.lua" \
	>"$state/conf/game.lua"
# scripts are looked for beside the configuration's folder
ln -s "$(cd "$top_srcdir" && pwd)/scripts" "$state/scripts"
"$TROUPE" run "$state/conf/game.lua" --state "$state" >"$state/log" 2>&1 &
host=$!
i=0
while [ $i -lt 100 ] && ! "$TROUPE" status --state "$state" 2>/dev/null | grep -q "^ready: yes"; do
	i=$((i + 1))
	sleep 0.1
done
"$TROUPE" metrics --page --state "$state" >"$state/page"
if [ -n "$UPDATE" ]; then
	cp "$state/page" "$page"
fi

echo 1..2
if cmp -s "$state/page" "$page"; then
	echo "ok 1 - docs/reference/metrics.md is current"
else
	echo "not ok 1 - docs/reference/metrics.md is current (UPDATE=1 tests/e2e/metrics.sh writes it)"
	diff "$page" "$state/page" | sed 's/^/# /'
fi
if grep -q "is not kept" "$state/log"; then
	echo "not ok 2 - every metric has a good name and help"
	grep "is not kept" "$state/log" | sed 's/^/# /'
else
	echo "ok 2 - every metric has a good name and help"
fi
"$TROUPE" stop --yes --state "$state" >/dev/null
wait "$host"
host=
