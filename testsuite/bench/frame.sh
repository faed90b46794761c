#!/bin/sh
# Every figure of the benchmarks that is quick is measured with next to no work,
# once with the peers that this machine has, and once without them.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
here=$HP_SRCDIR/testsuite/bench

command -v python3 >/dev/null || skip_all "python3 is not installed"

# measure OUT FIGURE...
measure()
{
  measure_out=$1
  shift
  env HP_PLUGIN="$HP_PLUGIN" CC="$CC" CXX="$CXX" PYTHONDONTWRITEBYTECODE=1 \
    python3 "$HP_SRCDIR/bench/bench.py" --size tiny --out "$measure_out" \
    --programs "$workdir/programs" "$@" >printed
}

figures="apply many toggle reach first start hp_list"
# shellcheck disable=SC2086 # several words
ok "figures are measured" measure out $figures floor
ok "results.json is complete and holds what the tables say" \
  python3 "$here/well_formed.py" out printed
ok "hotpatch is in each figure" \
  python3 "$here/well_formed.py" out printed hotpatch $figures

# A machine with nothing of what the figures only compare with.
mkdir bin
for program in /usr/local/bin/* /usr/bin/* /bin/*; do
  case ${program##*/} in
    *clang* | *uftrace* | gnuplot* | readelf | nm | chrt) ;;
    *) ln -sf "$program" bin/ ;;
  esac
done
with_little()
{
  PATH=$workdir/bin measure "$@"
}
ok "without peers the rest is measured" \
  with_little bare apply start hp_list calls stop

# tells PEER REASON: the page and the terminal say so.
tells()
{
  cat printed
  grep -q "^Without $1: .*$2" printed && grep -q "^Without $1: " \
    bare/RESULTS.md
}
ok "clang is missed, and that is told" tells xray "clang is not installed"
ok "uftrace, too" tells uftrace "it is not installed"
ok "and readelf" tells "readelf -sW" "it is not installed"
ok "and gnuplot" tells plots "gnuplot is not installed"
ok "what takes long says so" tells hotpatch "it takes seconds"
without_plots()
{
  ! ls bare/*.svg
}
ok "and no plot is there" without_plots

ok "a peer that fails is reported, and the others are measured" \
  python3 "$here/well_formed.py" --failing "$HP_SRCDIR/bench"
ok "a damaged page is noticed" \
  not python3 "$here/well_formed.py" --damaged out printed

done_testing
