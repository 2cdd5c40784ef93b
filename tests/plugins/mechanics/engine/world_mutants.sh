#!/bin/sh
# SPDX-License-Identifier: MIT
# One world in several engines: no seed makes a difference, and each mistake planted in the engine is found by one.
# WORLD_SEEDS=10000 runs more than the 15 seeds of a common check.

. "$top_srcdir/tests/support/mutants.sh"
mutants "$top_builddir/tests/plugins/mechanics/engine/world_seeds" "${WORLD_SEEDS:-15}" 60 \
	arrival_order wish_lost born_lost asleep_lost walk_lost state_lost timer_order sees_now ghost_stale ghost_stays \
	ghost_again ghost_passes ghost_flickers heard_here told_here twice count_alone errors_alone errors_not_saved \
	places_not_saved full_here abort_ignored both_come owed_lost key_forgotten
