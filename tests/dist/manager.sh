#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs in namespaces of its own, as process 1 of them: a systemd user manager, and under it the unit of systemd.sh.
#
#	manager.sh FOLDER BUILD SOURCE	FOLDER holds the unit and gets the results; run by unshare
#
# A user manager of root can do what the system's does but for User= and DynamicUser=. Folders that the unit hides (/tmp,
# /home) are found again in /srv, so that the unit need not be changed for the test.

folder=$1
mount --make-rshared / && mount -t tmpfs tmpfs /srv && mkdir /srv/build /srv/source /srv/test &&
	mount --bind "$2" /srv/build && mount --bind "$3" /srv/source && mount --bind "$folder" /srv/test &&
	mount -t tmpfs tmpfs /run || exit 77
# What the system's manager makes and the user's expects.
mkdir -p /run/systemd/system /run/systemd/inaccessible/dir /run/manager && chmod 700 /run/manager
XDG_RUNTIME_DIR=/run/manager HOME=/srv/test/home
export XDG_RUNTIME_DIR HOME
unset DBUS_SESSION_BUS_ADDRESS
mkdir -p "$HOME/.config/systemd/user" && cp /srv/test/troupe@.service "$HOME/.config/systemd/user" || exit 77
/lib/systemd/systemd --user --unit=basic.target --log-target=console >/srv/test/manager.log 2>&1 &
tries=100
until [ "$(systemctl --user is-system-running 2>/dev/null)" = running ]; do
	tries=$((tries - 1))
	[ $tries -gt 0 ] || exit 77
	sleep 0.1
done
unit=troupe@one

show()
{
	systemctl --user show --value -p "$1" $unit
}

# result NAME COMMAND...
result()
{
	name=$1
	shift
	if "$@" >/srv/test/out 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' /srv/test/out
		systemctl --user status $unit --no-pager -l 2>&1 | sed 's/^/# /'
	fi
}

# until_is PROPERTY VALUE SECONDS
until_is()
{
	tries=$(($3 * 10))
	until [ "$(show "$1")" = "$2" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

confined()
{
	grep -q '^NoNewPrivs:.1' "/proc/$(show MainPID)/status" && grep -q '^Seccomp:.2' "/proc/$(show MainPID)/status" &&
		grep -q '^CapBnd:.0000000000000000' "/proc/$(show MainPID)/status"
}

# Workers of low priority are of nice 10 in spite of the filter of system calls.
workers_are_nice()
{
	cat "/proc/$(show MainPID)"/task/*/stat | sed 's/.*) //' | cut -d ' ' -f 17 | grep -qx 10
}

reloads()
{
	systemctl --user reload $unit && until_is SubState running 10
}

restarts_after()
{
	kill "-$1" "$(show MainPID)" && until_is NRestarts "$2" 20 && until_is SubState running 20
}

# On the whole the host is as it was: its secret key would lie here.
credential()
{
	root=/proc/$(show MainPID)/root
	cat "$root"/run/manager/credentials/$unit.service/one.key
}

result "it starts, and is ready when systemctl says so" systemctl --user start $unit
result "the status line says so too" [ "$(show StatusText)" = "11 of 11 ready" ]
result "it runs without privileges" confined
result "and with them it needs none: workers are nice" workers_are_nice
result "its key is where it can read it" credential
result "it reloads" reloads
result "stopped in its tracks, the watchdog ends it and it comes back" restarts_after STOP 1
result "killed, it comes back" restarts_after KILL 2
result "it stops" systemctl --user stop $unit
result "and that is a success" [ "$(show Result)" = success ]
systemctl --user exit
