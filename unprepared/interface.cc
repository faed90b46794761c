// The library's one symbol.
// SPDX-License-Identifier: MIT
#include "runtime/unprepared/interface.h"

#include <cstdio>
#include <cstdlib>
#include <new>

#include "runtime/base/status.h"
#include "unprepared/object.h"
#include "unprepared/relocation.h"

namespace hotpatch {

namespace {

void close_object(unprepared_object* object)
{
  if (object == nullptr)
    return;
  object->~unprepared_object();
  std::free(object);
}

unprepared_object* open_object(const char* label, const void* bytes,
                               std::size_t size, hp_status* status,
                               char* message, std::size_t message_size)
{
  void* const memory = std::malloc(sizeof(unprepared_object));
  unprepared_object* const object =
      memory != nullptr ? new (memory) unprepared_object : nullptr;
  *status = object == nullptr
                ? fail(HP_NO_MEMORY, "%s: no memory to look at it", label)
                : object->load(label, bytes, size);
  if (*status == HP_OK)
    return object;
  std::snprintf(message, message_size, "%s", last_message());
  close_object(object);
  return nullptr;
}

std::size_t count_functions(const unprepared_object* object)
{
  return object->count();
}

void describe_function(unprepared_object* object, std::size_t index,
                       unprepared_function* into)
{
  object->describe(index, *into);
}

const char* other_name_of(const unprepared_object* object, std::size_t index,
                          std::size_t number)
{
  return object->other_name(index, number);
}

std::size_t function_at(const unprepared_object* object, std::uint64_t address)
{
  return object->at(address);
}

std::size_t relocate_code(const std::uint8_t* code, std::size_t size,
                          std::uint64_t from, std::uint64_t to,
                          std::uint8_t* into, std::size_t room)
{
  const unprepared::relocation done =
      unprepared::relocate({code, size}, from, to, {into, room});
  return done.failure == unprepared::relocation_failure::none ? done.size : 0;
}

}  // namespace

}  // namespace hotpatch

const hotpatch::unprepared_interface hotpatch_unprepared = {
    hotpatch::unprepared_version, hotpatch::open_object,
    hotpatch::close_object,       hotpatch::count_functions,
    hotpatch::describe_function,  hotpatch::other_name_of,
    hotpatch::function_at,        hotpatch::relocate_code,
};
