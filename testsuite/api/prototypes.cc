// What the C++ calls accept, and what they refuse with both prototypes.
// SPDX-License-Identifier: MIT
#include <hotpatch.h>

#include <cstdarg>

#include "testsuite/lib/tap.h"

namespace shop {

struct item;

class counter {
 public:
  explicit counter(int start) : value_(start) {}
  virtual ~counter() = default;
  HP_PATCHABLE int add(int n);
  HP_PATCHABLE int get() const;
  HP_PATCHABLE int get_volatile() const volatile noexcept;
  HP_PATCHABLE int get_reference() const&;
  HP_PATCHABLE static int zero();
  HP_PATCHABLE virtual int price(int n);

 private:
  friend int add_twice(counter* self, int n);
  int value_;
};

int counter::add(int n)
{
  return value_ += n;
}
int counter::get() const
{
  return value_;
}
int counter::get_volatile() const volatile noexcept
{
  return value_;
}
int counter::get_reference() const&
{
  return value_;
}
int counter::zero()
{
  return 0;
}
int counter::price(int n)
{
  return n;
}

HP_PATCHABLE int weigh(const item*, unsigned long n) noexcept
{
  return static_cast<int>(n);
}
HP_PATCHABLE int sum(int count, ...)
{
  va_list values;
  va_start(values, count);
  int total = 0;
  while (count-- > 0)
    total += va_arg(values, int);
  va_end(values);
  return total;
}
template <typename T>
HP_PATCHABLE T largest(T a, T b)
{
  return a < b ? b : a;
}

int add_twice(counter* self, int n)
{
  return self->value_ += 2 * n;
}
int get_seven(const counter*)
{
  return 7;
}
int get_eight(const volatile counter*) noexcept
{
  return 8;
}
int get_nine(counter*)
{
  return 9;
}
int weigh_double(const item*, unsigned long n)
{
  return static_cast<int>(2 * n);
}
int weigh_int(const item*, int n)
{
  return n;
}
int minus_one(int, ...)
{
  return -1;
}
int one_less(int n)
{
  return n - 1;
}
int smallest(int a, int b)
{
  return a < b ? a : b;
}

struct till : counter {
  using counter::counter;
  int own_add(int n) { return n; }
};

}  // namespace shop

using namespace shop;

static void functions()
{
  IS(hp_apply("shop::weigh", weigh_double), HP_OK, "noexcept does not matter");
  OK(weigh(nullptr, 4) == 8, "and it is replaced");
  IS(hp_revert("shop::weigh(shop::item const*, unsigned long)"), HP_OK,
     "by the whole signature");
  OK(weigh(nullptr, 4) == 4, "and reverted");
  IS(hp_apply("shop::weigh", weigh_int), HP_PROTOTYPE, "another parameter");
  SAYS("int (shop::item const*, unsigned long)", "one prototype");
  SAYS("int (shop::item const*, int)", "the other");
  SAYS("HP_ANY_PROTOTYPE", "and the way out");
  OK(weigh(nullptr, 4) == 4, "nothing has changed");
  IS(hp_apply_flags("shop::weigh", weigh_int, HP_ANY_PROTOTYPE), HP_OK,
     "the way out works");
  IS(hp_remove("shop::weigh", weigh_int), HP_OK, "and can be removed");
  IS(hp_apply("shop::sum", minus_one), HP_OK, "a variadic function");
  OK(sum(2, 3, 4) == -1, "is replaced");
  IS(hp_revert("shop::sum"), HP_OK, "and reverted");
  OK(sum(2, 3, 4) == 7, "and adds again");
  IS(hp_apply("shop::sum", one_less), HP_PROTOTYPE, "variadic or not matters");
  OK(largest(1, 2) == 2, "a template");
  IS(hp_apply("int shop::largest<int>(int, int)", smallest), HP_OK,
     "is found by its signature");
  OK(largest(1, 2) == 1, "and replaced");
  IS(hp_revert("shop::largest<int>"), HP_OK, "and by its name alone");
}

static void methods()
{
  counter it(5);
  IS(hp_apply("shop::counter::add", add_twice), HP_OK,
     "a function replaces a method");
  OK(it.add(1) == 7, "and gets its this");
  IS(hp_apply("shop::counter::add", &till::own_add), HP_PROTOTYPE,
     "a method of another class does not");
  SAYS("int (shop::counter*, int)", "one prototype");
  SAYS("int (shop::till*, int)", "the other");
  IS(hp_revert("shop::counter::add"), HP_OK, "reverted");
  OK(it.add(1) == 8, "the original runs");

  IS(hp_apply("shop::counter::get", get_seven), HP_OK, "a const method");
  OK(it.get() == 7, "is replaced");
  IS(hp_revert("shop::counter::get"), HP_OK, "and reverted");
  IS(hp_apply("shop::counter::get", get_nine), HP_PROTOTYPE,
     "by a function whose this is not const it is not");
  IS(hp_apply("shop::counter::get_volatile", get_eight), HP_OK,
     "a const volatile noexcept method");
  OK(it.get_volatile() == 8, "is replaced");
  IS(hp_revert("shop::counter::get_volatile"), HP_OK, "and reverted");
  IS(hp_apply("shop::counter::get", &counter::get_reference), HP_OK,
     "a method with a reference qualifier replaces one without");
  OK(it.get() == 8, "and runs");
  IS(hp_remove("shop::counter::get", &counter::get_reference), HP_OK,
     "and is removed");
  IS(hp_apply("shop::counter::zero", &counter::zero), HP_INVALID,
     "a static method is a function, here the same one");
  IS(hp_apply("shop::counter::add", &counter::price), HP_INVALID,
     "a virtual method has no address of its own");
  SAYS("virtual", "which the message says");
}

static void virtual_functions()
{
  counter it(0);
  counter* through = &it;
  IS(hp_apply("shop::counter::price", add_twice), HP_OK, "a virtual function");
  asm("" : "+r"(through));
  OK(through->price(4) == 8, "is replaced for virtual calls");
  IS(hp_revert("shop::counter::price"), HP_OK, "and reverted");
  OK(through->price(4) == 4, "and runs again");
}

static void lambdas()
{
  IS(hp_apply(
         "shop::counter::zero", +[] { return 11; }),
     HP_OK, "a lambda without captures");
  OK(counter::zero() == 11, "replaces a static method");
  IS(hp_revert("shop::counter::zero"), HP_OK, "and is reverted");
}

int main()
{
  functions();
  methods();
  virtual_functions();
  lambdas();
  return done_testing();
}
