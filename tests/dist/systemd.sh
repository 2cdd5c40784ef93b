#!/bin/sh
# SPDX-License-Identifier: MIT
# The unit for systemd: what systemd-analyze thinks of it, and, with MANAGER=1, a game that runs under it (manager.sh).

: "${top_srcdir:=.}" "${top_builddir:=.}" "${TMPDIR:=/tmp}"
work=$(mktemp -d) || exit 99
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
count=0
failed=0

# verdict STATUS NAME [FILE]
verdict()
{
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		failed=1
		echo "not ok $count - $2"
		[ ! -f "$3" ] || sed 's/^/# /' "$3"
	fi
}

skip()
{
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# unit BINDIR [SED-SCRIPT]
unit()
{
	sed -e "s|[@]bindir[@]|$1|g" -e "$2" "$top_srcdir/dist/systemd/troupe@.service.in"
}

analyze()
{
	program=$(cd "$top_builddir" && pwd)
	unit "$program" '' >"$work/troupe@one.service"
	systemd-analyze verify --man=no "$work/troupe@one.service" >"$work/out" 2>&1 && [ ! -s "$work/out" ]
	verdict $? "the unit says what systemd understands" "$work/out"
	systemd-analyze security --no-pager --offline=true --threshold=20 "$work/troupe@one.service" >"$work/out" 2>&1
	verdict $? "systemd-analyze security gives it 2.0 or less" "$work/out"
	sed -n 's/.*Overall exposure level/# exposure level/p' "$work/out"
	# what it finds wrong, it must be able to find
	unit "$program" '/^System\|^Protect\|^Restrict/d' >"$work/troupe@one.service"
	! systemd-analyze security --no-pager --offline=true --threshold=20 "$work/troupe@one.service" >"$work/out" 2>&1
	verdict $? "without its protections it would not pass" "$work/out"
}

# The same unit, for a user manager: other paths, less patience.
managed()
{
	mkdir "$work/test" &&
		sed -e 's/"tcp:[^"]*"/"tcp:\/\/127.0.0.1:0"/' -e 's/metrics = [0-9]*/metrics = 0/' \
			-e 's|"../scripts|"/srv/source/scripts|' "$top_srcdir/conf/standalone.lua" >"$work/test/game.lua"
	echo "a secret key" >"$work/test/one.key"
	unit /srv/build "/^DynamicUser=/d; /^User=/d; s|/etc/troupe/game.lua|/srv/test/game.lua|
		s/^WatchdogSec=.*/WatchdogSec=2s/; s/^RestartSec=.*/RestartSec=100ms/
		s|:troupe-%i.key|:/srv/test/one.key|
		/^Type=/a StandardError=append:/srv/test/log" >"$work/test/troupe@.service"
	unshare --mount --pid --fork --mount-proc sh "$top_srcdir/tests/dist/manager.sh" "$work/test" \
		"$(cd "$top_builddir" && pwd)" "$(cd "$top_srcdir" && pwd)" >"$work/results" 2>"$work/errors"
	code=$?
	while IFS= read -r line; do
		case $line in
		'ok - '*) verdict 0 "${line#ok - }" ;;
		'not ok - '*) verdict 1 "${line#not ok - }" ;;
		*) echo "$line" ;;
		esac
	done <"$work/results"
	if [ $code -eq 77 ]; then
		skip "a game under a manager" "no namespaces, or no user manager here"
		sed 's/^/# /' "$work/errors" "$work/test/manager.log"
	else
		verdict $code "the manager ran to its end" "$work/errors"
	fi
	[ $failed -eq 0 ] || sed 's/^/# /' "$work/test/log"
}

if command -v systemd-analyze >/dev/null; then
	analyze
else
	skip "the unit" "systemd-analyze is not here"
fi
if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true 2>/dev/null; then
	skip "a game under a manager" "only root can make namespaces here"
elif [ ! -x /lib/systemd/systemd ] || [ ! -d /srv ]; then
	skip "a game under a manager" "systemd is not installed"
elif [ -z "$MANAGER" ]; then
	skip "a game under a manager" "not asked for with MANAGER=1: job control of the shell around it may stop it"
elif [ -z "$PLAIN" ]; then
	skip "a game under a manager" "sanitizers need memory that the unit forbids"
else
	managed
fi
echo "1..$count"
exit $failed
