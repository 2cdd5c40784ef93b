#!/bin/sh
# SPDX-License-Identifier: MIT
# The tests of the game that ships, as its readers run them.
troupe=$(pwd)/troupe
cd "$top_srcdir" || exit 99
echo 1..1
if "$troupe" script test >"$TMPDIR/out" 2>&1; then
	echo "ok 1 - $(tail -n 1 "$TMPDIR/out")"
else
	echo "not ok 1 - troupe script test"
	sed 's/^/# /' "$TMPDIR/out"
fi
