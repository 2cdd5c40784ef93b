#!/bin/sh
# SPDX-License-Identifier: MIT
# Verdicts and JSON of the benchmark runner.
exec lua5.4 "$top_srcdir/tests/bench/report.lua" "$top_srcdir"
