/* Linked into the Lua interpreter: a thread that replaces functions of it
 * while it runs lua_script.lua.  The two agree by files in the current
 * directory: "started" and "finished" (see the script), and "applied" and
 * "listed", between which lua.sh looks at the process.
 *
 * SPDX-License-Identifier: MIT
 */
#include "patcher.h"

#include "lauxlib.h"
#include "lua.h"

/* A static function of lstrlib.c, known to Lua only by its address in a
 * table: string.upper() now shouts. */
static lua_CFunction original_upper;
static atomic_ulong upper_calls;

static int shouting_upper(lua_State* L)
{
  ++upper_calls;
  original_upper(L);
  lua_pushliteral(L, "!");
  lua_concat(L, 2);
  return 1;
}

/* A function of Lua's C interface: tostring() marks integers. */
typedef const char* tolstring_function(lua_State*, int, size_t*);
static tolstring_function* original_tolstring;
static atomic_ulong tolstring_calls;

static const char* marking_tolstring(lua_State* L, int index, size_t* length)
{
  ++tolstring_calls;
  if (!lua_isinteger(L, index))
    return original_tolstring(L, index, length);
  lua_pushfstring(L, "#%I", (LUAI_UACINT)lua_tointeger(L, index));
  return lua_tolstring(L, -1, length);
}

/* One of the most frequent functions of the interpreter itself, internal to
 * it: the replacement only counts. */
typedef const void* getshortstr_function(void*, void*);
static getshortstr_function* original_getshortstr;
static atomic_ulong getshortstr_calls;

static const void* counting_getshortstr(void* table, void* key)
{
  ++getshortstr_calls;
  return original_getshortstr(table, key);
}

static void* patch(void* unused)
{
  original_upper = (lua_CFunction)require_original("lstrlib.c:str_upper");
  original_tolstring = (tolstring_function*)require_original("luaL_tolstring");
  original_getshortstr =
      (getshortstr_function*)require_original("luaH_getshortstr");
  wait_for_file("started");

  require(hp_apply("lstrlib.c:str_upper", shouting_upper), "str_upper");
  require(hp_apply("luaL_tolstring", marking_tolstring), "luaL_tolstring");
  wait_for_calls(&upper_calls);
  wait_for_calls(&tolstring_calls);

  for (int i = 0; i < 500; ++i) {
    require(hp_apply("luaH_getshortstr", counting_getshortstr), "apply");
    if (i % 100 == 0)
      wait_for_calls(&getshortstr_calls);
    require(hp_revert("luaH_getshortstr"), "revert");
  }

  make_file("applied");
  wait_for_file("listed");
  require(hp_revert("lstrlib.c:str_upper"), "revert str_upper");
  require(hp_revert("luaL_tolstring"), "revert luaL_tolstring");
  make_file("finished");
  return unused;
}

__attribute__((constructor)) static void start_patching(void)
{
  start_thread(patch);
}
