/* What a program proves by itself (/dev/attestation): the library OS answers for all of a quote but
 * its signature, which is the host's word. */
#include "wary.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER      "/dev/attestation/"
#define DATA_SIZE   64
#define REPORT_AT   48
#define DATA_AT     (REPORT_AT + 320) /* REPORT_DATA of a report's body */
#define REST_AT     (REPORT_AT + 384)
#define HEAD_SIZE   (REST_AT + 4)
#define QUOTE_MAX   65536
#define IDENTITY_AT (REPORT_AT + 64) /* MRENCLAVE */

static size_t take_file(const char *path, uint8_t *out, size_t size)
{
    size_t all = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        wary_tells(path);
    for (; got > 0; all += got > 0 ? (size_t)got : 0)
        got = read(fd, out + all, size - all < 1000 ? size - all : 1000);
    if (got < 0)
        wary_tells(path);
    (void)close(fd);
    return all;
}

static void put_data(const uint8_t data[DATA_SIZE])
{
    int fd = open(FOLDER "user_report_data", O_WRONLY);
    if (fd < 0 || write(fd, data, DATA_SIZE) != DATA_SIZE)
        wary_finds("data for a report");
    (void)close(fd);
}

/* How much follows the head is what the head says; it is not looked at. */
static void check_quote(const uint8_t *quote, size_t size, const uint8_t data[DATA_SIZE])
{
    static const uint8_t head[] = {3, 0, 2, 0};
    uint8_t target[512];
    uint32_t rest;
    if (size < HEAD_SIZE || memcmp(quote, head, sizeof head) != 0)
        wary_finds("what is no quote");
    memcpy(&rest, quote + REST_AT, sizeof rest);
    if (rest != size - HEAD_SIZE)
        wary_finds("a quote's size");
    if (memcmp(quote + DATA_AT, data, DATA_SIZE) != 0)
        wary_finds("a quote of another report");
    if (take_file(FOLDER "my_target_info", target, sizeof target) != sizeof target ||
        memcmp(quote + IDENTITY_AT, target, 32) != 0)
        wary_finds("a quote of another enclave");
}

static void quote_once(size_t from)
{
    static uint8_t quote[QUOTE_MAX + 1];
    uint8_t data[DATA_SIZE];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = wary_byte(from + i);
    put_data(data);
    check_quote(quote, take_file(FOLDER "quote", quote, sizeof quote), data);
}

/* Two, so that one can be given for the other; and one that a child asks the first enclave for. */
void wary_quotes(void)
{
    int status = 0;
    quote_once(0);
    quote_once(1000);
    wary_says("quotes\n");
    pid_t pid = fork();
    if (pid == 0) {
        (void)usleep(30000); /* it moves to an enclave of its own */
        quote_once(2000);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        wary_tells("a process");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 66)
        wary_finds("what a child found");
    if (status != 0)
        wary_tells("a child that ended otherwise");
    wary_says("quoted\n");
}
