#!/bin/sh
# SPDX-License-Identifier: MIT
# Every configuration that ships is good for each of its hosts, all are one game, and each role's plugin is in it.

number=0
failed=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT

# result STATUS NAME [FILE]
result()
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		failed=1
		echo "not ok $number - $2"
		sed 's/^/# /' "$3"
	fi
}

check()
{
	"$TROUPE" check "$@" --offline --state "$scratch/state" >"$scratch/out" 2>&1
}

# game FILE: what is played, one option a line, without who runs it where; of several instances the first.
game()
{
	"$TROUPE" check "$top_srcdir/conf/$1.lua" --offline --state /x --show-effective | sed 's/ *-- .*//' | awk '
		/^[a-z]+\/[^ ]/ { owner = $1; sub(/^base\/master.first$/, "base/master", owner) }
		/^(host|cluster)/ { owner = "" }
		/^  / && owner != "" { print owner $0 }'
}

for file in "$top_srcdir"/conf/*.lua; do
	name=$(basename "$file")
	check "$file"
	result $? "conf/$name" "$scratch/out"
	for host in $(sed -n 's/^host "\([a-z0-9_]*\)".*/\1/p' "$file"); do
		check "$file" --host "$host"
		result $? "conf/$name, host $host" "$scratch/out"
	done
done
game standalone >"$scratch/standalone"
for name in test production; do
	game $name >"$scratch/$name"
	# nothing of standalone's may be missing or other here, but for how many come from one address
	grep -Fvx -f "$scratch/$name" "$scratch/standalone" | grep -v 'limits.per_network' >"$scratch/differs"
	test $? -eq 1
	result $? "conf/$name.lua is the game of standalone.lua" "$scratch/differs"
done
for module in "$TROUPE_PLUGINS"/*.so; do
	name=$(basename "$module" .so)
	case $name in
	echo | driver_*) continue ;;
	esac
	grep -q "/$name[ .]" "$scratch/standalone"
	result $? "$name is in conf/standalone.lua" /dev/null
done
# one process for each instance, in production
[ "$(grep -c '^host "' "$top_srcdir/conf/production.lua")" -eq \
	"$("$TROUPE" check "$top_srcdir/conf/production.lua" --offline | sed 's/.*; \([0-9]*\) instances.*/\1/')" ]
result $? "conf/production.lua has a host for each instance" /dev/null
echo "1..$number"
exit $failed
