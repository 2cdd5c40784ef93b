#!/bin/sh
# SPDX-License-Identifier: MIT
# The scenarios over the processes of conf/test.lua.
TOPOLOGY=test
. "${top_srcdir:-.}/tests/e2e/over.sh"
