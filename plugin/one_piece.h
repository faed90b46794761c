// Keeps the code of a chosen function in one piece.
//
// GCC moves blocks that are rarely executed to another section, as f.cold.  The
// record of a site describes one range of addresses; a search for threads
// inside the function (the level quiescent) would miss those in the cold part,
// and change the function under them.
//
// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef HOTPATCH_PLUGIN_ONE_PIECE_H
#define HOTPATCH_PLUGIN_ONE_PIECE_H

namespace hotpatch {

// Call from plugin_init.
void keep_in_one_piece();

}  // namespace hotpatch

#endif
