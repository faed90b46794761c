// A program that consists of small classes in headers: spheres are hit by rays,
// and keys are counted in a table.
//
//     classes ROUNDS
//
// SPDX-License-Identifier: MIT
#include "classes.hh"

#include <cstdio>
#include <cstdlib>

using namespace classes;

namespace {

double light(const list<sphere*>& all, const ray& by)
{
  const sphere* nearest = nullptr;
  double distance = 1e30;
  for (sphere* each : all) {
    const double hit = each->hit(by);
    if (hit > 0 && hit < distance) {
      distance = hit;
      nearest = each;
    }
  }
  if (nearest == nullptr)
    return 0;
  const vector3 normal = nearest->normal(by.at(distance));
  return std::fabs(normal.dot(by.direction()));
}

double picture(const list<sphere*>& all)
{
  double sum = 0;
  for (int y = 0; y < 100; ++y)
    for (int x = 0; x < 100; ++x)
      sum += light(
          all, ray(vector3(0, 0, -10), vector3(x / 50.0 - 1, y / 50.0 - 1, 2)));
  return sum;
}

std::uint64_t counted(numbers& source)
{
  table all;
  for (int i = 0; i < 200'000; ++i)
    all.count(1 + source.below(30'000));
  return all.sum();
}

}  // namespace

int main(int argc, char** argv)
{
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
  list<sphere*> all;
  numbers source;
  for (int i = 0; i < 20; ++i)
    all.append(
        new sphere(vector3(source.below(10) - 5.0, source.below(10) - 5.0,
                           source.below(10) + 1.0),
                   1 + source.below(3)));
  double seen = 0;
  std::uint64_t keys = 0;
  for (int i = 0; i < rounds; ++i) {
    seen += picture(all);
    keys += counted(source);
  }
  for (sphere* each : all)
    delete each;
  std::printf("%.3f %llu\n", seen, static_cast<unsigned long long>(keys));
}
