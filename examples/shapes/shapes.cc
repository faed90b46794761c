// The shapes' areas.  The circle's is wrong.
//
// SPDX-License-Identifier: MIT
#include "shapes.h"

namespace shapes {

double square::area() const
{
  return side_ * side_;
}

double circle::area() const
{
  return 3 * radius_ * radius_;
}

double circle::radius() const
{
  return radius_;
}

}  // namespace shapes
