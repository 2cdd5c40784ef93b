#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317,SC2016
# Installs into a folder and does what a stranger does there: run the program, and build plugins
# outside the tree with a Makefile of three lines.

number=0
failed=0

# step NAME COMMAND...: one TAP line; the command's output is shown when it fails.
step()
{
	name=$1
	shift
	number=$((number + 1))
	if "$@" >"$TMPDIR/out" 2>&1; then
		echo "ok $number - $name"
	else
		sed 's/^/# /' "$TMPDIR/out"
		echo "not ok $number - $name"
		failed=1
	fi
}

installed()
{
	make -C "${top_builddir:?}" install DESTDIR="$TMPDIR/root"
}

# one PATTERN: the one installed file whose path ends so.
one()
{
	find "$TMPDIR/root" -path "*$1" | head -n 1
}

runs()
{
	"$(one /bin/troupe)" --version | grep '^troupe [0-9]'
}

# shows_entry FILE: it is a plugin that shows its entry and nothing else.
shows_entry()
{
	shown=$(nm -D --defined-only "$1" | awk '{ print $3 }')
	echo "$1 shows: $shown"
	[ "$shown" = troupe_entry ]
}

no_litter()
{
	! find "$TMPDIR/root" -name '*.la' | grep .
}

# The unit names the program that was installed, at its place without DESTDIR.
unit()
{
	file=$(one /lib/systemd/system/troupe@.service)
	program=$(one /bin/troupe)
	grep "^ExecStart=${program#"$TMPDIR/root"} run " "$file" && ! grep -E '[@][a-z]+[@]' "$file"
}

outside()
{
	mkdir "$TMPDIR/echo" && cp "${top_srcdir:?}/plugins/echo/echo.c" "$TMPDIR/echo/" &&
		cat >"$TMPDIR/echo/Makefile" <<'EOF'
ROLE = echo
OBJS = echo.o
include $(shell pkg-config --variable=rolemk troupe)
EOF
	make -C "$TMPDIR/echo" && shows_entry "$TMPDIR/echo/echo.so"
}

# A service of the modder's own: the sample under another name.
own_service()
{
	mkdir "$TMPDIR/parrot" &&
		sed 's/echo/parrot/g; s/Echo__/Parrot__/g; s/ECHO_/PARROT_/g' "$top_srcdir/plugins/echo/echo.c" \
			>"$TMPDIR/parrot/parrot.c" &&
		sed 's/echo/parrot/g' "$top_srcdir/abi/proto/echo.proto" >"$TMPDIR/parrot/parrot.proto" &&
		cat >"$TMPDIR/parrot/Makefile" <<'EOF'
ROLE = parrot
OBJS = parrot.o
PROTOS = parrot.proto
include $(shell pkg-config --variable=rolemk troupe)
EOF
	make -C "$TMPDIR/parrot" && shows_entry "$TMPDIR/parrot/parrot.so"
}

forgot_role()
{
	mkdir "$TMPDIR/nothing" &&
		echo 'include $(shell pkg-config --variable=rolemk troupe)' >"$TMPDIR/nothing/Makefile"
	! make -C "$TMPDIR/nothing" >"$TMPDIR/nothing/out" 2>&1 && grep 'role.mk: set ROLE' "$TMPDIR/nothing/out"
}

reinstalled()
{
	make -C "$TMPDIR/parrot" install DESTDIR= && shows_entry "$(one /plugins/parrot.so)"
}

# The build's own make must not hand its flags and job server down.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES DESTDIR

step "make install DESTDIR" installed
# The .pc file names the folder it was configured for; pkgconf can move it to where the file is.
PKG_CONFIG_PATH=$(dirname "$(one /pkgconfig/troupe.pc)")
real=$(command -v pkg-config)
mkdir "$TMPDIR/bin" && printf '#!/bin/sh\nexec %s --define-prefix "$@"\n' "$real" >"$TMPDIR/bin/pkg-config"
chmod +x "$TMPDIR/bin/pkg-config"
PATH=$TMPDIR/bin:$PATH
export PATH PKG_CONFIG_PATH
step "the installed program runs" runs
step "an installed plugin" shows_entry "$(one /plugins/echo.so)"
step "no libtool files are installed" no_litter
step "the unit for systemd names the installed program" unit
step "the sample built outside the tree" outside
step "a plugin with a service of its own" own_service
step "the plugin is installed beside those that ship" reinstalled
step "a Makefile without ROLE is told so" forgot_role
echo "1..$number"
exit $failed
