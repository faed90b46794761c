/* What hp-apply puts into PostgreSQL: version() says how often the process has
 * added two integers since.
 *
 * SPDX-License-Identifier: MIT
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include <hotpatch.h>

HP_PATCH("count-additions", 1, "version() counts additions");

static uint64 additions;

extern Datum original_int4pl(PG_FUNCTION_ARGS) HP_ORIGINAL("int4pl");

HP_REPLACES("int4pl")
Datum new_int4pl(PG_FUNCTION_ARGS)
{
  ++additions;
  return original_int4pl(fcinfo);
}

HP_REPLACES("pgsql_version")
Datum new_version(PG_FUNCTION_ARGS)
{
  PG_RETURN_TEXT_P(cstring_to_text(
      psprintf("patched, %llu additions", (unsigned long long)additions)));
}
