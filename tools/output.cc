// Formatting in parallel, writing in order.
//
// SPDX-License-Identifier: MIT
#include "tools/output.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <future>
#include <thread>

#include <unistd.h>

namespace hotpatch::tools {

namespace {

constexpr std::size_t flush_size = std::size_t{1} << 18;
constexpr std::size_t range_size = 8192;  // items that one task formats

void write_all(int descriptor, const char* bytes, std::size_t size)
{
  while (size != 0) {
    ssize_t written = write(descriptor, bytes, size);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      throw output_error(errno);
    }
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

}  // namespace

output_error::output_error(int error)
    : std::runtime_error(std::string("cannot write the standard output: ") +
                         std::strerror(error)),
      error_(error)
{
}

void output::relax()
{
  if (text_.size() >= flush_size)
    flush();
}

void output::flush()
{
  write_all(descriptor_, text_.data(), text_.size());
  text_.clear();
}

void output::append_items(std::size_t count, const range_formatter& format)
{
  if (count <= range_size) {
    format(0, count, text_);
    relax();
    return;
  }
  flush();
  auto one_range = [&](std::size_t begin) {
    std::string text;
    format(begin, std::min(begin + range_size, count), text);
    return text;
  };
  // One range is written while the others are formatted.  The futures of
  // std::async wait in their destructors, so an exception leaves no thread
  // after it that still uses `format`.
  std::size_t tasks = std::max(2u, std::thread::hardware_concurrency());
  std::deque<std::future<std::string>> running;
  for (std::size_t begin = 0; begin < count || !running.empty();) {
    if (begin < count && running.size() < tasks) {
      running.push_back(std::async(std::launch::async, one_range, begin));
      begin += range_size;
      continue;
    }
    std::string text = running.front().get();
    running.pop_front();
    write_all(descriptor_, text.data(), text.size());
  }
}

}  // namespace hotpatch::tools
