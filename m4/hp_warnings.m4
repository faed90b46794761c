# SPDX-License-Identifier: MIT
# HP_WARNINGS: the warnings every part of hotpatch is compiled with.
# --enable-werror (what CI uses) makes them errors.
AC_DEFUN([HP_WARNINGS], [
AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [treat compiler warnings as errors])],
  [], [enable_werror=no])
WARN_CFLAGS="-Wall -Wextra -Wshadow -Wconversion"
WARN_CXXFLAGS="$WARN_CFLAGS -Wnon-virtual-dtor"
AS_IF([test "x$enable_werror" = xyes],
  [WARN_CFLAGS="$WARN_CFLAGS -Werror"
   WARN_CXXFLAGS="$WARN_CXXFLAGS -Werror"])
AC_SUBST([WARN_CFLAGS])
AC_SUBST([WARN_CXXFLAGS])
])
