// hotpatch.hpp - <hotpatch.h> for C++17: statuses with their words, patches
// that end with their scope, typed originals.
//
// Everything here is made of the calls in <hotpatch.h>, and the same holds for
// threads.  Nothing throws except what has throw in its name (and running out
// of memory).
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_HPP
#define HOTPATCH_HPP

#include <hotpatch.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>
#if defined(__cpp_exceptions)
#include <stdexcept>
#endif

namespace hotpatch {

// How a call went, with the words for a failure.
class [[nodiscard]] status {
 public:
  status() noexcept = default;
  explicit status(hp_status code) : code_(code)
  {
    if (code != HP_OK)
      message_ = hp_error_message();
  }

  explicit operator bool() const noexcept { return code_ == HP_OK; }
  bool ok() const noexcept { return code_ == HP_OK; }
  hp_status code() const noexcept { return code_; }
  const char* name() const noexcept { return hp_status_name(code_); }

  // What failed, where, and what to do; empty if nothing failed.
  const std::string& message() const noexcept { return message_; }

 private:
  hp_status code_ = HP_OK;
  std::string message_;
};

// The calls of <hotpatch.h>; `replacement` is a function or a member function.
template <typename Pointer>
status apply(const char* name, Pointer replacement, unsigned flags = 0)
{
  return status(hp_apply_flags(name, replacement, flags));
}

inline status revert(const char* name)
{
  return status(hp_revert(name));
}

template <typename Pointer>
status remove(const char* name, Pointer replacement)
{
  return status(hp_remove(name, replacement));
}

// A replacement for the time of a scope.  Its end takes this very replacement
// away, wherever in the stack it is by then; threads inside it finish it.
class [[nodiscard]] patch {
 public:
  patch() noexcept = default;

  template <typename Pointer>
  patch(const char* name, Pointer replacement, unsigned flags = 0)
      : name_(name != nullptr ? name : ""),
        replacement_(detail::address_of(replacement)),
        status_(hotpatch::apply(name, replacement, flags)),
        applied_(status_.ok())
  {
  }

  patch(patch&& other) noexcept
      : name_(std::move(other.name_)),
        replacement_(other.replacement_),
        status_(std::move(other.status_)),
        applied_(std::exchange(other.applied_, false))
  {
  }

  patch& operator=(patch&& other) noexcept
  {
    if (this != &other) {
      take_away();
      name_ = std::move(other.name_);
      replacement_ = other.replacement_;
      status_ = std::move(other.status_);
      applied_ = std::exchange(other.applied_, false);
    }
    return *this;
  }

  patch(const patch&) = delete;
  patch& operator=(const patch&) = delete;
  ~patch() { take_away(); }

  // True while this object holds a replacement in place.
  explicit operator bool() const noexcept { return applied_; }

  // How applying it went.
  const status& result() const noexcept { return status_; }

  // Takes the replacement away now.
  status revert()
  {
    if (!std::exchange(applied_, false))
      return {};
    return status(hp_remove_as(name_.c_str(), replacement_));
  }

  // Leaves the replacement in place for good.
  void release() noexcept { applied_ = false; }

 private:
  void take_away() noexcept
  {
    if (std::exchange(applied_, false))
      hp_remove_as(name_.c_str(), replacement_);
  }

  std::string name_;
  hp_function replacement_ = nullptr;
  status status_;
  bool applied_ = false;
};

// Several changes that happen together or not at all:
//     hotpatch::transaction fix;
//     fix.apply("encode", new_encode).apply("decode", new_decode);
//     if (const auto result = fix.commit(HP_QUIESCENT, 1s); !result)
//       puts(result.message().c_str());
// Without a commit that succeeded its end gives everything up.  A step that
// could not be added makes commit() fail.
class transaction {
 public:
  transaction() noexcept : handle_(hp_begin()) {}
  transaction(transaction&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr))
  {
  }
  transaction& operator=(transaction&& other) noexcept
  {
    std::swap(handle_, other.handle_);
    return *this;
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  ~transaction() { hp_abort(handle_); }

  template <typename Pointer>
  transaction& apply(const char* name, Pointer replacement, unsigned flags = 0)
  {
    hp_add_apply_flags(handle_, name, replacement, flags);
    return *this;
  }
  transaction& revert(const char* name)
  {
    hp_add_revert(handle_, name);
    return *this;
  }
  template <typename Pointer>
  transaction& remove(const char* name, Pointer replacement)
  {
    hp_add_remove(handle_, name, replacement);
    return *this;
  }
  transaction& revert_all()
  {
    hp_add_revert_all(handle_);
    return *this;
  }
  // The replacements that follow are parts of this patch.
  transaction& add_patch(const hp_patch_info& info)
  {
    hp_add_patch(handle_, &info);
    return *this;
  }
  transaction& remove_patch(const char* name)
  {
    hp_add_remove_patch(handle_, name);
    return *this;
  }

  // After success the transaction is over; after a failure it can be committed
  // again.
  status commit(hp_level level = HP_IMMEDIATE,
                std::chrono::milliseconds timeout = {})
  {
    hp_commit_options options = {};
    options.size = sizeof options;
    options.level = level;
    options.timeout_ms = static_cast<uint32_t>(timeout.count());
    const status result(hp_commit(handle_, &options));
    if (result)
      handle_ = nullptr;
    return result;
  }

 private:
  hp_transaction* handle_;
};

inline status revert_all()
{
  return status(hp_revert_all());
}

inline status remove_patch(const char* name)
{
  return status(hp_remove_patch(name));
}

// A named patch for the time of a scope:
//     hotpatch::named_patch fix("CVE-2026-1234", 1);
//     fix.apply("encode", new_encode).apply("decode", new_decode);
//     if (const auto result = fix.commit(HP_STRICT); !result)
//       puts(result.message().c_str());
// Its end takes the patch away, unless another version of it is applied by
// then, or another patch needs it.
class [[nodiscard]] named_patch {
 public:
  explicit named_patch(const char* name, uint32_t version = 1)
      : named_patch(described(name, version))
  {
  }
  // With a description, dependencies and hooks.
  explicit named_patch(const hp_patch_info& info)
      : name_(info.name != nullptr ? info.name : ""), version_(info.version)
  {
    steps_.add_patch(info);
  }

  named_patch(named_patch&& other) noexcept
      : name_(std::move(other.name_)),
        version_(other.version_),
        steps_(std::move(other.steps_)),
        applied_(std::exchange(other.applied_, false))
  {
  }
  named_patch& operator=(named_patch&& other) noexcept
  {
    if (this != &other) {
      take_away();
      name_ = std::move(other.name_);
      version_ = other.version_;
      steps_ = std::move(other.steps_);
      applied_ = std::exchange(other.applied_, false);
    }
    return *this;
  }
  named_patch(const named_patch&) = delete;
  named_patch& operator=(const named_patch&) = delete;
  ~named_patch() { take_away(); }

  template <typename Pointer>
  named_patch& apply(const char* name, Pointer replacement, unsigned flags = 0)
  {
    steps_.apply(name, replacement, flags);
    return *this;
  }

  // Once; after a failure again.
  status commit(hp_level level = HP_IMMEDIATE,
                std::chrono::milliseconds timeout = {})
  {
    const status result = steps_.commit(level, timeout);
    applied_ = applied_ || result.ok();
    return result;
  }

  // True while this object holds the patch in place.
  explicit operator bool() const noexcept { return applied_; }

  // Takes the patch away now.  After a failure it is still there.
  status remove(hp_level level = HP_IMMEDIATE,
                std::chrono::milliseconds timeout = {})
  {
    if (!applied_)
      return {};
    const status result =
        transaction().remove_patch(name_.c_str()).commit(level, timeout);
    applied_ = !result.ok();
    return result;
  }

  // Leaves the patch in place for good.
  void release() noexcept { applied_ = false; }

 private:
  static hp_patch_info described(const char* name, uint32_t version) noexcept
  {
    hp_patch_info info = {};
    info.name = name;
    info.version = version;
    return info;
  }
  void take_away() noexcept
  {
    hp_patch present;
    if (std::exchange(applied_, false) &&
        hp_patch_find(name_.c_str(), &present) == HP_OK &&
        present.version == version_)
      hp_remove_patch(name_.c_str());
  }

  std::string name_;
  uint32_t version_;
  transaction steps_;
  bool applied_ = false;
};

// A patch object for the time of a scope:
//     hotpatch::patch_object fix("/usr/lib/fixes/fix.so");
//     if (!fix)
//       puts(fix.result().message().c_str());
// Its end takes the patch away, and frees the code if no thread is inside
// within a second.
class [[nodiscard]] patch_object {
 public:
  patch_object() noexcept = default;

  // At the level that the patch itself asks for.
  explicit patch_object(const char* path)
      : path_(path != nullptr ? path : ""),
        status_(hp_load(path, nullptr)),
        loaded_(status_.ok())
  {
  }
  patch_object(const char* path, hp_level level,
               std::chrono::milliseconds timeout = {})
      : path_(path != nullptr ? path : "")
  {
    hp_commit_options options = {};
    options.size = sizeof options;
    options.level = level;
    options.timeout_ms = static_cast<uint32_t>(timeout.count());
    status_ = status(hp_load(path, &options));
    loaded_ = status_.ok();
  }
  patch_object(patch_object&& other) noexcept
      : path_(std::move(other.path_)),
        status_(std::move(other.status_)),
        loaded_(std::exchange(other.loaded_, false))
  {
  }
  patch_object& operator=(patch_object&& other) noexcept
  {
    if (this != &other) {
      if (loaded_)
        hp_unload(path_.c_str(), nullptr);
      path_ = std::move(other.path_);
      status_ = std::move(other.status_);
      loaded_ = std::exchange(other.loaded_, false);
    }
    return *this;
  }
  patch_object(const patch_object&) = delete;
  patch_object& operator=(const patch_object&) = delete;
  ~patch_object()
  {
    if (loaded_)
      hp_unload(path_.c_str(), nullptr);
  }

  // True while this object holds the patch in place.
  explicit operator bool() const noexcept { return loaded_; }

  // How loading it went.
  const status& result() const noexcept { return status_; }

  // Takes the patch away and frees its code now; after a failure it, or its
  // code, is still there.
  status unload()
  {
    if (!loaded_)
      return {};
    const status result(hp_unload(path_.c_str(), nullptr));
    loaded_ = !result.ok();
    return result;
  }

  // Leaves the patch in place for good.
  void release() noexcept { loaded_ = false; }

 private:
  std::string path_;
  status status_;
  bool loaded_ = false;
};

// A control socket for the time of a scope, by which hp-apply has this process
// patch itself:
//     hotpatch::control_socket offered;
//     if (!offered)
//       puts(offered.result().message().c_str());
class [[nodiscard]] control_socket {
 public:
  // In the usual place.
  control_socket() : status_(hp_control_open(nullptr)), open_(status_.ok()) {}
  explicit control_socket(const char* path)
      : status_(hp_control_open(path)), open_(status_.ok())
  {
  }
  control_socket(const control_socket&) = delete;
  control_socket& operator=(const control_socket&) = delete;
  ~control_socket()
  {
    if (open_)
      hp_control_close();
  }

  // True while this object offers it.
  explicit operator bool() const noexcept { return open_; }

  // How opening it went.
  const status& result() const noexcept { return status_; }

  std::string path() const { return open_ ? hp_control_path() : ""; }

 private:
  status status_;
  bool open_ = false;
};

// The original body of a function, to be called whether or not the function
// is replaced:
//     static const hotpatch::original<int(const char*)> parse("parse");
//     return parse(text) + 1;
// It looks the function up once.  A method's original takes `this` first.
template <typename Function>
class original;

template <typename R, typename... A>
class original<R(A...)> {
 public:
  explicit original(const char* name, unsigned flags = 0)
      : function_(reinterpret_cast<R (*)(A...)>(
            hp_original_as(name, detail::type_name<R (*)(A...)>(), flags)))
  {
  }

  // False: there is no such function, or it has another prototype;
  // hp_error_message() has the words.
  explicit operator bool() const noexcept { return function_ != nullptr; }

  R operator()(A... arguments) const
  {
    return function_(std::forward<A>(arguments)...);
  }

  R (*get() const noexcept)(A...) { return function_; }

 private:
  R (*function_)(A...);
};

// All sites of the loaded images, as they are now.
inline std::vector<hp_site> sites()
{
  std::vector<hp_site> found;
  found.reserve(hp_site_count());
  // No growing in here: an exception must not cross the C library.  A site
  // too many belongs to an image that was loaded in between.
  hp_site_each(
      [](const hp_site* site, void* data) {
        auto& into = *static_cast<std::vector<hp_site>*>(data);
        if (into.size() == into.capacity())
          return 1;
        into.push_back(*site);
        return 0;
      },
      &found);
  return found;
}

#if defined(__cpp_exceptions)
// A failed status as an exception; what() is its message.
class error : public std::runtime_error {
 public:
  explicit error(const status& failed)
      : std::runtime_error(failed.message()), code_(failed.code())
  {
  }
  hp_status code() const noexcept { return code_; }

 private:
  hp_status code_;
};

inline void throw_if_failed(const status& result)
{
  if (!result)
    throw error(result);
}

template <typename Pointer>
void apply_or_throw(const char* name, Pointer replacement, unsigned flags = 0)
{
  throw_if_failed(hotpatch::apply(name, replacement, flags));
}

inline void revert_or_throw(const char* name)
{
  throw_if_failed(hotpatch::revert(name));
}

template <typename Pointer>
[[nodiscard]] patch patch_or_throw(const char* name, Pointer replacement,
                                   unsigned flags = 0)
{
  patch made(name, replacement, flags);
  throw_if_failed(made.result());
  return made;
}
#endif

}  // namespace hotpatch

#endif
