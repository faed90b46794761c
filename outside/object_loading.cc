// Loading by dlopen() from a sealed copy, and the dynamic linker's list of what
// is loaded.
//
// SPDX-License-Identifier: MIT
#include "outside/object_loading.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "processes/errors.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "runtime/base/countermeasure.h"
#include "runtime/base/file_descriptor.h"
#include "runtime/base/sealed_file.h"
#include "runtime/objects/private_copy.h"

namespace hotpatch::outside {

namespace {

constexpr std::size_t longest_text = 1024;

std::uint64_t argument(long value)
{
  return static_cast<std::uint64_t>(value);
}

[[noreturn]] void throw_load_error(pid_t process, const std::string& what)
{
  throw tool_error(process_text(process) + ' ' + what);
}

std::string error_text(std::int64_t result)
{
  return std::strerror(static_cast<int>(-result));
}

// --- The copy ----------------------------------------------------------------

struct copied_object {
  array<unsigned char> bytes;
  held_constructors held;

  explicit copied_object(patch_object& file)
  {
    throw_if_failed(make_private_copy(file.file, bytes, held));
  }
  std::span<const unsigned char> span() const
  {
    return {bytes.data(), bytes.size()};
  }
};

bool is_same_file(const struct stat& a, const struct stat& b)
{
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// A file of the process with the bytes of a patch object, and its mapping.
class file_in_process {
 public:
  file_in_process(borrowed_thread& thread, const patch_object& file,
                  std::span<const unsigned char> bytes)
      : thread_(thread)
  {
    if (!make_sealed(file, bytes))
      make_placed(file, bytes);
    const std::int64_t mapping = thread_.system_call(
        SYS_mmap,
        {0, bytes.size(), PROT_READ, MAP_PRIVATE, argument(descriptor_), 0});
    if (is_error(mapping))
      throw_load_error(thread.process(), "cannot map a copy of " + file.path +
                                             ": " + error_text(mapping));
    whole_ = argument(mapping);
    size_ = bytes.size();
  }
  file_in_process(const file_in_process&) = delete;
  file_in_process& operator=(const file_in_process&) = delete;
  ~file_in_process()
  {
    if (root_)
      remove_placed(root_.get(), placed_);
    try {
      if (descriptor_ >= 0)
        thread_.system_call(SYS_close, {argument(descriptor_)});
      if (whole_ != 0)
        thread_.system_call(SYS_munmap, {whole_, size_});
    } catch (const std::exception&) {
      // It ended, or does not come back.
    }
  }

  int descriptor() const { return descriptor_; }
  std::uint64_t whole() const { return whole_; }
  // The mapping stays when this goes away.
  void keep_mapped() { whole_ = 0; }

 private:
  std::string path_here(int number) const
  {
    return memory_path(thread_.process(), "/fd/" + std::to_string(number));
  }

  // False: this system has no such files, or nothing may be executed from them.
  bool make_sealed(const patch_object& file,
                   std::span<const unsigned char> bytes)
  {
    if (!HP_COUNTERMEASURE(sealed_file))
      return false;
    char name[sealed_name_size];
    name_sealed_file(file.path.c_str(), name);
    const std::uint64_t name_at = thread_.place(name);
    std::int64_t made = -EINVAL;
    for (const bool with_exec : {true, false})
      if (made == -EINVAL)
        made = thread_.system_call(SYS_memfd_create,
                                   {name_at, sealed_file_flags(with_exec)});
    if (is_error(made))
      return false;
    descriptor_ = static_cast<int>(made);
    fill(bytes);
    const std::int64_t page = thread_.system_call(
        SYS_mmap,
        {0, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, argument(descriptor_), 0});
    if (!is_error(page)) {
      thread_.system_call(SYS_munmap, {argument(page), 1});
      return true;
    }
    thread_.system_call(SYS_close, {argument(descriptor_)});
    descriptor_ = -1;
    return false;
  }

  // What has that number there may be anything by now, if the process is
  // hostile: only a file in memory that is not sealed is written to.
  void fill(std::span<const unsigned char> bytes) const
  {
    const std::string path = path_here(descriptor_);
    const file_descriptor found(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat about;
    if (!found || fstat(found.get(), &about) != 0 || !S_ISREG(about.st_mode))
      throw_load_error(thread_.process(),
                       "does not let a copy be written: " + path + ": " +
                           std::strerror(errno));
    const std::string here = "/proc/self/fd/" + std::to_string(found.get());
    const file_descriptor file(::open(here.c_str(), O_RDWR | O_CLOEXEC));
    if (!file || fcntl(file.get(), F_GET_SEALS) != 0 ||
        !write_whole(file.get(), bytes) || !seal_file(file.get()))
      throw_load_error(thread_.process(),
                       "does not let a copy be written: " + path + ": " +
                           std::strerror(errno));
  }

  void make_placed(const patch_object& file,
                   std::span<const unsigned char> bytes)
  {
    const std::string below = memory_path(thread_.process(), "/root");
    root_.reset(::open(below.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root_ ||
        !place_file(root_.get(), false, file.path.c_str(), bytes, placed_))
      throw_load_error(
          thread_.process(),
          "gets no private copy of " + file.path +
              ": neither does memfd_create(2) make a file in it from which "
              "code may be mapped, nor can one be placed in its /dev/shm, "
              "/tmp, /var/tmp or /run: " +
              std::strerror(errno));
    const file_descriptor ours(placed_.descriptor);
    const std::int64_t opened = thread_.system_call(
        SYS_openat, {argument(AT_FDCWD), thread_.place(placed_.path),
                     O_RDONLY | O_CLOEXEC, 0});
    if (is_error(opened))
      throw_load_error(thread_.process(),
                       std::string("cannot open a private copy, ") +
                           placed_.path + ": " + error_text(opened));
    descriptor_ = static_cast<int>(opened);
    struct stat theirs, wanted;
    if (stat(path_here(descriptor_).c_str(), &theirs) != 0 ||
        fstat(ours.get(), &wanted) != 0 || !is_same_file(theirs, wanted))
      throw_load_error(thread_.process(),
                       std::string("finds another file at ") + placed_.path);
  }

  borrowed_thread& thread_;
  int descriptor_ = -1;
  std::uint64_t whole_ = 0;
  std::size_t size_ = 0;
  file_descriptor root_{-1};  // if it is a placed one
  placed_file placed_;
};

// --- The name ----------------------------------------------------------------

// "/srv/fix.so" -> "/srv/fix.so/.//././/.": a file is no directory, and what is
// opened as one cannot be loaded.  The number that it spells makes the name one
// that the dynamic linker does not know.
std::string unopenable_name(const std::string& path)
{
  std::string name = path + '/';
  std::random_device random;
  for (unsigned bits = random(), i = 0; i < 32; ++i, bits >>= 1)
    name += (bits & 1) != 0 ? "./" : "/";
  return name + '.';
}

// "/dir/fix.so", "/dir/./fix.so", ...: two objects never have the same name.
std::string free_name(const std::string& path,
                      const std::vector<std::string>& taken)
{
  std::string name = path;
  while (std::find(taken.begin(), taken.end(), name) != taken.end())
    name.insert(name.rfind('/'), "/.");
  return name;
}

// Debuggers look for the file by it.
void rename_object(const target_image& loader, target_memory& memory,
                   std::uint64_t handle, const std::string& now,
                   const std::string& path)
{
  const auto at =
      memory.load<std::uint64_t>(handle + offsetof(link_map, l_name));
  const std::string wanted = free_name(path, names_of_objects(loader, memory));
  if (wanted.size() > now.size() || text_in_process(memory, at) != now)
    return;
  memory.write(at, {reinterpret_cast<const std::uint8_t*>(wanted.c_str()),
                    wanted.size() + 1});
}

// --- The system call
// ----------------------------------------------------------

// Makes the dynamic linker open `descriptor` under that name.
class opening {
 public:
  opening(const target_memory& memory, std::string name, int descriptor)
      : memory_(memory), name_(std::move(name)), descriptor_(descriptor)
  {
  }

  // False when the object was opened.
  bool see(tracee& thread)
  {
    user_regs_struct now = thread.registers();
    if (before_ && !thread.at_syscall_entry()) {
      now.rdi = before_->rdi;
      now.rsi = before_->rsi;
      now.rdx = before_->rdx;
      thread.set_registers(now);
      before_.reset();
      return false;
    }
    if (!thread.at_syscall_entry() || !is_meant(now) ||
        !HP_COUNTERMEASURE(private_copy))
      return true;
    before_ = now;
    now.orig_rax = SYS_fcntl;
    now.rdi = argument(descriptor_);
    now.rsi = F_DUPFD_CLOEXEC;
    now.rdx = 0;
    thread.set_registers(now);
    return true;
  }

 private:
  bool is_meant(const user_regs_struct& call) const
  {
    const bool at = call.orig_rax == SYS_openat;
    if (!at && call.orig_rax != SYS_open)
      return false;
    return text_in_process(memory_, at ? call.rsi : call.rdi,
                           name_.size() + 1) == name_;
  }
  static std::string text_in_process(const target_memory& memory,
                                     std::uint64_t address, std::size_t size)
  {
    std::string text(size, '\0');
    text.resize(memory.read_some(
        address, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}));
    return text.substr(0, strnlen(text.data(), text.size()));
  }

  const target_memory& memory_;
  const std::string name_;
  const int descriptor_;
  std::optional<user_regs_struct> before_;  // of the call that was changed
};

// Whether both are of one file.
bool is_same_mapping(pid_t process, std::uint64_t a, std::uint64_t b)
{
  const auto maps = read_maps(process);
  const process_mapping* first = mapping_at(maps, a);
  const process_mapping* second = mapping_at(maps, b);
  return first != nullptr && second != nullptr && first->inode != 0 &&
         first->inode == second->inode && first->device == second->device;
}

std::string reason_of(borrowed_thread& thread, const target_memory& memory,
                      const target_code& code)
{
  const std::uint64_t message = thread.call("dlerror()", code.dlerror, {});
  return message != 0 ? text_in_process(memory, message) : "no reason is given";
}

// The dynamic linker speaks of a name that no user has given.
std::string with_path(std::string text, const std::string& name,
                      const std::string& path)
{
  if (const std::size_t at = text.find(name); at != std::string::npos)
    text.replace(at, name.size(), path);
  return text;
}

// --- Constructors
// -------------------------------------------------------------

struct program_arguments {
  std::uint64_t count = 0;
  std::uint64_t values = 0;
  std::uint64_t environment = 0;
};

// What constructors are called with by glibc, as main() is; other C libraries
// call them without arguments.
program_arguments arguments_of(borrowed_thread& thread,
                               const target_memory& memory,
                               const target_code& code)
{
  constexpr std::uint64_t most = 1 << 20;
  program_arguments found;
  const std::uint64_t none = thread.place(std::string(16, '\0'));
  const std::uint64_t values = find_exported(*code.loader, "_dl_argv").address;
  const std::uint64_t environment =
      find_exported(*code.library, "environ").address;
  found.values = values != 0 ? memory.load<std::uint64_t>(values) : 0;
  while (found.values != 0 && found.count < most &&
         memory.load<std::uint64_t>(found.values + 8 * found.count) != 0)
    ++found.count;
  found.environment =
      environment != 0 ? memory.load<std::uint64_t>(environment) : 0;
  if (found.values == 0)
    found.values = (none + 7) / 8 * 8;
  if (found.environment == 0)
    found.environment = (none + 7) / 8 * 8;
  return found;
}

// Which is the last step.
bool are_destructors_known(const target_memory& memory,
                           const held_constructors& held, std::uint64_t bias)
{
  return std::all_of(
      held.restore.begin(), held.restore.end(), [&](const auto& word) {
        return memory.load<std::uint64_t>(bias + word.address) == word.value;
      });
}

}  // namespace

std::string text_in_process(const target_memory& memory, std::uint64_t address)
{
  std::string text(longest_text, '\0');
  text.resize(memory.read_some(
      address, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}));
  text.resize(strnlen(text.data(), text.size()));
  return text;
}

std::uint64_t load_object(borrowed_thread& thread, target_memory& memory,
                          const target_code& code, patch_object& file)
{
  const copied_object copy(file);
  file_in_process loaded(thread, file, copy.span());
  const std::string name =
      HP_COUNTERMEASURE(private_copy) ? unopenable_name(file.path) : file.path;
  opening instead(memory, name, loaded.descriptor());
  const std::uint64_t handle =
      thread.call("loading the patch object", code.dlopen,
                  {thread.place(name), RTLD_NOW | RTLD_LOCAL},
                  [&](tracee& traced) { return instead.see(traced); });
  if (handle == 0)
    throw_load_error(
        thread.process(),
        "does not load the patch object: " +
            with_path(reason_of(thread, memory, code), name, file.path));
  const std::uint64_t bias = bias_of_handle(memory, handle);
  if (HP_COUNTERMEASURE(private_copy) &&
      !is_same_mapping(thread.process(), bias + file.file.records().address,
                       loaded.whole())) {
    (void)thread.call("unloading the patch object", code.dlclose, {handle});
    throw_load_error(
        thread.process(),
        "has loaded something else than " + file.path +
            "; a thread of it closes descriptors that are not its own");
  }
  rename_object(*code.loader, memory, handle, name, file.path);
  loaded.keep_mapped();
  return bias;
}

bool is_object_constructed(const target_memory& memory, patch_object& file,
                           std::uint64_t bias)
{
  return are_destructors_known(memory, copied_object(file).held, bias);
}

void construct_object(borrowed_thread& thread, target_memory& memory,
                      const target_code& code, patch_object& file,
                      std::uint64_t bias)
{
  const copied_object copy(file);
  const held_constructors& held = copy.held;
  if (are_destructors_known(memory, held, bias))
    return;
  if (held.are_one_way && HP_COUNTERMEASURE(keep_constructed)) {
    const std::uint64_t flags =
        bias + file.file.state() + offsetof(format::patch_state, flags);
    memory.store(flags,
                 memory.load<std::uint32_t>(flags) | format::state_stays);
  }
  const program_arguments with = arguments_of(thread, memory, code);
  std::uint64_t begun =
      held.progress != 0 ? memory.load<std::uint64_t>(bias + held.progress) : 0;
  while (begun < held.size()) {
    const bool is_first = held.first != 0 && begun == 0;
    const std::uint64_t index = begun - (held.first != 0 ? 1 : 0);
    const std::uint64_t function =
        is_first ? bias + held.first
                 : memory.load<std::uint64_t>(bias + held.table + 8 * index);
    ++begun;
    if (held.progress != 0)
      memory.store(bias + held.progress, begun);
    if (function != 0 && function != UINT64_MAX)
      thread.call("a constructor of " + file.name, function,
                  {with.count, with.values, with.environment});
  }
  for (const held_constructors::word& word : held.restore)
    memory.store(bias + word.address, word.value);
}

bool unload_object(borrowed_thread& thread, const target_memory& memory,
                   const target_code& code, std::uint64_t bias)
{
  const pid_t process = thread.process();
  const std::uint64_t handle = find_handle(*code.loader, memory, bias);
  if (handle == 0)
    return false;
  const auto address = argument(static_cast<long>(
      memory.load<std::uint64_t>(handle + offsetof(link_map, l_ld))));
  const auto before = read_maps(process);
  const process_mapping* part = mapping_at(before, address);
  if (thread.call("unloading the patch object", code.dlclose, {handle}) != 0)
    throw_load_error(process, "does not unload the patch object: " +
                                  reason_of(thread, memory, code));
  if (part == nullptr || part->inode == 0)
    return true;
  const auto after = read_maps(process);
  const auto is_part = [&](const process_mapping& each) {
    return each.inode == part->inode && each.device == part->device;
  };
  const auto is_code = [&](const process_mapping& each) {
    return is_part(each) && each.executable;
  };
  if (std::any_of(after.begin(), after.end(), is_code))
    return false;
  for (const process_mapping& each : after)
    if (is_part(each) && each.is_copy)
      thread.system_call(SYS_munmap, {each.begin, each.end - each.begin});
  return true;
}

// Walking from _r_debug, as debuggers do.

namespace {

constexpr int most_objects = 10'000;

// glibc's list, or musl's, which has the same form and another name.
std::uint64_t find_list(const target_image& loader, const target_memory& memory)
{
  if (const std::uint64_t list = find_exported(loader, "_r_debug").address)
    return list;
  const std::uint64_t pointer = find_exported(loader, "_dl_debug_addr").address;
  return pointer != 0 ? memory.load<std::uint64_t>(pointer) : 0;
}

// Calls `visit(handle)` until it returns false.
template <typename Visit>
void for_each_object(const target_image& loader, const target_memory& memory,
                     Visit visit)
{
  const std::uint64_t list = find_list(loader, memory);
  if (list == 0)
    return;
  auto at = memory.load<std::uint64_t>(list + offsetof(r_debug, r_map));
  for (int i = 0; at != 0 && i < most_objects && visit(at); ++i)
    at = memory.load<std::uint64_t>(at + offsetof(link_map, l_next));
}

}  // namespace

std::uint64_t bias_of_handle(const target_memory& memory, std::uint64_t handle)
{
  return memory.load<std::uint64_t>(handle + offsetof(link_map, l_addr));
}

std::uint64_t find_handle(const target_image& loader,
                          const target_memory& memory, std::uint64_t bias)
{
  std::uint64_t found = 0;
  for_each_object(loader, memory, [&](std::uint64_t handle) {
    if (bias_of_handle(memory, handle) != bias)
      return true;
    found = handle;
    return false;
  });
  return found;
}

std::vector<std::string> names_of_objects(const target_image& loader,
                                          const target_memory& memory)
{
  std::vector<std::string> names;
  for_each_object(loader, memory, [&](std::uint64_t handle) {
    names.push_back(text_in_process(
        memory,
        memory.load<std::uint64_t>(handle + offsetof(link_map, l_name))));
    return true;
  });
  return names;
}

}  // namespace hotpatch::outside
