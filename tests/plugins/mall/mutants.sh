#!/bin/sh
# SPDX-License-Identifier: MIT
# Plants each known mistake into a copy of the plugins: the storms of test_mall must find it.

top_srcdir=${top_srcdir:-$PWD}
top_builddir=${top_builddir:-$PWD}
CC=${CC:-cc}
work=$(mktemp -d "${TMPDIR:-/tmp}/troupe-mutants.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
cp -rL "${TROUPE_PLUGINS:-$top_builddir/plugins/all}" "$work/plugins"
lib=$top_builddir/plugins/lib/.libs
number=0
failed=0

# mutant ROLE NAME: builds the role with -DNAME beside the others, runs the storms, expects them to fail.
mutant() {
	number=$((number + 1))
	saved=$work/$1.so
	[ -f "$saved" ] || cp "$work/plugins/$1.so" "$saved"
	# shellcheck disable=SC2046,SC2086
	if ! $CC -shared -fPIC -std=gnu11 -D_GNU_SOURCE -fvisibility=hidden "-D$2" \
		-I"$top_srcdir/abi" -I"$top_builddir/abi/proto" -I"$top_builddir" -I"$top_srcdir/plugins/lib" \
		$(pkg-config --cflags libprotobuf-c) "$top_srcdir/plugins/$1"/[!r]*.c \
		"$top_builddir/plugins/$1/record.pb-c.c" "$lib/libstore.a" "$lib/libwire.a" "$lib/libsecret.a" \
		"$lib/libplugin.a" "$top_builddir/abi/.libs/libproto.a" \
		$(pkg-config --libs libprotobuf-c libsodium) -lm -o "$work/plugins/$1.so"; then
		echo "Bail out! $1 does not build with $2"
		exit 1
	fi
	STORM_SEEDS=1000 TROUPE_PLUGINS="$work/plugins" timeout 60 \
		"$top_builddir/tests/plugins/mall/test_mall" >"$work/out" 2>&1
	status=$?
	if { [ "$3" = clean ] && [ $status -eq 0 ]; } ||
		{ [ "$3" != clean ] && grep -q '^not ok.*test_storm\|FAILED.*test_storm' "$work/out"; }; then
		echo "ok $number - $1 $2: $(grep -c '# seed' "$work/out") seeds"
	else
		failed=1
		echo "not ok $number - $1 $2"
		tail -5 "$work/out" | sed 's/^/# /'
	fi
	cp "$saved" "$work/plugins/$1.so"
}

mutant billing NO_MUTANT clean
for name in ACK_BEFORE_DURABLE NO_VOID_TOMBSTONE LOST_REFUSAL PRUNED_KEY NO_HOLD_DEDUPE NO_POST_DEDUPE HOLD_TIMER; do
	mutant billing MUTANT_$name
done
for name in ACK_BEFORE_DURABLE NO_CANCEL_TOMBSTONE NO_GRANT_DEDUPE; do
	mutant itemstore MUTANT_$name
done
mutant mall MUTANT_VOID_WITHOUT_STORE
echo "1..$number"
exit $failed
