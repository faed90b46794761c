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

# gives PROGRAM EXPECTED ARGUMENTS...: what the program prints must match the
# expected text, a pattern of the shell.
gives()
{
  gives_program=$1
  gives_expected=$2
  shift 2
  gives_actual=$("$gives_program" "$@" 2>&1) || return 1
  # shellcheck disable=SC2254  # the pattern is meant as one
  case $gives_actual in
    $gives_expected) ;;
    *)
      printf 'expected: %s\nactual: %s\n' "$gives_expected" "$gives_actual"
      return 1
      ;;
  esac
}
