#!/bin/sh
# How long hp-list takes for a million sites, beside readelf and nm, which read
# the symbols of the same functions: the best of several runs, output thrown
# away.
#
#     make -C bench bench        or: SITES=100000 RUNS=9 make -C bench bench
#
# SPDX-License-Identifier: MIT
set -eu
: "${HP_BUILDDIR:?run make bench}" "${SITES:=1000000}" "${RUNS:=5}"

directory=$(mktemp -d "${TMPDIR:-/tmp}/hotpatch-bench.XXXXXX")
trap 'rm -rf "$directory"' EXIT
image=$directory/many.so
"$HP_BUILDDIR/bench/many_sites" "$SITES" "$image"

# best COMMAND...: milliseconds of the fastest run.
best()
{
  fastest=
  run=0
  while [ "$run" -lt "$RUNS" ]; do
    start=$(date +%s%N)
    "$@" >/dev/null
    took=$((($(date +%s%N) - start) / 1000000))
    if [ -z "$fastest" ] || [ "$took" -lt "$fastest" ]; then
      fastest=$took
    fi
    run=$((run + 1))
  done
  echo "$fastest"
}

measure()
{
  printf '%6d ms  %s\n' "$(best "$@" "$image")" "$*"
}

cd "$HP_BUILDDIR/tools"
echo "$SITES sites, best of $RUNS runs, $(nproc) processors:"
measure ./hp-list
measure ./hp-list --demangle
measure ./hp-list --count
measure ./hp-list --sort=name
measure ./hp-list --match '*request_9*'
measure ./hp-list --json
measure ./hp-list --long
for tool in 'readelf -sW' 'nm' 'nm -C'; do
  if command -v "${tool%% *}" >/dev/null; then
    # shellcheck disable=SC2086 # the options are words of their own
    measure $tool
  fi
done
