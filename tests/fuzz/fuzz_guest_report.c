/* What a host answers on the port of the simulated secure processor: a report over what was asked
 * for, and certificates that came with it, or a refusal. The first byte is the REPORT_DATA's every
 * byte. */
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "guest/report.h"

#define ANSWER_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t report_data[REPORT_DATA_REQUIRED];
    int ends[2];
    if (size == 0 || size > ANSWER_MAX)
        return 0;
    memset(report_data, data[0], sizeof report_data);
    BUF_AUTO report = BUF_WITH_LIMIT(REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(REPORT_SIZE);
    const struct report_request request = {
        .report_data = report_data, .report = &report, .certificates = &certificates};
    fuzz_require(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    fuzz_require(write(ends[1], data + 1, size - 1) == (ssize_t)size - 1);
    fuzz_require(shutdown(ends[1], SHUT_WR) == 0);
    if (report_from_port(ends[0], &request, NULL) == 0) {
        fuzz_require(report.size == REPORT_SIZE);
        fuzz_require(memcmp(report.data + REPORT_DATA_AT, report_data, sizeof report_data) == 0);
    } else {
        fuzz_require(report.size == 0);
    }
    fuzz_require(certificates.size < size);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}
