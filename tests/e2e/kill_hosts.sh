#!/bin/sh
# SPDX-License-Identifier: MIT
# kill.sh with a process for each instance: one after another dies, the stores and the masters among them.
TOPOLOGY=production KILLS=${KILLS:-18}
export TOPOLOGY KILLS
exec "$(dirname "$0")/kill.sh"
