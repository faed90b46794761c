// The patch: the method as it should be.  It is a method, so it may use what is
// private in the class.
//
// SPDX-License-Identifier: MIT
#include <hotpatch.h>

#include "account.h"

HP_PATCH("overdraft", 1, "Refuse what is not there");

HP_REPLACES("account::withdraw(int)")
void account::withdraw(int amount)
{
  if (amount > balance_)
    throw refusal("there is not as much");
  balance_ -= amount;
}
