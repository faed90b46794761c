# SPDX-License-Identifier: MIT
# The libraries hotpatch stands on, each named with its package when missing.

AC_DEFUN([HP_LIBELF], [
PKG_CHECK_MODULES([LIBELF], [libelf >= 0.170], [],
  [AC_MSG_ERROR([libelf is missing: install libelf-dev (Debian, Ubuntu) or
elfutils-libelf-devel (Fedora)])])
])

# The tools that change processes unwind other processes' threads.
AC_DEFUN([HP_LIBDW], [
PKG_CHECK_MODULES([LIBDW], [libdw >= 0.160], [],
  [AC_MSG_ERROR([libdw is missing: install libdw-dev (Debian, Ubuntu) or
elfutils-devel (Fedora)])])
])

# The demangler of GCC's libiberty: it needs no C++ runtime and its callback
# form allocates nothing.
AC_DEFUN([HP_LIBIBERTY], [
AC_CHECK_LIB([iberty], [cplus_demangle_v3_callback],
  [AC_SUBST([LIBIBERTY_LIBS], [-liberty])],
  [AC_MSG_ERROR([libiberty is missing: install libiberty-dev (Debian, Ubuntu)
or binutils-devel (Fedora)])])
])

# The disassembler.  It has no file for pkg-config in every release.
AC_DEFUN([HP_ZYDIS], [
AC_ARG_WITH([zydis],
  [AS_HELP_STRING([--without-zydis],
    [do not build what replaces functions that have no site])],
  [], [with_zydis=check])
have_zydis=no
AS_IF([test "x$with_zydis" != xno], [
  AC_CHECK_HEADER([Zydis/Zydis.h], [
    # ZydisDecoderDecodeInstruction has this form since 4.0.
    AC_CHECK_LIB([Zydis], [ZydisDecoderDecodeOperands], [have_zydis=yes])])
  AS_IF([test "x$have_zydis$with_zydis" = xnoyes],
    [AC_MSG_ERROR([Zydis 4 is missing: install libzydis-dev (Debian, Ubuntu) or
zydis-devel (Fedora)])])
])
AS_IF([test "x$have_zydis" = xyes], [],
  [have_zydis="no: functions without a site cannot be replaced (install
                   libzydis-dev 4.0)"])
AM_CONDITIONAL([HAVE_ZYDIS], [test "x$have_zydis" = xyes])
AC_SUBST([ZYDIS_LIBS], [-lZydis])
])

# What the tools write as JSON; headers only.
AC_DEFUN([HP_NLOHMANN_JSON], [
AC_LANG_PUSH([C++])
AC_CHECK_HEADER([nlohmann/json.hpp], [],
  [AC_MSG_ERROR([nlohmann/json.hpp is missing: install nlohmann-json3-dev
(Debian, Ubuntu) or json-devel (Fedora)])])
AC_LANG_POP([C++])
])

# Unit tests need Boost.Test; without it only `make check` is poorer.
AC_DEFUN([HP_BOOST_TEST], [
AC_LANG_PUSH([C++])
AC_CHECK_HEADER([boost/test/unit_test.hpp],
  [have_boost_test=yes],
  [have_boost_test="no (install libboost-test-dev)"])
AC_LANG_POP([C++])
AM_CONDITIONAL([HAVE_BOOST_TEST], [test "x$have_boost_test" = xyes])
AC_SUBST([BOOST_TEST_LIBS], [-lboost_unit_test_framework])
])

# The C++ library in the tools: loading it takes longer than what they do.
AC_DEFUN([HP_TOOLS_LIBSTDCXX], [
AC_ARG_ENABLE([static-libstdcxx],
  [AS_HELP_STRING([--disable-static-libstdcxx],
    [let the tools load libstdc++ when they start, which takes them half a
     millisecond])],
  [], [enable_static_libstdcxx=yes])
TOOLS_LDFLAGS=
AS_IF([test "x$enable_static_libstdcxx" != xno], [
  AC_LANG_PUSH([C++])
  hp_save_LDFLAGS=$LDFLAGS
  LDFLAGS="$LDFLAGS -static-libstdc++ -static-libgcc -Wl,--as-needed"
  AC_MSG_CHECKING([whether libstdc++ can be linked statically])
  AC_LINK_IFELSE(
    [AC_LANG_PROGRAM([[#include <string>]], [[return std::string().size();]])],
    [AC_MSG_RESULT([yes])
     TOOLS_LDFLAGS="-static-libstdc++ -static-libgcc -Wl,--as-needed"],
    [AC_MSG_RESULT([no, the tools load it])])
  LDFLAGS=$hp_save_LDFLAGS
  AC_LANG_POP([C++])
])
AC_SUBST([TOOLS_LDFLAGS])
])
