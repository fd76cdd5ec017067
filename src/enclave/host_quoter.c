#include "enclave/host_quoter.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave/host_pass.h"
#include "os/fd.h"

#define QUOTE_MAX 65536

/* --- the quoter's process --------------------------------------------------------------------- */

static void say(const struct host_quoting *quoting, const char *line)
{
    if (quoting->log)
        quoting->log(line);
}

/* Whoever has gone meanwhile gets nothing. A stream takes a quote at once. */
static void send_quote(int stream, const struct buf *quote)
{
    for (size_t done = 0; done < quote->size;) {
        ssize_t sent = send(stream, quote->data + done, quote->size - done,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EINTR)
            return;
        done += sent > 0 ? (size_t)sent : 0;
    }
}

/* False at the end of the reports. */
static bool serve_one(const struct host_quoting *quoting, int reports)
{
    struct sgx_report report = {.body = {0}};
    struct error err = {0};
    int stream;
    BUF_AUTO quote = BUF_WITH_LIMIT(QUOTE_MAX);
    ptrdiff_t got = host_pass_receive(reports, &report, SGX_REPORT_SIZE, 0, &stream);
    FD_AUTO owned = stream;
    if (got == -EINTR)
        return true;
    if (got <= 0)
        return false;
    if (owned < 0 || got != SGX_REPORT_SIZE)
        return true;
    if (quoting->quote(quoting->argument, &report, &quote, &err) < 0)
        say(quoting, err.text);
    else
        send_quote(owned, &quote);
    return true;
}

/* All but the standard streams and this. */
static void keep_one(int fd)
{
    if (fd > STDERR_FILENO + 1)
        (void)close_range(STDERR_FILENO + 1, (unsigned)fd - 1, 0);
    (void)close_range((unsigned)fd + 1, ~0U, 0);
}

/* Files of the host's are read, then closed, and then nothing is opened or closed so any more. */
static bool prepare(const struct host_quoting *quoting, int reports, struct error *err)
{
    if (quoting->prepare && quoting->prepare(quoting->argument, err) < 0)
        return false;
    keep_one(reports);
    return !quoting->confine || quoting->confine(err) == 0;
}

static _Noreturn void serve(const struct host_quoting *quoting, int reports, pid_t parent)
{
    struct error err = {0};
    (void)prctl(PR_SET_NAME, "enclave-quoter");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(0);
    bool goes_on = prepare(quoting, reports, &err);
    if (!goes_on)
        say(quoting, err.text);
    while (goes_on)
        goes_on = serve_one(quoting, reports);
    _exit(0);
}

/* --- the host --------------------------------------------------------------------------------- */

int host_quoter_begin(const struct host_quoting *quoting, struct host_quoter *out,
                      struct error *err)
{
    int ends[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_system(err, errno, "a socket for reports");
    pid_t pid = fork();
    if (pid == 0)
        serve(quoting, ends[1], parent);
    (void)close(ends[1]);
    out->reports = ends[0];
    if (pid > 0)
        return 0;
    (void)error_system(err, errno, "a process for quotes");
    host_quoter_end(out);
    return -1;
}

void host_quoter_end(struct host_quoter *quoter)
{
    fd_close(&quoter->reports);
}

int host_quoter_ask(const struct host_quoter *quoter, struct span report)
{
    int ends[2];
    if (report.size != SGX_REPORT_SIZE)
        return -EINVAL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    int status = host_pass_send(quoter->reports, report, ends[1]);
    (void)close(ends[1]);
    if (status < 0)
        (void)close(ends[0]);
    return status < 0 ? status : ends[0];
}
