#!/bin/sh
# SPDX-License-Identifier: MIT
# The map of the client, drawn from what is told, without a server.
exec "${TROUPE:-./troupe}" client "${top_srcdir:-.}/tests/client/view.lua"
