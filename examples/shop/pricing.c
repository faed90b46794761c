/* The prices of the shop: the part of a program that changes, while the
 * server around it must not stop.
 *
 * SPDX-License-Identifier: MIT
 */
#include "shop.h"

long net_price(long item)
{
  return 100 + item % 900;
}

long with_tax(long cents)
{
  return cents + cents * 19 / 100;
}
