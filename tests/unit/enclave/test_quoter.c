/* The process that has reports quoted: what it is sent, what it gives, and what it may not do. */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enclave/aesm.h"
#include "enclave/host_confine.h"
#include "enclave/host_pass.h"
#include "enclave/host_quoter.h"
#include "os/fd.h"

#define WAIT_MS 60000 /* at most, where something hangs */

static struct error err;

/* The report's first byte says what comes of it. */
enum { FAILS = 1, OPENS, LARGE };

static int quote(void *argument, const struct sgx_report *report, struct buf *out,
                 struct error *why)
{
    (void)argument;
    if (report->body[0] == FAILS)
        return error_set(why, ERROR_REFUSED, "not this one");
    if (report->body[0] == OPENS && open("/dev/null", O_RDONLY) < 0 && errno == EPERM)
        return buf_append_text(out, "not allowed", why);
    if (report->body[0] == LARGE)
        return buf_append_zero(out, 65536, why);
    return buf_append(out, span_of(report->body, 8), why);
}

static int prepare_not(void *argument, struct error *why)
{
    (void)argument;
    return error_set(why, ERROR_UNAVAILABLE, "nothing to sign by");
}

static struct host_quoter begin(struct host_quoting quoting)
{
    struct host_quoter quoter;
    quoting.quote = quote;
    check_ok(host_quoter_begin(&quoting, &quoter, &err), &err);
    return quoter;
}

/* It ends by itself. */
static void end(struct host_quoter *quoter)
{
    int status = -1;
    host_quoter_end(quoter);
    assert_true(wait(&status) > 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int ask(const struct host_quoter *quoter, uint8_t first)
{
    struct sgx_report report = {.body = {first, 'a', 'b', 'c'}};
    int stream = host_quoter_ask(quoter, span_of(&report, SGX_REPORT_SIZE));
    assert_true(stream >= 0);
    return stream;
}

/* Until the end of the stream. */
static size_t take(int stream, uint8_t *out, size_t size)
{
    size_t done = 0;
    ssize_t got;
    do {
        struct pollfd item = {stream, POLLIN, 0};
        assert_int_equal(poll(&item, 1, WAIT_MS), 1);
        got = read(stream, out + done, size - done);
        assert_true(got >= 0);
        done += (size_t)got;
    } while (got > 0);
    (void)close(stream);
    return done;
}

static void each_report_has_its_quote(void **state)
{
    static uint8_t bytes[70000];
    struct host_quoter quoter = begin((struct host_quoting){0});
    (void)state;
    int first = ask(&quoter, 7), second = ask(&quoter, 8), large = ask(&quoter, LARGE);
    assert_int_equal(take(second, bytes, sizeof bytes), 8);
    assert_memory_equal(bytes, "\10abc", 4);
    assert_int_equal(take(first, bytes, sizeof bytes), 8);
    assert_memory_equal(bytes, "\7abc", 4);
    assert_int_equal(take(large, bytes, sizeof bytes), 65536);
    end(&quoter);
}

static void one_that_fails_is_an_end_without_a_byte(void **state)
{
    uint8_t bytes[64];
    struct host_quoter quoter = begin((struct host_quoting){0});
    (void)state;
    assert_int_equal(take(ask(&quoter, FAILS), bytes, sizeof bytes), 0);
    assert_int_equal(take(ask(&quoter, 9), bytes, sizeof bytes), 8);
    end(&quoter);
}

static void who_goes_early_disturbs_nobody(void **state)
{
    uint8_t bytes[64];
    struct host_quoter quoter = begin((struct host_quoting){0});
    (void)state;
    for (int i = 0; i < 5; i++)
        (void)close(ask(&quoter, LARGE));
    assert_int_equal(take(ask(&quoter, 9), bytes, sizeof bytes), 8);
    end(&quoter);
}

static void what_is_no_report_is_refused_on_both_sides(void **state)
{
    static uint8_t bytes[1024];
    int pair[2];
    struct host_quoter quoter = begin((struct host_quoting){0});
    (void)state;
    assert_int_equal(host_quoter_ask(&quoter, span_of(bytes, SGX_REPORT_SIZE - 1)), -EINVAL);
    assert_int_equal(host_quoter_ask(&quoter, span_of(bytes, SGX_REPORT_SIZE + 1)), -EINVAL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(host_pass_send(quoter.reports, span_of(bytes, 5), pair[1]), 0);
    (void)close(pair[1]);
    assert_int_equal(take(pair[0], bytes, sizeof bytes), 0);
    assert_int_equal(send(quoter.reports, bytes, SGX_REPORT_SIZE, 0), SGX_REPORT_SIZE);
    assert_int_equal(take(ask(&quoter, 9), bytes, sizeof bytes), 8);
    end(&quoter);
}

static void too_many_that_wait_are_told_so(void **state)
{
    struct host_quoter quoter;
    struct sgx_report report = {.body = {0}};
    int streams[4096];
    int pair[2];
    size_t count = 0;
    int got = 0;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    quoter.reports = pair[0]; /* nobody serves it */
    while (count < 4096 && (got = host_quoter_ask(&quoter, span_of(&report, SGX_REPORT_SIZE))) >= 0)
        streams[count++] = got;
    assert_true(count > 0 && count < 4096);
    assert_true(got < 0);
    while (count > 0)
        (void)close(streams[--count]);
    (void)close(pair[1]);
    assert_true(host_quoter_ask(&quoter, span_of(&report, SGX_REPORT_SIZE)) < 0);
    (void)close(pair[0]);
}

static void a_confined_one_makes_quotes_and_opens_nothing(void **state)
{
    uint8_t bytes[64];
    struct host_quoter quoter = begin((struct host_quoting){.confine = host_confine_quoter});
    (void)state;
    assert_int_equal(take(ask(&quoter, OPENS), bytes, sizeof bytes), 11);
    assert_memory_equal(bytes, "not allowed", 11);
    end(&quoter);
}

/* Where aesmd listens, in a folder that goes again. */
static char aesmd[108];

/* Under the filter: aesmd is asked as always, and nobody else can be. */
static int quote_by_aesmd(void *argument, const struct sgx_report *report, struct buf *out,
                          struct error *why)
{
    (void)argument;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return buf_append_text(out, "a network", why);
    if (aesm_quote(aesmd, report, out, why) == 0)
        return 0;
    return buf_append_text(out, why->code == ERROR_PROTOCOL ? "no answer" : why->text, why);
}

static void one_of_aesmds_asks_it_and_nobody_else(void **state)
{
    uint8_t bytes[1024] = "";
    char folder[] = "/tmp/caisson-quoter-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct sgx_report report = {.body = {1}};
    const struct host_quoting quoting = {.confine = host_confine_quoter_of_processor,
                                         .quote = quote_by_aesmd};
    struct host_quoter quoter;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(aesmd, sizeof aesmd, "%s/socket", folder);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", aesmd);
    FD_AUTO listens = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listens, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listens, 5), 0);
    check_ok(host_quoter_begin(&quoting, &quoter, &err), &err);
    int stream = host_quoter_ask(&quoter, span_of(&report, SGX_REPORT_SIZE));
    assert_true(stream >= 0);
    struct pollfd item = {listens, POLLIN, 0};
    assert_int_equal(poll(&item, 1, WAIT_MS), 1);
    FD_AUTO asks = accept(listens, NULL, NULL);
    assert_true(asks >= 0);
    assert_true(read(asks, bytes, sizeof bytes) > 4); /* a request */
    fd_close(&asks);
    size_t size = take(stream, bytes, sizeof bytes - 1);
    bytes[size] = '\0';
    assert_string_equal((const char *)bytes, "no answer");
    end(&quoter);
    assert_int_equal(unlink(aesmd), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void one_that_cannot_sign_gives_nothing(void **state)
{
    uint8_t bytes[64];
    struct host_quoter quoter = begin((struct host_quoting){.prepare = prepare_not});
    struct sgx_report report = {.body = {9}};
    (void)state;
    int stream = host_quoter_ask(&quoter, span_of(&report, SGX_REPORT_SIZE));
    if (stream >= 0) /* it has not ended yet */
        assert_int_equal(take(stream, bytes, sizeof bytes), 0);
    end(&quoter);
}

static void it_ends_with_the_host(void **state)
{
    int ends[2];
    char byte;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t host = fork();
    assert_true(host >= 0);
    if (host == 0) {
        const struct host_quoting quoting = {.quote = quote};
        struct host_quoter quoter;
        (void)close(ends[0]);
        (void)dup2(ends[1], STDERR_FILENO); /* which the quoter keeps */
        (void)close(ends[1]);
        (void)host_quoter_begin(&quoting, &quoter, &err);
        for (;;)
            (void)pause();
    }
    (void)close(ends[1]);
    assert_int_equal(kill(host, SIGKILL), 0);
    assert_int_equal(waitpid(host, NULL, 0), host);
    struct pollfd item = {ends[0], POLLIN, 0};
    assert_int_equal(poll(&item, 1, WAIT_MS), 1); /* nobody has the other end any more */
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_report_has_its_quote),
        cmocka_unit_test(one_that_fails_is_an_end_without_a_byte),
        cmocka_unit_test(who_goes_early_disturbs_nobody),
        cmocka_unit_test(what_is_no_report_is_refused_on_both_sides),
        cmocka_unit_test(too_many_that_wait_are_told_so),
        cmocka_unit_test(a_confined_one_makes_quotes_and_opens_nothing),
        cmocka_unit_test(one_of_aesmds_asks_it_and_nobody_else),
        cmocka_unit_test(one_that_cannot_sign_gives_nothing),
        cmocka_unit_test(it_ends_with_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
