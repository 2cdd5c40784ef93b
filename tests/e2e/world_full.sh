#!/bin/sh
# SPDX-License-Identifier: MIT
# The disk of a world's database is full while bots walk: the world stands and says why, nobody is thrown out, no owner is taken
# for dead, and it goes on by itself when there is room. Begun on a disk that is full already, it says so too.
if [ -z "$WORLD_FULL" ]; then
	if ! unshare -rm true 2>/dev/null; then
		echo "1..0 # SKIP a small disk needs a mount namespace"
		exit 0
	fi
	WORLD_FULL=1 exec unshare -rm "$0"
fi
. "${top_srcdir:-.}/tests/e2e/lib.sh"
mkdir "$STATE/conf" "$STATE/data"
sed -e 's/driver = "leveldb"/&, write_buffer = "256kb", reserve = "1mb"/' -e "s|\.\./scripts|$(cd "$top_srcdir" && pwd)/scripts|" \
	"$CONFIG" >"$STATE/conf/game.lua"
CONFIG=$STATE/conf/game.lua
if ! mount -t tmpfs -o size=16m none "$STATE/data" 2>/dev/null; then
	echo "1..0 # SKIP no tmpfs can be mounted"
	exit 0
fi

# world FIELD: of `troupe world status`.
world()
{
	operator world status --json >"$STATE/world" 2>&1
	sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p" "$STATE/world"
}

# becomes FIELD VALUE: within 10 s.
becomes()
{
	tries=0
	until [ "$(world "$1")" = "$2" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

logged()
{
	grep -q "$1" "$HOST_LOG"
}

fill()
{
	dd if=/dev/zero of="$STATE/data/full" bs=4k 2>/dev/null
	[ "$(stat -f -c %a "$STATE/data")" -eq 0 ]
}

host_start --set base/account.password.memory=8kb --set base/account.password.ops=1
test_is $? "the game starts" "$HOST_LOG"
"$TROUPE" bots --connect "127.0.0.1:$(cat "$PORT_FILE")" --count 5 --ramp 1 --seconds 100000 --json \
	--script "$top_srcdir/scripts/lua/bots/walk.lua" >"$STATE/bots" 2>"$STATE/bots.err" &
bots_pid=$! helper_pids="$helper_pids $!"
becomes avatars 5
test_is $? "5 bots walk" "$STATE/bots.err"
restores=$(world restores)

fill && becomes reason 'the database has no room'
test_is $? "the disk is full: the world stands and says why" "$STATE/world"
sleep 6 # longer than a lease, and than owners wait for a word
before=$(world tick)
sleep 1
[ "$(world tick)" = "$before" ] && [ "$(world owners)" = 1 ] && [ "$(world reason)" = 'the database has no room' ]
test_is $? "it stands as it was" "$STATE/world"
logged 'database "meadow": its disk is full' && logged 'database meadow has no room'
test_is $? "the log says so" "$HOST_LOG"
rm "$STATE/data/full"
becomes world running && before=$(world tick) && sleep 1 && [ "$(world tick)" -gt "$before" ]
test_is $? "there is room: it goes on by itself" "$STATE/world"
[ "$(world restores)" = "$restores" ] && [ "$(world avatars)" = 5 ] && kill -0 $bots_pid
test_is $? "without having been restored, and with everybody in it" "$STATE/world"
logged 'database "meadow": there is room again'
test_is $? "the log says that too" "$HOST_LOG"
kill "$bots_pid"
host_stop
test_is $? "the host stops when it is told to" "$HOST_LOG"

# Room to open the databases, but not for what they keep aside.
rm -f "$STATE"/data/*/RESERVE
fill
truncate -s -800K "$STATE/data/full"
host_begin
tries=0
until operator status 2>/dev/null | grep -q 'database meadow has no room' || [ $tries -ge 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
[ $tries -lt 100 ]
test_is $? "begun on a full disk, the scheduler says what it waits for" "$HOST_LOG"
tail -n +"$host_from" "$HOST_LOG" | grep -q 'database "meadow": its disk is full'
test_is $? "and the database why it takes nothing" "$HOST_LOG"
rm "$STATE/data/full"
host_wait && becomes world running
test_is $? "there is room: the world begins" "$HOST_LOG"
host_stop
test_is $? "and stops" "$HOST_LOG"
umount "$STATE/data"
test_plan
