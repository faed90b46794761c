# SPDX-License-Identifier: MIT
# HP_GCC_PLUGIN: finds the plugin headers of the compiler in use, then compiles
# and loads a plugin of three lines, because only loading proves that compiler,
# headers and C++ runtime belong together.
AC_DEFUN([HP_GCC_PLUGIN], [
AC_ARG_WITH([gcc-plugin-dir],
  [AS_HELP_STRING([--with-gcc-plugin-dir@<:@=DIR@:>@],
    [install hotpatch.so where GCC finds it as -fplugin=hotpatch (default:
     a directory of our own; yes: the compiler's plugin directory)])],
  [], [with_gcc_plugin_dir=no])

AC_ARG_WITH([gcc],
  [AS_HELP_STRING([--with-gcc=LIST],
    [build the plugin for these major releases of GCC as well as for $CC, as in
     --with-gcc="11 12"])],
  [AS_CASE([$with_gcc],
    [yes|*[[!0-9\ ]]*],
    [AC_MSG_ERROR([--with-gcc takes major releases, as in --with-gcc="11 12"])],
    [no], [with_gcc=])])

AC_CACHE_CHECK([for GCC's major version], [hp_cv_gcc_major],
  [hp_cv_gcc_major=`$CC -dumpversion 2>/dev/null | cut -d. -f1`
   AS_IF([$CC -v 2>&1 | grep -q '^gcc version'], [], [hp_cv_gcc_major=none])])
AS_IF([test "x$hp_cv_gcc_major" = xnone],
  [AC_MSG_ERROR([$CC is not GCC; set CC=gcc CXX=g++])])

hp_gcc_dir=`$CC -print-file-name=plugin`
GCC_PLUGIN_INCLUDE=$hp_gcc_dir/include
AC_MSG_CHECKING([for GCC's plugin headers])
AS_IF([test -f "$GCC_PLUGIN_INCLUDE/gcc-plugin.h"],
  [AC_MSG_RESULT([$GCC_PLUGIN_INCLUDE])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([GCC $hp_cv_gcc_major has no plugin headers: install
gcc-$hp_cv_gcc_major-plugin-dev (Debian, Ubuntu) or gcc-plugin-devel (Fedora)])])

AC_MSG_CHECKING([whether $CC loads a plugin built by $CXX])
cat > conftest-plugin.cc <<'EOF'
#include <gcc-plugin.h>
#include <plugin-version.h>
int plugin_is_GPL_compatible;
int plugin_init(plugin_name_args*, plugin_gcc_version* v)
{ return !plugin_default_version_check(v, &gcc_version); }
EOF
echo 'int x;' > conftest-input.c
AS_IF([$CXX -isystem "$GCC_PLUGIN_INCLUDE" -fPIC -fno-rtti -shared \
         conftest-plugin.cc -o conftest-plugin.so >&AS_MESSAGE_LOG_FD 2>&1 &&
       $CC -fplugin=./conftest-plugin.so -c conftest-input.c \
         -o conftest-input.o >&AS_MESSAGE_LOG_FD 2>&1],
  [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([a trivial GCC plugin does not build and load; config.log has
the compiler's words.  CC and CXX must be the same GCC, and the package
gcc-$hp_cv_gcc_major-plugin-dev must have its exact version])])
rm -f conftest-plugin.cc conftest-plugin.so conftest-input.c conftest-input.o

# More compilers than the one in use.
OTHER_GCC=
for hp_major in $with_gcc; do
  test "x$hp_major" = "x$hp_cv_gcc_major" && continue
  AC_MSG_CHECKING([for GCC $hp_major and its plugin headers])
  hp_other=`gcc-$hp_major -print-file-name=plugin 2>/dev/null`
  AS_IF([test -f "$hp_other/include/gcc-plugin.h" &&
         g++-$hp_major --version >/dev/null 2>&1],
    [AC_MSG_RESULT([$hp_other])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([--with-gcc names GCC $hp_major, but gcc-$hp_major, g++-$hp_major
or its plugin headers are missing: install g++-$hp_major and
gcc-$hp_major-plugin-dev])])
  OTHER_GCC="$OTHER_GCC $hp_major"
done

AS_CASE([$with_gcc_plugin_dir],
  [no], [plugindir='${libdir}/hotpatch'],
  [yes], [plugindir=$hp_gcc_dir],
  [plugindir=$with_gcc_plugin_dir])
AC_SUBST([GCC_PLUGIN_INCLUDE])
AC_SUBST([GCC_MAJOR], [$hp_cv_gcc_major])
AC_SUBST([plugindir])
AC_SUBST([OTHER_GCC])
AC_SUBST([IN_GCC_PLUGIN_DIR], [$with_gcc_plugin_dir])
])
