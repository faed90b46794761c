// Shapes with areas: a class hierarchy and a template, all of it patchable.
//
// SPDX-License-Identifier: MIT
#ifndef SHAPES_H
#define SHAPES_H

#include <hotpatch.h>

namespace shapes {

class shape {
 public:
  virtual ~shape() = default;
  virtual double area() const = 0;
};

class square : public shape {
 public:
  explicit square(double side) : side_(side) {}
  HP_PATCHABLE double area() const override;

 private:
  double side_;
};

class circle : public shape {
 public:
  explicit circle(double radius) : radius_(radius) {}
  HP_PATCHABLE double area() const override;
  HP_PATCHABLE double radius() const;

 private:
  double radius_;
};

// An instance of a template is a function like any other: "percent<double>".
template <typename T>
HP_PATCHABLE T percent(T whole, int share)
{
  return whole / 100 * share;
}

}  // namespace shapes

#endif
