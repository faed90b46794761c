# HOTPATCH_CHECK([IF-FOUND], [IF-NOT-FOUND])
#
# For the configure.ac of programs that use hotpatch.  It substitutes
#   HOTPATCH_CFLAGS, HOTPATCH_LIBS   the header and the library
#   HOTPATCH_PLUGIN_FLAGS            -fplugin=..., for CFLAGS and CXXFLAGS
# and tries whether $CC loads the plugin.  Without IF-NOT-FOUND, configure ends
# when hotpatch is missing.
#
# SPDX-License-Identifier: MIT
AC_DEFUN([HOTPATCH_CHECK], [
AC_REQUIRE([AC_PROG_CC])
AC_SUBST([HOTPATCH_PLUGIN_FLAGS])
hotpatch_missing=
PKG_CHECK_MODULES([HOTPATCH], [hotpatch],
  [PKG_CHECK_VAR([HOTPATCH_PLUGIN], [hotpatch], [plugin])
   HOTPATCH_PLUGIN_FLAGS=-fplugin=$HOTPATCH_PLUGIN
   AC_MSG_CHECKING([whether $CC loads $HOTPATCH_PLUGIN])
   hotpatch_cflags=$CFLAGS
   CFLAGS="$CFLAGS $HOTPATCH_PLUGIN_FLAGS"
   AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      hotpatch_missing="$CC does not load $HOTPATCH_PLUGIN; it was built for another GCC"])
   CFLAGS=$hotpatch_cflags],
  [hotpatch_missing=$HOTPATCH_PKG_ERRORS])
AS_IF([test -z "$hotpatch_missing"], [$1],
  [m4_default([$2], [AC_MSG_ERROR([hotpatch: $hotpatch_missing])])])
])
