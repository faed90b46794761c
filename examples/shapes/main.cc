// Replaces a virtual function, a method and an instance of a template.
//
// SPDX-License-Identifier: MIT
#include "shapes.h"

#include <hotpatch.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

using shapes::circle;
using shapes::shape;
using shapes::square;

std::vector<std::unique_ptr<shape>> things;

void show(const char* when)
{
  std::printf("%-22s", when);
  for (const auto& thing : things)
    std::printf("%8.2f", thing->area());
  const circle& round = static_cast<const circle&>(*things[1]);
  std::printf("   radius %.2f   half of 5 is %.2f\n", round.radius(),
              shapes::percent(5.0, 50));
}

// A method is a function whose first parameter is its `this` pointer, so
// these can take the place of methods.  The compiler checks nothing here, but
// hp_apply() does: it compares the prototype with that of the site.
double right_area(const circle* self)
{
  return 3.14159 * self->radius() * self->radius();
}

double doubled_radius(const circle* self)
{
  static const hotpatch::original<double(const circle*)> radius(
      "shapes::circle::radius");
  return 2 * radius(self);
}

double all_of_it(double whole, int)
{
  return whole;
}

void check(hp_status status)
{
  if (status == HP_OK)
    return;
  std::fprintf(stderr, "shapes: %s\n", hp_error_message());
  std::exit(1);
}

}  // namespace

int main()
{
  things.push_back(std::make_unique<square>(2));
  things.push_back(std::make_unique<circle>(1));
  show("as compiled");

  // Reached through the virtual table, by name without parameters.
  check(hp_apply("shapes::circle::area", right_area));
  show("circle::area");

  // Only as long as the block lasts.
  {
    hotpatch::patch wider("shapes::circle::radius() const", doubled_radius);
    show("and circle::radius");
  }
  show("radius is back");

  check(hp_apply("shapes::percent<double>", all_of_it));
  show("and percent<double>");

  // What does not fit is refused, with both prototypes in the message.
  if (hp_apply("shapes::square::area", all_of_it) != HP_PROTOTYPE)
    return 1;
  std::fprintf(stderr, "refused: %s\n", hp_error_message());
}
