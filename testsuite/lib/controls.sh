# Negative controls: programs with one precaution of the library taken out.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# edited_program SOURCE SED-SCRIPT PROGRAM OUTPUT: links PROGRAM, a C file of the
# testsuite, with the library, where the edited SOURCE of the runtime takes the
# place of the true one.  An empty script edits nothing.
edited_program()
{
  source=$HP_SRCDIR/runtime/$1
  sed "$2" "$source" >edited.cc || return
  if [ -n "$2" ] && cmp -s edited.cc "$source"; then
    echo "the edit changes nothing: $2"
    return 1
  fi
  $CXX -std=c++20 -O2 -fno-exceptions -fno-rtti "-I$HP_SRCDIR" \
    "-I$HP_SRCDIR/runtime/include" -c edited.cc &&
    cc -O2 -rdynamic "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/$3" edited.o \
      "$HP_BUILDDIR/runtime/.libs/libhotpatch.a" -lelf -lz -liberty -lpthread \
      -o "$4"
}

# fails COMMAND...: by its own judgement, by a crash, or by hanging.
fails()
{
  if timeout 20 "$@"; then
    echo "without it the test passes as well"
    return 1
  fi
}
