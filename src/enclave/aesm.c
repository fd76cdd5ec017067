#include "enclave/aesm.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/text.h"
#include "enclave/aesm_message.h"
#include "evidence/dcap_quote.h"
#include "os/fd.h"

#define REQUEST_MAX 2048
#define TIMEOUT_US  30000000U /* that aesmd is given; it may have to ask a service */
#define TIMEOUT_S   45        /* that this side waits for each piece of an answer */
#define QUOTE_MIN   436       /* header, report and the size of what follows */

static int open_socket(const char *path, struct error *err)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!text_copy(address.sun_path, sizeof address.sun_path, path))
        return error_set(err, ERROR_INVALID, "%s: too long for a socket's name", path);
    FD_AUTO fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0)
        return error_system(err, errno, "a socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd_take(&fd);
    (void)error_system(err, errno,
                       "%s: no aesmd answers; is Intel's aesmd (sgx-aesm-service) installed and "
                       "running, and may this user open its socket?",
                       path);
    if (err)
        err->code = ERROR_UNAVAILABLE;
    return -1;
}

static int read_exactly(int fd, void *out, size_t size, struct error *err)
{
    size_t got = 0;
    if (fd_read_full(fd, out, size, &got, err) < 0)
        return -1;
    return got == size ? 0
                       : error_set(err, ERROR_PROTOCOL,
                                   "aesmd's answer ends after %zu of %zu bytes", got, size);
}

/* The size, then the message. MSG_NOSIGNAL: an aesmd that hangs up is an error, not a signal. */
static int send_request(int fd, const struct buf *request, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(REQUEST_MAX);
    if (buf_append_le32(&bytes, (uint32_t)request->size, err) < 0 ||
        buf_append(&bytes, buf_span(request), err) < 0)
        return -1;
    for (size_t sent = 0; sent < bytes.size;) {
        ssize_t done = send(fd, bytes.data + sent, bytes.size - sent, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR)
            return error_system(err, errno, "asking aesmd");
        sent += done > 0 ? (size_t)done : 0;
    }
    return 0;
}

/* One request and its answer, which `bytes` keeps. */
static int ask(const char *path, const struct buf *request, enum aesm_kind kind, struct buf *bytes,
               struct aesm_answer *answer, struct error *err)
{
    uint8_t head[4];
    uint32_t size;
    FD_AUTO fd = open_socket(path, err);
    if (fd < 0 || send_request(fd, request, err) < 0 ||
        read_exactly(fd, head, sizeof head, err) < 0)
        return -1;
    struct cursor cursor = cursor_of(span_of(head, sizeof head));
    (void)cursor_le32(&cursor, &size);
    if (size > AESM_MESSAGE_MAX)
        return error_set(err, ERROR_PROTOCOL,
                         "aesmd announces an answer of %u bytes; at most %d are taken", size,
                         AESM_MESSAGE_MAX);
    buf_init(bytes, AESM_MESSAGE_MAX);
    if (buf_append_zero(bytes, size, err) < 0 || read_exactly(fd, bytes->data, size, err) < 0)
        return -1;
    return aesm_read_answer(buf_span(bytes), kind, answer, err);
}

static int refuse(uint32_t status, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "aesmd refuses with status %u: %s", status,
                     aesm_status_text(status));
}

int aesm_target(const char *socket, struct sgx_targetinfo *target, struct error *err)
{
    BUF_AUTO request = BUF_WITH_LIMIT(REQUEST_MAX);
    BUF_AUTO bytes = BUF_WITH_LIMIT(AESM_MESSAGE_MAX);
    struct aesm_answer answer;
    if (aesm_write_init(TIMEOUT_US, &request, err) < 0 ||
        ask(socket, &request, AESM_INIT_QUOTE, &bytes, &answer, err) < 0)
        return -1;
    if (answer.status != 0)
        return refuse(answer.status, err);
    memcpy(target, answer.target.data, sizeof *target);
    return 0;
}

/* The size, and then the quote, padded. *status is aesmd's where it refuses. */
static int ask_quote(const char *socket, const struct sgx_report *report, struct buf *bytes,
                     struct aesm_answer *answer, struct error *err)
{
    BUF_AUTO size_request = BUF_WITH_LIMIT(REQUEST_MAX);
    BUF_AUTO quote_request = BUF_WITH_LIMIT(REQUEST_MAX);
    if (aesm_write_size(TIMEOUT_US, &size_request, err) < 0 ||
        ask(socket, &size_request, AESM_QUOTE_SIZE, bytes, answer, err) < 0)
        return -1;
    if (answer->status != 0)
        return 0;
    uint32_t size = answer->size;
    if (size < QUOTE_MIN || size > DCAP_QUOTE_SIZE_MAX)
        return error_set(err, ERROR_PROTOCOL, "aesmd has quotes of %u bytes; %d to %d are taken",
                         size, QUOTE_MIN, DCAP_QUOTE_SIZE_MAX);
    buf_fini(bytes);
    if (aesm_write_quote(report, size, TIMEOUT_US, &quote_request, err) < 0)
        return -1;
    return ask(socket, &quote_request, AESM_QUOTE, bytes, answer, err);
}

/* aesmd pads the quote to the size that was asked for: what it says of itself counts. */
static int take_quote(struct span bytes, const struct sgx_report *report, struct buf *out,
                      struct error *err)
{
    struct dcap_quote quote;
    if (dcap_quote_parse(bytes, &quote, err) < 0) {
        if (err)
            err->code = ERROR_PROTOCOL;
        return error_context(err, "aesmd's quote");
    }
    if (quote.version != DCAP_VERSION_MIN || quote.body != DCAP_BODY_SGX ||
        !span_is_zero(quote.trailing))
        return error_set(err, ERROR_PROTOCOL,
                         "aesmd's quote has version %u, or other bytes than zeros after it",
                         quote.version);
    if (!span_equal(quote.report, span_of(report->body, sizeof report->body)))
        return error_set(err, ERROR_PROTOCOL, "aesmd's quote is of another report");
    return buf_append(out, span_of(bytes.data, bytes.size - quote.trailing.size), err);
}

int aesm_quote(const char *socket, const struct sgx_report *report, struct buf *quote,
               struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(AESM_MESSAGE_MAX);
    struct aesm_answer answer;
    struct sgx_targetinfo target;
    if (ask_quote(socket, report, &bytes, &answer, err) < 0)
        return -1;
    if (answer.status == AESM_KEY_NOT_INITIALIZED) {
        buf_fini(&bytes);
        if (aesm_target(socket, &target, err) < 0 ||
            ask_quote(socket, report, &bytes, &answer, err) < 0)
            return -1;
    }
    if (answer.status != 0)
        return refuse(answer.status, err);
    return take_quote(answer.quote, report, quote, err);
}
