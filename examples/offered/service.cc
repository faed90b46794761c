// A service with a fault, which lets itself be patched by hp-apply, without
// being traced.
//
// SPDX-License-Identifier: MIT
#include <hotpatch.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

#include "account.h"

// The fault: one can withdraw more than there is.
void account::withdraw(int amount)
{
  balance_ -= amount;
}

static void withdraw_all(account& from)
{
  try {
    from.withdraw(60);
    std::printf("left: %d\n", from.balance());
  } catch (const refusal& refused) {
    std::printf("refused: %s\n", refused.what());
  }
  std::fflush(stdout);
}

int main()
{
  const hotpatch::control_socket offered;
  if (!offered) {
    std::printf("%s\n", offered.result().message().c_str());
    return 1;
  }
  for (;;) {
    account any;
    withdraw_all(any);
    withdraw_all(any);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}
