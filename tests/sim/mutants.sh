#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the ledger roles with one mistake planted at a time; the simulator must find each, in every topology. Also: a run is
# the same twice.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# name:plugin:macro
mutants="ack_before_durable:billing:ACK_BEFORE_DURABLE lost_refusal:billing:LOST_REFUSAL
pruned_key:billing:PRUNED_KEY no_void_tombstone:billing:NO_VOID_TOMBSTONE
no_hold_dedupe:billing:NO_HOLD_DEDUPE no_post_dedupe:billing:NO_POST_DEDUPE
hold_timer:billing:HOLD_TIMER no_cancel_tombstone:itemstore:NO_CANCEL_TOMBSTONE
no_grant_dedupe:itemstore:NO_GRANT_DEDUPE item_ack_before_durable:itemstore:ACK_BEFORE_DURABLE
void_without_store:mall:VOID_WITHOUT_STORE"
topologies="one shards each"
set -- $mutants
echo "1..$(($# * 3 + 2))"
number=0
sim=$top_builddir/tests/sim/purchase

tell() { # result text
	number=$((number + 1))
	echo "$1 $number - $2"
}

build() { # plugin macro folder
	sources=$(ls "$top_srcdir/plugins/$1/"*.c)
	case $sources in *record.pb-c.c*) ;; *) sources="$sources $top_builddir/plugins/$1/record.pb-c.c" ;; esac
	mkdir -p "$3"
	for so in "$TROUPE_PLUGINS"/*.so; do ln -sf "$(readlink -f "$so")" "$3/"; done
	rm -f "$3/$1.so"
	# shellcheck disable=SC2086
	$CC $SIM_MUTANT_CFLAGS -shared -fPIC -DMUTANT_$2 -o "$3/$1.so" $sources $SIM_MUTANT_LIBS
}

for mutant in "$@"; do
	name=${mutant%%:*} macro=${mutant##*:} plugin=${mutant#*:}
	plugin=${plugin%%:*}
	build "$plugin" "$macro" "$work/$name" >"$work/log" 2>&1 || mv "$work/$name" "$work/$name.broken"
	for topology in $topologies; do
		result="not ok"
		if [ ! -d "$work/$name" ]; then
			found=$(cat "$work/log")
		elif found=$(timeout 120 "$sim" --topology "$topology" --seeds 3000 --plugins "$work/$name" \
			--expect-broken "$name" 2>&1); then
			result=ok
		fi
		printf '%s\n' "$found" | sed 's/^/# /'
		tell "$result" "the simulator finds the mistake $name in topology $topology"
	done
done

timeout 120 "$sim" --seeds 200 --digest >"$work/one" && timeout 120 "$sim" --seeds 200 --digest >"$work/two"
if cmp -s "$work/one" "$work/two" && test -s "$work/one"; then
	tell ok "a seed runs the same twice"
else
	tell "not ok" "a seed runs the same twice"
fi
if out=$(timeout 120 "$sim" --seeds "${SIM_SEEDS:-200}"); then
	echo "$out" | sed 's/^/# /'
	tell ok "no seed breaks an invariant"
else
	echo "$out" | sed 's/^/# /'
	tell "not ok" "no seed breaks an invariant"
fi
