#!/bin/sh
# SPDX-License-Identifier: MIT
# A host's key is changed as `troupe key --help` says, while its link carries on; who has only the former key is left outside.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

CONFIG=$STATE/keys.lua
STATE_OF=$STATE/data

# config KEY: host "a" has that key, one or two.
config()
{
	cat >"$CONFIG" <<END
cluster "keys" {}
echo "x" {}
echo "y" {}
host "a" { run = { "base/echo.x" }, key = { $1 } }
host "b" { run = { "base/echo.y" }, key = "$key_b" }
END
}

begin()
{
	"$TROUPE" run "$CONFIG" --host "$1" --state "$STATE_OF" --log text >>"$HOST_LOG" 2>&1 &
	helper_pids="$helper_pids $!"
}

# links HOST PATTERN: within five seconds the link of this host looks so.
links()
{
	tries=0
	until operator links --host "$1" --json >"$STATE/links" 2>&1 && grep -q "$2" "$STATE/links"; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || return 1
		sleep 0.1
	done
}

sessions()
{
	operator links --host a --json | sed 's/.*"sessions":\([0-9]*\).*/\1/'
}

# reloads HOST...: each in turn, and the link has a new session after the last.
reloads()
{
	before=$(sessions)
	for name in "$@"; do
		operator reload --host "$name" >/dev/null
	done
	tries=0
	while [ "$(sessions)" -le "$before" ] && [ $tries -lt 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	[ "$(sessions)" -gt "$before" ] && links a '"state":"linked".*"lost":0,' && links b '"state":"linked".*"lost":0,'
}

key_a=$(operator key new a 2>/dev/null)
key_b=$(operator key new b 2>/dev/null)
config "\"$key_a\""
begin a
begin b
b=$!
links a '"state":"linked"' && links b '"state":"linked"'
test_is $? "two hosts link with the keys of their blocks" "$STATE/links"

key_new=$(operator key new a --json | sed 's/.*"key":"\([^"]*\)".*/\1/')
config "\"$key_new\", \"$key_a\""
reloads b a
test_is $? "the new key comes into use without a break" "$STATE/links"
config "\"$key_new\""
reloads b a
test_is $? "and the old one goes" "$STATE/links"
operator key drop a >/dev/null 2>&1 && reloads a
test_is $? "and is forgotten" "$STATE/links"

chmod 644 "$STATE_OF/keys/a.key"
operator reload --host a >/dev/null
grep -q "the keys stay as they are: .*/keys/a.key: others may use it (mode 644); chmod 600 it" "$HOST_LOG"
test_is $? "a key file that others may read is refused, with a remedy" "$HOST_LOG"
chmod 600 "$STATE_OF/keys/a.key"
links a '"state":"linked".*"lost":0,'
test_is $? "and the link goes on" "$STATE/links"

# b, as if it had missed the change: it knows only the former key of a
operator stop --yes --host b >/dev/null
wait "$b"
config "\"$key_a\""
begin b
sleep 3
links b '"state":"away"' && links a '"state":"away"\|"state":"silent"'
test_is $? "who knows only the former key is left outside" "$STATE/links"
config "\"$key_new\""
operator reload --host b >/dev/null
links b '"state":"linked"' && links a '"state":"linked"'
test_is $? "until its configuration is mended and reloaded" "$STATE/links"
test_plan
