#include "enclave/libos/agent/agent_process.h"

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "crypto/digest.h"
#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/files/attestation.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/line.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/processes/settle.h"
#include "enclave/libos/sockets/socket_unix.h"
#include "enclave/libos/threads/wait.h"
#include "enclave/libos/wipe.h"

#define NOBODY     65534
#define FILES_MAX  128
#define STACK_SIZE (UINT64_C(8) << 20)
#define MEMORY_MAX (UINT64_C(256) << 20) /* bytes; the container's own bound is another's */
#define ANSWER_MAX (1 + EXCHANGE_QUOTE_MAX)

static const char words[] = AGENT_PROGRAM "\0" EXCHANGE_PART; /* the path, and one argument */

/* --- the process ------------------------------------------------------------------------------ */

static struct identity_ids all_of(uint32_t id)
{
    return (struct identity_ids){id, id, id, id};
}

static int make_process(struct agent *agent, const struct vfs *root,
                        void (*has_ended)(struct process *process))
{
    int status = process_new_outsider(root, has_ended, &agent->process);
    if (status < 0)
        return status;
    struct process *process = agent->process;
    process->is_apart = true;
    process->post = line_post;
    process->identity = (struct identity){.ids = {all_of(NOBODY), all_of(NOBODY)}};
    process_identify(process);
    limits_init(&process->limits, FILES_MAX, STACK_SIZE);
    process->vfs.files.limit = limits_files(&process->limits);
    return 0;
}

int agent_give(struct agent *agent, struct file *file)
{
    int number = file_table_add(&agent->process->vfs.files, file, 0, false);
    if (number < 0)
        file_put(file);
    return number < 0 ? number : 0;
}

int agent_make(struct agent *agent, const struct vfs *root,
               void (*has_ended)(struct process *process))
{
    struct file *ends[2];
    *agent = (struct agent){.link = NULL};
    int status = make_process(agent, root, has_ended);
    if (status == 0)
        status = socket_unix_pair(SOCKET_PACKET, 0, ends);
    if (status < 0)
        return status;
    agent->link = ends[0];
    unix_of(agent->link)->has_secrets = true;
    return agent_give(agent, ends[1]);
}

int agent_tell(struct agent *agent, struct span config)
{
    struct socket_message message = {.bytes = (uint8_t *)(uintptr_t)config.data,
                                     .size = config.size};
    int64_t sent = unix_send(agent->link, &message);
    return sent < 0 ? (int)sent : 0;
}

static int settle(struct agent *agent)
{
    struct order order = settle_order(agent->process, ORDER_PROGRAM);
    order.memory = MEMORY_MAX;
    order.path_size = sizeof AGENT_PROGRAM;
    order.size = sizeof AGENT_PROGRAM + sizeof words;
    order.at = AT_FDCWD;
    order.arguments = 1;
    memcpy(order.name, EXCHANGE_PART, sizeof order.name - 1);
    int status = settle_and_run(agent->process, &order, AGENT_PROGRAM, words);
    libos_wipe(&order, sizeof order);
    return status;
}

int agent_begin(struct agent *agent)
{
    agent->answer = libos_alloc(ANSWER_MAX);
    int status = agent->answer ? settle(agent) : -ENOMEM;
    if (status == 0)
        return 0;
    log_number("the attestation agent cannot be started, errno ", (uint64_t)-status);
    process_cancel(agent->process);
    agent->process = NULL;
    return status;
}

void agent_end(struct agent *agent)
{
    const struct signal_info kill = {.number = SIGKILL, .code = SI_KERNEL};
    if (agent->process)
        (void)process_signal(agent->process, &kill);
    if (agent->link)
        file_put(agent->link);
    agent->link = NULL;
    libos_free(agent->answer);
    agent->answer = NULL;
}

/* --- reports ---------------------------------------------------------------------------------- */

/* What the file of quotes reads by is the process for which the thread runs. The lock is kept. */
static int64_t read_quote(struct agent *agent, struct file *quote, uint64_t offset, size_t size)
{
    struct thread *self = thread_self();
    self->process = agent->process;
    int64_t got = quote->kind->read(quote, offset, agent->answer + 1 + offset, size);
    self->process = NULL;
    return got;
}

/* All of it, waiting for whoever makes it: its size, or a negative errno. */
static int64_t take_quote(struct agent *agent, struct file *quote)
{
    size_t done = 0;
    while (done < EXCHANGE_QUOTE_MAX && agent->process) {
        int64_t got = read_quote(agent, quote, done, EXCHANGE_QUOTE_MAX - done);
        if (got == -EAGAIN) {
            const struct door_ready item = {.handle = quote->kind->handle(quote), .events = POLLIN};
            (void)wait_on(NULL, DOOR_FOREVER, &item, 1);
        } else if (got <= 0) {
            return got < 0 ? got : (int64_t)done;
        } else {
            done += (size_t)got;
        }
    }
    return -EIO;
}

/* REPORT_DATA is a hash and 32 zeros: it never is what the gate's evidence has
 * (evidence/runtime_data.h), whatever was hashed. */
static int64_t make_quote(struct agent *agent, struct span data)
{
    struct file *quote;
    struct attested *attested = agent->process->attested;
    if (!attested)
        attested = alloc_zeroed(1, sizeof *attested);
    if (!attested)
        return -ENOMEM;
    agent->process->attested = attested;
    sha256_digest(data, attested->report_data);
    int64_t status = file_new(&file_plain, O_RDONLY, NULL, &quote);
    if (status < 0)
        return status;
    status = attestation_open_quote(quote);
    if (status == 0)
        status = take_quote(agent, quote);
    file_put(quote);
    return status;
}

static void answer(struct agent *agent, struct span question)
{
    static const char no_hash[] = "an enclave hashes by SHA-256";
    static const char no_quote[] = "the host gives no quote";
    struct socket_message message = {.bytes = agent->answer, .size = 1};
    const char *why = no_hash;
    int64_t size = -EINVAL;
    if (question.data[0] == EXCHANGE_SHA256) {
        size = make_quote(agent, span_of(question.data + 1, question.size - 1));
        why = no_quote;
    }
    agent->answer[0] = size > 0 ? EXCHANGE_REPORTED : EXCHANGE_NO_REPORT;
    if (size <= 0) {
        size = (int64_t)strlen(why);
        memcpy(agent->answer + 1, why, (size_t)size);
    }
    message.size += (size_t)size;
    (void)unix_send(agent->link, &message);
}

/* --- its starter ------------------------------------------------------------------------------ */

int64_t agent_hear(struct agent *agent, uint8_t *message, size_t size)
{
    for (;;) {
        struct socket_message room = {.bytes = message, .size = size};
        int64_t got = unix_receive(agent->link, &room);
        bool is_cut = room.flags & SOCKET_CUT;
        if (got == -EAGAIN) {
            (void)wait_on(&wait_files, DOOR_FOREVER, NULL, 0);
            continue;
        }
        if (got <= 0 || (!is_cut && message[0] != EXCHANGE_REPORT))
            return got;
        if (is_cut || got < 2 || got > (int64_t)(2 + EXCHANGE_RUNTIME_MAX) || !agent->process)
            return -EPROTO;
        answer(agent, span_of(message + 1, (size_t)got - 1));
    }
}
