#!/bin/sh
# SPDX-License-Identifier: MIT
# Mistakes planted in the seal: each is found by the test named beside it, which passes without.

echo 1..21
number=0

# found PROGRAM TEST MISTAKE
found()
{
	number=$((number + 1))
	if ! "$top_builddir/tests/host/$1" "$2" >"$TMPDIR/out" 2>&1; then
		echo "not ok $number - $2 passes without $3"
		sed 's/^/# /' "$TMPDIR/out"
	elif TROUPE_MUTANT=$3 "$top_builddir/tests/host/$1" "$2" >"$TMPDIR/out" 2>&1 || ! grep -q '^not ok' "$TMPDIR/out"; then
		echo "not ok $number - $2 finds the mistake $3"
		sed 's/^/# /' "$TMPDIR/out"
	else
		echo "ok $number - $2 finds the mistake $3"
	fi
}

found seal_planted starts no_probe
found seal_planted over_bad_wires no_repeat
found seal_planted over_bad_wires switch_at_once
found seal_planted renews no_former
found seal_planted renews_by_frames own_frames_only
found seal_planted restarts no_poke
found seal_planted heals_when_half_cut no_quiet
found seal_planted dies never_dead
found seal_planted dies_without_tick never_dead
found seal_planted changes_keys keys_later
found seal_planted finds_keys one_pair
found seal_planted keeps_keys keys_always
found seal_planted needs_agreement no_prologue
found seal_planted_strangers changed_data head_not_sealed
found seal_planted_strangers changed_handshake no_code
found seal_planted_strangers window window_longer
found seal_planted_strangers replays no_window
found seal_planted_strangers replays any_challenge
found seal_planted_strangers replayed_pokes no_bound
found seal_planted_strangers unknown_key no_code
found seal_planted_strangers mad_peer no_bound
