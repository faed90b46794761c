#!/bin/sh
# Coroutines: what callers see makes one, and is replaced; its body lives
# elsewhere, and one that was begun before goes on as it began.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # set in survival.sh
. "$HP_SRCDIR/testsuite/plugin/survival.sh"

cat >coroutine.cc <<'EOT'
#include <coroutine>
#include "raw_patch.h"
struct task {
  struct promise_type {
    int value = 0;
    task get_return_object()
    {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(int v) { value = v; return {}; }
    void return_void() {}
    void unhandled_exception() { throw; }
  };
  std::coroutine_handle<promise_type> handle;
  int next() { handle.resume(); return handle.promise().value; }
};
[[gnu::hotpatch]] task f(int x) { co_yield x; co_yield x + 1; }
task other(int x) { co_yield x + 40; throw x; }
int main()
{
  task before = f(1);
  if (before.next() != 1)
    return 2;
  raw_patch((void*)f, (void*)other);
  task after = f(2);
  if (before.next() != 2 || after.next() != 42)
    return 3;
  try {
    after.next();
  } catch (int thrown) {
    return thrown != 2;
  }
  return 4;
}
EOT
for options in -O0 -O2 "-O2 $all" '-O2 -flto'; do
  # shellcheck disable=SC2086
  ok "coroutine.cc survives $options" survives coroutine.cc -std=c++20 $options
  ok "what makes the coroutine has a site" has_site program _Z1fi
done

# What makes this one throws nothing, which its callers would be told.
cat >quiet.cc <<'EOT'
#include <coroutine>
#include "raw_patch.h"
struct task {
  struct promise_type {
    static void* operator new(std::size_t n) noexcept { return malloc(n); }
    static void operator delete(void* p) noexcept { free(p); }
    static task get_return_object_on_allocation_failure() noexcept
    {
      return {};
    }
    task get_return_object() noexcept { return {}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { abort(); }
  };
};
[[gnu::hotpatch]] task f(int) { co_return; }
task other(int x) { throw x; }
[[gnu::noipa]] int calls(int x)
{
  try {
    f(x);
  } catch (int caught) {
    return caught + 40;
  }
  return 1;
}
int main()
{
  raw_patch((void*)f, (void*)other);
  return calls(2) != 42;
}
EOT
for options in -O0 -O2 '-O2 -flto'; do
  # shellcheck disable=SC2086
  ok "quiet.cc survives $options" survives quiet.cc -std=c++20 $options
done
ok "quiet.cc breaks without noipa" breaks quiet.cc -std=c++20 -O2 \
  $without=noipa
done_testing
