// Having a process patch itself, through the control socket that it offers.
//
// The counterpart of live_patching for processes that link libhotpatch: nothing
// is traced, and what is promised is what the library promises.  One thread at
// a time.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_OUTSIDE_CONTROL_PATCHING_H
#define HOTPATCH_OUTSIDE_CONTROL_PATCHING_H

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "outside/apply.h"
#include "outside/control_connection.h"
#include "processes/errors.h"

namespace hotpatch::outside {

// A patch that the library in a process has applied.
struct controlled_patch {
  std::string name;
  std::uint32_t version = 0;
  std::size_t sites = 0;
  std::uint64_t sequence = 0;
  std::string path;
};

struct controlled_process {
  std::string program;
  std::size_t images = 0;
  std::vector<controlled_patch> patches;
};

struct control_wishes {
  std::string path;  // of the socket; empty: to be found
};

class control_patching {
 public:
  control_patching(pid_t process, const apply_settings& settings,
                   control_wishes wishes);

  // Nothing: the process offers no socket, or not to us, or, to revert, does
  // not know the patch.  Throws tool_error, process_busy.
  std::optional<apply_result> apply(patch_object& file);
  std::optional<apply_result> revert(const std::string& name);
  std::optional<controlled_process> status();

 private:
  std::optional<control_outcome> ask(
      const std::string& request, int file,
      const std::function<void(const control_report&)>& report) const;
  template <typename Ask>
  std::optional<control_outcome> ask_until(Ask ask) const;
  std::string options() const;
  bool has(const std::string& name);
  bool is_loaded(const std::string& name) const;
  bool has_from_outside(const std::string& name) const;
  void report_step(const std::string& text) const;

  const pid_t process_;
  const apply_settings settings_;
  const control_wishes wishes_;
};

}  // namespace hotpatch::outside

#endif
