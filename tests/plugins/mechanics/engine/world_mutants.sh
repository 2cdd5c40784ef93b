#!/bin/sh
# SPDX-License-Identifier: MIT
# One world in several engines: no seed makes a difference, and each mistake planted in the engine is found by one.
# WORLD_SEEDS=10000 runs more than the 15 seeds of a common check.

mutants="arrival_order wish_lost born_lost asleep_lost walk_lost state_lost timer_order sees_now ghost_stale ghost_stays
ghost_again ghost_passes ghost_flickers heard_here told_here twice count_alone errors_alone errors_not_saved places_not_saved
full_here abort_ignored both_come"
# shellcheck disable=SC2086
set -- $mutants
echo "1..$(($# + 1))"
number=1
seeds=$top_builddir/tests/plugins/mechanics/engine/world_seeds

if "$seeds" --seeds "${WORLD_SEEDS:-15}" >"$TMPDIR/out"; then
	echo "ok 1 - no seed makes a difference"
else
	echo "not ok 1 - no seed makes a difference"
fi
sed 's/^/# /' "$TMPDIR/out"
for mutant in "$@"; do
	number=$((number + 1))
	if "$seeds" --seeds 60 --expect-broken "$mutant" >"$TMPDIR/out"; then
		echo "ok $number - a seed finds the mistake $mutant"
	else
		echo "not ok $number - a seed finds the mistake $mutant"
	fi
	sed 's/^/# /' "$TMPDIR/out"
done
