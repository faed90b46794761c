# The library in shared objects that programs load later: it comes along with
# them, or lies in them, whatever else has been loaded before.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

built=$HP_BUILDDIR/runtime/.libs
LD_LIBRARY_PATH=$built
export LD_LIBRARY_PATH

# 0: everything works.  Also as the native method of a class Host, and as what
# Perl's DynaLoader takes for a function of Perl.
cat >module.c <<'EOF2'
#include <hotpatch.h>
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
HP_PATCHABLE int one(int n) { return n; }
HP_PATCHABLE int two(int n) { return n; }
static int more(int n) { return n + 100; }

static int bad(const char* what)
{
  printf("%s: %s\n", what, hp_error_message());
  fflush(stdout);
  return 1;
}
static int toggles(hp_level level)
{
  const hp_commit_options options = {sizeof(hp_commit_options), level, 0, 5000};
  for (int back = 0; back < 2; back++) {
    hp_transaction* all = hp_begin();
    if (back) {
      hp_add_revert(all, "module.c:one");
      hp_add_revert(all, "module.c:two");
    } else {
      hp_add_apply(all, "module.c:one", more);
      hp_add_apply(all, "module.c:two", more);
    }
    if (hp_commit(all, &options) != HP_OK || one(1) != (back ? 1 : 101) ||
        two(1) != (back ? 1 : 101))
      return 0;
  }
  return 1;
}
/* Each thread has its own message. */
static void* fails(void* data)
{
  char name[32];
  snprintf(name, sizeof name, "nothing_%d", (int)(size_t)data);
  if (hp_thread_register() != HP_OK)
    return "cannot register";
  for (int i = 0; i < 100; i++)
    if (hp_revert(name) != HP_NOT_FOUND ||
        strstr(hp_error_message(), name) == NULL)
      return "another thread's message";
  return NULL;
}
/* Threads are stopped, and no replacement lies in the module, which would keep
 * it loaded. */
int module_stop(void)
{
  const hp_commit_options options = {sizeof(hp_commit_options), HP_QUIESCENT, 0, 5000};
  hp_transaction* all = hp_begin();
  hp_add_apply(all, "module.c:one", abs);
  return hp_commit(all, &options) == HP_OK && hp_revert("module.c:one") == HP_OK
             ? 0
             : bad("quiescent, from elsewhere");
}
int module_try(void)
{
  pthread_t threads[40];
  if (!toggles(HP_IMMEDIATE))
    return bad("immediate");
  if (!toggles(HP_STRICT))
    return bad("strict");
  if (!toggles(HP_QUIESCENT))
    return bad("quiescent");
  if (!toggles(HP_SAFEPOINT))
    return bad("safe point");
  for (size_t i = 0; i < 40; i++)
    if (pthread_create(&threads[i], NULL, fails, (void*)i) != 0)
      return bad("no threads");
  int good = 1;
  for (size_t i = 0; i < 40; i++) {
    void* said;
    pthread_join(threads[i], &said);
    good = good && said == NULL;
  }
  return good ? 0 : bad("messages");
}
int Java_Host_run(void* environment, void* class)
{
  return (void)environment, (void)class, module_try();
}
void perl_run(void* interpreter, void* code)
{
  (void)interpreter, (void)code;
  printf("module: %d\n", module_try());
  fflush(stdout);
}
EOF2
cc -O2 -fPIC -shared module.c -o dynamic.so "-L$built" -lhotpatch -lpthread &&
  cc -O2 -fPIC -shared module.c -o static.so "$built/libhotpatch.a" -lelf -lz \
    -liberty -lpthread -Wl,-z,text || exit 99

# host [-tls] [-stays] MODULE: loads it, after as many others as there is
# thread-local memory for; -stays: and unloads it again.
cat >host.c <<'EOF2'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
static int fill(void)
{
  for (int i = 0; i < 200; i++) {
    char name[32];
    snprintf(name, sizeof name, "./tls_%d.so", i);
    if (dlopen(name, RTLD_NOW) == NULL) {
      const char* why = dlerror();
      printf("%s\n", why);
      return strstr(why, "static TLS") != NULL;
    }
  }
  return 0;
}
int main(int count, char** arguments)
{
  if (strcmp(arguments[1], "-tls") == 0 && !fill())
    return 77;
  const char* const module = arguments[count - 1];
  void* const handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    printf("%s\n", dlerror());
    return 1;
  }
  const int stays = strcmp(arguments[1], "-stays") == 0;
  int (*const run)(void) =
      (int (*)(void))dlsym(handle, stays ? "module_stop" : "module_try");
  if (run() != 0)
    return 1;
  if (stays) {
    dlclose(handle);
    raise(SIGRTMAX); /* the signal that stops threads comes late */
  }
  return 0;
}
EOF2
# shellcheck disable=SC2086 # CC may hold options
$CC -O2 host.c -o host -ldl -lpthread || exit 99

for kind in dynamic static; do
  ok "$kind: loaded by dlopen()" ./host "./$kind.so"
  ok "$kind: it may be unloaded" ./host -stays "./$kind.so"
done

control_static()
{
  build_control_library || return
  cc -O2 -fPIC -shared module.c -o control.so \
    "$HP_BUILDDIR/runtime/libhotpatch_controls.a" -lelf -lz -liberty -lpthread ||
    return
  ./host -stays ./control.so && without stay_loaded fails ./host -stays ./control.so
}
ok "control: it would be gone when the signal comes" control_static

# Others that use thread-local memory until there is none left.
echo '__thread char x[40] __attribute__((tls_model("initial-exec")));
      char* f(void) { return x; }' >tls.c
# shellcheck disable=SC2086
$CC -O2 -fPIC -shared tls.c -o tls_0.so || exit 99
for i in $(seq 1 100); do
  cp tls_0.so "tls_$i.so"
done
for kind in dynamic static; do
  ./host -tls "./$kind.so" >tls.log 2>&1
  status=$?
  if [ "$status" -eq 77 ]; then
    skip "$kind: no thread-local memory is left" "this C library has no limit"
  else
    ok "$kind: no thread-local memory is left" test "$status" -eq 0
  fi
done
uses_none() { not grep TLS headers; }
readelf -lW "$built/libhotpatch.so" >headers
ok "the library needs none" uses_none

# --- Other programs ----------------------------------------------------------

in_python()
{
  python3 -c "import ctypes, sys
sys.exit(ctypes.CDLL('./$1.so').module_try())"
}
if python3 -c 'import ctypes' 2>/dev/null; then
  ok "python3, ctypes" in_python dynamic
  ok "python3, ctypes, the static library" in_python static
else
  skip "python3, ctypes" "there is no python3 with ctypes"
fi

include=$(python3 -c 'import sysconfig
print(sysconfig.get_path("include"))' 2>/dev/null)
if [ -f "$include/Python.h" ]; then
  cat >extension.c <<'EOF2'
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include "module.c"
static PyObject* run(PyObject* self, PyObject* arguments)
{
  (void)self, (void)arguments;
  return PyLong_FromLong(module_try());
}
static PyMethodDef methods[] = {{"run", run, METH_NOARGS, NULL}, {0}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "extension", NULL, -1, methods, 0, 0, 0, 0};
PyMODINIT_FUNC PyInit_extension(void) { return PyModule_Create(&definition); }
EOF2
  python_extension()
  {
    cc -O2 -fPIC -shared -I"$include" extension.c -o extension.so "-L$built" \
      -lhotpatch -lpthread &&
      PYTHONPATH=. python3 -c 'import extension, sys
sys.exit(extension.run())'
  }
  ok "python3, an extension module" python_extension
else
  skip "python3, an extension module" "its headers are not installed"
fi

in_perl()
{
  perl -MDynaLoader -e '
    my $library = DynaLoader::dl_load_file("./$ARGV[0].so", 0)
      or die DynaLoader::dl_error();
    my $symbol = DynaLoader::dl_find_symbol($library, "perl_run") or die;
    DynaLoader::dl_install_xsub("Host::run", $symbol);
    Host::run();' "$1" | grep '^module: 0$'
}
if perl -MDynaLoader -e 1 2>/dev/null; then
  ok "perl, DynaLoader" in_perl dynamic
  ok "perl, DynaLoader, the static library" in_perl static
else
  skip "perl, DynaLoader" "there is no perl with DynaLoader"
fi

in_java()
{
  java -Xint -XX:+UseSerialGC -cp . Host "$PWD/$1.so"
}
cat >Host.java <<'EOF2'
class Host {
  static native int run();
  public static void main(String[] arguments) {
    System.load(arguments[0]);
    System.exit(run());
  }
}
EOF2
if command -v java >/dev/null && command -v javac >/dev/null; then
  ok "java: a class with a native method" javac Host.java
  ok "java, a native method" in_java dynamic
  ok "java, a native method, the static library" in_java static
else
  skip "java, a native method" "there is no Java development kit"
fi

done_testing
