#!/bin/sh
# SPDX-License-Identifier: MIT
# What is written agrees with the code: the reference pages, and the options table in each plugin's README.
# `tests/host/test_docs.sh --update` (in a built tree) writes both anew.

top_srcdir=${top_srcdir:-.}
TROUPE=${TROUPE:-./troupe}
work=$(mktemp -d "${TMPDIR:-/tmp}/troupe-docs.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
number=0
failed=0

# The lines under "## Options", up to the next heading.
options_of() {
	awk '/^## /{on = 0} on && NF {print} /^## Options$/{on = 1}' "$1"
}

if [ "$1" = --update ]; then
	mkdir -p "$top_srcdir/docs/reference"
	"$TROUPE" api docs "$top_srcdir/docs/reference" || exit 1
	"$TROUPE" api lua >"$top_srcdir/docs/reference/lua.md" || exit 1
	mkdir -p "$top_srcdir/scripts/lua/types"
	"$TROUPE" api lua --types >"$top_srcdir/scripts/lua/types/game.d.lua" || exit 1
fi
result() {
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		failed=1
		echo "not ok $number - $2"
		sed 's/^/# /' "$work/diff"
		echo "# to write it anew: tests/host/test_docs.sh --update"
	fi
}

"$TROUPE" api docs "$work" || exit 1
for page in options commands errors; do
	diff -u "$top_srcdir/docs/reference/$page.md" "$work/$page.md" >"$work/diff" 2>&1
	result $? "docs/reference/$page.md"
done
"$TROUPE" api lua >"$work/lua.md"
diff -u "$top_srcdir/docs/reference/lua.md" "$work/lua.md" >"$work/diff" 2>&1
result $? "docs/reference/lua.md"
"$TROUPE" api lua --types >"$work/game.d.lua"
diff -u "$top_srcdir/scripts/lua/types/game.d.lua" "$work/game.d.lua" >"$work/diff" 2>&1
result $? "scripts/lua/types/game.d.lua"
for module in "${TROUPE_PLUGINS:-plugins/all}"/*.so; do
	name=$(basename "$module" .so)
	readme=$top_srcdir/plugins/$name/README.md
	"$TROUPE" api options "$name" >"$work/table" || exit 1
	if [ "$1" = --update ]; then
		[ -f "$readme" ] || printf '# %s\n' "$name" >"$readme"
		grep -q '^## Options$' "$readme" || printf '\n## Options\n' >>"$readme"
		awk -v table="$work/table" '
			/^## / {on = 0}
			!on {print}
			/^## Options$/ {on = 1; print ""; while ((getline line < table) > 0) print line; pending = 1}
			/^## / && !on && pending {pending = 0}' "$readme" | awk '
			/^## / && last != "" && NR > 1 {print ""} {print; last = $0}' >"$work/readme"
		cat "$work/readme" >"$readme"
	fi
	options_of "$readme" >"$work/written" 2>/dev/null
	diff -u "$work/written" "$work/table" >"$work/diff" 2>&1
	result $? "options in plugins/$name/README.md"
done
lua5.4 "$top_srcdir/tests/host/stubs.lua" "$work/lua.md" "$work/game.d.lua" >"$work/diff"
result $? "every function of the rules' API has a type with the same parameters"
# A code that the program uses stands in the table of codes.
{
	grep -hoE '"[CPS][0-9]{4}"' -r "$top_srcdir/host" --include='*.c'
	grep -hoE '"S04[0-9]{2}"' -r "$top_srcdir/plugins" --include='*.c' # those of the world
} | tr -d '"' | sort -u >"$work/used"
"$TROUPE" explain | cut -d' ' -f1 | sort -u >"$work/known"
comm -23 "$work/used" "$work/known" >"$work/diff"
[ ! -s "$work/diff" ]
result $? "every code has an entry"
# ... and one meaning: no two plugins use the same.
(cd "$top_srcdir/plugins" && grep -oE '"S04[0-9]{2}"' -r . --include='*.c') | sed 's|^\./\([^/]*\)/[^:]*:|\1 |' | sort -u |
	cut -d' ' -f2 | sort | uniq -d >"$work/diff"
[ ! -s "$work/diff" ]
result $? "no code of the world is that of two plugins"
echo "1..$number"
exit $failed
