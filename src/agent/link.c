#include "agent/link.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/text.h"

#define CONFIG_HEAD 5 /* bytes before the texts */

static bool take_text(struct span *rest, const char **out)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\0', rest->size) : NULL;
    if (!end)
        return false;
    *out = (const char *)rest->data;
    *rest = span_of(end + 1, rest->size - (size_t)(end + 1 - rest->data));
    return true;
}

static bool take_resource(struct span *rest, const struct agent_config *config,
                          struct agent_resource *out)
{
    const char *text;
    if (!take_text(rest, &text) || *text < 'a' || (size_t)(*text - 'a') >= config->service_count)
        return false;
    out->service = (unsigned int)(*text - 'a');
    out->path = text + 1;
    return true;
}

static bool read_config(struct span message, struct agent_config *out)
{
    if (message.size < CONFIG_HEAD || message.data[0] != EXCHANGE_CONFIG || message.data[1] > 1 ||
        message.data[2] > EXCHANGE_SGX || message.data[3] > EXCHANGE_SERVICES_MAX ||
        message.data[4] > EXCHANGE_RESOURCES_MAX)
        return false;
    *out = (struct agent_config){.serves = message.data[1] == 1,
                                 .tee = message.data[2],
                                 .service_count = message.data[3],
                                 .resource_count = message.data[4]};
    struct span rest = span_of(message.data + CONFIG_HEAD, message.size - CONFIG_HEAD);
    for (size_t i = 0; i < out->service_count; i++) {
        struct agent_service *service = &out->services[i];
        service->tee = out->tee;
        if (!take_text(&rest, &service->url) || !take_text(&rest, &service->address) ||
            !take_text(&rest, &service->roots))
            return false;
    }
    for (size_t i = 0; i < out->resource_count; i++) {
        if (!take_resource(&rest, out, &out->resources[i]))
            return false;
    }
    out->policy = rest;
    return rest.size <= EXCHANGE_POLICY_MAX;
}

int agent_config_read(struct span message, struct agent_config *out, struct error *err)
{
    return read_config(message, out)
               ? 0
               : error_set(err, ERROR_INVALID, "the message says not what the agent is for");
}

int link_receive(int fd, enum exchange_kind wanted, struct buf *out, struct error *err)
{
    static uint8_t bytes[EXCHANGE_MESSAGE_MAX];
    ssize_t size;
    do {
        size = recv(fd, bytes, sizeof bytes, MSG_TRUNC);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return error_system(err, errno, "cannot hear from the starter");
    if (size == 0 || (size_t)size > sizeof bytes)
        return error_set(err, ERROR_UNAVAILABLE, "the starter has gone, or says too much");
    if (bytes[0] == EXCHANGE_NO_REPORT && wanted == EXCHANGE_REPORTED)
        return error_set(err, ERROR_REFUSED, "no report: %.*s", (int)(size > 600 ? 600 : size) - 1,
                         (const char *)bytes + 1);
    if (bytes[0] != (uint8_t)wanted)
        return error_set(err, ERROR_PROTOCOL, "a message of another kind than expected");
    buf_truncate(out, 0);
    return buf_append(out, span_of(bytes, (size_t)size), err);
}

int link_send(int fd, enum exchange_kind kind, struct span bytes, struct error *err)
{
    uint8_t first = (uint8_t)kind;
    struct iovec parts[] = {{&first, 1}, {(void *)(uintptr_t)bytes.data, bytes.size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return error_system(err, errno, "cannot speak to the starter");
    }
    return 0;
}

/* `message` is to be empty, and is the answer then. The starter answers in turn. */
static int ask(int fd, enum exchange_hash hash, struct span runtime_data, struct buf *message,
               struct error *err)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    if (runtime_data.size > EXCHANGE_RUNTIME_MAX)
        return error_set(err, ERROR_LIMIT, "runtime data of %zu bytes; %zu are taken",
                         runtime_data.size, EXCHANGE_RUNTIME_MAX);
    if (buf_append_byte(message, (uint8_t)hash, err) < 0 ||
        buf_append(message, runtime_data, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&mutex);
    int result = link_send(fd, EXCHANGE_REPORT, buf_span(message), err);
    if (result == 0)
        result = link_receive(fd, EXCHANGE_REPORTED, message, err);
    (void)pthread_mutex_unlock(&mutex);
    return result;
}

int link_report(int fd, enum exchange_hash hash, struct span runtime_data, struct buf *report,
                struct buf *certificates, struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    if (ask(fd, hash, runtime_data, &message, err) < 0)
        return -1;
    if (message.size < 1 + EXCHANGE_REPORT_SIZE)
        return error_set(err, ERROR_PROTOCOL, "a report of %zu bytes", message.size);
    buf_truncate(report, 0);
    buf_truncate(certificates, 0);
    if (buf_append(report, span_of(message.data + 1, EXCHANGE_REPORT_SIZE), err) < 0)
        return -1;
    return buf_append(
        certificates,
        span_of(message.data + 1 + EXCHANGE_REPORT_SIZE, message.size - 1 - EXCHANGE_REPORT_SIZE),
        err);
}

int link_quote(int fd, enum exchange_hash hash, struct span runtime_data, struct buf *quote,
               struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    if (ask(fd, hash, runtime_data, &message, err) < 0)
        return -1;
    if (message.size < 2 || message.size > 1 + EXCHANGE_QUOTE_MAX)
        return error_set(err, ERROR_PROTOCOL, "a quote of %zu bytes", message.size - 1);
    buf_truncate(quote, 0);
    return buf_append(quote, span_of(message.data + 1, message.size - 1), err);
}
