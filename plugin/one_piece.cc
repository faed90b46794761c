// Keeps the code of a chosen function in one piece.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#include "plugin/one_piece.h"

#include "plugin/options.h"
#include "plugin/skipped_passes.h"

namespace hotpatch {

// "bbpart" is the pass that partitions a function into hot and cold blocks.
void keep_in_one_piece()
{
  if (current_options().with.one_piece)
    skip_for_chosen("bbpart");
}

}  // namespace hotpatch
