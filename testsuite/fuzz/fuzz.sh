# Hostile bytes for the readers of records and of ELF files: libFuzzer for a
# bounded time, then everything it found interesting once more in a build of
# the ordinary compiler with other sanitizers.
#
# HOTPATCH_FUZZ_SECONDS (10) is the time for each target.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086  # CC, CXX and some lists are several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/site_tests.sh"

seconds=${HOTPATCH_FUZZ_SECONDS-10}
sources=$HP_SRCDIR/runtime/base/status.cc
for part in elf/debug_file elf/elf_file elf/memory_view elf/symbol_table \
  sites/elf_image sites/object_image sites/name_demangle sites/name_index sites/name_query \
  sites/record_reader objects/copy_table \
  objects/type_catalogue; do
  sources="$sources $HP_SRCDIR/runtime/$part.cc"
done

# What decodes code that was not prepared, where that is built.
analysis=
for part in caller_scan code_map entry_plan frame_extents instruction made_sites \
  object relocation; do
  analysis="$analysis $HP_SRCDIR/unprepared/$part.cc"
done
targets="read_records read_elf"
if [ -e "$HP_BUILDDIR/unprepared/.libs/libhotpatch-unprepared.so" ]; then
  targets="$targets read_unprepared"
else
  skip read_unprepared "hotpatch was built without Zydis (libzydis-dev)"
fi

# build COMPILER TARGET OUTPUT FLAGS...
build()
{
  build_compiler=$1
  build_target=$HP_SRCDIR/testsuite/fuzz/$2.cc
  build_output=$3
  build_more=
  [ "$2" != read_unprepared ] || build_more="$analysis -lZydis"
  shift 3
  $build_compiler -std=c++20 -g -O1 -I"$HP_SRCDIR" \
    -I"$HP_SRCDIR/runtime/include" -o "$build_output" "$@" \
    "$build_target" $sources $build_more -lelf -liberty
}

# --- seeds ---------------------------------------------------------------------

mkdir read_elf read_records read_unprepared
assemble one <<'END'
site first, file="src/one.c", line=1, value=1
further_name second, first, file="src/one.c", line=1
END
assemble two <<'END'
site _ZN2ns5Point5scaleEd, file="two.cc", line=3, prototype="double (ns::Point*, double)"
site visit.0, file="two.c", line=4
END
$CC -shared -nostdlib -Wl,-z,noseparate-code -Wl,--build-id \
  -o read_elf/shared one.o two.o
$CC -static -nostdlib -Wl,-z,noseparate-code -Wl,-e,first \
  -o read_elf/program one.o two.o 2>/dev/null
cp one.o two.o read_elf
cp read_elf/shared read_elf/program read_unprepared
cat >functions.c <<'END'
int one(int a) { return a + 1; }
int two(int a) { switch (a) { case 1: return 7; case 2: return one(9);
  case 3: return 1; case 4: return one(2) * 3; case 5: return a; } return one(a); }
END
$CC -O2 -fPIC -shared -nostdlib -Wl,-z,noseparate-code \
  -fpatchable-function-entry=3 -o read_unprepared/functions functions.c
ar rc read_elf/archive one.o two.o

# As read_records.cc wants it: the section's length, the section, the strings;
# the records' distances as in a program whose code is a page before the data.
cat >seed.ld <<'END'
SECTIONS {
  .text 0x400000 : { *(.text.*) }
  .records 0x401000 : { *(.hotpatch) }
  .strings : { *(.hotpatch.str) }
  /DISCARD/ : { *(*) }
}
END
for name in one two; do
  ld -T seed.ld -o seed.elf $name.o || exit 99
  objcopy -O binary -j .records seed.elf seed.section
  objcopy -O binary -j .strings seed.elf seed.strings
  size=$(wc -c <seed.section)
  {
    # shellcheck disable=SC2059  # the format is the two bytes
    printf "\\$(printf %03o $((size % 256)))\\$(printf %03o $((size / 256)))"
    cat seed.section seed.strings
  } >read_records/$name
done

# --- libFuzzer --------------------------------------------------------------------

fuzzer=
for compiler in clang++ clang++-19 clang++-18 clang++-17 clang++-16 \
  clang++-15 clang++-14; do
  echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long)
  { return 0; }' >try.cc
  if "$compiler" -fsanitize=fuzzer,address -o try try.cc >/dev/null 2>&1; then
    fuzzer=$compiler
    break
  fi
done

for target in $targets; do
  if [ -z "$fuzzer" ]; then
    skip "$target: ${seconds} s of libFuzzer" \
      'clang++ with its fuzzer runtime is missing (libclang-rt-dev)'
    continue
  fi
  ok "$target: a fuzzer is built" \
    build "$fuzzer" $target "fuzz-$target" -fsanitize=fuzzer,address
  ok "$target: ${seconds} s of libFuzzer find nothing" \
    "./fuzz-$target" -max_total_time="$seconds" -max_len=20000 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 $target
done

# --- the same inputs, other sanitizers -----------------------------------------

# Asked of a program of one line: a target that does not link is a failure.
no_sanitizers=
echo 'int main() { return 0; }' >try.cc
$CXX -fsanitize=address,undefined try.cc -o try >try.out 2>&1 && ./try ||
  no_sanitizers="no sanitizers: $(tail -n 1 try.out)"

for target in $targets; do
  if [ -n "$no_sanitizers" ]; then
    skip "$target: replay" "$no_sanitizers"
    continue
  fi
  ok "$target: the replay is built" build "$CXX" $target "replay-$target" \
    -fsanitize=address,undefined -fno-sanitize-recover=all \
    "$HP_SRCDIR/testsuite/fuzz/replay.cc"
  ok "$target: $(find $target -type f | wc -l) inputs replayed" \
    sh -c 'cd "$1" && find . -type f -exec ../replay-"$1" {} +' sh $target
done

if [ -n "$no_sanitizers" ]; then
  skip 'control' "$no_sanitizers"
else
  ok "the control is built" build "$CXX" read_records control -DHP_CONTROL \
    -fsanitize=address "$HP_SRCDIR/testsuite/fuzz/replay.cc"
  ok 'control: a view that is 16 bytes too long is noticed' \
    not ./control read_records/one
fi

done_testing
