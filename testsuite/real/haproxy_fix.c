/* What hp-apply puts into HAProxy: a Content-Length without a number is refused
 * (CVE-2023-40225).
 *
 * SPDX-License-Identifier: MIT
 */
#include <haproxy/h1.h>

#include <hotpatch.h>

HP_PATCH("empty-length", 1, "A Content-Length says a number");

extern int original_parse(struct h1m* message, struct ist* value)
    HP_ORIGINAL("h1_parse_cont_len_header");

HP_REPLACES("h1_parse_cont_len_header")
int new_parse(struct h1m* message, struct ist* value)
{
  return istlen(*value) == 0 ? -1 : original_parse(message, value);
}
