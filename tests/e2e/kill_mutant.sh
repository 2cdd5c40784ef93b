#!/bin/sh
# SPDX-License-Identifier: MIT
# The kill test finds a service that answers before its commit is on the disk: the item store is built with that mistake, and
# its disk made slow so that the moment between is long enough to be hit. The unplanted store passes on the same slow disk.
: "${top_srcdir:=.}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
echo 1..2

result()
{
	if [ "$1" -eq 0 ]; then
		echo "ok $2"
	else
		echo "not ok $2"
		sed 's/^/# /' "$work/out"
	fi
}

PRELOAD=$top_builddir/tests/support/.libs/faultfs.so SLOW=meadow FAULT_SLOW=150 KILLS=${MUTANT_KILLS:-10} BOTS=8
export PRELOAD SLOW FAULT_SLOW KILLS BOTS

timeout 80 sh "$top_srcdir/tests/e2e/kill.sh" >"$work/out" 2>&1
result $? "1 - a slow disk alone loses nothing"

sources=$(ls "$top_srcdir"/plugins/itemstore/*.c)
case $sources in *record.pb-c.c*) ;; *) sources="$sources $top_builddir/plugins/itemstore/record.pb-c.c" ;; esac
mkdir "$work/plugins"
for so in "$TROUPE_PLUGINS"/*.so; do ln -s "$(readlink -f "$so")" "$work/plugins/"; done
rm "$work/plugins/itemstore.so"
# shellcheck disable=SC2086
if $CC $SIM_MUTANT_CFLAGS -shared -fPIC -DMUTANT_ACK_BEFORE_DURABLE -o "$work/plugins/itemstore.so" $sources \
	$SIM_MUTANT_LIBS >"$work/out" 2>&1; then
	TROUPE_PLUGINS=$work/plugins
	export TROUPE_PLUGINS
	for SEED in 1 2 3; do
		export SEED
		timeout 60 sh "$top_srcdir/tests/e2e/kill.sh" >"$work/out" 2>&1
		if grep -q 'wrong: ' "$work/out"; then
			break
		fi
	done
fi
grep -q 'wrong: ' "$work/out"
result $? "2 - an answer before its commit is found"
