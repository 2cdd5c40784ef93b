#!/bin/sh
# SPDX-License-Identifier: MIT
# A program of a benchmark that hangs is ended with the time that its case has.
dir=$(mktemp -d) && mkdir "$dir/bench" || exit 1
lua5.4 "$top_srcdir/tests/bench/limit.lua" "$top_srcdir" "$dir"
status=$?
rm -rf "$dir"
exit $status
