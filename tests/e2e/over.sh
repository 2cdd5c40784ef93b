# SPDX-License-Identifier: MIT
# Runs the scenarios of one process over the hosts of another configuration; sourced, with TOPOLOGY set.
# Their results become one list.

export TOPOLOGY
: "${top_srcdir:=.}"
results=$(mktemp) || exit 99
trap 'rm -f "$results"' EXIT
number=0
failed=0
for scenario in play stop trace reload bots; do
	"${SHELL:-sh}" "$top_srcdir/tests/e2e/$scenario.sh" >"$results" 2>&1
	code=$?
	while IFS= read -r line; do
		case $line in
		'ok '*) number=$((number + 1)) && echo "ok $number - $scenario: ${line#* - }" ;;
		'not ok '*) number=$((number + 1)) && failed=1 && echo "not ok $number - $scenario: ${line#* - }" ;;
		1..*) ;;
		*) echo "# ${line#\# }" ;;
		esac
	done <"$results"
	number=$((number + 1))
	if [ $code -eq 0 ] && grep -q '^1\.\.' "$results"; then
		echo "ok $number - $scenario.sh came to its end"
	else
		failed=1
		echo "not ok $number - $scenario.sh ended with $code"
	fi
done
echo "1..$number"
exit $failed
