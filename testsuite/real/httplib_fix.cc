// What hp-apply puts into a server of cpp-httplib: a virtual function, an
// instance of a template, and a function that throws into the program.
//
// SPDX-License-Identifier: MIT
#include <httplib.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include <hotpatch.h>

HP_PATCH("httplib-fix", 1, "No content, and what was written is counted");

using namespace httplib;

static std::atomic<unsigned long> written{0};

#define SOCKET_WRITE \
  "httplib::detail::SocketStream::write(char const*, unsigned long)"

extern ssize_t original_write(detail::SocketStream* stream, const char* data,
                              size_t size) HP_ORIGINAL(SOCKET_WRITE);

HP_REPLACES(SOCKET_WRITE)
ssize_t new_write(detail::SocketStream* stream, const char* data, size_t size)
{
  written += size;
  return original_write(stream, data, size);
}

// DUMP_HEADERS and the like are assembler names, from nm.
extern std::string original_dump(const Headers& headers)
    HP_ORIGINAL(DUMP_HEADERS);

HP_REPLACES(DUMP_HEADERS)
std::string new_dump(const Headers& headers)
{
  return original_dump(headers) + "written: " + std::to_string(written) + '\n';
}

HP_REPLACES(SET_REDIRECT)
void new_redirect(Response*, const std::string& url, int)
{
  throw std::invalid_argument("the patch does not go to " + url);
}

HP_REPLACES(READ_CONTENT)
bool new_content(Stream& stream, Request&, size_t, int& status, Progress,
                 ContentReceiverWithProgress, bool)
{
  // Of an instance that the program made.
  const bool is_socket =
      dynamic_cast<detail::SocketStream*>(&stream) != nullptr;
  status = is_socket ? 413 : 500;
  return false;
}
