#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# Keeps the layering true: who includes whom, what the contract's headers need, what plugins show.

cd "$top_srcdir" || exit 99
number=0
failed=0

# verdict NAME STATUS: one TAP line; what was wrong has been printed before it as comments.
verdict()
{
	number=$((number + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		failed=1
	fi
}

sources()
{
	find "$@" -type f -name '*.[ch]' ! -name '*.pb-c.[ch]' ! -name '*.stub.[ch]' | LC_ALL=C sort
}

includes()
{
	# shellcheck disable=SC2046
	grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null $(sources "$@")
}

# header_alone COMPILER LANGUAGE STANDARD HEADER
header_alone()
{
	out=$(printf '#include "%s"\n' "$4" |
		$1 -x "$2" -std="$3" -Wall -Wextra -pedantic -Werror -fsyntax-only -Iabi - 2>&1)
	status=$?
	[ $status -eq 0 ] || printf '%s\n' "$out" | sed 's/^/# /'
	return $status
}

# shows_one FILE: the plugin's dynamic symbols are troupe_entry and nothing else.
shows_one()
{
	shown=$(nm -D --defined-only "$1" | awk '{ print $3 }' | tr '\n' ' ')
	[ "$shown" = "troupe_entry " ] && return 0
	echo "# $1 shows: ${shown:-nothing}"
	return 1
}

# keeps_nothing FILE: the plugin has no writable variable of its own; state lives in the instance.
keeps_nothing()
{
	kept=$(nm -f sysv "$1" | awk -F'|' '$4 ~ /OBJECT/ && $7 ~ /^\.(bss|data|tbss|tdata)$/ {
		gsub(/ /, "", $1)
		if ($1 !~ /^(completed\.[0-9]+|__dso_handle|__TMC_END__)$/) print $1
	}' | tr '\n' ' ')
	[ -z "$kept" ] && return 0
	echo "# $1 keeps state outside its instances: $kept"
	return 1
}

for check in arrows libraries; do
	includes abi/troupe host client plugins |
		awk -v check=$check -v build="$top_builddir" -v allow=tests/layering.allow -f tests/layering.awk
	verdict "includes: $check" $?
done

for header in abi/troupe/*.h; do
	header=${header#abi/}
	header_alone "$CC" c c99 "$header"
	verdict "$header alone as C99" $?
	header_alone "$CXX" c++ c++11 "$header"
	verdict "$header alone as C++11" $?
done

for module in $MODULES; do
	name=${module##*/}
	so=$top_builddir/${module%/*}/.libs/${name%.la}.so
	shows_one "$so"
	verdict "${name%.la} shows its entry only" $?
	if [ -n "$PLAIN" ]; then
		keeps_nothing "$so"
		verdict "${name%.la} keeps no state outside its instances" $?
	fi
done

echo "1..$number"
exit $failed
