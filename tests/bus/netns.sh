#!/bin/sh
# SPDX-License-Identifier: MIT
# Hosts of two machines, as far as the kernel can play them: each in a network namespace of its own, with an address, a
# folder and a key of its own. A key is changed, the network between them fails in several ways, and heals.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

CONFIG=$STATE/netns.lua
space=troupe$$ # of its namespaces, which end in a and b
address_a=10.83.0.1 address_b=10.83.0.2
nobody=02:00:00:00:00:99 # the hardware address of no machine

netns_cleanup()
{
	host_cleanup
	for host in a b; do
		ip netns del "$space$host" 2>/dev/null
	done
}
trap netns_cleanup EXIT

skip()
{
	echo "1..0 # SKIP $1"
	exit 0
}

# in_host NAME WORDS...: on its machine.
in_host()
{
	host=$1
	shift
	ip netns exec "$space$host" "$@"
}

# the_other: of two hosts.
the_other()
{
	[ "$1" = a ] && echo b || echo a
}

at()
{
	host=$1
	shift
	"$TROUPE" "$@" --host "$host" --state "$STATE/$host"
}

begin()
{
	# not by in_host: a function in the background is a shell, and $! that shell's number
	ip netns exec "$space$1" "$TROUPE" run "$CONFIG" --host "$1" --state "$STATE/$1" --log text >>"$STATE/log.$1" 2>&1 &
	echo $! >"$STATE/pid.$1"
	host_pids_write
}

again()
{
	at "$1" stop --yes >/dev/null
	wait "$(cat "$STATE/pid.$1")"
	begin "$1"
}

# config LINE_A LINE_B [BUS_B]: what the blocks say of keys.
config()
{
	cat >"$CONFIG" <<LUA
cluster "netns" { sockets = "$STATE/sockets" }
echo "x" {}
echo "y" {}
host "a" { address = "$address_a", bus = 9500, commands = true, $1 run = { "base/echo.x" } }
host "b" { address = "$address_b", ${3-bus = 9500,} commands = true, $2 run = { "base/echo.y" } }
LUA
}

key_new()
{
	"$TROUPE" key new "$1" --state "$STATE/$1" --json | sed 's/.*"key":"\([^"]*\)".*/\1/'
}

check()
{
	"$TROUPE" check "$CONFIG" --host a --state "$STATE/a" >"$STATE/out" 2>&1
}

# both N: within ten seconds N hosts of the two, none or both, say that they are linked. What they show may be half a
# second old.
both()
{
	sleep 0.6
	tries=0
	until [ "$(for host in a b; do at "$host" links --json; done 2>&1 | tee "$STATE/links" | grep -c '"state":"linked"')" -eq "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

# hole NAME: what that machine sends to the other reaches nobody, and no error comes back. fill NAME mends it.
hole()
{
	eval "hole_to=\$address_$(the_other "$1")"
	in_host "$1" ip neigh replace "$hole_to" lladdr $nobody dev eth0 nud permanent
}

fill()
{
	eval "hole_to=\$address_$(the_other "$1")"
	in_host "$1" ip neigh replace "$hole_to" lladdr "$(in_host "$(the_other "$1")" cat /sys/class/net/eth0/address)" \
		dev eth0 nud permanent
}

command -v ip >/dev/null || skip "there is no ip(8), of the package iproute2"
ip netns add "${space}a" 2>"$STATE/out" || skip "no network namespaces here: $(cat "$STATE/out")"
ip netns add "${space}b" && ip -n "${space}a" link add eth0 type veth peer name eth0 netns "${space}b" 2>"$STATE/out" ||
	skip "no network between namespaces here: $(cat "$STATE/out")"
for host in a b; do
	eval "ip -n $space$host address add \$address_$host/24 dev eth0"
	ip -n "$space$host" link set lo up
	ip -n "$space$host" link set eth0 up
done

config '' ''
check
grep -q 'C0208.*host "a" has no `key`' "$STATE/out" && grep -q 'C0208.*host "b" has no `key`' "$STATE/out" &&
	grep -q 'troupe key new b' "$STATE/out"
test_is $? "troupe check: hosts of two machines need keys" "$STATE/out"
key_a=$(key_new a) key_b=$(key_new b)
config "key = \"$key_a\"," "key = \"$key_a\","
check
grep -q 'C0209.*hosts "a" and "b" have the same key' "$STATE/out"
test_is $? "each one of its own" "$STATE/out"
config "key = \"$key_a\"," "key = \"$key_b\"," ''
check
grep -q 'C0207.*host "b" has no `bus` port' "$STATE/out"
test_is $? "and a port" "$STATE/out"
config "key = \"$key_a\"," "key = \"$key_b\","
check
test_is $? "with both the configuration is good" "$STATE/out"

begin a
begin b
both 2 && at a base/echo.y count >"$STATE/out" 2>&1 && at b base/echo.x count >>"$STATE/out" 2>&1
test_is $? "they link over TCP, and command each other" "$STATE/out"
in_host a cat /proc/net/tcp | grep -qi ':251C .* 01 '
test_is $? "on the port that the configuration says"

# restarts HOST...: one after the other, and they link each time.
restarts()
{
	for one in "$@"; do
		again "$one"
		both 2 || return 1
	done
}

key_next=$(key_new b)
config "key = \"$key_a\"," "key = { \"$key_next\", \"$key_b\" },"
restarts a b
test_is $? "a new key beside the old one: hosts restart one after the other" "$STATE/links"
config "key = \"$key_a\"," "key = \"$key_next\","
"$TROUPE" key drop b --state "$STATE/b" >"$STATE/out" 2>&1 && restarts b a
test_is $? "and the old one goes the same way" "$STATE/links"

# cut HOW WHAT: the network fails in that way, and both hosts notice.
cut()
{
	"$1" a
	timeout 20 "$TROUPE" base/echo.y count --host a --state "$STATE/a" >"$STATE/out" 2>&1
	grep -q 'host.b: .*(host.lost)' "$STATE/out"
	test_is $? "$2: a call in flight ends" "$STATE/out"
	both 0
	test_is $? "$2: both hosts know" "$STATE/links"
	at a base/echo.y count >"$STATE/out" 2>&1
	grep -q 'host.not_ready\|host.unreachable' "$STATE/out"
	test_is $? "$2: calls are refused at once" "$STATE/out"
}

# heal HOW WHAT: mended, they link within four seconds.
heal()
{
	before=$(date +%s)
	"$1" a
	both 2 && [ $(($(date +%s) - before)) -le 4 ] && at a base/echo.y count >"$STATE/out" 2>&1
	test_is $? "$2: heals by itself" "$STATE/out"
}

pull()
{
	ip -n "$space$1" link set eth0 down
}

plug()
{
	ip -n "$space$1" link set eth0 up
}

holes()
{
	hole a
	hole b
}

fills()
{
	fill a
	fill b
}

cut pull "unplugged for three seconds"
heal plug "unplugged for three seconds"
cut hole "one way lost"
heal fill "one way lost"
cut holes "all lost for a while"
sleep 11 # the kernel tries a connection again ever more rarely: the next time would be some ten seconds later
heal fills "all lost for a while"
kill -0 "$(host_pid_of a)" && kill -0 "$(host_pid_of b)"
test_is $? "both hosts have lived through it"
cat "$STATE/log.a" "$STATE/log.b" >"$HOST_LOG"
test_plan
