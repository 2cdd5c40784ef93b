#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line: words, exit codes, and what `troupe check` sees of the machine.

. "$top_srcdir/tests/support/ok.sh"
ok_match=-F

cd "$TMPDIR" || exit 99
TROUPE_PLUGINS=$TROUPE_FIXTURES
export TROUPE_PLUGINS

ok "no command" 2 "usage: troupe" "$TROUPE"
ok "help" 0 "check" "$TROUPE" help
ok "version" 0 "troupe " "$TROUPE" --version
ok "wrong command" 2 "no command 'chekc'. Did you mean 'check'?" "$TROUPE" chekc
ok "a role's command without a host" 2 "no command 'world', and no host runs here" "$TROUPE" world pause
ok "help of a command" 0 "exit code" "$TROUPE" check --help
ok "wrong argument" 2 "Did you mean '--json'?" "$TROUPE" check --jsn x.lua
ok "missing value" 2 "--host needs a value" "$TROUPE" check x.lua --host
ok "no file" 2 "which file" "$TROUPE" check
ok "file that is not there" 3 "C0100" "$TROUPE" check gone.lua
ok "explain" 0 "unknown option" "$TROUPE" explain c0103
ok "explain nothing" 2 "no code" "$TROUPE" explain C9999

ok "key of nobody" 2 "which host" "$TROUPE" key new
ok "key of a wrong name" 2 "is no name of a host" "$TROUPE" key new ../front
ok "key that is not there" 1 "troupe key new front --state keys" "$TROUPE" key show front --state keys
ok "new key" 0 'host "front" { key = "' "$TROUPE" key new front --state keys
ok "new key twice" 0 '"former":"' "$TROUPE" key new front --state keys --json
ok "new key a third time" 1 "troupe key drop front" "$TROUPE" key new front --state keys
ok "both keys" 0 'key = { "' "$TROUPE" key show front --state keys
ok "former key dropped" 0 "is forgotten" "$TROUPE" key drop front --state keys
ok "no former key" 0 '"former":null' "$TROUPE" key drop front --state keys --json

echo 'every { tick = "20ms" }' >good.lua
ok "good" 0 "good; 1 instances on 1 host" "$TROUPE" check good.lua
ok "good as JSON" 0 '"errors":0' "$TROUPE" check good.lua --json
ok "effective" 0 "good.lua:1" "$TROUPE" check good.lua --show-effective
ok "effective as JSON" 0 '"origin": "default"' "$TROUPE" check good.lua --show-effective --json
ok "set" 0 "command line" "$TROUPE" check good.lua --show-effective --set base/every.tick=30ms
ok "no such host" 3 "C0200" "$TROUPE" check good.lua --host nope

mkdir rules
echo 'local x = 1' >rules/a.lua
echo 'every { source = "rules" }' >rules.lua
ok "scripts that compile" 0 "good" "$TROUPE" check rules.lua
printf 'local x = 1\nlocal y = = 2\n' >rules/b.lua
ok "script that does not" 3 "b.lua:2" "$TROUPE" check rules.lua
ok "not looked at" 0 "good" "$TROUPE" check rules.lua --offline
printf '\033LuaS' >rules/b.lua
ok "binary script" 3 "S0102" "$TROUPE" check rules.lua
echo 'every { source = "gone" }' >gone_source.lua
ok "source that is not there" 3 "C0304" "$TROUPE" check gone_source.lua
ok "state folder that cannot be" 3 "C0302" "$TROUPE" check good.lua --state "$TMPDIR/good.lua/state"

# Something that listens: lua has no sockets, so troupe's own test program for it is perl, which Debian always has.
perl -MIO::Socket::INET -e '
	$| = 1; my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
	print $s->sockport, "\n"; sleep 60' >port &
holder=$!
while [ ! -s port ]; do sleep 0.1; done
echo "every { listen = \"tcp://:$(cat port)\" }" >busy.lua
ok "address in use" 3 "error[C0301]: cannot listen on tcp://127.0.0.1:$(cat port): in use" "$TROUPE" check busy.lua
ok "who holds it" 3 "in use by perl, pid $holder" "$TROUPE" check busy.lua
ok "what to do while it runs" 3 'check --offline' "$TROUPE" check busy.lua
ok "and that does it" 0 "good" "$TROUPE" check busy.lua --offline
kill "$holder"
echo 'every { listen = "tcp://192.0.2.1:5" }' >public.lua
ok "not loopback" 3 "HAProxy" "$TROUPE" check public.lua

# Placement decides what a host may be asked; a bad plugin is refused with its place.
echo 'bad_major {}' >bad.lua
ok "bad plugin" 3 "built for contract 2.7, this host speaks 1." "$TROUPE" check bad.lua
ok "run refuses the same" 3 "P0007" "$TROUPE" run bad.lua
ok "run without file" 2 "which configuration" "$TROUPE" run

# A running host: a create that fails stops nothing else; a hangup applies what is live and says what is not.
# said TEXT: waits until the host has said it.
said() {
	number=$((number + 1))
	for _ in $(seq 100); do
		if grep -qF -e "$1" err; then
			echo "ok $number - says: $1"
			return
		fi
		sleep 0.1
	done
	failed=1
	echo "not ok $number - says: $1"
	sed 's/^/# /' err
}
printf 'bad_create {}\nevery {}\n' >run.lua
"$TROUPE" run run.lua --state state 2>err &
host=$!
said "the create of this plugin always fails"
said "1 of 2 instances are ready"
printf 'bad_create {}\nevery { tick = "20ms" }\n' >run.lua
kill -HUP $host
said '`tick` has changed, which needs a restart'
echo 'every { tik = 1 }' >run.lua
kill -HUP $host
said "unknown option \`tik\` of every (run.lua:1)"
said "reload refused, nothing was changed"
printf 'bad_create {}\n' >run.lua
kill -HUP $host
said "its block is gone from the configuration"
kill -TERM $host
wait $host
status=$?
number=$((number + 1))
mode=$(stat -c %a state)
if [ $status -eq 0 ] && [ "$mode" = 700 ]; then
	echo "ok $number - stops as told, state folder 700"
else
	failed=1
	echo "not ok $number - stops as told, state folder 700"
	echo "# exit code $status, mode $mode"
fi
echo "1..$number"
exit $failed
