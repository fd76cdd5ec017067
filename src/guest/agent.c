#include "guest/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "crypto/digest.h"
#include "guest/program.h"
#include "os/fd.h"

/* How the texts begin that `caisson attest` signs (evidence/runtime_data.h): nobody else's may. */
static const char reserved[] = "{\"caisson\":";

static int say(int fd, struct span message, struct error *err)
{
    if (send(fd, message.data, message.size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return error_system(err, errno, "cannot speak to the attestation agent");
    return 0;
}

int agent_start(const struct agent_order *order, pid_t *pid, struct error *err)
{
    int pair[2];
    BUF_AUTO config = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    if (agent_put_config(order, &config, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_system(err, errno, "cannot make a pair of sockets");
    FD_AUTO ours = pair[0];
    FD_AUTO theirs = pair[1];
    const struct program program = {.name = EXCHANGE_PART,
                                    .ends = {theirs, order->sockets[0], order->sockets[1]}};
    if (say(ours, buf_span(&config), err) < 0 ||
        (*pid = program_start(order->executable, &program, err)) < 0)
        return -1;
    return fd_take(&ours);
}

/* --- reports ---------------------------------------------------------------------------------- */

static int make_report(const struct agent_order *order, struct span question, struct buf *answer,
                       struct error *err)
{
    uint8_t report_data[REPORT_DATA_SIZE] = {0};
    BUF_AUTO certificates = BUF_WITH_LIMIT(32768);
    struct span data = span_of(question.data + 1, question.size - 1);
    if (data.size > EXCHANGE_RUNTIME_MAX ||
        (data.size >= sizeof reserved - 1 && memcmp(data.data, reserved, sizeof reserved - 1) == 0))
        return error_set(err, ERROR_REFUSED,
                         "runtime data may have %zu bytes, and not begin with %s",
                         EXCHANGE_RUNTIME_MAX, reserved);
    if (question.data[0] == EXCHANGE_SHA256)
        sha256_digest(data, report_data);
    else
        sha384_digest(data, report_data);
    if (order->report(order->machine, report_data, answer, &certificates, err) < 0)
        return -1;
    return buf_append(answer, buf_span(&certificates), err);
}

static int answer_report(const struct agent_order *order, int fd, struct span question,
                         struct error *err)
{
    struct error why;
    BUF_AUTO answer = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    if (question.size < 1 || buf_append_byte(&answer, EXCHANGE_REPORTED, err) < 0)
        return error_set(err, ERROR_PROTOCOL, "the attestation agent asks for nothing");
    if (make_report(order, question, &answer, &why) < 0) {
        buf_truncate(&answer, 0);
        if (buf_append_byte(&answer, EXCHANGE_NO_REPORT, err) < 0 ||
            buf_append_text(&answer, why.text, err) < 0)
            return -1;
    }
    return say(fd, buf_span(&answer), err);
}

int agent_take(const struct agent_order *order, int fd, bool wait, struct buf *out,
               struct error *err)
{
    buf_truncate(out, 0);
    if (buf_reserve(out, EXCHANGE_SECRET_MAX + 1, err) < 0)
        return -1;
    ssize_t size = recv(fd, out->data, EXCHANGE_SECRET_MAX + 1,
                        wait ? MSG_TRUNC : MSG_TRUNC | MSG_DONTWAIT);
    if (size < 0 && !wait && errno == EAGAIN)
        return 0;
    if (size <= 0 || (size_t)size > EXCHANGE_SECRET_MAX + 1)
        return error_set(err, ERROR_UNAVAILABLE,
                         "the attestation agent has ended, or says too much");
    out->size = (size_t)size;
    int kind = out->data[0];
    buf_consume(out, 1);
    return kind == EXCHANGE_REPORT && answer_report(order, fd, buf_span(out), err) < 0 ? -1 : kind;
}
