#!/bin/sh
# SPDX-License-Identifier: MIT
# The commands that look at a configuration, ports, tree and limits; and init, which makes one.

. "$top_srcdir/tests/support/ok.sh"

# without NAME TEXT: the output of the last command does not hold it.
without()
{
	number=$((number + 1))
	if grep -qE -e "$2" out; then
		failed=1
		echo "not ok $number - $1"
		sed 's/^/# /' out
	else
		echo "ok $number - $1"
	fi
}

conf=$(cd "$top_srcdir/conf" && pwd)
cd "$TMPDIR" || exit 99
unset TROUPE_STATE

ok "ports: of players" 0 '^tcp://127.0.0.1:9322 +meadow/frontend.fe1 +players +this machine$' \
	"$TROUPE" ports "$conf/production.lua"
ok "ports: of the bus" 0 '^tcp://10.1.2.3:9500 +host data +other hosts +private network$' \
	"$TROUPE" ports "$conf/production.lua" --set host.address=10.1.2.3 --set host.key=
ok "ports: metrics" 0 '^tcp://127.0.0.1:9464 +host one +Prometheus' "$TROUPE" ports "$conf/standalone.lua"
ok "ports: --public" 0 '9340 +base/account +players' "$TROUPE" ports --public "$conf/standalone.lua"
without "ports: --public leaves out the others" 9464
ok "ports: of one host" 0 9323 "$TROUPE" ports "$conf/production.lua" --host front2
without "ports: not of another" 9322
ok "ports: as JSON" 0 '"port":9466,.*"host":"front","public":false,"for":"Prometheus","reach":"this machine"' \
	"$TROUPE" ports --json "$conf/test.lua"
printf 'echo {} host "a" { address = "8.8.8.8", bus = 9500 }' >public.lua
ok "ports: everybody" 0 '^tcp://8.8.8.8:9500 +host a +other hosts +everybody$' "$TROUPE" ports public.lua
ok "ports: and what is wrong with that" 0 C0214 "$TROUPE" ports public.lua
ok "ports: no file" 2 "which file" "$TROUPE" ports
ok "ports: wrong option" 2 "Did you mean '--public'" "$TROUPE" ports --pubic x.lua
ok "ports: bad configuration" 3 C0100 "$TROUPE" ports gone.lua

ok "tree: of a configuration" 0 '^  meadow/mechanics.m2 +world2$' "$TROUPE" tree "$conf/production.lua"
ok "tree: as JSON" 0 '"part":"shard:meadow","instances":.*"meadow/frontend.fe1","role":"frontend","host":"front",.*"state":null' \
	"$TROUPE" tree --json "$conf/test.lua"
KEY_A=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
KEY_B=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=
cat >far.lua <<END
echo {} echo "x" {}
host "a" { bus = 9500, key = "$KEY_A", run = "base/echo.x", address = "127.0.0.1" }
host "b" { bus = 9500, key = "$KEY_B", run = {}, address = "192.0.2.1" }
END
printf 'echo {} echo "x" {} host "a" { run = "base/echo.x" }' >nowhere.lua
ok "tree: what runs nowhere" 0 '^  base/echo +\(none\)$' "$TROUPE" tree nowhere.lua
ok "tree: nothing runs" 4 "no host runs" "$TROUPE" tree --state "$TMPDIR/nothing"

ok "limits: enough" 0 '^host front +open files \(ulimit -Hn\) +84 +[0-9]+$' "$TROUPE" limits --ccu 8 "$conf/test.lua"
without "limits: nothing is too low" "too low"
ok "limits: of a shard" 1 '^base/master +shards.meadow.limit +501 +500  too low$' "$TROUPE" limits --ccu 501 "$conf/standalone.lua"
ok "limits: how to raise it" 1 '^base/master, shards.meadow.limit: raise it' "$TROUPE" limits --ccu 501 "$conf/standalone.lua"
ok "limits: of two front-ends" 1 '^meadow/frontend.fe2 +max_clients +5001 +5000  too low$' \
	"$TROUPE" limits --ccu 10001 "$conf/production.lua"
ok "limits: of one address" 1 "^base/account, limits.per_network: players behind a TLS front" \
	"$TROUPE" limits --ccu 9 "$conf/standalone.lua"
ok "limits: as JSON" 1 '"ccu":501,"enough":false,.*"need":501,"have":500,"unit":"count","enough":false,"raise":"raise it' \
	"$TROUPE" limits --ccu=501 "$conf/standalone.lua" --json
ok "limits: open files" 1 '^host one +open files \(ulimit -Hn\) +[0-9]+ +700  too low$' \
	sh -c 'ulimit -n 700; exec "$TROUPE" limits --ccu 101 "$1"' sh "$conf/standalone.lua"
ok "limits: how to raise them" 1 'LimitNOFILE=[0-9]+ in its unit' \
	sh -c 'ulimit -n 700; exec "$TROUPE" limits --ccu 101 "$1"' sh "$conf/standalone.lua"
ok "limits: another machine" 0 'host b is on another machine \(192.0.2.1\)' "$TROUPE" limits --ccu 10 far.lua
without "limits: whose bounds are not these" '^host b +open'
ok "limits: unless asked" 0 '^host b +open' "$TROUPE" limits --ccu 10 far.lua --host b
ok "limits: of how many" 2 "how many players" "$TROUPE" limits "$conf/test.lua"
ok "limits: of a word" 2 "how many players" "$TROUPE" limits --ccu many "$conf/test.lua"
ok "limits: no file" 2 "which file" "$TROUPE" limits --ccu 5

# What init copies stands beside the program or is installed; a build elsewhere has neither yet (tests/install.sh has).
if [ ! -e "$(dirname "$TROUPE")/conf/standalone.lua" ]; then
	echo "1..$number"
	exit $failed
fi
mkdir sub
ok "init" 0 '^next:  cd mygame$' "$TROUPE" init mygame
ok "init: its files" 0 '^mygame/scripts/welcome.lua$' find mygame
cd mygame || exit 99
ok "init: it is good" 0 'good; [0-9]+ instances on 1 host' "$TROUPE" check game.lua \
	--set base/account.listen=tcp://127.0.0.1:0 --set meadow/frontend.fe1.listen=tcp://127.0.0.1:0
ok "init: it has its name" 0 '^cluster "mygame"' "$TROUPE" check game.lua --offline --show-effective
ok "init: its own rules" 0 "scripts += \"$PWD/scripts\"" "$TROUPE" check game.lua --offline --show-effective
ok "init: its host's key" 0 '^600 .*one.key$' stat -c '%a %n' data/keys/one.key
grep -n 'standalone\|[.][.]/' game.lua >leads
ok "init: nothing leads out of it" 0 '^0 ' wc -l leads
ok "init: the settings of editors lead to the types" 0 '"workspace.library": \["types"\],$' cat .luarc.json
"$TROUPE" api lua --types >leads
ok "init: the types they lead to are those of this program" 0 '^$' sh -c 'cmp types/game.d.lua leads && echo'
ok "init: the types are those of the module that rules require" 0 '^---@meta game$' head -1 types/game.d.lua
ok "init: its rules pass their tests" 0 '^[1-9][0-9]* passed, 0 failed' "$TROUPE" script test
cd ..
ok "init: nothing is overwritten" 1 'mygame: it is there already' "$TROUPE" init mygame
ok "init: a folder there is not" 1 'No such file' "$TROUPE" init gone/mygame
ok "init: no name" 2 "a-z, 0-9 and _" "$TROUPE" init my-game
ok "init: as JSON" 0 '"folder":"sub/other",' "$TROUPE" init --json sub/other/
ok "init: which" 2 "which name" "$TROUPE" init
ok "init: nothing else is left" 0 '^mygame sub $' sh -c 'ls -d mygame sub .[a-z]*.* 2>/dev/null | tr "\n" " "'

echo "1..$number"
exit $failed
