#!/bin/sh
# SPDX-License-Identifier: MIT
# `troupe script test`: what passes, what fails and where, and rules that do not load.

. "$top_srcdir/tests/support/ok.sh"

troupe=$(pwd)/troupe
rules=$(cd "$top_srcdir/tests/tools/rules" && pwd)
cd "$TMPDIR" || exit 99
echo 1..7
ok "all tests of a folder pass" 0 '^4 passed, 0 failed' "$troupe" script test "$rules"
ok "only those of a name run" 0 '^1 passed, 0 failed' "$troupe" script test --only seed "$rules"
cp -r "$rules" bad
printf 't = require "sim"\nt.test("sums", function()\n\tt.equal(1 + 1, 3)\nend)\n' >bad/tests/sum.lua
ok "a test that fails says where and with which seed" 1 'bad/tests/sum.lua:3: 2 is not equal to 3|tests/sum.lua:3:' \
	"$troupe" script test "$TMPDIR/bad"
ok "and the seed can be given" 1 'with --seed 5' "$troupe" script test --seed 5 "$TMPDIR/bad"
echo 'local x = = 1' >bad/wrong.lua
ok "rules that do not load are shown" 1 'bad/wrong.lua:1' "$troupe" script test --only seed bad
ok "a folder that is not there is named" 3 'nowhere: ' "$troupe" script test nowhere
ok "a wrong option is named" 2 "Did you mean '--seed'" "$troupe" script test --sed 1
