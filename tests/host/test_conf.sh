#!/bin/sh
# SPDX-License-Identifier: MIT
# Every configuration that ships is good, and each role's plugin is in the one that shows the whole game.

number=0
failed=0
for file in "$top_srcdir"/conf/*.lua; do
	number=$((number + 1))
	if output=$("$TROUPE" check "$file" --offline --state "$TMPDIR/state" 2>&1); then
		echo "ok $number - conf/$(basename "$file")"
	else
		failed=1
		echo "not ok $number - conf/$(basename "$file")"
		printf '%s\n' "$output" | sed 's/^/# /'
	fi
done
effective=$("$TROUPE" check "$top_srcdir/conf/standalone.lua" --offline --show-effective)
for module in "$TROUPE_PLUGINS"/*.so; do
	name=$(basename "$module" .so)
	case $name in
	echo | driver_*) continue ;;
	esac
	number=$((number + 1))
	if printf '%s\n' "$effective" | grep -q "/$name[ .]"; then
		echo "ok $number - $name is in conf/standalone.lua"
	else
		failed=1
		echo "not ok $number - $name is in conf/standalone.lua"
	fi
done
echo "1..$number"
exit $failed
