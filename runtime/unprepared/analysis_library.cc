// Loading the disassembler.
// SPDX-License-Identifier: MIT
#include "runtime/unprepared/analysis_library.h"

#include <atomic>

#include <dlfcn.h>

#include "runtime/base/status.h"

// Static programs have neither.
#pragma weak dlsym
#pragma weak dlerror

namespace hotpatch {

namespace {

constexpr char soname[] = "libhotpatch-unprepared.so.0";

std::atomic<const unprepared_interface*> loaded;

// Found by name, because the linker warns about every static program in which
// dlopen is named.  A program that links the library has it already.
void* open_library(const char*& why)
{
  why = "the program is static";
  if (dlsym == nullptr)
    return nullptr;
  const auto open =
      reinterpret_cast<decltype(&dlopen)>(dlsym(RTLD_DEFAULT, "dlopen"));
  void* const library =
      open != nullptr ? open(soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)
                      : nullptr;
  if (open != nullptr && library == nullptr && dlerror != nullptr)
    why = dlerror();
  return library;
}

}  // namespace

const unprepared_interface* load_analysis_library() noexcept
{
  if (const unprepared_interface* known = loaded.load())
    return known;
  const char* why = nullptr;
  void* const library = open_library(why);
  if (library == nullptr) {
    (void)fail(HP_UNSUPPORTED,
               "functions without a site need %s, which cannot be loaded: %s; "
               "it is built where Zydis is (libzydis-dev)",
               soname, why != nullptr ? why : "no reason is given");
    return nullptr;
  }
  const auto* const found = static_cast<const unprepared_interface*>(
      dlsym(library, "hotpatch_unprepared"));
  if (found == nullptr || found->version != unprepared_version) {
    (void)fail(HP_UNSUPPORTED,
               "%s is of another version of hotpatch; install the one that "
               "belongs to this",
               soname);
    return nullptr;
  }
  loaded.store(found);
  return found;
}

hp_status analysed_object::open(const char* label, const void* bytes,
                                std::size_t size) noexcept
{
  close();
  library_ = load_analysis_library();
  if (library_ == nullptr)
    return HP_UNSUPPORTED;
  hp_status status = HP_OK;
  char message[512] = "";
  object_ =
      library_->open(label, bytes, size, &status, message, sizeof message);
  return object_ != nullptr ? HP_OK : fail(status, "%s", message);
}

void analysed_object::close() noexcept
{
  if (object_ != nullptr)
    library_->close(object_);
  object_ = nullptr;
}

}  // namespace hotpatch
