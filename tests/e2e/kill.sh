#!/bin/sh
# SPDX-License-Identifier: MIT
# Shoppers buy while the server gets kill -9 at random moments and starts again at once; then an oracle outside of it compares
# what they were told with what is there. KILLS=20 SEED=1 BOTS=6; a run is repeated with the same SEED, though not to the
# microsecond. TOPOLOGY as in lib.sh: of several hosts a different one dies each time. ISOLATED="base/billing ..." are isolated,
# and one of their processes is killed each time instead of the host.
# PRELOAD is preloaded into the server; FAULT_SLOW (tests/support/faultfs.c) then is about the folder SLOW of its data.
. "${top_srcdir:-.}/tests/e2e/lib.sh"
: "${KILLS:=20}" "${BOTS:=6}" "${SEED:=$(date +%s)}"
FAULT_PATH=$STATE/data/$SLOW
export FAULT_PATH
hosts=$(host_names | wc -l)
echo "# KILLS=$KILLS SEED=$SEED BOTS=$BOTS"

start()
{
	LD_PRELOAD=$PRELOAD
	[ -z "$PRELOAD" ] || export LD_PRELOAD
	isolates=
	for instance in $ISOLATED; do
		isolates="$isolates --set $instance.isolate=true"
	done
	# shellcheck disable=SC2086
	host_begin $isolates --set base/account.password.memory=8kb --set base/account.password.ops=1 \
		--set meadow/itemstore.bag_slots=500 $(host_each frontend limits.rate=0)
	unset LD_PRELOAD
}

# strike N: kill -9 for the host; of several for one, in a turn that SEED begins; or for the Nth isolated instance.
strike()
{
	if [ "$hosts" -gt 1 ]; then
		victim=$(host_names | sed -n "$((($1 * 7 + SEED) % hosts + 1))p")
		echo "# $victim" >>"$STATE/victims"
		host_kill "$victim" 2>/dev/null
		host_again "$victim"
		return
	elif [ -z "$ISOLATED" ]; then
		host_kill 2>/dev/null
		start
		return
	fi
	# shellcheck disable=SC2086
	set -- "$1" $ISOLATED
	shift $(($1 % ($# - 1) + 1))
	victim=$("$TROUPE" status --state "$STATE/data/isolated/$1" 2>/dev/null | sed -n 's/^pid: //p')
	[ -n "$victim" ] && kill -9 "$victim"
}

# grant ACCOUNT AMOUNT KEY: asks with the same key until there is an answer.
grant()
{
	tries=0
	until operator billing grant "$1" gold "$2" "as promised" "$3" --yes >"$STATE/grant.out" 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 600 ]; then
			return 1
		fi
		sleep 0.1
	done
	echo "granted $1 $2 $3" >>"$STATE/grants"
}

grants_while_it_dies()
{
	round=0
	while [ ! -e "$STATE/enough" ]; do
		round=$((round + 1))
		for account in $accounts; do
			grant "$account" 90 "round-$round-$account" || exit 1
		done
		sleep 0.2
	done
}

start
host_wait
test_is $? "the host starts" "$HOST_LOG"
client "$top_srcdir/tests/e2e/kill.lua" shop "$SEED" "$BOTS" >"$STATE/shop.out" 2>&1 &
shop_pid=$! helper_pids=$!
i=0
while [ ! -e "$STATE/story.in" ] && [ $i -lt 300 ] && kill -0 $shop_pid 2>/dev/null; do
	i=$((i + 1))
	sleep 0.1
done
sleep 0.2
accounts=$(sed -n 's/^bot [0-9]* \([0-9]*\) .*/\1/p' "$STATE/told")
for account in $accounts; do
	grant "$account" 400 "first-$account"
done
grants_while_it_dies &
grants_pid=$! helper_pids="$helper_pids $!"
: >"$STATE/begin"

awk -v n="$KILLS" -v seed="$SEED" 'BEGIN { srand(seed); for (i = 0; i < n; i++)
	printf "%s %.3f %d\n", rand() < 0.25 ? "early" : "late", rand() * 0.8, i }' >"$STATE/kills"
done=0
while read -r when seconds which; do
	if [ "$when" = late ] && ! host_wait; then
		break
	fi
	sleep "$seconds"
	# shellcheck disable=SC2086
	if ! kill -0 $host_pid 2>/dev/null; then
		break
	fi
	strike "$which"
	done=$((done + 1))
done <"$STATE/kills"
[ "$done" -eq "$KILLS" ]
test_is $? "the host starts again after each of $KILLS kills" "$HOST_LOG"
host_wait
test_is $? "and after the last" "$HOST_LOG"
: >"$STATE/enough"
wait $shop_pid
test_is $? "everybody gets an answer to everything" "$STATE/shop.out"
wait $grants_pid
test_is $? "every grant gets an answer" "$STATE/grant.out"

# the oracle, with the server's own checks, and once more after an orderly restart
cat "$STATE/grants" >>"$STATE/told"
check()
{
	timeout $((100 + KILLS * 2)) "$TROUPE" client --connect "127.0.0.1:$(cat "$PORT_FILE")" "$top_srcdir/tests/e2e/kill.lua" check "$1" \
		>"$STATE/check" 2>&1
}
check "$STATE/told"
code=$?
tail -n 30 "$STATE/check" >"$STATE/check.end"
test_is $code "what was told is what is there" "$STATE/check.end"
grep asked "$STATE/check" | sed 's/^/# /'
operator mall orders --json 0 true >"$STATE/open" 2>&1
test_clean "after $KILLS kills"

# The oracle finds what is made wrong: lines that nobody was told, and one that is forgotten.
first=$(grep -m 1 '^told .* DONE\|^told .* GRANTED' "$STATE/told")
last=$(grep '^told .* REJECTED' "$STATE/told" | tail -n 1)
plant()
{
	if check "$STATE/planted" || ! grep -q "wrong:.*$2" "$STATE/check"; then
		tail -n 5 "$STATE/check" >"$STATE/check.end"
		test_not_ok "the oracle finds $1" "$STATE/check.end"
	else
		test_ok "the oracle finds $1"
	fi
}
{ cat "$STATE/told"; echo "told 1 00112233445566778899aabbccddeeff DONE"; } >"$STATE/planted"
plant "an order that is not there" "there is no such order"
{ cat "$STATE/told"; echo "$last" | sed 's/ REJECTED.*/ DONE/'; } >"$STATE/planted"
plant "one that failed and was told to be done" "told that it is his"
{ cat "$STATE/told"; echo "$first" | sed 's/ \(DONE\|GRANTED\).*/ FAILED/'; } >"$STATE/planted"
plant "one that was done and told to have failed" "told that it failed"
sed '$d' "$STATE/told" >"$STATE/planted"
plant "money out of nowhere" "should be there"
{ cat "$STATE/told"; echo "took 1 123456789"; } >"$STATE/planted"
plant "an item that is lost" "is in nil"

host_stop
test_is $? "the host stops when it is told to" "$HOST_LOG"
test_plan
