# SPDX-License-Identifier: MIT
# For tests of commands that run and end; sourced, not run. Works in the folder the test is in, where it leaves `out`.

number=0
failed=0
ok_match=-E # how TEXT is meant: -E an extended regular expression, -F the text itself

# ok NAME EXPECTED-EXIT-CODE TEXT COMMAND...: runs it; its output, kept in `out`, must hold TEXT.
ok()
{
	name=$1 want=$2 text=$3
	shift 3
	number=$((number + 1))
	"$@" >out 2>&1
	got=$?
	if [ $got -eq "$want" ] && grep -q "$ok_match" -e "$text" out; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		echo "# exit code $got, wanted $want and: $text"
		sed 's/^/# /' out
	fi
}
