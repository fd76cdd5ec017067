#include "enclave/libos/agent/agent.h"

#include <linux/fcntl.h>

#include "enclave/libos/agent/agent_process.h"
#include "enclave/libos/bytes.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/sockets/socket_inside.h"
#include "enclave/libos/threads/lock.h"

static struct agent agent;
static bool is_begun;

static void has_ended(struct process *process)
{
    socket_inside_end();
    log_number(
        "the attestation agent has ended, nobody answers at its ports any more; wait status ",
        process->status);
    agent.process = NULL;
    process_forget(process);
}

/* --- its life --------------------------------------------------------------------------------- */

/* A service. It says nothing to its starter but that it wants reports. */
static void serve(void *argument)
{
    (void)argument;
    lock_take();
    uint8_t *message = libos_alloc(AGENT_MESSAGE_MAX);
    if (message && agent_begin(&agent) == 0)
        (void)agent_hear(&agent, message, AGENT_MESSAGE_MAX);
    socket_inside_end();
    agent_end(&agent);
    libos_free(message);
    lock_release();
}

static void asked(void)
{
    if (!is_begun)
        is_begun = thread_start_service(serve, NULL) == 0;
}

/* --- before the program runs ------------------------------------------------------------------ */

static int give_port(unsigned port)
{
    struct file *file;
    int status = socket_inside_listen(port, &file);
    if (status < 0)
        return status;
    file->flags |= O_NONBLOCK;
    return agent_give(&agent, file);
}

int agent_prepare(const struct vfs *root, struct span config)
{
    int status = agent_make(&agent, root, has_ended);
    if (status == 0)
        status = give_port(AGENT_SIDECAR_PORT);
    if (status == 0)
        status = give_port(AGENT_BROKER_PORT);
    if (status == 0)
        status = agent_tell(&agent, config);
    socket_inside_asked = asked;
    return status;
}

int agent_prepare_none(void)
{
    static const unsigned ports[] = {AGENT_SIDECAR_PORT, AGENT_BROKER_PORT};
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof ports / sizeof *ports; i++) {
        struct file *file;
        status = socket_inside_listen(ports[i], &file);
        if (status == 0)
            file_put(file);
    }
    socket_inside_end();
    return status;
}
