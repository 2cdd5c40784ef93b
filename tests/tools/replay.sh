#!/bin/sh
# SPDX-License-Identifier: MIT
# `troupe replay`: the recorded world again, stops at lines of its rules, and what is wrong with options and recordings.

. "$top_srcdir/tests/support/ok.sh"
exec </dev/null

# verdict STATUS NAME: one TAP line, with what was printed if it failed.
verdict()
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		sed 's/^/# /' out
	fi
}

# answers NAME ANSWERS TEXT COMMAND...: the same with what somebody types at the prompt.
answers()
{
	name=$1 typed=$2 text=$3
	shift 3
	printf "$typed" | "$@" >out 2>&1
	[ $? -eq 0 ] && grep -qE -e "$text" out
	verdict $? "$name: wanted: $text"
}

# shown N: so many stops are in the output.
shown()
{
	[ "$(grep -c '^  = called:' out)" -eq "$1" ]
	verdict $? "$name: $1 are shown"
}

top=$(cd "${top_srcdir:-.}" && pwd)
troupe=$(pwd)/troupe
make=$(pwd)/tests/tools/make_recording
cd "$TMPDIR" || exit 99
cp -R "$top/tests/tools/replay" game
"$make" rec game 200 || exit 99
replay="$troupe replay rec --quiet"

ok "without stops" 0 '^ticks 101 to 300 .*digest' $replay
digest=$(sed -n 's/^ticks.*digest //p' out)
! grep -q DIFFERS out && [ "$(grep -c 'as recorded' out)" -eq 10 ]
verdict $? "each digest is as recorded"
ok "in three owners" 0 "^ticks .*digest $digest" $replay --owners 3
ok "errors of rules say how to stop there" 0 'help: troupe replay rec --break game/game.lua:40' $replay

# --- where it stops, and what it shows ---
ok "a stop shows place and tick" 0 '^game/game.lua:18 in monster "rabbit".think, gen 12, tick [0-9]+, stage 1$' $replay --break game.lua:18
shown 10
ok "the lines around it" 0 '^>   18 \|.*self.state.hops = ' $replay --break game.lua:18
ok "whom it is about" 0 '^  = entity [0-9]+ \(rabbit\) at \(' $replay --break game.lua:18
ok "its variables" 0 '^    goal = \{ x = .*y = .*z = ' $replay --break game.lua:18
ok "an entity with its state" 0 '^    self = rabbit .* 9 hp, state \{ hops = [0-9]+ \}$' $replay --break game.lua:18
ok "what is around the function" 0 '^    steps = \{ 1, 2, near = 3 \}$' $replay --break game.lua:18
ok "who called" 0 '^    game/game.lua:18: in ' $replay --break game.lua:10 --break-limit 3
shown 3
ok "stops that are not shown are counted" 0 '^game.lua:10 was reached [0-9]{4,} times, and not shown each time' $replay --break game.lua:10
ok "none need be shown" 0 '^game.lua:18 was reached [1-9][0-9]* times' $replay --break game.lua:18 --break-limit 0
shown 0
ok "two lines, up to a tick" 0 '^ticks 101 to 130 ' $replay --break game.lua:18 --break game/game.lua:39 --until 130
ok "while the rules are loaded" 0 '^game/game.lua:4 in its body, gen 12, while the rules are loaded' $replay --break game.lua:4

# --- it changes nothing: also for a rule that runs out of its budget in the loop ---
for line in 7 10 18 27 31 39 40; do
	ok "stops at line $line change no digest" 0 "^ticks .*digest $digest\$" $replay --break game.lua:$line --break-limit 100
	! grep -q DIFFERS out && [ "$(grep -c 'as recorded' out)" -eq 10 ]
	verdict $? "none of them"
done
ok "nor in three owners" 0 "^ticks .*digest $digest\$" $replay --break game.lua:31 --break game.lua:18 --owners 3
answers "nor do steps" "$(yes s | head -n 300 | tr '\n' ' ' | sed 's/ /\\n/g')c\\n" "^ticks .*digest $digest\$" \
	$replay --interactive --break game.lua:18 --break-limit 300

# --- lines and scripts that there are not ---
ok "an empty line" 3 'game.lua:8: line 8 is empty; the next line with code is 10$' $replay --break game.lua:8
ok "a comment" 3 'game.lua:9: line 9 is a comment; the next line with code is 10$' $replay --break game.lua:9
ok "the first line" 3 'game.lua:1: line 1 is a comment; the next line with code is 3$' $replay --break game.lua:1
ok "a line without code of its own" 3 'line 26 has no code of its own; the next line with code is 27$' $replay --break game.lua:26
ok "behind the end" 3 'line 400 is empty; there is no code behind it' $replay --break game.lua:400
ok "a script that there is not" 3 'have no such script; they have game/game.lua$' $replay --break gone.lua:4
ok "no line" 2 'it takes SCRIPT:LINE, like' $replay --break game.lua
ok "a line that is none" 2 'it takes SCRIPT:LINE, like' $replay --break game.lua:four
ok "line 0" 2 'it takes SCRIPT:LINE, like' $replay --break game.lua:0

# --- the prompt ---
prompt="$replay --interactive --break game.lua:18"
answers "an expression" 'p goal.x < 1000, steps.near, #steps\n' '^\(replay\) true, 3, 2$' $prompt
answers "the world of the rules" 'p g.now() > 0, #find("rabbit") > 0\n' '^\(replay\) true, true$' $prompt
answers "an error of it" 'p nothing.at_all\n' "there is no global 'nothing'" $prompt
answers "it has the budget of a rule" 'p (function() while true do end end)()\n' 'error\[S0420\]' $prompt
answers "it changes nothing" 'p (function() goal.x = 99 self.state.hops = 1e6 return goal.x end)()\np goal.x ~= 99\n' '^\(replay\) true$' $prompt
answers "nor later" 'p self:walk_to(goal)\np math.random(9)\nc\n' "^ticks .*digest $digest\$" $prompt
answers "a step" 's\nq\n' 'game/game.lua:7 in monster "rabbit".think' $prompt
answers "the next tick" 'n\nq\n' 'tick 1[0-9]*, stage' $prompt
shown 2
answers "help" 'what\n' '^q  quit$' $prompt
answers "quitting ends in that tick" 'q\n' '^ticks 101 to 1[0-2][0-9] ' $prompt
shown 1
answers "the end of the input goes on" '' "^ticks .*digest $digest\$" $prompt

# --- options ---
for until in now -1 "" 1e3 99999999999999999999; do
	ok "--until $until" 2 '--until takes a number from' $replay --until "$until"
done
for until in 0 100 301; do
	ok "--until $until" 2 "--until takes a tick from 101 to 300, which are recorded, not $until" $replay --until $until
done
ok "--until the first" 0 '^ticks 101 to 101 ' $replay --until 101
for owners in 0 17 two; do
	ok "--owners $owners" 2 "--owners takes a number from 1 to 16, not .$owners" $replay --owners $owners
done
ok "--break-limit of a word" 2 '--break-limit takes a number' $replay --break-limit many
ok "a wrong option is named" 2 "Did you mean '--until'" $replay --untli 5

# --- as many scripts as a world may have ---
mkdir many
for i in $(seq 100 398); do
	echo '-- SPDX-License-Identifier: MIT' >many/a$i.lua
done
cp game/game.lua many/z.lua
"$make" many.rec many 60 && "$make" files.rec many 20 4 && "$make" pages.rec game 20 33 || exit 99
ok "300 scripts, of which the last counts" 0 '^ticks 101 to 160' $troupe replay many.rec --quiet
! grep -q DIFFERS out && [ "$(grep -c 'as recorded' out)" -eq 3 ]
verdict $? "they are those of the recording"
ok "more scripts than a world has" 3 'more than 1000 scripts' $troupe replay files.rec --quiet
ok "more pages than a world has" 3 'more than 32 pages of rules' $troupe replay pages.rec --quiet

# --- recordings that are not whole ---
size=$(wc -c <rec)

# flip BYTE FILE: a copy of the recording in which one bit of this byte is another.
flip()
{
	byte=$(od -An -tu1 -j "$1" -N 1 rec | tr -d ' ')
	cp rec "$2"
	printf "\\$(printf %o $((byte ^ 16)))" | dd of="$2" bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# refused NAME BYTE: bad is refused, a byte at or before BYTE is named, and what it says can be replayed is the same world.
refused()
{
	"$troupe" replay bad --quiet >out 2>&1
	[ $? -eq 3 ] || return 1
	grep -q 'no recording\|damaged in its first line\|a recording of version' out && [ "$2" -lt 20 ] && return 0
	named=$(sed -n 's/.* byte \([0-9]*\).*/\1/p' out)
	[ -n "$named" ] && [ "$named" -le "$2" ] || return 1
	until=$(sed -n 's/.* can be replayed with --until \([0-9]*\)$/\1/p' out)
	[ -n "$until" ] || { grep -q 'nothing can be replayed' out && return 0; }
	"$troupe" replay bad --quiet --until "$until" >out 2>&1 || return 1
	untils=$((untils + 1))
	"$troupe" replay rec --quiet --until "$until" | sed -n 's/^ticks.*digest //p' >whole
	! grep -q DIFFERS out && grep -q "^ticks 101 to $until .*digest $(cat whole)\$" out
}

# each WHAT STEP COMMAND...: tries COMMAND BYTE for bytes all over the file.
each()
{
	what=$1 step=$2 wrong=0 tries=0 untils=0 at=3
	shift 2
	while [ $at -lt "$size" ]; do
		"$@" $at
		tries=$((tries + 1))
		refused "$what" $at || { wrong=1 && break; }
		at=$((at + step))
	done
	verdict $wrong "$what at each of $tries places are named, and what is before is replayed"
	[ $untils -gt $((tries / 4)) ]
	verdict $? "most of it can be: $untils of $tries"
}

cut()
{
	head -c "$1" rec >bad
}
damage()
{
	flip "$1" bad
}
each "a flipped bit" 97 damage
each "a cut" 97 cut
cp rec bad && echo more >>bad
ok "bytes behind the end" 3 "there are bytes behind its end, which is byte $size" "$troupe" replay bad --quiet
head -c $((size - 20)) rec >bad
ok "without its end" 3 "it is cut off at byte $((size - 20)): its end is missing; .* --until 299" "$troupe" replay bad
ok "which is as far as it can be" 2 '--until takes a tick from 101 to 299' "$troupe" replay bad --until 300
{ echo 'troupe recording 1' && tail -n +2 rec; } >bad
ok "an old one" 3 'bad: a recording of version 1, and this program reads version 2' "$troupe" replay bad
ok "none" 3 'this is no recording: .troupe record. makes one' "$troupe" replay "$troupe"
ok "no file" 3 'gone: No such file' "$troupe" replay gone
echo "1..$number"
