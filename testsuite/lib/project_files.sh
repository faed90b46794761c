# The files of this project, for the tests that look at all of them.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# project_files TEST...: those for which find's TEST is true, by name.  A build
# directory may lie inside the source tree, it has a config.status; an unpacked
# release lies in one.  autoreconf fills build-aux with the work of others.
project_files()
{
  (cd "$HP_SRCDIR" &&
    find . -mindepth 1 -type d \
      \( -exec test -e '{}/config.status' \; -o -path ./build-aux \
        -o -name '.?*' ! -name .ci \) \
      -prune -o -type f ! -name config.h \( "$@" \) -print) |
    sed 's,^[.]/,,' | sort
}
