#!/bin/sh
# SPDX-License-Identifier: MIT
# KILLS=60 SEED=1: kill.c says what is done.
# shellcheck disable=SC2154
exec "$top_builddir/tests/bus/kill" "${KILLS:-60}" "$SEED"
