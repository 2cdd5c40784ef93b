#!/bin/sh
# SPDX-License-Identifier: MIT
# The scenarios over the processes of conf/production.lua, each with an address of its own: over TCP.
TOPOLOGY=machines
. "${top_srcdir:-.}/tests/e2e/over.sh"
