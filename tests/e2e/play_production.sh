#!/bin/sh
# SPDX-License-Identifier: MIT
# play.sh over the processes of conf/production.lua.
TOPOLOGY=production
export TOPOLOGY
exec "${SHELL:-sh}" "${top_srcdir:-.}/tests/e2e/play.sh"
