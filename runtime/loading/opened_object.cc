// Giving the dynamic linker a file that cannot change.
// SPDX-License-Identifier: MIT
#include "runtime/loading/opened_object.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/memory_map.h"
#include "runtime/base/page_size.h"
#include "runtime/base/raw_file.h"
#include "runtime/base/sealed_file.h"
#include "runtime/base/status.h"
#include "runtime/library/image_pin.h"
#include "runtime/sites/images.h"

// Weak for the same reason as in image_pin.cc.
#pragma weak dlerror
#pragma weak dlinfo

namespace hotpatch {

namespace {

// --- What constructors are called with ---------------------------------------

struct program_arguments {
  int count = 0;
  char** values = nullptr;
};
constinit program_arguments arguments;

// glibc calls constructors with what main() gets; others with nothing.
#ifdef __GLIBC__
[[gnu::constructor]] void note_arguments(int count, char** values, char**)
{
  arguments = {count, values};
}
#endif

using constructor = void (*)(int, char**, char**);

void call(std::uint64_t address)
{
  static char* none[] = {nullptr};
  reinterpret_cast<constructor>(address)(
      arguments.count, arguments.values != nullptr ? arguments.values : none,
      environ);
}

// --- Names -------------------------------------------------------------------

constinit std::atomic<std::uint32_t> next_load{1};

// "/proc/thread-self/fd/" -> "/proc/self/fd/.//.///./": the dynamic linker
// knows what it has loaded by the path it was given, and this one is new to it,
// because it spells a number that is never used again.  It is as long as
// `longest` so that the name in the dynamic linker's list has room for another
// one.
bool spell_place(const char* directory, const char* name, std::size_t longest,
                 char (&into)[PATH_MAX])
{
  std::size_t used = std::strlen(directory);
  const std::size_t length = std::strlen(name);
  constexpr std::size_t most_for_number = 64;
  if (used + most_for_number + length >= sizeof into)
    return false;
  std::memcpy(into, directory, used);
  const std::uint32_t number = next_load++;
  for (int bit = 31; bit >= 0; --bit) {
    if ((number >> bit & 1) != 0)
      into[used++] = '.';
    into[used++] = '/';
  }
  while (used + length < longest && used + length + 2 < sizeof into) {
    into[used++] = '.';
    into[used++] = '/';
  }
  std::memcpy(into + used, name, length + 1);
  return true;
}

// "/dir/./fix.so", "/dir/././fix.so" ...
bool spell_path(const char* path, int dots, char (&into)[PATH_MAX])
{
  const char* const name = std::strrchr(path, '/') + 1;
  const std::size_t directory = static_cast<std::size_t>(name - path);
  const std::size_t length = std::strlen(path);
  if (length + 2 * static_cast<std::size_t>(dots) >= sizeof into)
    return false;
  std::memcpy(into, path, directory);
  char* at = into + directory;
  for (int i = 0; i < dots; ++i, at += 2)
    std::memcpy(at, "./", 2);
  std::memcpy(at, name, length - directory + 1);
  return true;
}

bool is_taken(const char* name)
{
  return dl_iterate_phdr(
             [](dl_phdr_info* info, std::size_t, void* wanted) {
               return info->dlpi_name != nullptr &&
                              std::strcmp(info->dlpi_name,
                                          static_cast<const char*>(wanted)) == 0
                          ? 1
                          : 0;
             },
             const_cast<char*>(name)) != 0;
}

constexpr int most_spellings = 8;

// Debuggers and dladdr() look for the file by this name.  Two objects never
// have the same: dlopen(RTLD_NOLOAD) finds them by it.
void rename_object(const link_map& object, const char* path)
{
  if (*path != '/')
    return;
  (void)hold_loader(
      [path](const link_map& held) {
        char spelt[PATH_MAX];
        for (int dots = 0; dots < most_spellings; ++dots) {
          if (!spell_path(path, dots, spelt) ||
              std::strlen(spelt) > std::strlen(held.l_name))
            return false;
          if (is_taken(spelt))
            continue;
          std::memcpy(held.l_name, spelt, std::strlen(spelt) + 1);
          return true;
        }
        return false;
      },
      object);
}

// --- Its data ----------------------------------------------------------------

// Parts of RELRO segments are read-only once the object is loaded.
class writable_page {
 public:
  // False: cannot be made writable; errno says why.
  bool open(std::uint64_t address) noexcept
  {
    close();
    page_ = address / page_size * page_size;
    memory_mapping found;
    if (!find_mapping(address, found)) {
      errno = EFAULT;
      return false;
    }
    if ((found.protection & PROT_WRITE) != 0)
      return true;
    if (!protect(PROT_READ | PROT_WRITE))
      return false;
    before_ = found.protection;
    return true;
  }
  bool contains(std::uint64_t address) const noexcept
  {
    return address / page_size * page_size == page_;
  }

  writable_page() noexcept = default;
  writable_page(const writable_page&) = delete;
  writable_page& operator=(const writable_page&) = delete;
  ~writable_page() { close(); }

 private:
  bool protect(int protection) const noexcept
  {
    return mprotect(reinterpret_cast<void*>(page_), page_size, protection) == 0;
  }
  void close() noexcept
  {
    if (before_ != unchanged)
      protect(before_);
    before_ = unchanged;
  }

  static constexpr int unchanged = -1;
  std::uint64_t page_ = 1;  // none
  int before_ = unchanged;
};

// --- Places ------------------------------------------------------------------

// Where a filter may kill for a call that it does not know, only those are made
// that loading needs in any case.
bool is_filtered()
{
  const raw_file status("/proc/thread-self/status", O_RDONLY);
  char text[4096];
  const long got = status ? status.read(text, sizeof text - 1) : 0;
  text[got > 0 ? got : 0] = '\0';
  const char* const mode = std::strstr(text, "\nSeccomp:");
  return mode == nullptr || std::strstr(mode, "\t2\n") == mode + 9;
}

bool leads_to(const char* path, int descriptor)
{
  struct stat there, here;
  return stat(path, &there) == 0 && fstat(descriptor, &here) == 0 &&
         there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

// Descriptors with small numbers are closed and used again by programs that
// close what they do not know.
int move_up(int descriptor)
{
  constexpr int above = 500;
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, above);
  if (moved < 0)
    return descriptor;
  close(descriptor);
  return moved;
}

bool is_same_mapping(std::uint64_t a, std::uint64_t b)
{
  memory_mapping first, second;
  return find_mapping(a, first) && find_mapping(b, second) &&
         first.inode == second.inode && first.device == second.device;
}

}  // namespace

hp_status store_data(const char* label,
                     std::span<const import_store> stores) noexcept
{
  writable_page page;
  for (const import_store& each : stores) {
    if (each.address % sizeof each.value != 0)
      return fail(HP_UNSUPPORTED,
                  "%s: its data at %#llx is packed, so it cannot hold the "
                  "address of something in the program",
                  label, static_cast<unsigned long long>(each.address));
    if (!page.contains(each.address) && !page.open(each.address))
      return fail(HP_DENIED, "%s: cannot write to its data at %#llx: %s", label,
                  static_cast<unsigned long long>(each.address),
                  std::strerror(errno));
    std::memcpy(reinterpret_cast<void*>(each.address), &each.value,
                sizeof each.value);
  }
  return HP_OK;
}

// Without /proc only the dynamic linker's list is known.
bool loaded_object::is_there() const noexcept
{
  memory_mapping there, copy;
  return find_mapping(part, there) &&
         (!find_mapping(reinterpret_cast<std::uint64_t>(whole), copy) ||
          (there.inode == copy.inode && there.device == copy.device));
}

const char* loaded_object::give_back() noexcept
{
  const loaded_object own = *this;
  *this = {};
  if (own.stays)
    return stays_constructed;
  close_image(own.handle);
  const bool is_kept = own.handle != nullptr && own.part != 0 &&
                       HP_COUNTERMEASURE(see_what_stays) && own.is_there();
  // Another thread's change may hold a reference for a moment: what it gives
  // back then must leave nothing either.
  if (own.whole != nullptr)
    munmap(own.whole, own.size);
  return is_kept
             ? "the dynamic linker keeps it (it is linked with -z nodelete, "
               "something else uses it, or this C library never unloads)"
             : nullptr;
}

opened_object::~opened_object()
{
  object_.give_back();
}

hp_status opened_object::open(patch_file& patch) noexcept
{
  if (!can_open_images())
    return fail(HP_UNSUPPORTED,
                "%s: this program is linked statically, so it cannot load "
                "shared objects",
                patch.label());
  array<unsigned char> copy;
  if (const hp_status status = make_private_copy(patch, copy, held_);
      status != HP_OK)
    return status;
  const std::span<const unsigned char> bytes(copy.data(), copy.size());
  char place[PATH_MAX];
  if (!HP_COUNTERMEASURE(private_copy)) {
    const file_descriptor file(::open(patch.label(), O_RDONLY | O_CLOEXEC));
    return load(patch, file.get(), patch.label());
  }
  if (!is_filtered() && HP_COUNTERMEASURE(sealed_file)) {
    const file_descriptor file(
        move_up(make_sealed_file(patch.label(), bytes, sealed_for::execution)));
    char number[16];
    std::snprintf(number, sizeof number, "%d", file.get());
    if (file && may_execute(file.get()) &&
        spell_place("/proc/thread-self/fd/", number,
                    std::strlen(patch.label()) + 2 * most_spellings, place) &&
        leads_to(place, file.get()))
      return load(patch, file.get(), place);
  }
  const file_descriptor root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  placed_file placed;
  if (!root || !place_file(root.get(), true, patch.label(), bytes, placed))
    return fail(HP_DENIED,
                "%s: a private copy of it cannot be made: neither "
                "memfd_create(2) with /proc, nor a file in /dev/shm, /tmp, "
                "/var/tmp or /run from which code may be mapped (%s)",
                patch.label(), std::strerror(errno));
  const file_descriptor file(placed.descriptor);
  char* const name = std::strrchr(placed.path, '/') + 1;
  char directory[PATH_MAX];
  std::snprintf(directory, sizeof directory, "%.*s",
                static_cast<int>(name - placed.path), placed.path);
  const hp_status status =
      spell_place(directory, name,
                  std::strlen(patch.label()) + 2 * most_spellings, place)
          ? load(patch, file.get(), place)
          : fail(HP_UNREADABLE, "%s: its path is too long", patch.label());
  remove_placed(root.get(), placed);
  return status;
}

hp_status opened_object::load(patch_file& patch, int file,
                              const char* place) noexcept
{
  object_.size = patch.bytes().size();
  void* whole = mmap(nullptr, object_.size, PROT_READ, MAP_PRIVATE, file, 0);
  if (whole == MAP_FAILED)
    return fail(HP_NO_MEMORY, "%s: %s", patch.label(), std::strerror(errno));
  object_.whole = whole;
  // All symbols now: a slot that would be filled later looks unresolved.
  object_.handle = open_image(place, RTLD_NOW | RTLD_LOCAL);
  if (object_.handle == nullptr) {
    const char* reason = dlerror != nullptr ? dlerror() : nullptr;
    if (reason != nullptr &&
        std::strncmp(reason, place, std::strlen(place)) == 0)
      reason += std::strlen(place) + 2;
    return fail(HP_UNREADABLE, "%s: %s", patch.label(),
                reason != nullptr ? reason : "cannot be loaded");
  }
  link_map* map = nullptr;
  if (dlinfo == nullptr || dlinfo(object_.handle, RTLD_DI_LINKMAP, &map) != 0)
    return fail(HP_UNSUPPORTED,
                "%s: the dynamic linker does not tell where it is loaded",
                patch.label());
  object_.base = map->l_addr;
  object_.part = object_.base + patch.records().address;
  if (!is_same(patch))
    return fail(HP_UNREADABLE,
                "%s: the dynamic linker has loaded another file; another "
                "thread of the program closes descriptors that are not its own",
                patch.label());
  rename_object(*map, patch.label());
  return HP_OK;
}

hp_status opened_object::construct(patch_file& patch) noexcept
{
  if (held_.are_one_way && HP_COUNTERMEASURE(keep_constructed)) {
    object_.stays = true;
    reinterpret_cast<format::patch_state*>(object_.base + patch.state())
        ->flags |= format::state_stays;
  }
  if (held_.first != 0)
    call(object_.base + held_.first);
  const auto* const table =
      reinterpret_cast<const std::uint64_t*>(object_.base + held_.table);
  for (std::uint64_t i = 0; i < held_.count; ++i)
    if (table[i] != 0 && table[i] != UINT64_MAX)
      call(table[i]);
  array<import_store> stores;
  for (const held_constructors::word& each : held_.restore)
    if (!stores.append({object_.base + each.address, each.value}))
      return fail(HP_NO_MEMORY, "%s: out of memory", patch.label());
  return store_data(patch.label(), {stores.data(), stores.size()});
}

// The very file, and the bytes that matter: what is mapped read-only is in
// memory as it was checked: the records, the build-id, names, constants.  Where
// no build-id stands for the code, the code itself; its patch words, if it has
// sites of its own, may have changed.
bool opened_object::is_same(patch_file& patch) const noexcept
{
  memory_mapping found;
  if (!find_mapping(object_.base + patch.state(), found) ||
      !is_same_mapping(object_.part,
                       reinterpret_cast<std::uint64_t>(object_.whole)))
    return false;
  const bool code_too = !patch.elf().id().present();
  elf_segment segment;
  for (std::size_t i = 0; i < patch.elf().segment_count(); ++i) {
    if (!patch.elf().segment(i, segment) || segment.type != PT_LOAD ||
        (segment.flags & PF_W) || ((segment.flags & PF_X) && !code_too))
      continue;
    const memory_range* range = patch.view().find(segment.address);
    if (range == nullptr || !has_bytes(patch, *range))
      return false;
  }
  const record_section records = patch.records();
  return has_bytes(
      patch, {records.address, records.size, patch.record_bytes(), false});
}

bool opened_object::has_bytes(patch_file& patch,
                              const memory_range& wanted) const noexcept
{
  memory_mapping first;
  memory_mapping last;
  return wanted.size == 0 ||
         (find_mapping(object_.base + wanted.address, first) &&
          find_mapping(object_.base + wanted.address + wanted.size - 1, last) &&
          std::memcmp(
              reinterpret_cast<const void*>(object_.base + wanted.address),
              static_cast<const unsigned char*>(object_.whole) +
                  (wanted.bytes - patch.bytes().data()),
              wanted.size) == 0);
}

}  // namespace hotpatch
