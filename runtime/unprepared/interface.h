// What libhotpatch-unprepared offers to the runtime and the tools, which load
// it only when they need it.
//
// The library has one symbol, hotpatch_unprepared, a table of functions.  All
// structures here are plain data; the memory that they point to belongs to the
// library and is valid until the object is closed.  The library has no state of
// its own: different objects may be used by different threads at the same time,
// one object by one thread at a time.  It neither prints nor changes anything.
//
// SPDX-License-Identifier: MIT
#ifndef HOTPATCH_RUNTIME_UNPREPARED_INTERFACE_H
#define HOTPATCH_RUNTIME_UNPREPARED_INTERFACE_H

#include <cstddef>
#include <cstdint>

#include "runtime/include/hotpatch.h"

namespace hotpatch {

// How a function's entry is changed.
enum class entry_form : std::uint8_t {
  none,        // not at all: see entry_refusal
  one_store,   // a jump over one instruction, inside one aligned word
  short_jump,  // two bytes over one instruction, which jump to a pad
  several,     // a jump over several instructions: while all threads stand
};

// Why not.
enum class entry_refusal : std::uint8_t {
  none,
  has_site,         // the plugin has made a site, which is used instead
  ifunc,            // the name stands for one of several functions
  clone,            // the compiler has specialised it for its callers
  not_called_so,    // it is not called as C functions are
  returns_twice,    // or in its caller's place: setjmp, vfork
  no_code,          // its address is in no code of the file
  undecodable,      // some of its bytes are no instructions
  too_short,        // no room for a jump
  computed_jump,    // a jump in it whose targets cannot be told
  branch_inside,    // something leads into the bytes to be overwritten
  branch_to_start,  // it goes back to its own beginning
  kept_register,    // a caller relies on a register that calls may change
  unmovable,        // its first instructions mean something else elsewhere
  count,
};

// What prepared a function for tracing.
enum class site_maker : std::uint8_t {
  none,
  patchable_entry,  // -fpatchable-function-entry
  xray,             // -fxray-instrument
  mcount,           // -pg -mfentry -mnop-mcount -mrecord-mcount
};

// Dead bytes, `size` of them from `address` on.
struct entry_pad {
  std::uint64_t address;
  std::uint32_t size;
};

// A function as the file has it.  Addresses are the file's own.
struct unprepared_function {
  const char* name = "";
  const char* file = "";     // of a static one, as the linker knows it
  const char* problem = "";  // the other function that a refusal is about
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t entry = 0;  // the first byte that is overwritten
  // The instruction, of another function or of this, that a refusal is about.
  std::uint64_t place = 0;
  entry_form form = entry_form::none;
  // The form that its bytes alone would allow.
  entry_form possible = entry_form::none;
  entry_refusal refusal = entry_refusal::none;
  site_maker maker = site_maker::none;
  bool is_global = false;
  bool has_endbr64 = false;
  // The relocated beginning holds a call, which exceptions do not pass.
  bool moves_call = false;
  std::uint8_t span = 0;  // bytes of whole instructions from `entry` on
  // The same for the form several, if that is possible, too; otherwise 0.
  std::uint8_t several_span = 0;
  std::uint8_t code[32] = {};  // the first of them
  // short_jump: those in reach, the nearest first.
  std::uint8_t pad_count = 0;
  entry_pad pads[4] = {};
};

// An object file that is being looked at.
struct unprepared_object;

struct unprepared_interface {
  std::uint32_t version;

  // The bytes of a whole file, which must outlive the object; `label` is its
  // path.  Null: `status` and hp_error_message-like words in `message`.
  unprepared_object* (*open)(const char* label, const void* bytes,
                             std::size_t size, hp_status* status, char* message,
                             std::size_t message_size);
  void (*close)(unprepared_object* object);

  // Functions with a name, by ascending address.  A function with several names
  // is there once; other_name() has the others.
  std::size_t (*count)(const unprepared_object* object);
  void (*describe)(unprepared_object* object, std::size_t index,
                   unprepared_function* into);
  // The further names of a function, null after the last.
  const char* (*other_name)(const unprepared_object* object, std::size_t index,
                            std::size_t number);
  // The function that begins at `address`, or SIZE_MAX.
  std::size_t (*at)(const unprepared_object* object, std::uint64_t address);

  // The relocated beginning: `size` bytes of whole instructions at `code`,
  // which stand at `from`, for the place `to`.  The size of what was written to
  // `into`; 0: it cannot be done there.
  std::size_t (*relocate)(const std::uint8_t* code, std::size_t size,
                          std::uint64_t from, std::uint64_t to,
                          std::uint8_t* into, std::size_t room);
};

inline constexpr std::uint32_t unprepared_version = 2;

// The words for both sides; static strings.
[[nodiscard]] inline const char* form_word(entry_form form) noexcept
{
  switch (form) {
    case entry_form::one_store:
      return "one-store";
    case entry_form::short_jump:
      return "short-jump";
    case entry_form::several:
      return "several";
    case entry_form::none:
      break;
  }
  return "none";
}

[[nodiscard]] inline const char* maker_word(site_maker maker) noexcept
{
  switch (maker) {
    case site_maker::patchable_entry:
      return "patchable-function-entry";
    case site_maker::xray:
      return "xray";
    case site_maker::mcount:
      return "mcount";
    case site_maker::none:
      break;
  }
  return "";
}

struct refusal_text {
  const char* word;      // for programs
  const char* sentence;  // for people
};

[[nodiscard]] inline refusal_text text_of(entry_refusal why) noexcept
{
  switch (why) {
    case entry_refusal::none:
    case entry_refusal::count:
      break;
    case entry_refusal::has_site:
      return {"has-site", "it has a patch site, which needs none of this"};
    case entry_refusal::ifunc:
      return {"ifunc",
              "the name stands for one of several functions, which is chosen "
              "when the program starts; name that one"};
    case entry_refusal::clone:
      return {"clone",
              "the compiler has specialised it for its callers, so it has not "
              "the parameters of the source"};
    case entry_refusal::not_called_so:
      return {"not-called-so", "it is not called as C functions are"};
    case entry_refusal::returns_twice:
      return {"returns-twice",
              "it returns twice, or relies on its caller's frame"};
    case entry_refusal::no_code:
      return {"no-code", "there is no code at its address in the file"};
    case entry_refusal::undecodable:
      return {"undecodable", "some of its bytes are no instructions"};
    case entry_refusal::too_short:
      return {"too-short", "it has no room for a jump"};
    case entry_refusal::computed_jump:
      return {"computed-jump",
              "a jump in it computes its target, and no table was found that "
              "tells where it may lead"};
    case entry_refusal::branch_inside:
      return {"branch-inside",
              "something leads into the bytes that would be overwritten"};
    case entry_refusal::branch_to_start:
      return {"branch-to-start", "a loop goes back to its first instruction"};
    case entry_refusal::kept_register:
      return {"kept-register",
              "a caller keeps a value in a register that a replacement may "
              "change"};
    case entry_refusal::unmovable:
      return {"unmovable",
              "its first instructions mean something else in another place"};
  }
  return {"", ""};
}

}  // namespace hotpatch

extern "C" HP_API const hotpatch::unprepared_interface hotpatch_unprepared;

#endif
