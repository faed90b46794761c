/* The shop: a server with a thread for each client.
 *
 *   ./server     prints its port, serves, and obeys the console (console.c)
 *
 * SPDX-License-Identifier: MIT
 */
#include "shop.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Serves one client until it hangs up. */
static void* serve(void* connection)
{
  int client = (int)(intptr_t)connection;
  char request[64];
  ssize_t got;
  while ((got = read(client, request, sizeof request - 1)) > 0) {
    request[got] = '\0';
    long price = with_tax(net_price(strtol(request, NULL, 10)));
    char reply[32];
    int length = snprintf(reply, sizeof reply, "%ld\n", price);
    if (write(client, reply, (size_t)length) != length)
      break;
  }
  close(client);
  return NULL;
}

static void* accept_clients(void* socket)
{
  int server = (int)(intptr_t)socket;
  for (;;) {
    int client = accept(server, NULL, NULL);
    if (client < 0)
      continue;
    int yes = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void*)(intptr_t)client) == 0)
      pthread_detach(thread);
    else
      close(client);
  }
  return NULL;
}

int main(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (server < 0 ||
      bind(server, (struct sockaddr*)&address, sizeof address) != 0 ||
      listen(server, 64) != 0 ||
      getsockname(server, (struct sockaddr*)&address, &length) != 0) {
    perror("server");
    return 1;
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  pthread_t acceptor;
  if (pthread_create(&acceptor, NULL, accept_clients,
                     (void*)(intptr_t)server) != 0)
    return 1;
  run_console();
  return 0;
}
