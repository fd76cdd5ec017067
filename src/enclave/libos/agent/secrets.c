#include "enclave/libos/agent/secrets.h"

#include <linux/errno.h>

#include "enclave/libos/agent/agent_process.h"
#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/wipe.h"

#define REASON_MAX 900 /* characters: what guest/secrets.c takes of an agent's */

static struct {
    struct agent agent;
    enum secrets_state state;
    size_t wanted, count;
    struct span
        came[EXCHANGE_RESOURCES_MAX]; /* each its own memory, none where there are no bytes */
    char reason[REASON_MAX + 1];
} secrets;

static void has_ended(struct process *process)
{
    secrets.agent.process = NULL;
    process_forget(process);
}

static void fail(const void *reason, size_t size)
{
    size_t len = size < REASON_MAX ? size : REASON_MAX;
    memcpy(secrets.reason, reason, len);
    secrets.reason[len] = '\0';
    secrets.state = SECRETS_FAILED;
}

static void fail_by_text(const char *reason)
{
    fail(reason, strlen(reason));
}

/* --- what comes ------------------------------------------------------------------------------- */

static void keep(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = size > 0 ? libos_alloc(size) : NULL;
    if (size > 0 && !copy) {
        fail_by_text("the enclave has no memory for its secrets");
        return;
    }
    if (size > 0)
        memcpy(copy, bytes, size);
    secrets.came[secrets.count++] = span_of(copy, size);
    if (secrets.count == secrets.wanted)
        secrets.state = SECRETS_THERE;
}

/* Until all are there. Who speaks is another enclave of this image, whose agent has spoken with
 * strangers. */
static void take_all(uint8_t *message)
{
    while (secrets.state == SECRETS_COME) {
        int64_t size = agent_hear(&secrets.agent, message, AGENT_MESSAGE_MAX);
        if (size <= 0 || (message[0] != EXCHANGE_SECRET && message[0] != EXCHANGE_FAILURE))
            fail_by_text("the attestation agent has ended, or says what it should not");
        else if (message[0] == EXCHANGE_FAILURE)
            fail(message + 1, (size_t)size - 1);
        else
            keep(message + 1, (size_t)size - 1);
        libos_wipe(message, AGENT_MESSAGE_MAX);
    }
}

/* A service. The agent ends by itself when it has brought all. */
static void bring(void *argument)
{
    (void)argument;
    lock_take();
    uint8_t *message = libos_alloc(AGENT_MESSAGE_MAX);
    if (message && agent_begin(&secrets.agent) == 0)
        take_all(message);
    else
        fail_by_text("the attestation agent cannot be started: the log says why");
    libos_free(message);
    agent_end(&secrets.agent);
    lock_wake_gate_later();
    lock_release();
}

/* --- the gate's ------------------------------------------------------------------------------- */

int secrets_ask(const struct vfs *root, struct span config, size_t count)
{
    if (count == 0 || count > EXCHANGE_RESOURCES_MAX)
        return -EINVAL;
    int status = agent_make(&secrets.agent, root, has_ended);
    if (status == 0)
        status = agent_tell(&secrets.agent, config);
    if (status < 0)
        return status;
    file_changed = wait_files_changed; /* no program has begun, and its link is a file */
    secrets.wanted = count;
    secrets.state = SECRETS_COME;
    return thread_start_service(bring, NULL);
}

enum secrets_state secrets_state(void)
{
    return secrets.state;
}

const char *secrets_reason(void)
{
    return secrets.reason;
}

struct span secrets_get(size_t index)
{
    return index < secrets.count ? secrets.came[index] : span_of(NULL, 0);
}

void secrets_forget(void)
{
    for (size_t i = 0; i < secrets.count; i++) {
        uint8_t *bytes = (uint8_t *)(uintptr_t)secrets.came[i].data;
        if (bytes)
            libos_wipe(bytes, secrets.came[i].size);
        libos_free(bytes);
    }
    secrets.count = 0;
    secrets.state = SECRETS_NONE;
}
