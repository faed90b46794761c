/* What server and patch both know: their types have to agree, and are compared
 * when the patch is loaded.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REQUEST_H
#define REQUEST_H

struct request {
  int left;
  int right;
};

#endif
