// Sites of every kind that C++ has; compiled with -all.
// SPDX-License-Identifier: MIT
#include "subject.hh"

namespace shop {

namespace {
int hidden(int x)
{
  return x * 2;
}
}  // namespace

counter::counter(int start) : value_(start) {}

counter::~counter() {}

int counter::step(int by)
{
  return value_ += by;
}

int counter::peek() const
{
  return value_;
}

int call_hidden(int x)
{
  return hidden(x) + hidden(x + 1);
}

int use_template(int x)
{
  return half(x);
}

int may_throw(int x)
{
  return x;
}

int guarded(int x)
{
  try {
    return may_throw(x);
  } catch (int) {
    return -1;
  }
}

int peek_through_base(const counter& which)
{
  return which.peek();
}

// Nothing calls it: --gc-sections drops the code and the record.
int unreferenced()
{
  return 5;
}

}  // namespace shop
