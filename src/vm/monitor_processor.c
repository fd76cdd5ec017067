/* The monitor's end of the port to the simulated secure processor (docs/protocol.md): requests come
 * from a guest that may be hostile, one at a time, each answered before the next is read. */
#include <errno.h>
#include <sys/socket.h>

#include "measure/simulated.h"
#include "os/fd.h"
#include "vm/monitor_state.h"

static void answer_psp(struct monitor *monitor)
{
    uint8_t answer[PSP_ANSWER_SIZE];
    BUF_AUTO whole = BUF_WITH_LIMIT(65536);
    struct error err = {0};
    if (psp_answer(monitor->psp, buf_span(&monitor->psp_request), answer, &err) < 0 ||
        buf_append(&whole, span_of(answer, sizeof answer), &err) < 0 ||
        (answer[0] == 0 && psp_append_table(monitor->psp, &whole, &err) < 0) ||
        fd_write_all(monitor->launch.psp_fd, buf_span(&whole), &err) < 0)
        monitor_end(monitor, &err);
    buf_consume(&monitor->psp_request, monitor->psp_request.size);
}

static void on_psp_readable(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    uint8_t bytes[PSP_REQUEST_SIZE];
    (void)what;
    ssize_t got = recv(fd, bytes, PSP_REQUEST_SIZE - monitor->psp_request.size, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            (void)event_del(monitor->psp_readable);
        return;
    }
    if (buf_append(&monitor->psp_request, span_of(bytes, (size_t)got), NULL) == 0 &&
        monitor->psp_request.size == PSP_REQUEST_SIZE)
        answer_psp(monitor);
}

int processor_start(struct monitor *monitor, struct error *err)
{
    struct psp_launch launch = {.policy = PSP_POLICY_DEFAULT};
    /* Of a machine that ended before its first word, nothing is left. */
    buf_truncate(&monitor->psp_request, 0);
    psp_cleanup(&monitor->psp);
    monitor->psp = psp_open(monitor->config->psp_folder, err);
    if (!monitor->psp || measure_simulated(&monitor->launch.digests, monitor->config->vcpus,
                                           launch.measurement, err) < 0)
        return -1;
    sha256_digest(monitor->config->policy, launch.host_data);
    /* A guest that does not read its answers must not stop this process. */
    if (fd_set_nonblocking(monitor->launch.psp_fd, err) < 0)
        return -1;
    if (psp_launch(monitor->psp, &launch, err) < 0)
        return -1;
    monitor->psp_readable = event_new(monitor->base, monitor->launch.psp_fd, EV_READ | EV_PERSIST,
                                      on_psp_readable, monitor);
    if (!monitor->psp_readable || event_add(monitor->psp_readable, NULL) < 0)
        return error_memory(err);
    return 0;
}
