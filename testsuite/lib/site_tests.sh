# What the shell tests of sites share: assembling hand-written sites, and
# comparing what a program prints with a pattern.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086  # CC, CXX and some lists are several words

# assemble NAME [FLAGS]: site.inc and the lines of the standard input to NAME.o.
assemble()
{
  assemble_name=$1
  shift
  {
    echo '.include "site.inc"'
    cat
    echo '.section .note.GNU-stack, "", @progbits'
  } >"$assemble_name.S"
  $CC -c "-Wa,-I$HP_SRCDIR/testsuite/lib" "$@" \
    -o "$assemble_name.o" "$assemble_name.S"
}

# prints PROGRAM EXPECTED ARGUMENTS...: what the program prints must match the
# expected text, a pattern of the shell.
prints()
{
  prints_program=$1
  prints_expected=$2
  shift 2
  prints_actual=$("$prints_program" "$@" 2>&1) || return 1
  # shellcheck disable=SC2254  # the pattern is meant as one
  case $prints_actual in
    $prints_expected) ;;
    *)
      printf 'expected: %s\nactual: %s\n' "$prints_expected" "$prints_actual"
      return 1
      ;;
  esac
}
