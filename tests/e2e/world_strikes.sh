#!/bin/sh
# SPDX-License-Identifier: MIT
# The processes of a world are killed or stopped right at the points where it could go wrong (plugins/lib/strike/strike.h), while
# players keep books of what they are told. Each time the world goes on, no tick is left out or happens twice, and nothing that
# somebody was told is lost or there twice.
#
#   POINTS=short|all          the points to strike; or a list of lines "ROLE POINT N HOW [BEFORE]"
#   ROUNDS=1                  how often
#   MUTANT=head_first         plants a mistake; then the test must fail: told_early, key_anew (world_strikes_mutants.sh)
#   COMMIT=lock               how edits are decided
#
# HOW is kill, or stop: it wakes when the world has gone on without it. An owner wakes right after another was killed: what it still
# writes must not be what the others then read. While the item store sleeps all owners are killed. BEFORE is done so that the point
# is passed.
. "${top_srcdir:-.}/tests/e2e/world_lib.sh"
: "${ROUNDS:=1}" "${POINTS:=short}" "${COMMIT:=queue}" "${PLAYERS:=8}"
export PLAYERS
TROUPE_MUTANT=$MUTANT
export TROUPE_MUTANT

short="owner journal.unwritten 2 kill
scheduler tick.lease_written 5 kill
owner journal.written 2 kill
scheduler stage1.some_asked 4 kill
owner stage1.sent 7 kill
owner players.untold 8 kill
scheduler checkpoint.head_unwritten 1 kill checkpoint
owner checkpoint.unwritten 1 kill checkpoint
owner journal.unwritten 3 stop
scheduler tick.some_told 9 stop
items grant.unwritten 1 stop"
all="owner stage1.asked 3 kill
owner stage1.ran 4 kill
owner exchange.some_sent 5 kill
owner stage2.asked 6 kill
owner stage2.ran 3 kill
owner stage2.sent 4 kill
owner stage3.asked 5 kill
owner stage3.ran 6 kill
owner stage3.sent 3 kill
owner stage.unanswered 4 kill
owner stage.answered 5 kill
owner tick.unanswered 4 kill
owner tick.answered 5 kill
owner players.some_told 6 kill
owner players.told 7 kill
owner avatar.handed 1 kill
owner avatar.taken 1 kill
owner avatar.unsaved 1 kill
owner avatar.saved 1 kill
owner checkpoint.page_written 2 kill checkpoint
owner checkpoint.unsaid 1 kill checkpoint
owner checkpoint.said 1 kill checkpoint
owner grant.unasked 1 kill
owner grant.asked 1 kill
owner grant.answered 1 kill
owner move.taken 1 kill move
owner restore.loaded 1 kill other
owner journal.written 3 stop
owner stage2.ran 3 stop
owner checkpoint.page_written 1 stop checkpoint
items grant.unwritten 1 kill
items grant.written 1 stop
items grant.written 1 kill
items grant.answered 1 kill
scheduler tick.lease_unwritten 5 kill
scheduler stage1.some_asked 5 kill
scheduler stage2.some_asked 5 kill
scheduler stage3.some_asked 5 kill
scheduler stage.all_asked 7 kill
scheduler stage.answered 8 kill
scheduler tick.durable 5 kill
scheduler tick.some_told 5 kill
scheduler tick.told 5 kill
scheduler move.some_asked 2 kill move
scheduler move.done 1 kill move
scheduler checkpoint.begun 1 kill checkpoint
scheduler checkpoint.some_saved 1 kill checkpoint
scheduler checkpoint.head_written 1 kill checkpoint
scheduler checkpoint.old_deleted 1 kill checkpoint
scheduler rules.page_unwritten 1 kill rules
scheduler rules.page_written 1 kill rules
scheduler restore.epoch_written 1 kill other
scheduler restore.some_asked 2 kill other
scheduler restore.loaded 1 kill other
scheduler again.told 3 kill other
scheduler checkpoint.head_unwritten 1 stop checkpoint"
case $POINTS in
short) points=$short ;;
all) points="$short
$all" ;;
*) points=$POINTS ;;
esac

# The plugins with the points in them; the rest as it is.
mkdir "$STATE/plugins" "$STATE/rules"
for plugin in "$TROUPE_PLUGINS"/*.so; do
	ln -s "$(readlink -f "$plugin")" "$STATE/plugins/"
done
for plugin in mechanics scheduler itemstore; do
	ln -sf "$top_builddir/tests/strike/.libs/$plugin.so" "$STATE/plugins/$plugin.so"
done
TROUPE_PLUGINS=$STATE/plugins
cp "$top_srcdir/tests/e2e/world_strikes_rules.lua" "$STATE/rules/books.lua"
chmod u+w "$STATE/rules/books.lua"
for scheduler in s1 s2; do
	for set in "scripts=$STATE/rules" lease=1s checkpoint=8s map=flat region=32 speed=16 "commit=$COMMIT" balance.every=1s; do
		SETS="$SETS --set meadow/scheduler.$scheduler.$set"
	done
done
for owner in m1 m2 m3; do
	SETS="$SETS --set meadow/mechanics.$owner.save=2s"
done

# victim ROLE: the owners in turn.
victim()
{
	case $1 in
	items) echo items ;;
	scheduler) active ;;
	*) echo "m$((struck % 3 + 1))" ;;
	esac
}

# before WHAT HOST: what leads to the point.
before()
{
	case $1 in
	checkpoint) "$TROUPE" world checkpoint --host data --timeout 3 >"$STATE/before" 2>&1 & ;;
	move) "$TROUPE" world rebalance --host data --timeout 3 >"$STATE/before" 2>&1 & ;;
	rules) echo "-- $struck" >>"$STATE/rules/books.lua" ;;
	other)
		other=m1
		[ "$2" != m1 ] || other=m2
		lose KILL $other
		begin_again="$begin_again $other"
		;;
	esac
}

# strikes HOST: waits until it has struck.
strikes()
{
	waited=0
	until [ -f "$STATE/strike.$1.struck" ]; do
		waited=$((waited + 1))
		[ $waited -lt 150 ] || return 1
		sleep 0.1
	done
	rm -f "$STATE/strike.$1.struck"
}

# books_grow: players are told again of what they do.
books_grow()
{
	read -r books_from rest <"$STATE/story.told"
	books_tries=0
	until read -r books_now rest <"$STATE/story.told" && [ "${books_now:-0}" -gt "$books_from" ]; do
		books_tries=$((books_tries + 1))
		[ $books_tries -lt 150 ] || return 1
		sleep 0.1
	done
}

# sleeps NAME HOST: it wakes while the others stand, since one of them is killed; what it writes then is in no recording.
sleeps()
{
	digest
	before other "$2"
	lose CONT "$2"
	sleep 0.3
	"$TROUPE" record "$STATE/sleeper.rec" --host data >"$STATE/record" 2>&1 &&
		"$TROUPE" replay --quiet "$STATE/sleeper.rec" >"$STATE/replay" 2>&1 && ! grep -q DIFFERS "$STATE/replay"
	test_is $? "$1: what the sleeper writes is not of this world" "$STATE/replay"
}

# sleeps_long: what the item store does not answer goes into a checkpoint, and nobody of those who asked is left.
sleeps_long()
{
	sleep 1
	"$TROUPE" world checkpoint --host data --timeout 5 >"$STATE/before" 2>&1
	for owner in m1 m2 m3; do
		lose KILL $owner
	done
	for owner in m1 m2 m3; do
		begin $owner
	done
	goes_on 3
}

# strike_at ROLE POINT N HOW [BEFORE]
strike_at()
{
	struck=$((struck + 1)) begin_again=
	host=$(victim "$1") at="$4 at $1 $2" tick_before=$(world tick)
	echo "$2 $3 $4" >"$STATE/strike.new" && mv "$STATE/strike.new" "$STATE/strike.$host"
	before "$5" "$host"
	if ! strikes "$host"; then
		rm -f "$STATE/strike.$host"
		test_not_ok "$at: $host passes it" "$STATE/$host.log"
	elif [ "$4 $1" = "stop items" ]; then
		sleeps_long
		lose CONT "$host"
	elif [ "$4" = stop ]; then
		if [ "$1" = owner ]; then
			goes_on 2
			sleeps "$at" "$host"
		else
			goes_on 3
			lose CONT "$host"
		fi
	else
		wait "$(host_pid_of "$host")" 2>/dev/null
		# sometimes it is back before anybody else has taken over
		[ $((struck % 2)) -eq 0 ] || [ "$1" != scheduler ] || goes_on 3
		begin_again="$begin_again $host"
	fi
	for again in $begin_again; do
		begin "$again"
	done
	goes_on 3 && [ "$(world tick)" -ge "$tick_before" ] && books_grow && ! tail -n "+$books_read" "$STATE/books" | grep 'wrong: ' >"$STATE/wrong"
	test_is $? "$at: the world goes on" "$STATE/wrong"
	books_read=$(($(wc -l <"$STATE/books") + 1))
}

world_start
client "$top_srcdir/tests/e2e/world_strikes.lua" >"$STATE/books" 2>&1 &
books=$!
helper_pids="$helper_pids $books"
tries=0
until [ -f "$STATE/story.told" ] || [ $tries -gt 200 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
books_grow
test_is $? "players keep books" "$STATE/books"

struck=0 round=0 books_read=1
while [ $round -lt "$ROUNDS" ]; do
	round=$((round + 1))
	echo "$points" >"$STATE/points"
	while read -r role point n how before; do
		strike_at "$role" "$point" "$n" "$how" "$before" </dev/null
	done <"$STATE/points"
done
audit "after $struck strikes"
replays "after $struck strikes"
: >"$STATE/enough"
wait $books
test_is $? "players come to the end of their books" "$STATE/books"
grep '^#' "$STATE/books"
! grep -q 'wrong: ' "$STATE/books"
test_is $? "what they were told is what is there" "$STATE/books"
world_end
