// The clients of a control socket, until each has said what it wants.
//
// As many are listened to at a time as there is room for, each for a limited
// time, so that none can keep others waiting by silence.  They are served in
// the order in which they came, unless they are gone by then.  One thread.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_CONTROL_CLIENTS_H
#define HOTPATCH_RUNTIME_CONTROL_CLIENTS_H

#include <cstddef>
#include <cstdint>

#include "runtime/base/file_descriptor.h"
#include "runtime/include/hotpatch.h"

namespace hotpatch {

// Who may use a control socket: processes that could trace this one.
//
// Decided by what the kernel says of the client, never by what the client says.
// Any thread.

// HP_DENIED, with the reason.
[[nodiscard]] hp_status check_control_peer(int connection) noexcept;

class control_clients {
 public:
  // `listener` is where clients come in; when `wake` becomes readable another
  // thread wants something else of this thread.  Both outlive this object.
  control_clients(const noted_descriptor& listener,
                  const noted_descriptor& wake) noexcept
      : listener_(listener), wake_(wake)
  {
  }
  control_clients(const control_clients&) = delete;
  control_clients& operator=(const control_clients&) = delete;
  ~control_clients();

  // Waits, and deals with what has come.  False: the program has closed one of
  // the two descriptors, so no client can come any more.
  [[nodiscard]] bool attend() noexcept;

 private:
  static constexpr std::size_t most = 8;
  struct client {
    noted_descriptor connection;
    std::int64_t until = 0;  // of the monotonic clock
  };

  void admit() noexcept;
  void drop(std::size_t index) noexcept;
  void drop_late(std::int64_t now) noexcept;
  [[nodiscard]] int time_left() const noexcept;

  const noted_descriptor& listener_;
  const noted_descriptor& wake_;
  client clients_[most] = {};
  std::size_t count_ = 0;
};

}  // namespace hotpatch

#endif
