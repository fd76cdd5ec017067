#include "guest/report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sev-guest.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"

#define ENTRY              "caisson"
#define TRIES              5
#define CERTIFICATES_MAX   32768
#define RESPONSE_HEADER    32 /* status, size, reserved: SNP firmware ABI, MSG_REPORT_RSP */
#define PORT_REQUEST_SIZE  96
#define PORT_ANSWER_HEADER 8

/* The one check of what came: it is over our data. Who signed it is the verifier's business. */
static int take_report(const struct report_request *request, struct span report, struct error *err)
{
    if (report.size != REPORT_SIZE)
        return error_set(err, ERROR_INVALID, "a report of %zu bytes; it must have %d", report.size,
                         REPORT_SIZE);
    if (memcmp(report.data + REPORT_DATA_AT, request->report_data, REPORT_DATA_REQUIRED) != 0)
        return error_set(err, ERROR_INVALID, "the report is not over the data that was asked for");
    return buf_append(request->report, report, err);
}

/* --- configfs-tsm ----------------------------------------------------------------------------- */

static int write_attribute(const char *entry, const char *name, struct span bytes,
                           struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s", entry, name);
    if (!path)
        return error_memory(err);
    FD_AUTO fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return error_system(err, errno, "cannot open %s", path);
    ssize_t written = write(fd, bytes.data, bytes.size);
    if (written != (ssize_t)bytes.size)
        return error_system(err, written < 0 ? errno : EIO, "cannot write %s", path);
    return 0;
}

static int read_attribute(const char *entry, const char *name, struct buf *out, struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s", entry, name);
    return path ? file_read(path, out, err) : error_memory(err);
}

/* One round: 0 good, 1 overtaken, -1 failed. */
static int try_tsm(const char *entry, const struct report_request *request, struct error *err)
{
    BUF_AUTO before = BUF_WITH_LIMIT(64);
    BUF_AUTO after = BUF_WITH_LIMIT(64);
    BUF_AUTO report = BUF_WITH_LIMIT(REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(CERTIFICATES_MAX);
    if (write_attribute(entry, "inblob", span_of(request->report_data, REPORT_DATA_REQUIRED), err) <
            0 ||
        read_attribute(entry, "generation", &before, err) < 0 ||
        read_attribute(entry, "outblob", &report, err) < 0)
        return -1;
    /* Not every host gives certificates. */
    if (read_attribute(entry, "auxblob", &certificates, NULL) < 0)
        certificates.size = 0;
    if (read_attribute(entry, "generation", &after, err) < 0)
        return -1;
    if (!span_equal(buf_span(&before), buf_span(&after)))
        return 1;
    if (take_report(request, buf_span(&report), err) < 0)
        return -1;
    return buf_append(request->certificates, buf_span(&certificates), err);
}

int report_from_tsm(const char *dir, const struct report_request *request, struct error *err)
{
    TEXT_AUTO entry = text_format("%s/%s", dir, ENTRY);
    if (!entry)
        return error_memory(err);
    if (mkdir(entry, 0700) < 0 && errno != EEXIST)
        return error_set(err, ERROR_UNAVAILABLE, "no attestation reports at %s", dir);
    int outcome = 1;
    for (int i = 0; outcome > 0 && i < TRIES; i++)
        outcome = try_tsm(entry, request, err);
    (void)rmdir(entry);
    if (outcome > 0)
        return error_set(err, ERROR_UNAVAILABLE, "other requests at %s overtook %d of ours", dir,
                         TRIES);
    return outcome;
}

/* --- /dev/sev-guest --------------------------------------------------------------------------- */

static int take_response(const struct report_request *request, struct span response,
                         struct error *err)
{
    struct cursor cursor = cursor_of(response);
    uint32_t status, size;
    struct span report;
    (void)cursor_le32(&cursor, &status);
    (void)cursor_le32(&cursor, &size);
    (void)cursor_skip(&cursor, RESPONSE_HEADER - 8);
    if (status != 0)
        return error_set(err, ERROR_REFUSED, "the secure processor refuses a report: status %u",
                         status);
    if (!cursor_read(&cursor, size, &report))
        return error_set(err, ERROR_INVALID, "the secure processor's report claims %u bytes", size);
    return take_report(request, report, err);
}

int report_from_sev_guest(const char *device, const struct report_request *request,
                          struct error *err)
{
    struct snp_report_req query = {.vmpl = 0};
    struct snp_report_resp response = {{0}};
    struct snp_guest_request_ioctl argument = {
        .msg_version = 1, .req_data = (uintptr_t)&query, .resp_data = (uintptr_t)&response};
    memcpy(query.user_data, request->report_data, sizeof query.user_data);
    FD_AUTO fd = open(device, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return error_system(err, errno, "cannot open %s", device);
    if (ioctl(fd, SNP_GET_REPORT, &argument) < 0)
        return error_system(err, errno, "%s gives no report (firmware error 0x%llx)", device,
                            (unsigned long long)argument.exitinfo2);
    return take_response(request, span_of(response.data, sizeof response.data), err);
}

/* --- the simulated processor ------------------------------------------------------------------ */

int report_from_port(int fd, const struct report_request *request, struct error *err)
{
    uint8_t query[PORT_REQUEST_SIZE] = {0};
    uint8_t answer[PORT_ANSWER_HEADER + REPORT_SIZE];
    size_t got;
    memcpy(query, request->report_data, REPORT_DATA_REQUIRED);
    if (fd_write_all(fd, span_of(query, sizeof query), err) < 0 ||
        fd_read_full(fd, answer, PORT_ANSWER_HEADER, &got, err) < 0)
        return error_context(err, "the simulated secure processor");
    struct cursor cursor = cursor_of(span_of(answer, got));
    uint32_t status, size;
    struct span report;
    (void)cursor_le32(&cursor, &status);
    if (!cursor_le32(&cursor, &size) || status != 0 || size != REPORT_SIZE)
        return error_set(err, ERROR_REFUSED,
                         "the simulated secure processor gives no report: status %u", status);
    if (fd_read_full(fd, answer, sizeof answer - 4, &got, err) < 0)
        return error_context(err, "the simulated secure processor");
    cursor = cursor_of(span_of(answer, got));
    if (!cursor_read(&cursor, REPORT_SIZE, &report) || !cursor_le32(&cursor, &size) ||
        size > CERTIFICATES_MAX || buf_append_zero(request->certificates, size, err) < 0)
        return error_set(err, ERROR_INVALID,
                         "the simulated secure processor's certificates claim too many bytes");
    if (fd_read_full(fd, request->certificates->data, size, &got, err) < 0 || got != size)
        return error_set(err, ERROR_INVALID, "the simulated secure processor's answer is short");
    return take_report(request, report, err);
}
