/* What the parts of the shop share.
 *
 * A client sends the number of an item and a newline; the shop answers with
 * the price in cents and a newline, and the connection stays open.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SHOP_H
#define SHOP_H

#include <hotpatch.h>

/* pricing.c: what the shop asks for an item, called by all its threads. */
HP_PATCHABLE long net_price(long item);
HP_PATCHABLE long with_tax(long cents);

/* console.c: obeys the operator's commands until standard input ends. */
void run_console(void);

#endif
