/* hotpatch.h - replace functions of the running program.
 *
 * A function compiled with -fplugin=hotpatch.so has a patch site.  The calls
 * below switch such a function, by name, to another one with a single atomic
 * store, while any number of threads call it.
 *
 * Threads: every function here may be called from any thread at any time, and
 * from constructors, with 32 KiB of stack.  None may be called from a signal
 * handler or from a callback of dl_iterate_phdr.  The library never exits,
 * aborts, prints or throws; every failure is a status, and hp_error_message()
 * says in words what failed, where, and what to do.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOTPATCH_H
#define HOTPATCH_H

/* In C nothing is included that looks at feature test macros such as
 * _GNU_SOURCE, so this may come before or after their definition.  In C++ they
 * come first, like those of the C++ library, because <typeinfo> is needed. */
#include <stddef.h>
#if defined(__cplusplus)
#include <stdint.h>
#include <string.h>
#include <type_traits>
#if defined(__GXX_RTTI) || defined(__cpp_rtti)
#include <typeinfo>
#define HP_HAVE_RTTI 1
#endif
#endif

#define HOTPATCH_VERSION_MAJOR 0
#define HOTPATCH_VERSION_MINOR 1
#define HOTPATCH_VERSION_PATCH 0

#if defined(__GNUC__)
#define HP_API __attribute__((visibility("default")))
#else
#define HP_API
#endif

/* HP_PATCHABLE before a declaration chooses the function.  It is nothing when
 * the plugin is not loaded, so the source compiles everywhere. */
#if defined(__has_attribute)
#if __has_attribute(hotpatch)
#define HP_PATCHABLE __attribute__((hotpatch))
#define HP_NOT_PATCHABLE __attribute__((no_hotpatch))
#endif
#endif
#if !defined(HP_PATCHABLE)
#define HP_PATCHABLE
#define HP_NOT_PATCHABLE
#endif

/* What the source of a patch object says; all of it needs the plugin.  Names
 * are as in hp_apply().
 *
 *   HP_PATCH("header-length", 3, "No overflow for long headers");
 *
 *   extern int limit HP_IMPORT("conn.c:limit");
 *   extern int parse_original(struct conn*) HP_ORIGINAL("parse_header");
 *
 *   HP_REPLACES("parse_header") static int parse_fixed(struct conn* c) {...}
 */

/* The patch's name and version, and for people what it does.  A newer version
 * replaces an older one; without this the name is that of the file. */
#define HP_PATCH(name, version, description) \
  extern const char hp_patch_stated          \
      __attribute__((hotpatch_patch(name, version, description)))
/* Another patch that has to be applied already, in this version or a newer. */
#define HP_PATCH_NEEDS(name, version) \
  extern const char hp_patch_stated   \
      __attribute__((hotpatch_needs(name, version)))
/* The build-id, as readelf -n prints it, of the program or shared object that
 * this patch is for: in others it is refused. */
#define HP_PATCH_BUILD(id) \
  extern const char hp_patch_stated __attribute__((hotpatch_build(id)))
/* "immediate", "strict", "quiescent" or "safepoint": how to apply the patch if
 * the caller has no wish. */
#define HP_PATCH_LEVEL(level) \
  extern const char hp_patch_stated __attribute__((hotpatch_level(level)))

/* Before a function: it takes the place of the one of that name. */
#define HP_REPLACES(name) __attribute__((hotpatch_replaces(name)))
/* After an extern declaration: what the program has under that name, even if
 * it is static.  A plain extern declaration means the name itself. */
#define HP_IMPORT(name) __attribute__((hotpatch_import(name)))
/* After a function's declaration: the body that the program was built with. */
#define HP_ORIGINAL(name) __attribute__((hotpatch_original(name)))
/* Each of the three, without comparing prototypes and layouts of types. */
#define HP_REPLACES_UNCHECKED(name) \
  __attribute__((hotpatch_replaces(name, "unchecked")))
#define HP_IMPORT_UNCHECKED(name) \
  __attribute__((hotpatch_import(name, "unchecked")))
#define HP_ORIGINAL_UNCHECKED(name) \
  __attribute__((hotpatch_original(name, "unchecked")))
/* As HP_REPLACES, but the function need not have a site: see
 * HP_ALLOW_UNPREPARED below.  hp_load() applies such a patch, hp-apply only
 * through a control socket. */
#define HP_REPLACES_UNPREPARED(name) \
  __attribute__((hotpatch_replaces(name, "unprepared")))
/* Before a function that is to be called at that time: "before_apply" and
 * "before_revert" are const char* (void), and return null, or the reason why it
 * must not happen; "after_apply" and "after_revert" are void (void). */
#define HP_HOOK(time) __attribute__((hotpatch_hook(time)))

#ifdef __cplusplus
extern "C" {
#endif

/* Any function; cast it back to its type before calling it. */
typedef void (*hp_function)(void);

/* The numbers are part of the interface and never change their meaning. */
typedef enum hp_status {
  HP_OK = 0,
  HP_INVALID = 1,        /* an argument is null, empty or out of range */
  HP_NOT_FOUND = 2,      /* no loaded image has a site of that name */
  HP_AMBIGUOUS = 3,      /* several sites have that name */
  HP_PROTOTYPE = 4,      /* the replacement has another prototype */
  HP_NOT_EXECUTABLE = 5, /* the replacement's address is not code */
  HP_FOREIGN = 6,        /* another tool has modified the patch word */
  HP_MALFORMED = 7,      /* an image's .hotpatch section is damaged */
  HP_UNREADABLE = 8,     /* an image's file is gone, replaced or unreadable */
  HP_NO_MEMORY = 9,      /* out of memory, perhaps only near the image */
  HP_DENIED = 10,        /* the system forbids writing to program code */
  HP_NOT_APPLIED = 11,   /* there is nothing to revert */
  HP_BUSY = 12,          /* a thread did not leave the old code in time */
  HP_UNSUPPORTED = 13,   /* not available in this build or on this kernel */
  HP_INTERNAL = 14, /* internal error, or the system failed during rollback */
  HP_APPLIED = 15,  /* the patch is applied already, in this version */
  HP_OLDER = 16,    /* a newer version of the patch is applied */
  HP_MISSING = 17,  /* a patch that this one needs is not applied */
  HP_NEEDED = 18,   /* an applied patch needs it */
  HP_VETOED = 19,   /* a hook of a patch vetoed the change */
  HP_LAYOUT = 20,   /* a type has other members in the program and the patch */
  HP_OTHER_BUILD = 21, /* the patch is for another build of the program */
  HP_INLINED = 22      /* copies of the function are inlined into others */
} hp_status;

/* The name of a status ("HP_AMBIGUOUS") and its meaning in one sentence.
 * Static strings; an unknown number yields "HP_?" and a text saying so. */
HP_API const char* hp_status_name(hp_status status);
HP_API const char* hp_strerror(hp_status status);

/* The detail of the calling thread's last failed call: what, where, what to
 * do.  Never null; empty before the first failure.  Valid until the thread's
 * next call into the library. */
HP_API const char* hp_error_message(void);

/* --- Replacing functions --------------------------------------------------
 *
 * A name is one of
 *   "parse_header", "_ZN2ns5Point5scaleEd"   the assembler name
 *   "ns::Point::scale(double)"               the demangled signature
 *   "ns::Point::scale"                       the same, where unambiguous
 *   "conn.c:reset"                           a function of that source file
 *   "libconn.so!reset"                       one of that shared object
 *   "util.h:clamp#2"                         one of several
 *   "util.h:clamp#all"                       all of them
 *
 * The last two are for functions that have the same name, source file and
 * image: a static function of a header that several sources include, or of a
 * source that was compiled twice.  They are counted from 1 by ascending address
 * in the image, as hp-list shows them; the numbers hold for one build of it.
 * "#all" means every function that the rest of the name means, in every image,
 * and changes all of them or none; hp_site_find and hp_original, which ask
 * about one, answer HP_AMBIGUOUS unless there is only one.
 */

enum {
  HP_ANY_PROTOTYPE = 1,   /* do not compare prototypes */
  HP_ALLOW_COPIES = 2,    /* replace it although copies of it stay elsewhere */
  HP_ALLOW_UNPREPARED = 4 /* replace it although it has no site, see below */
};

/* Makes every call of `name` that begins after the return of hp_apply enter
 * `replacement`, a function of the same type; calls that race with hp_apply
 * enter either.  Threads inside the old body finish it.  `replacement` must
 * stay loaded: the library keeps a reference to the shared object it lies in,
 * also when it was reverted, until hp_release() or the end of the process;
 * memory that the program has filled with code itself is up to the program.
 *
 * Where membarrier(2) is refused, threads are reached with the stop signal (see
 * hp_set_stop_signal); if one of them cannot be, which the log says, it may
 * enter the old function for a moment after the return of hp_apply.
 *
 * Replacements of one site form a stack: the newest is active.  Applying one
 * that is already there moves it to the top, and changes nothing if it is the
 * newest already.  A replacement may call the original (hp_original), may be
 * the original, and may be a site that is replaced itself, unless that leads
 * back to `name`.
 *
 *   hp_status hp_apply(const char* name, FUNCTION* replacement);
 *   hp_status hp_apply_flags(const char* name, FUNCTION* replacement,
 *                            unsigned flags);
 *
 * In C++ `replacement` may also be a pointer to a member function that is not
 * virtual, and its prototype is compared with the site's; in C that happens
 * when `replacement` is itself a site.  A member function counts as a function
 * whose first parameter is its `this` pointer.
 *
 * A function that was compiled with -fplugin-arg-hotpatch-inline may have been
 * inlined into others, where the old code stays.  It is HP_INLINED, with the
 * list of these functions, unless the same transaction replaces all of them, or
 * HP_ALLOW_COPIES says that they may stay as they are.
 *
 * Where the system lets no memory be writable and executable, text is written
 * through /proc/self/mem while all threads are stopped for a moment.
 *
 * Errors: HP_INVALID, HP_NOT_FOUND, HP_AMBIGUOUS, HP_PROTOTYPE,
 * HP_NOT_EXECUTABLE, HP_FOREIGN, HP_MALFORMED, HP_UNREADABLE, HP_NO_MEMORY,
 * HP_DENIED, HP_UNSUPPORTED, HP_INLINED; HP_BUSY if threads have to be stopped
 * and one cannot be.  After an error every call goes where it went before. */

/* With HP_ALLOW_UNPREPARED `name` may also be a function without a site, in
 * code that was compiled without the plugin, by any compiler: one that .symtab,
 * .dynsym or the separate debug file names.  All code of its object is decoded
 * for that, by libhotpatch-unprepared.so.0, once for each object, which takes a
 * tenth of a second for the C library.  A jump takes the place of its first
 * instruction; if that can only be several instructions, the function can be
 * changed at the level quiescent only, and is HP_UNSUPPORTED at others.  When
 * the last replacement is taken away, all bytes are as they were; threads may
 * stand for a moment for that.  hp-list --unprepared lists what can be
 * replaced.
 *
 * The promises are weaker than with a site, because the compiler knew nothing
 * of it: prototypes are not compared, copies of the function may be inlined
 * anywhere, callers may rely on its body in ways that no instruction shows, and
 * a breakpoint at its first byte excludes a replacement.  hp_original() leads
 * to its moved first instructions; exceptions do not pass a call among them.
 *
 * Further errors: HP_UNSUPPORTED with the reason, HP_FOREIGN: its first bytes
 * are not those of the file. */

/* What the two are made of.  `type` is the Itanium mangling of the
 * replacement's function type ("FiP4connmE", typeid(T).name()), or null if it
 * is not known; `flags` is 0 or some of the three, added together. */
HP_API hp_status hp_apply_as(const char* name, hp_function replacement,
                             const char* type, unsigned flags);

/* Takes the newest replacement of `name` away: the one below it, or the
 * original, becomes active.  Errors: those of hp_apply, HP_NOT_APPLIED. */
HP_API hp_status hp_revert(const char* name);

/* Takes one particular replacement away, wherever in the stack it is.
 *   hp_status hp_remove(const char* name, FUNCTION* replacement); */
HP_API hp_status hp_remove_as(const char* name, hp_function replacement);

/* Takes every replacement of every site away. */
HP_API hp_status hp_revert_all(void);

/* Gives the library's reference to the shared object back in which `code` lies,
 * the address of a function that has been a replacement, so that dlclose() can
 * unload it.  After HP_OK no site and no hook leads into it, and no thread was
 * inside any of its code, or kept an address in it in a register or on its
 * stack, when all of them were stopped for a moment.  What the object itself
 * has given away, such as a callback, is up to the program.
 *
 * Tries for `timeout_ms` milliseconds; 0: once.  Errors, after which the object
 * stays loaded: HP_INVALID, HP_NO_MEMORY, HP_NEEDED with the name of a function
 * or patch that still leads there, HP_BUSY with that of a thread, HP_DENIED or
 * HP_UNSUPPORTED where threads cannot be stopped. */
HP_API hp_status hp_release(const void* code, unsigned timeout_ms);

/* The original body of `name`, callable whether or not the function is
 * replaced; null on error.  Looking it up takes a lock and a search: keep the
 * result instead of asking in every call. */
HP_API hp_function hp_original(const char* name);

/* The same, null with HP_PROTOTYPE if `type`, the mangled type that the caller
 * will use it as, is not the site's.  `flags` is 0, HP_ANY_PROTOTYPE, or with
 * HP_ALLOW_UNPREPARED added, as in hp_apply(); that flag is not needed for a
 * function that is, or was, replaced. */
HP_API hp_function hp_original_as(const char* name, const char* type,
                                  unsigned flags);

/* --- Several changes at once ------------------------------------------------
 *
 * A transaction collects changes; hp_commit() makes all of them or none.
 * Everything that can fail is checked and prepared before the first byte
 * changes; if the system fails us after that, all is put back.
 *
 *   hp_transaction* fix = hp_begin();
 *   hp_add_apply(fix, "encode", new_encode);
 *   hp_add_apply(fix, "decode", new_decode);
 *   hp_commit_options options = {sizeof options, HP_QUIESCENT, 0, 1000};
 *   if (hp_commit(fix, &options) != HP_OK) {
 *     puts(hp_error_message());
 *     hp_abort(fix);
 *   }
 *
 * Steps are made in their order, each upon what those before it have left.  A
 * transaction belongs to one thread at a time. */
typedef struct hp_transaction hp_transaction;

/* Null: no memory. */
HP_API hp_transaction* hp_begin(void);

/* The steps: as hp_apply, hp_apply_flags, hp_revert, hp_remove and
 * hp_revert_all, with the transaction before the other arguments.  Names are
 * looked up when it is committed.  A step that could not be added makes
 * hp_commit() fail too.  Errors: HP_INVALID, HP_NO_MEMORY.
 *
 *   hp_status hp_add_apply(hp_transaction* transaction, const char* name,
 *                          FUNCTION* replacement);
 *   hp_status hp_add_apply_flags(hp_transaction* transaction,
 *                                const char* name, FUNCTION* replacement,
 *                                unsigned flags);
 *   hp_status hp_add_remove(hp_transaction* transaction, const char* name,
 *                           FUNCTION* replacement); */
HP_API hp_status hp_add_apply_as(hp_transaction* transaction, const char* name,
                                 hp_function replacement, const char* type,
                                 unsigned flags);
HP_API hp_status hp_add_revert(hp_transaction* transaction, const char* name);
HP_API hp_status hp_add_remove_as(hp_transaction* transaction, const char* name,
                                  hp_function replacement);
HP_API hp_status hp_add_revert_all(hp_transaction* transaction);

/* How much is promised.  In every level each call enters the old or the new
 * function, and a call that begins after the return of hp_commit() the new one.
 */
typedef enum hp_level {
  /* Each function by itself; no thread waits.  What hp_apply does. */
  HP_IMMEDIATE = 0,
  /* One moment for all functions and threads: a call that begins after any
   * thread has entered a new function enters new functions.  Threads are not
   * stopped, and finish what they are in; calls of the functions take a
   * few instructions longer until the change is complete. */
  HP_STRICT = 1,
  /* All threads are stopped for a moment in which none is inside a function
   * that changes: in its original body, in one of its replacements, or on the
   * way back there.  Where the new function is active before and after, it does
   * not count. */
  HP_QUIESCENT = 2,
  /* All registered threads stand at a safe point, see below. */
  HP_SAFEPOINT = 3
} hp_level;

/* A later version of the library may add members at the end: `size` says which
 * ones your program knows. */
typedef struct hp_commit_options {
  size_t size; /* sizeof(hp_commit_options); any other size is HP_INVALID */
  hp_level level;
  unsigned flags;      /* 0 or HP_ALLOW_COPIES, for all that is replaced */
  unsigned timeout_ms; /* quiescent, safe point: how long to try; 0: once */
} hp_commit_options;

/* Makes all changes, or none.  `options` may be null: immediate.  After HP_OK
 * the transaction is gone; after a failure it can be committed again, or given
 * up with hp_abort().
 *
 * Errors: those of the steps, HP_INVALID, HP_DENIED (strict: also where
 * membarrier(2) is refused and a thread cannot be reached by a signal),
 * HP_BUSY: a thread, named in the message, did not leave a function in time; at
 * once if it is the calling thread.  HP_INTERNAL if the system failed in the
 * middle and the rollback failed too, or if another tool wrote to a function at
 * that moment: the message says what is left. */
HP_API hp_status hp_commit(hp_transaction* transaction,
                           const hp_commit_options* options);

/* Gives a transaction up; null is nothing to do. */
HP_API void hp_abort(hp_transaction* transaction);

/* --- Named patches ----------------------------------------------------------
 *
 * A patch is a group of replacements with a name and a version.  It comes and
 * goes as a whole, in any order with other patches; where several replace one
 * function, the newest is active.
 *
 *   hp_patch_info info = {0};
 *   info.name = "CVE-2026-1234";
 *   info.version = 1;
 *   hp_transaction* fix = hp_begin();
 *   hp_add_patch(fix, &info);
 *   hp_add_apply(fix, "encode", new_encode);
 *   hp_add_apply(fix, "decode", new_decode);
 *   if (hp_commit(fix, NULL) != HP_OK) ...
 *   ...
 *   hp_remove_patch("CVE-2026-1234"); */
typedef struct hp_patch_info hp_patch_info;

/* A hook is called by hp_commit(), in the same thread, with no lock of the
 * library held: it may call the library, but a transaction with named patches
 * is HP_BUSY in a hook, and so is hp_revert_all().  Such a transaction of
 * another thread waits for the end of this one: hp_commit() at most timeout_ms
 * of its options, at any level, if that is not 0, and is HP_BUSY then.  So a
 * hook that waits for another thread can wait for ever.  It has to return, by
 * no exception.  A "before" returns null, or the reason why the transaction
 * must not happen, which becomes part of hp_error_message(). */
typedef const char* (*hp_before_hook)(const hp_patch_info* patch);
typedef void (*hp_after_hook)(const hp_patch_info* patch);

/* The library copies the texts, and keeps the code of the hooks loaded. */
struct hp_patch_info {
  const char* name;        /* no blanks, none of <>=,;!" ; up to 255 bytes */
  unsigned version;        /* takes the place of an older one */
  unsigned flags;          /* 0 */
  const char* description; /* may be null */
  /* "NAME" or "NAME>=VERSION" of other patches, then null; may be null */
  const char* const* depends;
  /* What each prepares, its counterpart ends: after a before_apply comes the
   * after_apply, or, if the transaction fails, the after_revert; after a
   * before_revert comes the after_revert, or, if the transaction fails, the
   * after_apply.  All may be null. */
  hp_before_hook before_apply;
  hp_after_hook after_apply;
  hp_before_hook before_revert;
  hp_after_hook after_revert;
  void* data;              /* the hooks' own */
  const void* reserved[4]; /* null */
};

/* The hp_add_apply steps that follow, up to the next hp_add_patch, are this
 * patch's replacements.  An older version of it that is applied goes in the
 * same transaction, with all its replacements.
 *
 * Errors: HP_INVALID, HP_NO_MEMORY; when it is committed also HP_APPLIED,
 * HP_OLDER, HP_MISSING with the name of the patch that it depends on and that
 * is not applied, or only in an older version, HP_VETOED. */
HP_API hp_status hp_add_patch(hp_transaction* transaction,
                              const hp_patch_info* patch);

/* Takes a patch away with all its replacements, wherever in their stacks they
 * are.  Their parts cannot be taken away one by one: hp_revert and hp_remove
 * refuse that as HP_NEEDED.
 *
 * Errors: HP_INVALID, HP_NO_MEMORY, HP_NOT_APPLIED, HP_VETOED; HP_NEEDED with
 * the name of a patch that depends on it and stays. */
HP_API hp_status hp_add_remove_patch(hp_transaction* transaction,
                                     const char* name);
HP_API hp_status hp_remove_patch(const char* name);

/* An applied patch. */
typedef struct hp_patch {
  const char* name;
  const char* description;    /* "" if there is none */
  const char* const* depends; /* never null; ends with null */
  unsigned version;
  unsigned sites;  /* of loaded images that it replaces */
  unsigned active; /* of these, where no newer replacement hides its own */
  unsigned flags;  /* 0 */
  const void* reserved[4];
} hp_patch;

/* Fills `patch`; what it points at is valid while the patch is applied.
 * Errors: HP_INVALID, HP_NOT_APPLIED, HP_NO_MEMORY. */
HP_API hp_status hp_patch_find(const char* name, hp_patch* patch);

/* Calls `visit` for every applied patch, the oldest first, until it returns
 * something else than 0.  The visitor may call the library; what `patch` points
 * at is valid until it returns.  Errors: HP_INVALID, HP_NO_MEMORY. */
typedef int (*hp_patch_visitor)(const hp_patch* patch, void* data);
HP_API hp_status hp_patch_each(hp_patch_visitor visit, void* data);

/* One replacement in the stack of a site. */
typedef struct hp_replacement {
  const void* target; /* the function that is entered if it is active */
  const char* patch;  /* the name of its patch, "" if it belongs to none */
  unsigned version;   /* of that patch */
  unsigned active;    /* 1: it is the newest */
  const void* reserved[4];
} hp_replacement;

/* The same for the replacements of the function `name`, the newest first.
 * Errors: as hp_apply's for a name. */
typedef int (*hp_replacement_visitor)(const hp_replacement* replacement,
                                      void* data);
HP_API hp_status hp_replacement_each(const char* name,
                                     hp_replacement_visitor visit, void* data);

/* --- Patch objects ----------------------------------------------------------
 *
 * A patch object is a shared object whose source says what it replaces, with
 * HP_REPLACES and the other words above.  Loading it applies it as a named
 * patch, and is refused, with the reason, where it does not fit the program. */

/* Loads the patch object in the file `path` and applies it.  `options` null: at
 * the level that the patch asks for, else immediate, and where threads have to
 * be waited for, for a second.
 *
 * The file is read once; all that can be is checked before the object is
 * loaded, and the bytes that were checked are loaded, whatever is in the file
 * by then. Constructors run when what the patch uses of the program is there.
 * A newer version takes the place of an older one, whose code is freed at the
 * level quiescent, unless a thread is inside; it stays loaded otherwise, and
 * hp_unload() can free it later.
 *
 * Errors: HP_INVALID, HP_UNREADABLE, HP_MALFORMED, HP_NO_MEMORY,
 * HP_OTHER_BUILD, HP_NOT_FOUND and HP_AMBIGUOUS of a function to be replaced or
 * something that the patch uses, HP_PROTOTYPE, HP_LAYOUT, HP_UNSUPPORTED of
 * something used that the compiler may have specialised, of an ifunc of the
 * program that neither the dynamic linker resolves for the patch nor the
 * program's global offset table holds, or of an ifunc in a patch that uses
 * anything of the program, HP_INLINED, HP_APPLIED, HP_OLDER,
 * HP_MISSING, and those of hp_commit().  After an error nothing of it is left,
 * unless it has constructors that were called and no destructor, or the dynamic
 * linker keeps it: then the message says that its code stays loaded. */
HP_API hp_status hp_load(const char* path, const hp_commit_options* options);

/* Takes the patch away, as hp_remove_patch() does, and frees its code when
 * no thread is inside any more, also that of older versions that it replaced;
 * `name` is its name, or the path of its file, and `options` null means
 * quiescent, for a second.
 * At another level, and after HP_BUSY, the code may stay loaded, as the message
 * then says; a second call tries again to free it.  It stays for ever if the
 * object has constructors and no destructor, or if the dynamic linker keeps it.
 * After HP_OK hp_error_message() is empty if the code was unloaded, and says
 * why not if it was not.
 *
 * Errors: HP_INVALID, HP_NOT_APPLIED, those of hp_remove_patch(), hp_commit()
 * and hp_release(). */
HP_API hp_status hp_unload(const char* name, const hp_commit_options* options);

/* Checks all that hp_load() checks before it loads the object, and calls
 * `visit`, which may be null, with each thing that does not fit.  The result is
 * the first of them. */
typedef void (*hp_finding_visitor)(hp_status status, const char* message,
                                   void* data);
HP_API hp_status hp_check(const char* path, hp_finding_visitor visit,
                          void* data);

/* --- Being patched from outside ---------------------------------------------
 *
 * hp-apply patches a process by tracing it, like a debugger.  Where that is not
 * wanted or not possible, a process can offer a control socket instead, through
 * which hp-apply, hp-revert and hp-status have it patch itself with hp_load()
 * and hp_unload().  It obeys root, and processes of the same user that might
 * trace it: user and group are equal, and it has no capabilities of its own. */

/* Begins a thread of the library that serves the socket `path`, or, if that is
 * null, PID.sock in the directory hotpatch in $XDG_RUNTIME_DIR, below /run, or
 * hotpatch-UID in /tmp, where the tools find it.  It blocks all signals of the
 * program and has 512 KiB of stack, on which constructors and hooks of patch
 * objects run.  A forked child has neither: it calls this itself, or is traced.
 *
 * HOTPATCH_CONTROL=1 in the environment does the same when the library is
 * loaded, except in programs with privileges (setuid).
 *
 * Errors: HP_INVALID, also if it is offered already; HP_BUSY: the path is in
 * use; HP_DENIED, HP_NO_MEMORY, HP_UNSUPPORTED. */
HP_API hp_status hp_control_open(const char* path);

/* Ends it, after what is being done through it.  Errors: HP_INVALID if there is
 * none; HP_BUSY in a hook that it runs. */
HP_API hp_status hp_control_close(void);

/* Where it is, "" if there is none.  Valid until it is closed. */
HP_API const char* hp_control_path(void);

/* --- Looking at sites ----------------------------------------------------- */

/* One patch site.  The strings and addresses are valid while the image is
 * loaded. */
typedef struct hp_site {
  const char* name;      /* assembler name */
  const char* file;      /* source file, "" if unknown */
  const char* prototype; /* "int (conn*, unsigned long)", "" if unknown */
  const char* image;     /* path of the executable or shared object */
  unsigned line;         /* source line, 0 if unknown */
  unsigned id;           /* the id in the patch word */
  unsigned flags;        /* site_flag bits, see format/record.h */
  unsigned replacements; /* how many are on the stack, 0: none */
  const void* symbol;    /* the address callers use */
  const void* word;      /* the patch word, 8 bytes */
  const void* end;       /* first byte after the body */
  const void* target;    /* the active replacement, null: the original */
  const void* reserved[4];
} hp_site;

/* How many sites the loaded images have. */
HP_API size_t hp_site_count(void);

/* Fills `site` for `name`.  Errors: as hp_apply's for a name. */
HP_API hp_status hp_site_find(const char* name, hp_site* site);

/* Calls `visit` for every site, image by image and by ascending address, until
 * it returns something else than 0.  The visitor may call the library.
 * Errors: HP_INVALID, HP_NO_MEMORY. */
typedef int (*hp_site_visitor)(const hp_site* site, void* data);
HP_API hp_status hp_site_each(hp_site_visitor visit, void* data);

/* --- Threads and their stacks ---------------------------------------------
 *
 * To be sure that no thread is inside a function, the library stops all other
 * threads with a signal for a moment and looks at their registers and stacks.
 * Where membarrier(2) is refused, or no memory may be writable and executable,
 * every change stops them, in any level.
 * System calls that this interrupts go on by themselves, except those which
 * never do: poll, select, epoll_wait, nanosleep, pause, sigsuspend,
 * sigtimedwait, msgrcv, msgsnd, semop, io_getevents, and calls on sockets with
 * SO_RCVTIMEO or SO_SNDTIMEO return EINTR (the complete list is in signal(7),
 * "Interruption of system calls and library functions by signal handlers"). */

/* Makes a stack known that a thread was not started on: a fiber's, or any that
 * the program switches to by itself.  While no thread runs on it, all of it
 * counts.  Withdraw it before its memory is freed.
 * Errors: HP_INVALID, HP_NO_MEMORY. */
HP_API hp_status hp_stack_announce(const void* base, size_t size);
HP_API hp_status hp_stack_withdraw(const void* base);

/* The signal to stop threads with.  Without this call, or with 0, it is the one
 * in the environment variable HOTPATCH_SIGNAL, or the highest real-time signal
 * that the program does not use: that has no handler, no timer, and no thread
 * that blocks it or waits for it.  A signal that you name must be unblocked in
 * every thread, and none may wait for it with sigwait() or a signalfd.
 * Errors: HP_INVALID. */
HP_API hp_status hp_set_stop_signal(int signal);

/* --- Safe points ------------------------------------------------------------
 *
 * Instead of being stopped anywhere, a program can name the places where its
 * threads may be replaced: the top of an event loop, the end of a request.  A
 * change at that level happens while every registered thread stands at one.
 * Threads that are not registered are neither waited for nor held. */

/* From now on the calling thread passes safe points; until it ends, or until
 * hp_thread_unregister().  A second call changes nothing.
 * Errors: HP_NO_MEMORY. */
HP_API hp_status hp_thread_register(void);
/* Errors: HP_INVALID if the calling thread is not registered. */
HP_API hp_status hp_thread_unregister(void);

/* Here the calling thread may be held.  One load while nothing is waiting for
 * it.  Not from a signal handler.
 *   void hp_safepoint(void); */
HP_API void hp_safepoint_wait(void);
HP_API extern unsigned hp_safepoint_requested;
#define hp_safepoint()                                                  \
  ((void)(__atomic_load_n(&hp_safepoint_requested, __ATOMIC_RELAXED) && \
          (hp_safepoint_wait(), 1)))

/* Around a call that may block for long: between the two, the calling thread
 * counts as standing at a safe point, so it must not call functions that may be
 * replaced.  hp_thread_online() waits while a change is being made.  Nothing
 * happens in a thread that is not registered. */
HP_API void hp_thread_offline(void);
HP_API void hp_thread_online(void);

/* --- The library itself --------------------------------------------------- */

/* "0.1.0": the version of the library in use. */
HP_API const char* hp_version(void);

/* How bytes get into program text here: "rwx-window", or, where the system
 * forbids that, "proc-mem", or "none".  For the last two hp_error_message()
 * says which rule stands against the ones before. */
HP_API const char* hp_writer(void);

/* How the cores are made to notice changed text: "membarrier", or, where the
 * system forbids that, "signals" to all threads, or "none", if a thread could
 * not be reached just now.  Tries it; hp_error_message() as for hp_writer(). */
HP_API const char* hp_barrier(void);

/* Messages about what the library does go to `handler`, in the thread that
 * called the library, which may call it again; null: nowhere.  Besides,
 * HOTPATCH_LOG=error|info|debug in the environment prints them, up to that
 * level, to the standard error. */
typedef enum hp_log_level {
  HP_LOG_ERROR = 1,
  HP_LOG_INFO = 2,
  HP_LOG_DEBUG = 3
} hp_log_level;
typedef void (*hp_log_handler)(hp_log_level level, const char* message,
                               void* data);
HP_API void hp_set_log(hp_log_handler handler, void* data);

#ifdef __cplusplus
} /* extern "C" */

/* --- The typed calls of C++ ----------------------------------------------- */

namespace hotpatch {
namespace detail {

/* The type that decides whether a replacement fits, from the type of the
 * pointer to it: without noexcept, which callers do not depend on, and with
 * `this` as the first parameter of a member function. */
template <typename Pointer>
struct prototype;

#define HP_FUNCTION_PROTOTYPES_(exception)       \
  template <typename R, typename... A>           \
  struct prototype<R (*)(A...) exception> {      \
    typedef R type(A...);                        \
  };                                             \
  template <typename R, typename... A>           \
  struct prototype<R (*)(A..., ...) exception> { \
    typedef R type(A..., ...);                   \
  };
#define HP_METHOD_PROTOTYPE_(cv, reference, exception)           \
  template <typename C, typename R, typename... A>               \
  struct prototype<R (C::*)(A...) cv reference exception> {      \
    typedef R type(cv C*, A...);                                 \
  };                                                             \
  template <typename C, typename R, typename... A>               \
  struct prototype<R (C::*)(A..., ...) cv reference exception> { \
    typedef R type(cv C*, A..., ...);                            \
  };
#define HP_METHOD_REFERENCES_(cv, exception) \
  HP_METHOD_PROTOTYPE_(cv, , exception)      \
  HP_METHOD_PROTOTYPE_(cv, &, exception)     \
  HP_METHOD_PROTOTYPE_(cv, &&, exception)
#define HP_PROTOTYPES_(exception)            \
  HP_FUNCTION_PROTOTYPES_(exception)         \
  HP_METHOD_REFERENCES_(, exception)         \
  HP_METHOD_REFERENCES_(const, exception)    \
  HP_METHOD_REFERENCES_(volatile, exception) \
  HP_METHOD_REFERENCES_(const volatile, exception)

HP_PROTOTYPES_()
#if defined(__cpp_noexcept_function_type)
HP_PROTOTYPES_(noexcept)
#endif

#undef HP_PROTOTYPES_
#undef HP_METHOD_REFERENCES_
#undef HP_METHOD_PROTOTYPE_
#undef HP_FUNCTION_PROTOTYPES_

/* The mangled prototype, null without run-time type information. */
template <typename Pointer>
inline const char* type_name()
{
#if defined(HP_HAVE_RTTI)
  return typeid(typename prototype<Pointer>::type).name();
#else
  return nullptr;
#endif
}

template <typename Function>
inline hp_function address_of(Function* function)
{
  return reinterpret_cast<hp_function>(function);
}

/* Itanium C++ ABI, section 2.3: the address, or an odd number for a virtual
 * function, then what to add to `this`.  Only a plain address can be jumped
 * to; everything else becomes null. */
template <typename Member, typename Class>
inline hp_function address_of(Member Class::*method)
{
  struct {
    uintptr_t address;
    ptrdiff_t adjustment;
  } parts;
  static_assert(sizeof parts == sizeof method, "not the Itanium C++ ABI");
  memcpy(&parts, &method, sizeof parts);
  if (parts.address % 2 != 0 || parts.adjustment != 0)
    return nullptr;
  return reinterpret_cast<hp_function>(parts.address);
}

/* What one may pass: a function, or a member function. */
template <typename Pointer>
struct require_function {
  static_assert(
      std::is_function<typename std::remove_pointer<Pointer>::type>::value ||
          std::is_member_function_pointer<Pointer>::value,
      "pass a function, a pointer to one, or a pointer to a member function");
  typedef Pointer type;
};

} /* namespace detail */
} /* namespace hotpatch */

template <typename Pointer>
inline hp_status hp_apply_flags(const char* name, Pointer replacement,
                                unsigned flags)
{
  typedef typename hotpatch::detail::require_function<Pointer>::type pointer;
  return hp_apply_as(name, hotpatch::detail::address_of(replacement),
                     hotpatch::detail::type_name<pointer>(), flags);
}

template <typename Pointer>
inline hp_status hp_apply(const char* name, Pointer replacement)
{
  return hp_apply_flags(name, replacement, 0u);
}

template <typename Pointer>
inline hp_status hp_add_apply_flags(hp_transaction* transaction,
                                    const char* name, Pointer replacement,
                                    unsigned flags)
{
  typedef typename hotpatch::detail::require_function<Pointer>::type pointer;
  return hp_add_apply_as(transaction, name,
                         hotpatch::detail::address_of(replacement),
                         hotpatch::detail::type_name<pointer>(), flags);
}

template <typename Pointer>
inline hp_status hp_add_apply(hp_transaction* transaction, const char* name,
                              Pointer replacement)
{
  return hp_add_apply_flags(transaction, name, replacement, 0u);
}

template <typename Pointer>
inline hp_status hp_add_remove(hp_transaction* transaction, const char* name,
                               Pointer replacement)
{
  typedef typename hotpatch::detail::require_function<Pointer>::type pointer;
  const pointer wanted = replacement;
  return hp_add_remove_as(transaction, name,
                          hotpatch::detail::address_of(wanted));
}

template <typename Pointer>
inline hp_status hp_remove(const char* name, Pointer replacement)
{
  typedef typename hotpatch::detail::require_function<Pointer>::type pointer;
  const pointer wanted = replacement;
  return hp_remove_as(name, hotpatch::detail::address_of(wanted));
}
#endif

#if !defined(__cplusplus)
#define hp_apply(name, replacement) \
  hp_apply_as((name), (hp_function)(replacement), NULL, 0u)
#define hp_apply_flags(name, replacement, flags) \
  hp_apply_as((name), (hp_function)(replacement), NULL, (flags))
#define hp_remove(name, replacement) \
  hp_remove_as((name), (hp_function)(replacement))
#define hp_add_apply(transaction, name, replacement) \
  hp_add_apply_as((transaction), (name), (hp_function)(replacement), NULL, 0u)
#define hp_add_apply_flags(transaction, name, replacement, flags)          \
  hp_add_apply_as((transaction), (name), (hp_function)(replacement), NULL, \
                  (flags))
#define hp_add_remove(transaction, name, replacement) \
  hp_add_remove_as((transaction), (name), (hp_function)(replacement))
#endif

#endif
