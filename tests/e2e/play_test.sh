#!/bin/sh
# SPDX-License-Identifier: MIT
# play.sh over the processes of conf/test.lua.
TOPOLOGY=test
export TOPOLOGY
exec "${SHELL:-sh}" "${top_srcdir:-.}/tests/e2e/play.sh"
