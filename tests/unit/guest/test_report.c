/* Reports from a folder that looks like configfs-tsm, from a device that looks like /dev/sev-guest,
 * and from a port. */
#include "../check.h"

#include <errno.h>
#include <linux/sev-guest.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/report.h"
#include "os/fd.h"
#include "os/output.h"

static uint8_t report_data[64] = {1, 2, 3};

struct results {
    struct buf report, certificates;
    struct report_request request;
};

static void results_init(struct results *results)
{
    buf_init(&results->report, REPORT_SIZE);
    buf_init(&results->certificates, 1024);
    results->request = (struct report_request){.report_data = report_data,
                                               .report = &results->report,
                                               .certificates = &results->certificates};
}

static void results_fini(struct results *results)
{
    buf_fini(&results->report);
    buf_fini(&results->certificates);
}

/* --- configfs-tsm ----------------------------------------------------------------------------- */

static void put(const char *dir, const char *name, const void *data, size_t size)
{
    char path[256];
    struct error err;
    (void)snprintf(path, sizeof path, "%s/caisson/%s", dir, name);
    check_ok(output_write(path, span_of(data, size), 0600, &err), &err);
}

/* An entry whose answers are there before the question. */
static void make_entry(char dir[64], const uint8_t *report, size_t size)
{
    char path[96];
    (void)snprintf(dir, 64, "/tmp/caisson-report-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/caisson", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    put(dir, "inblob", "", 0);
    put(dir, "generation", "1\n", 2);
    put(dir, "auxblob", "table", 5);
    put(dir, "outblob", report, size);
}

static void remove_entry(const char *dir)
{
    static const char *const names[] = {"inblob", "generation", "auxblob", "outblob"};
    char path[256];
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s/caisson/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/caisson", dir);
    (void)rmdir(path);
    (void)rmdir(dir);
}

static int from_tsm(const uint8_t *report, size_t size, struct results *results, struct error *err)
{
    char dir[64];
    make_entry(dir, report, size);
    int got = report_from_tsm(dir, &results->request, err);
    remove_entry(dir);
    return got;
}

static void reads_report_and_certificates(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    uint8_t report[REPORT_SIZE] = {5};
    memcpy(report + REPORT_DATA_AT, report_data, sizeof report_data);
    results_init(&results);
    check_ok(from_tsm(report, sizeof report, &results, &err), &err);
    assert_memory_equal(results.report.data, report, sizeof report);
    assert_string_equal(buf_text(&results.certificates), "table");
    results_fini(&results);
}

static void refuses_report_over_other_data(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    uint8_t report[REPORT_SIZE] = {5};
    results_init(&results);
    check_refused(from_tsm(report, sizeof report, &results, &err), &err, "not over the data");
    assert_int_equal(results.report.size, 0);
    results_fini(&results);
}

static void refuses_report_of_another_size(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    uint8_t report[REPORT_SIZE + 1] = {5};
    memcpy(report + REPORT_DATA_AT, report_data, sizeof report_data);
    results_init(&results);
    check_error(from_tsm(report, REPORT_SIZE - 1, &results, &err), &err, ERROR_INVALID);
    check_error(from_tsm(report, REPORT_SIZE + 1, &results, &err), &err, ERROR_LIMIT);
    results_fini(&results);
}

static void refuses_machine_without_tsm(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    results_init(&results);
    check_error(report_from_tsm("/nonexistent", &results.request, &err), &err, ERROR_UNAVAILABLE);
    check_error(report_from_sev_guest("/nonexistent", &results.request, &err), &err, ERROR_SYSTEM);
    results_fini(&results);
}

/* The generation as the kernel tells it; a test lets others' requests come between. */
static unsigned int overtaken; /* how many of ours are */
static unsigned int generation;

int __real_file_read(const char *path, struct buf *out, struct error *err);
int __wrap_file_read(const char *path, struct buf *out, struct error *err);

int __wrap_file_read(const char *path, struct buf *out, struct error *err)
{
    const char *name = strrchr(path, '/');
    if (!name || strcmp(name, "/generation") != 0)
        return __real_file_read(path, out, err);
    int status = buf_printf(out, err, "%u\n", generation);
    if (overtaken > 0) {
        overtaken--;
        generation++;
    }
    return status;
}

static void asks_again_when_another_request_came_between(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    uint8_t report[REPORT_SIZE] = {5};
    memcpy(report + REPORT_DATA_AT, report_data, sizeof report_data);
    results_init(&results);
    overtaken = 3;
    check_ok(from_tsm(report, sizeof report, &results, &err), &err);
    assert_int_equal(results.report.size, REPORT_SIZE);
    assert_int_equal(overtaken, 0);
    results.report.size = 0;
    overtaken = 1000;
    check_error(from_tsm(report, sizeof report, &results, &err), &err, ERROR_UNAVAILABLE);
    assert_int_equal(results.report.size, 0);
    overtaken = 0;
    results_fini(&results);
}

/* --- /dev/sev-guest --------------------------------------------------------------------------- */

/* The firmware's answer (SNP firmware ABI, MSG_REPORT_RSP), and what the device was asked. */
static struct {
    int sys; /* the ioctl fails so */
    uint32_t status, size;
    uint8_t report[REPORT_SIZE];
    unsigned long request;
    struct snp_report_req query;
} device;

int __wrap_ioctl(int fd, unsigned long request, void *argument);

static void put_le32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    struct snp_guest_request_ioctl *call = argument;
    (void)fd;
    device.request = request;
    call->exitinfo2 = 0x1700000000; /* a firmware's error code is what the message shows */
    if (device.sys) {
        errno = device.sys;
        return -1;
    }
    uint8_t *response = (uint8_t *)(uintptr_t)call->resp_data;
    memcpy(&device.query, (const void *)(uintptr_t)call->req_data, sizeof device.query);
    put_le32(response, device.status);
    put_le32(response + 4, device.size);
    memcpy(response + 32, device.report, sizeof device.report);
    return 0;
}

static int from_device(struct results *results, struct error *err)
{
    return report_from_sev_guest("/dev/null", &results->request, err);
}

static void device_init(void)
{
    memset(&device, 0, sizeof device);
    device.size = REPORT_SIZE;
    memcpy(device.report + REPORT_DATA_AT, report_data, sizeof report_data);
}

static void asks_the_device(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    device_init();
    results_init(&results);
    check_ok(from_device(&results, &err), &err);
    assert_int_equal(device.request, SNP_GET_REPORT);
    assert_memory_equal(device.query.user_data, report_data, sizeof report_data);
    assert_int_equal(device.query.vmpl, 0);
    assert_int_equal(results.report.size, REPORT_SIZE);
    assert_memory_equal(results.report.data, device.report, REPORT_SIZE);
    assert_int_equal(results.certificates.size, 0);
    results_fini(&results);
}

static void refuses_bad_answers_of_the_device(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    results_init(&results);
    device_init();
    device.sys = EIO;
    check_refused(from_device(&results, &err), &err, "firmware error 0x1700000000");
    device_init();
    device.status = 22;
    check_refused(from_device(&results, &err), &err, "status 22");
    static const uint32_t sizes[] = {0,    REPORT_SIZE - 1, REPORT_SIZE + 1, 4000 - 32,
                                     4000, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        device_init();
        device.size = sizes[i];
        check_error(from_device(&results, &err), &err, ERROR_INVALID);
    }
    device_init();
    device.report[REPORT_DATA_AT + 63] ^= 1;
    check_refused(from_device(&results, &err), &err, "not over the data");
    assert_int_equal(results.report.size, 0);
    results_fini(&results);
}

/* --- the port --------------------------------------------------------------------------------- */

/* The processor's answer lies in the port before the question; the question is looked at after. */
static int from_port(const uint8_t *answer, size_t size, uint8_t question[96],
                     struct results *results, struct error *err)
{
    int ends[2];
    size_t got;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    check_ok(fd_write_all(ends[1], span_of(answer, size), err), err);
    assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
    int outcome = report_from_port(ends[0], &results->request, err);
    struct error ignored;
    check_ok(fd_read_full(ends[1], question, 96, &got, &ignored), &ignored);
    assert_int_equal(got, 96);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    return outcome;
}

static void make_answer(uint8_t answer[12 + REPORT_SIZE])
{
    memset(answer, 0, 12 + REPORT_SIZE); /* and an empty table of certificates */
    answer[4] = REPORT_SIZE & 0xff;
    answer[5] = REPORT_SIZE >> 8;
    memcpy(answer + 8 + REPORT_DATA_AT, report_data, sizeof report_data);
}

static void asks_the_simulated_processor(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    uint8_t answer[12 + REPORT_SIZE];
    uint8_t question[96];
    results_init(&results);
    make_answer(answer);
    check_ok(from_port(answer, sizeof answer, question, &results, &err), &err);
    assert_memory_equal(question, report_data, 64);
    assert_true(span_is_zero(span_of(question + 64, 32)));
    assert_int_equal(results.report.size, REPORT_SIZE);
    results_fini(&results);
}

static void refuses_bad_answers_of_the_processor(void **state)
{
    (void)state;
    struct results results;
    struct error err;
    uint8_t answer[12 + REPORT_SIZE];
    uint8_t question[96];
    results_init(&results);
    make_answer(answer);
    answer[0] = 22;
    check_refused(from_port(answer, sizeof answer, question, &results, &err), &err, "status 22");
    make_answer(answer);
    answer[4] ^= 1;
    check_error(from_port(answer, sizeof answer, question, &results, &err), &err, ERROR_REFUSED);
    make_answer(answer);
    check_error(from_port(answer, sizeof answer - 1, question, &results, &err), &err,
                ERROR_INVALID);
    check_error(from_port(answer, 4, question, &results, &err), &err, ERROR_REFUSED);
    answer[8 + REPORT_DATA_AT] ^= 1;
    check_error(from_port(answer, sizeof answer, question, &results, &err), &err, ERROR_INVALID);
    assert_int_equal(results.report.size, 0);
    results_fini(&results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_report_and_certificates),
        cmocka_unit_test(refuses_report_over_other_data),
        cmocka_unit_test(refuses_report_of_another_size),
        cmocka_unit_test(refuses_machine_without_tsm),
        cmocka_unit_test(asks_again_when_another_request_came_between),
        cmocka_unit_test(asks_the_device),
        cmocka_unit_test(refuses_bad_answers_of_the_device),
        cmocka_unit_test(asks_the_simulated_processor),
        cmocka_unit_test(refuses_bad_answers_of_the_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
