# SPDX-License-Identifier: MIT
# For tests that plant mistakes; sourced, not run.

# mutants PROGRAM SEEDS SEEDS-TO-FIND MISTAKE...: no seed of PROGRAM fails, and each mistake planted in what it tests makes
# one fail.
mutants()
{
	program=$1 seeds=$2 seeds_to_find=$3 number=1
	shift 3
	echo "1..$(($# + 1))"
	if "$program" --seeds "$seeds" >"$TMPDIR/out"; then
		echo "ok 1 - no seed fails"
	else
		echo "not ok 1 - no seed fails"
	fi
	sed 's/^/# /' "$TMPDIR/out"
	for mutant in "$@"; do
		number=$((number + 1))
		if "$program" --seeds "$seeds_to_find" --expect-broken "$mutant" >"$TMPDIR/out"; then
			echo "ok $number - a seed finds the mistake $mutant"
		else
			echo "not ok $number - a seed finds the mistake $mutant"
		fi
		sed 's/^/# /' "$TMPDIR/out"
	done
}
