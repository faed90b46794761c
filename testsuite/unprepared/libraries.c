/* Every function of a library that can be replaced without a site is replaced,
 * and reverted: unprepared_libraries LIST, where LIST has lines "FORM
 * IMAGE!NAME". Each is replaced by its own original, so that the program goes
 * on: from then on it runs through the moved instructions.  Prints how many;
 * fails if a byte of code is not as it was.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <hotpatch.h>

#include <link.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { most = 20000, batch = 64 };
static char* names[most];
static int is_several[most];
static hp_function originals[most];
static int count;

/* --- The code of all images ----------------------------------------------- */

enum { most_segments = 64 };
static struct {
  const unsigned char* begin;
  unsigned char* copy;
  size_t size;
} segments[most_segments];
static int segment_count;

static int keep_code(struct dl_phdr_info* image, size_t size, void* data)
{
  (void)size;
  (void)data;
  if (strstr(image->dlpi_name, "libhotpatch") != NULL)
    return 0;
  for (int i = 0; i < image->dlpi_phnum; ++i) {
    const ElfW(Phdr)* header = &image->dlpi_phdr[i];
    if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0 ||
        segment_count == most_segments || image->dlpi_name[0] == '\0' ||
        strstr(image->dlpi_name, "vdso") != NULL)
      continue;
    segments[segment_count].begin =
        (const unsigned char*)(image->dlpi_addr + header->p_vaddr);
    segments[segment_count].size = header->p_memsz;
    segments[segment_count].copy = malloc(header->p_memsz);
    memcpy(segments[segment_count].copy, segments[segment_count].begin,
           header->p_memsz);
    ++segment_count;
  }
  return 0;
}

static size_t count_differences(void)
{
  size_t different = 0;
  for (int i = 0; i < segment_count; ++i)
    for (size_t at = 0; at < segments[i].size; ++at)
      different += segments[i].begin[at] != segments[i].copy[at];
  return different;
}

/* --- Sample calls --------------------------------------------------------- */

static int samples(void)
{
  char text[64];
  struct timespec now;
  char* end;
  int good = 1;
  good &= snprintf(text, sizeof text, "%d %s %.3f", 42, "x", 2.5) == 10;
  good &= strcmp(text, "42 x 2.500") == 0;
  good &= strtol("123abc", &end, 10) == 123 && strcmp(end, "abc") == 0;
  good &= strtod("2.25", NULL) == 2.25;
  good &= atoi("77") == 77;
  good &= clock_gettime(CLOCK_MONOTONIC, &now) == 0;
  good &= getppid() > 0 && getpid() > 0;
  void* memory = malloc(1000);
  memory = realloc(memory, 100000);
  good &= memory != NULL;
  memset(memory, 7, 100000);
  good &= ((unsigned char*)memory)[99999] == 7;
  free(memory);
  volatile double one = 1.0;
  good &= fabs(sin(one) - 0.8414709848) < 1e-9;
  good &= fabs(pow(one + 1, 10) - 1024) < 1e-9;
  good &= fabs(exp(one) - 2.718281828) < 1e-8;
  good &= qsort != NULL && getenv("PATH") != NULL;
  FILE* file = tmpfile();
  if (file != NULL) {
    good &= fputs("line\n", file) >= 0;
    rewind(file);
    good &= fgets(text, sizeof text, file) != NULL;
    good &= strcmp(text, "line\n") == 0;
    good &= fclose(file) == 0;
  }
  return good;
}

/* --- All functions ---------------------------------------------------------
 */

static hp_status commit(hp_transaction* steps)
{
  const hp_commit_options options = {sizeof options, HP_QUIESCENT, 0, 2000};
  const hp_status status = hp_commit(steps, &options);
  if (status != HP_OK)
    hp_abort(steps);
  return status;
}

static hp_status apply(int from, int to, int several)
{
  hp_transaction* steps = hp_begin();
  int any = 0;
  for (int i = from; i < to; ++i)
    if (originals[i] != NULL && is_several[i] == several) {
      hp_add_apply_as(steps, names[i], originals[i], NULL,
                      HP_ALLOW_UNPREPARED | HP_ANY_PROTOTYPE);
      any = 1;
    }
  if (!any) {
    hp_abort(steps);
    return HP_OK;
  }
  if (several)
    return commit(steps);
  const hp_status status = hp_commit(steps, NULL);
  if (status != HP_OK)
    hp_abort(steps);
  return status;
}

static int applied;
static int others;

static void apply_batch(int from, int to, int several)
{
  if (from >= to)
    return;
  const hp_status status = apply(from, to, several);
  if (status == HP_OK) {
    for (int i = from; i < to; ++i)
      applied += originals[i] != NULL && is_several[i] == several;
    return;
  }
  if (to - from > 1) {
    const int middle = from + (to - from) / 2;
    apply_batch(from, middle, several);
    apply_batch(middle, to, several);
    return;
  }
  /* The pads near it are taken, and several instructions need that all stand.
   */
  if (!several && status == HP_UNSUPPORTED) {
    is_several[from] = 1;
    return;
  }
  ++others;
  printf("# %s: %s: %s\n", names[from], hp_status_name(status),
         hp_error_message());
}

static volatile int stop;

static void* caller(void* data)
{
  long* bad = data;
  while (!stop)
    *bad += !samples();
  return NULL;
}

int main(int argc, char** argv)
{
  static char line[10000];
  FILE* list = argc > 1 ? fopen(argv[1], "r") : NULL;
  while (list != NULL && count < most && fgets(line, sizeof line, list)) {
    line[strcspn(line, "\n")] = '\0';
    char* name = strchr(line, ' ');
    is_several[count] = strncmp(line, "several", 7) == 0;
    names[count++] = strdup(name + 1);
  }
  if (count == 0)
    return 2;
  fclose(list);
  if (!samples())
    printf("not ok 1 - the sample calls work\n");
  dl_iterate_phdr(keep_code, NULL);

  int refused = 0;
  for (int i = 0; i < count; ++i) {
    originals[i] =
        hp_original_as(names[i], NULL, HP_ALLOW_UNPREPARED | HP_ANY_PROTOTYPE);
    if (originals[i] == NULL) {
      ++refused;
      if (refused <= 20)
        printf("# %s: %s\n", names[i], hp_error_message());
    }
  }
  printf("# %d functions, %d cannot be named or have no room\n", count,
         refused);
  pthread_t thread;
  long bad = 0;
  pthread_create(&thread, NULL, caller, &bad);
  int bad_samples = 0;
  for (int several = 0; several < 2; ++several)
    for (int i = 0; i < count; i += batch) {
      apply_batch(i, i + batch < count ? i + batch : count, several);
      bad_samples += !samples();
    }
  const size_t while_applied = count_differences();
  printf("# %d replaced, %d not; %zu bytes differ\n", applied, others,
         while_applied);
  hp_transaction* steps = hp_begin();
  hp_add_revert_all(steps);
  hp_status reverted = commit(steps);
  for (int i = 0; i < 100 && reverted == HP_BUSY; ++i) {
    steps = hp_begin();
    hp_add_revert_all(steps);
    reverted = commit(steps);
  }
  printf("# reverted: %s %s\n", hp_status_name(reverted),
         reverted != HP_OK ? hp_error_message() : "");
  bad_samples += !samples();
  stop = 1;
  pthread_join(thread, NULL);
  const size_t left = count_differences();
  printf("%sok 1 - at least 98 of 100 can be prepared\n",
         refused * 50 <= count ? "" : "not ");
  printf("%sok 2 - at least 99 of 100 of these can be replaced\n",
         others * 100 <= count && applied > 0 ? "" : "not ");
  printf("%sok 3 - sample calls work while everything is replaced\n",
         bad_samples == 0 && bad == 0 ? "" : "not ");
  printf("%sok 4 - all bytes are as they were (%zu differ)\n",
         left == 0 && while_applied > 0 ? "" : "not ", left);
  printf("1..4\n");
  return 0;
}
