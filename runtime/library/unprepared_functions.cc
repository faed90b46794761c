// Finding functions without a site, and making their entries.
// SPDX-License-Identifier: MIT
#include "runtime/library/unprepared_functions.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/countermeasure.h"
#include "runtime/base/status.h"
#include "runtime/commit/commit.h"
#include "runtime/elf/symbol_table.h"
#include "runtime/library/library.h"
#include "runtime/library/loaded_program.h"
#include "runtime/sites/name_demangle.h"
#include "runtime/sites/name_query.h"
#include "runtime/sites/name_text.h"
#include "runtime/text/encode.h"

#pragma weak dlsym

namespace hotpatch {

struct unprepared_functions::known_function {
  located_site where;
  entry_code entry;
  array<char> name;
  array<char> file;
  array<char> asked;  // as the program called it
};

// A file whose code was decoded, kept for the next function of it.
struct unprepared_functions::known_object {
  build_id id;
  void* bytes = nullptr;
  analysed_object object;

  ~known_object()
  {
    object.close();
    std::free(bytes);
  }
};

namespace {

constexpr std::uint8_t jmp_rel8 = 0xeb;
constexpr std::size_t jmp_rel8_size = 2;

hp_status no_memory(const char* name)
{
  return fail(HP_NO_MEMORY, "%s: no memory to look at it", name);
}

template <typename T>
T* make()
{
  void* const memory = std::malloc(sizeof(T));
  return memory != nullptr ? new (memory) T : nullptr;
}

template <typename T>
void destroy(T* object)
{
  if (object == nullptr)
    return;
  object->~T();
  std::free(object);
}

// The whole file; null: errno says why.
void* read_whole(elf_file& file, std::size_t& size)
{
  struct stat about;
  if (file.descriptor() < 0 || fstat(file.descriptor(), &about) != 0)
    return nullptr;
  size = static_cast<std::size_t>(about.st_size);
  auto* const bytes = static_cast<char*>(std::malloc(size + 1));
  for (std::size_t at = 0; bytes != nullptr && at < size;) {
    const ssize_t got =
        pread(file.descriptor(), bytes + at, size - at, static_cast<off_t>(at));
    if (got <= 0 && errno != EINTR) {
      std::free(bytes);
      return nullptr;
    }
    at += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  return bytes;
}

// --- Looking for a name
// --------------------------------------------------------

struct named_place {
  program_image* image;
  std::uint64_t address;  // the file's own
  bool is_global;
  bool is_default;  // of several versions the one that a name means
};

bool is_called(const name_query& query, const symbol& each)
{
  if (query.has_file() && !query.accepts_file_name(each.file))
    return false;
  const std::string_view whole(each.name, std::strlen(each.name));
  const std::size_t mark = find(whole, '@');
  const std::string_view name = mark != nowhere ? first_of(whole, mark) : whole;
  if (equal(query.name(), name) || equal(query.name(), whole))
    return true;
  if (begins_with(query.name(), "_Z"))
    return false;
  const std::string_view needle = query.needle();
  return is_mangled(each.name) &&
         (needle.size() == 0 || contains(name, needle)) &&
         demangles_to(each.name, query.name().data(), query.name().size());
}

bool note_place(const named_place& found, array<named_place>& into)
{
  for (named_place& other : into)
    if (other.image == found.image && other.address == found.address) {
      other.is_global = other.is_global || found.is_global;
      other.is_default = other.is_default || found.is_default;
      return true;
    }
  return into.append(found);
}

hp_status find_places(const char* name, std::span<program_image> images,
                      array<named_place>& into)
{
  const name_query query(name);
  const bool any_version = find(query.name(), '@') != nowhere;
  for (program_image& image : images) {
    if (image.file == nullptr || image.is_patch ||
        !query.accepts_image(image.path))
      continue;
    for (const auto kind :
         {symbol_table::kind::best, symbol_table::kind::dynamic}) {
      symbol_table table;
      if (const hp_status status = table.load(*image.file, kind);
          status != HP_OK)
        return status;
      bool complete = true;
      table.for_each([&](const symbol& each) {
        if ((each.type == STT_FUNC || each.type == STT_GNU_IFUNC) &&
            is_called(query, each))
          complete = note_place({&image, each.value, each.binding != STB_LOCAL,
                                 each.is_default || any_version},
                                into);
        return complete;
      });
      if (!complete)
        return no_memory(name);
    }
  }
  return HP_OK;
}

// Leaves those for which `holds` is true, if there is one.
template <typename Predicate>
void keep_if_any(array<named_place>& all, Predicate holds)
{
  if (std::any_of(all.begin(), all.end(), holds))
    all.truncate(static_cast<std::size_t>(
        std::remove_if(all.begin(), all.end(),
                       [&](const named_place& each) { return !holds(each); }) -
        all.begin()));
}

// What a name means by default comes first, and what other objects see before
// what only their own does.  Numbers count by address.
hp_status choose_place(const char* name, array<named_place>& all,
                       named_place& into)
{
  const std::size_t number = name_query(name).number();
  keep_if_any(all, [](const named_place& each) { return each.is_default; });
  if (number == 0)
    keep_if_any(all, [](const named_place& each) { return each.is_global; });
  std::sort(
      all.begin(), all.end(), [](const named_place& a, const named_place& b) {
        return a.image != b.image ? a.image < b.image : a.address < b.address;
      });
  if (all.size() < std::max<std::size_t>(number, 1))
    return fail(HP_NOT_FOUND,
                "%s: no loaded image has a site or a function of that name",
                name);
  if (all.size() > 1 && number == 0)
    return fail(HP_AMBIGUOUS,
                "%s: there are %zu functions of that name, one in %s and one "
                "in %s; put the file's name before it, as in "
                "\"libc.so.6!NAME\", or a number after it, as in \"NAME#2\"",
                name, all.size(), all[0].image->path, all[1].image->path);
  into = all[number == 0 ? 0 : number - 1];
  return HP_OK;
}

hp_status refuse(const char* name, const program_image& image,
                 const analysed_object& object,
                 const unprepared_function& found)
{
  const char* const why = text_of(found.refusal).sentence;
  if (found.refusal == entry_refusal::ifunc) {
    const auto chosen =
        dlsym != nullptr
            ? reinterpret_cast<std::uint64_t>(dlsym(RTLD_DEFAULT, found.name))
            : 0;
    const std::size_t index =
        chosen != 0 ? object.at(chosen - image.base) : SIZE_MAX;
    if (index != SIZE_MAX)
      return fail(HP_UNSUPPORTED, "%s: %s: here it is %s", name, why,
                  object.describe(index).name);
  }
  if (found.place == 0)
    return fail(HP_UNSUPPORTED,
                "%s: it has no site and cannot be replaced without one: %s",
                name, why);
  return fail(
      HP_UNSUPPORTED,
      "%s: it has no site and cannot be replaced without one: %s (at "
      "%#lx of %s, in %s)",
      name, why, found.place, image.path,
      found.problem[0] != '\0' ? found.problem : "a function without a name");
}

// --- Bytes
// -----------------------------------------------------------------------

[[gnu::no_sanitize("thread", "address")]] void load_bytes(std::uint64_t address,
                                                          std::uint8_t* into,
                                                          std::size_t size)
{
  for (std::size_t i = 0; i < size; ++i)
    into[i] = reinterpret_cast<const volatile std::uint8_t*>(address)[i];
}

void put_long_jump(std::uint8_t* into, std::uint64_t at, std::uint64_t target)
{
  const auto distance =
      static_cast<std::int32_t>(target - (at + jmp_rel32_size));
  into[0] = jmp_rel32;
  std::memcpy(into + 1, &distance, sizeof distance);
}

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b,
             std::uint64_t b_size)
{
  return a < b + b_size && b < a + a_size;
}

// Bytes of NOPs and int3; none of a jump that somebody has put there.
bool are_dead(const std::uint8_t* bytes, std::size_t size)
{
  static constexpr std::uint8_t of_nops[] = {0x90, 0xcc, 0x66, 0x2e, 0x0f, 0x1f,
                                             0x40, 0x44, 0x80, 0x84, 0x00};
  return std::all_of(bytes, bytes + size, [](std::uint8_t byte) {
    return std::find(std::begin(of_nops), std::end(of_nops), byte) !=
           std::end(of_nops);
  });
}

}  // namespace

const unprepared_functions::known_function* unprepared_functions::in_the_way(
    std::uint64_t word, const entry_code& entry) const noexcept
{
  constexpr std::uint64_t size = format::word_size;
  for (const known_function* each : known_) {
    const entry_code& other = each->entry;
    const std::uint64_t other_word = each->where.site.word;
    if (word == other_word ||
        overlap(entry.tail, entry.tail_size, other_word, size) ||
        overlap(other.tail, other.tail_size, word, size) ||
        overlap(entry.tail, entry.tail_size, other.tail, other.tail_size))
      return each;
  }
  return nullptr;
}

// Five dead bytes in reach that nothing else has.
hp_status unprepared_functions::find_pad(const unprepared_function& found,
                                         std::uint64_t base, const site& where,
                                         entry_code& into) const noexcept
{
  const std::uint64_t next = into.begin + jmp_rel8_size;
  into.tail_size = jmp_rel32_size;
  for (unsigned i = 0; i < found.pad_count; ++i) {
    const std::uint64_t begin = found.pads[i].address + base;
    const std::uint64_t end = begin + found.pads[i].size;
    for (into.tail = begin; into.tail + jmp_rel32_size <= end; ++into.tail) {
      const auto distance = static_cast<std::int64_t>(into.tail - next);
      if (distance < INT8_MIN || distance > INT8_MAX ||
          overlap(into.tail, into.tail_size, where.word, format::word_size) ||
          in_the_way(where.word, into) != nullptr)
        continue;
      load_bytes(into.tail, into.tail_pristine, into.tail_size);
      if (are_dead(into.tail_pristine, into.tail_size))
        return HP_OK;
    }
  }
  return fail(HP_UNSUPPORTED,
              "%s: it has no site, and the dead bytes near it, through which "
              "it could be replaced, are in use",
              where.name);
}

// The stub, and the relocated beginning after it.
hp_status unprepared_functions::make_code(text_writer& writer,
                                          const unprepared_function& found,
                                          std::uint64_t base, const site& where,
                                          entry_code& into) noexcept
{
  constexpr std::size_t stub_room = 16;
  constexpr std::size_t most = 9 * sizeof found.code + 8;
  std::uint8_t code[stub_room + most];
  std::memset(code, format::filler, sizeof code);
  const std::size_t mark = found.has_endbr64 ? sizeof format::endbr64 : 0;
  const std::size_t size = stub_room + mark + 9u * found.span + 5;
  into.stub = code_.take(into.begin, size);
  site_code stub;  // whose far jump is the stub
  stub.symbol = into.stub + far_pad_size;
  into.cell = into.stub != 0 ? cells_.take_cell(stub) : 0;
  if (into.cell == 0)
    return fail(HP_NO_MEMORY,
                "%s: no memory can be mapped within 2 GiB of it for the way to "
                "its replacement",
                where.name);
  const far_pad jump = encode_pad(stub, into.cell);
  std::memcpy(code, jump.bytes, far_pad_size);
  into.original = into.stub + stub_room;
  std::memcpy(code + stub_room, format::endbr64, mark);
  const std::size_t moved = load_analysis_library()->relocate(
      found.code, found.span, found.entry + base, into.original + mark,
      code + stub_room + mark, sizeof code - stub_room - mark);
  if (moved == 0)
    return fail(HP_UNSUPPORTED,
                "%s: its first instructions cannot be moved to the memory that "
                "is free near it",
                where.name);
  into.original_end = into.original + mark + moved;

  const writer_kind kind = writer.kind();
  if (kind == writer_kind::none)
    return fail(HP_DENIED, "%s: %s", where.name, writer.reason());
  text_window window(kind, into.stub, into.original_end);
  if (window.error() != 0 ||
      !window.store_bytes(into.stub, code, into.original_end - into.stub))
    return fail(HP_DENIED,
                "%s: the code that leads to its replacement cannot be written: "
                "%s",
                where.name,
                std::strerror(window.error() != 0 ? window.error() : errno));
  return HP_OK;
}

hp_status unprepared_functions::make_entry(text_writer& writer,
                                           unprepared_function found,
                                           std::uint64_t base,
                                           site& where) noexcept
{
  auto& entry = const_cast<entry_code&>(*where.entry);
  entry.begin = found.entry + base;
  where.symbol = found.begin + base;
  where.end = found.end + base;
  where.word = entry.begin & -format::word_size;
  std::uint8_t live[sizeof found.code];
  const std::size_t compared = std::max(found.span, found.several_span);
  load_bytes(entry.begin, live, compared);
  if (std::memcmp(live, found.code, compared) != 0)
    return fail(HP_FOREIGN,
                "%s: its first bytes, at %#lx, are not those of the image's "
                "file; a debugger or another tool has changed them",
                where.name, entry.begin);
  entry.pristine = load_word(where.word);
  const std::uint64_t offset = entry.begin - where.word;
  std::size_t in_word = jmp_rel32_size;
  if (found.form == entry_form::short_jump) {
    const hp_status status = find_pad(found, base, where, entry);
    if (status != HP_OK && found.several_span == 0)
      return status;
    if (status != HP_OK) {
      found.form = entry_form::several;
      found.span = found.several_span;
    }
  }
  if (found.form == entry_form::several) {
    entry.needs_standing = true;
    in_word = std::min<std::size_t>(in_word, format::word_size - offset);
    entry.tail = where.word + format::word_size;
    entry.tail_size = static_cast<std::uint8_t>(jmp_rel32_size - in_word);
    load_bytes(entry.tail, entry.tail_pristine, entry.tail_size);
  }
  if (const known_function* const other = in_the_way(where.word, entry))
    return fail(HP_UNSUPPORTED,
                "%s: it has no site, and its first bytes are in one word with "
                "those of %s, which was replaced without one, too",
                where.name, other->name.data());
  if (const hp_status status = make_code(writer, found, base, where, entry);
      status != HP_OK)
    return status;

  std::uint8_t word[format::word_size];
  std::memcpy(word, &entry.pristine, sizeof word);
  std::uint8_t jump[jmp_rel32_size];
  if (found.form == entry_form::short_jump) {
    put_long_jump(entry.tail_jump, entry.tail, entry.stub);
    word[offset] = jmp_rel8;
    word[offset + 1] =
        static_cast<std::uint8_t>(entry.tail - (entry.begin + jmp_rel8_size));
  } else {
    put_long_jump(jump, entry.begin, entry.stub);
    std::memcpy(word + offset, jump, in_word);
    std::memcpy(entry.tail_jump, jump + in_word, jmp_rel32_size - in_word);
  }
  std::memcpy(&entry.jump, word, sizeof word);
  return HP_OK;
}

hp_status unprepared_functions::add(process_sites& sites, text_writer& writer,
                                    const char* asked, const place& image,
                                    const unprepared_function& found) noexcept
{
  if (const hp_status status = sites.refresh(); status != HP_OK)
    return status;
  located_site known;
  if (find(sites, asked, known))
    return HP_OK;
  images& all = sites.all_images();
  loaded_image* loaded = nullptr;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].mapped().base == image.base &&
        std::strcmp(all[i].path(), image.path) == 0)
      loaded = &all[i];
  if (loaded == nullptr)
    return fail(HP_NOT_FOUND, "%s: its image %s was unloaded meanwhile", asked,
                image.path);
  known_function* const made = make<known_function>();
  if (made == nullptr || !known_.reserve(known_.size() + 1) ||
      !assign_text(made->name, found.name) ||
      !assign_text(made->file, found.file) ||
      !assign_text(made->asked, asked)) {
    destroy(made);
    return no_memory(asked);
  }
  site& where = made->where.site;
  where.name = made->name.data();
  where.file = made->file.data();
  where.entry = &made->entry;
  made->where.image_id = loaded->id();
  // The same function by another name.
  for (const known_function* each : known_)
    if (each->where.image_id == loaded->id() &&
        each->where.site.symbol == found.begin + image.base) {
      made->where = each->where;
      made->where.site.name = made->name.data();
      return known_.append(made) ? HP_OK : no_memory(asked);
    }
  if (const hp_status status = make_entry(writer, found, image.base, where);
      status != HP_OK) {
    destroy(made);
    return status;
  }
  return known_.append(made) ? HP_OK : no_memory(asked);
}

bool unprepared_functions::find(process_sites& sites, const char* name,
                                located_site& into) const noexcept
{
  if (known_.empty())
    return false;
  const name_query query(name);
  images& all = sites.all_images();
  for (const known_function* each : known_) {
    if (!sites.loaded(each->where.image_id))
      continue;
    const char* path = "";
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i].id() == each->where.image_id)
        path = all[i].path();
    const site& where = each->where.site;
    // A number is known only by the text that had it.
    if (std::strcmp(each->asked.data(), name) != 0 &&
        (query.number() != 0 || !query.accepts_image(path) ||
         (query.has_file() && !query.accepts_file_name(where.file)) ||
         (!equal(query.name(), where.name) && !query.means(where))))
      continue;
    into = each->where;
    into.image_path = path;
    return true;
  }
  return false;
}

unprepared_functions::known_object* unprepared_functions::object_of(
    const build_id& id) noexcept
{
  for (known_object* each : objects_)
    if (id.present() && each->id == id)
      return each;
  return nullptr;
}

hp_status unprepared_functions::prepare(
    std::span<const char* const> names) noexcept
{
  loaded_program program;
  bool is_taken = false;
  for (const char* name : names)
    if (const hp_status status = prepare_one(name, program, is_taken);
        status != HP_OK)
      return status;
  return HP_OK;
}

hp_status unprepared_functions::prepare_one(const char* name,
                                            loaded_program& program,
                                            bool& is_taken) noexcept
{
  bool is_there = false;
  hp_status status = library::locked([&](library& self) {
    located_site found;
    hp_status known = self.sites().refresh();
    if (known == HP_OK)
      known = self.sites().find(name, found);
    if (known == HP_NOT_FOUND) {
      is_there = self.unprepared().find(self.sites(), name, found);
      return HP_OK;
    }
    is_there = known == HP_OK;
    return known;
  });
  if (status != HP_OK || is_there)
    return status;
  if (load_analysis_library() == nullptr)
    return HP_UNSUPPORTED;

  array<named_place> places;
  named_place chosen{};
  if (!is_taken)
    status = program.take();
  is_taken = status == HP_OK;
  if (status == HP_OK)
    status = find_places(name, program.images(), places);
  if (status == HP_OK)
    status = choose_place(name, places, chosen);
  if (status != HP_OK)
    return status;

  program_image& image = *chosen.image;
  const build_id id = image.file->id();
  known_object* object = nullptr;
  status = library::locked([&](library& self) {
    object = self.unprepared().object_of(id);
    return HP_OK;
  });
  if (status != HP_OK)
    return status;
  if (object == nullptr) {
    object = make<known_object>();
    std::size_t size = 0;
    if (object == nullptr)
      return no_memory(name);
    object->id = id;
    object->bytes = read_whole(*image.file, size);
    status =
        object->bytes == nullptr
            ? fail(HP_UNREADABLE, "%s: %s", image.path, std::strerror(errno))
            : object->object.open(image.file->label(), object->bytes, size);
    if (status == HP_OK)
      status = library::locked([&](library& self) {
        return self.unprepared().objects_.append(object) ? HP_OK
                                                         : no_memory(name);
      });
    if (status != HP_OK) {
      destroy(object);
      return status;
    }
  }
  const std::size_t index = object->object.at(chosen.address);
  if (index == SIZE_MAX)
    return fail(HP_NOT_FOUND, "%s: the symbol table of %s has no such function",
                name, image.path);
  const unprepared_function found = object->object.describe(index);
  if (found.form == entry_form::none)
    return refuse(name, image, object->object, found);
  return library::locked([&](library& self) {
    return self.unprepared().add(self.sites(), self.writer(), name,
                                 {image.path, image.base}, found);
  });
}

}  // namespace hotpatch
