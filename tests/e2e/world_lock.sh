#!/bin/sh
# SPDX-License-Identifier: MIT
# A world whose owners decide edits by locks, struck while they do: nothing that players were told is lost, and a recording of it runs
# again to the same digest, in one owner and in two.
COMMIT=lock
POINTS="owner stage2.sent 6 kill
scheduler stage2.some_asked 5 kill
owner stage2.ran 5 stop"
export COMMIT POINTS
. "${top_srcdir:-.}/tests/e2e/world_strikes.sh"
