#!/bin/sh
# SPDX-License-Identifier: MIT
# The table of messages in protocol.md is what abi/proto says.
echo 1..1
if lua5.4 "$top_srcdir/docs/reference/messages.lua" "$top_srcdir" --check; then
	echo "ok 1 - protocol.md lists the messages of abi/proto"
else
	echo "not ok 1 - protocol.md lists the messages of abi/proto"
fi
