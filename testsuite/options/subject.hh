// The functions that driver.cc replaces.  SPDX-License-Identifier: MIT
namespace shop {

class counter {
 public:
  explicit counter(int start);
  int step(int by);
  virtual int peek() const;
  virtual ~counter();

 private:
  int value_;
};

template <typename T>
T half(T value)
{
  return value / 2;
}

int call_hidden(int x);
int use_template(int x);
int guarded(int x);  // what may_throw returns, or -1 if it throws
int may_throw(int x);
int peek_through_base(const counter& which);

}  // namespace shop
