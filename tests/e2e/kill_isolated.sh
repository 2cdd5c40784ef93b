#!/bin/sh
# SPDX-License-Identifier: MIT
# As kill.sh, but it is the services that are killed, each in a process of its own under one host that lives on.
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}" "${KILLS:=9}"
ISOLATED="base/billing base/mall meadow/itemstore"
export top_srcdir KILLS ISOLATED
exec "$top_srcdir/tests/e2e/kill.sh"
