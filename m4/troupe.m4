dnl SPDX-License-Identifier: MIT
dnl Checks that collect what is missing, so that one run of configure names every package at once.

dnl TROUPE_MISSING(WHAT, DEBIAN-PACKAGE): note that WHAT is not there.
AC_DEFUN([TROUPE_MISSING],
[troupe_missing="$troupe_missing
    $1 (Debian package $2)"
troupe_packages="$troupe_packages $2"])

dnl TROUPE_PKG(PREFIX, PKG-CONFIG-SPEC, DEBIAN-PACKAGE): a library with a .pc file.
AC_DEFUN([TROUPE_PKG],
[PKG_CHECK_MODULES([$1], [$2], [], [TROUPE_MISSING([$2], [$3])])])

dnl TROUPE_LIB(PREFIX, HEADER, LIBRARY, FUNCTION, DEBIAN-PACKAGE): a library without one.
dnl Sets PREFIX_LIBS only: AC_SEARCH_LIBS would link it into every program and plugin.
AC_DEFUN([TROUPE_LIB],
[troupe_have=yes
AC_CHECK_HEADER([$2], [], [troupe_have=no])
AC_CHECK_LIB([$3], [$4], [:], [troupe_have=no])
AS_IF([test $troupe_have = yes], [$1_LIBS="-l$3"], [TROUPE_MISSING([lib$3 with <$2>], [$5])])
AC_SUBST([$1_LIBS])])

dnl TROUPE_TOOL(VARIABLE, NAMES, DEBIAN-PACKAGE): a program needed to build.
AC_DEFUN([TROUPE_TOOL],
[AC_PATH_PROGS([$1], [$2])
AS_IF([test -z "$$1"], [TROUPE_MISSING([$2], [$3])])])
