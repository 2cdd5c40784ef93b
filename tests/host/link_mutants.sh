#!/bin/sh
# SPDX-License-Identifier: MIT
# Links over bad wires: no seed breaks a promise of link.h, and each mistake planted in the links is found by one.
# LINK_SEEDS=100000 runs more than the 1000 seeds of a common check.

mutants="no_dedupe ack_too_far lose_on_reorder old_connection sequence_not_reset same_connection takes_while_down
never_silent no_timer"
# shellcheck disable=SC2086
set -- $mutants
echo "1..$(($# + 1))"
number=1
seeds=$top_builddir/tests/host/link_seeds

if "$seeds" --seeds "${LINK_SEEDS:-1000}" >"$TMPDIR/out"; then
	echo "ok 1 - no seed breaks a promise"
else
	echo "not ok 1 - no seed breaks a promise"
fi
sed 's/^/# /' "$TMPDIR/out"
for mutant in "$@"; do
	number=$((number + 1))
	if "$seeds" --seeds 2000 --expect-broken "$mutant" >"$TMPDIR/out"; then
		echo "ok $number - a seed finds the mistake $mutant"
	else
		echo "not ok $number - a seed finds the mistake $mutant"
	fi
	sed 's/^/# /' "$TMPDIR/out"
done
