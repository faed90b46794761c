// Small classes as programs of C++ have them in headers: every member function
// is a line or two, and a program that inlines none of them is another program.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_BENCH_CLASSES_HH
#define HOTPATCH_BENCH_CLASSES_HH

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace classes {

class vector3 {
 public:
  vector3() : x_(0), y_(0), z_(0) {}
  vector3(double x, double y, double z) : x_(x), y_(y), z_(z) {}
  double x() const { return x_; }
  double y() const { return y_; }
  double z() const { return z_; }
  vector3 operator+(const vector3& b) const
  {
    return vector3(x_ + b.x(), y_ + b.y(), z_ + b.z());
  }
  vector3 operator-(const vector3& b) const
  {
    return vector3(x_ - b.x(), y_ - b.y(), z_ - b.z());
  }
  vector3 operator*(double by) const
  {
    return vector3(x_ * by, y_ * by, z_ * by);
  }
  double dot(const vector3& b) const
  {
    return x_ * b.x() + y_ * b.y() + z_ * b.z();
  }
  double length() const { return std::sqrt(dot(*this)); }
  vector3 unit() const { return *this * (1 / length()); }

 private:
  double x_, y_, z_;
};

class ray {
 public:
  ray(const vector3& from, const vector3& direction)
      : from_(from), direction_(direction.unit())
  {
  }
  const vector3& from() const { return from_; }
  const vector3& direction() const { return direction_; }
  vector3 at(double t) const { return from() + direction() * t; }

 private:
  vector3 from_, direction_;
};

class sphere {
 public:
  sphere(const vector3& centre, double radius)
      : centre_(centre), radius_(radius)
  {
  }
  const vector3& centre() const { return centre_; }
  double radius() const { return radius_; }
  // The distance, or a negative number.
  double hit(const ray& by) const
  {
    const vector3 away = by.from() - centre();
    const double b = away.dot(by.direction());
    const double c = away.dot(away) - radius() * radius();
    const double d = b * b - c;
    return d < 0 ? -1 : -b - std::sqrt(d);
  }
  vector3 normal(const vector3& at) const { return (at - centre()).unit(); }

 private:
  vector3 centre_;
  double radius_;
};

template <typename T>
class list {
 public:
  class iterator {
   public:
    explicit iterator(T* at) : at_(at) {}
    T& operator*() const { return *at_; }
    iterator& operator++()
    {
      ++at_;
      return *this;
    }
    bool operator!=(const iterator& b) const { return at_ != b.at_; }

   private:
    T* at_;
  };

  list() = default;
  list(const list&) = delete;
  list& operator=(const list&) = delete;
  ~list() { delete[] first_; }
  iterator begin() const { return iterator(first_); }
  iterator end() const { return iterator(first_ + size_); }
  std::size_t size() const { return size_; }
  bool empty() const { return size() == 0; }
  T& operator[](std::size_t i) { return first_[i]; }
  const T& operator[](std::size_t i) const { return first_[i]; }
  void append(const T& what)
  {
    if (size_ == room_)
      grow();
    first_[size_++] = what;
  }

 private:
  void grow()
  {
    const std::size_t room = room_ == 0 ? 8 : 2 * room_;
    T* const first = new T[room];
    for (std::size_t i = 0; i < size_; ++i)
      first[i] = std::move(first_[i]);
    delete[] first_;
    first_ = first;
    room_ = room;
  }

  T* first_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

// A linear congruential generator (Numerical Recipes).
class numbers {
 public:
  std::uint32_t next() { return last_ = last_ * 1664525u + 1013904223u; }
  std::uint32_t below(std::uint32_t limit) { return (next() >> 8) % limit; }

 private:
  std::uint32_t last_ = 1;
};

class entry {
 public:
  entry() = default;
  entry(std::uint32_t key, std::uint32_t value) : key_(key), value_(value) {}
  std::uint32_t key() const { return key_; }
  std::uint32_t value() const { return value_; }
  bool is_used() const { return key_ != 0; }
  void add(std::uint32_t by) { value_ += by; }

 private:
  std::uint32_t key_ = 0;
  std::uint32_t value_ = 0;
};

class table {
 public:
  table()
  {
    for (std::size_t i = 0; i < places; ++i)
      entries_.append(entry());
  }
  void count(std::uint32_t key)
  {
    entry& found = place_of(key);
    if (found.is_used())
      found.add(1);
    else
      found = entry(key, 1);
  }
  std::uint64_t sum() const
  {
    std::uint64_t all = 0;
    for (const entry& each : entries_)
      all += each.value();
    return all;
  }

 private:
  static constexpr std::size_t places = 1 << 16;
  std::size_t next(std::size_t place) const { return (place + 1) % places; }
  std::size_t first(std::uint32_t key) const { return key * 2654435769u >> 16; }
  entry& place_of(std::uint32_t key)
  {
    std::size_t place = first(key);
    while (entries_[place].is_used() && entries_[place].key() != key)
      place = next(place);
    return entries_[place];
  }

  list<entry> entries_;
};

}  // namespace classes

#endif
