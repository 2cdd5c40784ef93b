#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every fuzz target over its seeds.

number=0
failed=0
for source in "$top_srcdir"/tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	[ "$name" = fuzz_main ] && continue
	number=$((number + 1))
	if "$top_builddir/tests/fuzz/$name" "$top_srcdir/tests/fuzz/seeds/${name#fuzz_}"/* >"$TMPDIR/out" 2>&1; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		tail -n 40 "$TMPDIR/out" | sed 's/^/# /'
	fi
done
echo "1..$number"
exit $failed
