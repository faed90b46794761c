/* Linked into memcached: a thread that replaces functions of it while clients
 * (memcached_load.c) are served.
 *
 * SPDX-License-Identifier: MIT
 */
#include "patcher.h"

/* memcached's own: it answers a client with a line of text. */
typedef struct conn conn;
void out_string(conn* client, const char* text);

/* A static function of proto_text.c: the answer to "version". */
static atomic_ulong version_calls;

static void tell_other_version(conn* client)
{
  ++version_calls;
  out_string(client, "VERSION patched");
}

/* Every "get" of every thread looks its item up with this. */
typedef void* item_get_function(const char*, size_t, conn*, _Bool);
static item_get_function* original_item_get;
static atomic_ulong item_get_calls;

static void* counting_item_get(const char* key, size_t length, conn* client,
                               _Bool update)
{
  ++item_get_calls;
  return original_item_get(key, length, client, update);
}

static void* patch(void* unused)
{
  original_item_get = (item_get_function*)require_original("item_get");
  wait_for_file("started");

  require(hp_apply("proto_text.c:process_version_command", tell_other_version),
          "process_version_command");
  wait_for_calls(&version_calls);

  for (int i = 0; i < 500; ++i) {
    require(hp_apply("item_get", counting_item_get), "apply");
    if (i % 100 == 0)
      wait_for_calls(&item_get_calls);
    require(hp_revert("item_get"), "revert");
  }

  make_file("applied");
  wait_for_file("listed");
  require(hp_revert("proto_text.c:process_version_command"), "revert");
  make_file("finished");
  return unused;
}

__attribute__((constructor)) static void start_patching(void)
{
  start_thread(patch);
}
