/* The patch object that mends the server.
 *
 * SPDX-License-Identifier: MIT
 */
#include <hotpatch.h>

#include "request.h"

HP_PATCH("fix", 1, "The width of negative numbers");

/* A static variable of the server: there is no list of what patches may use. */
extern unsigned long answered HP_IMPORT("server.c:answered");

HP_REPLACES("server.c:width_of")
static int width_of_signed(const struct request* r)
{
  answered++;
  return r->left > r->right ? r->left : r->right;
}
