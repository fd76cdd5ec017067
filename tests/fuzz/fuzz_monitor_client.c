/* All that a monitor may say to a command: its streams, its evidence, its events. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "evidence/bundle.h"
#include "vm/client.h"

#define WAIT_MS 60000 /* never reached: the peer has said all */

/* A connection on which this has come, and nothing more will. */
static struct client_connection *hear(const uint8_t *data, size_t size, int *peer)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return NULL;
    *peer = pair[1];
    (void)send(pair[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(pair[1], SHUT_WR);
    return client_open(pair[0], NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int peer = -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct client_streams streams = {.in = -1, .out = null, .error = null};
    struct client_exit end;
    struct client_connection *connection = hear(data, size, &peer);
    if (connection)
        (void)client_attach(connection, &streams, &end, NULL);
    client_close(connection);
    (void)close(peer);
    struct buf evidence = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    connection = hear(data, size, &peer);
    if (connection && client_wait_started(connection, NULL) == 0)
        (void)client_attest(connection, "00", WAIT_MS, &evidence, NULL);
    client_close(connection);
    buf_fini(&evidence);
    (void)close(peer);
    (void)close(null);
    return 0;
}
