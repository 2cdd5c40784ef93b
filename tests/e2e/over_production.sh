#!/bin/sh
# SPDX-License-Identifier: MIT
# The scenarios over the processes of conf/production.lua.
TOPOLOGY=production
. "${top_srcdir:-.}/tests/e2e/over.sh"
