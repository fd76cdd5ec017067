/* All that a guest may say to the host's end of the channel. */
#include "fuzz.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm/guest_session.h"

static void on_hello(void *argument)
{
    (void)argument;
}

static void on_output(void *argument, uint32_t stream, struct span bytes)
{
    (void)argument, (void)stream, (void)bytes;
}

static void on_output_closed(void *argument, uint32_t stream)
{
    (void)argument, (void)stream;
}

static void on_exited(void *argument, const struct session_exit *exit)
{
    (void)argument, (void)exit;
}

static void on_ended(void *argument, const struct error *err)
{
    (void)argument, (void)err;
}

static const struct session_handler functions = {on_hello,         on_output, on_output_closed,
                                                 on_output_closed, on_exited, on_ended};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t policy[100000];
    int pair[2];
    struct event_base *base = event_base_new();
    if (!base || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return 0;
    struct guest_session *session = session_open(base, pair[0], "simulated", &functions, NULL,
                                                 NULL);
    (void)session_set_policy(session, span_of(policy, sizeof policy), NULL, NULL, NULL);
    (void)session_open_streams(session, true, true, NULL);
    (void)session_request(session, "attest", json_object(), NULL, NULL, NULL);
    (void)send(pair[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(pair[1], SHUT_WR);
    for (int i = 0; i < 8; i++)
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    session_close(session);
    event_base_free(base);
    (void)close(pair[1]);
    return 0;
}
