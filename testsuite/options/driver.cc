// Replaces the functions of subject.cc one after the other.
// SPDX-License-Identifier: MIT
#include "subject.hh"
#include "try.h"

namespace {

int step_backwards(shop::counter* self, int by)
{
  return -by + 0 * self->peek();
}

int peek_seven(const shop::counter*)
{
  return 7;
}

int triple(int x)
{
  return x * 3;
}

int throw_it(int x)
{
  throw x;
}

}  // namespace

int main()
{
  hp_site_each(print_site, nullptr);
  shop::counter one(0);
  TRY("shop::counter::step(int)", step_backwards, one.step(0) * 0 + one.step(0),
      0, 0);
  TRY("shop::counter::step", step_backwards, one.step(3) < 0, false, true);
  shop::counter two(2);
  TRY("shop::counter::peek() const", peek_seven, shop::peek_through_base(two),
      2, 7);
  TRY("subject.cc:shop::(anonymous namespace)::hidden(int)", triple,
      shop::call_hidden(1), 6, 9);
  TRY("int shop::half<int>(int)", triple, shop::use_template(4), 2, 12);
  TRY("shop::may_throw(int)", throw_it, shop::guarded(4), 4, -1);
}
