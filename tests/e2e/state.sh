#!/bin/sh
# SPDX-License-Identifier: MIT
# Who has a database on another host keeps nothing itself: play.sh, where the state folder cannot be written but by the
# hosts of the databases.
TOPOLOGY=production
export TOPOLOGY
. "${top_srcdir:-.}/tests/e2e/lib.sh"

RUNTIME_DIRECTORY=$STATE/run
mkdir -m 700 "$RUNTIME_DIRECTORY" "$RUNTIME_DIRECTORY/hosts" "$STATE/data"
ln -s "$RUNTIME_DIRECTORY/hosts" "$STATE/data/hosts" # where the test's operators look
export RUNTIME_DIRECTORY
own_troupe=$TROUPE
keepers=" data meadow logdata meadowlogdata " # their hosts, and the folders they write
kept="base meadow log meadow_log"

# As root a folder is read-only for those who see it mounted so; else for whoever has no right to write.
cat >"$STATE/read-only" <<SH
#!/bin/sh
mount --bind "$STATE/data" "$STATE/data" && mount -o remount,ro,bind "$STATE/data" && ! touch "$STATE/data/x" 2>/dev/null &&
	exec "$own_troupe" "\$@"
exit 99
SH
cat >"$STATE/troupe" <<SH
#!/bin/sh
for word; do
	if [ "\$before" = --host ] && [ "\$1" = run ]; then
		case "$keepers" in
		*" \$word "*) ;;
		*) [ ! -e "$STATE/mounts" ] || exec unshare -m sh "$STATE/read-only" "\$@" ;;
		esac
	fi
	before=\$word
done
exec "$own_troupe" "\$@"
SH
chmod +x "$STATE/troupe"
if [ "$(id -u)" -eq 0 ] && unshare -m sh -c "mount --bind '$STATE/data' '$STATE/data'" 2>/dev/null; then
	: >"$STATE/mounts"
	echo "# read-only by mount"
fi

files()
{
	(cd "$STATE/data" && find . ! -path './base/*' ! -path './meadow/*' ! -path './log/*' ! -path './meadow_log/*' |
		LC_ALL=C sort)
}

play()
{
	client "$top_srcdir/tests/e2e/play.lua" "$1" >"$STATE/out" 2>"$STATE/err"
	code=$?
	test_lines "$STATE/out"
	test_is $code "play.lua $1 came to its end" "$STATE/err"
}

# An operator makes the keys, and the databases' hosts their folders.
for host in $(host_names); do
	"$own_troupe" key new "$host" --state "$STATE/data" >/dev/null 2>&1 || test_not_ok "a key for $host"
done
for name in $kept; do
	mkdir -m 700 "$STATE/data/$name"
done
files >"$STATE/before"
[ -e "$STATE/mounts" ] || chmod 500 "$STATE/data" "$STATE/data/keys"
TROUPE=$STATE/troupe
# shellcheck disable=SC2046
host_start $(host_each mechanics save=1s)
test_is $? "all hosts start" "$HOST_LOG"
play first
host_gone
test_is $? "the hosts were killed in the middle"
host_kill 2>/dev/null
# shellcheck disable=SC2046
host_start $(host_each mechanics save=1s)
test_is $? "all hosts start again" "$HOST_LOG"
play again
test_clean "after kill -9"
files >"$STATE/after"
cmp -s "$STATE/before" "$STATE/after"
test_is $? "only the databases' hosts wrote into the state folder" "$STATE/after"
host_stop
chmod -R u+w "$STATE/data"
test_plan
