// What the service and its patch have in common.
//
// SPDX-License-Identifier: MIT
#ifndef OFFERED_ACCOUNT_H
#define OFFERED_ACCOUNT_H

#include <stdexcept>

struct refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class account {
 public:
  void withdraw(int amount);
  int balance() const { return balance_; }

 private:
  int balance_ = 100;
};

#endif
