#!/bin/sh
# Patch objects that replace functions without a site.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # CC may be several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/unprepared/analysis.sh"

built=$HP_BUILDDIR/runtime/.libs
LD_LIBRARY_PATH=$built:$LD_LIBRARY_PATH

cat >program.c <<'END'
#include <hotpatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
__attribute__((noipa)) int plain(int x) { return x * 3 + 1; }
HP_PATCHABLE int with_site(int x) { return x + 1; }
/* Loads each argument, shows what is called, and unloads what was loaded. */
int main(int argc, char** argv)
{
  static const hp_commit_options quiescent = {sizeof quiescent, HP_QUIESCENT, 0,
                                              2000};
  const int waits = argc > 1 && strcmp(argv[1], "wait") == 0;
  for (int i = 1; i < argc; ++i) {
    if (waits) {
      puts("waiting");
      fflush(stdout);
      getchar();
      break;
    }
    const hp_status loaded = hp_load(argv[i], &quiescent);
    printf("%s: %s\n", hp_status_name(loaded), loaded ? hp_error_message() : "");
    printf("plain %d with_site %d getppid %d\n", plain(1), with_site(1),
           getppid() == 4711);
    if (loaded == HP_OK) {
      const hp_status gone = hp_unload(argv[i], NULL);
      printf("unloaded: %s %s\n", hp_status_name(gone), hp_error_message());
      printf("plain %d with_site %d getppid %d\n", plain(1), with_site(1),
             getppid() == 4711);
    }
  }
  return 0;
}
END
cat >fix.c <<'END'
#include <hotpatch.h>
#include <sys/types.h>
HP_REPLACES_UNPREPARED("plain") static int new_plain(int x) { return x + 100; }
HP_REPLACES_UNPREPARED("libc.so.6!getppid") static pid_t new_getppid(void)
{
  return 4711;
}
HP_REPLACES_UNPREPARED("with_site") static int new_site(int x)
{
  return x + 200;
}
END
# one NAME: a patch object that replaces that function.
one()
{
  cat >one.c <<END
#include <hotpatch.h>
HP_REPLACES_UNPREPARED("$1") static int new_one(int x) { return x; }
END
  patch one
}
patch()
{
  $CC -O2 -fPIC -shared -fplugin="$HP_PLUGIN" "-I$HP_SRCDIR/runtime/include" \
    "$1.c" -o "$1.so"
}
ok "a program with one site is built" $CC -O2 -fplugin="$HP_PLUGIN" \
  "-I$HP_SRCDIR/runtime/include" program.c -o program "-L$built" -lhotpatch
ok "a patch object for functions without a site is built" patch fix
./program "$PWD/fix.so" >told
cat >expected <<'END'
HP_OK: 
plain 101 with_site 201 getppid 1
unloaded: HP_OK 
plain 4 with_site 2 getppid 0
END
ok "hp_load() applies it, with the site where there is one, hp_unload() reverts it" \
  diff expected told
ok "a patch for a function that cannot be replaced is built" one srandom_r
ok "hp_load() refuses it with the reason" sh -c './program "$PWD/one.so" >told
  cat told
  grep "HP_UNSUPPORTED:.*srandom_r.*keeps a value in a register" told'
one there_is_none
ok "a function that is not there is not found" sh -c '
  ./program "$PWD/one.so" | grep "HP_NOT_FOUND:.*there_is_none"'
cat >import.c <<'END'
extern int plain(int) __attribute__((hotpatch_import("plain", "unprepared")));
int use(void) { return plain(1); }
END
ok "an import needs a site" not patch import

# --- From outside -------------------------------------------------------------------

mkfifo input
./program wait <input >output &
process=$!
exec 3>input
until grep -q waiting output 2>/dev/null; do :; done
ok "hp-apply says that the process has to load it itself" \
  gives 1 "has no site.*load the patch itself" \
  "$HP_BUILDDIR/tools/hp-apply" $process fix.so
exec 3>&-
wait $process
done_testing
