#!/bin/sh
# SPDX-License-Identifier: MIT
# The map of the client in a terminal of its own: a password that is not shown, keys that walk and talk, and the terminal
# as it was afterwards.
. "${top_srcdir:-.}/tests/e2e/lib.sh"

screen=$STATE/screen keys=$STATE/keys

# shows TEXT: waits until the terminal has been sent it.
shows()
{
	tries=0
	until grep -qF -e "$1" "$screen"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

host_start --set base/account.password.memory=8kb --set base/account.password.ops=1
test_is $? "the game starts" "$HOST_LOG"
mkfifo "$keys"
: >"$screen"
TERM=xterm
export TERM
# util-linux: runs a command in a terminal of its own; what it is given is typed there
script -qefc "stty rows 24 cols 80; '$TROUPE' client --connect 127.0.0.1:$(cat "$PORT_FILE") --as ann; echo code \$?; stty -a" \
	"$screen" <"$keys" >/dev/null 2>&1 &
terminal=$!
exec 3>"$keys"
shows "password: "
test_is $? "it asks for the password" "$screen"
printf 'a-long-password\r' >&3
shows "q quit"
test_is $? "the map is there" "$screen"
shows "Ann  "
test_is $? "with the avatar's name" "$screen"
! grep -qF a-long-password "$screen"
test_is $? "the password was not shown" "$screen"
printf 'thello there\r' >&3
shows "Ann: hello there"
test_is $? "what was said is heard" "$screen"
printf ':act wave\r' >&3
shows "you wave"
test_is $? "a typed verb does what it says" "$screen"
printf 'kk\033[C' >&3
tries=0
until [ "$(grep -ao 'Ann  [-0-9]*, [-0-9]*, ' "$screen" | sort -u | wc -l)" -gt 1 ] || [ $tries -eq 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
[ $tries -lt 100 ]
test_is $? "keys walk" "$screen"
printf 'q' >&3
shows "code 0"
test_is $? "q ends it" "$screen"
wait "$terminal"
exec 3>&-
grep -q ' icanon' "$screen" && grep -q ' echo ' "$screen" && grep -qF "$(printf '\033[?1049l')" "$screen"
test_is $? "the terminal is as it was" "$screen"
"$TROUPE" client --connect "127.0.0.1:$(cat "$PORT_FILE")" --as ann >"$STATE/plain" 2>&1 <<END
a-long-password
look
lok
dance
buy lantern
END
grep -q '^you are Ann at ' "$STATE/plain" && grep -q '^you are at ' "$STATE/plain"
test_is $? "without a terminal it takes lines" "$STATE/plain"
grep -qE '^  [a-z]+ at ' "$STATE/plain" && ! grep -qE '^  ([a-z]+) \1 at ' "$STATE/plain"
test_is $? "what has no name of its own is called what it is" "$STATE/plain"
grep -qF "no verb 'lok'. Did you mean 'look'?" "$STATE/plain" &&
	grep -qF "no verb 'dance'. If the rules offer it: act dance." "$STATE/plain"
test_is $? "a verb that is nearly right, and one that is none" "$STATE/plain"
grep -qF 'buy refused: you have too little money; `balance` shows it (billing.insufficient)' "$STATE/plain"
test_is $? "a refusal has words" "$STATE/plain"
echo wrong-password | "$TROUPE" client --connect "127.0.0.1:$(cat "$PORT_FILE")" --as ann >"$STATE/plain" 2>&1
[ $? -eq 1 ] && grep -qF 'no account has that name and that password (WRONG_AUTH_INFO)' "$STATE/plain"
test_is $? "a wrong password is refused" "$STATE/plain"
host_stop
test_is $? "the game stops" "$HOST_LOG"
test_plan
