#!/bin/sh
# SPDX-License-Identifier: MIT
# Links over bad wires: no seed breaks a promise of link.h, and each mistake planted in the links is found by one.
# LINK_SEEDS=100000 runs more than the 1000 seeds of a common check.

. "$top_srcdir/tests/support/mutants.sh"
mutants "$top_builddir/tests/host/link_seeds" "${LINK_SEEDS:-1000}" 2000 \
	no_dedupe ack_too_far lose_on_reorder old_connection sequence_not_reset same_connection takes_while_down \
	never_silent no_timer
