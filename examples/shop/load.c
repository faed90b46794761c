/* The customers: clients that ask for prices as fast as they can, and check
 * every answer.
 *
 *   ./load PORT CLIENTS
 *
 * Commands on standard input say which answers are right for the requests that
 * begin from then on: "19", "7", or "any" of the two.  "ok" on standard output
 * says when that holds.  "quit" ends it, with 1 if there was any error.
 *
 * Twice a second it reports on standard error how many requests were answered,
 * with which tax, and how many answers were wrong.
 *
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { tax_19 = 1, tax_7 = 2 };

static atomic_uint right = tax_19;
static atomic_int finished;
static atomic_ulong answers_19, answers_7, errors;
static int port;

static int connect_to_shop(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)port);
  int shop = socket(AF_INET, SOCK_STREAM, 0);
  int yes = 1;
  if (shop < 0 ||
      connect(shop, (struct sockaddr*)&address, sizeof address) != 0)
    return -1;
  setsockopt(shop, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return shop;
}

/* Asks for the price of an item; -1 without an answer. */
static long ask(int shop, long item)
{
  char text[32];
  int length = snprintf(text, sizeof text, "%ld\n", item);
  if (write(shop, text, (size_t)length) != length)
    return -1;
  ssize_t got = read(shop, text, sizeof text - 1);
  if (got <= 0)
    return -1;
  text[got] = '\0';
  return strtol(text, NULL, 10);
}

static void* customer(void* unused)
{
  int shop = connect_to_shop();
  for (long item = 0; !finished; ++item) {
    /* An answer is right if it was so when the request began, or became so
     * while the shop worked on it. */
    unsigned allowed = right;
    long price = ask(shop, item);
    allowed |= right;

    long net = 100 + item % 900;
    unsigned tax = price == net + net * 19 / 100  ? tax_19
                   : price == net + net * 7 / 100 ? tax_7
                                                  : 0;
    if (tax == tax_19)
      ++answers_19;
    if (tax == tax_7)
      ++answers_7;
    if ((tax & allowed) == 0)
      ++errors;
    if (price < 0)
      break;
  }
  close(shop);
  return unused;
}

static double now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void* report(void* unused)
{
  double start = now();
  double last = start;
  unsigned long before_19 = 0;
  unsigned long before_7 = 0;
  while (!finished) {
    usleep(500 * 1000);
    double time = now();
    unsigned long at_19 = answers_19;
    unsigned long at_7 = answers_7;
    unsigned long all = at_19 + at_7 - before_19 - before_7;
    fprintf(stderr, "%6.1f s %12.0f %10lu %10lu %8lu\n", time - start,
            (double)all / (time - last), at_19 - before_19, at_7 - before_7,
            errors);
    last = time;
    before_19 = at_19;
    before_7 = at_7;
  }
  return unused;
}

static void obey_commands(void)
{
  char line[32];
  while (fgets(line, sizeof line, stdin) != NULL &&
         strcmp(line, "quit\n") != 0) {
    if (strcmp(line, "19\n") == 0)
      right = tax_19;
    else if (strcmp(line, "7\n") == 0)
      right = tax_7;
    else if (strcmp(line, "any\n") == 0)
      right = tax_19 | tax_7;
    puts("ok");
    fflush(stdout);
  }
}

int main(int argc, char** argv)
{
  int clients = argc == 3 ? atoi(argv[2]) : 0;
  if (clients < 1) {
    fprintf(stderr, "usage: load PORT CLIENTS\n");
    return 64;
  }
  port = atoi(argv[1]);

  fprintf(stderr, "%8s %12s %10s %10s %8s\n", "time", "requests/s", "at 19 %",
          "at 7 %", "errors");
  pthread_t* threads = calloc((size_t)clients + 1, sizeof *threads);
  if (threads == NULL)
    return 1;
  for (int i = 0; i < clients; ++i)
    if (pthread_create(&threads[i], NULL, customer, NULL) != 0)
      return 1;
  if (pthread_create(&threads[clients], NULL, report, NULL) != 0)
    return 1;

  obey_commands();
  finished = 1;
  for (int i = 0; i <= clients; ++i)
    pthread_join(threads[i], NULL);
  free(threads);

  fprintf(stderr, "%lu requests at 19 %%, %lu at 7 %%, %lu errors\n",
          answers_19, answers_7, errors);
  return errors != 0 || answers_19 == 0 || answers_7 == 0;
}
