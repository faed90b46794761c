// What hp-patch reads: baselines, results, compilation databases.  Whatever is
// wrong with one is said, and nothing else happens.
//
// SPDX-License-Identifier: MIT
#include "testsuite/lib/boost_tap.h"

#include <fstream>
#include <random>

#include <cstdio>

#include "format/baseline.h"
#include "patching/baseline_file.h"
#include "patching/baseline_text.h"
#include "patching/child_commands.h"
#include "patching/compile_commands.h"
#include "patching/results.h"
#include "patching/source_tree.h"
#include "patching/unit_table.h"
#include "processes/errors.h"

namespace patching = hotpatch::patching;
using hotpatch::tool_error;

namespace {

const std::string hash = "AEjRWeJq83v";

const std::string sound =
    "baseline 1\n"
    "unit src/a.c\n"
    "directory /srv/server\n"
    "compiler C 12.2.0\n"
    "option -O2\n"
    "option -DNAME=\"a b\"\n"
    "system " +
    hash +
    "\n"
    "h 0 /usr/include/stdio.h\n"
    "h 13 string.h\n"
    "d " +
    hash +
    " 0 src/a.c\n"
    "d " +
    hash +
    " 4 a.h\n"
    "f es " +
    hash + " - " + hash +
    " 12 parse\n"
    "t AbC+/\n"
    "f - " +
    hash + " P7cuph2VDIQ " + hash +
    " 20 _ZN1a1bEv\n"
    "v lw " +
    hash + " " + hash +
    " - 3 limit\n"
    "v l " +
    hash + " " + hash +
    " - 3 count.0 parse::count#0\n"
    "i 0 1\n"
    "a " +
    hash +
    "\n"
    "later words that nobody knows\n"
    "end\n";

// The text with a line, the first that begins so, in other words.
std::string with_line(const std::string& begin, const std::string& line)
{
  const std::size_t at = begin.empty() ? 0 : sound.find("\n" + begin) + 1;
  const std::size_t end = sound.find('\n', at) + 1;
  return sound.substr(0, at) + line + sound.substr(end);
}

std::string refusal_of(const std::string& text)
{
  try {
    patching::parse_unit("server", text);
  } catch (const tool_error& error) {
    return error.what();
  }
  return "";
}

bool is_refused(const std::string& text, const std::string& words)
{
  const std::string said = refusal_of(text);
  BOOST_TEST_MESSAGE("refusal: " << said);
  return said.find("server: ") == 0 && said.find(words) != said.npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(a_baseline)

BOOST_AUTO_TEST_CASE(says_what_its_lines_say)
{
  const patching::baseline_unit unit = patching::parse_unit("server", sound);
  BOOST_TEST(unit.file == "src/a.c");
  BOOST_TEST(unit.directory == "/srv/server");
  BOOST_TEST(unit.compiler == "C 12.2.0");
  BOOST_TEST(unit.options.size() == 2u);
  BOOST_TEST(unit.options[1] == "-DNAME=\"a b\"");
  BOOST_TEST(unit.system_hash == 0x0123456789abcdefu);
  BOOST_TEST(unit.system_headers.size() == 2u);
  BOOST_TEST(unit.system_headers[1] == "/usr/include/string.h");
  BOOST_TEST(unit.dependencies.size() == 2u);
  BOOST_TEST(unit.dependencies[1].path == "src/a.h");
  BOOST_TEST(unit.functions.size() == 2u);
  BOOST_TEST(unit.functions[0].has('s'));
  BOOST_TEST(!unit.functions[1].has('s'));
  BOOST_TEST(unit.functions[1].masked == 0xfedcba9876543210u);
  BOOST_TEST(unit.variables == 2u);
  BOOST_TEST((unit.find("parse") == &unit.functions[0]));
  BOOST_TEST((unit.find("pars") == nullptr));
  BOOST_TEST(unit.text == sound);
}

BOOST_AUTO_TEST_CASE(has_hashes_of_all_64_bits)
{
  for (std::uint64_t value = 1; value != 0; value <<= 1)
    for (const std::uint64_t one : {value, ~value, value - 1}) {
      const hotpatch::format::hash_text text(one);
      std::uint64_t read = 0;
      BOOST_TEST(hotpatch::format::parse_hash(text.digits, 11, read));
      BOOST_TEST(read == one);
    }
  std::uint64_t read = 0;
  for (const std::string text : {"QAAAAAAAAAA", "AAAAAAAAAA", "AAAAAAAAAAAA",
                                 "AAAAAAAAAA-", "AAAAA AAAAA", ""})
    BOOST_TEST(!hotpatch::format::parse_hash(text.data(), text.size(), read));
}

BOOST_AUTO_TEST_CASE(that_is_cut_off_anywhere_is_refused)
{
  for (std::size_t size = 0; size < sound.size(); ++size)
    BOOST_TEST(!refusal_of(sound.substr(0, size)).empty(),
               "the first " << size << " bytes are taken for a whole");
}

BOOST_AUTO_TEST_CASE(that_is_changed_anywhere_is_read_or_refused)
{
  std::mt19937 random(13);
  std::size_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = sound;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 40);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 60));
          break;
        default:
          text.insert(at, std::to_string(random()));
      }
      if (text.empty())
        text = "x";
    }
    const std::string said = refusal_of(text);
    refused += !said.empty();
    if (said.empty()) {
      const patching::baseline_unit unit = patching::parse_unit("server", text);
      BOOST_TEST(!unit.dependencies.empty());
      BOOST_TEST(unit.directory.starts_with("/"));
    }
  }
  BOOST_TEST(refused > 1000u);
  BOOST_TEST(refused < 20000u);
}

BOOST_AUTO_TEST_CASE(with_a_contradiction_is_refused_with_its_line)
{
  BOOST_TEST(is_refused(with_line("", "baseline 2\n"), "a newer hotpatch"));
  BOOST_TEST(is_refused(with_line("", "baseline x\n"), "line 1: "));
  BOOST_TEST(is_refused(with_line("", "unit src/a.c\n"), "line 1: "));
  BOOST_TEST(is_refused(with_line("unit", "unit \n"), "line 2: "));
  BOOST_TEST(is_refused(with_line("unit", "unit a.c\nunit b.c\n"), "line 3: "));
  BOOST_TEST(is_refused(with_line("unit", "unit a\tb.c\n"), "line 2: "));
  BOOST_TEST(is_refused(with_line("unit", ""), "does not say its file"));
  BOOST_TEST(is_refused(with_line("directory", "directory srv\n"),
                        "not an absolute path"));
  BOOST_TEST(is_refused(with_line("system", "system 12\n"), "line 7: "));
  BOOST_TEST(is_refused(with_line("system", ""), "does not say its file"));
  BOOST_TEST(is_refused(with_line("h 13", "h 99 x.h\n"), "line 9: "));
  BOOST_TEST(is_refused(with_line("h 13", "h -1 x.h\n"), "line 9: "));
  BOOST_TEST(
      is_refused(with_line("h 13", "h 99999999999999999999 x\n"), "line 9: "));
  BOOST_TEST(is_refused(with_line("d ", "d xyz 0 a.c\n"), "line 10: "));
  BOOST_TEST(is_refused(with_line("f es", "t AbC\n"), "line 12: "));
  BOOST_TEST(is_refused(
      with_line("f es", "f es " + hash + " - " + hash + " many parse\n"),
      "line 12: "));
  BOOST_TEST(
      is_refused(with_line("f es", "f es " + hash + " - " + hash + " 4 \n"),
                 "has no symbol"));
  BOOST_TEST(is_refused(with_line("v lw", "v lw " + hash + "\n"), "line 15: "));
  BOOST_TEST(is_refused(with_line("i 0", "i 0 2\n"), "not there"));
  BOOST_TEST(
      is_refused(with_line("i 0", "i 0 99999999999999999999\n"), "not there"));
  BOOST_TEST(is_refused(sound + "more\n", "follows its end"));
}

// Each line stands for four thousand bytes.
BOOST_AUTO_TEST_CASE(with_short_lines_for_long_paths_needs_no_more_memory)
{
  std::string lines = "h 0 " + std::string(4000, 'x') + "\n";
  for (int i = 0; i < 200000; ++i)
    lines += "h 4000 y\n";
  BOOST_TEST(is_refused(with_line("h 0", lines), "more files"));
  BOOST_TEST(is_refused(
      with_line("h 0", "h 0 " + std::string(5000, 'x') + "\n"), "4096"));
}

BOOST_AUTO_TEST_CASE(of_several_units_is_split_at_the_bytes_between_them)
{
  const std::string nul(1, '\0');
  const std::string other = with_line("unit", "unit src/b.c\n");
  patching::baseline_image image;
  patching::parse_section("server",
                          sound + nul + nul + other + nul + sound + nul, image);
  BOOST_TEST(image.units.size() == 2u);
  BOOST_TEST(image.units[1].file == "src/b.c");
  patching::baseline_image none;
  patching::parse_section("server", "", none);
  BOOST_TEST(none.units.empty());
  BOOST_CHECK_THROW(patching::parse_section("server", sound, none), tool_error);
  BOOST_CHECK_THROW(
      patching::parse_section("server", sound + nul + other, none), tool_error);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(the_units_of_several_files)

namespace {

patching::baseline_image image_of(const std::string& path,
                                  const std::vector<std::string>& texts)
{
  patching::baseline_image image;
  image.path = path;
  for (const std::string& each : texts)
    image.units.push_back(patching::parse_unit(path, each));
  return image;
}

std::string change_of(const std::string& text, const std::string& lines,
                      const std::string& file = "src/a.c")
{
  const hotpatch::format::hash_text over(
      hotpatch::format::content_hash(text.data(), text.size()));
  return "baseline-change 1\nover " + std::string(over.digits) + "\nunit " +
         file + "\ndirectory /srv/server\nsystem " + hash + "\nd " + hash +
         " 0 src/a.c\n" + lines + "end\n";
}

patching::baseline_image patch_of(const std::string& path,
                                  const std::string& change)
{
  patching::baseline_image image;
  image.path = path;
  image.is_patch = true;
  image.changes.push_back(patching::parse_change(path, change));
  return image;
}

const std::string another = "BERERERERER";

}  // namespace

BOOST_AUTO_TEST_CASE(are_one_where_an_object_is_in_two_images)
{
  const std::string other = with_line("unit", "unit src/b.c\n");
  const std::vector<patching::baseline_image> images = {
      image_of("server", {sound, other}), image_of("tool", {sound})};
  const patching::unit_table units(images);
  BOOST_TEST(units.size() == 2u);
  BOOST_TEST(units[0].images.size() == 2u);
  BOOST_TEST(units[1].images.size() == 1u);
}

BOOST_AUTO_TEST_CASE(are_as_earlier_patches_have_left_them)
{
  const std::string lines =
      "f es " + another + " - " + hash + " 15 parse\nt xyz\nf l " + another +
      " - " + hash + " 9 added\nv le " + hash + " " + another +
      " - 4 more\nj parse added other _ZN1a1bEv\nj of_a_system_header parse\n";
  const std::string change = change_of(sound, lines);
  const std::vector<patching::baseline_image> images = {
      image_of("server", {sound}), patch_of("fix.so", change)};
  const patching::unit_table units(images);
  BOOST_TEST(units.size() == 1u);
  const patching::baseline_unit& unit = *units[0].unit;
  BOOST_TEST(unit.functions.size() == 3u);
  BOOST_TEST(unit.functions[0].symbol == "parse");
  BOOST_TEST(unit.functions[0].strict == 0x1111111111111111u);
  BOOST_TEST(unit.functions[1].symbol == "_ZN1a1bEv");
  BOOST_TEST(unit.functions[2].symbol == "added");
  BOOST_TEST(unit.variables == 3u);
  BOOST_TEST(unit.dependencies.size() == 1u);
  BOOST_TEST(unit.system_headers.empty());
  BOOST_TEST(unit.text.find("t xyz\n") != std::string::npos);
  BOOST_TEST(unit.text.find("AbC") == std::string::npos);
  BOOST_TEST(unit.text.find("i 0 1\ni 0 2 1\n") != std::string::npos);
  BOOST_TEST(units.needs(0).count(1) == 1u);

  const std::string second =
      change_of(unit.text, "v l " + another + " " + hash +
                               " - 3 count.0 parse::count#0\n");
  std::vector<patching::baseline_image> both = images;
  both.push_back(patch_of("second.so", second));
  const patching::unit_table later(both);
  BOOST_TEST(later[0].unit->variables == 3u);
  BOOST_TEST(later[0].unit->text.find("v l " + another + " " + hash +
                                      " - 3 count.0 parse::count#0\n") !=
             std::string::npos);
  BOOST_TEST(later.needs(0).size() == 2u);

  std::swap(both[1], both[2]);
  BOOST_CHECK_THROW(patching::unit_table{both}, tool_error);
  both.erase(both.begin() + 2);
  BOOST_CHECK_THROW(patching::unit_table{both}, tool_error);
}

BOOST_AUTO_TEST_CASE(are_changed_once_where_two_programs_have_the_object)
{
  const std::string change = change_of(sound, "");
  const std::vector<patching::baseline_image> images = {
      image_of("server", {sound}), image_of("tool", {sound}),
      patch_of("fix-server.so", change), patch_of("fix-tool.so", change)};
  BOOST_TEST(patching::unit_table(images).size() == 1u);
}

BOOST_AUTO_TEST_CASE(are_refused_if_a_patch_is_of_another_program)
{
  for (const std::string& change :
       {change_of(sound, "", "src/b.c"), change_of(sound + "x", ""),
        change_of(sound, "last a.cc:3: numbered again\n"),
        change_of(sound, "f es 12 - " + hash + " 15 parse\n")}) {
    const std::vector<patching::baseline_image> images = {
        image_of("server", {sound}), patch_of("fix.so", change)};
    BOOST_CHECK_THROW(patching::unit_table{images}, tool_error);
  }
  const std::vector<patching::baseline_image> alone = {
      patch_of("fix.so", change_of(sound, ""))};
  BOOST_CHECK_THROW(patching::unit_table{alone}, tool_error);
}

BOOST_AUTO_TEST_CASE(are_refused_where_a_change_is_damaged)
{
  const std::string change =
      change_of(sound, "f l " + another + " - " + hash + " 9 added\n");
  for (std::size_t size = 20; size < change.size(); ++size)
    BOOST_CHECK_THROW(patching::parse_change("fix.so", change.substr(0, size)),
                      tool_error);
  BOOST_CHECK_THROW(patching::parse_change("fix.so", change + "x\n"),
                    tool_error);
  std::mt19937 random(14);
  for (int round = 0; round < 5000; ++round) {
    std::string text = change;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes)
      text[18 + random() % (text.size() - 18)] = static_cast<char>(random());
    try {
      patching::merge_change("fix.so", patching::parse_unit("server", sound),
                             patching::parse_change("fix.so", text));
    } catch (const tool_error& error) {
      BOOST_TEST(std::string(error.what()).find("fix.so") == 0u);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(a_tree)

BOOST_AUTO_TEST_CASE(that_has_moved_is_found_by_the_tail_of_its_paths)
{
  const auto moved = patching::find_move("/tmp/copy/src/lib", "/srv/a/src/lib");
  BOOST_REQUIRE(moved.has_value());
  BOOST_TEST(moved->now == "/tmp/copy");
  BOOST_TEST(moved->then == "/srv/a");
  BOOST_TEST(!patching::find_move("/srv/a", "/srv/a").has_value());
  BOOST_TEST(!patching::find_move("/srv/a", "/srv/b").has_value());
  // Half a name is no tail.
  BOOST_TEST(!patching::find_move("/x/alib", "/y/lib").has_value());
  const auto deeper = patching::find_move("/new/srv/a", "/srv/a");
  BOOST_REQUIRE(deeper.has_value());
  BOOST_TEST(deeper->now == "/new");
  BOOST_TEST(deeper->then.empty());
}

BOOST_AUTO_TEST_CASE(is_read_where_it_is_now)
{
  const patching::baseline_unit unit = patching::parse_unit("server", sound);
  const patching::source_tree tree(
      patching::moved_tree{"/tmp/copy", "/srv/server"});
  BOOST_TEST(tree.path_of(unit, "src/a.c") == "/tmp/copy/src/a.c");
  BOOST_TEST(tree.path_of(unit, "/srv/server/b.h") == "/tmp/copy/b.h");
  BOOST_TEST(tree.path_of(unit, "/srv/server2/b.h") == "/srv/server2/b.h");
}

BOOST_AUTO_TEST_CASE(without_a_file_has_changed)
{
  const patching::baseline_unit unit = patching::parse_unit("server", sound);
  patching::source_tree tree;
  const auto changes = tree.changes(unit);
  BOOST_TEST(changes.size() == 3u);
  BOOST_TEST(changes.front() == "src/a.c");
  BOOST_TEST(changes.back() == "system headers");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(a_result)

BOOST_AUTO_TEST_CASE(says_what_its_lines_say)
{
  const patching::unit_result result = patching::parse_result(
      "/d/result-1-0.txt",
      "result patch 3\nsource src/a.c\ndirectory /srv\ndriver g++\n"
      "language C++\nobject x.o\nreplaced f\t12\tcontains _Z1gv\n"
      "new-function g\t3\nnew-data d\t4\nimported limit\tvariable\n"
      "note a.c:1: a note\nneeds h\ndefines g\nhook start\n"
      "explain f\t13\t15\nsomething new\nseconds 0.25\nend\n");
  BOOST_TEST((result.kind == patching::result_kind::patch));
  BOOST_TEST(result.unit.value() == 3u);
  BOOST_TEST(result.finished);
  BOOST_TEST(result.has_code());
  BOOST_TEST(result.replaced.at(0).reason == "contains _Z1gv");
  BOOST_TEST(result.replaced[0].line == 12u);
  BOOST_TEST(result.explained.at(0).last == 15u);
  BOOST_TEST(result.seconds == 0.25);
  BOOST_TEST(result.object() == "/d/result-1-0.o");
  BOOST_TEST(result.source_path() == "/srv/src/a.c");
}

BOOST_AUTO_TEST_CASE(without_an_end_is_not_finished)
{
  BOOST_TEST(!patching::parse_result("r", "result patch new\n").finished);
  BOOST_TEST(
      !patching::parse_result("r", "result same 1\nend\nnote x\n").finished);
}

BOOST_AUTO_TEST_CASE(of_another_version_is_refused)
{
  for (const char* const text :
       {"", "\n", "result\n", "result patch\n", "result maybe 1\n",
        "result patch one\n", "result patch -1\n", "patch 1\n",
        "result patch 1\nreplaced f\n", "result patch 1\nreplaced f\tx\ty\n",
        "result patch 1\nnew-data f\t99999999999\n"})
    BOOST_CHECK_THROW(patching::parse_result("r", text), tool_error);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(a_compilation_database)

namespace {

std::vector<patching::compile_command> read(const std::string& text)
{
  char name[] = "/tmp/hotpatch-database.XXXXXX";
  const int file = mkstemp(name);
  std::ofstream(name) << text;
  const struct closing {
    int file;
    const char* name;
    ~closing()
    {
      close(file);
      std::remove(name);
    }
  } at_end{file, name};
  return patching::read_compile_commands(name);
}

}  // namespace

BOOST_AUTO_TEST_CASE(has_commands_as_words_or_as_one_text)
{
  const auto commands = read(R"([{"directory": "/b", "file": "../s/a.c",
                "command": "gcc -DX=\"a b\" -O2 -o 'x y.o' -c ../s/a.c"},
               {"directory": "/b", "file": "/s/b.c",
                "arguments": ["gcc", "-fplugin=/l/hotpatch.so", "-c", "b c"]}
              ])");
  BOOST_TEST(commands.size() == 2u);
  BOOST_TEST(commands[0].file == "/s/a.c");
  BOOST_TEST(commands[0].arguments.at(1) == "-DX=a b");
  BOOST_TEST(commands[0].arguments.at(4) == "x y.o");
  BOOST_TEST(!commands[0].uses_plugin());
  BOOST_TEST(commands[1].uses_plugin());
}

BOOST_AUTO_TEST_CASE(that_is_none_is_refused)
{
  for (const char* const text :
       {"", "{}", "[1]", "[{}]", R"([{"directory": "/", "file": 3}])",
        R"([{"directory": "/", "file": "a.c"}])",
        R"([{"directory": "/", "file": "a.c", "arguments": "gcc"}])",
        R"([{"directory": "/", "file": "a.c", "arguments": [1]}])",
        R"([{"directory": "/", "file": "a.c", "arguments": []}])",
        R"([{"directory": "/", "file": "a.c", "command": ""}])", "[\"\xff\"]",
        "[["})
    BOOST_CHECK_THROW(read(text), tool_error);
  BOOST_CHECK_THROW(patching::read_compile_commands("/nowhere/c.json"),
                    tool_error);
}

BOOST_AUTO_TEST_CASE(is_split_into_words_as_a_shell_does)
{
  using words = std::vector<std::string>;
  BOOST_TEST(patching::split_command("a  b\tc") == (words{"a", "b", "c"}));
  BOOST_TEST(patching::split_command("'a b'c \"d\\\"e\" f\\ g") ==
             (words{"a bc", "d\"e", "f g"}));
  BOOST_TEST(patching::split_command("'' \"\"") == (words{"", ""}));
  BOOST_TEST(patching::split_command("'a\\b' \"a\\b\"") ==
             (words{"a\\b", "a\\b"}));
  BOOST_TEST(patching::split_command("  ").empty());
}

BOOST_AUTO_TEST_CASE(gives_commands_that_write_to_one_place_alone)
{
  using words = std::vector<std::string>;
  patching::compile_command command;
  command.arguments = {"gcc", "-MD", "-MF", "a.d", "-MT", "a.o",   "-O2",
                       "-MP", "-o",  "a.o", "-c",  "a.c", "-MFb.d"};
  BOOST_TEST(patching::with_output(command, "/d/x") ==
             (words{"gcc", "-O2", "-c", "a.c", "-o", "/d/x"}));
  command.arguments = {"gcc", "a.c", "-oa.o"};
  BOOST_TEST(patching::with_output(command, "/d/x") ==
             (words{"gcc", "a.c", "-c", "-o", "/d/x"}));
}

BOOST_AUTO_TEST_CASE(is_shown_as_a_shell_would_take_it)
{
  const std::vector<std::string> words = {"make", "CFLAGS=-O2 -g", "it's", ""};
  BOOST_TEST(patching::shell_text(words) ==
             "make 'CFLAGS=-O2 -g' 'it'\\''s' ''");
}

BOOST_AUTO_TEST_SUITE_END()
