// Listing functions without a site.
// SPDX-License-Identifier: MIT
#include "tools/list_unprepared.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

#include "processes/errors.h"
#include "processes/maps.h"
#include "processes/memory.h"
#include "processes/proc_file.h"
#include "processes/process_list.h"
#include "processes/text.h"
#include "runtime/unprepared/analysis_library.h"
#include "tools/json_view.h"
#include "tools/listing.h"
#include "tools/messages.h"
#include "tools/output.h"
#include "tools/text_views.h"

namespace hotpatch::tools {

namespace {

using json = nlohmann::ordered_json;

// The functions of one file.  Rows and functions have the same numbers: the
// rows are what selecting, sorting and demangling know.
struct function_listing {
  listing rows;
  std::vector<unprepared_function> functions;
  analysed_object object;
};

struct totals {
  std::size_t functions = 0;
  std::array<std::size_t, 4> by_form{};
  std::array<std::size_t, static_cast<std::size_t>(entry_refusal::count)>
      by_refusal{};

  void add(const unprepared_function& one)
  {
    ++functions;
    ++by_form[static_cast<std::size_t>(one.form)];
    ++by_refusal[static_cast<std::size_t>(one.refusal)];
  }
  std::size_t of(entry_form form) const
  {
    return by_form[static_cast<std::size_t>(form)];
  }
};

std::string hex(std::uint64_t number)
{
  std::string text = "0x";
  append_hex(text, number, 1);
  return text;
}

void read_functions(const std::string& path, elf_file& file, std::uint64_t bias,
                    function_listing& into)
{
  if (file.is_archive())
    throw tool_error(path +
                     ": it is an archive, whose functions have no addresses "
                     "yet; list what it is linked to");
  const std::uint64_t size = file.size();
  const unsigned char* const bytes = file.contents(0, size);
  if (bytes == nullptr)
    throw tool_error(path + ": the file cannot be read");
  throw_if_failed(into.object.open(path.c_str(), bytes, size));
  into.rows.path = path;
  into.rows.bias = bias;
  into.rows.build_id = build_id_text(file.id()).text;
  const std::size_t count = into.object.count();
  into.functions.reserve(count);
  into.rows.rows.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const unprepared_function& one =
        into.functions.emplace_back(into.object.describe(i));
    row& shown = into.rows.rows.emplace_back();
    shown.where.name = one.name;
    shown.where.file = one.file;
    shown.where.symbol = one.begin + bias;
    shown.where.end = one.end + bias;
    for (std::size_t number = 0;
         const char* other = into.object.other_name(i, number); ++number)
      into.rows.aliases.push_back({i, other, {}});
  }
}

// At which levels it can be replaced.
const char* levels_of(entry_form form)
{
  switch (form) {
    case entry_form::one_store:
    case entry_form::short_jump:
      return "all";
    case entry_form::several:
      return "quiescent";
    case entry_form::none:
      break;
  }
  return "none";
}

// The form, or the reason against it, in one word.
const char* word_of(const unprepared_function& one)
{
  return one.form == entry_form::none ? text_of(one.refusal).word
                                      : form_word(one.form);
}

// "a loop goes back to its first instruction (at 0x8ff85 in f)"
std::string reason_of(const unprepared_function& one, std::uint64_t bias)
{
  std::string text = text_of(one.refusal).sentence;
  if (one.place == 0)
    return text;
  text += " (at " + hex(one.place + bias);
  if (one.problem[0] != '\0') {
    text += " in ";
    append_printable(text, one.problem);
  }
  return text + ')';
}

std::string percent(std::size_t part, std::size_t whole)
{
  const std::size_t tenths = whole == 0 ? 0 : (part * 1000 + whole / 2) / whole;
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " %";
}

class function_lister {
 public:
  function_lister(const options& chosen, int descriptor)
      : chosen_(chosen),
        paint_(choose_colours(chosen.colour, descriptor)),
        out_(descriptor)
  {
    if (is_json())
      out_.text() +=
          "{\"format\": \"hotpatch-unprepared\", \"version\": 1, \"pid\": " +
          json_text(chosen.pid == 0 ? json() : json(chosen.pid)) +
          ",\n \"images\": [";
  }

  void list_file(const std::string& path);
  void list_process();
  exit_status finish();

 private:
  bool is_json() const { return chosen_.shown == view::json; }
  void report_problem(const std::string& path, const std::string& message,
                      exit_status status);
  void show(function_listing& found);
  void show_rows(const function_listing& found, const selection& rows);
  void show_one(const function_listing& found, std::uint32_t number,
                std::string& text) const;
  void show_long(const function_listing& found, std::uint32_t number,
                 std::string& text) const;
  void show_json(const function_listing& found, const selection& rows,
                 const totals& sum);
  void append_totals(const totals& sum);

  const options& chosen_;
  const colours& paint_;
  output out_;
  json problems_ = json::array();
  bool first_image_ = true;
  exit_status status_ = exit_listed;
};

void function_lister::report_problem(const std::string& path,
                                     const std::string& message,
                                     exit_status status)
{
  out_.flush();
  complain("hp-list", message);
  if (status == exit_error)
    problems_.push_back({{"path", path}, {"message", message}});
  status_ = std::max(status_, status);
}

void function_lister::append_totals(const totals& sum)
{
  std::string& text = out_.text();
  const std::size_t always =
      sum.of(entry_form::one_store) + sum.of(entry_form::short_jump);
  const std::size_t refused = sum.of(entry_form::none);
  append_decimal(text, sum.functions);
  text += sum.functions == 1 ? " function: " : " functions: ";
  text += std::to_string(always) + " at every level (" +
          percent(always, sum.functions) + "), " +
          std::to_string(sum.of(entry_form::several)) +
          " at the level quiescent (" +
          percent(sum.of(entry_form::several), sum.functions) + "), " +
          std::to_string(refused) + " not (" + percent(refused, sum.functions) +
          ")";
  const char* before = ": ";
  for (std::size_t why = 1; why < sum.by_refusal.size(); ++why)
    if (sum.by_refusal[why] != 0) {
      text += before + std::to_string(sum.by_refusal[why]) + ' ' +
              text_of(static_cast<entry_refusal>(why)).word;
      before = ", ";
    }
  text += '\n';
}

void function_lister::show_one(const function_listing& found,
                               std::uint32_t number, std::string& text) const
{
  const unprepared_function& one = found.functions[number];
  const row& shown = found.rows.rows[number];
  append_hex(text, shown.where.symbol, 16);
  const std::string size = std::to_string(size_of(shown.where));
  text.append(size.size() < 9 ? 9 - size.size() : 1, ' ');
  text += size + "  ";
  const std::string_view word = word_of(one);
  text += one.form == entry_form::none ? paint_.faint : std::string_view();
  text += word;
  text += one.form == entry_form::none ? paint_.reset : std::string_view();
  text.append(word.size() < 16 ? 16 - word.size() : 1, ' ');
  append_printable(text, chosen_.demangle && !shown.demangled.empty()
                             ? shown.demangled
                             : one.name);
  text += '\n';
}

void function_lister::show_long(const function_listing& found,
                                std::uint32_t number, std::string& text) const
{
  const unprepared_function& one = found.functions[number];
  const row& shown = found.rows.rows[number];
  const std::uint64_t bias = found.rows.bias;
  const auto line = [&](const char* label, std::string_view value) {
    text += "  ";
    text += label;
    text.append(12 - std::string_view(label).size(), ' ');
    append_printable(text, value);
    text += '\n';
  };
  text += paint_.title;
  append_printable(text, shown.demangled.empty() ? one.name : shown.demangled);
  text += paint_.reset;
  text += '\n';
  line("name", one.name);
  for (std::size_t i = 0;
       const char* other = found.object.other_name(number, i); ++i)
    line("also", other);
  if (one.file[0] != '\0')
    line("file", one.file);
  line("address", hex(one.begin + bias));
  line("size", std::to_string(size_of(shown.where)));
  if (one.form == entry_form::none) {
    line("refused", reason_of(one, bias));
    text += '\n';
    return;
  }
  line("form", form_word(one.form));
  line("levels", levels_of(one.form));
  line("entry", hex(one.entry + bias));
  std::string bytes;
  append_bytes(bytes, std::span<const std::uint8_t>(one.code, one.span));
  line("overwrites", bytes);
  for (unsigned i = 0; i < one.pad_count; ++i)
    line("pad", hex(one.pads[i].address + bias) + ", " +
                    std::to_string(one.pads[i].size) + " bytes");
  if (one.maker != site_maker::none)
    line("prepared", maker_word(one.maker));
  if (one.moves_call)
    line("original", "exceptions do not pass the call at its beginning");
  text += '\n';
}

json function_object(const function_listing& found, std::uint32_t number)
{
  const unprepared_function& one = found.functions[number];
  const row& shown = found.rows.rows[number];
  const std::uint64_t bias = found.rows.bias;
  json aliases = json::array();
  for (std::size_t i = 0;
       const char* other = found.object.other_name(number, i); ++i)
    aliases.push_back(other);
  json object = {
      {"name", one.name},
      {"demangled",
       shown.demangled.empty() ? std::string_view(one.name) : shown.demangled},
      {"aliases", std::move(aliases)},
      {"file", one.file},
      {"address", hex(one.begin + bias)},
      {"size", size_of(shown.where)},
      {"form", nullptr},
      {"possible", one.possible == entry_form::none
                       ? json()
                       : json(form_word(one.possible))},
      {"levels", levels_of(one.form)},
      {"refused", nullptr}};
  if (one.maker != site_maker::none)
    object["prepared"] = maker_word(one.maker);
  if (one.form == entry_form::none) {
    object["refused"] = {{"reason", text_of(one.refusal).word},
                         {"message", reason_of(one, bias)}};
    return object;
  }
  object["form"] = form_word(one.form);
  object["entry"] = hex(one.entry + bias);
  std::string bytes;
  append_bytes(bytes, std::span<const std::uint8_t>(one.code, one.span));
  object["overwrites"] = bytes;
  object["moves_call"] = one.moves_call;
  return object;
}

void function_lister::show_json(const function_listing& found,
                                const selection& rows, const totals& sum)
{
  json refused = json::object();
  for (std::size_t why = 1; why < sum.by_refusal.size(); ++why)
    if (sum.by_refusal[why] != 0)
      refused[text_of(static_cast<entry_refusal>(why)).word] =
          sum.by_refusal[why];
  const json image = {
      {"path", found.rows.path},
      {"build_id",
       found.rows.build_id.empty() ? json() : json(found.rows.build_id)},
      {"bias", hex(found.rows.bias)},
      {"totals",
       {{"functions", sum.functions},
        {form_word(entry_form::one_store), sum.of(entry_form::one_store)},
        {form_word(entry_form::short_jump), sum.of(entry_form::short_jump)},
        {form_word(entry_form::several), sum.of(entry_form::several)},
        {"refused", std::move(refused)}}}};
  std::string& text = out_.text();
  text += first_image_ ? "\n  " : ",\n  ";
  first_image_ = false;
  text += json_text(image);
  text.back() = ',';  // for the brace that closes it
  text += "\"functions\":[";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += i == 0 ? "\n   " : ",\n   ";
    text += json_text(function_object(found, rows[i]));
    out_.relax();
  }
  text += "]}";
}

void function_lister::show_rows(const function_listing& found,
                                const selection& rows)
{
  std::string& text = out_.text();
  if (chosen_.files.size() > 1 || chosen_.pid != 0) {
    text += first_image_ ? "" : "\n";
    text += paint_.title;
    append_printable(text, found.rows.path);
    text += ':';
    text += paint_.reset;
    text += '\n';
  }
  first_image_ = false;
  if (chosen_.shown == view::table) {
    text += paint_.title;
    text += "ADDRESS               SIZE  FORM            NAME";
    text += paint_.reset;
    text += '\n';
  }
  for (const std::uint32_t number : rows) {
    if (chosen_.shown == view::detail)
      show_long(found, number, text);
    else
      show_one(found, number, text);
    out_.relax();
  }
}

void function_lister::show(function_listing& found)
{
  if (needs_demangled(chosen_))
    demangle_names(found.rows);
  const selection rows = select_rows(found.rows, chosen_);
  totals sum;
  for (const std::uint32_t number : rows)
    sum.add(found.functions[number]);
  if (rows.empty()) {
    if (chosen_.pid == 0)
      report_problem(found.rows.path,
                     found.rows.path + (found.functions.empty()
                                            ? ": no symbol table names a "
                                              "function in it"
                                            : ": no function matches"),
                     exit_no_sites);
    return;
  }
  if (is_json()) {
    show_json(found, rows, sum);
    return;
  }
  if (chosen_.shown != view::count)
    show_rows(found, rows);
  else if (chosen_.files.size() > 1 || chosen_.pid != 0) {
    append_printable(out_.text(), found.rows.path);
    out_.text() += ": ";
  }
  append_totals(sum);
}

void function_lister::list_file(const std::string& path)
{
  try {
    elf_file file;
    throw_if_failed(file.open(path.c_str(), elf_file::access::mapped));
    function_listing found;
    read_functions(path, file, 0, found);
    show(found);
  } catch (const output_error&) {
    throw;
  } catch (const std::exception& failure) {
    report_problem(path, failure.what(), exit_error);
  }
}

void function_lister::list_process()
{
  const std::string name = proc_path(chosen_.pid);
  try {
    check_process(chosen_.pid);
    const process_memory memory(chosen_.pid);
    // The same file may be several mappings, or loaded twice.
    std::set<std::tuple<dev_t, ino_t, std::uint64_t>> done;
    for (const process_mapping& mapping : read_maps(chosen_.pid)) {
      if (!mapping.executable || mapping.inode == 0 ||
          (!mapping.path.starts_with('/') && !mapping.is_copy))
        continue;
      try {
        const auto opened = open_mapped(chosen_.pid, mapping, memory);
        if (!opened ||
            !done.emplace(mapping.device, mapping.inode, opened->bias).second)
          continue;
        function_listing found;
        read_functions(mapping.path, *opened->file, opened->bias, found);
        show(found);
      } catch (const output_error&) {
        throw;
      } catch (const std::exception& failure) {
        report_problem(mapping.path, failure.what(), exit_error);
      }
    }
  } catch (const output_error&) {
    throw;
  } catch (const std::exception& failure) {
    report_problem(name, process_lines(chosen_.pid, failure.what()),
                   exit_error);
    return;
  }
  if (first_image_ && chosen_.shown != view::count && status_ == exit_listed)
    report_problem(name, process_text(chosen_.pid) + ": no function matches",
                   exit_no_sites);
}

exit_status function_lister::finish()
{
  if (is_json())
    out_.text() += "],\n \"problems\": " + json_text(problems_) + "}\n";
  out_.flush();
  return status_;
}

}  // namespace

exit_status list_unprepared(const options& chosen, int descriptor)
{
  function_lister work(chosen, descriptor);
  if (chosen.pid != 0)
    work.list_process();
  else
    for (const std::string& path : chosen.files)
      work.list_file(path);
  return work.finish();
}

}  // namespace hotpatch::tools
